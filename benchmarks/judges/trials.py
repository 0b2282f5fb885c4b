"""What every gate claims, and the worlds in which it is tried; one world serves many gates."""

from benchmarks.judges.bounds import (
    ALPHA,
    CALIBRATED,
    FLOOR,
    FLOOR_P99,
    GUARDED,
    POLICY,
    SLOW,
    SLOW_MS,
    Paced,
    Rare,
    Said,
    Trial,
    any_threshold,
    both,
    frozen,
    harm,
    late,
    on_average,
    over,
    ratio_bound,
    safety,
    shifted,
    tail,
)
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
RATIO_LEVEL = ALPHA * POLICY.gates["p95-ratio"].weight

TRIALS = (
    Trial(
        HARMED,
        POLICY,
        12,
        (
            Paced("errors-paired", "harm", harm("errors-paired", both(0.1, 0.001)), 1.7),
            Paced("errors-absolute", "harm", harm("errors-absolute", (0.1, 0.9), 0.05), 1.7),
            Paced("p95-limit", "harm", harm("p95-limit", over(80.0, 100.0), 0.05), 1.75),
            Paced("frozen-p95", "harm", harm("frozen-p95", frozen(2.0, FLOOR)), 1.75),
            Paced("accuracy-absolute", "harm", harm("accuracy-absolute", (0.22, 0.78), 0.15), 1.7),
            Paced("accuracy-paired", "harm", harm("accuracy-paired", (0.12, 0.02, 0.86)), 1.7),
            Paced("frozen-p99", "harm", harm("frozen-p99", tail(2.0, FLOOR_P99)), 1.75),
            Said("prediction-shift", "INCONCLUSIVE"),
        ),
    ),
    Trial(
        SAFE,
        POLICY,
        10,
        (
            Paced("errors-paired", "safety", safety(both(0.00005, 0.0005), 0.001), 1.7),
            Paced("errors-absolute", "safety", safety((0.00005, 0.99995), 0.001), 1.7),
            Paced("p95-limit", "safety", safety(over(40.0, 100.0), 0.05), 1.7),
            Paced("frozen-p95", "safety", safety(frozen(1.0, 1.25), 0.0), 1.7),
            Paced("accuracy-absolute", "safety", safety((0.05, 0.95), 0.15), 1.7),
            Paced("accuracy-paired", "safety", safety((0.01, 0.03, 0.96), 0.01), 1.7),
            Rare("errors-late-paired", "harm", 1),
            Rare("errors-late-absolute", "harm", 1),
            Rare("gross-frozen-p95", "harm", 1),
            Said("coverage", "PASS"),
            Said("sample-integrity", "PASS"),
            Said("sample-ratio", "PASS"),
            Said("unlabelled-share", "PASS"),
            Said("latency-mean", "PASS"),
            Paced("frozen-p99", "safety", safety(tail(1.0, 1.25), 0.0), 1.7),
            Paced("accuracy-superior", "safety", safety((0.01, 0.03, 0.96), -0.01), 1.7),
            Paced("prediction-shift", "harm", shifted(0.01, 0.03), 2.0),
        ),
    ),
    Trial(
        EDGE,
        POLICY,
        10,
        (
            *(
                Rare(gate, "harm", 1)
                for gate in ("errors-paired", "errors-absolute", "errors-late-paired")
            ),
            Rare("errors-late-absolute", "harm", 1),
            Rare("frozen-p95", "harm", 1),
            Rare("accuracy-absolute", "harm", 1),
            Rare("accuracy-absolute", "safety", 2),
            Rare("accuracy-paired", "harm", 1),
            Rare("loss-paired", "harm", 1),
            Paced("loss-paired", "safety", safety((0.025, 0.025, 0.95), 0.01), 1.9),
            Rare("prediction-shift", "harm", 2),
        ),
    ),
    Trial(
        LIMIT,
        POLICY,
        8,
        (
            Rare("p95-limit", "harm", 1),
            Rare("p95-limit", "safety", 2),
            Paced("loss-paired", "harm", harm("loss-paired", (0.045, 0.025, 0.93)), 1.9),
        ),
    ),
    Trial(
        MARGIN,
        POLICY,
        10,
        (
            Rare("errors-paired", "safety", 2),
            Rare("frozen-p95", "safety", 2),
            Rare("accuracy-paired", "safety", 2),
            Rare("loss-paired", "safety", 2),
            Paced("prediction-shift", "harm", shifted(0.035, 0.025), 2.0),
        ),
    ),
    Trial(
        GROSS,
        POLICY,
        6,
        (Rare("gross-frozen-p95", "harm", 1), Rare("accuracy-superior", "safety", 2)),
    ),
    Trial(
        LATE,
        POLICY,
        8,
        (
            Paced("errors-late-paired", "harm", late("errors-late-paired", both(0.12, 0.001)), 2.0),
            Paced(
                "errors-late-absolute",
                "harm",
                late("errors-late-absolute", (0.12, 0.88), 0.05),
                2.0,
            ),
            Paced("gross-frozen-p95", "harm", late("gross-frozen-p95", frozen(2.0, 1.5)), 2.5),
        ),
    ),
    Trial(DRIFTING, GUARDED, 5, (Rare("frozen-p95", "harm", 0), Rare("disagreement", "safety", 1))),
    Trial(
        ALLOWED,
        SLOW,
        8,
        (
            Rare("frozen-p99", "harm", 1),
            Rare("latency-thresholds", "harm", 1),
            Rare("latency-mean", "harm", 1),
            Rare("p95-ratio", "harm", 1),
            Paced("disagreement", "safety", safety((0.001, 0.999), 0.01), 1.7),
        ),
    ),
    Trial(
        SLOWER,
        SLOW,
        6,
        (
            Paced("latency-thresholds", "harm", any_threshold(1.02), 2.0),
            Paced("latency-mean", "harm", on_average(1.02), 2.4),
        ),
    ),
    Trial(SLOWER_YET, SLOW, 6, (Paced("p95-ratio", "harm", ratio_bound(RATIO_LEVEL), 3.2),)),
    Trial(WITHIN, SLOW, 6, (Paced("p95-ratio", "safety", ratio_bound(ALPHA), 4.6),)),
    Trial(
        JUST_MISSED,
        SLOW,
        8,
        (
            Rare("frozen-p99", "safety", 2),
            Rare("latency-mean", "safety", 2),
            Rare("p95-ratio", "safety", 2),
        ),
    ),
    Trial(
        BROKEN,
        POLICY,
        1,
        (
            Said("coverage", "INCONCLUSIVE"),
            Said("sample-integrity", "INCONCLUSIVE"),
            Said("sample-ratio", "INCONCLUSIVE"),
        ),
    ),
    Trial(UNSENT, POLICY, 1, (Said("coverage", "INCONCLUSIVE"), Said("sample-ratio", "PASS"))),
    Trial(ONE_SIDED, POLICY, 1, (Said("sample-ratio", "INCONCLUSIVE"),)),
    Trial(TIMED_OUT, POLICY, 1, (Said("sample-ratio", "PASS"),)),
    Trial(SOME_LABELS, POLICY, 1, (Said("unlabelled-share", "PASS"),)),
    Trial(FEW_LABELS, POLICY, 1, (Said("unlabelled-share", "INCONCLUSIVE"),)),
    Trial(WRONG_UNLABELLED, POLICY, 1, (Said("unlabelled-share", "INCONCLUSIVE"),)),
    Trial(
        WANDERING,
        CALIBRATED,
        12,
        (
            Rare("latency-mean", "harm", 0),
            Rare("latency-thresholds", "harm", 0),
        ),
    ),
    Trial(
        OUTSIDE,
        CALIBRATED,
        2,
        (Said("latency-mean", "FAIL"), Said("latency-thresholds", "FAIL")),
    ),
)
