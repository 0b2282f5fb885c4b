"""Predictions: where both sides disagree and by how much, and accuracy beside cheap references."""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Flags, Floats, Integers
from analysis.columns import NO_TIME
from analysis.pair_sample import PairSample
from analysis.pairs import NOT_SENT, Pairs
from analysis.policy import Accuracy
from analysis.report_html import Html, figure, grid, joined, paragraph, table
from analysis.report_ticks import Axis, ends, log_axis, plain_axis, steps, tick_texts
from analysis.segments import Coded
from analysis.show import (
    Panel,
    band,
    drawing,
    hline,
    label,
    line,
    markers,
    outline,
    vline,
)
from analysis.sides import is_right
from analysis.words import count, percent, share

BANDS = 12
SHOWN = 60
RATIOS = (0.01, 0.1, 0.2, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 5.0, 10.0, 100.0)
DRAWN = 100_000
"""Rows, evenly spaced, that a picture is drawn from; every number is of all rows."""
TOGETHER = 65_536
"""Rows of whole segments that are searched at once: of all of them it would take memory."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Both predictions where there are both."""

    baseline: Floats
    candidate: Floats


def answers(pairs: Pairs) -> Answers:
    """The rows on which both sides predicted something."""
    baseline, candidate = pairs.baseline_prediction, pairs.candidate_prediction
    rows = ~np.isnan(baseline) & ~np.isnan(candidate)
    if rows.all():
        return Answers(baseline, candidate)
    return Answers(baseline[rows], candidate[rows])


def apart(pairs: Pairs, rule: Accuracy) -> Flags:
    """Pairs whose two predictions differ by more than the policy calls right."""
    both = ~np.isnan(pairs.baseline_prediction) & ~np.isnan(pairs.candidate_prediction)
    near = is_right(
        pairs.candidate_prediction, pairs.baseline_prediction, rule, numbers=pairs.numbers
    )
    return both & ~near


def prediction_parts(sample: PairSample) -> list[Html]:
    """Disagreement, then accuracy against persistence and a constant."""
    pairs, rule = sample.pairs, sample.policy.accuracy
    found = answers(pairs)
    n = len(found.baseline)
    if not n:
        return [paragraph("No predictions on both sides: nothing to compare.")]
    equal = int((found.baseline == found.candidate).sum())
    far = int(apart(pairs, rule).sum())
    said = (
        f"Of {count(n)} requests that both sides predicted, {percent(equal / n)} got the same "
        f"answer and {percent(far / n)} answers further apart than the policy calls right "
        f"({rule_words(rule, pairs.numbers)})."
    )
    parts: list[Html] = [paragraph(said)]
    if pairs.numbers and equal < n:
        step = -(-n // DRAWN)
        drawn = Answers(found.baseline[::step], found.candidate[::step])
        parts.append(grid([_by_size(drawn), _by_level(drawn)]))
    elif not pairs.numbers:
        parts.append(paragraph("Predictions are texts: there is no distance to draw.", "faint"))
    return [*parts, Html("<h3>Accuracy beside cheap references</h3>"), _skill(sample)]


def rule_words(rule: Accuracy, numbers: bool) -> str:
    """When an answer is right, in words."""
    if not numbers or rule.rule == "equal":
        return "equal"
    if rule.rule == "within_relative":
        return f"within {percent(rule.tolerance)} of the label"
    kind = {"within_absolute": "within", "within_factor": "within a factor of"}[rule.rule]
    return f"{kind} {rule.tolerance:g}"


def _difference(found: Answers) -> tuple[Floats, bool]:
    """Ratios where everything is positive, else differences; and which it is."""
    if bool((found.baseline > 0).all() and (found.candidate > 0).all()):
        return np.log(found.candidate) - np.log(found.baseline), True
    return found.candidate - found.baseline, False


def _by_size(found: Answers) -> Html:
    """How far both sides are apart."""
    values, ratio = _difference(found)
    low, high = np.quantile(values, [0.005, 0.995])
    # Answers that are nearly all alike still need an axis, of ratios one with different texts.
    reach = max(abs(float(low)), abs(float(high)), 0.01 if ratio else 1e-9)

    height, edges = np.histogram(values, bins=SHOWN, range=(-reach, reach))
    shares = height / len(values)
    marks = [vline(0, "faint"), outline(edges, shares, "candidate", "solid")]
    name = "candidate over baseline" if ratio else "candidate minus baseline"
    x = _difference_axis(-reach, reach, name, ratio=ratio)
    y = Axis(0, 1.05 * float(shares.max()))
    svg = drawing(
        [Panel(marks, 170, x, y, "How far the answers are apart")], "difference of predictions"
    )
    note = "Share of requests; the outermost 1 % is left out."
    return figure(svg, note)


def _by_level(found: Answers) -> Html:
    """Where they are apart: median and middle 90 % of the difference by the baseline's answer."""
    values, ratio = _difference(found)
    order = np.argsort(found.baseline, kind="stable")
    bands = [band for band in np.array_split(order, BANDS) if len(band)]
    centre = np.array([np.median(found.baseline[band]) for band in bands])
    low, middle, high = np.array([np.quantile(values[b], [0.05, 0.5, 0.95]) for b in bands]).T

    least, most = min(float(low.min()), 0.0), max(float(high.max()), 0.0)
    room = max(0.06 * (most - least), 0.01 if ratio else 0.0)
    y = _difference_axis(*ends(least - room, most + room), "", ratio=ratio)
    at = np.log10(centre) if ratio else centre
    along = log_axis if ratio else plain_axis
    x = along(*ends(float(centre[0]), float(centre[-1])), "the baseline's answer", room=0.03)
    marks = [
        hline(0, "faint"),
        band(at, low, high, "candidate"),
        line(at, middle, "candidate"),
        markers(at, middle, "candidate", px=5),
        label(at[-1], middle[-1], "median", "candidate", dy=6, hjust=1),
    ]
    panel = Panel(marks, 170, x, y, "Where they are apart")
    svg = drawing([panel], "difference by the baseline's answer")
    note = f"Median and middle 90 % of the difference, in {len(bands)} groups of equal size."
    return figure(svg, note)


def _difference_axis(low: float, high: float, name: str, *, ratio: bool) -> Axis:
    """Round differences, or round ratios on an axis of their logarithms."""
    if not ratio:
        return plain_axis(low, high, name)
    shown = [step for step in RATIOS if low <= np.log(step) <= high]
    texts = [f"{step:g} x" for step in shown]
    if len(shown) < 3:
        shown = steps(float(np.exp(low)), float(np.exp(high)))
        texts = [f"{text} x" for text in tick_texts(shown)]
    return Axis(low, high, np.log(shown).tolist(), texts, name)


def _skill(sample: PairSample) -> Html:
    """Accuracy of both sides and of two answers that cost nothing, on the same labels."""
    pairs, rule = sample.pairs, sample.policy.accuracy
    sent = pairs.outcome != NOT_SENT
    rows = sample.in_time & sent & ~np.isnan(pairs.baseline_prediction)
    n = int(rows.sum())
    if not n:
        return paragraph("No label came in time: no accuracy is known.")

    def accuracy(prediction: Floats, among: Flags) -> float:
        right = is_right(prediction, pairs.label, rule, numbers=pairs.numbers)
        return int((right & among).sum()) / int(among.sum())

    told = [
        ("candidate", accuracy(pairs.candidate_prediction, rows), n, ""),
        ("baseline", accuracy(pairs.baseline_prediction, rows), n, ""),
        ("best constant", best_constant(pairs.label[rows], rule, pairs.numbers), n,
         "chosen with the labels at hand, so a bound on every constant"),
    ]  # fmt: skip
    last, known = last_label(pairs, sample.segments)
    if 2 * int((known & rows).sum()) >= n:
        told.append(("persistence", accuracy(last, known & rows), int((known & rows).sum()),
                     "the last label of the same segment known when the request came"))  # fmt: skip
        missing = ""
    else:
        missing = (
            "Persistence is not available: too few requests had an earlier label of their segment, "
            "known when they came."
        )
    body = [(name, percent(value), count(k), note) for name, value, k, note in told]
    own, constant = told[0][1], told[2][1]
    better = (
        f"The candidate is right {share(abs(own - constant))} points "
        f"{'more' if own >= constant else 'LESS'} often than the best constant."
    )
    return joined(
        [
            table(("answer", "accuracy", "labels", "note"), body),
            paragraph(f"{better} {missing}".strip()),
        ]
    )


def best_constant(label: Floats, rule: Accuracy, numbers: bool) -> float:
    """Accuracy of the one answer that is right most often on these labels."""
    if not numbers or rule.rule == "equal":
        return int(np.unique(label, return_counts=True)[1].max()) / len(label)
    # Both follow the label, so that sorting them again finds them nearly in order.
    low, high = _right_for(np.sort(label), rule)
    for end in (low, high):
        end.sort(kind="stable")
    inside = np.arange(1, len(low) + 1) - np.searchsorted(high, low, side="left")
    return int(inside.max()) / len(label)


def _right_for(label: Floats, rule: Accuracy) -> tuple[Floats, Floats]:
    """The answers that are right for each label, as intervals."""
    if rule.rule == "within_absolute":
        return label - rule.tolerance, label + rule.tolerance
    if rule.rule == "within_relative":
        reach = rule.tolerance * np.abs(label)
        return label - reach, label + reach
    positive = label > 0
    low = np.where(positive, label / rule.tolerance, label)
    return low, np.where(positive, label * rule.tolerance, label)


def last_label(pairs: Pairs, record: Coded) -> tuple[Floats, Flags]:
    """The last label of the same segment that was known before each request, and where it was."""
    last, known = np.full(len(pairs), np.nan), np.zeros(len(pairs), dtype=np.bool_)
    told = pairs.labelled & (pairs.labelled_us != NO_TIME)
    order = np.argsort(record.code, kind="stable")
    ends = np.bincount(record.code, minlength=len(record.names) + 1).cumsum()[:-1]
    # The rows of no segment come last.
    full = np.flatnonzero(np.diff(ends // TOGETHER, append=-1))
    for rows in np.split(order, ends[full])[:-1]:
        keys, asked = _by_segment(pairs, record.code[rows].astype(np.int64), rows)
        labelled = np.flatnonzero(told[rows])
        labelled = labelled[np.argsort(keys[labelled], kind="stable")]
        place = np.searchsorted(keys[labelled], asked, side="left") - 1
        found = rows[labelled[np.maximum(place, 0)]] if len(labelled) else rows
        seen = (place >= 0) & (record.code[found] == record.code[rows])
        known[rows[seen]] = True
        last[rows[seen]] = pairs.label[found[seen]]
    return last, known


def _by_segment(pairs: Pairs, code: Integers, rows: Integers) -> tuple[Integers, Integers]:
    """When each was labelled and asked, as keys of segment and time: one search finds both.

    Rows of one segment lie together, so that keys are nearly in order, which makes sorting and
    searching them several times as fast.
    """
    labelled, asked = pairs.labelled_us[rows], pairs.arrived_us[rows]
    begin = int(asked.min())
    first = code * (max(int(labelled.max()), int(asked.max())) - begin + 1) - begin
    return first + labelled, first + asked
