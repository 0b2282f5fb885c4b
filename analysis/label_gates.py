"""Labels that never came, by side and class of answers: an answer may decide who is labelled."""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Floats, Integers
from analysis.blocks import counts_at, held, looks_of
from analysis.course import Course, Judged, Record, Words, conclude
from analysis.findings import Estimate
from analysis.policy import Gate
from analysis.words import count, percent

MOST_CLASSES = 100


@dataclass(frozen=True, slots=True)
class _Arm:
    """One side: its name, the class of each admitted pair, the names of the classes."""

    name: str
    kinds: Integers
    classes: tuple[str, ...]


def unlabelled_course(record: Record, gate: Gate) -> Course:
    """Looked at after every 1,024 pairs whose label came or whose window has passed."""
    m = len(record.labels.at_us)
    looks, end = looks_of(m), np.array([m] if m else [], dtype=np.int64)
    missing = ~record.in_time[:m]
    most, least = gate.limits["max_unlabelled"], gate.limits["min_pairs"]
    standing = np.ones(len(looks), dtype=np.bool_)
    told: list[tuple[float, str]] = []
    for arm in _arms(record, m):
        number = len(arm.classes)
        shares = _shares(arm.kinds, missing, number, looks, least)
        standing &= (shares <= most).all(axis=0)
        last = _shares(arm.kinds, missing, number, end, least)
        told += [
            (float(share), f"{arm.name}{arm.classes[place]}")
            for place, share in enumerate(last.ravel())
            if share >= 0
        ]
    worst, where = max(told, default=(0.0, "any class"))
    brief = f"{percent(worst)} of labels missing"
    words = Words(
        metric="share of pairs without a label in time, where it is largest",
        unit="share",
        now=f"{brief} of {where} (at most {percent(most)}) in {count(m)} pairs due a label"
        if m
        else f"no label due yet for {count(len(record.pairs))} pairs",
        brief=brief,
        found="",
        held="too many labels missing" if worst > most else "too few labels due yet",
    )
    flags = held(standing, looks, m)
    judged = Judged(None, None, Estimate(worst if m else None, None, None, m), None)
    finding = conclude(gate, record.labels, judged, words, flags, None)
    return Course(finding, record.labels, flags, None)


def _arms(record: Record, m: int) -> list[_Arm]:
    """Both sides; numbers are one class, so are texts of too many kinds, and missing answers."""
    pairs = record.pairs
    told = pairs.classes if len(pairs.classes) <= MOST_CLASSES else ()
    names = (": no answer", *([f" {name}" for name in told] or [""]))
    sides = {"candidate": pairs.candidate_prediction, record.baseline: pairs.baseline_prediction}
    arms = []
    for side, values in sides.items():
        code = np.nan_to_num(values[:m]) if told else 1
        kinds = np.where(np.isnan(values[:m]), 0, code).astype(np.int64)
        arms.append(_Arm(f"the {side}'s answers", kinds, names))
    return arms


def _shares(
    kinds: Integers, missing: np.ndarray, number: int, looks: Integers, least: float
) -> Floats:
    """Share without a label of each class at each look; -1 for classes that are too small."""
    both = counts_at(kinds * 2 + missing, 2 * number, looks).reshape(number, 2, -1)
    n = both.sum(axis=1)
    return np.where(n >= least, both[:, 1] / np.maximum(n, 1), -1.0)
