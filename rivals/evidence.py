"""What the rules of others see of a table of pairs: both sides by themselves, and by the minute.

The same pairs, errors, timeouts and label window as our own gates judge; where those impute what is
unknown, these see what their metric backend would have shown them: nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from analysis.bets import Flags, Floats, Integers
from analysis.clock import Look, label_clock
from analysis.errors import BadInput
from analysis.pairs import ANSWERED, TIMEOUT, Pairs
from analysis.policy import JudgePolicy
from analysis.sides import error_sides, wrong_sides

SECOND_US = 1_000_000
MINUTE = 60
LONGEST = 366 * 24 * 3_600
"""Seconds of a record that others look at minute by minute."""
BIN = 0.005
"""Width of a latency bin in the logarithm: half a percent."""
EVERY = 100
"""Pairs between two looks of the rules that need whole distributions."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side by window: counts, and milliseconds that are NaN where nothing was answered."""

    requests: Integers
    errors: Integers
    p95_ms: Floats
    p99_ms: Floats
    labels: Integers
    wrong: Integers

    @property
    def error_share(self) -> Floats:
        """Share of requests that failed; NaN without a request."""
        return _share(self.errors, self.requests)

    @property
    def wrong_share(self) -> Floats:
        """Share of labelled answers that were wrong; NaN without a label."""
        return _share(self.wrong, self.labels)


@dataclass(frozen=True, slots=True)
class Windows:
    """Whole windows of arrival: when each ended, pairs arrived by then, both sides."""

    end_us: Integers
    arrived: Integers
    baseline: Side
    candidate: Side

    def look(self, index: int) -> Look:
        """The end of a window as a look."""
        return Look(int(self.arrived[index]), int(self.end_us[index]))


@dataclass(frozen=True, slots=True)
class Labels:
    """Answers whose label came in time, in the order and at the time in which they count."""

    at_us: Integers
    arrived: Integers
    baseline_wrong: Flags
    candidate_wrong: Flags

    def look(self, index: int) -> Look:
        """The look at which this label was there."""
        return Look(int(self.arrived[index]), int(self.at_us[index]))


@dataclass(frozen=True, slots=True)
class Latencies:
    """Counts by look and by latency bin so far, every hundred pairs; the pair of each look."""

    pair: Integers
    baseline: Floats
    candidate: Floats


@dataclass(frozen=True)
class Evidence:
    """Pairs in order of arrival as both sides showed them; latency is NaN where none was seen."""

    arrived_us: Integers
    baseline_error: Flags
    candidate_error: Flags
    baseline_ms: Floats
    candidate_ms: Floats
    labels: Labels
    watermark_us: int

    @property
    def begin_us(self) -> int:
        """The whole second in which the first request arrived."""
        return int(self.arrived_us[0]) // SECOND_US * SECOND_US if len(self.arrived_us) else 0

    def look(self, index: int) -> Look:
        """The look after the pair with this index."""
        return Look(index + 1, int(self.arrived_us[index]))

    @cached_property
    def minutes(self) -> Windows:
        """By the minute, as dashboards and metric backends show it."""
        return self.windows(MINUTE)

    def windows(self, seconds: int) -> Windows:
        """Whole windows of this length from the first request to the time of the look."""
        length = seconds * SECOND_US
        number = max((self.watermark_us - self.begin_us) // length, 0)
        end_us = self.begin_us + length * np.arange(1, number + 1)
        window = (self.arrived_us - self.begin_us) // length
        told = (self.labels.at_us - self.begin_us) // length
        sides = [
            _side(window, told, number, error, ms, wrong)
            for error, ms, wrong in (
                (self.baseline_error, self.baseline_ms, self.labels.baseline_wrong),
                (self.candidate_error, self.candidate_ms, self.labels.candidate_wrong),
            )
        ]
        arrived = np.searchsorted(self.arrived_us, end_us)
        return Windows(end_us, arrived, sides[0], sides[1])

    @cached_property
    def latencies(self) -> Latencies:
        """Both distributions of latency so far, every hundred pairs."""
        looks = len(self.arrived_us) // EVERY
        pair = EVERY * np.arange(1, looks + 1)
        logs = [
            np.log(np.maximum(ms[: looks * EVERY], 1e-3)) / BIN
            for ms in (self.baseline_ms, self.candidate_ms)
        ]
        seen = np.concatenate(logs)
        low = float(np.nanmin(seen, initial=np.inf))
        most = float(np.nanmax(seen, initial=-np.inf))
        bins = int(most - low) + 1 if np.isfinite(most) else 1
        counts = [_counts(log, low, bins, looks) for log in logs]
        return Latencies(pair, counts[0], counts[1])


def evidence_of(pairs: Pairs, policy: JudgePolicy) -> Evidence:
    """What is known of both sides, under the policy's timeout, accuracy rule and label window.

    BadInput for more than a year, of which there would be too many minutes to hold.
    """
    begin_us = int(pairs.arrived_us[0]) if len(pairs) else pairs.watermark_us
    seconds = (pairs.watermark_us - begin_us) / SECOND_US
    if seconds > LONGEST:
        raise BadInput(
            f"the rules of others look at each of {seconds / MINUTE:,.0f} minutes",
            "a record of a year or less, or no comparison",
        )
    errors = error_sides(pairs, policy.timeout)
    slowest = policy.timeout * 1000
    late = pairs.outcome == TIMEOUT
    seen = np.where(pairs.outcome == ANSWERED, pairs.candidate_latency_ms, np.nan)
    clock, in_time = label_clock(pairs, policy.label_window)
    wrong = wrong_sides(pairs, in_time, policy.accuracy)
    known = in_time[: len(clock.at_us)]
    rows = np.flatnonzero(known)
    return Evidence(
        arrived_us=pairs.arrived_us,
        baseline_error=errors.baseline_safety,
        candidate_error=errors.candidate_harm,
        baseline_ms=pairs.baseline_latency_ms,
        candidate_ms=np.where(late, slowest, seen),
        labels=Labels(
            clock.at_us[rows],
            clock.arrived[rows],
            wrong.baseline_safety[rows],
            wrong.candidate_harm[rows],
        ),
        watermark_us=pairs.watermark_us,
    )


def _share(part: Integers, whole: Integers) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _side(
    window: Integers, told: Integers, number: int, error: Flags, ms: Floats, wrong: Flags
) -> Side:
    whole = window < number
    known = whole & ~np.isnan(ms)
    quantiles = _quantiles(window[known], ms[known], number, (0.95, 0.99))
    return Side(
        requests=np.bincount(window[whole], minlength=number),
        errors=np.bincount(window[whole & error], minlength=number),
        p95_ms=quantiles[0],
        p99_ms=quantiles[1],
        labels=np.bincount(told[told < number], minlength=number),
        wrong=np.bincount(told[(told < number) & wrong], minlength=number),
    )


def _quantiles(
    window: Integers, values: Floats, number: int, shares: Sequence[float]
) -> list[Floats]:
    """The smallest value of each window with at least this share at or below it."""
    found = np.full((len(shares), number), np.nan)
    stops = np.bincount(window, minlength=number).cumsum()
    for index, chunk in enumerate(np.split(values, stops[:-1]) if number else []):
        if len(chunk):
            ranks = [max(ceil(share * len(chunk) - 1e-9) - 1, 0) for share in shares]
            found[:, index] = np.partition(chunk, ranks)[ranks]
    return list(found)


def _counts(log: Floats, low: float, bins: int, looks: int) -> Floats:
    known = ~np.isnan(log)
    cell = np.arange(len(log))[known] // EVERY * bins + (log[known] - low).astype(np.int64)
    counts = np.bincount(cell, minlength=looks * bins).reshape(looks, bins)
    return counts.cumsum(axis=0, dtype=np.float64)
