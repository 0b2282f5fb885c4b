"""A step lets a candidate go on when enough is proven, and undoes it when harm is."""

from math import inf

import numpy as np
import pytest

from rollout.policy import default_policy_text, parse
from rollout.release import StepCounts
from rollout.state import Decision
from rollout.step_evidence import judge_step, slow_above_ms

POLICY = parse(default_policy_text())
STEPS = 4


def decided(counts: StepCounts, share: int = 20, past: float | None = 4.0) -> Decision:
    """What a step comes to."""
    return judge_step(counts, share, STEPS, past, POLICY).decision


@pytest.mark.parametrize(
    ("counts", "past", "decision"),
    [
        pytest.param(StepCounts(0, 0, 0), 4.0, Decision.CONTINUE, id="nothing yet"),
        pytest.param(StepCounts(199, 0, 0, 800), 4.0, Decision.CONTINUE, id="too few"),
        pytest.param(StepCounts(2000, 0, 4, 8000), 4.0, Decision.PROMOTE, id="fine"),
        pytest.param(StepCounts(2000, 0, 4, 8000), None, Decision.CONTINUE, id="no past p95"),
        pytest.param(StepCounts(300, 0, 0, 1200), 4.0, Decision.CONTINUE, id="below 1 % open"),
        pytest.param(StepCounts(300, 60, 0, 1200), 4.0, Decision.ROLLBACK, id="over 5 %"),
        pytest.param(StepCounts(20, 20, 0, 80), 4.0, Decision.ROLLBACK, id="every one fails"),
        pytest.param(StepCounts(5000, 100, 0, 20000, 20), 4.0, Decision.ROLLBACK, id="20 times"),
        pytest.param(StepCounts(9000, 36, 0, 36000, 144), 4.0, Decision.PROMOTE, id="as beside"),
        pytest.param(StepCounts(400, 0, 90, 1600), 4.0, Decision.ROLLBACK, id="slow"),
        pytest.param(
            StepCounts(400, 0, 90, 1600, 0, 350), 4.0, Decision.CONTINUE, id="slow for both"
        ),
        pytest.param(
            StepCounts(2000, 0, 4, 8000, unsure=400), 4.0, Decision.CONTINUE, id="perhaps slow"
        ),
    ],
)
def test_what_a_step_comes_to(counts: StepCounts, past: float | None, decision: Decision) -> None:
    """Harm at any time; the next step on proof alone."""
    assert decided(counts, past=past) is decision


@pytest.mark.parametrize(
    ("past", "limit"),
    [
        pytest.param(None, inf, id="no past: none is slow, and none passes"),
        pytest.param(0.0, 10.0, id="a p95 below half a millisecond is a past"),
        pytest.param(4.0, 14.0, id="the floor for fast ones"),
        pytest.param(100.0, 150.0, id="half more"),
    ],
)
def test_above_what_an_answer_is_slow(past: float | None, limit: float) -> None:
    """By the runbook's rule against the past p95, whatever that was."""
    assert slow_above_ms(past, POLICY) == limit


def test_at_the_last_step_nobody_is_beside_the_candidate() -> None:
    """A request that came just before the switch is no comparison."""
    fine = StepCounts(2000, 0, 4, 3)

    assert decided(fine, share=100) is Decision.PROMOTE
    assert decided(StepCounts(2000, 30, 4, 3), share=100) is Decision.CONTINUE
    assert decided(StepCounts(400, 0, 90, 3, 0, 3), share=100) is Decision.ROLLBACK


def test_a_step_says_what_is_missing_or_wrong() -> None:
    """With n, and the limit that it is held against."""
    few = judge_step(StepCounts(40, 0, 0), 20, STEPS, 4.0, POLICY)
    bad = judge_step(StepCounts(300, 60, 0), 20, STEPS, 4.0, POLICY)
    slow = judge_step(StepCounts(400, 0, 90), 20, STEPS, 4.0, POLICY)

    assert few.reason == "40 of 200 requests"
    assert bad.reason == "errors 20.0 % of 300, over 5.00 %"
    assert slow.reason == "slower than 14 ms (past p95 4 ms): 22.5 % of 400"


def test_an_equal_version_is_rarely_undone_however_often_one_looks() -> None:
    """At most the level of the policy, with 40 looks at each step."""
    undone, rollouts, looks = 0, 100, 40
    draws = np.random.default_rng(7)
    for _ in range(rollouts):
        harmed = False
        for share in POLICY.steps.shares:
            own = draws.binomial(50, share / 100, looks)
            sides = [own, draws.binomial(own, 0.02), 50 - own, draws.binomial(50 - own, 0.02)]
            for n, bad, beside, worse in np.cumsum(sides, axis=1).T.tolist():
                counts = StepCounts(n, bad, 0, beside, worse)
                harmed = harmed or decided(counts, share) is Decision.ROLLBACK
        undone += harmed

    assert undone / rollouts <= POLICY.judging.alpha_rollback
