"""A record of pairs, each by itself: a look follows every pair, label or second of arrival."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis import losses, payoffs
from analysis.bets import Flags, Floats, Kinds, Trace
from analysis.blocks import Counts, counted, looks_of
from analysis.clock import Clock, arrival_clock, label_clock
from analysis.columns import NO_TIME
from analysis.constant import Told, timed_apart, told_apart
from analysis.cuts import MOST_CLASSES, cut_of, kinds_by, more_and_less
from analysis.frozen import OF_GATE, Frozen, limits, past_ms, pinned
from analysis.late import SECOND_US, Late, blocks_of, counts_by_block
from analysis.latency_arms import ArmsOf, Ascending, ascending, bare_arms, log_ratio
from analysis.pairs import ANSWERED, NOT_SENT, Pairs
from analysis.policy import Gate, JudgePolicy
from analysis.quantile_bets import follow_quantiles
from analysis.quantiles import quantile
from analysis.sample import Both, Claim, Labelled, Losses, Mean, Part, Predicted, Rows, Shift
from analysis.segments import Coded, coded, segments_of
from analysis.sides import (
    Sides,
    different_sides,
    error_sides,
    over_limit_sides,
    wrong_sides,
)
from analysis.strays import Ends, ends_of
from analysis.thresholds import grid, over_one, passed_both


@dataclass(frozen=True)
class PairSample:
    """Pairs under a policy; its two clocks, and which pairs have their label in time.

    What several gates ask for is made once, which is why it has no slots.
    """

    pairs: Pairs
    policy: JudgePolicy
    arrival: Clock
    labels: Clock
    in_time: Flags

    @property
    def n(self) -> int:
        """Pairs."""
        return len(self.pairs)

    @property
    def due(self) -> int:
        """Pairs whose label came or whose window has passed."""
        return len(self.labels.at_us)

    @property
    def timely(self) -> int:
        """Those of them with a label in time."""
        return int(self.in_time[: self.due].sum())

    @property
    def known(self) -> int:
        """Pairs with a label in time, also while they wait."""
        return int(self.in_time.sum())

    @property
    def watermark_us(self) -> int:
        """The time of the last look."""
        return self.pairs.watermark_us

    @property
    def predicted(self) -> Predicted:
        """Whether there are predictions."""
        sides = (self.pairs.baseline_prediction, self.pairs.candidate_prediction)
        baseline, candidate = (not bool(np.isnan(side).all()) for side in sides)
        return Predicted(baseline, candidate, self.pairs.numbers, len(told_apart(self.pairs)) == 1)

    @property
    def last_us(self) -> int:
        """When the last request or label came."""
        last = self.pairs.arrived_us[-1:].max(initial=NO_TIME)
        return int(max(last, self.pairs.labelled_us.max(initial=NO_TIME)))

    @property
    def ends(self) -> Ends:
        """When the first and the last pairs came."""
        return Ends(self.n, self.pairs.arrived_us[ends_of(self.n)] // SECOND_US)

    @property
    def timed(self) -> tuple[Told, Told]:
        """The latency of either side, if it never differs."""
        return timed_apart(self.pairs)

    @cached_property
    def _errors(self) -> Sides:
        return error_sides(self.pairs, self.policy.timeout)

    def errors(self) -> Sides:
        """Errors of both sides."""
        return self._errors

    def over(self, gate: Gate, claim: Claim) -> Sides:
        """Answers over the limits of a gate, as one claim sees them."""
        if gate.name == "p95-limit":
            limit = gate.limits["limit_ms"]
            return over_limit_sides(self.pairs, limit, limit)
        frozen_ms = self.frozen(OF_GATE[gate.name]).limit_ms or 0.0
        harm_ms, safety_ms = limits(gate, frozen_ms)
        return over_limit_sides(self.pairs, harm_ms if claim == "harm" else safety_ms, frozen_ms)

    @cached_property
    def wrong(self) -> Sides:
        """Wrong answers of all pairs."""
        return wrong_sides(self.pairs, self.in_time, self.policy.accuracy)

    def answers(self) -> Sides:
        """Wrong answers of the pairs that the clock of labels admitted."""
        return self.wrong.rows(slice(self.due))

    def different(self) -> Sides:
        """Different answers as if they were a bad candidate: known ones for harm."""
        return different_sides(self.pairs)

    def late(self, name: str) -> Late:
        """What a gate counts in each second of arrival."""
        gate = self.policy.gates[name]
        start = self.frozen(OF_GATE[name]).start if name in OF_GATE else 0
        sides = self.over(gate, "harm") if gate.metric == "latency" else self.errors()
        alone = name in ("errors-late-absolute", "p95-limit")
        events = sides.own_harm() if alone else sides.harm()
        arrived = self.pairs.arrived_us[start:]
        blocks = blocks_of(arrived, self.watermark_us, self.policy.horizon)
        return Late(blocks, counts_by_block([event[start:] for event in events], blocks), start)

    def frozen(self, name: str) -> Frozen:
        """Pinned by the policy, else taken from the first rows, which are then not judged."""
        stated = pinned(self.policy, name)
        if stated is not None:
            return Frozen(name, stated, 0, self.n)
        start = self.policy.reference_pairs
        limit_ms = past_ms(self.pairs.baseline_latency_ms[:start], self.policy, name)
        return Frozen(name, limit_ms, start if limit_ms else self.n, max(self.n - start, 0))

    @cached_property
    def latencies(self) -> Ascending:
        """Of both sides in ascending order, where they are known."""
        return ascending(self.pairs, self.policy.timeout)

    def quantiles(self, share: float, level: float) -> Both:
        """A timeout took as long as the timeout."""
        own, other = self.latencies.candidate, self.latencies.baseline
        return quantile(own, share, level), quantile(other, share, level)

    @cached_property
    def _arms(self) -> ArmsOf:
        return ArmsOf(self.pairs)

    def thresholds(self, gate: Gate) -> tuple[Floats, Counts]:
        """Around the past p95."""
        frozen = self.frozen("p95")
        limits_ms, start = grid(frozen.limit_ms or 1.0), frozen.start
        kinds = passed_both(*self._arms.seen_by(gate, "harm"), limits_ms)
        return limits_ms, counted(kinds, len(limits_ms) + 1, start).combined(over_one)

    def ratios(self, gate: Gate, claim: Claim) -> Counts:
        """Rounded down for harm and up for safety."""
        step = payoffs.down if claim == "harm" else payoffs.up
        return _steps(step(self._arms.ratios(gate, claim)))

    @cached_property
    def log_ratio(self) -> Floats:
        """Of candidate over baseline: NaN where a side is not known, infinite for a timeout."""
        return log_ratio(bare_arms(self.pairs))

    def mean_ratio(self) -> Mean:
        """Each ratio held to a factor of 2.72 either way."""
        return mean_of(np.clip(self.log_ratio, -1, 1))

    def beyond(self, gate: Gate, claim: Claim, level: float) -> Trace:
        """Safety is harm of the baseline against the candidate less its margin."""
        own, other = self._arms.seen_by(gate, claim)
        y, x = (own, other) if claim == "harm" else (other, own)
        return follow_quantiles(y, x, looks_of(self.n), level)

    def losses(self, gate: Gate) -> Losses:
        """Over the pairs that the clock of labels admitted."""
        found = losses.lost_in(self.pairs, self.in_time, gate)
        lost, known = found.differences()[: self.due], found.both()
        told = self.predicted
        predicted = told.baseline or told.candidate
        odd = losses.odd_in(self.pairs, gate)
        lower, upper = _steps(payoffs.down(lost)), _steps(payoffs.up(lost))
        return Losses(
            lower,
            upper,
            Mean(_mean(lost), lower.at_end, upper.at_end),
            (float(found.own[known].mean()), float(found.other[known].mean()))
            if known.any()
            else None,
            losses.why_not(odd, gate, numbers=told.numbers, predicted=predicted),
        )

    def shift(self) -> Shift:
        """From the first rows after those that cut the predictions."""
        start = self.policy.reference_pairs
        cut = cut_of(self.pairs, start)
        kinds, number = kinds_by(self.pairs, cut)
        begin = start if len(cut.values) else self.n
        counts = counted(kinds, number, begin).combined(more_and_less)
        return Shift(cut.names, counts, max(self.n - begin, 0))

    def rows(self) -> Rows:
        """Counted after every pair, narrowly: in memory there are not more than that tells."""
        pairs = self.pairs
        return Rows(
            (pairs.outcome == ANSWERED).cumsum(dtype=np.int32),
            (pairs.outcome == NOT_SENT).cumsum(dtype=np.int32),
            unusable(pairs).cumsum(dtype=np.int32),
            (pairs.outcome != NOT_SENT).cumsum(dtype=np.int32),
            (pairs.baseline_status > 0).cumsum(dtype=np.int32),
            pairs.metadata.orphans,
        )

    def labelled(self, baseline: str) -> list[Labelled]:
        """Numbers are one class, so are texts of too many kinds, and missing answers."""
        pairs = self.pairs
        told = pairs.classes if len(pairs.classes) <= MOST_CLASSES else ()
        names = (": no answer", *([f" {name}" for name in told] or [""]))
        sides = {"candidate": pairs.candidate_prediction, baseline: pairs.baseline_prediction}
        missing, arms = ~self.in_time[: self.due], []
        for side, values in sides.items():
            code = np.nan_to_num(values[: self.due]) if told else 1
            kinds = np.where(np.isnan(values[: self.due]), 0, code).astype(np.int64)
            seen = counted([2 * kinds + missing], 2 * len(names))
            counts = Counts(seen.looks, seen.at_looks[0], seen.at_end[0])
            arms.append(Labelled(f"the {side}'s answers", names, counts))
        return arms

    @cached_property
    def segments(self) -> Coded:
        """The segment of each pair."""
        return coded(self.pairs)

    def parts(self, gate: Gate) -> list[Part]:
        """Sorted once, so that many segments cost no more than one."""
        on_labels = gate.metric == "accuracy"
        clock = self.labels if on_labels else self.arrival
        if gate.name == "p95-limit":
            sides = self.over(gate, "harm")
        else:
            sides = self.answers() if on_labels else self.errors()
        segments = segments_of(self.segments, gate.segments)
        place = segments.place[: len(clock.at_us)]
        order = np.argsort(place, kind="stable")
        ends = np.bincount(place + 1, minlength=len(segments.names) + 1).cumsum()
        parts = []
        for i, (name, weight) in enumerate(zip(segments.names, segments.weights, strict=True)):
            own = order[ends[i] : ends[i + 1]]
            looks = Clock(clock.at_us[own], clock.arrived[own])
            parts.append(Part(name, weight, looks, sides.rows(own), len(own)))
        return parts


def pair_sample(pairs: Pairs, policy: JudgePolicy) -> PairSample:
    """A record of pairs under a policy."""
    labels, in_time = label_clock(pairs, policy.label_window)
    return PairSample(pairs, policy, arrival_clock(pairs), labels, in_time)


def mean_of(payoff: Floats) -> Mean:
    """The mean of the payoffs known, NaN where not."""
    lower, upper = (
        np.bincount(kinds, minlength=payoffs.KINDS).astype(np.float64)
        for kinds in (payoffs.down(payoff), payoffs.up(payoff))
    )
    return Mean(_mean(payoff), lower, upper)


def _mean(payoff: Floats) -> float | None:
    known = ~np.isnan(payoff)
    return float(payoff[known].mean()) if known.any() else None


def unusable(pairs: Pairs) -> Flags:
    """Rows without a usable answer of either side."""
    unusable = (pairs.baseline_status == 0) | np.isnan(pairs.baseline_latency_ms)
    unusable |= (pairs.outcome == ANSWERED) & np.isnan(pairs.candidate_latency_ms)
    # Both sides say they succeeded, but only one has a prediction.
    succeeded = (pairs.outcome == ANSWERED) & (pairs.candidate_status < 400)
    succeeded &= (pairs.baseline_status > 0) & (pairs.baseline_status < 400)
    missing = np.isnan(pairs.baseline_prediction) != np.isnan(pairs.candidate_prediction)
    return np.asarray(unusable | (succeeded & missing))


def _steps(kinds: Kinds) -> Counts:
    seen = counted([kinds], payoffs.KINDS)
    return Counts(seen.looks, seen.at_looks[0], seen.at_end[0])
