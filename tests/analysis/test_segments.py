"""Gates by segment: a harmed one is named and undoes, and the level holds over all of them."""

import numpy as np
import polars as pl
import pytest
from pair_tables import pairs, policy

from analysis import BadInput, Outcome, Verdict, judge, paired, parse_policy, read_pairs
from analysis.bets import follow
from analysis.report_limits import not_certified
from analysis.segments import MOST, coded, segments_of, step_down, weight_of

PINNED = "[latency]\nbaseline_p95_ms = 15.5\n"
NAMES = [f"s{index}" for index in range(20)]


def split(frame: pl.DataFrame, names: list[str], seed: int = 71) -> pl.DataFrame:
    """The table with segments drawn at random."""
    drawn = np.random.default_rng(seed).choice(names, len(frame))
    return frame.with_columns(segment=pl.Series(drawn))


def harmed_in(names: list[str], bad: list[str], share: float, n: int = 8_000) -> pl.DataFrame:
    """A healthy table whose candidate errs on a share of the requests of some segments."""
    frame = split(pairs(n), names)
    wrong = pl.Series(np.random.default_rng(72).random(n) < share) & pl.col("segment").is_in(bad)
    return frame.with_columns(candidate_status=pl.when(wrong).then(500).otherwise(200))


def failed(verdict: Verdict, gate: str = "errors-paired") -> set[str | None]:
    """The segments that a gate names as harmed."""
    return {f.segment for f in verdict.by_segment if f.name == gate and f.outcome is Outcome.FAIL}


def test_a_harmed_segment_undoes_and_is_named() -> None:
    """1 of 20 errs on a third of its requests, under 2 % of all."""
    verdict = judge(harmed_in(NAMES, ["s7"], 0.33), policy(PINNED))

    assert failed(verdict) == {"s7"}
    assert verdict.decision == "ROLLBACK"
    assert verdict.finding("errors-paired", "s7").decided_at is not None
    assert "segment s7: errors +" in verdict.finding("errors-paired", "s7").reason
    assert not any(f.blocking for f in verdict.by_segment)


def test_harm_of_the_whole_is_found_in_the_whole_and_in_each() -> None:
    """Every segment harmed: all are named, none before the whole."""
    names = NAMES[:4]
    verdict = judge(harmed_in(names, names, 0.05), policy(PINNED))

    whole = verdict.finding("errors-paired").decided_at
    assert whole is not None
    assert failed(verdict) == set(names)
    for name in names:
        look = verdict.finding("errors-paired", name).decided_at
        assert look is not None
        assert look.pair > whole.pair


def test_a_healthy_record_lists_what_was_not_certified() -> None:
    """Two large segments are certified, a small one is listed with its pairs."""
    frame = split(pairs(30_000), ["spot", "swap"])
    frame = frame.with_columns(
        segment=pl.when(pl.int_range(30_000) % 500 == 0).then(pl.lit("rare")).otherwise("segment")
    )
    read, rules = read_pairs(frame), policy(PINNED)
    verdict = judge(read, rules)

    outcomes = {f.segment: f.outcome for f in verdict.by_segment if f.name == "errors-paired"}
    assert verdict.decision == "PROMOTE"
    assert outcomes == {
        "rare": Outcome.INCONCLUSIVE,
        "spot": Outcome.PASS,
        "swap": Outcome.PASS,
    }
    assert "errors-paired, 1 of 3 segments: rare (60 pairs)." in not_certified(
        verdict, rules, ("rare", "spot", "swap"), []
    )


def test_no_segment_is_no_finding() -> None:
    """Null is no segment, and rows without one belong to none."""
    none = pairs(3_000).with_columns(segment=pl.lit(None, pl.String))
    some = pairs(3_000).with_columns(
        segment=pl.when(pl.int_range(3_000) % 2 == 0).then(pl.lit("spot"))
    )

    assert judge(none, policy(PINNED)).by_segment == ()
    (finding,) = (f for f in judge(some, policy(PINNED)).by_segment if f.name == "errors-paired")
    assert finding.estimate.n == 1_500


def test_a_policy_may_name_the_segments_of_any_of_these_gates() -> None:
    """They share the level evenly; one that never came has no pair and no proof."""
    text = PINNED + '[gates.p95-limit]\nsegments = ["s0", "never"]\n'
    frame = split(pairs(6_000), NAMES[:3]).with_columns(
        candidate_latency_ms=pl.when(pl.col("segment") == "s0").then(150.0)
        .otherwise("candidate_latency_ms")
    )  # fmt: skip
    verdict = judge(frame, policy(text))

    found = {f.segment: f for f in verdict.by_segment if f.name == "p95-limit"}
    assert found["s0"].outcome is Outcome.FAIL
    assert found["never"].outcome is Outcome.INCONCLUSIVE
    assert found["never"].reason.endswith("no pair of this segment yet")
    assert set(found) == {"s0", "never"}
    # Three gates judge segments, two names each, Holm hands the harmed one's half over.
    assert found["never"].harm is not None
    assert found["never"].harm.threshold == pytest.approx(-np.log(0.05 * 0.03125 / 3))


REFUSED = {
    "an empty list": "[gates.errors-paired]\nsegments = []",
    "a doubled name": '[gates.errors-paired]\nsegments = ["a", "a"]',
    "a number": "[gates.errors-paired]\nsegments = 3",
    "a gate without segments": "[gates.latency-mean]\nsegments = true",
    "no budget": "[budgets]\nsegments = 0.0",
    "too much": "[budgets]\nsegments = 0.5",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_segments_that_cannot_be_meant_are_refused(text: str) -> None:
    """At load, with a hint."""
    with pytest.raises(BadInput) as refused:
        parse_policy(text)

    assert refused.value.hint


def test_weights_of_segments_never_add_up_to_more_than_one() -> None:
    """2 share a half, 4 a sixth, 8 a twelfth; however many come."""
    weights = [weight_of(place) for place in range(10_000)]

    assert weights[:7] == [1 / 4, 1 / 4, *[1 / 24] * 4, 1 / 96]
    assert sum(weights) < 1
    assert sum(weights) > 0.9
    assert weights == sorted(weights, reverse=True)


def test_the_place_of_a_segment_is_known_when_it_comes() -> None:
    """A longer record does not change who came before whom, and the rest is counted."""
    frame = split(pairs(2_000), [f"n{index}" for index in range(100)])
    short, long = (segments_of(coded(read_pairs(frame.head(n))), True) for n in (40, 2_000))

    assert long.names[: len(short.names)] == short.names[: len(long.names)]
    assert len(long.names) == MOST
    assert long.more == 36
    assert (long.place < MOST).all()
    assert (long.place == -1).sum() > 0


@pytest.mark.parametrize("count", [1, 254, 255, 256, 257])
def test_a_row_without_a_segment_is_told_from_every_name(count: int) -> None:
    """Also where the names alone fill a byte."""
    names = [f"n{index}" for index in range(count)]
    frame = pairs(600).with_columns(
        segment=pl.Series([None if row % 7 == 6 else names[row % count] for row in range(600)])
    )
    found = coded(read_pairs(frame))

    told = [found.names[at] if at < len(found.names) else None for at in found.code]
    assert told == frame["segment"].to_list()


def streams(count: int, pairs_each: int, bad: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Discordant pairs of each stream: even ones are fair, the first `bad` are not."""
    shares = np.where(np.arange(count) < bad, 0.8, 0.5)
    return [rng.random(pairs_each) < share for share in shares]


def named(events: list[np.ndarray], weights: list[float], alpha: float) -> list[int]:
    """The streams that the step down names."""
    bets = paired.harm_bets(0.0)
    times = [np.arange(len(flags)) * len(events) + i for i, flags in enumerate(events)]
    found = step_down(
        lambda i, level: follow(bets, [events[i], ~events[i]], level), weights, alpha, times
    )
    return [i for i, one in enumerate(found) if one.at_us is not None]


def test_160_fair_streams_are_condemned_no_more_often_than_the_level() -> None:
    """Any of them, over 200 discordant pairs each, in 30 records."""
    rng = np.random.default_rng(73)
    weights = [weight_of(place) for place in range(160)]

    wrong = sum(bool(named(streams(160, 200, 0, rng), weights, 0.05)) for _ in range(30))

    assert wrong <= 3


def test_the_step_down_names_more_than_its_first_level_would() -> None:
    """Each found one hands its level on: never fewer than without, and at times more."""
    rng = np.random.default_rng(74)
    weights = [1 / 6] * 6
    bets = paired.harm_bets(0.0)
    more = 0
    for _ in range(40):
        events = streams(6, 60, 5, rng)
        alone = {
            i
            for i, flags in enumerate(events)
            if follow(bets, [flags, ~flags], 0.05 / 6).first() is not None
        }
        stepped = set(named(events, weights, 0.05))
        assert alone <= stepped
        more += len(stepped) - len(alone)
    assert more > 0


def test_fair_segments_beside_a_bad_one_keep_the_level() -> None:
    """What the bad one hands on is its share and no more."""
    rng = np.random.default_rng(76)

    wrong = sum(len(named(streams(6, 300, 1, rng), [1 / 6] * 6, 0.05)) > 1 for _ in range(60))

    assert wrong <= 6


def test_one_bad_stream_of_160_costs_at_most_two_and_a_half_times_a_single_one() -> None:
    """Where the policy names them all, in discordant pairs until it is found."""
    rng = np.random.default_rng(75)
    bets, delays = paired.harm_bets(0.0), []
    for _ in range(120):
        flags = rng.random(600) < 0.75
        found = [follow(bets, [flags, ~flags], level).first() for level in (0.05, 0.05 / 160)]
        assert None not in found
        delays.append(found)

    alone, many = np.mean(np.array(delays, dtype=float) + 1, axis=0)
    assert many <= 2.5 * alone
