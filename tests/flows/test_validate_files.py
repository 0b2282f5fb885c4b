"""Files about a release that do not fit are bad input before anything is asked of a cluster."""

import json
from pathlib import Path

import pytest

from flows.cli import main
from flows.validate import text

NOWHERE = ("--kubeconfig", "there-is-none.yaml")
WINDOW = b'[window]\ndays = ["mon"]\nfrom = "09:00"\nto = "17:00"\ntimezone = "%s"\n'
RELEASE = ("validate", "sample-exchange", "--release", "v2.1.0")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site of its own; no cluster is to be found anywhere."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home" / "releases").mkdir(parents=True)
    return tmp_path / "home"


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Error and hint of a command line that is bad input."""
    assert main([*words, *NOWHERE, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["changed"] == "Nothing was changed."
    return f"{told['error']} | {told['hint']}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("validate", "price", "--checklist", "c.toml"), "--checklist is about a release"),
        (("validate", "price", "--application", "a.toml"), "--release VERSION --application FILE"),
        (("validate", "price", "--release", "latest"), "'latest' is no release"),
        (("validate", "price", "--release", "v2.1.0"), "sample-exchange has no component price"),
        (("validate", "ml-service", "--release", "v2.1.0"), "ml-service is a model"),
        ((*RELEASE, "--application", "none.toml"), "there is no application none.toml"),
        ((*RELEASE, "--checklist", "none.toml"), "there is no checklist none.toml"),
        ((*RELEASE, "--checklist", "."), "there is no checklist ."),
        ((*RELEASE,), "there is no kubeconfig there-is-none.yaml"),
    ],
)
def test_words_that_mean_no_release_are_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """Each with what would be right; without a fault the cluster is the next to be looked for."""
    assert said in refused(capsys, *words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[window]\ndays = []\n", "line 2: window.days: they are no days"),
        (WINDOW % b"Mars", "line 5: window.timezone: there is no zone 'Mars'"),
        (
            b'[window]\ndays = ["mon"]\nfrom = "09:00"\nto = "17:00"\ntimezone = "Europe"\n',
            "Europe",
        ),
        (WINDOW % b"../x", "there is no zone '../x'"),
        (b"[window\n", "is not TOML"),
        (b"[records]\napprovals = " + b"9" * 5000, "is not TOML"),
        (b"\xff", "is not UTF-8"),
    ],
    ids=["no day", "no zone", "a folder of zones", "a path", "no TOML", "too long", "no text"],
)
def test_a_checklist_that_does_not_fit_is_refused_with_its_place(
    capsys: pytest.CaptureFixture[str], home: Path, text: bytes, said: str
) -> None:
    """Whether it is the site's own or was named."""
    (home / "checklist.toml").write_bytes(text)
    own = refused(capsys, *RELEASE)
    (home / "checklist.toml").rename("other.toml")
    named = refused(capsys, *RELEASE, "--checklist", "other.toml")

    assert said in own
    assert own.startswith(str(home / "checklist.toml"))
    assert said in named
    assert named.startswith("other.toml")


@pytest.mark.parametrize("folder", [None, "kept/here"])
def test_a_record_that_does_not_fit_is_refused_where_it_is_meant_to_lie(
    capsys: pytest.CaptureFixture[str], home: Path, folder: str | None
) -> None:
    """Below the site, or in the folder that the checklist names from where it lies itself."""
    told = "[records]\napprovals = 1\n" + (f'folder = "{folder}"\n' if folder else "")
    (home / "checklist.toml").write_text(told)
    place = home / (folder or "releases") / "v2.1.0.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text('release = "v2.1.0"\n[tests]\npassed = 1\n')

    said = refused(capsys, *RELEASE)

    assert said.startswith(f"{place}, line 3: tests.passed: '1' is neither")


def test_the_worst_comes_first_with_what_is_right_or_who_must_look() -> None:
    """An OK has no remedy, and a release stands beside the name of what it is of."""
    lines = [
        {"name": word.lower(), "outcome": word, "evidence": "so it is", "remedy": f"of {word}"}
        for word in ("OK", "WARN", "NOT CHECKED", "FAIL")
    ]
    report = {
        "component": "shop", "release": "v2.1.0", "namespace": "eu", "context": "test",
        "counts": {"FAIL": 1, "NOT CHECKED": 1, "WARN": 1, "OK": 1}, "lines": lines,
    }  # fmt: skip

    assert text(report).splitlines() == [
        "shop v2.1.0 in eu (test): 1 FAIL, 1 NOT CHECKED, 1 WARN, 1 OK",
        "FAIL         fail: so it is",
        "             right: of FAIL",
        "NOT CHECKED  not checked: so it is",
        "             of NOT CHECKED",
        "WARN         warn: so it is",
        "             right: of WARN",
        "OK           ok: so it is",
    ]
