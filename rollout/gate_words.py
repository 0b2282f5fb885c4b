"""A gate as the live view names it: what it holds against what, and what is so now."""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the gates: champion, latency limit, p95 of both sides in ms."""

    champion: str
    limit_ms: float
    baseline_p95_ms: float | None
    candidate_p95_ms: float | None


def label(gate: Gate, beside: Beside) -> str:
    """The gate with its limit, in at most 25 characters."""
    name, tolerance, margin = gate["name"], gate["tolerance"], gate["margin"]
    match name:
        case "errors-absolute":
            return f"errors < {_percent(margin)} %"
        case "p95-limit":
            return f"p95 < {beside.limit_ms:.3g} ms"
        case "accuracy-absolute":
            return f"accuracy >= {_percent(tolerance)} %"
        case "accuracy-paired":
            return f"no worse than {beside.champion}"[:25]
        case "coverage":
            return "copies answered"
        case "sample-integrity":
            return "records complete"
    return PAIRED.get(name) or LATE.get(name) or str(name)


def now(gate: Gate, unit: str, beside: Beside) -> str:
    """The estimate with its interval: percent, percentage points, milliseconds."""
    baseline, candidate = beside.baseline_p95_ms, beside.candidate_p95_ms
    if gate["name"] == "p95-limit" and candidate is not None and gate["high"] is not None:
        over = f"{100 * gate['estimate']:.2g} to {100 * gate['high']:.2g} % over"
        return f"{candidate:.3g} ms ({over})"
    if gate["name"] == "frozen-p95" and candidate is not None and baseline is not None:
        return f"{candidate:.3g} ms, champion {baseline:.3g} ms"
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
