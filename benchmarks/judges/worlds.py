"""Simulated shadows: errors, latency and labels of two versions, on hosts that may drift."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis import JudgePolicy, Verdict
from analysis.columns import NO_TIME
from analysis.judging import judge_pairs
from analysis.metadata import metadata_of
from analysis.pairs import ANSWERED, NOT_SENT, TIMEOUT, Pairs
from benchmarks.hosts import COMMON, OWN, START_US

Floats = np.ndarray
SPREAD = float(np.hypot(COMMON, OWN))
LABEL_DELAY_US = 2_000_000
RIGHT, WRONG = 1.0, 9.0
STOPPED_MS = 200.0


@dataclass(frozen=True, slots=True)
class Drift:
    """How the logarithm of each host's latency wanders from minute to minute."""

    cv: float
    rho: float = 0.0
    kind: str = "normal"

    def path(self, minutes: int, rng: np.random.Generator) -> Floats:
        """One host: AR(1) with normal or t4 noise, or levels that hold for 15 min or throughout."""
        if self.kind == "one level":
            return np.full(minutes, rng.normal(0, self.cv))
        if self.kind == "levels":
            jumps = np.flatnonzero(rng.random(minutes) < 1 / 15)
            levels = rng.normal(0, self.cv, len(jumps) + 1)
            return levels[np.searchsorted(jumps, np.arange(minutes), side="right")]
        noise = rng.normal(0, 1, minutes)
        if self.kind == "t4":
            noise = rng.standard_t(4, minutes) / np.sqrt(2)
        path = self.cv * noise
        path[1:] *= np.sqrt(1 - self.rho**2)
        for minute in range(1, minutes):
            path[minute] += self.rho * path[minute - 1]
        return path


@dataclass(frozen=True, slots=True)
class World:
    """What is true of a shadow. Shares are probabilities; the candidate comes second in a pair.

    `wrong` is the share wrong on the candidate alone, on the baseline alone, on both; `onset` the
    second at which `errors` turn into `errors_after` and `ratio` begins to hold; `slow` the share
    of requests made slower and its factor, a negative share being that of the slowest; `stop` when
    the machine stops, for both sides, and for how many seconds;
    `unlabelled_wrong` the share without a label of what the candidate answers wrongly.
    """

    name: str
    rate: float = 10.0
    minutes: int = 60
    errors: tuple[float, float] = (0.001, 0.001)
    errors_after: tuple[float, float] | None = None
    shared_errors: float = 0.0
    burst: float = 0.0
    ratio: float = 1.0
    slow: tuple[float, float] = (0.0, 1.0)
    median_ms: float = 40.0
    wrong: tuple[float, float, float] = (0.025, 0.025, 0.075)
    unlabelled: float = 0.0
    unlabelled_wrong: float = 0.0
    texts: bool = False
    drift: Drift | None = None
    load: float = 0.0
    timeouts: float = 0.0
    not_sent: float = 0.0
    unusable: float = 0.0
    onset: float = 0.0
    stop: tuple[float, float] = (0.0, 0.0)

    def judged(self, policy: JudgePolicy, rng: np.random.Generator) -> tuple[Verdict, int]:
        """The verdict on one shadow, and how many pairs arrived before the onset."""
        pairs = self.pairs(rng)
        before = np.searchsorted(pairs.arrived_us, START_US + int(self.onset * 1e6))
        return judge_pairs(pairs, policy, False), int(before)

    def pairs(self, rng: np.random.Generator) -> Pairs:
        """One shadow, as the judge reads it."""
        end = 60.0 * self.minutes
        n = rng.poisson(self.rate * end)
        seconds = np.sort(rng.random(n)) * end
        arrived = START_US + (seconds * 1e6).astype(np.int64)
        late = seconds >= self.onset
        outcome = rng.choice(
            np.array([ANSWERED, TIMEOUT, NOT_SENT], dtype=np.int16),
            n,
            p=[1 - self.timeouts - self.not_sent, self.timeouts, self.not_sent],
        )
        failed = self._errors(seconds, late, rng)
        baseline_ms, candidate_ms = self._latencies(seconds, late, rng)
        baseline, candidate, label = self._answers(n, rng)
        answered = outcome == ANSWERED
        statuses = [np.where(bad, 500, 200).astype(np.int16) for bad in failed]
        statuses[0][rng.random(n) < self.unusable] = 0
        return Pairs(
            arrived_us=arrived,
            baseline_status=statuses[0],
            candidate_status=np.where(answered, statuses[1], 0).astype(np.int16),
            baseline_latency_ms=baseline_ms,
            candidate_latency_ms=np.where(answered, candidate_ms, np.nan),
            outcome=outcome,
            baseline_prediction=baseline,
            candidate_prediction=np.where(answered, candidate, np.nan),
            label=label,
            labelled_us=np.where(np.isnan(label), NO_TIME, arrived + LABEL_DELAY_US),
            numbers=not self.texts,
            classes=("right", "wrong") if self.texts else (),
            segment=pl.Series("segment", [None] * n, dtype=pl.String),
            metadata=metadata_of({}),
            watermark_us=START_US + int(end * 1e6),
            digest="",
        )

    def _errors(self, seconds: Floats, late: Floats, rng: np.random.Generator) -> list[Floats]:
        """Independent errors, those on both sides at once, and minutes in which both fail more."""
        after = self.errors_after or self.errors
        both = rng.random(len(seconds)) < self.shared_errors
        bursts = (rng.random(self.minutes) < 3 / 60)[(seconds // 60).astype(np.int64)]
        rates = [
            np.where(late, after[side], self.errors[side]) + self.burst * bursts for side in (0, 1)
        ]
        return [(rng.random(len(seconds)) < rate) | both for rate in rates]

    def _latencies(
        self, seconds: Floats, late: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        n = len(seconds)
        minute = (seconds // 60).astype(np.int64)
        common = rng.normal(0, COMMON, n)
        if self.load:
            common += Drift(self.load, 0.95).path(self.minutes, rng)[minute]
        sides = [common + rng.normal(0, OWN, n) for _ in range(2)]
        if self.drift:
            sides = [side + self.drift.path(self.minutes, rng)[minute] for side in sides]
        baseline, candidate = (self.median_ms * np.exp(side) for side in sides)
        begin, lasts = self.stop
        waits = STOPPED_MS * ((seconds >= begin) & (seconds < begin + lasts))
        baseline, candidate = baseline + waits, candidate + waits
        share, factor = self.slow
        candidate = candidate * np.where(late, self.ratio, 1.0)
        if share < 0:
            slowest = self.median_ms * np.exp(SPREAD * SLOWEST[-share])
            return baseline, np.where(candidate > slowest, factor, 1.0) * candidate
        return baseline, candidate * np.where(rng.random(n) < share, factor, 1.0)

    def _answers(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        only_candidate, only_baseline, both = self.wrong
        kind = rng.random(n)
        candidate = kind < only_candidate
        baseline = (kind >= only_candidate) & (kind < only_candidate + only_baseline)
        together = kind >= 1 - both
        lost = rng.random(n)
        missing = lost < np.where(candidate | together, self.unlabelled_wrong, 0.0)
        label = np.where(missing | (lost < self.unlabelled), np.nan, RIGHT)
        wrong = 2.0 if self.texts else WRONG
        return (
            np.where(baseline | together, wrong, RIGHT),
            np.where(candidate | together, wrong, RIGHT),
            label,
        )


SLOWEST = {0.03: 1.8808, 0.05: 1.6449}
"""Normal quantiles above which the slowest shares lie; a negative share of `slow` means these."""
P95 = float(np.exp(1.6449 * SPREAD))
"""The p95 of latency over its median."""
P99 = float(np.exp(2.3263 * SPREAD))

NULLS = (
    World("independent"),
    World("common load factor", load=0.15, median_ms=30.0),
    World("errors shared", errors=(0.0005, 0.0005), shared_errors=0.005),
    World("error bursts common to both", burst=0.035),
    *(
        World(f"hosts drift 10 %, rho {rho}, {rate:.0f}/s", rate=rate, drift=Drift(0.1, rho))
        for rate in (10.0, 50.0)
        for rho in (0.5, 0.8, 0.95)
    ),
    World("hosts drift 10 %, t4 noise", drift=Drift(0.1, 0.8, "t4")),
    World("hosts drift 10 %, level shifts", drift=Drift(0.1, kind="levels")),
    World("boundary: 5 % errors on both", errors=(0.05, 0.05)),
    World("boundary: p95 of both 100 ms", median_ms=100 / P95),
    World("boundary: both right in 85 %", wrong=(0.025, 0.025, 0.125)),
    World("a third never labelled", unlabelled=0.33),
)
HARMS = (
    World("errors .1 to .2 %", errors=(0.001, 0.002), rate=50.0),
    World("errors .1 to .5 %", errors=(0.001, 0.005)),
    World("errors .1 to 2 %", errors=(0.001, 0.02), minutes=30),
    World("errors 10 % from minute 30", errors_after=(0.001, 0.1), onset=1800.0),
    World("latency x1.05", ratio=1.05),
    World("latency x1.1", ratio=1.1),
    World("latency x1.2", ratio=1.2),
    World("latency x1.5", ratio=1.5, minutes=30),
    World("latency x2", ratio=2.0, minutes=30),
    World("slowest 3 % doubled", slow=(-0.03, 2.0)),
    World("slowest 5 % doubled", slow=(-0.05, 2.0)),
    World("1 % of requests x10", slow=(0.01, 10.0)),
    World("accuracy -1 point", wrong=(0.035, 0.025, 0.075)),
    World("accuracy -3 points", wrong=(0.05, 0.02, 0.075), minutes=30),
)
