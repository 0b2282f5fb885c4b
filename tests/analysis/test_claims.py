"""Every gate in whole records: its pace, its level at the boundary, and that errors are noticed.

The same code runs in `make benchmark` with more records; `make planted` tries every error.
"""

from dataclasses import replace

import pytest

from analysis import default_policy
from benchmarks.judges import claims, planted, scoreboard
from benchmarks.judges.trials import TRIALS
from benchmarks.judges.worlds import HARMS, NULLS

GATES = set(default_policy().gates)


def test_every_gate_does_what_it_claims() -> None:
    """Neither below the bound, where only an invalid test gets, nor far above; rare at the edge."""
    assert list(claims.failures()) == []


def test_no_gate_is_left_out() -> None:
    """A new gate comes with claims, and with an error in its formula that they notice."""
    assert {claim.gate for trial in TRIALS for claim in trial.claims} == GATES
    assert {error.gate for error in planted.PLANTED} == GATES


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("the whole budget for each gate", marks=pytest.mark.long),
        "lost copies are answered",
    ],
)
def test_a_planted_error_is_noticed(what: str) -> None:
    """Two of them here, the others by `make planted`."""
    (error,) = [error for error in planted.PLANTED if error.what == what]

    assert "bounds of" in (found := planted.noticed(error)) or "coverage, is" in found


@pytest.mark.parametrize("error", planted.PLANTED, ids=lambda e: f"{e.gate}: {e.what}")
def test_a_planted_error_still_has_a_place(error: planted.Planted) -> None:
    """The text that it replaces stands in the module exactly once."""
    assert (planted.SOURCE / error.module).read_text("utf-8").count(error.old) == 1


def test_the_board_tells_false_alarms_from_delays() -> None:
    """Ours rolls back no equal version, and where errors rise it is before the rivals."""
    found = list(
        scoreboard.board(
            (replace(NULLS[2], minutes=10),),
            (replace(HARMS[2], minutes=10),),
            lambda _, null: 4,
        )
    )
    rows = {(row["scenario"], row["judge"]): row for row in found if "records" in row}
    ours = rows["errors .1 to 2 %", "PinCEX, default"]

    assert rows["errors shared", "PinCEX, default"]["false alarms"] == 0.0
    assert rows["errors shared", "PinCEX, default"]["bound"] == "-"
    assert ours["found"] == 1.0
    assert {row["judge"] for row in found if "worst null" in row} == {judge for _, judge in rows}
    (fastest,) = [row for row in found if "default: next" in row]
    assert str(fastest["default: fastest that keeps 5 %"]).startswith("PinCEX, default")
