"""The ratio of the two p95s themselves, which the frozen gates never claim to compare.

Slower than they are, and the certificate: it needs no past, but a traffic that does not change.
"""

from analysis.course import INTERVAL_LEVEL, Course, Judged, Record, Words, guarded_course
from analysis.findings import Estimate
from analysis.latency_arms import allowance
from analysis.latency_whole import interval_slower, slower
from analysis.quantiles import P95
from analysis.words import count, milliseconds, percent


def ratio_course(record: Record) -> Course:
    """The gate `p95-ratio`."""
    gate = record.policy.gates["p95-ratio"]
    n = record.sample.n
    harm = record.sample.beyond(gate, "harm", record.policy.rollback_level(gate))
    safety = record.sample.beyond(gate, "safety", record.policy.alpha_promote)
    estimate = _estimate(record)
    ratio, margin = allowance(gate)
    brief = f"p95 {slower(estimate.value)}"
    words = Words(
        metric="ratio of the two p95s, candidate over baseline, less 1",
        unit="ratio",
        now=f"{brief} than that of the {record.baseline} ({interval_slower(estimate)}; harm from "
        f"+{percent(ratio)} and {milliseconds(gate.limits['floor_ms'])}, margin "
        f"+{percent(margin)}) in {count(n)} requests",
        brief=brief,
        found="",
        held=record.guard.trouble(),
    )
    return guarded_course(record, gate, harm, Judged(harm, safety, estimate, None), words)


def _estimate(record: Record) -> Estimate:
    """Each side's quantile at half the level, so that their ratio holds at the whole."""
    n = record.sample.n
    own, other = record.sample.quantiles(P95, INTERVAL_LEVEL / 2)
    if own is None or other is None or other.value <= 0:
        return Estimate(None, None, None, n)
    high = own.high / other.low - 1 if other.low > 0 else float("inf")
    return Estimate(own.value / other.value - 1, own.low / other.high - 1, high, n)
