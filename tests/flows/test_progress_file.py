"""The progress file is a view: half of it, or a disk without room for it, stops nobody."""

from pathlib import Path

import pytest

from cluster.local.home import Home
from flows.progress_file import progress_file, publish, read
from flows.site import Site

PROGRESS = {"component": "price", "phase": "SHADOW"}


@pytest.fixture
def here(tmp_path: Path) -> Site:
    """A site that was never started."""
    return Site("local", Home(tmp_path))


def test_what_was_published_is_read(here: Site) -> None:
    """Before that there is nothing."""
    assert read(here, "price") is None

    publish(here, PROGRESS)

    assert read(here, "price") == PROGRESS


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9], ids=["empty", "half", "nearly whole"])
def test_half_a_file_is_none_until_the_next_look(here: Site, share: float) -> None:
    """It is not synced to disk, so a power cut can leave it so."""
    publish(here, PROGRESS)
    file = progress_file(here, "price")
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])

    assert read(here, "price") is None
    publish(here, PROGRESS)
    assert read(here, "price") == PROGRESS


def test_a_file_that_cannot_be_written_stops_no_rollout(
    here: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who follows sees nothing new; the log says why."""
    progress_file(here, "price").mkdir()

    publish(here, PROGRESS)

    assert "nobody can follow: cannot write" in capfd.readouterr().err
