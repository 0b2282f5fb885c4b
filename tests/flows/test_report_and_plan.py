"""`judge --report` and `plan` as people run them, without a site or with a ledger alone."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_parts import Cli

from flows import reports
from flows.cli import parser
from flows.site import Site, site
from rollout.plan_text import text_of

HEAD = {
    "request_id": "r-0", "arrived_at": "2026-01-05T12:00:00Z", "segment": None,
    "baseline_status": 200, "candidate_status": 200, "baseline_latency_ms": 3.0,
    "candidate_latency_ms": 3.0, "baseline_prediction": 1.0, "candidate_prediction": 1.0,
    "candidate_outcome": "answered", "label": None, "labelled_at": None,
}  # fmt: skip
NOW = 1_767_614_400


@pytest.fixture
def one_pair(tmp_path: Path) -> Path:
    """The smallest file that can be judged."""
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(HEAD) + "\n")
    return path


def test_judge_writes_its_report(cli: Cli, one_pair: Path, tmp_path: Path) -> None:
    """The file is there, the exit code is still the verdict's, the JSON the verdict's."""
    ran = cli("judge", one_pair, "--report", tmp_path / "r.html", "--json")
    assert ran.code == 4
    assert ran.report["verdict"] == "INCONCLUSIVE"
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")
    assert (
        f"report {tmp_path / 'r.html'}"
        in cli("judge", one_pair, "--report", tmp_path / "r.html").out
    )


@pytest.mark.parametrize(
    ("report", "why"),
    [
        pytest.param("/nowhere/r.html", "there is no directory /nowhere", id="no directory"),
        pytest.param("/", "it is a directory", id="a directory"),
    ],
)
def test_a_report_that_cannot_be_written_is_bad_input(
    cli: Cli, tmp_path: Path, report: str, why: str
) -> None:
    """The place is named before a million pairs are read: these could not be."""
    ran = cli("judge", tmp_path / "none.parquet", "--report", report)
    assert ran.code == 2
    assert f"{report} cannot be written: {why}" in ran.err


def served(home: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """A ledger with a champion, and the rows that its servers wrote."""
    here = site("local")
    home.mkdir(parents=True, exist_ok=True)
    revision = {"version": "v1.0.0", "digest": "0" * 64}
    here.ledger.append(
        "served", component="adder", region="local", actor="ana",
        data={"from": None, "to": revision, "verb": "deploy-model", "evidence_digest": None,
              "override": None},
    )  # fmt: skip
    traffic = home / "records" / "adder" / "traffic"
    traffic.mkdir(parents=True)
    lines = [
        {"id": f"r-{n}", "at": NOW + n / 50, "status": 200, "ms": 3 + n * 7919 % 1000 / 100,
         "prediction": 1.0,
         "segment": None, "mirrored": False, "open": NOW + n / 50}
        for n in range(rows)
    ]  # fmt: skip
    (traffic / "v1.0.0-1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    labels = [
        {"request_id": line["id"], "label": 1.0 if n % 10 else 9.0,
         "labelled_at": datetime.fromtimestamp(line["at"] + 9, UTC).isoformat()}
        for n, line in enumerate(lines)
    ]  # fmt: skip
    (home / "records" / "adder" / "labels.jsonl").write_text(
        "".join(json.dumps(label) + "\n" for label in labels)
    )
    monkeypatch.setattr(Site, "require", lambda here: None)


def test_a_plan_from_the_champions_own_past(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate, budget, gates and prices come from what the servers wrote; options override them."""
    served(cli.home, monkeypatch, 6_000)
    recorded = cli("plan", "adder", "--json").report
    assert recorded["like"].startswith("v1.0.0 itself")
    assert recorded["rate"] == pytest.approx(50.0, rel=0.01)
    assert {gate["gate"] for gate in recorded["gates"]} >= {"errors-paired", "accuracy-paired"}
    assert [price["alpha"] for price in recorded["alphas"]] == [0.05, 0.001]
    options = ("--rate", "200", "--label-delay", "2", "--disagreement", "4", "--json")
    told = cli("plan", "adder", *options).report
    assert (told["rate"], told["label_delay"]) == (200.0, 2.0)
    assert told["verdict"]["seconds"] < recorded["verdict"]["seconds"]
    assert told["cost"]["copies"] == told["verdict"]["pairs"]
    text = cli("plan", "adder", *options[:-1]).out
    assert text == text_of(told) + "\n"
    assert all(len(line) <= 80 for line in text.splitlines())


BAD = {
    "no rate": ("--rate", "0"),
    "no delay": ("--label-delay", "-1"),
    "no share": ("--disagreement", "101"),
    "not a number": ("--rate", "nan"),
}


@pytest.mark.parametrize("options", BAD.values(), ids=BAD.keys())
def test_a_plan_for_nonsense_is_bad_input(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, options: tuple[str, str]
) -> None:
    """The option is named and nothing happened."""
    served(cli.home, monkeypatch, 300)
    ran = cli("plan", "adder", *options)
    assert ran.code == 2
    assert options[0] in ran.err


def test_a_plan_needs_a_champion_with_a_past(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an unknown model nor a silent champion can be planned for; both name the way out."""
    served(cli.home, monkeypatch, 10)
    assert "has no champion" in cli("plan", "nobody").err
    assert "send it traffic" in cli("plan", "adder").err


def test_plan_is_a_verb_with_help() -> None:
    """The verb stands in the list with what it does."""
    assert "how long a shadow of the next version will take" in parser().format_help()


def test_a_report_stays_owed_while_mlflow_does_not_answer(cli: Cli, tmp_path: Path) -> None:
    """What could not be handed over is said, and is tried again the next time."""
    here = site("local")
    here.home.create("local", "local")
    (tmp_path / "report.html").write_text("<!DOCTYPE html>")
    payload = {"component": "adder", "version": "v2", "file": str(tmp_path / "report.html")}
    here.outbox.enqueue("report:r-1", reports.KIND, payload, datetime.now(UTC))
    (said,) = reports.hand_over(here)
    assert said.startswith("report of v2 not in MLflow yet")
    assert [errand.key for errand in here.outbox.due(datetime.now(UTC))] == ["report:r-1"]
