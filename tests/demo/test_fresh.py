"""What the demo does to the home it finds: nothing is ever removed."""

from pathlib import Path

import pytest

from demo.commands import DemoFailed
from demo.story import fresh


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet, the one that commands act on."""
    place = tmp_path / "home"
    monkeypatch.setenv("PINCEX_HOME", str(place))
    return place


def demo_was_here(home: Path, ledger: str) -> None:
    (home / "demo" / "versions").mkdir(parents=True)
    (home / "site.json").write_text("{}")
    (home / "ledger.sqlite").write_text(ledger)


def test_every_earlier_demo_is_kept_beside_the_new_one(home: Path) -> None:
    """Somebody may have gone on in it with models of their own."""
    for ledger in ("first", "second"):
        demo_was_here(home, ledger)
        fresh(home)

    kept = [home.with_name(f"home.{name}") for name in ("before", "before-2")]
    assert [(place / "ledger.sqlite").read_text() for place in kept] == ["first", "second"]
    assert [entry.name for entry in home.iterdir()] == ["demo"]


def test_a_directory_that_is_no_site_is_refused_and_stays(home: Path) -> None:
    """A checkout has a folder called demo, too."""
    (home / "demo").mkdir(parents=True)
    (home / "work.txt").write_text("mine")

    with pytest.raises(DemoFailed, match="no site"):
        fresh(home)

    assert sorted(entry.name for entry in home.iterdir()) == ["demo", "work.txt"]


def test_an_empty_place_becomes_a_home(home: Path) -> None:
    """Whether it exists or not."""
    fresh(home)

    assert (home / "demo").is_dir()
