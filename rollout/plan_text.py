"""A plan as text for a terminal, from the object that ``--json`` prints."""

from collections.abc import Mapping
from typing import Any

from rollout.words import count, duration

WIDTH = 18


def text_of(plan: Mapping[str, Any], told: str = "") -> str:
    """What to expect, gate by gate, at what price, and what it rests on.

    `told` are the options that lead a command to the site.
    """
    whole = plan["verdict"]
    lines = [
        f"{plan['model']}: {_first(whole)}",
        f"if the next version behaves like {plan['like']}",
        f"{plan['rate']:.3g} copies/s, labels count after {duration(plan['label_delay'])}, "
        f"at most {count(plan['budget'])} pairs",
        "",
        f"{'gate':<{WIDTH}} {'safe after':<37} finds harm of",
    ]
    lines += [_gate(gate) for gate in plan["gates"]]
    if any(not gate["blocking"] for gate in plan["gates"]):
        lines.append("* advisory: no promotion waits for it")
    lines += ["", "error budgets   safe after"]
    lines += [f"{price['alpha']:<15g} {_spread(price)}" for price in plan["alphas"]]
    cost = plan["cost"]
    lines += [
        "",
        f"cost of the shadow: {_number(cost['copies'])} copies, {cost['more_requests']:.0%} more "
        "requests meanwhile",
        f"  {_cpu(cost)}",
        *(f"not known: {missing}" for missing in plan["unknown"]),
        f"next: pincex deploy-model {plan['model']} VERSION{told}",
    ]
    return "\n".join(lines)


def _first(whole: Mapping[str, Any]) -> str:
    if whole["pairs"] is None:
        return "no PROMOTE to expect within the policy's budget"
    told = f"PROMOTE to expect after {_spread(whole)}"
    missed = whole["missed"]
    return f"{told}; in {missed:.0%} of shadows not in time" if missed >= 0.005 else told


def _spread(spread: Mapping[str, Any]) -> str:
    if spread["pairs"] is None:
        return "not within the budget"
    low, high = spread["pairs_low"], spread["pairs_high"]
    ends = f"{_number(low)} to {_number(high)}"
    return f"{_number(spread['pairs'])} pairs ({ends}), {duration(spread['seconds'])}"


def _number(value: float | None) -> str:
    return "beyond" if value is None else count(round(value))


def _gate(gate: Mapping[str, Any]) -> str:
    advisory = "" if gate["blocking"] else " *"
    return f"{gate['gate']:<{WIDTH}} {_spread(gate):<37} {_harm(gate)}{advisory}"


def _harm(gate: Mapping[str, Any]) -> str:
    found = gate["smallest_harm"]
    if found is None:
        return "none"
    value = f"{100 * found:.3g}"
    if gate["gate"] == "accuracy-absolute":
        return f"{value} % right"
    return f"{value} %" if gate["gate"] in ("errors-absolute", "p95-limit") else f"{value} points"


def _cpu(cost: Mapping[str, Any]) -> str:
    busy = cost["busy_seconds"]
    if busy is None:
        return "time and CPU not known"
    return f"{duration(busy)} spent answering if as fast as this one; CPU not measured"
