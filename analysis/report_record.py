"""What the record covers: copies, labels, segments, dependence between requests, the cost."""

from collections.abc import Callable

import numpy as np

from analysis.answer_time import autocorrelation_time
from analysis.bets import Flags, Floats, Integers
from analysis.columns import NO_TIME
from analysis.dependence import FEWEST
from analysis.pair_sample import PairSample
from analysis.pairs import ANSWERED, NOT_SENT, TIMEOUT, Pairs
from analysis.quantiles import P95
from analysis.report_html import Html, html, paragraph, table
from analysis.report_predictions import apart
from analysis.sides import Sides
from analysis.words import count, milliseconds, percent, points, seconds_words

MOST_SEGMENTS = 20


def record_parts(sample: PairSample) -> list[Html]:
    """The facts, the segments and what dependence leaves of the sample."""
    return [
        table(("what", "how much"), _facts(sample.pairs, sample.in_time), "facts"),
        Html("<h3>Segments</h3>"),
        *_segments(sample),
        Html("<h3>Dependence</h3>"),
        *_dependence(sample),
    ]


def _facts(pairs: Pairs, in_time: Flags) -> list[tuple[str, Html]]:
    n = max(len(pairs), 1)
    outcomes = [int((pairs.outcome == kind).sum()) for kind in (ANSWERED, TIMEOUT, NOT_SENT)]
    about = pairs.metadata
    seconds = _span(pairs)
    mirrored = about.mirror_fraction
    busy = [_busy(values) for values in (pairs.baseline_latency_ms, pairs.candidate_latency_ms)]
    facts = [
        ("requests copied", f"{count(len(pairs))} in {seconds_words(seconds)}"),
        ("copies answered", f"{count(outcomes[0])}, {percent(outcomes[0] / n)}"),
        ("timed out, never sent", f"{count(outcomes[1])}, {count(outcomes[2])}"),
        ("left out of the sample", _left_out(pairs)),
        ("copies without a request", count(about.orphans)),
        ("labels in time", _labels(pairs, in_time)),
        ("cost: more requests", percent(mirrored) if mirrored is not None else "share unknown"),
        (
            "cost: time spent answering",
            f"candidate {seconds_words(busy[1])}, baseline {seconds_words(busy[0])}; on average "
            f"{busy[1] / max(seconds, 1e-3):.3g} and {busy[0] / max(seconds, 1e-3):.3g} at once",
        ),
        ("cost: CPU", "not in the pair table"),
    ]
    return [(name, html(value)) for name, value in facts]


def _span(pairs: Pairs) -> float:
    return float(pairs.arrived_us[-1] - pairs.arrived_us[0]) / 1e6 if len(pairs) else 0.0


def _busy(values: Floats) -> float:
    # Longer than any number can tell is for ever.
    with np.errstate(over="ignore"):
        return float(np.nansum(values)) / 1000


def _left_out(pairs: Pairs) -> str:
    about = pairs.metadata
    of = f" of {count(about.requests)} requests" if about.requests is not None else ""
    return f"{count(about.left_out)}{of}"


def _labels(pairs: Pairs, in_time: Flags) -> str:
    got = int(in_time.sum())
    if not got:
        return "none"
    delays = (pairs.labelled_us - pairs.arrived_us)[in_time & (pairs.labelled_us != NO_TIME)]
    if not len(delays):
        return f"{count(got)}, their times unknown"
    middle, late = np.quantile(delays, [0.5, 0.95]) / 1e6
    share = percent(got / len(pairs))
    return f"{count(got)}, {share}; median delay {seconds_words(middle)}, p95 {seconds_words(late)}"


def _segments(sample: PairSample) -> list[Html]:
    """A row for each of the largest segments."""
    names, sizes = (*sample.segments.names, "(none)"), np.bincount(sample.segments.code)
    found = sorted(np.flatnonzero(sizes), key=lambda place: (-sizes[place], names[place]))
    if len(found) < 2:
        return [paragraph("The record has no segments to tell apart.")]
    far = apart(sample.pairs, sample.policy.accuracy)
    rows = [
        (names[place], *_segment(sample, far, np.flatnonzero(sample.segments.code == place)))
        for place in found[:MOST_SEGMENTS]
    ]
    head = ("segment", "pairs", "apart", "errors, points", "right, against", "p95, against")
    rest = len(found) - MOST_SEGMENTS
    note = "Estimates without intervals, candidate first."
    more = f" {count(rest)} smaller segments are not shown." if rest > 0 else ""
    return [table(head, rows), paragraph(note + more, "faint")]


def _segment(sample: PairSample, far: Flags, own: Integers) -> tuple[str, ...]:
    """Estimates from some rows."""
    pairs, errors, wrong = sample.pairs, sample.errors(), sample.wrong
    labelled = own[sample.in_time[own] & (pairs.outcome[own] != NOT_SENT)]
    more = errors.candidate_harm[own].mean() - errors.baseline_safety[own].mean()
    right = (_right(wrong.candidate_harm[labelled]), _right(wrong.baseline_safety[labelled]))
    slow = (_p95(pairs.candidate_latency_ms[own]), _p95(pairs.baseline_latency_ms[own]))
    return (
        count(len(own)),
        percent(far[own].mean()),
        points(more),
        _two(*right, percent),
        _two(*slow, milliseconds),
    )


def _right(wrong: Flags) -> float | None:
    return 1 - float(wrong.mean()) if len(wrong) else None


def _p95(ms: Floats) -> float | None:
    known = ms[~np.isnan(ms)]
    return float(np.quantile(known, P95, method="higher")) if len(known) else None


def _two(candidate: float | None, baseline: float | None, words: Callable[[float], str]) -> str:
    told = ["-" if value is None else words(value) for value in (candidate, baseline)]
    return f"{told[0]}, {told[1]}"


def _dependence(sample: PairSample) -> list[Html]:
    """How many independent pairs the record is worth, by each difference that is judged."""
    in_time, wrong = sample.in_time, sample.wrong
    series = {
        "errors": _difference(sample.errors()),
        "log latency ratio": sample.log_ratio[np.isfinite(sample.log_ratio)],
        "right answers": _difference(wrong)[in_time],
        "the baseline's own wrong answers": wrong.baseline_safety[in_time].astype(np.float64),
    }
    rows = [(name, count(len(values)), *_worth(values)) for name, values in series.items()]
    note = (
        "Autocorrelation time, by arrival, of the difference between the two sides, and of the "
        "baseline's wrong answers, which a policy's [dependence] goes by: the most that means of "
        "blocks of any length show beyond chance; 1 is independence. Where it is well above 1 the "
        "evidence counts more than is there, and the verdict deserves less trust than its level "
        "says."
    )
    head = ("difference of", "pairs", "autocorrelation time", "effective pairs")
    return [table(head, rows), paragraph(note, "faint")]


def _worth(values: Floats) -> tuple[str, str]:
    """The autocorrelation time of a series, and how many independent values it is worth."""
    if len(values) < 2 * FEWEST:
        return "too few to say", "-"
    if not values.var():
        return "nothing varies", "-"
    time = autocorrelation_time(values)
    return f"{time:.3g} requests", count(round(len(values) / time))


def _difference(sides: Sides) -> Floats:
    return np.asarray(sides.candidate_harm.astype(np.float64) - sides.baseline_safety)
