"""The worlds in which pairs are tried; one serves many gates."""

from benchmarks.judges.bounds import FLOOR, SLOW_MS
from benchmarks.judges.worlds import P95, Drift, World

HARMED = World(
    "everything is worse",
    rate=100.0,
    minutes=1,
    errors=(0.001, 0.1),
    ratio=2.0,
    wrong=(0.12, 0.02, 0.1),
)
SAFE = World(
    "everything is better",
    rate=100.0,
    minutes=2,
    errors=(0.0005, 0.00005),
    wrong=(0.01, 0.03, 0.04),
)
EDGE = World(
    "every limit is just kept",
    rate=100.0,
    minutes=2,
    errors=(0.05, 0.05),
    ratio=FLOOR,
    median_ms=40.0,
    wrong=(0.025, 0.025, 0.125),
)
LIMIT = World(
    "p95 of both 100 ms",
    rate=100.0,
    minutes=2,
    median_ms=100 / P95,
    errors=(0.0, 0.0),
    wrong=(0.045, 0.025, 0.1),
)
MARGIN = World(
    "every margin is just missed",
    rate=100.0,
    minutes=2,
    errors=(0.001, 0.002),
    ratio=1.25,
    wrong=(0.035, 0.025, 0.115),
)
GROSS = World(
    "p95 half as much again",
    rate=100.0,
    minutes=2,
    ratio=1.5,
    wrong=(0.02, 0.03, 0.075),
)
LATE = World(
    "harm begins in the second minute",
    rate=100.0,
    minutes=2,
    errors_after=(0.001, 0.12),
    ratio=2.0,
    onset=60.0,
)
STOPPED = World("the machine stops for four seconds", rate=100.0, minutes=2, stop=(3.3, 4.0))
DRIFTING = World(
    "hosts drift",
    rate=20.0,
    minutes=10,
    drift=Drift(0.2, 0.8),
    wrong=(0.005, 0.005, 0.09),
)
WANDERING = World(
    "calibrated hosts drift, as slow as is allowed",
    rate=5.0,
    minutes=30,
    median_ms=SLOW_MS,
    ratio=1.1,
    drift=Drift(0.1, 0.8),
)
OUTSIDE = World(
    "calibrated hosts drift, and twice as slow",
    rate=5.0,
    minutes=30,
    median_ms=SLOW_MS,
    ratio=2.2,
    drift=Drift(0.1, 0.8),
)
BROKEN = World("copies are lost", rate=50.0, minutes=1, timeouts=0.03, unusable=0.03)
UNSENT = World("copies are not sent", rate=50.0, minutes=1, not_sent=0.005)
ONE_SIDED = World("many copies are not sent", rate=50.0, minutes=1, not_sent=0.03)
TIMED_OUT = World("copies time out", rate=50.0, minutes=1, timeouts=0.03)
SOME_LABELS = World("2 % never labelled", rate=50.0, minutes=2, unlabelled=0.02)
FEW_LABELS = World("8 % never labelled", rate=50.0, minutes=2, unlabelled=0.08)
WRONG_UNLABELLED = World(
    "a third of the wrong never labelled",
    rate=50.0,
    minutes=2,
    texts=True,
    unlabelled_wrong=0.33,
)


def _slow(name: str, ratio: float) -> World:
    """Where 10 % more decide, and hardly an answer differs."""
    return World(
        name,
        rate=100.0,
        minutes=3,
        median_ms=SLOW_MS,
        ratio=ratio,
        wrong=(0.0005, 0.0005, 0.09),
    )


ALLOWED = _slow("just as slow as is allowed", 1.1)
SLOWER = _slow("2 % slower than is allowed", 1.1 * 1.02)
SLOWER_YET = _slow("5 % slower than is allowed", 1.1 * 1.05)
WITHIN = _slow("5 % within the margin", 1.25 / 1.05)
JUST_MISSED = _slow("latency just misses its margin", 1.25)
