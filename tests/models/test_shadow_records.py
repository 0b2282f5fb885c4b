"""Shadow records: pairs grow at their end, whatever is written when and read when."""

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from shadow_story import ROLLOUT, START, TIMEOUT, Story, play, stories

from analysis import read_pairs
from models.records import Shadow, ShadowRecords, write_pairs

NEVER_CHANGES = pl.exclude("label", "labelled_at")


def records(home: Path) -> ShadowRecords:
    """A fresh reader of the rollout's files."""
    return ShadowRecords(
        directory=home / ROLLOUT,
        labels=home / "labels.jsonl",
        proxy_log=home / "upstream.jsonl",
        rollout_id=ROLLOUT,
        timeout=TIMEOUT,
    )


def look(reader: ShadowRecords, now: datetime) -> Shadow:
    """What one look of the loop does."""
    reader.read()
    return reader.shadow(now)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    story=stories(),
    looks=st.lists(st.floats(0, 60), min_size=1, max_size=8),
    cut=st.integers(0, 400),
)
def test_a_later_look_continues_an_earlier_one(story: Story, looks: list[float], cut: int) -> None:
    """Rows never change or move; a label once given stays; a fresh reader sees the same table."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        reader = records(home)
        before = look(reader, datetime.fromtimestamp(START, UTC)).pairs
        for now in play(story, home, looks, lambda line: min(cut, len(line))):
            shadow = look(reader, now)
            earlier = shadow.pairs.head(before.height)
            assert_frame_equal(earlier.select(NEVER_CHANGES), before.select(NEVER_CHANGES))
            given_labels = before["label"].is_not_null()
            assert_frame_equal(earlier.filter(given_labels), before.filter(given_labels))
            assert_frame_equal(look(records(home), now).pairs, shadow.pairs)
            assert shadow.pairs["arrived_at"].is_sorted()
            assert shadow.requests == shadow.left_out + shadow.pairs.height + shadow.pending
            before = shadow.pairs


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories(), looks=st.lists(st.floats(0, 200), max_size=6))
def test_in_the_end_every_mirrored_request_is_one_pair_with_its_fate(
    story: Story, looks: list[float]
) -> None:
    """Nothing lost, nothing twice, each with the outcome it really had."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        reader = records(home)
        for now in play(story, home, [*looks, 300.0, 310.0], lambda _: 0):
            shadow = look(reader, now)
        chosen = story.chosen
        found = shadow.pairs
        assert found["request_id"].to_list() == [request.id for request in chosen]
        assert found["candidate_outcome"].to_list() == [request.outcome for request in chosen]
        assert found["baseline_prediction"].to_list() == [float(r.number) for r in chosen]
        assert found["candidate_prediction"].to_list() == [
            r.number + 0.5 if r.outcome == "answered" else None for r in chosen
        ]
        assert found["candidate_latency_ms"].to_list() == [
            r.candidate_seconds * 1000 if r.outcome == "answered" else None for r in chosen
        ]
        assert found["candidate_status"].to_list() == [
            200 if r.outcome == "answered" else None for r in chosen
        ]
        assert found["label"].to_list() == [
            r.number + 0.25 if r.label_after is not None else None for r in chosen
        ]
        assert (shadow.pending, shadow.late, shadow.damaged, shadow.orphans) == (0, 0, 0, 0)
        assert shadow.left_out == len(story.requests) - len(chosen)
        assert shadow.timeouts == sum(request.outcome == "timeout" for request in chosen)
        assert shadow.not_sent == sum(request.outcome == "not_sent" for request in chosen)


class Shelf:
    """Files written line by line, for single cases."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / ROLLOUT).mkdir()
        self.reader = records(home)

    def row(self, side: str, name: str, at: float, **given: object) -> None:
        """A server's row; `at` in seconds after the start."""
        ms = given.pop("ms", 1.0)
        assert isinstance(ms, float)
        row = {
            "id": name,
            "at": START + at,
            "status": 200,
            "ms": ms,
            "prediction": 1.5,
            "segment": None,
            "mirrored": True,
            "open": START + at + ms / 1000,
        }
        self.line(f"{ROLLOUT}/{side}-v1-1.jsonl", {**row, **given})

    def line(self, name: str, row: Mapping[str, object]) -> None:
        """Any line."""
        self.text(name, orjson.dumps(row) + b"\n")

    def text(self, name: str, content: bytes) -> None:
        """Any bytes."""
        with (self.home / name).open("ab") as file:
            file.write(content)

    def label(self, name: str, value: object, at: float) -> None:
        """A label."""
        moment = datetime.fromtimestamp(START + at, UTC).isoformat()
        self.line("labels.jsonl", {"request_id": name, "label": value, "labelled_at": moment})

    def proxied(self, name: str, status: int, flags: str, rollout: str = ROLLOUT) -> None:
        """A line of the proxy's log."""
        row = {"id": name, "cluster": "c", "status": status, "flags": flags, "rollout": rollout}
        self.line("upstream.jsonl", row)

    def look(self, at: float) -> Shadow:
        """What the loop sees at that second."""
        return look(self.reader, datetime.fromtimestamp(START, UTC) + timedelta(seconds=at))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty rollout."""
    return Shelf(tmp_path)


@pytest.mark.parametrize(
    ("status", "flags", "outcome"),
    [
        (0, "UT", "timeout"),
        (504, "UT", "timeout"),
        (503, "UC", "timeout"),
        (503, "UR", "timeout"),
        (0, "UC,UR", "timeout"),
        (0, "-", "timeout"),
        (503, "UO", "not_sent"),
        (503, "UF", "not_sent"),
        (503, "UF,URX", "not_sent"),
        (503, "UH", "not_sent"),
    ],
)
def test_the_proxy_tells_what_became_of_a_silent_copy(
    shelf: Shelf, status: int, flags: str, outcome: str
) -> None:
    """Cut off on the way is harm of the candidate; never sent is nobody's."""
    shelf.row("baseline", "a", 1.0)
    shelf.proxied("a", status, flags)

    assert shelf.look(1.5).pairs["candidate_outcome"].to_list() == [outcome]


def test_an_answer_that_left_no_row_counts_as_never_sent(shelf: Shelf) -> None:
    """The proxy saw an answer but the server's disk was full: unknown, so bad for safety."""
    shelf.row("baseline", "a", 1.0)
    shelf.proxied("a", 200, "-")

    assert shelf.look(6.9).pairs.height == 0
    assert shelf.look(7.1).pairs["candidate_outcome"].to_list() == ["not_sent"]


def test_a_copy_without_any_trace_resolves_after_the_grace(shelf: Shelf) -> None:
    """A proxy that was killed loses its last lines; the table must not wait for ever."""
    shelf.row("baseline", "a", 1.0)
    shelf.row("baseline", "b", 1.1)
    shelf.row("candidate", "b", 1.1)

    assert shelf.look(6.9).pending == 2
    assert shelf.look(7.2).pairs["candidate_outcome"].to_list() == ["not_sent", "answered"]


def test_other_rollouts_in_the_proxy_log_do_not_count(shelf: Shelf) -> None:
    """Request ids may repeat from one shadow to the next."""
    shelf.row("baseline", "a", 1.0)
    shelf.proxied("a", 503, "UO", rollout="another")

    assert shelf.look(2.0).pairs.height == 0


def test_the_first_unsettled_request_stops_the_table(shelf: Shelf) -> None:
    """Those behind it wait, so that nothing is ever inserted."""
    shelf.row("baseline", "slow", 1.0)
    shelf.row("baseline", "quick", 1.1)
    shelf.row("candidate", "quick", 1.1)
    assert shelf.look(2.0).pairs.height == 0

    shelf.row("candidate", "slow", 1.0, ms=1200.0)

    assert shelf.look(2.3).pairs["request_id"].to_list() == ["slow", "quick"]


def test_a_request_still_under_way_keeps_its_place(shelf: Shelf) -> None:
    """A row that is written late but arrived early comes first, as the servers promised."""
    shelf.row("baseline", "second", 1.1, open=START + 1.0)
    shelf.row("candidate", "second", 1.1)
    assert shelf.look(1.5).pairs.height == 0

    shelf.row("baseline", "first", 1.0, ms=600.0)
    shelf.row("candidate", "first", 1.0)

    assert shelf.look(1.7).pairs["request_id"].to_list() == ["first", "second"]


@pytest.mark.parametrize("silence", [0.0, 20.0], ids=["a new file", "after a silence"])
def test_an_announced_request_keeps_its_place(shelf: Shelf, silence: float) -> None:
    """Of a server whose file shows no row of it yet, while another server answers later ones."""
    if silence:
        shelf.row("baseline", "before", 0.0)
        shelf.row("candidate", "before", 0.0)
        assert shelf.look(1.0).pairs.height == 1
    begun = START + silence
    shelf.line(f"{ROLLOUT}/baseline-v1-1.jsonl", {"open": begun + 1.0})
    shelf.line(f"{ROLLOUT}/baseline-v1-2.jsonl", second_server(begun + 1.2))
    shelf.row("candidate", "second", silence + 1.2)
    assert shelf.look(silence + 2.0).pending == 1

    shelf.row("baseline", "first", silence + 1.0, ms=4000.0)
    shelf.row("candidate", "first", silence + 1.0)
    shadow = shelf.look(silence + 5.5)
    assert shadow.pairs["request_id"].to_list()[-2:] == ["first", "second"]
    assert (shadow.late, shadow.damaged) == (0, 0)


def second_server(at: float) -> dict[str, object]:
    """The row of a request that the second server answered."""
    row = {"id": "second", "at": at, "status": 200, "ms": 1.0, "prediction": 1.5}
    return {**row, "segment": None, "mirrored": True, "open": at + 0.001}


def test_a_request_that_hangs_holds_others_back_for_the_timeout_only(shelf: Shelf) -> None:
    """Its server promises nothing later than its arrival, for as long as it hangs."""
    for second in range(1, 12):
        shelf.row("baseline", f"r{second}", float(second), open=START + 0.5)
        shelf.row("candidate", f"r{second}", float(second))

    assert shelf.look(11.5).pairs["request_id"].to_list() == ["r1", "r2", "r3", "r4", "r5"]


def test_a_row_that_breaks_the_promise_is_counted_and_left_out(shelf: Shelf) -> None:
    """A clock that was set back must not reorder what was judged."""
    for name, at in (("a", 2.0), ("b", 1.0)):
        shelf.row("baseline", name, at)
        shelf.row("candidate", name, at)
        shadow = shelf.look(3.0)

    assert (shadow.pairs["request_id"].to_list(), shadow.late) == (["a"], 1)
    assert shadow.requests == 2


def test_rows_without_a_promise_wait_for_the_timeout(shelf: Shelf) -> None:
    """Servers that are not ours may write the same rows without `open`."""
    shelf.row("baseline", "a", 1.0, open=None)
    shelf.row("candidate", "a", 1.0)

    assert shelf.look(6.9).pairs.height == 0
    assert shelf.look(7.1).pairs.height == 1


def test_of_two_attempts_the_first_that_ended_counts(shelf: Shelf) -> None:
    """A retry of the proxy is the same request; what was judged is not replaced."""
    shelf.row("baseline", "a", 1.0)
    shelf.row("candidate", "a", 1.0)
    shelf.row("baseline", "a", 1.2, prediction=9.0)
    first = shelf.look(1.5)
    shelf.row("baseline", "a", 1.6, prediction=9.0)
    second = shelf.look(2.0)

    assert first.pairs["baseline_prediction"].to_list() == [1.5]
    assert_frame_equal(first.pairs, second.pairs)


def test_an_id_used_by_two_requests_at_once_is_dropped(shelf: Shelf) -> None:
    """Which copy belongs to which request cannot be known."""
    for at, prediction in ((1.0, 1.0), (1.01, 2.0)):
        shelf.row("baseline", "a", at, prediction=prediction)
        shelf.row("candidate", "a", at, prediction=prediction)
    shelf.row("baseline", "b", 1.02)
    shelf.row("candidate", "b", 1.02)
    shadow = shelf.look(2.0)

    assert (shadow.pairs["request_id"].to_list(), shadow.orphans) == (["b"], 1)
    assert shelf.look(60.0).orphans == 1


def test_an_id_used_again_later_does_not_change_the_past(shelf: Shelf) -> None:
    """The first request keeps its pair; the second has no place."""
    for at in (1.0, 30.0):
        shelf.row("baseline", "a", at, prediction=at)
        shelf.row("candidate", "a", at, prediction=at)
        shadow = shelf.look(at + 1)

    assert shadow.pairs["candidate_prediction"].to_list() == [1.0]


def test_a_copy_from_before_its_request_is_not_its_copy(shelf: Shelf) -> None:
    """It belongs to an earlier request with the same id, whose row was lost."""
    shelf.row("candidate", "a", 1.0)
    shelf.row("baseline", "a", 3.0)

    assert shelf.look(4.0).pairs.height == 0
    assert shelf.look(9.1).pairs["candidate_outcome"].to_list() == ["not_sent"]


def test_copies_without_a_request_are_orphans(shelf: Shelf) -> None:
    """Counted once nothing more can come, and once only."""
    shelf.row("candidate", "a", 1.0)

    assert [shelf.look(at).orphans for at in (2.0, 7.2, 8.0)] == [0, 1, 1]


def test_the_first_label_wins_and_others_are_counted(shelf: Shelf) -> None:
    """A repeated label is fine, a contradictory one is reported."""
    shelf.row("baseline", "a", 1.0)
    shelf.row("candidate", "a", 1.0)
    for value, at in ((3.0, 2.0), (3.0, 2.5), (4.0, 3.0)):
        shelf.label("a", value, at)
    shadow = shelf.look(5.0)

    assert (shadow.pairs["label"].to_list(), shadow.labels_refused) == ([3.0], 1)


def test_a_long_label_file_is_read_in_pieces(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes back to the component's first day; labels of others are passed over."""
    monkeypatch.setattr("models.streams.PIECE", 70)
    for number in range(20):
        shelf.label(f"other-{number}", 1.0, 0.5)
    for name in ("a", "b"):
        shelf.row("baseline", name, 1.0)
        shelf.row("candidate", name, 1.0)
        shelf.label(name, 3.0, 2.0)

    assert shelf.look(5.0).pairs["label"].to_list() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("value", "at"),
    [(3.0, 0.5), ("up", 2.0), ("inf", 2.0), ("1e999", 2.0), ("nan", 2.0)],
    ids=["older than its request", "another type", "infinite", "too large", "no number"],
)
def test_labels_that_cannot_be_true_are_refused(shelf: Shelf, value: object, at: float) -> None:
    """They would make the whole table unreadable for the judge."""
    shelf.row("baseline", "a", 1.0)
    shelf.row("candidate", "a", 1.0)
    shelf.label("a", value, at)
    shadow = shelf.look(5.0)

    assert (shadow.pairs["label"].to_list(), shadow.labels_refused) == ([None], 1)


def test_a_label_from_the_future_waits_for_its_time(shelf: Shelf) -> None:
    """A client's clock may be ahead; evidence names nothing later than its look."""
    shelf.row("baseline", "a", 1.0)
    shelf.row("candidate", "a", 1.0)
    shelf.label("a", 3.0, 10.0)

    assert [shelf.look(at).pairs["label"].to_list() for at in (5.0, 11.0)] == [[None], [3.0]]


def test_text_answers_stay_texts(shelf: Shelf) -> None:
    """A class called 1 is not the number."""
    shelf.row("baseline", "a", 1.0, prediction="1")
    shelf.row("candidate", "a", 1.0, prediction="up")
    shelf.label("a", "1", 2.0)
    pairs = shelf.look(5.0).pairs

    told = pairs.select("baseline_prediction", "candidate_prediction", "label").row(0)
    assert told == ("1", "up", "1")


def test_unusable_lines_are_counted_and_passed_over(shelf: Shelf) -> None:
    """A torn line, zeros after a crash, another type, a missing key: the rest is still read."""
    for line in (b'{"id": "x", "at\n', b"\0\0\0\n", b"[1]\n", b'{"id": 7, "at": "noon"}\n', b"\n"):
        shelf.text(f"{ROLLOUT}/baseline-v1-1.jsonl", line)
    shelf.line(f"{ROLLOUT}/baseline-v1-1.jsonl", {"id": "no time"})
    shelf.row("baseline", "a", 1.0)
    shelf.row("candidate", "a", 1.0)
    shadow = shelf.look(2.0)

    assert (shadow.pairs["request_id"].to_list(), shadow.damaged) == (["a"], 5)


def test_what_is_written_is_what_the_judge_reads(shelf: Shelf, tmp_path: Path) -> None:
    """Schema and metadata are those of the pair table, in one file."""
    shelf.row("baseline", "a", 1.0, segment="calm")
    shelf.row("candidate", "a", 1.0)
    shelf.row("baseline", "b", 1.1)
    shelf.proxied("b", 0, "UT")
    shelf.label("a", 3.0, 2.0)
    shadow = shelf.look(5.0)
    about = {
        "component": "price-predictor",
        "region": "local",
        "baseline_revision": "v1@sha256:0",
        "candidate_revision": "v2@sha256:1",
        "policy_digest": "0",
        "mirror_fraction": 1.0,
        "watermark": datetime.fromtimestamp(START + 5, UTC).isoformat(),
        "left_out": shadow.left_out,
        "requests": shadow.requests,
        "orphans": shadow.orphans,
    }
    write_pairs(tmp_path / "kept" / "pairs.parquet", shadow.pairs, about)

    pairs = read_pairs(tmp_path / "kept" / "pairs.parquet")

    assert len(pairs) == 2
    assert pairs.metadata.revisions is not None
    assert pairs.metadata.requests == 2
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["pairs.parquet"]


def test_an_empty_shadow_has_the_schema(shelf: Shelf) -> None:
    """Before the first pair there is a table without rows, and no rate."""
    shadow = shelf.look(1.0)

    assert shadow.pairs.height == 0
    assert shadow.requests_per_second(datetime.fromtimestamp(START, UTC)) == 0.0


def test_the_rate_is_that_of_the_last_ten_seconds(shelf: Shelf) -> None:
    """Pairs per second, zero once traffic has stopped."""
    for number in range(40):
        shelf.row("baseline", str(number), number / 2)
        shelf.row("candidate", str(number), number / 2)
    shadow = shelf.look(20.0)

    def rate(at: float) -> float:
        return shadow.requests_per_second(datetime.fromtimestamp(START + at, UTC))

    assert rate(20.0) == pytest.approx(2.0, rel=0.05)
    assert rate(40.0) == 0.0
