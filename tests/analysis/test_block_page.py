"""The page of pairs counted in blocks: all that counts can show, and what they cannot is named."""

import re
from pathlib import Path

import polars as pl
import pytest
from pair_tables import METADATA, ONE_MACHINE, pairs, write
from test_report_page import TABLES, Balance

from analysis import BadInput, block_page, count_blocks, judge_blocks, parse_policy

TEXT = (
    f"{ONE_MACHINE}[latency]\nreference_pairs = 1_000\n[gates.errors-absolute]\nsegments = true\n"
)
FRAMES = TABLES | {
    "harmed in the second half": pl.concat(
        [
            pairs(3_000),
            pairs(3_000, seed=2, errors=(0.0, 0.2)).with_columns(
                pl.col("arrived_at", "labelled_at") + pl.duration(seconds=60)
            ),
        ]
    ),
    "a latency beyond all bins": pairs(3_000).with_columns(candidate_latency_ms=1e300),
}


def made(folder: Path, frame: pl.DataFrame) -> str:
    """The page of a file of these pairs."""
    file = write(folder / "pairs.parquet", frame, **METADATA)
    table, plan = count_blocks(file, parse_policy(TEXT))
    return block_page(judge_blocks(table, plan, False), table, plan, TEXT)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_page_of_blocks_is_whole_and_fetches_nothing(frame: pl.DataFrame, tmp_path: Path) -> None:
    """Whatever the record lacks, one well-formed file."""
    page = made(tmp_path, frame)
    balance = Balance()
    balance.feed(page)

    assert balance.open == []
    assert all(address.startswith("#") for address in balance.addresses)


def test_a_page_of_blocks_says_what_was_judged_and_what_it_leaves_out(tmp_path: Path) -> None:
    """Sentence, gates, evidence by blocks, latencies to the bin, segments; no single pair."""
    page = made(tmp_path, FRAMES["harmed in the second half"])
    text = re.sub(r"<(style|svg).*?</\1>|<[^>]+>", " ", page, flags=re.S)

    for said in (
        "must not be promoted: ",
        "6,000 pairs",
        "at the end of every block of",
        "harm proven after",
        "Late harm: some window ending now",
        "p99.9",
        "To the bin, 0.8 % wide.",
        "The pairs were counted in blocks and none was kept.",
        "fewer errors of the candidate alone",
        "errors-absolute",
    ):
        assert said in text
    assert page.count("<svg") > 12
    assert "Mann-Whitney" not in text
    assert page == made(tmp_path, FRAMES["harmed in the second half"])


def test_the_latencies_of_both_pages_agree_to_the_bin(tmp_path: Path) -> None:
    """Quantiles of the same pairs, one by one and by bins, are less than 0.8 % apart."""
    from analysis import judged_page

    def medians(page: str) -> list[float]:
        row = re.search(r'<tr><td data-head="quantile">p50</td>(.*?)</tr>', page, re.S)
        assert row
        return [float(ms) for ms in re.findall(r">([\d.]+) ms<", row[1])]

    one_by_one = judged_page(write(tmp_path / "one.parquet", TABLES["healthy"]), TEXT)[1]
    in_blocks = medians(made(tmp_path, TABLES["healthy"]))

    assert len(in_blocks) == 2
    assert in_blocks == pytest.approx(medians(one_by_one), rel=0.012)


def test_a_page_of_blocks_needs_the_table_of_its_verdict(tmp_path: Path) -> None:
    """Another record, or another policy, is not explained by this verdict."""
    table, plan = count_blocks(write(tmp_path / "a.parquet", TABLES["healthy"]), parse_policy(TEXT))
    other, _ = count_blocks(write(tmp_path / "b.parquet", TABLES["harmed"]), parse_policy(TEXT))
    verdict = judge_blocks(table, plan, False)

    for counted, text in ((other, TEXT), (table, ONE_MACHINE)):
        with pytest.raises(BadInput, match="not those of the verdict"):
            block_page(verdict, counted, plan, text)
