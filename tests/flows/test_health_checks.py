"""Three failed health checks of one server in a row are a fault of its version, no less is."""

from collections.abc import Mapping, Sequence

import pytest

from cluster.errors import ClusterError, Unavailable
from flows.health_checks import HealthChecks
from rollout.application import parse_application
from rollout.policy import HealthRule

PART = parse_application('[application]\nname = "x"\n[component.orders]\nimage = "a"\n').components[
    0
]
# Another check is due when the test says so.
RULE = HealthRule(failed_checks=3, every=3600)
WELL, SICK = {"a": False, "b": False}, {"a": False, "b": True}


class Asked:
    """Servers that answer each check in turn as they are told, then as at last."""

    def __init__(self, answers: list[Mapping[str, bool] | ClusterError]) -> None:
        self._answers = answers
        self.checks = 0

    def failed(self, part: object, version: str) -> Mapping[str, bool]:
        """One check."""
        told = self._answers[min(self.checks, len(self._answers) - 1)]
        self.checks += 1
        if isinstance(told, ClusterError):
            raise told
        return told


def looked(asked: Asked, versions: Sequence[str]) -> list[str | None]:
    """What the rule says after one check of each version in turn."""
    checks = HealthChecks(asked, RULE)  # type: ignore[arg-type]
    said: list[str | None] = []
    for version in versions:
        checks._checked = float("-inf")
        checks.look(PART, version)
        assert checks._asking is not None
        checks._asking.join()
        fault = checks.look(PART, version)
        said.append(fault.reason if fault else None)
        assert fault is None or fault.of_version
    return said


@pytest.mark.parametrize(
    ("answers", "fires"),
    [
        ([WELL], False),
        ([SICK, SICK, WELL], False),
        ([{"a": True}, {"b": True}, {"a": True}, {"b": True}, WELL], False),
        ([SICK, SICK, Unavailable("nobody can be asked"), WELL], False),
        ([SICK], True),
        ([WELL, SICK, Unavailable("nobody can be asked"), SICK], True),
    ],
    ids=["well", "twice", "never the same", "unknown is no failure", "thrice", "with a gap"],
)
def test_a_server_that_fails_in_a_row_is_a_fault(
    answers: list[Mapping[str, bool] | ClusterError], fires: bool
) -> None:
    """Named with how often; one that could not be asked was not found wanting."""
    said = looked(Asked(answers), ["v2"] * 6)

    assert any(said) is fires
    assert not fires or "b of orders v2 failed 3 health checks in a row" in said


def test_another_version_begins_anew() -> None:
    """What its predecessor failed is not its own."""
    said = looked(Asked([SICK]), ["v1", "v1", "v2", "v2", "v2"])

    assert said[:4] == [None] * 4
    assert said[4] == "b of orders v2 failed 3 health checks in a row"
