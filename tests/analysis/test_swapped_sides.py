"""A whole judge whose sides are swapped: what was harm is none, and differences turn round."""

import polars as pl
import pytest
from pair_tables import pairs, policy

from analysis import Verdict, judge
from analysis.findings import Finding

STRICT = policy("[latency]\nbaseline_p95_ms = 15.5\n[gates.accuracy-superior]\nblocking = true\n")
EVEN = {"only_candidate_wrong": 0.03, "only_baseline_wrong": 0.03}
HARM = {
    "errors": (pairs(errors=(0.0, 0.05), **EVEN), "errors-paired"),
    "three times as slow": (pairs(ratio=3.0, **EVEN), "latency-thresholds"),
    "one in ten late": (pairs(slow=0.1, **EVEN), "latency-thresholds"),
    "wrong": (pairs(only_candidate_wrong=0.12, only_baseline_wrong=0.02), "accuracy-paired"),
}
SIGNED = ("errors-paired", "accuracy-paired")


def swapped(frame: pl.DataFrame) -> pl.DataFrame:
    """The candidate's answers as the baseline's, and the other way round."""
    kinds = ("status", "latency_ms", "prediction")
    sides = {f"{one}_{kind}": f"{other}_{kind}" for kind in kinds for one, other in _PAIRS}
    return frame.rename(sides)


_PAIRS = (("baseline", "candidate"), ("candidate", "baseline"))


def pooled(verdict: Verdict, gate: str) -> Finding:
    """The finding of a gate over all segments."""
    (found,) = (one for one in verdict.pooled if one.name == gate)
    return found


@pytest.mark.parametrize(("frame", "gate"), HARM.values(), ids=HARM.keys())
def test_harm_of_one_side_is_none_of_the_other(frame: pl.DataFrame, gate: str) -> None:
    """The harmful side is rolled back by its gate, the side that is better by none."""
    harmful, better = judge(frame, STRICT), judge(swapped(frame), STRICT)

    assert harmful.decision == "ROLLBACK"
    assert pooled(harmful, gate).outcome.value == "FAIL"
    assert better.decision != "ROLLBACK"
    assert pooled(better, gate).outcome.value != "FAIL"


@pytest.mark.parametrize("frame", [one for one, _ in HARM.values()], ids=HARM.keys())
def test_every_difference_turns_its_sign(frame: pl.DataFrame) -> None:
    """Estimate and interval: what is worse by so much is, seen from there, better by as much."""
    one, other = judge(frame, STRICT), judge(swapped(frame), STRICT)
    for gate in SIGNED:
        here, there = pooled(one, gate).estimate, pooled(other, gate).estimate
        assert None not in (here.value, here.low, here.high)
        assert here.value == pytest.approx(-there.value)  # type: ignore[operator]
        assert here.low == pytest.approx(-there.high)  # type: ignore[operator]
        assert here.high == pytest.approx(-there.low)  # type: ignore[operator]


def test_being_worse_is_what_the_other_side_proves_as_being_better() -> None:
    """The evidence for harm of accuracy is that for a better accuracy, with the sides swapped."""
    frame, _ = HARM["wrong"]
    worse = pooled(judge(frame, STRICT), "accuracy-paired")
    better = pooled(judge(swapped(frame), STRICT), "accuracy-superior")

    assert better.outcome.value == "PASS"
    assert worse.harm.log_e == pytest.approx(better.safety.log_e)
