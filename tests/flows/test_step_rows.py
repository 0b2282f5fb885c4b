"""What the proxy noted, counted: the right rollout, component, version and time, and no more."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.step_rows import StepRows
from rollout.release import StepCounts

T0 = datetime(2026, 11, 27, 12, tzinfo=UTC)


def noted(path: Path, *rows: tuple[float, str, int, float], rollout: str = "r-1") -> None:
    """Lines as the proxy writes them: seconds since T0, cluster, status, milliseconds."""
    with path.open("a") as log:
        for seconds, cluster, status, ms in rows:
            at = f"{(T0 + timedelta(seconds=seconds)).timestamp():.6f}"
            told = {"at": at, "cluster": cluster, "flags": "-", "ms": int(ms), "status": status}
            log.write(json.dumps({**told, "rollout": rollout}) + "\n")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Answers of two versions, some bad, and what must not be counted."""
    path = tmp_path / "access.jsonl"
    noted(path, (-1, "orders--v2", 500, 900))
    noted(path, (1, "orders--v2", 201, 5), (2, "orders--v2", 503, 6), (3, "orders--v2", 201, 70))
    noted(path, (1, "orders--v1", 201, 5), (2, "orders--v1", 201, 80), (3, "orders--v1", 500, 5))
    noted(path, (4, "orders--v2", 0, 3), (4, "prices--v2", 500, 3))
    noted(path, (4, "orders--v2", 500, 3), rollout="r-2")
    return path


def counted(rows: StepRows) -> StepCounts:
    """Version 2 beside version 1 since T0, slow from 50 ms."""
    return rows.counts("orders", "v2", "v1", T0, 50.0)


def test_each_side_is_counted_by_itself(log: Path) -> None:
    """A client that left, another component, another rollout and another time are not meant."""
    rows = StepRows(log, "r-1")
    rows.read()

    assert counted(rows) == StepCounts(3, 1, 1, 3, 1, 1)


def test_what_is_appended_is_taken_in_once_it_is_a_whole_line(log: Path) -> None:
    """A look may come in the middle of a line."""
    rows = StepRows(log, "r-1")
    rows.read()
    noted(log, (5, "orders--v2", 201, 5))
    whole = log.read_text()
    log.write_text(whole[:-10])
    rows.read()
    torn = counted(rows)
    with log.open("a") as file:
        file.write(whole[-10:])
    rows.read()

    assert (torn.requests, counted(rows).requests) == (3, 4)


def test_the_past_p95_is_that_of_the_first_requests_once_they_are_enough(log: Path) -> None:
    """So it is the same however late one looks."""
    rows = StepRows(log, "r-1")
    rows.read()
    few = rows.before("orders", "v1", T0, least=4)
    noted(log, *((10 + number, "orders--v1", 201, 2000) for number in range(20)))
    rows.read()

    assert few == (3, None)
    assert rows.before("orders", "v1", T0, least=3) == (23, 80.0)


def test_a_log_that_is_not_there_yet_counts_nothing(tmp_path: Path) -> None:
    """The proxy makes it with its first line."""
    rows = StepRows(tmp_path / "access.jsonl", "r-1")
    rows.read()

    assert counted(rows) == StepCounts(0, 0, 0)
