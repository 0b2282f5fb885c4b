"""How long the champion's errors hang together, learned from the labels of an earlier record.

Variances of means of blocks that grow: robust where requests of one day stand side by side and
their likes come a day later, which hides from autocorrelations that are summed until they fade.
"""

from analysis.bets import Flags, Floats
from analysis.dependence import FEWEST, Dependence
from analysis.pair_sample import pair_sample
from analysis.policy import JudgePolicy
from analysis.policy_file import default_policy
from analysis.read import Source, read_pairs
from analysis.sides import KNOWN, OTHER_HARM, SURE

LEVEL = 0.999
"""A variance below this quantile of chance's is no sign of dependence."""


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
    from scipy.special import chdtri

    variance, found, length = float(values.var()), 1.0, 2
    while variance and len(values) // length >= FEWEST:
        blocks = len(values) // length
        means = values[: blocks * length].reshape(blocks, length).mean(axis=1)
        times = length * float(means.var(ddof=1)) / variance
        if times > float(chdtri(blocks - 1, 1 - LEVEL)) / (blocks - 1):
            found = max(found, times)
        length *= 2
    return found
