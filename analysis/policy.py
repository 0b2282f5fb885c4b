"""The judging part of a policy: budgets, gates and the rules that feed them, checked at load."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from analysis.errors import BadInput

OTHER_ROOMS = ("rollout",)
TABLES = ("budgets", "time", "drift", "accuracy", "latency", "gates")
RULES = ("equal", "within_absolute", "within_relative", "within_factor")
HARM_ONLY = ("errors-late-paired", "errors-late-absolute", "gross-frozen-p95")
PAIRED = ("errors-paired", "accuracy-paired")
PINNED = "baseline_p95_ms"


@dataclass(frozen=True, slots=True)
class Gate:
    """One rule before promotion: its claims, its share of the rollback budget, its own limits.

    Blocking means that a promotion waits for its PASS; any gate with a weight may prove harm.
    """

    name: str
    blocking: bool
    weight: float
    tolerance: float | None
    margin: float | None
    limits: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """When a prediction counts as right."""

    rule: str
    tolerance: float


@dataclass(frozen=True, slots=True)
class Drift:
    """What is believed of the hosts: `none` with its reason, or `guard` with its numbers."""

    kind: str
    reason: str
    block: float
    blocks: int
    sparse_blocks: int
    sparse_rate: float
    level: float


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """Everything that `judge` is told; times in seconds, shares as fractions."""

    alpha_rollback: float
    alpha_promote: float
    min_pairs: int
    timeout: float
    label_window: float
    horizon: float
    drift: Drift
    accuracy: Accuracy
    reference_pairs: int
    baseline_p95_ms: float | None
    gates: Mapping[str, Gate]
    digest: str

    def rollback_level(self, gate: Gate) -> float:
        """The chance of false harm that this gate may spend."""
        return self.alpha_rollback * gate.weight


def policy_from_tables(
    tables: Mapping[str, Any], default: Mapping[str, Any], text: str
) -> JudgePolicy:
    """Build the policy; unknown keys, wrong types and contradictory numbers are refused."""
    known = (*TABLES, *OTHER_ROOMS)
    for name, table in tables.items():
        _known(name, known, "table")
        if not isinstance(table, dict):
            raise BadInput(f"policy: {name} is not a table", f"write [{name}] with keys below it")
    budgets = _merged("budgets", tables, default)
    time = _merged("time", tables, default)
    latency = _merged("latency", tables, default, optional=(PINNED,))
    policy = JudgePolicy(
        alpha_rollback=budgets["alpha_rollback"],
        alpha_promote=budgets["alpha_promote"],
        min_pairs=budgets["min_pairs"],
        timeout=time["timeout"],
        label_window=time["label_window"],
        horizon=time["horizon"],
        drift=_drift(tables, default),
        accuracy=_accuracy(tables, default),
        reference_pairs=latency["reference_pairs"],
        baseline_p95_ms=latency.get(PINNED, None),
        gates=_gates(tables, default["gates"]),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
    _check(policy)
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
        _typed(f"[{name}] {key}", value, default[name].get(key, 0.0))
    return {**default[name], **given}


def _typed(where: str, value: object, like: object) -> None:
    """Whole numbers pass for fractions; true and false are no numbers; nan and inf are none."""
    if isinstance(like, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(like, int):
        fits, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif isinstance(like, float):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits, wanted = number and abs(float(str(value))) < float("inf"), "a finite number"
    else:
        fits, wanted = isinstance(value, str), "text"
    if not fits:
        raise BadInput(f"policy: {where} is {value!r}", f"it must be {wanted}")


def _drift(tables: Mapping[str, Any], default: Mapping[str, Any]) -> Drift:
    given = tables["drift"] if "drift" in tables else default["drift"]
    kind = given["kind"] if "kind" in given else default["drift"]["kind"]
    if kind == "calibrated":
        raise BadInput(
            'policy: [drift] kind = "calibrated" is not built yet',
            'use "guard", or "none" with a reason where both sides share a machine',
        )
    if kind not in ("none", "guard"):
        raise BadInput(f"policy: [drift] kind is {kind!r}", 'it must be "none" or "guard"')
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
    _within("[accuracy] tolerance", tolerance, least, float("inf"))
    return Accuracy(rule, float(tolerance))


def _gates(tables: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Gate]:
    given = tables.get("gates", default)
    if not given:
        raise BadInput("policy: [gates] is empty", "leave it out to get the packaged gates")
    for name, table in given.items():
        _known(name, tuple(default), "gate")
        if not isinstance(table, dict):
            raise BadInput(f"policy: gates.{name} is not a table", f"write [gates.{name}]")
    return {name: _gate(name, _merged(name, given, default)) for name in default}


def _gate(name: str, table: Mapping[str, Any]) -> Gate:
    claims = {key: table.get(key, None) for key in ("tolerance", "margin")}
    limits = {
        key: float(value)
        for key, value in table.items()
        if key not in ("blocking", "weight", "tolerance", "margin")
    }
    weight = float(table["weight"]) if "weight" in table else 0.0
    return Gate(name, table["blocking"], weight, **claims, limits=limits)


def _within(where: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise BadInput(f"policy: {where} is {value:g}", f"it must lie between {low:g} and {high:g}")


def _check(policy: JudgePolicy) -> None:
    for name in ("alpha_rollback", "alpha_promote"):
        _within(f"[budgets] {name}", getattr(policy, name), 1e-12, 0.5)
    _within("[budgets] min_pairs", policy.min_pairs, 1, float("inf"))
    for name in ("timeout", "label_window", "horizon"):
        _within(f"[time] {name}", getattr(policy, name), 1.0, 1e9)
    _within("[latency] reference_pairs", policy.reference_pairs, 100, float("inf"))
    if policy.baseline_p95_ms is not None:
        _within("[latency] baseline_p95_ms", policy.baseline_p95_ms, 1e-6, 1e12)
    _check_drift(policy.drift)
    for gate in policy.gates.values():
        _check_gate(gate)
    total = sum(gate.weight for gate in policy.gates.values())
    if total > 1 + 1e-9:
        raise BadInput(
            f"policy: the weights of the gates add up to {total:g}",
            "they share out alpha_rollback, so at most 1",
        )
    if not any(gate.blocking for gate in policy.gates.values()):
        raise BadInput("policy: no gate is blocking", "nothing would hold a promotion back")
    margin = policy.gates["errors-paired"].margin
    most = policy.gates["coverage"].limits["max_not_sent"]
    if margin is not None and most > margin / 5 + 1e-12:
        raise BadInput(
            f"policy: gates.coverage.max_not_sent is {most:g}",
            f"at most a fifth of the margin of errors-paired, {margin / 5:g}",
        )


def _check_drift(drift: Drift) -> None:
    _within("[drift] block", drift.block, 1.0, 86_400.0)
    _within("[drift] blocks", drift.blocks, 2, 1e6)
    _within("[drift] sparse_blocks", drift.sparse_blocks, drift.blocks, 1e6)
    _within("[drift] sparse_rate", drift.sparse_rate, 0.0, 1e9)
    _within("[drift] level", drift.level, 0.5, 1 - 1e-9)


def _check_gate(gate: Gate) -> None:
    where = f"gates.{gate.name}"
    if gate.name in HARM_ONLY and gate.blocking:
        raise BadInput(
            f"policy: {where}.blocking is true",
            "this gate can only prove harm, so a promotion would wait for ever",
        )
    if gate.tolerance is not None:
        _within(f"{where}.weight", gate.weight, 1e-12, 1.0)
    ratio = gate.name.endswith("frozen-p95")
    rate = not ratio and gate.name not in PAIRED and gate.name != "errors-late-paired"
    least, most = (1e-9, 1 - 1e-9) if rate else (0.0, 100.0 if ratio else 0.5)
    for key in ("tolerance", "margin"):
        value = getattr(gate, key)
        if value is not None:
            _within(f"{where}.{key}", value, least, most)
    margin = most if gate.margin is None else gate.margin
    if not rate and margin < (gate.tolerance or 0.0):
        raise BadInput(
            f"policy: {where}.margin is {margin:g}",
            f"harm below the tolerance is allowed, so at least {gate.tolerance:g}",
        )
    for key, value in gate.limits.items():
        shares = key in ("min_answered", "max_not_sent", "max_unusable")
        _within(f"{where}.{key}", value, 0.0, 1.0 if shares else 1e9)
