"""What smoke requests to a first version prove: that it answers, and in time."""

import pytest

from flows.smoke import _judged
from rollout.policy import default_policy_text, parse
from rollout.state import Decision

POLICY = parse(default_policy_text())
QUICK, SLOW = (200, 5.0), (200, 160.0)
ANSWERS = {
    "quick": ([QUICK] * 200, Decision.PROMOTE, "proven after"),
    "slow": ([SLOW] * 200, Decision.ROLLBACK, "harm proven after"),
    "one in three slow": (([QUICK] * 2 + [SLOW]) * 67, Decision.ROLLBACK, "harm proven after"),
    "a stop of two seconds": (
        [QUICK] * 50 + [SLOW] * 12 + [QUICK] * 138,
        Decision.INCONCLUSIVE,
        "neither harm nor safety proven",
    ),
    "one that failed": ([QUICK] * 199 + [(500, 5.0)], Decision.ROLLBACK, "1 of 200 smoke requests"),
}


@pytest.mark.parametrize(("answers", "decision", "said"), ANSWERS.values(), ids=ANSWERS.keys())
def test_smoke_requests_are_judged(
    answers: list[tuple[int | None, float]], decision: Decision, said: str
) -> None:
    """One after the other, so that a version that is slow is slow in many seconds."""
    found = _judged(tuple(answers), POLICY)

    assert found.decision is decision
    assert said in found.reason
