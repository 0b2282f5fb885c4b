"""Gates drawn: all on the scale of what they allow, each one's evidence and interval over time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis import paired, rates
from analysis.bets import Floats, Integers, Trace
from analysis.course import INTERVAL_LEVEL
from analysis.findings import Finding, Outcome
from analysis.late import blocks_of
from analysis.pair_sample import PairSample
from analysis.policy import FROZEN, LATE, SPLIT
from analysis.report_html import Html, figure
from analysis.report_ticks import Axis, ends, steps, tick_texts
from analysis.show import (
    Mark,
    Panel,
    arrow,
    band,
    drawing,
    hline,
    label,
    line,
    markers,
    vline,
)
from analysis.words import count

FARTHEST, BEYOND = 2.0, 0.25
POINTS = 24
TO_A_PIXEL = 30
"""Halvings of an interval that is only drawn: to 2e-9."""
OFTEN = {"frozen-p95": 0.05, "frozen-p99": 0.01}
"""How often a baseline exceeds its own quantile: the scale of gates whose margin is a time."""
ON_LABELS = ("accuracy", "loss")
MOST_KINDS = 3
"""Kinds of pairs of a gate whose interval can be drawn from its counts."""


@dataclass(frozen=True, slots=True)
class Times:
    """When the looks of each kind of gate were, and the first request, in microseconds."""

    begin: int
    arrival: Integers
    labels: Integers
    blocks: Integers
    gross_blocks: Integers

    def of(self, finding: Finding, trace: Trace) -> Floats:
        """The times of the looks that a trace kept, in seconds since the first request."""
        if finding.name == "gross-frozen-p95":
            looks = self.gross_blocks
        elif finding.name in LATE:
            looks = self.blocks
        else:
            looks = self.labels if finding.about in ON_LABELS else self.arrival
        # Of the few that are drawn: those of all would be as many floats as there are pairs.
        return np.asarray((looks[trace.drawn.looks] - self.begin) / 1e6)


def times_of(sample: PairSample) -> Times:
    """The clocks by which the record was judged."""
    pairs, policy = sample.pairs, sample.policy
    begin = int(pairs.arrived_us[0]) if len(pairs) else 0

    def blocks(first: int) -> Integers:
        rows = pairs.arrived_us[first:]
        return blocks_of(rows, pairs.watermark_us, policy.horizon).end_us

    start = 0 if policy.baseline_p95_ms is not None else policy.reference_pairs
    return Times(begin, sample.arrival.at_us, sample.labels.at_us, blocks(0), blocks(start))


def counted(findings: Sequence[Finding]) -> Times:
    """Where no pairs are at hand the looks themselves are the axis."""
    traces = [trace for f in findings for trace in (f.harm, f.safety) if trace]
    longest = max((int(t.drawn.looks[-1]) for t in traces if len(t.drawn.looks)), default=0)
    looks = np.arange(1, longest + 2) * 1_000_000
    return Times(0, looks, looks, looks, looks)


def forest(findings: Sequence[Finding]) -> Html:
    """Every estimate with its interval as a share of the harm that its gate allows."""
    told = [(f, scaled) for f in findings if (scaled := _scaled(f)) is not None]
    if not told:
        return Html("")

    marks = [vline(0, "rule", px=1.4), vline(1, "faint", "dotted", px=1.4)]
    for row, (finding, scaled) in enumerate(told):
        marks += _row(finding, scaled, -row)
    axis = Axis(
        -FARTHEST - 0.45, FARTHEST + 0.35,
        [-2, -1, 0, 1, 2], ["2 x better", "", "no harm", "limit", "2 x limit"],
    )  # fmt: skip
    panel = Panel(marks, 36 * len(told), axis, Axis(-len(told) + 0.4, 0.9))
    svg = drawing([panel], "estimates on the scale of their limits")
    note = (
        "Each estimate with its time-uniform 95 % interval; 0 is no harm, 1 (dashed) is all that "
        "the gate allows. Arrows go on beyond the picture."
    )
    if any(f.name in FROZEN for f, _ in told):
        note += " frozen-p95, frozen-p99: 1 is exceeding the past quantile twice as often."
    return figure(svg, note)


def _row(finding: Finding, scaled: tuple[float, float, float], y: float) -> list[Mark]:
    """One gate's estimate with its interval, cut at the frame, under its name."""
    low, value, high = np.clip(scaled, -FARTHEST, FARTHEST)
    colour = {Outcome.PASS: "safe", Outcome.FAIL: "harm"}.get(finding.outcome, "faint")
    marks = [line([low, high], [y, y], colour, px=3)]
    if scaled[0] < -FARTHEST:
        marks.append(arrow(low, y, low - BEYOND, colour))
    if scaled[2] > FARTHEST:
        marks.append(arrow(high, y, high + BEYOND, colour))
    name = label(-FARTHEST, y, f"{finding.name}: {_word(finding)}", "ink", dy=7)
    return [*marks, markers([value], [y], colour), name]


def _word(finding: Finding) -> str:
    return "open" if finding.outcome is Outcome.INCONCLUSIVE else finding.outcome.value


def _scaled(finding: Finding) -> tuple[float, float, float] | None:
    """Low, value and high as harm, 1 being the margin (or the tolerance where it is larger)."""
    estimate = finding.estimate
    drawn = finding.harm is not None and finding.name not in LATE
    if not drawn or estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    three = (estimate.low, estimate.value, estimate.high)
    tolerance, margin = finding.tolerance or 0.0, finding.margin or 0.0
    if finding.name == "accuracy-absolute":
        allowed = 1 - tolerance
        return (1 - three[2]) / allowed, (1 - three[1]) / allowed, (1 - three[0]) / allowed
    if finding.name == "accuracy-paired":
        allowed = margin or 0.01
        return -three[2] / allowed, -three[1] / allowed, -three[0] / allowed
    allowed = OFTEN.get(finding.name) or max(tolerance, margin) or 0.01
    return three[0] / allowed, three[1] / allowed, three[2] / allowed


def courses(findings: Sequence[Finding], times: Times, axis: str) -> list[Html]:
    """The way of the evidence of each gate, with its interval below where it has one."""
    return [
        _course(finding, times, axis)
        for finding in findings
        if finding.harm is not None and len(finding.harm.drawn.looks) > 1
    ]


def _course(finding: Finding, times: Times, axis: str) -> Html:
    assert finding.harm is not None
    x = _time_axis(axis, float(times.of(finding, finding.harm)[-1]))
    interval = _interval(finding, times, x) if _has_interval(finding) else None
    evidence = _evidence(finding, times, x, 130 if interval else 100)
    panels = [evidence, interval] if interval else [evidence]
    return figure(drawing(panels, f"evidence of {finding.name}"), finding.reason)


def _has_interval(finding: Finding) -> bool:
    if finding.harm is None or finding.name in (*LATE, *SPLIT):
        return False
    kinds = len(finding.harm.counts)
    # Of split traffic a share has three kinds, as the other side's requests come, too.
    return kinds <= MOST_KINDS and (kinds == 2) == (finding.unit == "share")


def _evidence(finding: Finding, times: Times, x: Axis, height: int) -> Panel:
    """Log evidence as a share of what decides; beyond it the lines run along the frame."""
    since = f" after {count(finding.decided_at.pair)} pairs" if finding.decided_at else ""
    marks = [hline(0, "rule"), hline(1, "faint", "dotted", px=1.4)]
    named = []
    told = ((finding.safety, "safe", "solid"), (finding.harm, "harm", "dashed"))
    for trace, name, stroke in told:
        if trace is None or not len(trace.drawn.looks):
            continue
        at = times.of(finding, trace)
        way = np.clip(trace.drawn.log_e / trace.threshold, -1.05, 1.45)
        marks.append(line(at, way, name, stroke))
        named.append((float(way[-1]), name, float(at[-1])))
    for y, name, last in named:
        other = max((end[0] for end in named if end[1] != name), default=-9.0)
        # Above the highest line ends the frame, and below the lowest.
        lift, vjust = (-3, 1) if y > 1.2 or -0.9 < y < other else (3, 0)
        marks.append(label(last, y, name, name, dx=-3, dy=lift, hjust=1, vjust=vjust))
    decided = _decided(finding, times)
    if decided is not None:
        marks.append(vline(decided, "ink"))
    y_axis = Axis(-1.1, 1.5, [-1, 0, 1], ["-1", "0", "proven"])
    return Panel(marks, height, x, y_axis, f"{finding.name}: {_word(finding)}{since}")


def _decided(finding: Finding, times: Times) -> float | None:
    """When the gate decided, on the axis of its looks: the first look drawn from there on."""
    trace = {Outcome.FAIL: finding.harm, Outcome.PASS: finding.safety}.get(finding.outcome)
    if trace is None or finding.decided_at is None or not trace.above.any():
        return None
    looks = trace.drawn.looks
    first = int(np.searchsorted(looks, int(trace.above.argmax())))
    return float(times.of(finding, trace)[min(first, len(looks) - 1)])


def _interval(finding: Finding, times: Times, x: Axis) -> Panel | None:
    """The estimate with its interval as it was at each time, and the limits it is held against."""
    at, value, low, high = course_of(finding, times)
    if not len(at):
        return None
    sign = -1 if finding.name == "accuracy-paired" else 1
    limits = {0.0} if finding.name in FROZEN else {
        sign * limit for limit in (finding.tolerance, finding.margin) if limit is not None
    }  # fmt: skip
    late = value[len(value) // 4 :]
    reach = max(float(np.abs(late).max()), *(abs(limit) for limit in limits), 1e-6)
    spread = float(np.max(high[len(high) // 2 :] - low[len(low) // 2 :]))
    top = max(*limits, float(late.max())) + spread
    bottom = min(*limits, float(late.min())) - spread
    share = finding.unit == "share"
    floor = (max(bottom, 0.0) if share else bottom) - 0.02 * reach
    floor, ceiling = ends(floor, min(top, 1.0) if share else top)
    marks = [band(at, low, high, "candidate"), line(at, value, "candidate")]
    marks += [hline(limit, "faint", "dotted", px=1.4) for limit in sorted(limits)]
    shown = steps(floor, ceiling, most=4)
    texts = tick_texts([float(f"{100 * y:.12g}") for y in shown])
    signed = [f"+{text}" if y > 0 else text for y, text in zip(shown, texts, strict=True)]
    told = [f"{text} %" for text in texts] if share else signed
    return Panel(marks, 90, x, Axis(floor, ceiling, shown, told, "" if share else "points"))


def course_of(finding: Finding, times: Times) -> tuple[Floats, Floats, Floats, Floats]:
    """Times, estimates and the ends of the time-uniform interval, as harm or safety was claimed."""
    nothing = np.zeros(0)
    if finding.harm is None:
        return nothing, nothing, nothing, nothing
    # In blocks the first looks may be ahead of the first pair that a gate judges.
    seen = np.flatnonzero(finding.harm.drawn.counts.sum(axis=0))
    if len(seen) < 2:
        return nothing, nothing, nothing, nothing
    kept = seen[np.unique(np.linspace(0, len(seen) - 1, min(POINTS, len(seen))).astype(int))]
    least = finding.harm.drawn.counts[:, kept]
    own = finding.name in FROZEN or finding.safety is None
    most = least if own or finding.safety is None else finding.safety.drawn.counts[:, kept]
    value, low, high = _bounds(least, most)
    if finding.name == "accuracy-absolute":
        value, low, high = 1 - value, 1 - high, 1 - low
    elif finding.name == "accuracy-paired":
        value, low, high = -value, -high, -low
    return times.of(finding, finding.harm)[kept], value, low, high


def _bounds(least: Floats, most: Floats) -> tuple[Floats, Floats, Floats]:
    """Estimates and both ends, a column of counts per look."""
    n = least.sum(axis=0)
    if len(least) == 2:
        between = [
            rates.interval_between(int(fewest), int(utmost), int(of), INTERVAL_LEVEL, TO_A_PIXEL)
            for fewest, utmost, of in zip(least[0], most[0], n, strict=True)
        ]
        low, high = np.array(between).T
        return least[0] / n, low, high
    low, high = (
        side(counts, INTERVAL_LEVEL / 2, halvings=TO_A_PIXEL)
        for side, counts in ((paired.lows, least), (paired.highs, most))
    )
    return (least[0] - most[1]) / n, low, high


def _time_axis(kind: str, last: float) -> Axis:
    begin, last = ends(0.0, last)
    low, high = begin - 0.03 * (last - begin), last + 0.01 * (last - begin)
    if kind == "looks":
        at = [value for value in steps(begin, last, most=4) if value == round(value)]
        return Axis(low, high, at, [count(round(value)) for value in at], "looks of the gate")
    size, unit = (1.0, "s") if last < 300 else (60.0, "min") if last < 18_000 else (3600.0, "h")
    at = steps(begin / size, last / size)
    name = f"{unit} since the first request"
    return Axis(low, high, [value * size for value in at], tick_texts(at), name)
