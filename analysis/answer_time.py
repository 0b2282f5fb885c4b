"""How long the champion's errors hang together, learned from the labels of an earlier record.

Variances of means of blocks that grow: robust where requests of one day stand side by side and
their likes come a day later, which hides from autocorrelations that are summed until they fade.
"""

from math import sqrt
from statistics import NormalDist

import numpy as np

from analysis.bets import Flags, Floats
from analysis.dependence import FEWEST, Dependence
from analysis.pair_sample import pair_sample
from analysis.policy import JudgePolicy
from analysis.policy_file import default_policy
from analysis.read import Source, read_pairs
from analysis.sides import KNOWN, OTHER_HARM, SURE

LEVEL = 0.999
"""A variance below this quantile of chance's is no sign of dependence."""
Z = NormalDist().inv_cdf(LEVEL)


def calibrate_answers(source: Source, policy: JudgePolicy | None = None) -> Dependence | None:
    """From pairs with labels, by the policy's rule of what is right; None without any label."""
    pairs = read_pairs(source)
    sides = pair_sample(pairs, policy or default_policy()).answers()
    kinds = sides.kinds()
    wrong = OTHER_HARM[kinds[(KNOWN & SURE)[kinds]]]
    if not len(wrong):
        return None
    until_us = pairs.watermark_us + 1
    return Dependence(
        "calibrated", until_us=until_us, window=len(wrong), tau=autocorrelation_time(wrong)
    )


def autocorrelation_time(values: Flags | Floats) -> float:
    """Values in a row that tell as much as one: the most that any length of block shows, or 1.

    A block of L has a mean with tau/L times the variance of one; blocks double in length while
    there are 20 of them, and those within chance (chi-square) count for nothing.
    """
    variance, found, length = float(values.var()), 1.0, 1
    sums = values.astype(np.float64)
    while variance and (blocks := len(sums) // 2) >= FEWEST:
        sums, length = sums[: 2 * blocks : 2] + sums[1 : 2 * blocks : 2], 2 * length
        times = float(sums.var(ddof=1)) / length / variance
        if times > most_by_chance(blocks - 1):
            found = max(found, times)
    return found


def most_by_chance(degrees: int) -> float:
    """The quantile of chi-square over its degrees of freedom, by Wilson and Hilferty (1931).

    Within 3 parts in 1,000 from 19 degrees on, and no import that takes longer than the rest.
    """
    spread = 2 / (9 * degrees)
    return (1 - spread + Z * sqrt(spread)) ** 3
