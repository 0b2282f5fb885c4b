"""The rows of the version that serves: counted by the second, joined to their labels."""

from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import numpy as np
import orjson
import pytest

from models.live import Live, LiveRows
from models.past import past_p95

SINCE = datetime(2026, 1, 5, 12, tzinfo=UTC)
START = SINCE.timestamp()


def row(second: float, *, status: int = 200, ms: float = 1.0, **more: object) -> dict[str, object]:
    """A request that arrived so many seconds after the beginning."""
    at = START + second
    fixed = {"id": f"r{second:g}", "at": at, "status": status, "ms": ms, "prediction": 2.0}
    return {**fixed, "segment": None, "mirrored": False, "open": at + 100, **more}


def write(path: Path, *rows: dict[str, object]) -> None:
    """Append lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(orjson.dumps(one) + b"\n" for one in rows)


def label(second: float, truth: object, after: float) -> dict[str, object]:
    """A label that was known so many seconds after its request."""
    at = (SINCE + timedelta(seconds=second + after)).isoformat()
    return {"request_id": f"r{second:g}", "label": truth, "labelled_at": at}


@pytest.fixture
def rows(tmp_path: Path) -> LiveRows:
    """The eye on v2.0.0; slow is over 20 ms, too late after 5 s."""
    return LiveRows(tmp_path, "v2.0.0", SINCE, timeout=5.0, slow_ms=20.0)


def seen(rows: LiveRows, second: float) -> Live:
    """What is known so many seconds after the beginning."""
    return rows.read(SINCE + timedelta(seconds=second))


def counts(live: Live) -> list[list[int]]:
    """Requests, errors, slow ones."""
    return [live.requests.tolist(), live.errors.tolist(), live.slow.tolist()]


def test_requests_are_counted_by_the_second(tmp_path: Path, rows: LiveRows) -> None:
    """Over all servers of the version, since the beginning; a 4xx is the client's own."""
    write(
        tmp_path / "traffic/v2.0.0-1.jsonl",
        row(-1.0, status=500),
        row(0.0),
        row(0.5, status=500),
        row(2.9, status=404),
    )
    write(tmp_path / "traffic/v2.0.0-2.jsonl", row(0.7, ms=21.0), row(2.1, ms=6000.0))
    write(tmp_path / "traffic/v1.0.0-1.jsonl", row(0.2, status=500))

    assert counts(seen(rows, 4.0)) == [[3, 0, 2, 0], [1, 0, 1, 0], [1, 0, 1, 0]]


def test_reading_piece_by_piece_gives_the_same(tmp_path: Path, rows: LiveRows) -> None:
    """Looks in between, rows that come late into a second: the counts are those of one look."""
    file = tmp_path / "traffic/v2.0.0-1.jsonl"
    assert counts(seen(rows, 2.0)) == [[0, 0], [0, 0], [0, 0]]
    for second in (0.1, 3.0, 1.2, 1.3):
        write(file, row(second, status=500))
        seen(rows, 3.5)
    whole = LiveRows(tmp_path, "v2.0.0", SINCE, timeout=5.0, slow_ms=20.0)

    assert counts(seen(rows, 5.0)) == counts(seen(whole, 5.0))
    assert counts(seen(rows, 5.0))[0] == [1, 2, 0, 1, 0]


def test_a_second_that_may_still_grow_is_left_out(tmp_path: Path, rows: LiveRows) -> None:
    """While an earlier request is under way; but one that hangs holds nothing back for ever."""
    write(tmp_path / "traffic/v2.0.0-1.jsonl", row(2.5, open=START + 1.5))

    assert counts(seen(rows, 4.0))[0] == [0]
    assert counts(seen(rows, 7.5))[0] == [0]
    write(tmp_path / "traffic/v2.0.0-1.jsonl", row(11.9, open=START + 1.5))
    assert counts(seen(rows, 12.0))[0] == [0, 0, 1, 0, 0, 0]


def test_the_second_that_has_not_ended_is_counted_apart(tmp_path: Path, rows: LiveRows) -> None:
    """Up to the moment before which no further request can turn up, not to the last row."""
    file = tmp_path / "traffic/v2.0.0-1.jsonl"
    write(file, row(0.5, status=500), row(1.2, status=500), row(1.3), row(1.8, open=START + 1.5))

    assert seen(rows, 2.5).unfinished == (2, 1)
    write(file, row(1.6, status=500, open=START + 1.9))
    assert seen(rows, 2.6).unfinished == (4, 2)
    write(file, row(2.1, open=START + 2.05))
    assert (seen(rows, 2.7).unfinished, counts(seen(rows, 2.7))[0]) == ((0, 0), [1, 4])


def test_labels_find_their_requests(tmp_path: Path, rows: LiveRows) -> None:
    """Whenever they come; those of other requests are forgotten, the first of two is kept."""
    write(tmp_path / "traffic/v2.0.0-1.jsonl", row(0.0), row(1.0), row(2.0))
    write(tmp_path / "labels.jsonl", label(1.0, 3.0, after=0.5), label(77.0, 1.0, after=0.1))
    first = seen(rows, 4.0).answers
    write(tmp_path / "labels.jsonl", label(1.0, 9.0, after=4.6))
    write(tmp_path / "labels.jsonl", label(0.0, 2.0, after=4.5), label(0.0, 7.0, after=4.7))
    second = seen(rows, 6.0).answers

    assert first["label"].to_list() == [None, 3.0, None]
    assert second["label"].to_list() == [2.0, 3.0, None]
    assert second["prediction"].to_list() == [2.0, 2.0, 2.0]
    waited = second["labelled_at"] - second["at"]
    assert waited.to_list() == [4_500_000, 500_000, None]


def test_texts_are_equal_where_their_codes_are(tmp_path: Path, rows: LiveRows) -> None:
    """A class that was foreseen, one that was not, and one without a label."""
    said = [row(float(n), prediction=text) for n, text in enumerate(["buy", "sell", "buy"])]
    write(tmp_path / "traffic/v2.0.0-1.jsonl", *said)
    write(tmp_path / "labels.jsonl", label(0.0, "buy", 0.1), label(1.0, "hold", 0.1))
    live = seen(rows, 4.0)
    right = live.answers["prediction"].to_numpy() == live.answers["label"].to_numpy()

    assert not live.numbers
    assert right.tolist() == [True, False, False]


def test_without_a_past_p95_nothing_is_slow(tmp_path: Path) -> None:
    """There is no limit to be over."""
    write(tmp_path / "traffic/v2.0.0-1.jsonl", row(0.0, ms=4000.0))
    rows = LiveRows(tmp_path, "v2.0.0", SINCE, timeout=5.0, slow_ms=inf)

    assert counts(seen(rows, 5.0))[2] == [0] * 5


def test_the_past_p95_is_that_of_all_its_rows(tmp_path: Path) -> None:
    """Outside of shadows and as the baseline of this one; too few rows are no past."""
    outside = [row(-float(n), ms=float(n)) for n in range(1, 51)]
    shadowed = [row(-float(n), ms=float(n)) for n in range(51, 101)]
    write(tmp_path / "traffic/v1.0.0-1.jsonl", *outside)
    write(tmp_path / "r-1/baseline-v1.0.0-1.jsonl", *shadowed)
    write(tmp_path / "r-0/baseline-v1.0.0-1.jsonl", row(-1.0, ms=9e9))
    wanted = float(np.quantile(np.arange(1, 101), 0.95, method="higher"))

    assert past_p95(tmp_path, "v1.0.0", "r-1", 100) == wanted
    assert past_p95(tmp_path, "v1.0.0", "r-1", 101) is None
    assert past_p95(tmp_path, "v2.0.0", "r-1", 1) is None
