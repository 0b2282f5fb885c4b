"""Simulated split traffic: each request goes to one side by chance, and is seen there alone."""

from dataclasses import dataclass

import numpy as np

from analysis import JudgePolicy, Verdict
from analysis.judging import judge_requests
from analysis.metadata import metadata_of
from analysis.requests import Requests
from benchmarks.hosts import START_US
from benchmarks.judges.worlds import SPREAD, Drift


@dataclass(frozen=True, slots=True)
class SplitWorld:
    """What is true of a split; of pairs of numbers the candidate's comes second.

    `share` is the one stated, `came` the one that requests really came in; at `onset` seconds
    `errors` turn into `errors_after` and `ratio` begins to hold; `unusable` answers nobody timed;
    `burst` is added to both sides' errors every other minute.
    """

    name: str
    share: float = 0.5
    came: float | None = None
    rate: float = 100.0
    minutes: int = 5
    errors: tuple[float, float] = (0.001, 0.001)
    errors_after: tuple[float, float] | None = None
    burst: float = 0.0
    ratio: float = 1.0
    median_ms: float = 40.0
    drift: Drift | None = None
    unusable: float = 0.0
    onset: float = 0.0

    def judged(self, policy: JudgePolicy, rng: np.random.Generator) -> tuple[Verdict, int]:
        """The verdict on one record, and how many requests came before the onset."""
        requests = self.requests(rng)
        before = np.searchsorted(requests.arrived_us, START_US + int(self.onset * 1e6))
        return judge_requests(requests, policy, False), int(before)

    def requests(self, rng: np.random.Generator) -> Requests:
        """One record, as the judge reads it."""
        end = 60.0 * self.minutes
        n = rng.poisson(self.rate * end)
        seconds = np.sort(rng.random(n)) * end
        late, minute = seconds >= self.onset, (seconds // 60).astype(np.int64)
        candidate = rng.random(n) < (self.share if self.came is None else self.came)
        side, after = candidate.astype(np.int64), self.errors_after or self.errors
        rates = np.where(late, np.array(after)[side], np.array(self.errors)[side])
        failed = rng.random(n) < rates + self.burst * (minute % 2)
        latency = rng.normal(0, SPREAD, n) + np.log(self.ratio) * (candidate & late)
        if self.drift:
            hosts = np.stack([self.drift.path(self.minutes, rng) for _ in range(2)])
            latency += hosts[side, minute]
        ms = self.median_ms * np.exp(latency)
        ms[rng.random(n) < self.unusable] = np.nan
        return Requests(
            arrived_us=START_US + (seconds * 1e6).astype(np.int64),
            candidate=candidate,
            status=np.where(failed, 500, 200).astype(np.int16),
            latency_ms=ms,
            share=self.share,
            metadata=metadata_of({}),
            watermark_us=START_US + int(end * 1e6),
            digest="",
        )
