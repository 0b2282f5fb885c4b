"""From the tables of a policy file to a policy: every key known, of its type, with its default."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from analysis.dependence import Dependence
from analysis.envelope import CLIP, MINUTE, Calibration
from analysis.errors import BadInput
from analysis.policy import RATIOS, Accuracy, Drift, Gate, JudgePolicy
from analysis.policy_check import MOST, check, within

OTHER_ROOMS = ("rollout",)
TABLES = ("budgets", "time", "drift", "dependence", "accuracy", "latency", "gates")
RULES = ("equal", "within_absolute", "within_relative", "within_factor")
PINNED = ("baseline_p95_ms", "baseline_p99_ms")

SHOWN = 60
"""Signs of a value that an error repeats."""


def policy_from_tables(
    tables: Mapping[str, Any], default: Mapping[str, Any], text: str
) -> JudgePolicy:
    """Build the policy; unknown keys, wrong types and contradictory numbers are refused."""
    known = (*TABLES, *OTHER_ROOMS)
    for name, table in tables.items():
        if name in default["gates"]:
            raise BadInput(f"policy: unknown table {name}", f"write [gates.{name}]")
        _known(name, known, "table")
        if not isinstance(table, dict):
            raise BadInput(f"policy: {name} is not a table", f"write [{name}] with keys below it")
    budgets = _merged("budgets", tables, default)
    time = _merged("time", tables, default)
    latency = _merged("latency", tables, default, optional=PINNED)
    drift = _drift(tables, default)
    gates = _gates(tables, default["gates"])
    policy = JudgePolicy(
        alpha_rollback=budgets["alpha_rollback"],
        alpha_promote=budgets["alpha_promote"],
        min_pairs=budgets["min_pairs"],
        segments=budgets["segments"],
        timeout=time["timeout"],
        label_window=time["label_window"],
        horizon=time["horizon"],
        drift=drift,
        dependence=_dependence(tables.get("dependence", {"kind": "none", "reason": NOT_ASKED})),
        accuracy=_accuracy(tables, default),
        reference_pairs=latency["reference_pairs"],
        baseline_p95_ms=latency.get("baseline_p95_ms", None),
        baseline_p99_ms=latency.get("baseline_p99_ms", None),
        gates={name: _widened(gate, drift) for name, gate in gates.items()},
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
    check(policy)
    return policy


def _known(name: str, known: tuple[str, ...], what: str) -> None:
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    raise BadInput(f"policy: unknown {what} {name}", hint)


def _merged(
    name: str,
    tables: Mapping[str, Any],
    default: Mapping[str, Any],
    optional: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A table over its default, every key known and of the type of its default."""
    given = tables.get(name, {})
    for key, value in given.items():
        _known(key, (*default[name], *optional), f"key in [{name}]")
        if key == "segments" and isinstance(value, list):
            _names(f"[{name}] {key}", value)
        else:
            _typed(f"[{name}] {key}", value, default[name].get(key, 0.0))
    return {**default[name], **given}


def _typed(where: str, value: object, like: object) -> None:
    """Whole numbers pass for fractions; true and false are no numbers; nan and inf are none."""
    if isinstance(like, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(like, int):
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits, wanted = whole and abs(int(str(value))) <= MOST, f"a whole number, at most {MOST:g}"
    elif isinstance(like, float):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits, wanted = number and abs(float(str(value))) < float("inf"), "a finite number"
    else:
        fits, wanted = isinstance(value, str), "text"
    if not fits:
        raise BadInput(f"policy: {where} is {_shown(value)}", f"it must be {wanted}")


def _shown(value: object) -> str:
    """As it was given, of a long one the begin."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _names(where: str, value: list[object]) -> None:
    """A list of segments: texts, each once, at least one."""
    texts = [one for one in value if isinstance(one, str) and one]
    if not texts or len(set(texts)) != len(value):
        raise BadInput(
            f"policy: {where} is {_shown(value)}",
            "it must be true, false or a list of different names",
        )


def _drift(tables: Mapping[str, Any], default: Mapping[str, Any]) -> Drift:
    given = tables["drift"] if "drift" in tables else default["drift"]
    kind = given["kind"] if "kind" in given else default["drift"]["kind"]
    if kind not in ("none", "guard", "calibrated"):
        raise BadInput(
            f"policy: [drift] kind is {kind!r}", 'it must be "none", "guard" or "calibrated"'
        )
    if kind == "calibrated":
        numbers = {**default["drift"], "reason": "", "kind": kind}
        return Drift(**numbers, calibration=_calibration(given))
    numbers = {**default["drift"], "reason": ""}
    merged = _merged("drift", {"drift": given}, {"drift": numbers})
    if kind == "none" and not merged["reason"].strip():
        raise BadInput(
            'policy: [drift] kind = "none" without a reason',
            'write reason = "both sides share a machine", or use kind = "guard"',
        )
    if kind == "none" and set(given) - {"kind", "reason"}:
        raise BadInput(
            'policy: [drift] kind = "none" takes only a reason', 'the other keys belong to "guard"'
        )
    return Drift(**merged)


CALIBRATED = {
    "window": (0.0, 1e9),
    "block": (1.0, 86_400.0),
    "rms": (1e-9, CLIP),
    "minute_rms": (1e-9, CLIP),
    "rho": (0.0, 0.999),
    "tau": (float(MINUTE), 1e9),
}
"""What a calibration can give: hosts that never differ were not measured."""
CALIBRATION = ("until", *CALIBRATED)


def _calibration(given: Mapping[str, Any]) -> Calibration:
    """The table that `pincex calibrate` prints, every number of it."""
    for key in given:
        _known(key, ("kind", *CALIBRATION), "key in [drift]")
    missing = [key for key in CALIBRATION if key not in given]
    if missing:
        raise BadInput(
            f'policy: [drift] kind = "calibrated" without {", ".join(missing)}',
            "pincex calibrate PAIRS prints the whole table",
        )
    until_us = _instant("drift", given["until"])
    for key, (least, most) in CALIBRATED.items():
        _typed(f"[drift] {key}", given[key], 0.0)
        within(f"[drift] {key}", given[key], least, most)
    return Calibration(until_us, *(float(given[key]) for key in CALIBRATED))


NOT_ASKED = "requests are taken to come at random"
LEARNED = ("until", "window", "tau")
OF_KIND = {"none": ("reason",), "guard": ("pairs", "blocks", "level"), "calibrated": LEARNED}


def _dependence(given: Mapping[str, Any]) -> Dependence:
    """Whether errors come in runs: said with a reason, guarded against, or learned."""
    kind = given.get("kind", None)
    if kind not in OF_KIND:
        raise BadInput(
            f"policy: [dependence] kind is {kind!r}", 'it must be "none", "guard" or "calibrated"'
        )
    default = Dependence(kind)
    like = {"until": datetime.min, "window": 0, "tau": 0.0, "reason": ""}
    like |= {"pairs": default.pairs, "blocks": default.blocks, "level": default.level}
    for key, value in given.items():
        _known(key, ("kind", *OF_KIND[kind]), f'key in [dependence] of kind "{kind}"')
        if key not in ("kind", "until"):
            _typed(f"[dependence] {key}", value, like[key])
    missing = [key for key in OF_KIND[kind] if key not in given and kind != "guard"]
    if missing or (kind == "none" and not given["reason"].strip()):
        raise BadInput(
            f'policy: [dependence] kind = "{kind}" without {", ".join(missing) or "a reason"}',
            "pincex calibrate PAIRS prints the whole table"
            if kind == "calibrated"
            else 'write reason = "requests are drawn at random", or use kind = "guard"',
        )
    told = {key: value for key, value in given.items() if key != "until"}
    until_us = 0 if kind != "calibrated" else _instant("dependence", given["until"])
    found = Dependence(**told, until_us=until_us)
    within("[dependence] pairs", found.pairs, 50, MOST)
    within("[dependence] blocks", found.blocks, 2, 1e6)
    within("[dependence] level", found.level, 0.5, 1 - 1e-9)
    within("[dependence] window", found.window, 0, MOST)
    within("[dependence] tau", found.tau, 1.0, 1e9)
    return found


def _instant(table: str, until: object) -> int:
    """Microseconds since 1970 of a time with its offset."""
    if not isinstance(until, datetime) or until.tzinfo is None:
        raise BadInput(
            f"policy: [{table}] until is {until!r}", "a time with its offset: 2026-01-31T12:00:00Z"
        )
    return round(until.timestamp() * 1e6)


def _widened(gate: Gate, drift: Drift) -> Gate:
    """Harm of latency begins beyond what the hosts alone may differ by."""
    if drift.calibration is None or gate.name not in RATIOS:
        return gate
    return replace(gate, limits={**gate.limits, "envelope": drift.calibration.envelope})


def _accuracy(tables: Mapping[str, Any], default: Mapping[str, Any]) -> Accuracy:
    """The rule and its tolerance go together, so a given table replaces the default whole."""
    given = tables["accuracy"] if "accuracy" in tables else default["accuracy"]
    for key, value in given.items():
        _known(key, ("rule", "tolerance"), "key in [accuracy]")
        _typed(f"[accuracy] {key}", value, "" if key == "rule" else 0.0)
    rule = given.get("rule", None)
    if rule not in RULES:
        raise BadInput(f"policy: [accuracy] rule is {rule!r}", f"one of {', '.join(RULES)}")
    if (rule == "equal") == ("tolerance" in given):
        raise BadInput(
            f"policy: [accuracy] rule {rule} with{'' if rule == 'equal' else 'out'} a tolerance",
            "every rule but equal needs one",
        )
    least = 1.0 if rule == "within_factor" else 0.0
    tolerance = given.get("tolerance", least)
    # A part of the label: 10 for ten percent would find every answer right.
    within("[accuracy] tolerance", tolerance, least, 1.0 if rule == "within_relative" else MOST)
    return Accuracy(rule, float(tolerance))


def _gates(tables: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Gate]:
    given = tables.get("gates", default)
    if not given:
        raise BadInput("policy: [gates] is empty", "leave it out to get the packaged gates")
    for name, table in given.items():
        _known(name, tuple(default), "gate")
        if not isinstance(table, dict):
            raise BadInput(f"policy: gates.{name} is not a table", f"write [gates.{name}]")
    return {
        name: _gate(name, _merged(name, given, default), default[name]["metric"])
        for name in default
    }


def _gate(name: str, table: Mapping[str, Any], metric: str) -> Gate:
    if table["metric"] != metric:
        raise BadInput(
            f"policy: gates.{name}.metric is {table['metric']!r}", f"this gate is about {metric}"
        )
    claims = {key: table.get(key, None) for key in ("tolerance", "margin")}
    limits = {
        key: float(value)
        for key, value in table.items()
        if key not in ("metric", "loss", "segments", "blocking", "weight", "tolerance", "margin")
    }
    weight = float(table["weight"]) if "weight" in table else 0.0
    loss = table.get("loss", "")
    segments = table.get("segments", False)
    if isinstance(segments, list):
        segments = tuple(segments)
    return Gate(
        name,
        metric,
        table["blocking"],
        weight,
        **claims,
        limits=limits,
        loss=loss,
        segments=segments,
    )
