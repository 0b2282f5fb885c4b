"""Three failed health checks of one server in a row are a fault of its version, no less is."""

from collections.abc import Mapping

import pytest

from analysis.triggers import State
from cluster.errors import ClusterError, Unavailable
from flows.health_checks import HealthChecks
from rollout.policy import HealthRule

# Another check is due when the test says so.
RULE = HealthRule(failed_checks=3, every=3600)
WELL, SICK = {"a": False, "b": False}, {"a": False, "b": True}
UNHEARD = Unavailable("nobody can be asked")


class Asked:
    """Servers that answer each check in turn as they are told, then as at last."""

    def __init__(self, answers: list[Mapping[str, bool] | ClusterError]) -> None:
        self._answers = answers
        self.checks = 0

    def __call__(self) -> Mapping[str, bool]:
        """One check."""
        told = self._answers[min(self.checks, len(self._answers) - 1)]
        self.checks += 1
        if isinstance(told, ClusterError):
            raise told
        return told


def asked(checks: HealthChecks) -> None:
    """One check more."""
    checks._checked = float("-inf")
    checks.ask()
    assert checks._asking is not None
    checks._asking.join()


@pytest.mark.parametrize(
    ("answers", "fires"),
    [
        ([WELL], False),
        ([SICK, SICK, WELL], False),
        ([{"a": True}, {"b": True}, {"a": True}, {"b": True}, WELL], False),
        ([SICK, SICK, UNHEARD, WELL], False),
        ([SICK, SICK, {"a": False}, SICK, WELL], False),
        ([SICK], True),
        ([WELL, SICK, UNHEARD, SICK], True),
    ],
    ids=[
        "well",
        "twice",
        "never the same",
        "unknown is no failure",
        "went between",
        "thrice",
        "with a gap",
    ],
)
def test_a_server_that_fails_in_a_row_is_a_fault(
    answers: list[Mapping[str, bool] | ClusterError], fires: bool
) -> None:
    """It is named, and its reading fires; one that could not be asked was not found wanting."""
    checks, said = HealthChecks(Asked(answers), RULE), []
    for _ in range(6):
        asked(checks)
        said.append(checks.sick())
        firing = checks.reading().state is State.FIRING
        assert not firing or checks.sick() == "b"

    assert any(said) is fires
    assert not fires or "b" in said


def test_what_nobody_tells_is_not_quiet() -> None:
    """Before the first check, and while nobody can be asked, nothing is known."""
    checks = HealthChecks(Asked([UNHEARD, WELL]), RULE)
    assert checks.reading().state is State.NOT_JUDGED
    asked(checks)
    assert checks.reading().reason == "nobody can be asked"
    assert checks.reading().state is State.NOT_JUDGED
    asked(checks)
    assert checks.reading().state is State.QUIET
