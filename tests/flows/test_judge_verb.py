"""`pincex judge`: the exit code is the verdict; what cannot be judged is bad input."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from cli_parts import ERROR_KEYS, Cli

Pair = dict[str, Any]
BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)
POLICY = """
[drift]
kind = "none"
reason = "both sides share a machine"
[budgets]
min_pairs = 300
[gates.errors-paired]
margin = 0.01
[gates.accuracy-paired]
margin = 0.02
[latency]
baseline_p95_ms = 14.0
"""


def pairs(count: int = 1500, errors: float = 0.0) -> list[Pair]:
    """Healthy pairs at 100 requests a second; the candidate fails a share of them."""
    random = Random(7)
    return [_pair(number, random, errors) for number in range(count)]


def _pair(number: int, random: Random, errors: float) -> Pair:
    at = BEGIN + timedelta(seconds=number / 100)
    label = random.uniform(1, 2)
    return {
        "request_id": f"r-{number}",
        "arrived_at": at.isoformat(),
        "segment": None,
        "baseline_status": 200,
        "candidate_status": 500 if random.random() < errors else 200,
        "baseline_latency_ms": random.uniform(5, 15),
        "candidate_latency_ms": random.uniform(5, 15),
        "baseline_prediction": label * (3 if random.random() < 0.08 else 1.1),
        "candidate_prediction": label * 1.1,
        "candidate_outcome": "answered",
        "label": label,
        "labelled_at": (at + timedelta(seconds=3)).isoformat(),
    }


def write(name: str, rows: list[Pair]) -> str:
    """A pair file in the working directory."""
    Path("policy.toml").write_text(POLICY)
    Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return name


VERDICTS = {
    "safe": (pairs(), "PASS", 0),
    "harmful": (pairs(errors=0.05), "FAIL", 3),
    "too few": (pairs(50), "INCONCLUSIVE", 4),
}


@pytest.mark.parametrize(("rows", "verdict", "code"), VERDICTS.values(), ids=VERDICTS.keys())
def test_the_exit_code_is_the_verdict(cli: Cli, rows: list[Pair], verdict: str, code: int) -> None:
    """The same in JSON and in text, and no site is needed."""
    given = ("judge", write("pairs.jsonl", rows), "--policy", "policy.toml")
    as_json, as_text = cli(*given, "--json"), cli(*given)

    assert (as_json.code, as_text.code) == (code, code)
    assert (as_json.report["verdict"], as_json.report["pairs"]) == (verdict, len(rows))
    assert as_text.out.startswith(f"{verdict} (")
    assert "revisions: unknown" in as_text.out
    assert not cli.home.exists()


def test_the_packaged_policy_judges_where_none_is_named(cli: Cli) -> None:
    """It guards against drifting hosts, so that fifteen seconds are never enough."""
    ran = cli("judge", write("pairs.jsonl", pairs()), "--json")

    assert ran.code == 4
    assert ran.report["policy_digest"] != ""


def _without(column: str) -> Callable[[list[Pair]], object]:
    return lambda rows: [row.pop(column) for row in rows]


def _with(column: str, value: object, at: int = 7) -> Callable[[list[Pair]], object]:
    return lambda rows: rows[at].update({column: value})


BAD = {
    "missing column": (_without("candidate_latency_ms"), "candidate_latency_ms"),
    "unknown outcome": (_with("candidate_outcome", "lost"), "candidate_outcome"),
    "NaN": (_with("baseline_latency_ms", float("nan")), "line 8: NaN is not a number"),
    "duplicate": (_with("request_id", "r-3"), "request_id"),
    "reversed time": (_with("arrived_at", "2026-01-05T11:59:00+00:00"), "arrived_at"),
    "wrong type": (_with("baseline_status", "two hundred"), "baseline_status"),
    "half a status": (_with("candidate_status", 200.5), "candidate_status"),
    "negative latency": (_with("candidate_latency_ms", -1.0), "candidate_latency_ms"),
    "zero rows": (list.clear, "has no rows"),
}


@pytest.mark.parametrize(("damage", "said"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_judged_is_bad_input(
    cli: Cli, damage: Callable[[list[Pair]], object], said: str
) -> None:
    """Exit code 2, the error names the column or the line."""
    rows = pairs(400)
    damage(rows)
    ran = cli("judge", write("pairs.jsonl", rows), "--policy", "policy.toml", "--json")

    assert ran.code == 2
    assert set(ran.report) == ERROR_KEYS
    assert said in ran.report["error"]
    assert ran.report["hint"]
    assert ran.err == ""


def _split(errors: float) -> list[Pair]:
    """Requests of which every other one, by chance, is the candidate's."""
    random, rows = Random(9), []
    for number in range(9_000):
        own = random.random() < 0.5
        failed = own and random.random() < errors
        at = BEGIN + timedelta(seconds=number / 100)
        rows.append(
            {
                "request_id": f"r-{number}",
                "arrived_at": at.isoformat(),
                "arm": "candidate" if own else "baseline",
                "status": 500 if failed else 200,
                "latency_ms": random.uniform(5, 15),
            }
        )
    return rows


@pytest.mark.parametrize(("errors", "code"), [(0.0, 0), (0.05, 3)], ids=["safe", "harmful"])
def test_requests_that_are_split_are_judged_by_the_same_verb(
    cli: Cli, errors: float, code: int
) -> None:
    """A table with an arm; a page and a comparison are of pairs."""
    name = write("split.jsonl", [{"candidate_share": 0.5}, *_split(errors)])
    Path("policy.toml").write_text(POLICY + "[gates.split-errors]\nmargin = 0.01\n")
    given = ("judge", name, "--policy", "policy.toml")
    ran, told = cli(*given), cli(*given, "--report", "page.html", "--json")

    assert ran.code == code
    assert "9,000 requests, 100.0 % answered, after every request" in ran.out
    assert told.code == 2
    assert "--report needs the pairs" in told.report["error"]


def parquet(name: str) -> None:
    """Healthy pairs as a Parquet file."""
    pl.read_ndjson(write("pairs.jsonl", pairs())).write_parquet(name)


NO_TABLES = {
    "not Parquet": ("pairs.parquet", b"no Parquet at all", "cannot be read as Parquet"),
    "half a line": ("pairs.jsonl", b'{"request_id": "r-1"', "line 1"),
    "empty": ("pairs.jsonl", b"", "has no rows"),
}


@pytest.mark.parametrize(("name", "content", "said"), NO_TABLES.values(), ids=NO_TABLES.keys())
def test_a_file_that_is_no_table_is_bad_input(
    cli: Cli, name: str, content: bytes, said: str
) -> None:
    """Also a damaged one."""
    Path(name).write_bytes(content)
    ran = cli("judge", name, "--json")

    assert ran.code == 2
    assert said in ran.report["error"]


def test_an_empty_folder_is_bad_input(cli: Cli) -> None:
    """A folder is read as Parquet files."""
    Path("pairs").mkdir()

    assert "holds no Parquet file" in cli("judge", "pairs", "--json").report["error"]


def test_an_unknown_key_of_the_policy_is_bad_input(cli: Cli) -> None:
    """The error names the nearest known one."""
    given = write("pairs.jsonl", pairs(50))
    Path("policy.toml").write_text(POLICY.replace("margin", "margn", 1))
    ran = cli("judge", given, "--policy", "policy.toml", "--json")

    assert ran.code == 2
    assert "margn" in ran.report["error"]
    assert "margin" in ran.report["hint"]


def test_compare_tells_when_others_would_have_decided(cli: Cli) -> None:
    """The verdict and its exit code stay; one row for this judge and for each rule of others."""
    name = write("pairs.jsonl", pairs(errors=0.2))
    bare = cli("judge", name, "--policy", "policy.toml", "--json")
    told = cli("judge", name, "--policy", "policy.toml", "--compare", "--json")

    report = told.report
    rows = {row["name"]: row for row in report.pop("compared")}
    assert told.code == bare.code
    assert report == bare.report
    assert rows["this judge"]["decided_at"] == bare.report["decided_at"]
    assert rows["McNemar, peeking"]["decision"] == "ROLLBACK"
    assert {"Argo Rollouts", "Flagger", "Kayenta", "PipeCD", "DKW bands"} < set(rows)
    assert "decided after" in cli("judge", name, "--policy", "policy.toml", "--compare").out


def test_a_record_of_more_than_a_year_is_not_compared(cli: Cli) -> None:
    """Others look every minute, and one stray row would make a thousand million of them."""
    rows = pairs(400)
    rows[-1] |= {"arrived_at": "4026-01-05T12:00:00+00:00", "label": None, "labelled_at": None}
    given = write("pairs.jsonl", rows)
    ran = cli("judge", given, "--policy", "policy.toml", "--compare", "--json")

    assert ran.code == 2
    assert "the rules of others look at each of " in ran.report["error"]


def test_of_a_folder_the_damaged_file_is_named(cli: Cli) -> None:
    """Who has many files must know which one to look at."""
    Path("pairs").mkdir()
    for hour in ("10", "11", "12"):
        parquet(f"pairs/{hour}.parquet")
    Path("pairs/11.parquet").write_bytes(b"PAR1 and no more")

    assert "pairs/11.parquet cannot be read" in cli("judge", "pairs", "--json").report["error"]


def test_a_name_is_no_pattern(cli: Cli) -> None:
    """Brackets and stars are letters like others."""
    parquet("hour[1].parquet")

    assert cli("judge", "hour[1].parquet", "--policy", "policy.toml").code == 0


def test_blocks_have_a_page_and_no_comparison(cli: Cli) -> None:
    """The page is of the verdict that is printed; what needs single pairs is refused."""
    given = ("judge", write("pairs.jsonl", pairs()), "--policy", "policy.toml", "--blocks")
    bare, told = cli(*given, "--json"), cli(*given, "--report", "page.html", "--json")
    compared = cli(*given, "--compare", "--report", "other.html", "--json")

    page = Path("page.html").read_text()
    assert (told.code, told.report) == (bare.code, bare.report)
    assert told.report["pairs_digest"] in page
    assert "What this page leaves out" in page
    assert compared.code == 2
    assert "--compare needs the pairs themselves" in compared.report["error"]
    assert not Path("other.html").exists()


def test_split_traffic_is_not_counted_in_blocks(cli: Cli) -> None:
    """It says so, instead of missing columns that pairs would have."""
    name = write("split.jsonl", [{"candidate_share": 0.5}, *_split(0.0)])
    ran = cli("judge", name, "--policy", "policy.toml", "--blocks", "--json")

    assert ran.code == 2
    assert "requests of split traffic are judged one by one" in ran.report["error"]
