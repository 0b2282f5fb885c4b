"""The life of a model on a real site: shadow, promotion, rollback, and what is refused."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from story_parts import Story

from flows.cli import main
from flows.refusal import Exit
from flows.rehearsal.small_site import MODEL

pytestmark = [pytest.mark.site, pytest.mark.timeout(400)]

STEPS = {
    "promote too early": (4, "v1.0.0"),
    "deploy another": (1, "v1.0.0"),
    "deploy": (0, "v1.0.0"),
    "promote": (0, "v2.0.0"),
    "roll back": (0, "v1.0.0"),
    "roll forward": (0, "v2.0.0"),
    "stop following": (4, "v2.0.0"),
    "deploy a bad one": (3, "v2.0.0"),
    "promote the bad one": (3, "v2.0.0"),
    "override": (0, "v4.0.0"),
    "undo the override": (0, "v2.0.0"),
    "deploy despite a foreign alias": (1, "v2.0.0"),
    "keep serving": (0, "v2.0.0"),
}
FOREIGN = "deploy despite a foreign alias"


@pytest.mark.parametrize(("name", "wanted"), STEPS.items(), ids=STEPS.keys())
def test_each_step_ends_with_its_exit_code(
    story: Story, name: str, wanted: tuple[int, str]
) -> None:
    """And leaves all traffic with one version, on which ledger and platform agree."""
    step = story.steps[name]

    assert (step.ran.code, step.status["champion"]) == wanted, step.ran
    assert step.status["weights"] == {wanted[1]: 100}


@pytest.mark.parametrize("name", sorted(set(STEPS) - {FOREIGN}))
def test_ledger_and_aliases_agree_after_each_step(story: Story, name: str) -> None:
    """The registry's champion is what serves; nothing differs."""
    step = story.steps[name]

    assert step.status["differences"] == []
    assert step.aliases["champion"] == step.status["champion"]


def test_no_request_failed(story: Story) -> None:
    """Over shadows, promotions, rollbacks and refusals, and none was answered twice."""
    assert story.client.failures == []
    assert story.client.doubled == 0
    assert story.client.sent > 2_000
    assert set(story.client.by_version) == {"v1.0.0", "v2.0.0", "v4.0.0"}


def test_of_two_commands_at_once_one_gets_the_conflict(story: Story) -> None:
    """The other one holds the lock, and is named with its process."""
    won, lost = sorted(story.at_once, key=lambda ran: ran.code)

    assert (won.code, lost.code) == (0, 1)
    assert won.report["decision"] == "PROMOTE"
    assert (
        f"{MODEL} in local is held by deploy-model {MODEL} v2.0.0 (process "
        in (lost.report["error"])
    )
    assert lost.report["hint"].endswith(f"pincex resume {MODEL}")


def test_another_deploy_names_what_is_open(story: Story) -> None:
    """One rollout at a time, and how to end it."""
    report = story.steps["deploy another"].ran.report

    assert report["error"].startswith(f"deploy-model {MODEL} v2.0.0 is open (SHADOW, since ")
    assert report["changed"] == "Nothing was changed."


def test_a_promotion_without_a_pass_is_refused(story: Story) -> None:
    """During the shadow, and after a FAIL."""
    early = story.steps["promote too early"].ran.report["error"]
    bad = story.steps["promote the bad one"].ran.report["error"]

    assert early == f"{MODEL} v2.0.0 has no PASS against v1.0.0 yet"
    assert bad.startswith("v3.0.0 FAILED at 20")
    assert story.steps["promote the bad one"].ran.code == Exit.HARM


def test_a_pass_waits_for_its_promotion(story: Story) -> None:
    """Deploying ends at the verdict: copies go on, traffic stays."""
    status = story.steps["deploy"].status

    assert (status["waiting"], status["decision"], status["phase"]) == (True, "PROMOTE", "SHADOW")
    assert status["challenger"] == "v2.0.0"
    assert status["mirror"]["version"] == "v2.0.0"
    assert story.steps["deploy"].aliases == {"champion": "v1.0.0", "challenger": "v2.0.0"}


def test_a_rollback_moves_traffic_within_a_second(story: Story) -> None:
    """Counted from the command's own first line."""
    report = story.steps["roll back"].ran.report

    assert (report["from"], report["to"]) == ("v2.0.0", "v1.0.0")
    assert report["moved_in_ms"] < 1000


def test_ctrl_c_stops_following_only(story: Story) -> None:
    """The shadow goes on, and the hint is the command that follows it again."""
    report = story.steps["stop following"].ran.report
    verdict = story.steps["deploy a bad one"].ran.report

    assert report["error"] == "stopped following; the rollout goes on"
    assert report["hint"] == f"pincex resume {MODEL}"
    assert (verdict["version"], verdict["decision"]) == ("v3.0.0", "ROLLBACK")


def test_the_bad_version_is_rejected_for_its_reason(story: Story) -> None:
    """Undone on evidence: its copies end, its version is marked."""
    step = story.steps["deploy a bad one"]
    marks = {
        version.release: version.tags.get("validation_status")
        for version in story.here.site.registry.versions(MODEL)
    }

    assert step.ran.report["decision"] == "ROLLBACK"
    assert step.ran.report["reason"].startswith("errors ")
    assert step.status["mirror"] is None
    assert step.status["challenger"] is None
    assert marks["v3.0.0"] == "rejected"
    assert marks["v2.0.0"] != "rejected"


def test_an_override_is_kept_in_the_ledger(story: Story) -> None:
    """Who, and for which reason."""
    served = [row.data for row in story.rows if row.kind == "served"]
    override = [data for data in served if data["to"]["version"] == "v4.0.0"][-1]

    assert override["override"] == "the desk asked"
    assert override["evidence_digest"] is None
    assert story.steps["override"].status["champion_override"] == "the desk asked"


def test_a_foreign_alias_is_named_and_never_obeyed(story: Story) -> None:
    """Traffic stays, rollouts are refused, and resume sets the alias back."""
    step, settled = story.steps[FOREIGN], story.steps["keep serving"]
    moved = "alias champion points to v3.0.0, the ledger says v2.0.0"

    assert moved in step.ran.report["error"]
    assert any(difference.startswith(moved) for difference in step.status["differences"])
    assert settled.ran.report["overruled"] == [moved]
    assert settled.aliases == {"champion": "v2.0.0", "previous": "v1.0.0"}


def test_the_evidence_is_kept_and_can_be_verified(story: Story) -> None:
    """Under the digest that the ledger has, beside the policy it was judged by."""
    report = story.steps["deploy a bad one"].ran.report
    place = Path(report["evidence"])
    verdict = [row for row in story.rows if row.kind == "verdict"][-1]

    assert {"pairs.parquet", "policy.toml", "verdict.json"} <= {
        file.name for file in place.iterdir()
    }
    assert verdict.data["evidence_digest"] == report["evidence_digest"]
    assert story.here.pincex("verify", str(place)).code == 0


def test_the_history_is_intact_and_names_everyone(story: Story) -> None:
    """The chain verifies, and every row says who acted."""
    ran = story.here.pincex("history", MODEL)

    assert ran.code == 0
    assert ran.report["chain"] == "intact"
    assert all(row["actor"] for row in ran.report["rows"])
    assert len(ran.report["rows"]) >= len(story.rows)


def test_prefect_has_the_runs_under_names_people_can_read(story: Story) -> None:
    """Each rollout is a flow run; its name says verb, model, version, site."""
    request = urllib.request.Request(
        f"{story.here.site.prefect_url}/api/flow_runs/filter",
        data=b"{}",
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        runs: list[dict[str, Any]] = json.load(answer)
    names = {run["name"]: run["state"]["name"] for run in runs}

    assert names[f"deploy-model {MODEL} v3.0.0, local"] == "Rollback"
    assert f"promote-model {MODEL}, local" in names


def test_status_is_text_for_people(
    story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plain text on a pipe: what serves, since when, why, and the way back."""
    monkeypatch.setenv("PINCEX_HOME", str(story.here.home.path))
    assert main(["status"]) == 0
    shown = capsys.readouterr().out

    assert "Envoy ok   Prefect ok   MLflow ok   nobody holds the lock" in shown
    back = f"back to it: pincex rollback-model {MODEL}" in shown
    assert back is (story.here.history().previous is not None)
    assert "\x1b" not in shown
