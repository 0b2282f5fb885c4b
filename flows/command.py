"""The commands that start a flow process and follow it; they import nothing heavy."""

import argparse
import json
import sys
import uuid
from math import inf
from typing import Any

from cluster.local.leftovers import sweep_leftovers
from cluster.local.processes import ProcessSpec, running
from cluster.local.spawn import launch
from flows.follow import follow, following, settled
from flows.in_cluster import chosen, is_meant
from flows.openers import Request, open_already, refuse_foreign, share
from flows.platform import applications, models
from flows.policies import policy_text
from flows.progress_file import live_folder
from flows.refusal import Exit, Refused, bad_input
from flows.site import Site
from flows.watched import after_control, after_watch, make_room
from rollout import approval_text, release_text
from rollout.state import Rollout, copy_of
from rollout.words import count, duration

FLOW_ROLE = "flow "
LOGS_KEPT = 50

Answer = tuple[int, dict[str, Any], str]


def deploy_model(options: argparse.Namespace) -> Answer:
    """Check what can be checked at once, then start the shadow and follow it to its verdict."""
    here = chosen(options, "serving", ["gateway"])
    if options.control == (options.version is not None) or (options.control and options.first):
        raise bad_input(
            "deploy-model takes a version, or --control alone: a copy of the champion",
            f"pincex deploy-model {options.name} v2.1.0",
        )
    request = Request(
        name=options.name,
        version=options.version or "",
        policy_text=policy_text(here, options.policy),
        first=options.first,
        sample=share(options.sample),
        cap=_rate(options.cap),
        control=options.control,
    )
    here.require_place()
    here.serving.require_able(options.name, _named(here, options))
    here.begin("mlflow")
    opened = make_room(here, request)
    if opened is not None and here.lock.holder(options.name, here.region) is not None:
        return _followed_again(here, options, request, opened)
    given = json.dumps({name: getattr(request, name) for name in Request.__slots__})
    return start(here, options, ["deploy-model", here.name, given])


def promote_model(options: argparse.Namespace) -> Answer:
    """Refuse at once what has no PASS; else start the promotion and follow it."""
    from flows.promote import asked_version, refuse_unproven

    here = chosen(options)
    if options.override is not None and not options.override.strip():
        raise bad_input("--override needs a reason", '--override "why this is right"')
    here.require()
    after_watch(here, options.name)
    version = asked_version(here, options.name, options.version)
    here.serving.require_able(options.name, version)
    here.begin("mlflow")
    refuse_unproven(here, options.name, version, options.override)
    refuse_foreign(here, options.name, here.history(options.name))
    after_control(here, options.name, "promote-model")
    given = json.dumps([options.name, version, options.override])
    return start(here, options, ["promote-model", here.name, given])


def resume(options: argparse.Namespace) -> Answer:
    """Follow the process that goes on with an open rollout, started here if none runs."""
    here = chosen(options)
    here.require()
    if is_meant(options):
        options.name = _only(here, options.name)
        if options.name in applications(here):
            return _resume_services(here, options)
    settling = options.keep_serving or options.follow_alias
    if settling and options.name is None:
        raise bad_input("which model?", "pincex resume NAME --keep-serving")
    if options.name is not None and not here.history(options.name).rollouts:
        raise bad_input(f"the ledger knows no {options.name}", "pincex status")
    # Services need no registry.
    here.begin(*([] if options.name in applications(here) else ["mlflow"]))
    if settling:
        return _settle(here, options)
    holder = here.lock.holder(options.name, here.region) if options.name else None
    if holder is not None:
        return follow_only(here, options)
    rest = [options.name] if options.name else []
    return start(here, options, ["resume", here.name, *rest])


def _named(here: Site, options: argparse.Namespace) -> str | None:
    """The version that a deploy is of; None for a copy of a champion that there is not."""
    if not options.control or not is_meant(options):
        return str(options.version) if options.version else None
    champion = here.history(options.name).champion if here.home.ledger.exists() else None
    return copy_of(champion.revision).version if champion else None


def _only(here: Site, name: str | None) -> str:
    """What was rolled out in a namespace: the one that is named, or the only one."""
    known = [*applications(here), *models(here)]
    found = name or (known[0] if len(known) == 1 else None)
    if found is None or found not in known:
        raise bad_input(f"which one? Known: {', '.join(known) or 'none'}", "pincex resume NAME")
    return found


def _resume_services(here: Site, options: argparse.Namespace) -> Answer:
    """Go on with the services of a namespace, in a process of its own, and follow it."""
    if options.keep_serving or options.follow_alias:
        raise bad_input("services have no aliases", "pincex resume NAME")
    if here.lock.holder(options.name, here.region) is not None:
        return follow_only(here, options)
    # Its process signs in as whoever asks now, not as whoever began.
    here.begin()
    return start(here, options, ["resume", here.name, options.name])


def follow_only(here: Site, options: argparse.Namespace) -> Answer:
    """Follow the rollout that another process is at."""
    on_screen = sys.stdout.isatty() and not options.json
    return _answer(follow(following(here, options.name), on_screen), here.told)


def _followed_again(
    here: Site, options: argparse.Namespace, request: Request, opened: Rollout
) -> Answer:
    """The command that began a shadow, run again, follows it; another policy is another shadow."""
    asked = (request.sample or opened.sample, request.cap or opened.cap)
    given = options.policy is None or request.policy_text == opened.policy_text
    if not given or asked != (opened.sample, opened.cap):
        raise open_already(opened)
    if options.no_follow:
        return (
            Exit.DONE,
            {},
            f"it goes on already: pincex resume {options.name}{here.told} follows it",
        )
    return follow_only(here, options)


def _rate(given: float | None) -> float | None:
    if given is not None and not 0 < given < inf:
        raise bad_input(f"--cap {given:g} is no rate", "--cap 100 copies at most 100 a second")
    return given


def _settle(here: Site, options: argparse.Namespace) -> Answer:
    from flows.resume import foreign_champion, keep_serving

    if options.keep_serving:
        done = keep_serving(here, options.name)
        text = "; ".join(done["overruled"]) or "no foreign alias was found"
        return Exit.DONE, done, f"set back to what serves: {text}"
    after_watch(here, options.name)
    version = foreign_champion(here, options.name)
    given = json.dumps([options.name, version, f"follow-alias: champion named {version}"])
    keep_serving(here, options.name)
    return start(here, options, ["promote-model", here.name, given])


def start(here: Site, options: argparse.Namespace, arguments: list[str]) -> Answer:
    """Start a flow process for the rollout of `options.name`, and follow it to its end."""
    outcome = f"outcome-{uuid.uuid4().hex[:12]}.json"
    spec = ProcessSpec(
        role=f"{FLOW_ROLE}{arguments[0]} {outcome[8:14]}",
        argv=(sys.executable, "-m", "flows.process", *arguments),
        cwd=str(here.home.path),
        env={**here.flow_environment(), "PINCEX_OUTCOME": outcome},
    )
    sweep(here)
    before = settled(here, options.name)
    begun = launch(here.home, spec)
    if options.no_follow:
        text = (
            f"started (process {begun.pid}); pincex status{here.told}, or: pincex resume{here.told}"
        )
        return Exit.DONE, {"pid": begun.pid}, text
    on_screen = sys.stdout.isatty() and not options.json
    followed = following(
        here,
        options.name,
        outcome=live_folder(here) / outcome,
        running=begun,
        promoting=_returns_early(here, arguments[0]),
        settled=before,
    )
    return _answer(follow(followed, on_screen), here.told)


def _returns_early(here: Site, verb: str) -> bool:
    """A verb whose watch goes on without it; of services only where a keeper goes on with it."""
    return verb == "promote-model" or (verb == "deploy" and here.keeps_runs)


def sweep(here: Site) -> None:
    """Forget flow processes that ended, and what they left; the newest of their logs are kept."""
    sweep_leftovers(here.home)
    for role in here.home.roles(here.home.run):
        if role.startswith(FLOW_ROLE) and running(here.home, role) is None:
            here.home.run_file(role).unlink(missing_ok=True)
    logs = sorted(here.home.logs.glob(f"{FLOW_ROLE}*.log"), key=lambda log: log.stat().st_mtime)
    for old in logs[:-LOGS_KEPT]:
        old.unlink(missing_ok=True)


def _answer(ended: dict[str, Any], told: str) -> Answer:
    outcome = dict(ended)
    code = int(outcome.pop("exit"))
    if "error" in outcome:
        raise Refused(
            outcome["error"], hint=outcome["hint"], code=Exit(code), changed=outcome["changed"]
        )
    return code, outcome, _text(outcome, told)


def _text(outcome: dict[str, Any], told: str) -> str:
    if "application" in outcome:
        return release_text.outcome(outcome, told)
    if not outcome.get("version"):
        return _tidied(outcome)
    approval = outcome["approval"]
    undone = outcome["ending"] if outcome["ending"] == "ROLLED_BACK" else None
    unpromoted = _unpromoted(outcome)
    decided = unpromoted or undone or outcome["decision"] or outcome["ending"] or outcome["phase"]
    first = f"{outcome['model']} {outcome['version']}: {decided}"
    if outcome["pairs"] and not unpromoted:
        first += f" after {count(outcome['pairs'])} pairs"
    if outcome["seconds"] is not None and outcome["seconds"] >= 1 and not unpromoted:
        first += f", {duration(outcome['seconds'])}"
    lines = [first, *([outcome["reason"]] if outcome["reason"] else [])]
    if outcome["evidence"]:
        lines.append(f"evidence {outcome['evidence']} ({outcome['evidence_digest'][:12]})")
    if approval is not None and approval["state"] == "approved":
        lines.append(approval_text.answered(approval))
    if outcome["decision"] == "PROMOTE" and outcome["phase"] == "SHADOW":
        lines.append(f"next: pincex promote-model {outcome['model']}{told}")
    if outcome["ending"] == "PROMOTED" or outcome["phase"] == "WATCHING":
        undo = f"; back: pincex rollback-model {outcome['model']}{told}"
        back = undo if outcome["champion"] else ""
        lines.append(f"{outcome['version']} takes all traffic{back}")
    if outcome["watch_seconds"] is not None:
        lines.append(f"watched for {duration(outcome['watch_seconds'])}; pincex status{told}")
    return "\n".join(lines)


def _tidied(outcome: dict[str, Any]) -> str:
    """What `resume` did besides a shadow or a promotion: a rollback, owed aliases, owed reports."""
    lines = []
    if "to" in outcome:
        lines.append(f"{outcome['model']}: {outcome['to']} takes all traffic; {outcome['done']}")
    lines += [f"{name}: aliases {said}" for name, said in outcome["aliases"].items()]
    owed, missing = outcome["reports"]["owed"], outcome["reports"]["missing"]
    if owed:
        lines.append(f"{count(owed - len(missing))} of {count(owed)} reports handed to MLflow")
    return "\n".join([*lines, *missing])


def _unpromoted(outcome: dict[str, Any]) -> str | None:
    """The word for a version that a person refused, or that nobody approved or promoted in time."""
    approval = outcome["approval"]
    if outcome["ending"] is None and approval is not None and approval["state"] == "lapsed":
        return "not promoted"
    return outcome["ending"] if outcome["ending"] in ("REFUSED", "EXPIRED") else None
