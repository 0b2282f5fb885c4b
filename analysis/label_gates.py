"""Labels that never came, by side and class of answers: an answer may decide who is labelled."""

import numpy as np

from analysis.bets import Floats
from analysis.blocks import held
from analysis.course import Course, Judged, Record, Words, conclude
from analysis.findings import Estimate
from analysis.policy import Gate
from analysis.words import count, percent

LEAST = 1_024


def unlabelled_course(record: Record, gate: Gate) -> Course:
    """Looked at from `LEAST` pairs on whose label came or whose window has passed.

    Shares are compared as they are, at no level: those of a few pairs would pass by chance.
    """
    m, rows = record.sample.due, len(record.labels.at_us)
    most, least = gate.limits["max_unlabelled"], gate.limits["min_pairs"]
    arms = record.sample.labelled(record.baseline)
    looks = arms[0].counts.looks
    standing = arms[0].counts.at_looks.sum(axis=0) >= LEAST
    told: list[tuple[float, str]] = []
    for arm in arms:
        standing &= (_shares(arm.counts.at_looks, least) <= most).all(axis=0)
        last = _shares(arm.counts.at_end[:, None], least)
        told += [
            (float(share), f"{arm.name}{arm.classes[place]}")
            for place, share in enumerate(last.ravel())
            if share >= 0 and m
        ]
    worst, where = max(told, default=(0.0, "any class"))
    brief = f"{percent(worst)} of labels missing"
    words = Words(
        metric="share of pairs without a label in time, where it is largest",
        unit="share",
        now=f"{brief} of {where} (at most {percent(most)}) in {count(m)} pairs due a label"
        if m
        else f"no label due yet for {count(record.sample.n)} pairs",
        brief=brief,
        found="",
        held="too many labels missing" if worst > most else "too few labels due yet",
    )
    flags = held(standing, looks, rows)
    judged = Judged(None, None, Estimate(worst if m else None, None, None, m), None)
    finding = conclude(gate, record.labels, judged, words, flags, None)
    return Course(finding, record.labels, flags, None)


def _shares(counts: Floats, least: float) -> Floats:
    """Share without a label of each class at each look; -1 for classes that are too small.

    Counts are of pairs with a label, then of those without, of each class in turn.
    """
    both = counts.reshape(len(counts) // 2, 2, -1)
    n = both.sum(axis=1)
    return np.where(n >= least, both[:, 1] / np.maximum(n, 1), -1.0)
