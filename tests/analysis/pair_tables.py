"""Pair tables for the tests: healthy unless told otherwise, the same for the same seed."""

from pathlib import Path

import numpy as np
import polars as pl

from analysis import JudgePolicy, parse_policy

START_US = 1_760_000_040_000_000
TIMESTAMP = pl.Datetime("us", "UTC")
ONE_MACHINE = '[drift]\nkind = "none"\nreason = "both sides share a machine"\n'
METADATA = {
    "component": "price-predictor",
    "region": "local",
    "baseline_revision": "v2.0.0",
    "candidate_revision": "v2.1.0",
    "schema_version": "1",
}


def policy(text: str = "") -> JudgePolicy:
    """A policy for hosts that do not drift, with more TOML appended."""
    return parse_policy(ONE_MACHINE + text)


def pairs(
    n: int = 8_000,
    seed: int = 1,
    rate: float = 300.0,
    errors: tuple[float, float] = (0.0, 0.0),
    only_candidate_wrong: float = 0.02,
    only_baseline_wrong: float = 0.05,
    both_wrong: float = 0.09,
    slow: float = 0.0,
    ratio: float = 1.0,
    label_delay: float = 2.0,
) -> pl.DataFrame:
    """Pairs of a healthy challenger; `errors` and the wrong shares are probabilities."""
    rng = np.random.default_rng(seed)
    arrived = START_US + np.cumsum(rng.exponential(1e6 / rate, n)).astype(np.int64)
    common = rng.normal(0, 0.3, n)
    latency = [9 * np.exp(common + rng.normal(0, 0.15, n)) for _ in range(2)]
    latency[1] = latency[1] * ratio + 150 * (rng.random(n) < slow)
    label = np.exp(rng.normal(0, 1, n))
    kind = rng.random(n)
    both = kind > 1 - both_wrong
    candidate_wrong = (kind < only_candidate_wrong) | both
    baseline_wrong = ((kind < only_candidate_wrong + only_baseline_wrong) & ~candidate_wrong) | both
    delay = (label_delay * 1e6 * (0.5 + rng.random(n))).astype(np.int64)
    return pl.DataFrame(
        {
            "request_id": [f"request-{seed}-{index}" for index in range(n)],
            "arrived_at": pl.Series(arrived, dtype=pl.Int64).cast(TIMESTAMP),
            "segment": pl.Series(["spot", "swap"] * (n // 2) + ["spot"] * (n % 2), dtype=pl.String),
            "baseline_status": np.where(rng.random(n) < errors[0], 500, 200),
            "candidate_status": np.where(rng.random(n) < errors[1], 500, 200),
            "baseline_latency_ms": latency[0],
            "candidate_latency_ms": latency[1],
            "baseline_prediction": label * np.where(baseline_wrong, 2.5, 1.1),
            "candidate_prediction": label * np.where(candidate_wrong, 2.6, 1.2),
            "candidate_outcome": pl.Series(["answered"] * n, dtype=pl.String),
            "label": label,
            "labelled_at": pl.Series(arrived + delay, dtype=pl.Int64).cast(TIMESTAMP),
        }
    )


def seen_by(frame: pl.DataFrame, at_us: int) -> tuple[pl.DataFrame, dict[str, str]]:
    """What a live judge has at this time: rows arrived, labels come, and the watermark."""
    at = pl.Series([at_us]).cast(TIMESTAMP)[0]
    told = pl.col("labelled_at") <= at
    rows = frame.filter(pl.col("arrived_at") <= at).with_columns(
        label=pl.when(told).then("label"), labelled_at=pl.when(told).then("labelled_at")
    )
    return rows, {"watermark": at.isoformat()}


def write(path: Path, frame: pl.DataFrame, **metadata: str) -> Path:
    """A Parquet file with its metadata."""
    frame.write_parquet(path, metadata={**METADATA, **metadata})
    return path
