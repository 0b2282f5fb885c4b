"""The live view of a rollout, from the plain record that each look leaves behind."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollout import approval_text, release_page, release_text, watch_words
from rollout.words import bar, count, duration

LABEL = 25
NOW = 29


def lines(progress: Mapping[str, Any], *, following: bool = True) -> list[str]:
    """What is so, the gates or the triggers, and what to expect, in at most 80 columns."""
    if "parts" in progress:
        return release_text.lines(progress, following=following)
    shown = _watch(progress) if progress["watch"] else _shadow(progress)
    if following:
        shown.append(
            f"Ctrl-C stops watching; the rollout goes on: pincex resume {progress['component']}"
        )
    return [line[:80] for line in shown]


def _shadow(progress: Mapping[str, Any]) -> list[str]:
    shown = [_headline(progress), *_traffic(progress), ""]
    if progress["gates"]:
        head = f"{'gate':<{LABEL}} {'now':<{NOW}} harm |{'-' * 5}+{'-' * 5}| safe"
        shown += [head.rstrip(), *(_gate(gate) for gate in progress["gates"]), ""]
    shown.append(_expectation(progress))
    if pending(progress):
        asked = approval_text.waiting(progress["approval"])
        shown += ["", asked, *approval_text.how_to(progress["component"])]
    return shown


def _watch(progress: Mapping[str, Any]) -> list[str]:
    watch = progress["watch"]
    left = watch_words.left(watch, progress["stable"])
    head = f"{progress['component']}   {progress['candidate']} champion   WATCHING"
    return [head, left, "", *watch_words.lines(watch), "", *watch_words.reasons(watch["triggers"])]


def line(progress: Mapping[str, Any]) -> str:
    """The same in one line, for a pipe."""
    if "parts" in progress:
        return release_text.line(progress)
    if progress["watch"]:
        watch = progress["watch"]
        said = watch_words.reasons(watch["triggers"]) or ["every trigger is quiet"]
        return f"WATCHING, {watch_words.left(watch, progress['stable'])}: {'; '.join(said)}"
    if pending(progress):
        asked = approval_text.waiting(progress["approval"])
        return f"{asked}: {', or '.join(approval_text.how_to(progress['component']))}"
    undecided = [
        gate["label"]
        for gate in progress["gates"]
        if gate["blocking"] and gate["outcome"] != "PASS"
    ]
    waiting = f"; undecided: {', '.join(undecided)}" if undecided else ""
    if progress.get("control"):
        waiting = f"; {progress['control']}"
    waiting += _refused(progress)
    elapsed = duration(progress["elapsed"])
    return f"{progress['phase']} {elapsed}: {count(progress['pairs'])} pairs{waiting}"


def markdown(progress: Mapping[str, Any]) -> str:
    """The same as a page for the Prefect UI."""
    if "parts" in progress:
        return release_page.markdown(progress)
    if progress["watch"]:
        return _watch_page(progress)
    rows = [
        f"| {gate['label']} | {gate['now']} | `{bar(gate['harm'], gate['safe']).strip('|')}` "
        f"| {gate['outcome']} |"
        for gate in progress["gates"]
    ]
    table = (
        ["", "| gate | now | harm, safe | outcome |", "|---|---|---|---|", *rows] if rows else []
    )
    return "\n".join(
        [
            f"## {progress['component']}: {progress['candidate']} against "
            f"{progress['stable'] or 'no champion'}",
            "",
            f"**{progress['decision'] or progress['phase']}** {progress['reason']}",
            "",
            *_asked(progress),
            " · ".join(_traffic(progress)),
            *table,
            "",
            "" if _decided(progress) else _expectation(progress),
            f"[report of the verdict](file://{progress['report']}) `{progress['report']}`"
            if progress["report"]
            else "",
            "",
            f"`pincex status` · `pincex model-status {progress['component']}`",
        ]
    )


def table(progress: Mapping[str, Any]) -> list[dict[str, str]]:
    """Gates, triggers of a watch or components of a release, as rows for a table artifact."""
    if "parts" in progress:
        return release_page.table(progress)
    if progress["watch"]:
        return [
            {
                "label": each["label"],
                "now": each["now"],
                "outcome": each["state"],
                "false alarms": watch_words.alarms_a_week(each),
            }
            for each in progress["watch"]["triggers"]
        ]
    keys = ("label", "now", "outcome")
    return [{key: str(gate[key]) for key in keys} for gate in progress["gates"]]


def percent_done(progress: Mapping[str, Any]) -> float:
    """How far its slowest blocking gate, its watch, or its components have come."""
    if progress["finished"]:
        return 100.0
    if "parts" in progress:
        return release_page.percent_done(progress)
    if watch := progress["watch"]:
        return 100.0 * (1 - float(watch["left"] / watch["seconds"]))
    ways = [max(gate["safe"], 0.0) for gate in progress["gates"] if gate["blocking"]]
    return 100.0 * min(*ways, 1.0) if ways else 0.0


def _watch_page(progress: Mapping[str, Any]) -> str:
    watch = progress["watch"]
    rows = [
        f"| {each['label']} | {each['state']} | {each['now']} | {watch_words.alarms_a_week(each)} |"
        for each in watch["triggers"]
    ]
    return "\n".join(
        [
            f"## {progress['component']}: {progress['candidate']} is watched",
            "",
            watch_words.left(watch, progress["stable"]),
            "",
            "| trigger | state | now | expected false alarms |",
            "|---|---|---|---|",
            *rows,
            "",
            *(f"- {said}" for said in watch_words.reasons(watch["triggers"])),
            "",
            f"`pincex status` · `pincex rollback-model {progress['component']}` undoes it",
        ]
    )


def pending(progress: Mapping[str, Any]) -> bool:
    """A person is waited for."""
    approval = progress["approval"]
    return bool(approval and approval["pending"])


def _asked(progress: Mapping[str, Any]) -> list[str]:
    """What a person is asked, or said."""
    approval = progress["approval"]
    if not approval:
        return []
    if approval["pending"]:
        commands = " · ".join(f"`{told}`" for told in approval_text.how_to(progress["component"]))
        asked = approval_text.waiting(approval)
        return [f"**{asked[0].upper()}{asked[1:]}.** Resume this flow run, or {commands}", ""]
    if approval["answered_by"] is None:
        return [f"Not promoted: {approval['reason'] or 'nobody answered'}", ""]
    said = approval_text.answered(approval)
    return [f"{said[0].upper()}{said[1:]}", ""]


def _headline(progress: Mapping[str, Any]) -> str:
    stable = f"{progress['stable']} champion" if progress["stable"] else "no champion"
    names = f"{progress['component']}   {stable}  ->  {progress['candidate']}"
    limit = duration(progress["max_seconds"])
    return f"{names}   {progress['phase']}   {duration(progress['elapsed'])} of at most {limit}"


def _traffic(progress: Mapping[str, Any]) -> list[str]:
    mirrored = progress["mirrored"]
    share = "all mirrored" if mirrored == 1 else f"{100 * mirrored:.3g} % mirrored"
    delay = progress["label_delay"]
    median = f", median delay {duration(delay)}" if delay is not None else ""
    answered = f"{count(progress['pairs'])} pairs, {100 * progress['coverage']:.1f} % answered"
    return [
        f"{count(round(progress['rate']))} requests/s, {share}   {answered}",
        f"{count(progress['labels'])} labels{median}{_refused(progress)}",
    ]


def _refused(progress: Mapping[str, Any]) -> str:
    refused = progress["labels_refused"]
    return f"; {count(refused)} labels refused: too early or contradictory" if refused else ""


def _gate(gate: Mapping[str, Any]) -> str:
    progress = bar(gate["harm"], gate["safe"], half=5)
    outcome = "open" if gate["outcome"] == "INCONCLUSIVE" else gate["outcome"]
    return f"{gate['label']:<{LABEL}} {gate['now']:<{NOW}}      {progress} {outcome}"


def _decided(progress: Mapping[str, Any]) -> bool:
    return progress["decision"] not in (None, "CONTINUE")


def _expectation(progress: Mapping[str, Any]) -> str:
    if _decided(progress):
        return f"{progress['decision']}: {progress['reason']}"
    seconds: Sequence[float] | None = progress["expected"]
    if seconds is None:
        return progress["reason"] or "no forecast yet"
    return f"verdict expected in about {duration(max(seconds))}"
