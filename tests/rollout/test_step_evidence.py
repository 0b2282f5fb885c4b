"""A step lets a candidate go on when enough is proven, and undoes it when harm is."""

from dataclasses import replace

import numpy as np
import pytest

from rollout.policy import default_policy_text, parse
from rollout.release import Side, StepCounts
from rollout.state import Decision
from rollout.step_evidence import judge_step, least_requests

POLICY = parse(default_policy_text())
HARMED = Decision.ROLLBACK
STEPS = 4


def counts(
    requests: int, errors: int, slow: int, beside: int = 0, errors_beside: int = 0,
    slow_beside: int = 0, **own: int,
) -> StepCounts:  # fmt: skip
    """The candidate's requests, errors and slow ones, and those of the version beside it."""
    other = Side(beside, errors_beside, slow=slow_beside)
    return StepCounts(Side(requests, errors, slow=slow, **own), other)


def decided(seen: StepCounts, share: float = 20, past: float | None = 4.0) -> Decision:
    """What a step comes to."""
    return judge_step(seen, share, STEPS, past, POLICY).decision


@pytest.mark.parametrize(
    ("seen", "past", "decision"),
    [
        pytest.param(counts(0, 0, 0), 4.0, Decision.CONTINUE, id="nothing yet"),
        pytest.param(counts(199, 0, 0, 800), 4.0, Decision.CONTINUE, id="too few"),
        pytest.param(counts(2000, 0, 4, 8000), 4.0, Decision.PROMOTE, id="fine"),
        pytest.param(counts(2000, 0, 4, 8000), None, Decision.CONTINUE, id="no past p95"),
        pytest.param(counts(300, 0, 0, 1200), 4.0, Decision.CONTINUE, id="below 1 % open"),
        pytest.param(counts(300, 60, 0, 1200), 4.0, Decision.ROLLBACK, id="over 5 %"),
        pytest.param(counts(20, 20, 0, 80), 4.0, Decision.ROLLBACK, id="every one fails"),
        pytest.param(counts(5000, 100, 0, 20000, 20), 4.0, Decision.ROLLBACK, id="20 times"),
        pytest.param(counts(9000, 36, 0, 36000, 144), 4.0, Decision.PROMOTE, id="as beside"),
        pytest.param(counts(400, 0, 90, 1600), 4.0, Decision.ROLLBACK, id="slow"),
        pytest.param(counts(400, 0, 90, 1600, 0, 350), 4.0, Decision.CONTINUE, id="slow for both"),
        pytest.param(
            counts(2000, 0, 4, 8000, unsure=400), 4.0, Decision.CONTINUE, id="perhaps slow"
        ),
        pytest.param(
            counts(1000, 0, 0, 4000, without=1000, unsure=1000),
            4.0,
            Decision.CONTINUE,
            id="half of them wait still",
        ),
        pytest.param(
            counts(0, 0, 300, 4000, without=300), 4.0, Decision.ROLLBACK, id="none waited so long"
        ),
        pytest.param(
            counts(2000, 0, 4, 8000, refused=2000), 4.0, Decision.ROLLBACK, id="refuses everything"
        ),
        pytest.param(
            StepCounts(Side(2000, refused=400), Side(8000, refused=1600)),
            4.0,
            Decision.PROMOTE,
            id="refuses what the other refuses",
        ),
        pytest.param(
            StepCounts(Side(20000, 100, refused=4000), Side(80000, 8, refused=16000)),
            4.0,
            Decision.ROLLBACK,
            id="errors among what both refuse",
        ),
        pytest.param(counts(1000, 0, 0, 24000), 4.0, Decision.CONTINUE, id="a fifth of its share"),
        pytest.param(
            StepCounts(Side(2000), Side(8000), silent=1),
            4.0,
            Decision.CONTINUE,
            id="one server is counted no more",
        ),
    ],
)
def test_what_a_step_comes_to(seen: StepCounts, past: float | None, decision: Decision) -> None:
    """Harm at any time; the next step on proof alone."""
    assert decided(seen, past=past) is decision


def test_at_the_last_step_nobody_is_beside_the_candidate() -> None:
    """A request that came just before the switch is no comparison."""
    fine = counts(2000, 0, 4, 3)

    assert decided(fine, share=100) is Decision.PROMOTE
    assert decided(counts(2000, 30, 4, 3), share=100) is Decision.CONTINUE
    assert decided(counts(400, 0, 90, 3, 0, 3), share=100) is Decision.ROLLBACK


def test_a_step_says_what_is_missing_or_wrong() -> None:
    """With n, and the limit that it is held against."""
    few = judge_step(counts(40, 0, 0), 20, STEPS, 4.0, POLICY)
    bad = judge_step(counts(300, 60, 0), 20, STEPS, 4.0, POLICY)
    slow = judge_step(counts(400, 0, 90), 20, STEPS, 4.0, POLICY)

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
                harmed = harmed or decided(counts(n, bad, 0, beside, worse), share) is HARMED
        undone += harmed

    assert undone / rollouts <= POLICY.judging.alpha_rollback


@pytest.mark.parametrize(("share", "steps"), [(5, 4), (20, 4), (100, 4), (100, 1), (50, 2)])
def test_so_many_requests_pass_a_step_and_not_one_fewer(share: int, steps: int) -> None:
    """What a plan says is what the judge then asks for, error for error."""
    least = least_requests(share, steps, POLICY)

    def at(requests: int, errors: int = 0) -> Decision:
        beside = round(requests * (100 - share) / share)
        return judge_step(counts(requests, errors, 0, beside), share, steps, 4.0, POLICY).decision

    assert at(least) is Decision.PROMOTE
    assert at(least - 1) is Decision.CONTINUE
    assert at(least, errors=1) is Decision.CONTINUE


def test_a_step_of_easy_limits_needs_its_least_number_all_the_same() -> None:
    """`min_requests` holds where the evidence would suffice earlier."""
    steps = replace(POLICY.steps, min_requests=5000)

    assert least_requests(20, STEPS, replace(POLICY, steps=steps)) == 5000
