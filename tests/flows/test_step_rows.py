"""What the proxy noted, counted: the right rollout, component, version and time, and no more."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.step_rows import StepRows
from rollout.release import Side, StepCounts
from rollout.watching import Seen

T0 = datetime(2026, 11, 27, 12, tzinfo=UTC)


def noted(
    path: Path, *rows: tuple[float, str, int, float], rollout: str = "r-1", flags: str = "-"
) -> None:
    """Lines as the proxy writes them: seconds since T0, cluster, status, milliseconds."""
    with path.open("a") as log:
        for seconds, cluster, status, ms in rows:
            at = f"{(T0 + timedelta(seconds=seconds)).timestamp():.6f}"
            told = {"at": at, "cluster": cluster, "flags": flags, "ms": int(ms), "status": status}
            log.write(json.dumps({**told, "rollout": rollout}) + "\n")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Answers of two versions, some bad, and what must not be counted."""
    path = tmp_path / "access.jsonl"
    noted(path, (-1, "orders--v2", 500, 900))
    noted(path, (1, "orders--v2", 201, 5), (2, "orders--v2", 503, 6), (3, "orders--v2", 201, 70))
    noted(path, (1, "orders--v1", 201, 5), (2, "orders--v1", 201, 80), (3, "orders--v1", 500, 5))
    noted(path, (4, "prices--v2", 500, 3))
    noted(path, (4, "orders--v2", 500, 3), rollout="r-2")
    return path


def rows_of(log: Path, **under_way: int) -> StepRows:
    """The rows of the rollout, read, with so many requests to versions that wait still."""
    rows = StepRows(log, "r-1", lambda _, version: under_way.get(version, 0))
    rows.read()
    return rows


def counted(rows: StepRows) -> StepCounts:
    """Version 2 beside version 1 since T0, slow from 50 ms."""
    return rows.counts("orders", "v2", "v1", T0, 50.0)


def test_each_side_is_counted_by_itself(log: Path) -> None:
    """Another component, another rollout and another time are not meant."""
    side = Side(requests=3, errors=1, slow=1)

    assert counted(rows_of(log)) == StepCounts(side, side)


def test_who_waits_still_or_did_not_wait_is_not_forgotten(log: Path) -> None:
    """Else a version that hangs is judged by the requests that it answered."""
    noted(log, (4, "orders--v2", 0, 60), (4, "orders--v2", 0, 3), flags="DC")

    assert counted(rows_of(log, v2=5)).own == Side(
        requests=3, errors=1, slow=2, unsure=1 + 5, without=2 + 5
    )


def test_an_answer_that_broke_off_is_an_error_whatever_its_first_line_said(log: Path) -> None:
    """Its status came before the version went."""
    noted(log, (4, "orders--v2", 200, 3), flags="UC")
    noted(log, (4, "orders--v2", 200, 3), flags="UT,DC")
    noted(log, (4, "orders--v2", 200, 3), flags="DC")

    assert counted(rows_of(log)).own == Side(requests=6, errors=3, slow=1)


def test_what_a_version_refuses_is_counted_apart(log: Path) -> None:
    """Clients ask for what is not there, of both sides alike."""
    noted(log, (4, "orders--v2", 404, 3), (4, "orders--v2", 429, 3), (4, "orders--v1", 400, 3))
    both = counted(rows_of(log))

    assert (both.own.refused, both.own.errors, both.beside.refused) == (2, 1, 1)


def test_what_is_appended_is_taken_in_once_it_is_a_whole_line(log: Path) -> None:
    """A look may come in the middle of a line."""
    rows = rows_of(log)
    noted(log, (5, "orders--v2", 201, 5))
    whole = log.read_text()
    log.write_text(whole[:-10])
    rows.read()
    torn = counted(rows)
    with log.open("a") as file:
        file.write(whole[-10:])
    rows.read()

    assert (torn.own.requests, counted(rows).own.requests) == (3, 4)


def past(rows: StepRows, least: int, seconds: float = 0.0) -> tuple[int, float | None]:
    """What the version before takes."""
    return rows.before("orders", "v1", T0, least, seconds)


def test_the_past_p95_is_that_of_the_first_answers_once_they_are_enough(log: Path) -> None:
    """So it is the same however late one looks; what failed tells of no response time."""
    few = past(rows_of(log), 3)
    noted(log, *((10 + number, "orders--v1", 201, 2000) for number in range(20)))

    assert few == (2, None)
    assert past(rows_of(log), 2) == (22, 80.0)


def test_the_past_p95_is_of_some_seconds_at_least(log: Path) -> None:
    """A stall of a second among the first requests is not what a version takes."""
    noted(log, *((5 + number / 100, "orders--v1", 201, 4) for number in range(500)))

    assert past(rows_of(log), 2, seconds=1.5) == (502, 80.0)
    assert past(rows_of(log), 2, seconds=8.0) == (502, 4.0)
    assert past(rows_of(log), 2, seconds=30.0) == (502, None)


def test_a_log_that_is_not_there_yet_counts_nothing(tmp_path: Path) -> None:
    """The proxy makes it with its first line."""
    assert counted(rows_of(tmp_path / "access.jsonl")) == StepCounts(Side())


def watched(rows: StepRows) -> Seen:
    """What version 2 of orders answered by the second since T0, slow from 50 ms."""
    return rows.seen("orders", "v2", T0, 50.0)


def test_a_watch_counts_by_the_second_in_which_an_answer_ended(log: Path) -> None:
    """Who did not wait made no error, but was slow for certain once it had waited so long."""
    noted(log, (1.99, "orders--v2", 201, 20), (2.5, "orders--v2", 0, 60), (2.6, "orders--v2", 0, 3))
    seen = watched(rows_of(log))

    assert seen.requests[:5].tolist() == [0, 1, 2, 1, 0]
    assert seen.errors[:5].tolist() == [0, 0, 1, 0, 0]
    assert seen.timed[:5].tolist() == [0, 1, 3, 1, 0]
    assert seen.slow is not None
    assert seen.slow[:5].tolist() == [0, 0, 1, 1, 0]


def test_a_watch_ends_before_what_the_proxy_may_still_hold_back(tmp_path: Path) -> None:
    """A second is told of once every answer of it lies in the file."""
    now = datetime.now(UTC)
    rows = rows_of(tmp_path / "none.jsonl")

    assert len(rows.seen("orders", "v2", now - timedelta(seconds=10.5), 50.0).requests) == 9
    assert len(rows.seen("prices", "v2", now, 50.0).requests) == 0


@given(
    st.lists(st.tuples(st.floats(0, 20), st.sampled_from((200, 503, 0)), st.integers(0, 2000))),
    st.integers(0, 10),
    st.booleans(),
)
@settings(deadline=None, max_examples=50)
def test_when_it_is_looked_at_changes_nothing(
    answers: list[tuple[float, int, int]], cut: int, early: bool
) -> None:
    """Rows that were there before the watch, that came in pieces, or all at once after a kill."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "access.jsonl"
        told = [(at, "orders--v2", status, float(ms)) for at, status, ms in answers]
        noted(log, *told[:cut])
        rows = rows_of(log)
        if early:
            watched(rows)
        noted(log, *told[cut:])
        rows.read()
        pieces, whole = watched(rows), watched(rows_of(log))

    for one, other in ((pieces, whole), (whole, pieces)):
        assert one.requests.sum() == sum(status != 0 for _, status, _ in answers)
        for kind in ("requests", "errors", "timed", "slow"):
            counted, again = getattr(one, kind), getattr(other, kind)
            shared = min(len(counted), len(again))
            assert counted[:shared].tolist() == again[:shared].tolist()


def test_the_rows_of_what_is_watched_are_let_go(log: Path) -> None:
    """A watch is long; the versions beside it keep theirs for the steps to come."""
    rows = rows_of(log)
    before = counted(rows).beside
    watched(rows)
    noted(log, (5, "orders--v2", 201, 5))
    rows.read()

    assert counted(rows) == StepCounts(Side(), before)


def test_an_error_is_known_before_its_second_is_whole(tmp_path: Path) -> None:
    """A detector looks at what was noted so far: it need not wait for the proxy's next flush."""
    log, now = tmp_path / "access.jsonl", datetime.now(UTC) - T0
    noted(log, (now.total_seconds() - 0.2, "orders--v2", 503, 5))
    seen = rows_of(log).seen("orders", "v2", datetime.now(UTC) - timedelta(seconds=5), 50.0)

    assert (int(seen.errors.sum()), seen.unfinished) == (0, (1, 1))
