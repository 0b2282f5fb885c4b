"""From a batch of pairs to its counts in blocks: what each gate needs to know, and no row."""

from collections.abc import Mapping

import numpy as np

from analysis import payoffs
from analysis.alike import Alike, answered_alike, served_alike
from analysis.bets import Flags, Floats, Integers
from analysis.block_latency import frozen_sides, latency_counts, limits_ms
from analysis.block_plan import BlockPlan
from analysis.block_segments import by_class, by_segment
from analysis.block_table import BlockTable, Counted
from analysis.clock import labels_due
from analysis.constant import timed_apart, told_apart
from analysis.cuts import kinds_by
from analysis.drift import SCALE
from analysis.late import SECOND_US
from analysis.latency_arms import bare_arms, filled, log_ratio
from analysis.losses import Lost, lost_in, odd_in
from analysis.pair_sample import unusable
from analysis.pairs import ANSWERED, NOT_SENT, TIMEOUT, Pairs
from analysis.quantiles import BINS, bins
from analysis.sides import KINDS, different_sides, error_sides, over_limit_sides, wrong_sides
from analysis.stretches import Stretches, from_block, stretches_of, told_by

FINE = 1 << 20
"""Parts of one in which sums of payoffs are kept, so that they are whole numbers."""


def counted_in_blocks(pairs: Pairs, plan: BlockPlan) -> BlockTable:
    """The table of these pairs, which are in order of arrival."""
    policy = plan.policy
    seconds = stretches_of(pairs.arrived_us // SECOND_US)
    blocks = seconds.joined(plan.step)
    due_us, in_time = labels_due(
        pairs.arrived_us, pairs.labelled_us, pairs.labelled, policy.label_window
    )
    served = served_alike(pairs, in_time, *limits_ms(plan))
    answered = answered_alike(pairs, in_time, policy.accuracy)
    counts = blocks.of(served.group, served.number)
    ratio = np.clip(log_ratio(bare_arms(pairs)), -1, 1)
    lost = lost_in(pairs, in_time, policy.gates["loss-paired"])
    arrays = {
        "errors": told_by(counts, error_sides(served.examples, policy.timeout).kinds(), KINDS),
        "rows": counts @ _row_flags(served.examples),
        **latency_counts(pairs, plan, blocks, served, counts),
        **_answer_counts(plan, blocks, answered),
        **_prediction_counts(pairs, plan, blocks, lost.differences()),
    }
    return BlockTable(
        plan=plan.digest,
        seconds=_by_second(pairs, plan, seconds, served, ratio),
        blocks=Counted(blocks.ids, arrays),
        due_us=np.maximum.reduceat(due_us, blocks.first),
        whole=_whole(pairs, plan, ratio, lost),
        segments=by_segment(pairs, plan, blocks, served, answered),
        classes=by_class(pairs, blocks, in_time),
        texts=not pairs.numbers,
        arrived_us=int(pairs.arrived_us[-1]),
        last_us=pairs.watermark_us,
        odd=odd_in(pairs, policy.gates["loss-paired"]),
        answers=told_apart(pairs),
        timed=timed_apart(pairs),
    )


def _row_flags(pairs: Pairs) -> Integers:
    sent = pairs.outcome != NOT_SENT
    flags = (pairs.outcome == ANSWERED, ~sent, unusable(pairs), sent, pairs.baseline_status > 0)
    return np.stack(flags, axis=1).astype(np.int64)


def _answer_counts(plan: BlockPlan, blocks: Stretches, answered: Alike) -> Mapping[str, Integers]:
    counts, examples = blocks.of(answered.group, answered.number), answered.examples
    wrong = wrong_sides(examples, answered.in_time, plan.policy.accuracy)
    predictions = (examples.candidate_prediction, examples.baseline_prediction)
    labelled = [told_by(counts, 2 * ~np.isnan(side) + ~answered.in_time, 4) for side in predictions]
    return {
        "answers": told_by(counts, wrong.kinds(), KINDS),
        "different": told_by(counts, different_sides(examples).kinds(), KINDS),
        "labelled": np.concatenate(labelled, axis=1),
    }


def _prediction_counts(
    pairs: Pairs, plan: BlockPlan, blocks: Stretches, lost: Floats
) -> Mapping[str, Integers]:
    known = ~np.isnan(lost)
    kinds, number = kinds_by(pairs, plan.cut)
    # Of three, the last is the lesser of the others.
    shift = blocks.both_of(*kinds[:2], number) if len(kinds) == 3 else blocks.all_of(kinds, number)
    lower, upper = payoffs.apart(blocks.of(payoffs.both_ways(lost), payoffs.BOTH))
    return {
        "losses down": lower,
        "losses up": upper,
        "losses sum": blocks.sums([known.astype(np.float64), _fine(lost, known)]),
        "shift": from_block(shift, blocks, plan.cut_begins),
    }


def _fine(payoff: Floats, known: Flags) -> Floats:
    """Whole parts of one, none where it is not known."""
    return np.asarray(np.rint(np.where(known, payoff, 0.0) * FINE))


def _by_second(
    pairs: Pairs, plan: BlockPlan, seconds: Stretches, served: Alike, ratio: Floats
) -> Counted:
    """What is judged by seconds: pairs, errors, gross latency, over the limit, scores of drift.

    `ratio` is the clipped logarithm of the ratio of both latencies.
    """
    examples = served.examples
    errors = error_sides(examples, plan.policy.timeout)
    gross = frozen_sides(examples, plan, "gross-frozen-p95")[0]
    limit = plan.policy.gates["p95-limit"].limits["limit_ms"]
    over = over_limit_sides(examples, limit, limit).candidate_harm
    every = np.ones(len(examples), dtype=np.bool_)
    flags = (every, errors.candidate_harm, *errors.harm(), every, *gross.harm(), over)
    # Groups that say the same are one here, so that many seconds take little memory.
    told, place = np.unique(np.stack(flags, axis=1), axis=0, return_inverse=True)
    kinds = place.reshape(-1)[served.group]
    late = seconds.of(kinds, len(told)) @ told.astype(np.int64)
    late[seconds.ids // plan.step < plan.begins["p95"], 4:7] = 0
    scored = (pairs.outcome == ANSWERED) & ~np.isnan(ratio)
    score = np.rint(np.where(scored, ratio, 0.0) * SCALE)
    scores = seconds.sums([scored.astype(np.float64), score, score * score])
    return Counted(seconds.ids, {"late": late, "scores": scores})


def _whole(pairs: Pairs, plan: BlockPlan, ratio: Floats, lost: Lost) -> Mapping[str, Integers]:
    """What only the end needs: latencies and their ratio as measured, sums of losses."""
    slowest = plan.policy.timeout * 1000
    candidate = filled(pairs.candidate_latency_ms, pairs.outcome == TIMEOUT, slowest)
    candidate = filled(candidate, pairs.outcome == NOT_SENT, np.nan)
    known, both = ~np.isnan(ratio), lost.both()
    ratios = np.bincount(payoffs.both_ways(ratio), minlength=payoffs.BOTH)
    lower, upper = payoffs.apart(ratios)
    sums = [both.sum(), *(_fine(side, both).sum() for side in (lost.own, lost.other))]
    predictions = (pairs.baseline_prediction, pairs.candidate_prediction)
    return {
        "ratio down": lower,
        "ratio up": upper,
        "ratio sum": np.array([known.sum(), _fine(ratio, known).sum()], dtype=np.int64),
        "candidate": _histogram(candidate),
        "baseline": _histogram(pairs.baseline_latency_ms),
        "losses": np.array(sums, dtype=np.int64),
        "predicted": np.array([(~np.isnan(side)).sum() for side in predictions]),
    }


def _histogram(ms: Floats) -> Integers:
    """Latencies by bin, those that are known."""
    unknown = np.isnan(ms)
    return np.bincount(bins(ms[~unknown] if unknown.any() else ms), minlength=BINS)
