"""How far two hosts with one version drift apart: learned from a window before anything is judged.

A copy of the champion is shadowed by the champion (A/A). The envelope bounds how far the ratio of
latencies wanders; the correlation of its minutes says how long it stays there.
"""

from math import sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.bets import Floats, Integers
from analysis.block_plan import require_all
from analysis.block_sample import scores_in
from analysis.drift import SCALE, Scores, moments, scores_of
from analysis.envelope import MINUTE, Calibration
from analysis.late import SECOND_US
from analysis.policy_file import default_policy
from analysis.read import Source, in_blocks, read_pairs
from analysis.read_blocks import count_blocks

LENGTHS = (30, 60, 120, 300, 600, 1_200, 1_800)
"""Blocks in seconds, of which the shortest that is no longer mostly noise gives the envelope."""
NOISE = 0.25
FEWEST = 20
# Sokal's window: the sum of autocorrelations ends at the first lag beyond 5 times itself.
WINDOW = 5.0
MOST_RHO = 0.995


def calibrate(source: Source) -> Calibration | None:
    """From the pairs of a champion and a copy of it; None without two minutes of latencies."""
    if isinstance(source, (str, Path)) and in_blocks(Path(source)):
        table, plan = count_blocks(Path(source), default_policy())
        require_all(plan, table.plan, table.n, live=False)
        return calibrated(scores_in(table), int(table.seconds.ids[-1] + 1) * SECOND_US)
    pairs = read_pairs(source)
    return calibrated(scores_of(pairs), int(pairs.arrived_us[-1]) + 1) if len(pairs) else None


def calibrated(scores: Scores, until_us: int) -> Calibration | None:
    """From the scores of an A/A window that ends at `until_us`.

    How long hosts stay apart is seen only where nothing is missing: in its longest unbroken run.
    What lies beyond the gaps is heard, too, where it says worse.
    """
    minutes = scores.by(MINUTE)
    place = minutes.second[minutes.n >= 2]
    if len(place) < 2:
        return None
    begin, end = _longest_run(place)
    window = float(MINUTE * (end - begin))
    seen = [_wandering(part, window) for part in (scores, scores.within(begin, end, MINUTE))]
    widest = max(seen, key=lambda one: one.rms)
    return Calibration(
        until_us=until_us,
        window=window,
        block=widest.block,
        rms=widest.rms,
        minute_rms=max(one.minute_rms for one in seen),
        rho=max(one.rho for one in seen),
        tau=max(one.tau for one in seen),
    )


def _longest_run(place: Integers) -> tuple[int, int]:
    """The first minute of the longest run of minutes that follow each other, and the one after it.

    A minute begun is one, as three hours of requests end a moment before they are over.
    """
    cuts = np.flatnonzero(np.diff(place) > 1) + 1
    runs = np.split(place, cuts)
    longest = max(runs, key=len)
    return int(longest[0]), int(longest[-1]) + 1


class _Wandering(NamedTuple):
    """As in `Calibration`, of a part of its window."""

    block: float
    rms: float
    minute_rms: float
    rho: float
    tau: float


def _wandering(scores: Scores, window: float) -> _Wandering:
    """How far hosts are apart in these seconds, and for how long."""
    block, rms = _envelope(scores, window)
    minutes = scores.by(MINUTE)
    usable = minutes.n >= 2
    mean, _ = moments(minutes.n[usable], minutes.total[usable], minutes.squares[usable])
    place, ratio = minutes.second[usable], mean / SCALE
    rho = correlation(place, ratio, 1)
    # Kendall's correction of the estimate, which is too low on average (research notes).
    rho = min(max(rho + (1 + 3 * rho) / len(ratio), 0.0), MOST_RHO)
    # Sums of a short window are too low, and AR(1) has a time of its own: the longer holds.
    tau = MINUTE * max(autocorrelation_time(place, ratio), (1 + rho) / (1 - rho))
    return _Wandering(float(block), rms, sqrt(float((ratio**2).mean())), rho, tau)


def _envelope(scores: Scores, window: float) -> tuple[int, float]:
    """The shortest block whose own noise is small beside it, else the longest there are enough of.

    Hosts that do not drift leave nothing but noise, of which the longest block has least.
    """
    fits = [length for length in LENGTHS if window / length >= FEWEST] or [LENGTHS[0]]
    for length in fits:
        blocks = scores.by(length)
        usable = blocks.n >= 2
        n = blocks.n[usable]
        mean, spread = moments(n, blocks.total[usable], blocks.squares[usable])
        rms = sqrt(float((mean**2).mean())) if len(mean) else 0.0
        noise = sqrt(float((spread / n).mean())) if len(mean) else 0.0
        if rms and noise <= NOISE * rms:
            return length, rms / SCALE
    return fits[-1], rms / SCALE


def correlation(place: Integers, values: Floats, lag: int) -> float:
    """Autocorrelation about zero, from the pairs of values that are so many places apart.

    1 where there is no such pair, as nothing then says that they differ.
    """
    later = np.searchsorted(place, place + lag)
    found = later < len(place)
    found[found] = place[later[found]] == place[found] + lag
    if not found.any():
        return 1.0
    power = float((values**2).mean())
    if not power:
        return 0.0
    return float((values[found] * values[later[found]]).mean()) / power


def autocorrelation_time(place: Integers, values: Floats) -> float:
    """1 + 2 sum of autocorrelations, in places; over a fifth of the longest run if without an end.

    A lag as long as the run is the first of which it says nothing.
    """
    begin, end = _longest_run(place)
    total = 1.0
    for lag in range(1, end - begin + 1):
        if lag > WINDOW * total:
            break
        total = max(total + 2 * correlation(place, values, lag), 1.0)
    return total
