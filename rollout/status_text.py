"""`status`, `model-status` and `history` as text, from the objects that ``--json`` prints."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from textwrap import TextWrapper
from typing import Any

from rollout import approval_text, release_text, step_text, watch_words, words
from rollout.state import WATCH
from rollout.words import clock, date_and_clock, duration

Report = Mapping[str, Any]
BEFORE_UNIT, TIED = re.compile(r"(?<=\d) (?=%|(?:ms|s|min|pairs)\b)"), "\0"


def site(report: Report) -> list[str]:
    """The site's line, then a block for each model."""
    free = "" if report["locks"] else "   nobody holds the lock"
    lines = [
        f"{report['site']:<8} Envoy {report['envoy']}   Prefect {report['prefect']}   "
        f"MLflow {report['mlflow']}{free}"
    ]
    lines += [f"lock     {lock['holder']} holds {lock['component']}" for lock in report["locks"]]
    if report["envoy"] != "ok":
        lines.append("nothing answers requests until Envoy does: pincex up")
    for entry in report["models"]:
        lines += block(entry)
    lines += release_text.status(report["applications"])
    if not report["models"] and not report["applications"]:
        lines += ["no model yet", "next: pincex register-model NAME VERSION PATH"]
    return lines + addresses(report["endpoint"], report["prefect_url"], report["mlflow_url"])


def addresses(endpoint: str, prefect: str, mlflow: str) -> list[str]:
    """Where clients send their requests, and where people look."""
    return [f"endpoint {endpoint}", f"Prefect  {prefect} | MLflow {mlflow}"]


def model(report: Report, region: str, told: str) -> list[str]:
    """The block of one model and its versions; `told` as in `block`."""
    lines = block(report, told)
    for version in report["versions"]:
        marks = [
            role
            for role in ("champion", "challenger", "previous")
            if version["version"] and report[role] == version["version"]
        ]
        if version["validation_status"]:
            marks.append(version["validation_status"])
        manifest = (version["manifest_sha256"] or "no manifest")[:12]
        name = version["version"] or "no release"
        lines.append(
            f"  {name:<10} MLflow version {version['number']:<3} {manifest}  "
            f"{', '.join(marks)}".rstrip()
        )
    lines.append(f"region {region}")
    return lines


def history(rows: Sequence[Report], width: int | None) -> list[str]:
    """Of each row when, who, what, in lines of `width` columns; None: one line, for a pipe.

    What is pasted stays whole: a word that is wider than the lines has one of its own.
    """
    if not rows:
        return ["the ledger is empty", "next: pincex deploy-model NAME VERSION --first"]
    lines = [line for row in rows for line in _folded(_event(row), width)]
    return [*lines, f"{len(rows)} rows, chain intact, head {rows[-1]['hash'][:12]}"]


def _folded(event: str, width: int | None) -> list[str]:
    if width is None:
        return [event]
    # Below the date: the numbers of the rows stand alone. A number stays with its unit.
    fold = TextWrapper(width, "", 5 * " ", break_long_words=False, break_on_hyphens=False)
    return [line.replace(TIED, " ") for line in fold.wrap(BEFORE_UNIT.sub(TIED, event))]


def block(entry: Report, told: str = "") -> list[str]:
    """One model; `told` are the options that lead a command to its site."""
    lines = [entry["name"]]
    if entry["champion"]:
        share = entry["weights"].get(entry["champion"], 0)
        since = clock(datetime.fromisoformat(entry["champion_since"]))
        lines.append(f"  champion   {entry['champion']:<8} {share} % of traffic since {since}")
        lines.append(f"             {_grounds(entry)}")
    else:
        lines.append("  champion   none")
    if entry["watch"]:
        left = watch_words.left(entry["watch"], entry["previous"])
        lines.append(f"  watch      {left}")
        if entry["watch"]["triggers"]:
            lines += watch_words.lines(entry["watch"], indent="    ")
    if entry["challenger"]:
        share, now = _shadow(entry)
        lines += [f"  challenger {entry['challenger']:<8} {share}", f"             {now}"]
        lines += step_text.of_shadow(entry["progress"])
    approval = entry["approval"]
    if approval and approval["pending"]:
        lines.append(f"  approval   {approval_text.waiting(approval)}")
        lines += [f"             {told}" for told in approval_text.how_to(entry["name"])]
    if entry["previous"]:
        intact = "on disk" if entry["previous_on_disk"] else "not on disk"
        lines.append(f"  previous   {entry['previous']:<8} {intact}")
        lines.append(f"             back to it: pincex rollback-model {entry['name']}{told}")
    lines += [f"  differs    {difference}" for difference in entry["differences"]]
    lines += [f"  not known  {missing}" for missing in entry["not_compared"]]
    return lines


def _grounds(entry: Report) -> str:
    if entry["champion_override"] and entry["champion_by"] == "promote-model":
        return f"promoted by override: {entry['champion_override']}"
    if entry["champion_by"] == "rollback-model":
        why = f": {entry['champion_override']}" if entry["champion_override"] else ""
        return f"returned to by rollback-model{why}"
    if entry["champion_by"] == WATCH:
        return "returned to by the watch"
    if entry["champion_evidence"]:
        return f"promoted on evidence {entry['champion_evidence'][:8]}"
    return "first version"


def _shadow(entry: Report) -> tuple[str, str]:
    """How many requests are copied to the challenger, and how far it is."""
    mirror = entry["mirror"]
    share = f"mirrored {100 * mirror['fraction']:.3g} %" if mirror else "not mirrored"
    approval = entry["approval"]
    if approval and approval["pending"]:
        return share, f"{entry['decision'] or 'by override'}; not promoted yet"
    if entry["waiting"]:
        return share, f"PASS; pincex promote-model {entry['name']}"
    progress = entry["progress"]
    if not progress:
        return share, entry["phase"]
    if progress.get("control"):
        # How it stands as a whole is for whoever follows it; here, whether it alarmed.
        said = progress["control"].split("; ")[0]
        return share, f"control for {duration(progress['elapsed'])}: {said}"
    decided = entry["decision"] or progress["decision"] or "starting"
    expected = progress["expected"]
    forecast = f", verdict in about {duration(max(expected))}" if expected else ""
    return share, f"{entry['phase']} for {duration(progress['elapsed'])}, {decided}{forecast}"


def _approval(row: Report) -> str:
    """What was asked of a person, what was said, or why it was given up."""
    data = row["data"]
    if row["kind"] == "approval-lapsed":
        return f"not promoted: {data['reason']}"
    digest = data["evidence_digest"]
    grounds = f"on evidence {digest[:8]}" if digest else "without a verdict"
    if row["kind"] == "approval-asked":
        until = date_and_clock(datetime.fromisoformat(data["until"]))
        override = f", override: {data['override']}" if data["override"] else ""
        return f"asks for approval until {until} {grounds}{override}"
    why = f": {data['reason']}" if data["reason"] else ""
    return f"{row['kind']} in {data['how']} {grounds}{why}"


def _event(row: Report) -> str:
    at = date_and_clock(datetime.fromisoformat(row["at"]))
    what = f"{row['seq']:>4} {at} {row['actor']} {row['component']}: {told(row)}"
    # A reason may have been pasted with its line ends.
    return " ".join(what.splitlines())


def told(row: Report) -> str:
    """What a row of the ledger says happened."""
    data = row["data"]
    match row["kind"]:
        case "rollout-opened":
            stable = data["stable"]["version"] if data["stable"] else "nothing"
            what = f"{data['verb']} {data['candidate']['version']} against {stable}"
        case "verdict":
            what = f"verdict {data['decision']} after {data['pairs']:,} pairs: {data['reason']}"
            what += f" (evidence {data['evidence_digest'][:8]})"
        case "served":
            origin = data["from"]["version"] if data["from"] else "nothing"
            what = f"traffic {origin} -> {data['to']['version']} by {data['verb']}"
            undone = data["verb"] in ("rollback-model", "rollback", WATCH)
            word = "because" if undone else "override:"
            what += f", {word} {data['override']}" if data["override"] else ""
        case "traffic":
            shares = words.shares(data["weights"])
            copies = f", copies to {data['mirrored']}" if data["mirrored"] else ""
            of = f" of {data['component']}" if "component" in data else ""
            what = f"route{of} {shares}{copies}"
        case "step-judged":
            what = f"{data['component']}: {data['decision']}: {data['reason']}"
        case "component-served":
            undo = ", returned to" if data["undo"] else ""
            what = f"{data['component']}: {data['to']['version']} serves{undo}"
        case "version-ended":
            what = f"{data['component']}: {data['version']} ended, {data['how']}"
        case "release-step-begun" | "release-step-ran":
            done = "begun" if row["kind"].endswith("begun") else "done"
            bars = "" if data.get("reversible", True) else ", no way back from here"
            what = f"{data['component']}: release step {data['step']} of "
            what += f"{data['of']['version']} {done}{bars}"
        case "watch-ended":
            what = f"{data['component']}: {data['reason']}"
        case "rollout-closed":
            what = f"closed {data['ending']}: {data['reason']}"
        case "approval-asked" | "approved" | "refused" | "approval-lapsed":
            what = _approval(row)
        case "control-left":
            what = f"control {data['reason']}"
        case "rollout-waiting":
            what = "waiting for promote-model"
        case "phase":
            what = f"phase {data['phase']}"
            what += f", override: {data['override']}" if data["override"] else ""
        case "aliases":
            named = ", ".join(f"{alias} {version}" for alias, version in data["aliases"].items())
            what = f"aliases {named or 'none'}"
        case kind:
            what = kind
    return what
