"""A gate as the live view names it: what it holds against what, and what is so now."""

from collections.abc import Mapping
from typing import Any

Gate = Mapping[str, Any]

PAIRED = {
    "errors-paired": "errors",
    "frozen-p95": "p95 against the past",
    "accuracy-paired": "accuracy",
}
LATE = {
    "errors-late-paired": "late errors, paired",
    "errors-late-absolute": "late errors",
    "gross-frozen-p95": "late p95",
}


def label(gate: Gate, champion: str) -> str:
    """The gate with its limit, in at most 25 characters."""
    name, tolerance, margin = gate["name"], gate["tolerance"], gate["margin"]
    match name:
        case "errors-absolute":
            return f"errors < {_percent(margin)} %"
        case "p95-limit":
            return "p95 < limit"
        case "accuracy-absolute":
            return f"accuracy >= {_percent(tolerance)} %"
        case "accuracy-paired":
            return f"no worse than {champion}"[:25]
        case "coverage":
            return "copies answered"
        case "sample-integrity":
            return "records complete"
    return PAIRED.get(name) or LATE.get(name) or str(name)


def now(gate: Gate, unit: str) -> str:
    """The estimate with its interval, in percent or percentage points."""
    value, low, high = gate["estimate"], gate["low"], gate["high"]
    if value is None:
        return "no data yet"
    if unit.startswith("difference"):
        text = f"{100 * value:+.3g} pp"
        return text if low is None else f"{text} ({100 * low:+.3g} to {100 * high:+.3g})"
    text = f"{100 * value:.3g} %"
    return text if low is None else f"{text} ({100 * low:.3g} to {100 * high:.3g})"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g}"
