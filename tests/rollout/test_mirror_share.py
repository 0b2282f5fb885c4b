"""How much is copied: the sample, lowered to stay under the cap, and steady."""

from hypothesis import given
from hypothesis import strategies as st
from rollout_parts import POLICY, facts

from rollout.decide import decide
from rollout.facts import Look, Mirrored, Shift, Traffic
from rollout.state import Decision

RATES = st.floats(0, 5000)
SHARES = st.floats(0.001, 1.0)
MIRRORS = st.none() | st.builds(
    Mirrored, st.just("v2.0.0"), SHARES, st.sampled_from(["r-1", "r-0"])
)


@given(MIRRORS, RATES, SHARES, st.floats(0.1, 2000))
def test_copies_stay_below_sample_and_cap(
    present: Mirrored | None, rate: float, sample: float, cap: float
) -> None:
    """Whatever the route had before: afterwards it is neither above the one nor the other."""
    seen = facts(
        {"sample": sample, "cap": cap},
        traffic=Traffic({"v1.0.0": 100}, present),
        look=Look(Decision.CONTINUE, "so", 500, rate),
    )
    action = decide(seen, POLICY)
    mirrored = action.mirrored if isinstance(action, Shift) else present

    assert mirrored is not None
    assert mirrored.rollout_id == "r-1"
    assert 0 < mirrored.fraction <= sample
    assert mirrored.fraction * rate <= cap


@given(RATES, st.lists(st.floats(1.0, 1.3), min_size=8, max_size=8), SHARES, st.floats(0.1, 2000))
def test_the_mirror_does_not_flap(
    rate: float, noise: list[float], sample: float, cap: float
) -> None:
    """While the rate stays within 30 %, the share is set once and lowered at most twice."""
    mirrored: Mirrored | None = None
    shifts = 0
    for factor in noise:
        look = Look(Decision.CONTINUE, "so", 500, rate * factor)
        seen = facts(
            {"sample": sample, "cap": cap},
            traffic=Traffic({"v1.0.0": 100}, mirrored),
            look=look,
        )
        action = decide(seen, POLICY)
        if isinstance(action, Shift):
            shifts += 1
            assert action.mirrored is not None
            assert mirrored is None or action.mirrored.fraction < mirrored.fraction
            mirrored = action.mirrored

    assert shifts <= 3
