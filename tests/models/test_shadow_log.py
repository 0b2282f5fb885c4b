"""The shadow-metrics log: one readable object per look."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest

from analysis import judge
from models.records import Shadow
from models.shadow_log import append_shadow_line

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def shadow(n: int) -> Shadow:
    """n pairs in n seconds, the candidate twice as slow, every tenth copy timed out."""
    lost = [number % 10 == 9 for number in range(n)]
    pairs = pl.DataFrame(
        {
            "request_id": [str(number) for number in range(n)],
            "arrived_at": [START + timedelta(seconds=number) for number in range(n)],
            "segment": pl.Series([None] * n, dtype=pl.String),
            "baseline_status": [200] * n,
            "candidate_status": [None if gone else 200 for gone in lost],
            "baseline_latency_ms": [float(number % 100) for number in range(n)],
            "candidate_latency_ms": [
                None if gone else 2.0 * (number % 100) for number, gone in enumerate(lost)
            ],
            "baseline_prediction": [1.0] * n,
            "candidate_prediction": [None if gone else 1.0 for gone in lost],
            "candidate_outcome": ["timeout" if gone else "answered" for gone in lost],
            "label": [1.0 if number < n // 2 else None for number in range(n)],
            "labelled_at": [
                START + timedelta(seconds=number + 1) if number < n // 2 else None
                for number in range(n)
            ],
        }
    )
    return Shadow(pairs, n, 0, 0, 0, 0, sum(lost), 0, 0, 0)


def test_each_look_is_one_line_with_what_people_look_for(tmp_path: Path) -> None:
    """Window, n, looks, estimates with intervals, latencies in ms, and what is missing."""
    path = tmp_path / "logs" / "shadow-metrics-price-predictor-v2.1.0.json"
    for looks, n in enumerate((100, 200), start=1):
        append_shadow_line(path, judge(shadow(n).pairs, live=True), shadow(n), looks)

    first, second = (orjson.loads(line) for line in path.open("rb"))
    assert (first["n"], first["looks"], second["n"], second["looks"]) == (100, 1, 200, 2)
    assert first["window_start"] == "2026-01-31T12:00:00+00:00"
    assert first["window_end"] == "2026-01-31T12:01:39+00:00"
    assert (first["labels"], first["timeouts"]) == (50, 10)
    assert first["baseline_p95_ms"] == pytest.approx(95.0, abs=1)
    assert first["candidate_p95_ms"] == pytest.approx(190.0, abs=4)
    gates = {gate["name"]: gate for gate in first["gates"]}
    assert all(gate.keys() >= {"estimate", "low", "high", "outcome"} for gate in gates.values())
    undecided = [
        gate["name"]
        for gate in first["gates"]
        if gate["blocking"] and gate["outcome"] == "INCONCLUSIVE"
    ]
    assert [text.split(":")[0] for text in first["missing"]] == undecided


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    """The caller decides whether a log line is worth stopping for."""
    (tmp_path / "log.json").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        append_shadow_line(tmp_path / "log.json", judge(shadow(50).pairs), shadow(50), 1)
