"""Answers beyond right and wrong: better than the baseline, smaller losses, the same answers.

`disagreement` needs no label: where both sides answer the same, both are right or both are wrong,
so accuracy cannot have fallen by more than the share of different answers.
"""

from dataclasses import replace

from analysis import losses, paired, payoffs, rates
from analysis.accuracy_gates import (
    accuracies,
    answers_course,
    heard,
    labels_words,
    unlabelled_words,
)
from analysis.answer_blocks import Claim, block_estimate, block_trace
from analysis.bets import follow
from analysis.blocks import follow_blocks
from analysis.constant import HELD
from analysis.course import (
    INTERVAL_LEVEL,
    Course,
    Judged,
    Record,
    Words,
    course,
    paired_estimate,
    rate_estimate,
)
from analysis.error_gates import interval_percent, interval_points
from analysis.findings import Estimate
from analysis.policy import Gate
from analysis.sample import Mean
from analysis.words import count, percent, points, share


def answer_courses(record: Record) -> list[Course]:
    """Superiority, losses, and the certificate without labels."""
    gates = record.policy.gates
    return [
        _superior(record, gates["accuracy-superior"]),
        _loss(record, gates["loss-paired"]),
        _disagreement(record, gates["disagreement"]),
    ]


def _superior(record: Record, gate: Gate) -> Course:
    """Not only no worse: right more often. Bets on wrong answers, told as right ones."""
    sides = record.sample.answers()
    totals = sides.totals()
    least = -(gate.margin or 0.0)
    alpha, estimate = record.policy.alpha_promote, paired_estimate(totals)
    size, claim = record.policy.dependence.block, Claim(-least, True, False)
    if size is None:
        safety = follow(paired.safety_bets(-least), sides.safety(), alpha)
    else:
        safety = block_trace(sides, size, len(record.labels.at_us), claim, alpha)
        estimate = block_estimate(sides, size, estimate, claim, INTERVAL_LEVEL)
    judged = Judged(None, safety, estimate, None).mirrored(0.0)
    candidate, baseline = accuracies(totals)
    against = f"accuracy {candidate} against {baseline}"
    words = Words(
        metric="share of right answers, candidate minus baseline",
        unit="difference of shares",
        now=f"{against} of the {record.baseline} ({interval_points(judged.estimate)}, to beat "
        f"{points(least)}) in {labels_words(record)}",
        brief=unlabelled_words(record) or against,
        found="",
        held="not proven to be better",
    )
    return answers_course(record, gate, judged, words)


def _loss(record: Record, gate: Gate) -> Course:
    seen, rows = record.sample.losses(gate), len(record.labels.at_us)
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    alpha, level = record.policy.alpha_promote, record.policy.rollback_level(gate)
    lower, upper = seen.lower, seen.upper
    safety = follow_blocks(payoffs.safety_bets(margin), upper.at_looks, upper.looks, rows, alpha)
    harm = (
        follow_blocks(payoffs.harm_bets(tolerance), lower.at_looks, lower.looks, rows, level)
        if level > 0
        else None
    )
    estimate = _mean_estimate(seen.mean, record.sample.due)
    both, name = seen.both, losses.name_of(gate)
    brief = f"{name} {both[0]:.3g} against {both[1]:.3g}" if both else f"no {name} known"
    words = Words(
        metric=f"mean {name}, candidate minus baseline",
        unit="loss",
        now=f"{brief} of the {record.baseline} ({_interval(estimate)}, margin {margin:+.3g}) in "
        f"{labels_words(record)}",
        brief=unlabelled_words(record) or brief,
        found="",
        held=seen.why_not or ("" if harm else "not proven to be within the margin"),
    )
    judged = Judged(harm, safety, estimate, None)
    if record.policy.dependence.block is None:
        return answers_course(record, gate, judged, words)
    return course(record, gate, record.labels, *_told(judged, words))


def _mean_estimate(mean: Mean, n: int) -> Estimate:
    """The mean over the pairs known; the interval allows for the others."""
    if mean.value is None:
        return Estimate(None, None, None, n)
    low, high = payoffs.interval(mean.lower, mean.upper, INTERVAL_LEVEL)
    return Estimate(mean.value, low, high, n)


def _interval(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "no estimate"
    return f"{estimate.value:+.3g}, {estimate.low:+.3g} to {estimate.high:+.3g}"


def _disagreement(record: Record, gate: Gate) -> Course:
    """A missing answer is the same as none; copies never sent count as different."""
    margin, different = gate.margin or 0.0, record.sample.different()
    safety = follow(rates.safety_bets(margin), different.own_safety(), record.policy.alpha_promote)
    estimate = rate_estimate(different.totals())
    said = f"{percent(estimate.value or 0.0)} of answers differ"
    words = Words(
        metric="share of requests with different answers",
        unit="share",
        now=f"{said} ({interval_percent(estimate)}, margin {share(margin)}) in "
        f"{count(record.sample.n)} requests: "
        + (
            f"accuracy lost less than {share(margin)} points, whatever the labels say"
            if len(safety.above) and safety.above[-1]
            else "whether accuracy was lost only labels can tell"
        ),
        brief=said,
        found="",
        held=_why_no_certificate(record, estimate),
    )
    judged = Judged(None, safety, estimate, None)
    if record.policy.dependence.block is not None or record.sample.predicted.alike:
        judged, words = _told(judged, words)
    return course(record, gate, record.arrival, judged, words)


def _told(judged: Judged, words: Words) -> tuple[Judged, Words]:
    """What is counted one by one decides nothing where answers hang together."""
    held = words.held or "told, as answers hang together and these are counted one by one"
    harm, safety = heard(judged.harm, False), heard(judged.safety, False)
    return replace(judged, harm=harm, safety=safety), replace(words, held=held)


def _why_no_certificate(record: Record, estimate: Estimate) -> str:
    if not record.sample.predicted.candidate:
        return "the record holds no predictions"
    if record.sample.predicted.alike:
        return HELD
    if record.sample.predicted.numbers and (estimate.value or 0.0) > 0.5:
        return "numbers hardly ever agree to the last digit"
    return "not certified without labels"
