"""A model's report as text, from the object that ``--json`` prints: one list, three clothes."""

from collections.abc import Mapping
from datetime import datetime
from textwrap import wrap
from typing import Any

from analysis.report_html import bullets, document, joined, paragraph, section, table, tag
from rollout.alerts import FIRING, NO_DATA
from rollout.state import Verb
from rollout.words import count, date_and_clock, duration, percent

Report = Mapping[str, Any]
Line = tuple[str, str]
HEAD = ("what", "now")
WIDTH = 80
HARDLY_EVER = 1e-6
"""False alarms an hour: one in 114 years."""


def first(report: Report) -> str:
    """The sentence that says how the model does."""
    requests = report["requests"]
    if not requests:
        return f"{report['model']}: no request in {_span(report)}"
    told = [f"{count(requests)} requests in {_span(report)}"]
    firing = sum(one["outcome"] == FIRING for one in report["alerts"])
    if firing:
        told.append("1 alert is firing" if firing == 1 else f"{firing} alerts are firing")
    errors, accuracy = report["errors"], report["accuracy"]
    told.append(f"{percent(errors['estimate'])} errors")
    if accuracy is None:
        told.append("accuracy unknown")
    else:
        told.append(f"accuracy {percent(accuracy['estimate'])}, {_side(report)}")
    return f"{report['model']}: {', '.join(told)}"


def text_of(report: Report) -> str:
    """Plain text in at most 80 columns."""
    shown = [*wrap(first(report), WIDTH), ""]
    for name, value in lines(report):
        shown += wrap(value, WIDTH, initial_indent=f"{name:<13} ", subsequent_indent=14 * " ")
    shown += ["", *(f"missing: {one}" for one in report["missing"])]
    return "\n".join([*shown, *(line for said in _method(report) for line in wrap(said, WIDTH))])


def markdown(report: Report) -> str:
    """A page for Prefect."""
    rows = [f"| {name} | {value} |" for name, value in lines(report)]
    gaps = [f"- {one}" for one in report["missing"]] or ["nothing"]
    head = [f"**{first(report)}**", "", f"| {HEAD[0]} | {HEAD[1]} |", "|---|---|"]
    return "\n".join([*head, *rows, "", "Missing:", "", *gaps, "", *_method(report)])


def page(report: Report) -> str:
    """One HTML file without assets."""
    gaps = bullets(report["missing"]) if report["missing"] else paragraph("nothing")
    body = [
        tag("h1", first(report)),
        table(HEAD, lines(report), "facts"),
        section("Missing", [gaps]),
        section("How this was measured", [paragraph(line) for line in _method(report)]),
    ]
    return document(f"{report['model']}, {report['window']['days']} days", joined(body))


def lines(report: Report) -> list[Line]:
    """What is so, each under its name."""
    return [
        ("window", _window(report)),
        ("champion", _champion(report)),
        ("requests", _requests(report)),
        *_measured(report),
        *[("alert", _alert(one)) for one in report["alerts"]],
        *[("disagreement", _disagreement(one)) for one in report["disagreement"]],
        *_drift(report),
        *[("rollout", _rollout(one)) for one in report["rollouts"]],
        ("false alarms", _alarms(report["false_alarms"])),
    ]


def _span(report: Report) -> str:
    window = report["window"]
    seconds = _at(window["end"]) - _at(window["measured_from"])
    return duration(seconds.total_seconds())


def _window(report: Report) -> str:
    window = report["window"]
    told = f"{_clock(window['start'])} to {_clock(window['end'])}"
    if window["measured_from"] != window["start"]:
        told += f"; records reach back to {_clock(window['measured_from'])}"
    return told


def _champion(report: Report) -> str:
    champion = report["champion"]
    return f"{champion['version']} since {_clock(champion['since'])}" if champion else "none"


def _requests(report: Report) -> str:
    shares = ", ".join(f"{version} {count(n)}" for version, n in report["versions"].items())
    return f"{count(report['requests'])} ({shares})" if shares else "none"


def _measured(report: Report) -> list[Line]:
    if not report["requests"]:
        return []
    errors, labels, latency = report["errors"], report["labels"], report["latency_ms"]
    due = f"{count(labels['due'] - labels['missing'])} of {count(labels['due'])} due are there"
    since = f", missing since {_clock(labels['missing_since'])}" if labels["missing"] else ""
    return [
        ("errors", f"{_interval(errors)}, limit {percent(errors['limit'])}"),
        ("late errors", _late(report["late_errors"])),
        ("latency", ", ".join(f"{name} {_ms(told)}" for name, told in latency.items())),
        ("accuracy", _accuracy(report)),
        ("labels", f"{due}{since}"),
    ]


def _late(late: Report) -> str:
    """Alarms of the detector, each with the minute before it; the first of many."""
    often = f"a false alarm in {duration(late['false_alarm_every'])} at most"
    found = late["alarms"]
    if not found:
        return f"none over {percent(late['limit'])} since any second ({often})"
    first = found[0]
    minute = f"{percent(first['bad'] / first['requests'])} of {count(first['requests'])} requests"
    alarms = "1 alarm" if len(found) == 1 else f"{count(len(found))} alarms, an hour apart or more"
    return f"{alarms}: {_clock(first['at'])}, {minute} in the minute before ({often})"


def _accuracy(report: Report) -> str:
    accuracy = report["accuracy"]
    if accuracy is None:
        return "unknown: no labels"
    return f"{_interval(accuracy)} of {count(accuracy['n'])} labelled: {_side(report)}"


def _alert(one: Report) -> str:
    """An alert as it stands, and how often chance alone would fire it."""
    told = f"{one['name']} ({one['severity']}): {one['outcome']}"
    if one["outcome"] == NO_DATA:
        return told
    why = f", {one['now']}" + (f", {one['reason']}" if one["reason"] else "")
    hourly = one["false_alarms_per_hour"]
    if hourly is None:
        return f"{told}{why}"
    if hourly < HARDLY_EVER:
        return f"{told}{why}; less than a false alarm in a century"
    most = "at most " if one["at_most"] else ""
    return f"{told}{why}; {most}{hourly:.2g} false alarms an hour"


def _side(report: Report) -> str:
    floor = percent(report["floor"])
    side = report["accuracy_outcome"]
    return f"{side} {'whether above ' if side == 'not certain' else ''}the floor of {floor}"


def _disagreement(one: Report) -> str:
    told = _interval(one["share"]) if one["share"] else "no pair"
    return f"{one['challenger']} differs from {one['champion']} in {told}"


def _drift(report: Report) -> list[Line]:
    drift = report["drift"]
    told: list[Line] = []
    if drift["predictions"]:
        told.append(("predictions", f"{_moved(drift['predictions'])}, {drift['compared']}"))
    inputs = [one for one in drift["inputs"] if one["psi"] is not None]
    inputs.sort(key=lambda one: -one["psi"])
    told += [("input", f"{one['name']}: {_moved(one)}") for one in inputs]
    return told


def _moved(one: Report) -> str:
    if one["psi"] is None:
        return f"{one['size']} ({count(one['before'])} and {count(one['now'])})"
    ks = f", KS distance {one['ks']:.2f}" if one["ks"] is not None else ""
    return f"{one['size']} move: PSI {one['psi']:.2f}{ks}"


def _rollout(one: Report) -> str:
    whom = f" against {one['against']}" if one["against"] else ""
    how = f"{one['ending']}" if one["ending"] else f"open in {one['phase']}"
    if one["verb"] == Verb.CONTROL:
        return f"control of {one['against']}: {how}, {one['reason'] or 'under way'}"
    verdict = f", {one['decision']} after {count(one['pairs'])} pairs" if one["decision"] else ""
    undone = ", undone by its watch" if one["undone"] else ""
    since = _clock(one["opened_at"])
    return f"{one['verb']} {one['version']}{whom}: {how}{verdict}{undone}; since {since}"


def _alarms(spent: Report) -> str:
    if not spent["judged"] and not spent["watches"]:
        return "none spent: nothing was judged or watched"
    told = []
    if spent["judged"]:
        alphas = " and ".join(percent(alpha) for alpha in spent["alphas"])
        expected = f"{spent['false_rollbacks_at_most']:.2g} false ROLLBACKs to expect"
        told.append(f"{spent['judged']} judged at {alphas}: at most {expected}")
    if spent["watches"]:
        watched = f"{_watches(spent['watches'])}, {duration(spent['watched_seconds'])}"
        told.append(f"{watched}: at most {spent['watch_alarms']:.2g} false alarms")
    return "; ".join(told)


def _watches(number: int) -> str:
    return f"{number} watch" if number == 1 else f"{number} watches"


def _method(report: Report) -> list[str]:
    return [
        f"Shares and latencies: {report['method']}.",
        "PSI (deciles of the earlier sample; under 0.1 small, from 0.25 large) and KS distance "
        "describe, they decide nothing.",
    ]


def _interval(share: Report) -> str:
    return f"{percent(share['estimate'])} ({percent(share['low'])} to {percent(share['high'])})"


def _ms(told: Report) -> str:
    high = f"{told['high']:.3g}" if told["high"] is not None else "no end"
    return f"{told['value']:.3g} ms ({told['low']:.3g} to {high})"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _clock(text: str) -> str:
    return date_and_clock(_at(text))
