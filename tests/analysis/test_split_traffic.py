"""Requests that are split between the sides: levels, what pairing gains, and what is refused."""

from math import log
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pair_tables import START_US, TIMESTAMP, policy

from analysis import BadInput, Requests, Verdict, judge, paired, read_pairs, read_record
from analysis.paired import split_payoff
from benchmarks import split
from benchmarks.calibration import delay, importance_level

PINNED = policy("[latency]\nbaseline_p95_ms = 14.0\nbaseline_p99_ms = 18.0\n")
SHARES = [0.5, 0.1, 0.02]


def requests(
    n: int = 30_000,
    share: float = 0.5,
    errors: tuple[float, float] = (0.0, 0.0),
    slower: float = 1.0,
    seed: int = 1,
) -> pl.DataFrame:
    """Requests at 100 a second; of errors the candidate's share comes second."""
    rng = np.random.default_rng(seed)
    own = rng.random(n) < share
    failed = rng.random(n) < np.where(own, errors[1], errors[0])
    arrived = START_US + np.cumsum(rng.exponential(1e4, n)).astype(np.int64)
    return pl.DataFrame(
        {
            "request_id": [f"request-{index}" for index in range(n)],
            "arrived_at": pl.Series(arrived, dtype=pl.Int64).cast(TIMESTAMP),
            "arm": np.where(own, "candidate", "baseline"),
            "status": np.where(failed, 500, 200),
            "latency_ms": 9 * np.exp(rng.normal(0, 0.3, n)) * np.where(own, slower, 1.0),
        }
    )


def judged(frame: pl.DataFrame, share: float = 0.5) -> Verdict:
    """By a policy for one machine with a known past p95."""
    return judge(read_record(frame, {"candidate_share": share}), PINNED)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(
    ("side", "claim"), [(0.0, "harm"), (0.0, "safety"), (0.01, "harm"), (0.01, "safety")]
)
def test_it_keeps_its_level_while_looking_at_every_request(
    share: float, side: float, claim: str
) -> None:
    """By importance sampling at the boundary: a difference of just the tolerance or margin."""
    bets = {"harm": paired.harm_bets, "safety": paired.safety_bets}[claim](
        side, split_payoff(share)
    )
    null = split.counted(share, 0.01, 0.01 + side)

    assert importance_level(bets, null, 0.05, 200, 3e5, 91).upper <= 0.05 * (1 + 1e-9)


def test_rates_that_move_together_do_not_matter() -> None:
    """Ten times the errors every other minute on both sides: the level stays."""
    rng, crossed, reps = np.random.default_rng(92), 0, 100
    bets = paired.harm_bets(0.0, split_payoff(0.1))
    for _ in range(reps):
        rate = np.where(np.arange(20_000) // 2_000 % 2, 0.02, 0.002)
        event = rng.random(20_000) < rate
        own = rng.random(int(event.sum())) < 0.1
        counts = np.stack([own.cumsum(), (~own).cumsum(), np.zeros(len(own))]).astype(np.float64)
        crossed += bool((bets.path(counts) >= log(20)).any())

    assert crossed <= 0.05 * reps + 2 * np.sqrt(reps * 0.0475)


def test_pairing_gains_most_where_errors_are_shared() -> None:
    """Errors that strike both copies of a request: pairs need a tenth of the requests and less."""
    shared, own, other = 0.01, 0.002, 0.0001
    pairs = delay(paired.harm_bets(0.0), 0.0, (own, other, 1 - own - other), 0.05, 100, 96).mean
    truth = np.array(split.counted(0.5, shared + other, shared + own))
    apart = split.requests(paired.harm_bets(0.0, split_payoff(0.5)), truth, 100, 1e7, 97)

    assert apart >= 10 * pairs


def test_pairing_gains_a_factor_of_two_where_errors_are_independent() -> None:
    """Each request is seen by both sides, and nothing else is gained."""
    b, c = 0.005 * 0.999, 0.001 * 0.995
    pairs = delay(paired.harm_bets(0.0), 0.0, (b, c, 1 - b - c), 0.05, 200, 98).mean
    truth = np.array(split.counted(0.5, 0.001, 0.005))
    apart = split.requests(paired.harm_bets(0.0, split_payoff(0.5)), truth, 200, 1e7, 99)

    assert 1.6 <= apart / pairs <= 2.5


@pytest.mark.parametrize("rate", [0.001, 0.02])
def test_blocks_cost_no_evidence_beyond_the_level(rate: float) -> None:
    """The rival of the benchmark is an e-variable: its mean is at most 1 at any common rate."""
    gains = np.exp(split.block_bets(0.005, np.array([1.5, 2.0, 5.0]), 9).gains)

    assert (split.chances(rate, rate, 9) @ gains <= 1 + 1e-12).all()


def test_sides_swapped_turn_harm_into_safety() -> None:
    """At the other share of the traffic, count for count."""
    counts = np.array([[30.0, 5.0], [11.0, 90.0], [900.0, 4000.0]])
    harm, safety = (
        paired.harm_bets(0.01, split_payoff(0.2)),
        paired.safety_bets(-0.01, split_payoff(0.8)),
    )

    assert harm.path(counts) == pytest.approx(safety.path(counts[[1, 0, 2]]))
    low = paired.lows(counts, 0.025, split_payoff(0.2))
    assert low == pytest.approx(-paired.highs(counts[[1, 0, 2]], 0.025, split_payoff(0.8)))


VERDICTS = {
    "as good": (requests(errors=(0.0001, 0.0001)), "PASS"),
    "errors": (requests(errors=(0.001, 0.02)), "FAIL"),
    "twice as slow": (requests(slower=3.0), "FAIL"),
    "short": (requests(500), "INCONCLUSIVE"),
    "all on one side": (requests(share=1.0), "INCONCLUSIVE"),
    "none on the candidate": (requests(share=0.0), "INCONCLUSIVE"),
    "another share": (requests(share=0.6), "INCONCLUSIVE"),
    "nobody timed": (requests().with_columns(latency_ms=pl.lit(None, pl.Float64)), "INCONCLUSIVE"),
    "no rows": (requests(0), "INCONCLUSIVE"),
    "all at once": (
        requests(errors=(0.0001, 0.0001)).with_columns(
            arrived_at=pl.lit(START_US, pl.Int64).cast(TIMESTAMP)
        ),
        "INCONCLUSIVE",
    ),
}


@pytest.mark.parametrize(("frame", "said"), VERDICTS.values(), ids=VERDICTS.keys())
def test_the_verdict_on_split_traffic(frame: pl.DataFrame, said: str) -> None:
    """The words and outcomes of pairs; what proves nothing never passes."""
    verdict = judged(frame)

    assert verdict.verdict == said
    assert (verdict.pairs, verdict.as_dict()["of"]) == (len(frame), "requests")
    assert "pairs" not in verdict.reason
    assert {"split-errors", "errors-absolute", "p95-limit"} <= {f.name for f in verdict.findings}


def test_a_record_that_nothing_came_to_for_more_than_a_day_proves_nothing() -> None:
    """However good it was then."""
    metadata = {"candidate_share": 0.5, "watermark": "2026-01-01T00:00:00Z"}
    verdict = judge(read_record(requests(errors=(0.0001, 0.0001)), metadata), PINNED)

    assert verdict.verdict == "INCONCLUSIVE"
    assert "stale: nothing had come for 83" in verdict.finding("sample-integrity").reason


def test_one_request_long_after_all_others_does_not_make_a_record_one_of_today() -> None:
    """The day before its look holds a single row."""
    far = pl.when(pl.int_range(pl.len()) == 29_999).then(pl.duration(days=400))
    moved = pl.col("arrived_at") + far.otherwise(pl.duration(days=0))
    found = judged(requests().with_columns(arrived_at=moved)).finding("sample-integrity")

    assert found.outcome.value == "INCONCLUSIVE"
    assert "stale: at most 100 rows came in the last 400.0 days" in found.reason


def test_seconds_for_milliseconds_are_no_past_p95_of_split_traffic() -> None:
    """Both sides are always over it, also a candidate that is slower."""
    by = policy("[latency]\nbaseline_p95_ms = 0.014\n")
    record = read_record(requests(slower=1.2), {"candidate_share": 0.5})
    found = judge(record, by).finding("split-frozen-p95")

    assert found.outcome.value == "INCONCLUSIVE"
    assert "pin baseline_p95_ms, which is in milliseconds, or leave it out" in found.reason


@pytest.mark.parametrize("arm", ["candidate", "baseline"])
def test_a_latency_that_never_differs_is_none_that_was_measured(arm: str) -> None:
    """Of either side alone."""
    own = pl.col("arm") == arm
    same = pl.when(own).then(0.0).otherwise("latency_ms")
    found = judged(requests().with_columns(latency_ms=same)).finding("sample-integrity")

    assert found.outcome.value == "INCONCLUSIVE"
    assert f"every answer of the {arm} took 0 ms: a constant" in found.reason


def test_a_notebook_shows_split_traffic_without_intervals_of_pairs() -> None:
    """The sentence and the gates; a difference of rates has no interval look by look."""
    shown = judged(requests(3_000, errors=(0.001, 0.2)))._repr_html_()

    assert "FAIL" in shown
    assert "split-errors" in shown


def test_no_answer_is_an_error() -> None:
    """Requests of the candidate that nobody answered, none of which has a status."""
    frame = requests(errors=(0.0, 0.05))
    lost = frame.with_columns(
        status=pl.when(pl.col("status") == 200).then("status"),
        latency_ms=pl.when(pl.col("status") == 200).then("latency_ms"),
    )

    assert judged(lost).finding("split-errors").outcome == "FAIL"


def test_harm_of_a_share_that_is_wrong_is_not_the_candidates() -> None:
    """Half as many requests again as stated fail half as often again, and are not blamed."""
    verdict = judged(requests(60_000, share=0.3, errors=(0.05, 0.05)), share=0.2)

    assert verdict.finding("split-errors").outcome == "INCONCLUSIVE"
    assert "share that was stated" in verdict.reason


def _with(name: str, value: object) -> pl.DataFrame:
    row = pl.int_range(pl.len()) == 6
    frame = requests(400)
    return frame.with_columns(pl.when(row).then(pl.lit(value)).otherwise(pl.col(name)).alias(name))


REFUSED = {
    "no latency": (requests(9).drop("latency_ms"), "missing column: latency_ms"),
    "unknown arm": (_with("arm", "canary"), "column arm, row 7: unknown arm"),
    "no arm": (_with("arm", None), "column arm, row 7: null"),
    "arm of numbers": (requests(9).with_columns(arm=pl.lit(1)), "column arm: type"),
    "an id twice": (_with("request_id", "request-3"), "this id occurs twice"),
    "half a status": (requests(9).with_columns(status=pl.lit(200.5)), "not a whole number"),
    "no status of HTTP": (_with("status", 20), "outside 100 to 599"),
    "infinite": (_with("latency_ms", float("inf")), "column latency_ms, row 7: infinite"),
    "negative": (_with("latency_ms", -1.0), "column latency_ms, row 7: negative"),
    "no time": (_with("arrived_at", None), "column arrived_at, row 7: null"),
}


@pytest.mark.parametrize(("frame", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_table_that_cannot_be_judged_is_refused(frame: pl.DataFrame, said: str) -> None:
    """As strictly as pairs, with column and row."""
    with pytest.raises(BadInput, match=said) as refused:
        read_record(frame, {"candidate_share": 0.5})

    assert refused.value.hint


@pytest.mark.parametrize("stated", [{}, {"candidate_share": ""}, {"candidate_share": 0.0}])
def test_the_share_must_be_stated(stated: dict[str, object]) -> None:
    """It cannot be taken from the rows, which are held to it."""
    with pytest.raises(BadInput, match="candidate_share"):
        read_record(requests(9), stated)


def test_files_are_read_in_their_order_and_nothing_else(tmp_path: Path) -> None:
    """Parquet and JSON lines give the same requests; in a file time never goes back."""
    frame = requests(400)
    frame.write_parquet(tmp_path / "a.parquet", metadata={"candidate_share": "0.5"})
    lines = frame.with_columns(pl.col("arrived_at").dt.to_string("iso:strict")).write_ndjson()
    (tmp_path / "b.jsonl").write_text(f'{{"candidate_share": 0.5}}\n{lines}')
    read = [read_record(tmp_path / name) for name in ("a.parquet", "b.jsonl")]
    frame.reverse().write_parquet(tmp_path / "c.parquet", metadata={"candidate_share": "0.5"})

    assert all(isinstance(one, Requests) for one in read)
    assert read[0].digest == read[1].digest
    with pytest.raises(BadInput, match="earlier than the row before"):
        read_record(tmp_path / "c.parquet")
    with pytest.raises(BadInput, match="no pairs"):
        read_pairs(tmp_path / "a.parquet")


def test_calibrated_hosts_are_for_pairs() -> None:
    """A calibration is of the ratio of two answers to one request."""
    from benchmarks.judges.bounds import CALIBRATED

    with pytest.raises(BadInput, match="calibrated by pairs"):
        judge(read_record(requests(9), {"candidate_share": 0.5}), CALIBRATED)
