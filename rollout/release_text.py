"""Rollouts of services as people read them: the live view, the end, the status."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from rollout import step_text, watch_words, words
from rollout.facts import Enter
from rollout.policy import Policy
from rollout.release_facts import (
    End,
    EndWatch,
    Judge,
    OfComponent,
    ReleaseAction,
    ReleaseFacts,
    Retire,
    Run,
    Standing,
    Start,
    Take,
    Unobserve,
    Wait,
    Weigh,
)
from rollout.state import Decision, Phase
from rollout.words import duration

NAME, WIDTH = 14, 80
Report = Mapping[str, Any]


def progress_of(
    facts: ReleaseFacts, action: ReleaseAction | None, policy: Policy, told: str = ""
) -> dict[str, Any]:
    """Plain values for whoever follows; `action` is what is done next, None once it has ended.

    `told` are the options that lead a command to this site.
    """
    rollout = facts.rollout
    return {
        "at": facts.now.isoformat(),
        "rollout": rollout.id,
        "component": rollout.component,
        "told": told,
        "verb": str(rollout.verb),
        "stable": rollout.stable.version if rollout.stable else None,
        "candidate": rollout.candidate.version,
        "phase": str(rollout.phase),
        "elapsed": (facts.now - rollout.opened_at).total_seconds(),
        "parts": [_part(one, policy, under_way=_at(action, one)) for one in facts.standings],
        "reason": rollout.reason or _now(action),
        "decision": str(Decision.ROLLBACK) if facts.harm else None,
        "undoing": facts.harm.reason if facts.harm else None,
        "approval": None,
        "watch": _watch(facts),
        "finished": action is None,
    }


def lines(progress: Report, *, following: bool = True) -> list[str]:
    """The live view in at most 80 columns."""
    head = f"{progress['component']}   {progress['stable'] or 'nothing'}  ->  "
    head += f"{progress['candidate']}   {progress['verb']}   {duration(progress['elapsed'])}"
    shown = [head, ""]
    shown += [_line(part) for part in progress["parts"]]
    undoing = f"undone because {progress['undoing']}" if progress["undoing"] else None
    watch = progress["watch"]
    now = watch_words.left(watch, progress["stable"]) if watch else progress["reason"]
    shown += ["", undoing or now]
    shown += [f"  {part['name']}: {said}" for part in progress["parts"] for said in _loud(part)]
    if following:
        again = f"pincex resume {progress['component']}{progress['told']}"
        stops = "Ctrl-C stops watching; it goes on: "
        # What can be pasted is never cut.
        shown += [stops + again] if len(stops + again) <= WIDTH else [stops, again]
    return [line if line.startswith("pincex") else _fitted(line) for line in shown]


def _fitted(line: str) -> str:
    """As many whole words as a terminal has room for."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 4].rsplit(' ', 1)[0]} ..."


def line(progress: Report) -> str:
    """The same in one line, for a pipe."""
    under_way = [part for part in progress["parts"] if part["under_way"]]
    where = f"{under_way[0]['name']} {under_way[0]['share']} %" if under_way else "all"
    said = progress["reason"]
    if progress["watch"] and not progress["undoing"]:
        loud = [f"{part['name']}: {told}" for part in progress["parts"] for told in _loud(part)]
        left = watch_words.left(progress["watch"], progress["stable"])
        where, said = left, "; ".join(loud) or "every trigger is quiet"
    return f"{progress['verb']} {progress['candidate']}: {where}: {said}"


def outcome(report: Report, told: str = "") -> str:
    """How it ended, why, and what to do next, on the site that the options `told` lead to."""
    first = f"{report['application']} {report['version']}: {report['ending'] or report['phase']}"
    text = [first, report["reason"]] if report["reason"] else [first]
    if report["ending"] == "PROMOTED":
        back = f"; back: pincex rollback{told}" if report["before"] else ""
        text.append(f"{report['version']} takes all requests{'' if report['barred'] else back}")
    elif report["ending"] is None and report["watch_seconds"] is not None:
        text += [
            f"{report['version']} takes all requests, watched for "
            f"{duration(report['watch_seconds'])}: a trigger returns to {report['before']}",
            f"follow it: pincex resume {report['application']}{told}",
        ]
    elif report["ending"] in ("ROLLED_BACK", "INCONCLUSIVE") and report["verb"] == "deploy":
        text.append(f"{report['serves'] or 'nothing'} serves; pincex history{told} has every step")
    if report["ending"] is not None and report["barred"]:
        text.append(f"no way back: {report['barred']}")
    return "\n".join(text)


def _watch(facts: ReleaseFacts) -> dict[str, Any] | None:
    """Until when the component that took over last is watched, once all that is left is that."""
    watches = [one.watch for one in facts.standings if one.watch and one.is_watched]
    if facts.rollout.phase is not Phase.WATCHING or not watches:
        return None
    last = max(watches, key=lambda watch: watch.until)
    left = max(0.0, (last.until - facts.now).total_seconds())
    return {"until": last.until.isoformat(), "seconds": last.seconds, "left": left}


def _loud(part: Report) -> list[str]:
    return watch_words.reasons(part["triggers"])


def _part(here: Standing, policy: Policy, *, under_way: bool) -> dict[str, Any]:
    look = here.look
    return {
        "name": here.component.name,
        "weights": here.weights,
        "target": here.target.version,
        "serving": here.serving.version if here.serving else None,
        "share": here.share,
        "ready": sorted(here.ready),
        "requests": look.counts.own.requests if look else 0,
        "errors": look.counts.own.errors if look else 0,
        "decision": str(look.decision) if look else None,
        "evidence": look.reason if look else _came_to(here),
        "triggers": [watch_words.as_data(one, policy) for one in here.readings],
        "watched": here.is_watched,
        "under_way": under_way,
        "settled": here.settled_on(here.target),
    }


def _came_to(here: Standing) -> str | None:
    """What its last step and its watch came to."""
    return "; ".join(said for said in (here.judged, here.watch_ended) if said) or None


def _line(part: Report) -> str:
    mark = "done" if part["settled"] else "now" if part["under_way"] else ""
    said = part["evidence"] or "" if part["under_way"] else ""
    if part["watched"]:
        quiet = sum(each["state"] == "QUIET" for each in part["triggers"])
        mark, said = "watch", f"{quiet} of {len(part['triggers'])} triggers quiet"
    shares = words.shares(part["weights"]) or "no requests"
    return f"  {part['name']:<{NAME}} {shares:<28} {mark:<6}{said}"


def _at(action: ReleaseAction | None, here: Standing) -> bool:
    return getattr(action, "component", None) == here.component.name


def step(action: ReleaseAction) -> str:
    """What doing this is called where steps are recorded, such as `weigh order-entry`."""
    name = type(action).__name__.lower()
    return f"{name} {action.component}" if isinstance(action, OfComponent) else name


def _now(action: ReleaseAction | None) -> str:
    """What is done right now, to whoever follows."""
    match action:
        case Wait(reason=said) | Judge(reason=said) | EndWatch(reason=said) | End(reason=said):
            return said
        case Start(revision=revision):
            return f"the servers of {revision.version} start"
        case Run(step=running):
            return f"{running.name} runs"
        case Weigh(weights=weights):
            return f"requests move: {words.shares(weights)}"
        case Unobserve():
            return "its answers are noted no more"
        case Take(to=revision):
            return f"{revision.version} takes over"
        case Retire(version=version):
            return f"the servers of {version} end"
        case Enter(phase=phase):
            return f"the rollout is {phase} from now on"
        case None:
            return ""
    assert_never(action)


def status(entries: Sequence[Report], told: str = "") -> list[str]:
    """A block for each application: what serves, its servers if known, the open rollout.

    `told` are the options that lead a command to this site.
    """
    shown: list[str] = []
    for entry in entries:
        shown.append(f"{entry['name']}   {entry['version'] or 'no release yet'}")
        for part in entry["parts"]:
            shares = words.shares(part["weights"]) or "no requests"
            shown.append(f"  {part['name']:<{NAME}} {shares}")
            shown += _servers(part)
            shown += step_text.evidence(entry.get("progress"), part["name"])
        if entry.get("lock"):
            shown.append(f"  lock       {entry['lock']}")
        if entry["open"]:
            shown.append(_fitted(f"  {entry['open']}"))
            if entry["watch"]:
                shown.append(_fitted(f"  {watch_words.left(entry['watch'], entry['version'])}"))
            shown += step_text.how_it_goes(
                entry.get("progress"), entry.get("progress_age"), held=entry.get("held", True)
            )
            # What can be pasted is never cut.
            shown.append(f"  follow it: pincex resume {entry['name']}{told}")
        elif entry["barred"]:
            shown.append(f"  previous   {entry['previous']}, no way back: {entry['barred']}")
        elif entry["previous"]:
            shown.append(f"  previous   {entry['previous']}   pincex rollback{told} returns to it")
    return shown


def _servers(part: Report) -> list[str]:
    """A line for each version that is up, with what is wrong with it."""
    shown = [f"    {part['wrong']}"] if part.get("wrong") else []
    for one in part.get("versions", ()):
        line = f"    {one['version']}: {one['ready']} of {one['pods']} pods ready"
        shown.append(f"{line}; {one['wrong']}" if one["wrong"] else line)
    return shown
