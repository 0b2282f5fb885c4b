"""What the record covers: copies, labels, segments, dependence between requests, the cost."""

from collections.abc import Callable

import numpy as np
import polars as pl

from analysis.answer_time import autocorrelation_time
from analysis.bets import Flags, Floats
from analysis.columns import NO_TIME
from analysis.dependence import FEWEST
from analysis.drift import SHORTEST_MS
from analysis.pairs import ANSWERED, NOT_SENT, TIMEOUT, Pairs
from analysis.policy import JudgePolicy
from analysis.quantiles import P95
from analysis.report_html import Html, html, paragraph, table
from analysis.report_predictions import apart
from analysis.sides import Sides, error_sides, wrong_sides
from analysis.words import count, milliseconds, percent, points, seconds_words

MOST_SEGMENTS = 20


def record_parts(pairs: Pairs, policy: JudgePolicy, in_time: Flags) -> list[Html]:
    """The facts, the segments and what dependence leaves of the sample."""
    return [
        table(("what", "how much"), _facts(pairs, in_time), "facts"),
        Html("<h3>Segments</h3>"),
        *_segments(pairs, policy, in_time),
        Html("<h3>Dependence</h3>"),
        *_dependence(pairs, policy, in_time),
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


def _segments(pairs: Pairs, policy: JudgePolicy, in_time: Flags) -> list[Html]:
    """A row for each of the largest segments."""
    frame = _by_row(pairs, policy, in_time)
    found = frame.group_by("segment").agg(
        pl.len().alias("n"),
        pl.col("far").mean(),
        (pl.col("candidate_error").mean() - pl.col("baseline_error").mean()).alias("errors"),
        pl.col("candidate_right").drop_nans().mean(),
        pl.col("baseline_right").drop_nans().mean(),
        pl.col("candidate_ms").drop_nans().quantile(P95, "higher"),
        pl.col("baseline_ms").drop_nans().quantile(P95, "higher"),
    )
    found = found.sort(["n", "segment"], descending=[True, False])
    if found.height < 2:
        return [paragraph("The record has no segments to tell apart.")]
    rows = [
        (
            str(row["segment"] if row["segment"] is not None else "(none)"),
            count(row["n"]),
            percent(row["far"]),
            points(row["errors"]),
            _two(row["candidate_right"], row["baseline_right"], percent),
            _two(row["candidate_ms"], row["baseline_ms"], milliseconds),
        )
        for row in found.head(MOST_SEGMENTS).iter_rows(named=True)
    ]
    head = ("segment", "pairs", "apart", "errors, points", "right, against", "p95, against")
    rest = found.height - MOST_SEGMENTS
    note = "Estimates without intervals, candidate first."
    more = f" {count(rest)} smaller segments are not shown." if rest > 0 else ""
    return [table(head, rows), paragraph(note + more, "faint")]


def _by_row(pairs: Pairs, policy: JudgePolicy, in_time: Flags) -> pl.DataFrame:
    errors = error_sides(pairs, policy.timeout)
    wrong = wrong_sides(pairs, in_time, policy.accuracy)
    labelled = in_time & (pairs.outcome != NOT_SENT)
    return pl.DataFrame(
        {
            "segment": pairs.segment,
            "far": apart(pairs, policy.accuracy),
            "candidate_error": errors.candidate_harm,
            "baseline_error": errors.baseline_safety,
            "candidate_right": np.where(labelled, ~wrong.candidate_harm, np.nan),
            "baseline_right": np.where(labelled, ~wrong.baseline_safety, np.nan),
            "candidate_ms": pairs.candidate_latency_ms,
            "baseline_ms": pairs.baseline_latency_ms,
        }
    )


def _two(candidate: float | None, baseline: float | None, words: Callable[[float], str]) -> str:
    told = ["-" if value is None else words(value) for value in (candidate, baseline)]
    return f"{told[0]}, {told[1]}"


def _dependence(pairs: Pairs, policy: JudgePolicy, in_time: Flags) -> list[Html]:
    """How many independent pairs the record is worth, by each difference that is judged."""
    errors = error_sides(pairs, policy.timeout)
    wrong = wrong_sides(pairs, in_time, policy.accuracy)
    series = {
        "errors": _difference(errors),
        "log latency ratio": _log_ratio(pairs),
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


def _log_ratio(pairs: Pairs) -> Floats:
    both = (pairs.outcome == ANSWERED) & ~np.isnan(pairs.candidate_latency_ms)
    both &= ~np.isnan(pairs.baseline_latency_ms)
    candidate = np.maximum(pairs.candidate_latency_ms[both], SHORTEST_MS)
    baseline = np.maximum(pairs.baseline_latency_ms[both], SHORTEST_MS)
    return np.asarray(np.log(candidate / baseline))
