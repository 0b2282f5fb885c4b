"""`model-report` as people run it, on a ledger and records alone."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cli_parts import Cli

from flows.site import site
from rollout.policy import default_policy_text

V1, V2 = ({"version": f"v{n}.0.0", "digest": str(n) * 64} for n in (1, 2))
HOUR = 3600


@pytest.fixture
def ledger(cli: Cli) -> Any:
    """The ledger of a site that was made and is down, in which v1.0.0 serves."""
    here = site("local")
    here.home.create()
    ledger = here.ledger
    add(ledger, "served", **{"from": None, "to": V1, "verb": "deploy-model",
                             "evidence_digest": None, "override": None})  # fmt: skip
    return ledger


def add(ledger: Any, kind: str, **data: object) -> None:
    """A row about the adder."""
    ledger.append(kind, component="adder", region="local", actor="ana", data=data)


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    """A file of records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def traffic(home: Path, hours: list[float], answer: float = 1.0) -> None:
    """A thousand requests at each of these ages, one in fifty failed, most of them labelled."""
    now = time.time()
    ages = [hour * HOUR - n / 10 for hour in hours for n in range(1000)]
    rows = [
        {"id": f"r-{n}", "at": now - age, "status": 500 if n % 50 == 0 else 200, "ms": 3.0,
         "prediction": answer + n * 7919 % 1000 / 1e4, "segment": None, "mirrored": False}
        for n, age in enumerate(ages)
    ]  # fmt: skip
    labels = [
        {"request_id": row["id"], "label": 1.0,
         "labelled_at": datetime.fromtimestamp(row["at"] + 9, UTC).isoformat()}
        for n, row in enumerate(rows) if n % 10
    ]  # fmt: skip
    write(home / "records/adder/traffic/v1.0.0-1.jsonl", rows)
    write(home / "records/adder/labels.jsonl", labels)
    kept = [{"at": row["at"], "inputs": {"a": row["prediction"]}} for row in rows]
    write(home / "records/adder/inputs/v1.0.0-1.jsonl", kept)


def test_a_day_in_numbers(cli: Cli, ledger: Any, tmp_path: Path) -> None:
    """Requests, errors, accuracy and labels of the day alone; the day before is compared with."""
    traffic(cli.home, [40, 3, 2])
    ran = cli("model-report", "adder", "--json")

    assert ran.code == 0
    report = ran.report
    assert (report["requests"], report["versions"]) == (2_000, {"v1.0.0": 2_000})
    assert report["errors"]["estimate"] == pytest.approx(0.02)
    assert report["late_errors"]["false_alarm_every"] == 2_592_000
    assert report["accuracy"]["n"] == 1_800
    assert report["accuracy_outcome"] == "above"
    assert (report["labels"]["due"], report["labels"]["missing"]) == (2_000, 200)
    assert report["drift"]["compared"] == "against the window before"
    assert report["drift"]["predictions"]["size"] == "small"
    assert [one["name"] for one in report["drift"]["inputs"]] == ["a"]
    assert report["window"]["measured_from"] == report["window"]["start"]
    assert any(gap.startswith("labels of 200 of 2,000") for gap in report["missing"])

    said = cli("model-report", "adder", "--report", tmp_path / "r.html")
    assert said.out.startswith("adder: 2,000 requests in 24 h, 2.00 % errors")
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")
    assert cli("model-report", "adder", "--days", "7", "--json").report["requests"] == 3_000


def test_what_is_right_is_told_by_the_policy_that_the_champion_was_judged_by(
    cli: Cli, ledger: Any
) -> None:
    """One's own rule of the deploy, not that of the site, makes an answer right."""
    traffic(cli.home, [3])
    strict = re.sub(r"(?m)^rule = .*\ntolerance = .*$", 'rule = "equal"', default_policy_text())
    assert strict != default_policy_text()
    add(ledger, "rollout-opened", rollout="r-0", verb="deploy-model", stable=None, candidate=V1,
        sample=1.0, cap=1e3, policy=strict, override=None)  # fmt: skip
    add(ledger, "rollout-closed", rollout="r-0", ending="PROMOTED", reason="first")

    assert cli("model-report", "adder", "--json").report["accuracy"]["estimate"] < 0.01


def test_rotated_records_shorten_the_window(cli: Cli, ledger: Any) -> None:
    """What was dropped is not counted as no traffic: the window begins where the rows do."""
    traffic(cli.home, [3])
    file = cli.home / "records/adder/traffic/v1.0.0-1.jsonl"
    file.rename(f"{file}.1")
    report = cli("model-report", "adder", "--json").report

    begin = datetime.fromisoformat(report["window"]["measured_from"]).timestamp()
    assert time.time() - begin == pytest.approx(3 * HOUR, abs=60)
    assert report["requests"] == 1_000
    assert report["drift"]["compared"] == "second half against first"
    assert any("rotated away" in gap for gap in report["missing"])


def test_a_model_without_traffic(cli: Cli, ledger: Any) -> None:
    """Nothing was recorded: that is said, and is no error."""
    ran = cli("model-report", "adder")
    assert ran.code == 0
    assert ran.out.startswith("adder: no request in 24 h")
    assert "missing: traffic: no request was answered" in ran.out


def test_rollouts_disagreement_and_false_alarms(cli: Cli, ledger: Any) -> None:
    """A shadow that was judged and promoted, its pairs, and the watch that came after."""
    import polars as pl

    opened = {"verb": "deploy-model", "stable": V1, "candidate": V2, "sample": 1.0, "cap": 1e3,
              "policy": default_policy_text(), "override": None}  # fmt: skip
    judged = {"decision": "PROMOTE", "reason": "all proven", "pairs": 400, "decided_at": None,
              "evidence": "e", "evidence_digest": "e" * 64}  # fmt: skip
    add(ledger, "rollout-opened", rollout="r-1", **opened)
    add(ledger, "verdict", rollout="r-1", **judged)
    add(ledger, "phase", rollout="r-1", phase="WATCHING", override=None, seconds=600.0,
        past_p95_ms=3.0)  # fmt: skip
    add(ledger, "rollout-opened", rollout="r-2", **opened)
    answers = [1.0, 1.0, 1.0, 9.0] * 100
    pairs = pl.DataFrame(
        {"arrived_at": [datetime.now(UTC)] * 400, "baseline_prediction": [1.0] * 400,
         "candidate_prediction": answers}
    )  # fmt: skip
    folder = cli.home / "records/adder/r-1"
    folder.mkdir(parents=True)
    pairs.write_parquet(folder / "pairs.parquet")

    report = cli("model-report", "adder", "--json").report

    assert [(one["rollout"], one["phase"]) for one in report["rollouts"]] == [
        ("r-1", "WATCHING"),
        ("r-2", "SHADOW"),
    ]
    (differ,) = report["disagreement"]
    assert (differ["challenger"], differ["share"]["estimate"]) == ("v2.0.0", 0.25)
    spent = report["false_alarms"]
    assert (spent["judged"], spent["false_rollbacks_at_most"]) == (1, 0.05)
    assert (spent["watches"], spent["watches_unknown"]) == (1, 1)


NINE = {
    "critical errors", "critical response time", "critical restarts", "critical database",
    "critical trading engine", "warning errors", "warning response time", "warning CPU",
    "warning memory",
}  # fmt: skip


def busy(home: Path, minutes: int, bad: float, ms: float = 3.0) -> None:
    """Ten requests a second until now, of which a share failed."""
    now = time.time()
    rows = [
        {"id": f"r-{n}", "at": now - n / 10, "status": 500 if n % 100 < 100 * bad else 200,
         "ms": ms, "prediction": 1.0, "segment": None, "mirrored": False}
        for n in reversed(range(600 * minutes))
    ]  # fmt: skip
    write(home / "records/adder/traffic/v1.0.0-1.jsonl", rows)


def sampled(home: Path, minutes: float, cpu: float, deaths: list[int], age: float = 1.0) -> None:
    """A sample every 5 s; the counts of deaths are those of the last ones."""
    now, number = time.time(), int(minutes * 12)
    told = [deaths[0]] * (number - len(deaths)) + deaths
    write(home / "samples.jsonl", [
        {"at": now - age - 5 * (number - 1 - n), "cpu": cpu if n else None, "memory": 0.4,
         "deaths": {"adder@v1.0.0#1": told[n], "mlflow": n}}
        for n in range(number)
    ])  # fmt: skip


def outcomes(cli: Cli) -> dict[str, str]:
    """The nine by severity and name."""
    found = cli("model-report", "adder", "--json").report["alerts"]
    return {f"{one['severity']} {one['name']}": one["outcome"] for one in found}


def test_nine_alerts_are_told_from_the_records(cli: Cli, ledger: Any) -> None:
    """Errors and slow answers of the last minutes, a busy machine, servers that keep dying."""
    busy(cli.home, 12, 0.1, ms=300.0)
    sampled(cli.home, 17, 0.95, [4, 5, 6, 7])

    assert outcomes(cli) == {
        "critical errors": "firing",
        "critical response time": "quiet",
        "critical restarts": "firing",
        "critical database": "no data",
        "critical trading engine": "no data",
        "warning errors": "firing",
        "warning response time": "firing",
        "warning CPU": "firing",
        "warning memory": "quiet",
    }
    ran = cli("model-report", "adder", "--json")
    for one in ran.report["alerts"]:
        known = one["outcome"] != "no data"
        assert (one["false_alarms_per_hour"] is not None) == known
    assert "samples for alerts: database, trading engine" in ran.report["missing"]
    assert "5 alerts are firing" in cli("model-report", "adder").out


def test_what_was_not_seen_is_no_quiet_alert(cli: Cli, ledger: Any) -> None:
    """No sample, an old one, too short a past and no traffic are outcomes of their own."""
    unseen = outcomes(cli)
    assert set(unseen) == NINE
    assert unseen["warning CPU"] == unseen["critical restarts"] == "no data"
    assert unseen["critical errors"] == "no traffic"

    busy(cli.home, 1, 0.0)
    sampled(cli.home, 17, 0.95, [0], age=60.0)
    assert outcomes(cli)["warning CPU"] == "stale"
    sampled(cli.home, 5, 0.95, [0])
    short = outcomes(cli)
    assert short["warning CPU"] == short["warning memory"] == "too few"


def test_a_server_that_is_born_anew_is_no_fall(cli: Cli, ledger: Any) -> None:
    """Its count begins at nothing, and other processes of the site are not the model's."""
    sampled(cli.home, 17, 0.1, [9, 0, 1, 2])
    assert outcomes(cli)["critical restarts"] == "quiet"
    sampled(cli.home, 17, 0.1, [9, 0, 1, 2, 3])
    assert outcomes(cli)["critical restarts"] == "firing"


BAD = {
    "an unknown model": (("nobody",), "Known: adder"),
    "a window of three days": (("adder", "--days", "3"), "invalid choice"),
    "a place that takes no file": (("adder", "--report", "/nowhere/r.html"), "cannot be written"),
}


@pytest.mark.parametrize(("words", "said"), BAD.values(), ids=BAD.keys())
def test_bad_input(cli: Cli, ledger: Any, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, and what would be right."""
    ran = cli("model-report", *words)
    assert ran.code == 2
    assert said in ran.err
