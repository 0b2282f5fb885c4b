"""Numbers of a policy that contradict each other or say what nobody can mean, refused at load."""

from collections.abc import Sequence

from analysis.errors import BadInput
from analysis.policy import (
    ADVISORY,
    DIFFERENCES,
    HARM_ONLY,
    LOSSES,
    PAIRLESS,
    RATIOS,
    SPLIT,
    WEIGHTLESS,
    Drift,
    Gate,
    JudgePolicy,
)

SHARES = ("min_answered", "max_not_sent", "max_unusable", "max_off", "max_unlabelled")
MOST = 1e12
"""No count, tolerance or time of a policy means more."""


def within(where: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside its range, ends included."""
    if not low <= value <= high:
        raise BadInput(f"policy: {where} is {value:g}", f"it must lie between {low:g} and {high:g}")


def check(policy: JudgePolicy) -> None:
    """Refuse a policy whose numbers cannot hold together."""
    for name in ("alpha_rollback", "alpha_promote"):
        within(f"[budgets] {name}", getattr(policy, name), 1e-12, 0.5)
    within("[budgets] min_pairs", policy.min_pairs, 1, MOST)
    for name in ("timeout", "label_window", "horizon"):
        within(f"[time] {name}", getattr(policy, name), 1.0, 1e9)
    within("[latency] reference_pairs", policy.reference_pairs, 100, MOST)
    for name in ("baseline_p95_ms", "baseline_p99_ms"):
        if getattr(policy, name) is not None:
            within(f"[latency] {name}", getattr(policy, name), 1e-6, 1e12)
    _check_drift(policy.drift)
    for gate in policy.gates.values():
        _check_gate(gate)
    within("[budgets] segments", policy.segments, 1e-12, 1.0)
    for kind, own in (
        ("pairs", [gate for name, gate in policy.gates.items() if name not in SPLIT]),
        ("split traffic", [policy.gates[name] for name in (*SPLIT, *PAIRLESS)]),
    ):
        _check_together(kind, own, policy.segments if kind == "pairs" else 0.0)
    margin = policy.gates["errors-paired"].margin
    most = policy.gates["coverage"].limits["max_not_sent"]
    if margin is not None and most > margin / 5 + 1e-12:
        raise BadInput(
            f"policy: gates.coverage.max_not_sent is {most:g}",
            f"at most a fifth of the margin of errors-paired, {margin / 5:g}",
        )


def _check_together(kind: str, gates: Sequence[Gate], segments: float) -> None:
    """The gates that judge one kind of record."""
    total = sum(gate.weight for gate in gates) + segments
    if total > 1 + 1e-9:
        raise BadInput(
            f"policy: the weights of the gates add up to {total:g}, with that of segments, for "
            f"{kind}",
            "they share out alpha_rollback, so at most 1",
        )
    if not any(gate.blocking for gate in gates):
        raise BadInput(
            f"policy: no gate is blocking for {kind}", "nothing would hold a promotion back"
        )


def _check_drift(drift: Drift) -> None:
    within("[drift] block", drift.block, 1.0, 86_400.0)
    if drift.block != round(drift.block):
        raise BadInput(f"policy: [drift] block is {drift.block:g}", "it must be whole seconds")
    within("[drift] blocks", drift.blocks, 2, 1e6)
    within("[drift] sparse_blocks", drift.sparse_blocks, drift.blocks, 1e6)
    within("[drift] sparse_rate", drift.sparse_rate, 0.0, 1e9)
    within("[drift] level", drift.level, 0.5, 1 - 1e-9)


def _check_gate(gate: Gate) -> None:
    where = f"gates.{gate.name}"
    if gate.name in HARM_ONLY and gate.blocking:
        raise BadInput(
            f"policy: {where}.blocking is true",
            "this gate can only prove harm, so a promotion would wait for ever",
        )
    if gate.name in ADVISORY and gate.blocking:
        raise BadInput(
            f"policy: {where}.blocking is true", "this gate is told, and never proves anything safe"
        )
    if gate.tolerance is not None:
        within(f"{where}.weight", gate.weight, 0.0 if gate.name in WEIGHTLESS else 1e-12, 1.0)
    if gate.loss and gate.loss not in LOSSES:
        raise BadInput(f"policy: {where}.loss is {gate.loss!r}", f"one of {', '.join(LOSSES)}")
    if gate.name == "accuracy-superior":
        within(f"{where}.margin", gate.margin or 0.0, -0.5, 0.0)
        return
    rate = gate.name not in (*RATIOS, *DIFFERENCES)
    least, most = (1e-9, 1 - 1e-9) if rate else (0.0, 100.0 if gate.name in RATIOS else 0.5)
    for key in ("tolerance", "margin"):
        value = getattr(gate, key)
        if value is not None:
            within(f"{where}.{key}", value, least, most)
    margin = most if gate.margin is None else gate.margin
    if not rate and margin < (gate.tolerance or 0.0):
        raise BadInput(
            f"policy: {where}.margin is {margin:g}",
            f"harm below the tolerance is allowed, so at least {gate.tolerance:g}",
        )
    if "level" in gate.limits:
        within(f"{where}.level", gate.limits["level"], 1e-12, 0.5)
    if "largest" in gate.limits:
        within(f"{where}.largest", gate.limits["largest"], 1e-6, 1e3)
    for key, value in gate.limits.items():
        within(f"{where}.{key}", value, 0.0, 1.0 if key in SHARES else 1e9)
