"""The page of a verdict: whole in one file, honest where something is missing, the same twice."""

import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from pair_tables import METADATA, ONE_MACHINE, pairs, policy

from analysis import About, BadInput, judge, page, read_pairs, report_predictions
from analysis.answer_time import autocorrelation_time
from analysis.pair_sample import pair_sample
from analysis.policy import LATE, Accuracy
from analysis.report_limits import would_have_changed
from analysis.report_predictions import best_constant, last_label
from analysis.report_record import record_parts
from analysis.report_ticks import Axis
from analysis.segments import coded
from analysis.show import Panel, drawing, hline

VOID = {"meta", "br", "path", "use", "rect"}
HEALTHY = pairs(6_000)
TEXTS = HEALTHY.with_columns(
    pl.lit("buy").alias("baseline_prediction"),
    pl.when(pl.int_range(pl.len()) % 9 == 0)
    .then(pl.lit("sell"))
    .otherwise(pl.lit("buy"))
    .alias("candidate_prediction"),
    pl.lit("buy").alias("label"),
)
NOTHING_TOLD = HEALTHY.with_columns(
    pl.lit(None, pl.Float64).alias("label"),
    pl.lit(None, pl.Datetime("us", "UTC")).alias("labelled_at"),
    pl.lit(None, pl.Float64).alias("baseline_prediction"),
    pl.lit(None, pl.Float64).alias("candidate_prediction"),
    pl.lit(None, pl.String).alias("segment"),
)
ALL_TIMED_OUT = HEALTHY.with_columns(
    pl.lit("timeout").alias("candidate_outcome"),
    pl.lit(None, pl.Int64).alias("candidate_status"),
    pl.lit(None, pl.Float64).alias("candidate_latency_ms"),
    pl.lit(None, pl.Float64).alias("candidate_prediction"),
)
TABLES = {
    "healthy": HEALTHY,
    "harmed": pairs(3_000, errors=(0.0, 0.03), slow=0.1),
    "undecided": pairs(1_200),
    "one pair": pairs(2).head(1),
    "texts": TEXTS,
    "no labels, predictions, segments": NOTHING_TOLD,
    "every copy timed out": ALL_TIMED_OUT,
    "the same answers on both sides": HEALTHY.with_columns(
        pl.col("baseline_prediction").alias("candidate_prediction")
    ),
    "constant latency": HEALTHY.with_columns(
        pl.lit(5.0).alias("baseline_latency_ms"), pl.lit(0.0).alias("candidate_latency_ms")
    ),
    "all latencies too short to measure": HEALTHY.with_columns(
        pl.lit(0.0).alias("baseline_latency_ms"), pl.lit(0.0).alias("candidate_latency_ms")
    ),
    "one moment": HEALTHY.with_columns(
        pl.col("arrived_at").first(), pl.col("arrived_at").first().alias("labelled_at")
    ),
    "one answer of the baseline": HEALTHY.with_columns(
        pl.lit(-750_000.0).alias("baseline_prediction")
    ),
    "answers always a tenth higher": HEALTHY.with_columns(
        (1.1 * pl.col("baseline_prediction")).alias("candidate_prediction")
    ),
    "few answers that differ, and hardly": HEALTHY.with_columns(
        pl.when(pl.int_range(pl.len()) % 500 == 0)
        .then(1.0001 * pl.col("baseline_prediction"))
        .otherwise(pl.col("baseline_prediction"))
        .alias("candidate_prediction")
    ),
    "negative predictions": HEALTHY.with_columns(
        -pl.col("baseline_prediction"), -pl.col("candidate_prediction"), -pl.col("label")
    ),
}


class Balance(HTMLParser):
    """Fails on an element that is closed out of order; collects text and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def made(table: pl.DataFrame, about: About | None = None) -> str:
    """The page of a table judged by the policy for one machine."""
    read = read_pairs(table, METADATA)
    return page(judge(read, policy()), read, ONE_MACHINE, about)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_a_page_is_whole_and_fetches_nothing(
    table: pl.DataFrame, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever the record lacks, the page is one well-formed file without script or address.

    Nothing is written beside it: a command may be asked for JSON on its standard output.
    """
    text = made(table)
    assert capfd.readouterr().out == ""
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert all(address.startswith("#") for address in balance.addresses)
    for word in ("<script", "@import", "NaN", ">nan", " inf ", "None<", "could not be drawn"):
        assert word not in text
    assert not re.search(r"url\((?!#)", text)
    assert len(text) < 1_000_000


def test_a_page_holds_what_a_reader_needs() -> None:
    """Sentence, word, digests, who, both revisions, the seven parts, the command and the policy."""
    text = made(HEALTHY, About(who="ana", where="site local", rollout="r-1"))
    verdict = judge(read_pairs(HEALTHY, METADATA), policy())
    assert "v2.1.0 is safe to promote: no gate was harmed, 8 of 8 blocking gates proven" in text
    for told in (
        verdict.pairs_digest, verdict.policy_digest, "ana", "r-1", "v2.0.0", "pincex verify",
        "best constant", "persistence", "effective pairs", "McNemar", "Mann-Whitney",
        "Kolmogorov-Smirnov", "Fisher", "both sides share a machine", "would have been found",
        "What was not certified", "What would have changed it",
    ):  # fmt: skip
        assert told in text
    assert all(finding.name in text for finding in verdict.findings)


def test_a_page_is_the_same_bytes_each_time() -> None:
    """No time, no random id: the digest of a page can be bound and compared."""
    assert made(HEALTHY) == made(HEALTHY)


def test_plots_take_every_colour_from_the_page_and_share_no_name() -> None:
    """So that they are read in the dark, and a frame cuts its own plot only."""
    text = made(HEALTHY)
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    colours = {found for plot in plots for found in re.findall(r'(?:fill|stroke)="([^"]*)"', plot)}
    names = [name for plot in plots for name in re.findall(r' id="([^"]*)"', plot)]

    assert all(told == "none" or told.startswith("var(--") for told in colours - {"#000000"})
    # What is black is as wide as nothing.
    assert all('stroke-width="0"' in mark for mark in re.findall(r'<[^>]*="#000000"[^>]*>', text))
    assert len(names) == len(set(names)) > 0


def test_texts_in_plots_are_told_as_they_are() -> None:
    """A revision is no number to be rounded."""
    text = made(HEALTHY)
    assert "v2.0.0: median" in text
    assert "v2.1.0: median" in text


def test_texts_of_plots_are_coloured_by_the_page() -> None:
    """Either by a colour of the page or by a class that its style knows."""
    text = made(HEALTHY)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    told = re.findall(r"<text([^>]*)>", text)
    classes = {found for mark in told for found in re.findall(r'class="([^"]*)"', mark)}

    assert classes
    assert all(f".{found}" in style for found in classes)
    assert all("class=" in mark or 'fill="var(--' in mark for mark in told)


def test_a_plot_that_cannot_be_drawn_says_so() -> None:
    """In a sentence, as whoever draws shows no error but a picture of one."""
    nowhere = Axis(1.0, 1.0)
    told = drawing([Panel([hline(0, "ink")], 100, nowhere, Axis(0.0, 1.0))], "an axis of no length")
    assert told.startswith('<p class="faint">an axis of no length: could not be drawn (')
    assert "lim" in told


@pytest.mark.parametrize(
    ("evil", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('<a href="javascript:alert(1)">v2</a>', "&gt;v2&lt;/a&gt;: median"),
        (r"\(x^2\)", r"\(x^2\): median"),
        ("url(#none)", "url(#none): median"),
    ],
    ids=["script", "link", "formula", "name of a colour"],
)
def test_every_text_of_the_record_is_escaped(evil: str, shown: str) -> None:
    """Names from outside never become markup, on the page or in a plot."""
    read = read_pairs(
        HEALTHY.with_columns(
            pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit(evil)).alias("segment")
        ),
        {**METADATA, "component": evil, "candidate_revision": evil},
    )
    text = page(judge(read, policy()), read, ONE_MACHINE, About(who=evil))
    assert "<script" not in text
    assert "<a " not in text
    assert 'fill="#' not in text
    assert shown in text


@pytest.mark.parametrize("other", ["pairs", "policy"])
def test_a_page_of_other_evidence_is_refused(other: str) -> None:
    """Pairs and policy must be those that the verdict was judged from."""
    read = read_pairs(HEALTHY, METADATA)
    verdict = judge(read, policy())
    given = pairs(6_000, seed=2) if other == "pairs" else read
    with pytest.raises(BadInput, match="not those of the verdict"):
        page(verdict, given, ONE_MACHINE if other == "pairs" else None)


def test_the_notebook_view_shows_the_gates_without_the_pairs() -> None:
    """A verdict shows itself with its plots, and prints itself in a line."""
    verdict = judge(HEALTHY, policy())
    shown = verdict._repr_html_()
    told = [f for f in verdict.pooled if f.harm and f.name not in LATE]
    assert shown.count("<svg") == 1 + sum(len(f.harm.drawn.looks) > 1 for f in told if f.harm)
    assert "<script" not in shown
    assert repr(verdict).startswith("Verdict(PASS, PROMOTE, 6,000 pairs: ")
    assert len(repr(verdict)) < 200


def test_a_trace_is_drawn_where_it_went() -> None:
    """What is drawn ends where the evidence ends, and was above where the trace was above."""
    for finding in judge(HEALTHY, policy()).findings:
        for trace in (finding.harm, finding.safety):
            if trace is None or not len(trace.drawn.looks):
                continue
            assert trace.drawn.log_e[-1] == pytest.approx(trace.log_e)
            assert tuple(trace.drawn.counts[:, -1]) == trace.counts
            above = trace.drawn.log_e >= trace.threshold
            assert (above == trace.above[trace.drawn.looks]).all()


def test_one_more_bad_answer_than_said_would_not_have_been_needed() -> None:
    """The number of errors that would have left safety open is the least such number."""
    verdict = judge(HEALTHY, policy())
    trace = verdict.finding("errors-paired").safety
    assert trace is not None
    said = next(text for text in would_have_changed(verdict, 60.0) if "errors-paired" in text)
    more = int(said.split(": ")[1].split(" more")[0])
    b, c, rest = trace.counts
    assert trace.bets.log_e((b + more, c, rest - more)) < trace.threshold
    assert trace.bets.log_e((b + more - 1, c, rest - more + 1)) >= trace.threshold


LABELS = np.array([1.0, 1.5, 2.0, 2.2, 9.0, -3.0])
RULES = {
    "equal": (Accuracy("equal", 0.0), 1 / 6),
    "absolute": (Accuracy("within_absolute", 0.5), 3 / 6),
    "relative": (Accuracy("within_relative", 0.25), 3 / 6),
    "factor": (Accuracy("within_factor", 1.5), 4 / 6),
}


@pytest.mark.parametrize(("rule", "share"), RULES.values(), ids=RULES.keys())
def test_the_best_constant_is_the_best(rule: Accuracy, share: float) -> None:
    """Sweeping the answers finds the one that is right most often, by hand and by search."""
    assert best_constant(LABELS, rule, numbers=True) == pytest.approx(share)


@pytest.mark.parametrize("together", [1, 150, 65_536])
def test_persistence_knows_only_labels_that_had_come(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last label of the same segment counts, however many segments are searched at once."""
    monkeypatch.setattr(report_predictions, "TOGETHER", together)
    table = pairs(400, rate=100.0, label_delay=0.5)
    read = read_pairs(table)
    found, known = last_label(read, coded(read))
    rows = list(zip(read.arrived_us, read.labelled_us, read.segment, read.label, strict=True))
    for index in (0, 50, 200, 399):
        at, _, segment, _ = rows[index]
        earlier = [(told, value) for _, told, name, value in rows if name == segment and told < at]
        assert known[index] == bool(earlier)
        if earlier:
            assert found[index] == max(earlier)[1]


def test_autocorrelation_time_of_known_series() -> None:
    """1 for independent values and a constant, about (1 + rho)/(1 - rho) for an AR(1)."""
    noise = np.random.default_rng(1).normal(size=40_000)
    series = noise.copy()
    for index in range(1, len(series)):
        series[index] += 0.8 * series[index - 1]
    assert autocorrelation_time(noise) == pytest.approx(1.0, abs=0.1)
    # The most that any length of block shows: rather too much than too little.
    assert 8.5 <= autocorrelation_time(series) <= 15
    assert autocorrelation_time(np.ones(100)) == 1.0


def test_the_page_sees_weak_dependence_that_lasts() -> None:
    """Errors that are a little likelier for 2,000 requests at a time, and then a little rarer.

    Neighbours hardly agree (autocorrelation 0.03), so that summing until it fades ends at 1.3;
    the means of blocks vary as if 20 requests told as much as one.
    """
    rng = np.random.default_rng(2)
    rate = np.where(np.arange(60_000) // 2_000 % 2, 0.05, 0.15)
    wrong = rng.random(60_000) < rate
    assert autocorrelation_time(wrong) >= 15
    assert autocorrelation_time(rng.permutation(wrong)) == 1.0

    frame = pairs(60_000, label_delay=0.5)
    label = frame["label"].to_numpy()
    frame = frame.with_columns(
        baseline_prediction=pl.Series(label * np.where(wrong, 2.5, 1.1)),
        candidate_prediction=pl.Series(label * np.where(wrong, 2.6, 1.2)),
    )
    rules = policy()
    read = read_pairs(frame)
    told = " ".join(record_parts(pair_sample(read, rules)))
    (row,) = re.findall(r"own wrong answers</td>(.*?)</tr>", told)
    requests = re.search(r">([0-9.]+) requests", row)
    assert requests is not None
    assert float(requests[1]) >= 15
    assert "right answers</td><td>60,000</td><td>nothing varies</td>" in re.sub(
        r' data-head="[^"]*"', "", told
    )


def test_a_short_record_says_nothing_about_dependence() -> None:
    """Fewer than twice the blocks that are needed."""
    read = read_pairs(pairs(30))
    told = " ".join(record_parts(pair_sample(read, policy())))
    assert told.count("too few to say") == 4
