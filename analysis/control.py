"""A negative control: the champion against a copy of itself, where every alarm is a false one.

The record is cut into rollouts of the policy's horizon, each judged as if it were a candidate's.
What the copy differs by is the mirror's and the hosts', and none of it the version's.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from math import exp

import numpy as np

from analysis import payoffs
from analysis.calibration import calibrated
from analysis.course import INTERVAL_LEVEL, rate_estimate
from analysis.drift import scores_of
from analysis.envelope import Calibration
from analysis.findings import Estimate, Outcome
from analysis.judging import judge_pairs
from analysis.late import SECOND_US
from analysis.pair_sample import pair_sample
from analysis.pairs import Pairs, part_of
from analysis.policy import JudgePolicy
from analysis.policy_file import default_policy
from analysis.read import Source, read_pairs

ABSOLUTE = ("errors-absolute", "errors-late-absolute", "p95-limit", "accuracy-absolute")
"""Gates of the candidate alone: what they find is so of the champion, and no false alarm."""
SURPRISING = 0.01
"""So many false alarms or more by a chance below this: the promise does not hold here."""


@dataclass(frozen=True, slots=True)
class Control:
    """False alarms of whole windows of `window` s, by gate; what the copy differs by.

    `rollbacks` are windows in which a comparison failed, `beyond` counts where the champion itself
    was beyond a limit, by gate.
    `promoted` are windows that ended in PROMOTE. `offset` is the ratio of latencies less 1,
    `different` the share of different answers; `drift` is None without two minutes of latencies.
    """

    window: float
    windows: int
    rollbacks: int
    promoted: int
    by_gate: Mapping[str, int]
    beyond: Mapping[str, int]
    alpha: float
    offset: Estimate
    different: Estimate
    drift: Calibration | None

    @property
    def expected(self) -> float:
        """False ROLLBACKs that the policy allows in so many windows, at most on average."""
        return self.alpha * self.windows

    @property
    def chance(self) -> float:
        """The chance of as many or more in independent windows, each with the budget as chance."""
        from scipy.special import bdtrc

        return float(bdtrc(self.rollbacks - 1, self.windows, self.alpha)) if self.rollbacks else 1.0

    @property
    def surprising(self) -> bool:
        """Whether there are more false alarms than the policy promised."""
        return self.windows > 0 and self.chance < SURPRISING


def control(source: Source, policy: JudgePolicy | None = None) -> Control:
    """From the pairs of a champion and a copy of it, by the policy that candidates are held to."""
    pairs, policy = read_pairs(source), policy or default_policy()
    verdicts = [judge_pairs(part, policy, live=False) for part in windows(pairs, policy)]
    failed = [
        [finding for finding in verdict.findings if finding.outcome is Outcome.FAIL]
        for verdict in verdicts
    ]
    compared = [[one.label for one in each if one.name not in ABSOLUTE] for each in failed]
    alone = [[one.label for one in each if one.name in ABSOLUTE] for each in failed]
    sample = pair_sample(pairs, policy)
    mean = sample.mean_ratio()
    low, high = payoffs.interval(mean.lower, mean.upper, INTERVAL_LEVEL)
    value = None if mean.value is None else exp(mean.value) - 1
    known = value is not None
    return Control(
        window=policy.horizon,
        windows=len(verdicts),
        rollbacks=sum(map(bool, compared)),
        promoted=sum(verdict.decision == "PROMOTE" for verdict in verdicts),
        by_gate=_counted(compared),
        beyond=_counted(alone),
        alpha=policy.alpha_rollback,
        offset=Estimate(
            value, exp(low) - 1 if known else None, exp(high) - 1 if known else None, len(pairs)
        ),
        different=rate_estimate(sample.different().totals()),
        drift=calibrated(scores_of(pairs), int(pairs.arrived_us[-1]) + 1) if len(pairs) else None,
    )


def _counted(labels: list[list[str]]) -> Mapping[str, int]:
    return dict(sorted(Counter(chain.from_iterable(labels)).items()))


def windows(pairs: Pairs, policy: JudgePolicy) -> Iterator[Pairs]:
    """Whole stretches of the horizon, each with the labels that a rollout would have waited for."""
    length = round(policy.horizon * SECOND_US)
    begin = int(pairs.arrived_us[0]) if len(pairs) else 0
    while len(pairs) and begin + length <= pairs.watermark_us:
        rows = slice(*np.searchsorted(pairs.arrived_us, [begin, begin + length]))
        begin += length
        if rows.start == rows.stop < len(pairs):
            # One far time must not cost a step for every window in between.
            begin += max(int(pairs.arrived_us[rows.stop]) - begin, 0) // length * length
        elif rows.start == rows.stop:
            return
        else:
            waited = begin + round(policy.label_window * SECOND_US)
            if pairs.labelled[rows].all():
                # Nothing is waited for once the last of them has come.
                waited = min(waited, max(begin, int(pairs.labelled_us[rows].max())))
            yield part_of(pairs, rows, min(waited, pairs.watermark_us))
