"""Answers that hang together: on real prices in market order, guarded, in blocks, and learned."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from pair_tables import ONE_MACHINE, START_US, TIMESTAMP, pairs, policy
from scipy import stats

from analysis import BadInput, calibrate_answers, judge, page, read_pairs
from analysis.answer_blocks import dispersion_of
from analysis.answer_time import LEVEL, autocorrelation_time, most_by_chance
from analysis.dependence import FEWEST, Dependence
from analysis.findings import Outcome
from benchmarks.market_order import NULLS, TRUE, Replay, known, proven, wrong
from flows.calibrating import dependence_table

GUARD = '[dependence]\nkind = "guard"\n'
BEFORE = datetime.fromtimestamp(START_US / 1e6, UTC) - timedelta(hours=1)
ANSWERS = ("accuracy-absolute", "accuracy-paired")


def calibrated(tau: float, window: int = 50_000, until: datetime = BEFORE) -> str:
    """The table that is learned."""
    return (
        f'[dependence]\nkind = "calibrated"\nuntil = {until.isoformat()}\nwindow = {window}\n'
        f"tau = {tau}\n"
    )


def market_pairs(champion: str, candidate: str, days: int = 2_997, start: int = 0) -> pl.DataFrame:
    """A healthy shadow whose answers are those of real versions, in market order."""
    n = days * 20
    frame = pairs(n, label_delay=0.5)
    right = [~np.roll(wrong()[name], -start * 20)[:n] for name in (champion, candidate)]
    label = frame["label"].to_numpy()
    return frame.with_columns(
        baseline_prediction=pl.Series(label * np.where(right[0], 1.1, 2.5)),
        candidate_prediction=pl.Series(label * np.where(right[1], 1.2, 2.6)),
    )


@pytest.mark.parametrize(
    "replay", NULLS, ids=lambda one: f"{one.champion}-{one.candidate}-{one.limit}-{one.harm}"
)
def test_labels_counted_one_by_one_prove_what_is_not_so_and_blocks_do_not(replay: Replay) -> None:
    """40 replays of real answers in market order, at a level of 5 %: at least six times as many
    false alarms one by one, none in blocks of five times the champion's autocorrelation time."""
    assert not replay.true
    assert len(proven(replay, None, 40)) / 40 >= 0.15
    assert len(proven(replay, known(replay.champion).block, 40)) == 0


@pytest.mark.parametrize("replay", TRUE, ids=lambda one: f"{one.champion}-{one.candidate}")
def test_blocks_still_prove_what_is_so(replay: Replay) -> None:
    """A real harm and a real safety are proven in every replay, by a round of the market."""
    assert replay.true
    assert len(proven(replay, known(replay.champion).block, 20)) == 20


def test_the_champions_errors_tell_how_long_answers_hang_together() -> None:
    """Longer than the difference of both versions does, so that blocks are rather too long."""
    times = {name: autocorrelation_time(wrong()[name]) for name in ("EWMA", "HAR")}
    assert 90 <= times["HAR"] <= times["EWMA"] <= 160
    different = autocorrelation_time(wrong()["HAR"] & ~wrong()["EWMA"])
    assert 5 <= different < times["HAR"]


def test_answers_in_random_order_hang_together_no_longer_than_one() -> None:
    """The same errors drawn at random are found to be independent, whatever the order drawn."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        assert autocorrelation_time(rng.permutation(wrong()["HAR"])) == 1.0


def test_the_guard_holds_answers_in_market_order_and_lets_random_ones_pass() -> None:
    """The same requests, the same versions: only the order differs."""
    frame = market_pairs("EWMA", "HAR", days=600)
    ordered = judge(frame, policy(GUARD))
    drawn = np.random.default_rng(1).permutation(len(frame))
    answers = ("baseline_prediction", "candidate_prediction", "label")
    mixed = judge(frame.with_columns(frame[name][drawn] for name in answers), policy(GUARD))
    for name in ANSWERS[1:]:
        assert ordered.finding(name).outcome is Outcome.INCONCLUSIVE
        assert "errors come in runs: dispersion" in ordered.finding(name).reason
        assert mixed.finding(name).outcome is Outcome.PASS


def test_the_guard_needs_its_blocks_before_the_first_failure() -> None:
    """A candidate that is plainly worse fails once five blocks of labels have come, not before."""
    frame = pairs(4_000, only_candidate_wrong=0.3, only_baseline_wrong=0.0, both_wrong=0.1)
    bare = judge(frame, policy()).finding("accuracy-paired").decided_at
    held = judge(frame, policy(GUARD)).finding("accuracy-paired").decided_at
    short = judge(frame[:1_100], policy(GUARD)).finding("accuracy-paired")
    assert bare is not None
    assert held is not None
    # Two seconds of requests arrive before a label does.
    assert bare.pair < 1_250
    assert 1_250 + 300 <= held.pair < 1_250 + 1_000
    assert short.outcome is Outcome.INCONCLUSIVE
    assert "4 of 5 blocks of 250 labelled pairs" in short.reason


def test_a_record_in_blocks_says_what_is_left_of_it() -> None:
    """HAR against EWMA over the whole market: proven in blocks, with the blocks named, and the
    interval wider than the one that counts labels one by one; a page shows it."""
    frame = market_pairs("EWMA", "HAR")
    asked = policy(calibrated(126.0))
    verdict, bare = judge(frame, asked), judge(frame, policy())
    found, one = verdict.finding("accuracy-paired"), bare.finding("accuracy-paired")
    assert found.outcome is Outcome.PASS
    assert ", as 95 blocks of 630" in found.reason
    assert "answers in blocks of 630 labelled pairs" in verdict.looks
    assert found.estimate.value == one.estimate.value
    low, high = found.estimate.low, found.estimate.high
    assert low is not None
    assert high is not None
    assert one.estimate.low is not None
    assert one.estimate.high is not None
    assert low < one.estimate.low < one.estimate.high < high
    assert "accuracy-paired" in page(verdict, read_pairs(frame), ONE_MACHINE + calibrated(126.0))


def test_blocks_of_a_counted_record_agree(tmp_path: object) -> None:
    """Counted in blocks of arrival, labels come in blocks that are at least as long."""
    path = f"{tmp_path}/pairs.parquet"
    frame = market_pairs("HAR", "persistence")
    frame.write_parquet(path)
    asked = policy(calibrated(97.0))
    for verdict in (judge(frame, asked), judge(path, asked, blocks=True)):
        assert verdict.finding("accuracy-paired").outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (calibrated(126.0, window=9_000), "needs 12,600"),
        (calibrated(2.0, until=BEFORE + timedelta(hours=2)), "calibrated after the record"),
    ],
    ids=["too few labels", "learned too late"],
)
def test_a_calibration_that_cannot_be_relied_on_decides_nothing(text: str, why: str) -> None:
    """Neither harm nor safety, and the reason says why."""
    harmed = pairs(4_000, only_candidate_wrong=0.3, only_baseline_wrong=0.0)
    for frame in (harmed, pairs(8_000)):
        for name in ANSWERS:
            found = judge(frame, policy(text)).finding(name)
            assert found.outcome is Outcome.INCONCLUSIVE
            assert why in found.reason


def test_segments_keep_to_blocks_as_well() -> None:
    """A harm that lies in one segment is found there in blocks, and by no label in the other."""
    frame = pairs(30_000)
    drawn = np.random.default_rng(3).random(30_000) < 0.3
    harmed = pl.Series((frame["segment"] == "spot").to_numpy() & drawn)
    told = pl.when(harmed).then(pl.col("label") * 3).otherwise("candidate_prediction")
    verdict = judge(frame.with_columns(candidate_prediction=told), policy(calibrated(30.0)))
    found = {one.segment: one.outcome for one in verdict.by_segment if one.about == "accuracy"}
    assert found["spot"] is Outcome.FAIL
    assert found["swap"] is not Outcome.FAIL
    early = next(one for one in verdict.by_segment if one.label == "accuracy-paired in spot")
    assert early.decided_at is not None
    assert early.decided_at.pair >= 8 * 150 * 2 - 2


def test_without_dependence_nothing_changes() -> None:
    """A policy that says why answers are independent decides as one that does not say."""
    frame = pairs(6_000)
    said = judge(frame, policy('[dependence]\nkind = "none"\nreason = "drawn at random"\n'))
    bare, told = judge(frame, policy()).as_dict(), said.as_dict()
    for one in (bare, told):
        one.pop("policy_digest")
    assert told == bare


def test_what_is_learned_is_the_policy_of_what_comes_next() -> None:
    """The table parses to what was learned; labels by the policy's own rule."""
    frame = market_pairs("HAR", "EWMA")
    learned = calibrate_answers(frame)
    assert learned is not None
    assert learned.tau == pytest.approx(autocorrelation_time(wrong()["HAR"]))
    parsed = policy(dependence_table(learned)).dependence
    assert (parsed.window, parsed.until_us) == (learned.window, learned.until_us)
    assert parsed.tau == pytest.approx(learned.tau, rel=1e-4)
    unlabelled = {"label": pl.lit(None, pl.Float64), "labelled_at": pl.lit(None, TIMESTAMP)}
    assert calibrate_answers(frame.with_columns(**unlabelled)) is None


def test_dispersion_is_pearsons_statistic() -> None:
    """Against scipy's table of both outcomes by block."""
    from scipy.stats import chi2_contingency

    errors, n = np.array([30.0, 41.0, 22.0, 50.0]), np.array([250.0, 240.0, 260.0, 250.0])
    found = dispersion_of(errors, n)
    for blocks in (2, 3, 4):
        table = np.stack([errors, n - errors])[:, :blocks]
        wanted = chi2_contingency(table, correction=False).statistic
        assert found[blocks - 1] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('kind = "blocks"', "kind is"),
        ('kind = "none"', "without reason"),
        ('kind = "none"\nreason = " "', "without a reason"),
        ('kind = "calibrated"\ntau = 3.0', "without until, window"),
        ('kind = "guard"\ntau = 3.0', "unknown key"),
        ('kind = "guard"\npairs = 10', "pairs is 10"),
        ('kind = "guard"\nlevel = "high"', "level is 'high'"),
        ('kind = "calibrated"\nuntil = "now"\nwindow = 1\ntau = 2.0', "until is 'now'"),
        ("reason = 'none'", "kind is None"),
    ],
)
def test_contradictory_tables_are_refused(text: str, why: str) -> None:
    """Unknown kinds and keys, missing reasons and numbers, and values out of range."""
    with pytest.raises(BadInput, match=why):
        policy(f"[dependence]\n{text}\n")


def test_a_block_needs_pairs_and_independence_none() -> None:
    """A short autocorrelation time still takes blocks of a hundred; none at all takes none."""
    assert Dependence("calibrated", tau=3.0).block == 100
    assert Dependence("calibrated", tau=1.0).block is None
    assert Dependence("guard").block is None


@pytest.mark.parametrize("degrees", [FEWEST - 1, 50, 1_000, 500_000])
def test_chance_alone_goes_no_further_than_chi_square(degrees: int) -> None:
    """The closed form beside scipy's quantile, from the fewest blocks that are asked."""
    exact = float(stats.chi2.ppf(LEVEL, degrees)) / degrees
    assert most_by_chance(degrees) == pytest.approx(exact, rel=0.003)
