"""Evidence outlives the code it was made with: bytes of a verdict may change, no outcome may."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_parts import Cli
from evidence_parts import kept_evidence

from flows import evidence


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence that the present code made."""
    return kept_evidence(tmp_path_factory.mktemp("evidence") / "home")


def by_other_code(made: Path, change: Callable[[dict[str, Any]], None], folder: Path) -> Path:
    """The evidence as another version of the judge would have bound it; no ledger knows it."""
    place = Path(shutil.copytree(made, folder / "copied"))
    verdict = json.loads((place / evidence.VERDICT_FILE).read_text())
    change(verdict)
    (place / evidence.VERDICT_FILE).write_text(json.dumps(verdict) + "\n")
    bound = json.loads((place / evidence.BINDING).read_text())
    bound["code_digest"] = "0" * 64
    bound["files"][evidence.VERDICT_FILE] = evidence.digest_of(place / evidence.VERDICT_FILE)
    (place / evidence.BINDING).write_text(json.dumps(bound))
    digest = evidence.digest_of(place / evidence.BINDING)
    return place.rename(folder / f"copied-{digest[:12]}")


def fewer_gates(verdict: dict[str, Any]) -> None:
    """It was judged before the last gate was built, and counted its pairs in other words."""
    verdict["gates"].pop()
    verdict["looks"] = "now and then"


def passed(verdict: dict[str, Any]) -> None:
    """It claims what nobody can judge again."""
    verdict["verdict"], verdict["decision"] = "PASS", "PROMOTE"


def gate_passed(verdict: dict[str, Any]) -> None:
    """It claims so of one gate alone."""
    verdict["gates"][0]["outcome"] = "PASS"


def gate_unknown(verdict: dict[str, Any]) -> None:
    """It had a gate that is gone."""
    verdict["gates"][0]["name"] = "errors-guessed"


def test_the_same_outcomes_hold(cli: Cli, made: Path, tmp_path: Path) -> None:
    """Fewer gates and other words are no reason to distrust, and it is said that bytes differ."""
    ran = cli("verify", str(by_other_code(made, fewer_gates, tmp_path)))

    assert ran.code == 0
    assert "by other code than it was made with: every outcome is the same" in ran.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (passed, "kept was PASS"),
        (gate_passed, "by other code, kept was PASS"),
        (gate_unknown, "errors-guessed is not asked any more by other code"),
    ],
    ids=["another verdict", "another outcome of a gate", "a gate that is gone"],
)
def test_other_outcomes_do_not(
    cli: Cli, made: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """What the present code judges differently is named."""
    ran = cli("verify", str(by_other_code(made, change, tmp_path)))

    assert ran.code == 1
    assert said in ran.err
