"""Lines of the local checklist about the machine: what is not known is said."""

from pathlib import Path

import pytest

from cluster.local.preflight import program_line, room_line, servers_line, use_line
from rollout.checklist_line import Line, Outcome

OK, WARN, FAIL, UNKNOWN = Outcome.OK, Outcome.WARN, Outcome.FAIL, Outcome.NOT_CHECKED
HERE = Path("site")


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (room_line(70.0, HERE), OK),
        (room_line(0.9, HERE), WARN),
        (room_line(0.05, HERE), FAIL),
        (use_line("CPU", [0.9, 0.5], 0.8), OK),
        (use_line("CPU", [0.9, 0.8], 0.8), WARN),
        (use_line("CPU", [], 0.8), UNKNOWN),
        (servers_line("orders", "v1", {"80": False, "81": False}), OK),
        (servers_line("orders", "v1", {"80": False, "81": True}), FAIL),
        (servers_line("orders", "v1", {}), FAIL),
        (program_line("orders", "sh"), OK),
        (program_line("orders", "no-such-program"), FAIL),
    ],
    ids=[
        "room", "little room", "no room", "idle", "busy", "no sample", "all ready", "one sick",
        "no server", "a program", "no program",
    ],
)  # fmt: skip
def test_each_fact_has_its_outcome(line: Line, outcome: Outcome) -> None:
    """And all but OK say what would be right, or who must look."""
    assert line.outcome is outcome
    assert line.remedy or outcome is OK
    assert line.evidence
