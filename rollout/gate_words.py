"""A gate as the live view names it: what it holds against what, and what is so now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor
from typing import Any

from rollout.words import milliseconds

Gate = Mapping[str, Any]

PAIRED = {
    "errors-paired": "errors",
    "frozen-p95": "p95 against the past",
    "frozen-p99": "p99 against the past",
    "latency-thresholds": "latency, any threshold",
    "latency-mean": "latency on average",
    "p95-ratio": "p95 against p95",
    "accuracy-superior": "accuracy, better",
    "loss-paired": "loss of answers",
    "disagreement": "different answers",
    "prediction-shift": "predictions shifted",
    "sample-ratio": "rows of both sides",
    "unlabelled-share": "labels missing",
    "accuracy-paired": "accuracy",
    "split-errors": "errors",
    "split-frozen-p95": "p95 against the past",
    "split-thresholds": "latency, any threshold",
    "split-share": "share of the candidate",
}
LATE = {
    "errors-late-paired": "late errors, paired",
    "errors-late-absolute": "late errors",
    "gross-frozen-p95": "late p95",
    "split-errors-late": "late errors, split",
    "split-gross-p95": "late p95",
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
            return f"errors < {100 * margin:.3g} %"
        case "p95-limit":
            return f"p95 < {_time(beside.limit_ms)}"
        case "accuracy-absolute":
            return f"accuracy >= {100 * tolerance:.3g} %"
        case "accuracy-paired":
            return f"no worse than {beside.champion}"[:25]
        case "coverage":
            return "copies answered"
        case "sample-integrity":
            return "unusable records"
    return PAIRED.get(name) or LATE.get(name) or str(name)


def now(gate: Gate, unit: str, beside: Beside) -> str:
    """The estimate with its interval, in at most 29 characters: percent, points, milliseconds."""
    baseline, candidate = beside.baseline_p95_ms, beside.candidate_p95_ms
    value, low, high = gate["estimate"], gate["low"], gate["high"]
    if gate["name"] == "p95-limit" and candidate is not None and high is not None:
        # Four digits twice would not fit beside a time.
        least, most = (share if share == 1 else min(share, 0.999) for share in (value, high))
        return f"{_time(candidate)} ({_percent(least)} to {_percent(most)} % over)"
    if gate["name"] == "frozen-p95" and candidate is not None and baseline is not None:
        return f"{_time(candidate)}, champion {_time(baseline)}"
    if value is None:
        return "no data yet"
    if unit == "loss":
        return f"{value:+.3f}{_between(low, high, '{:+.3f}'.format)}"
    if unit != "share":
        sign = "%" if unit == "ratio" else "pp"
        return f"{_points(value)} {sign}{_between(low, high, _points)}"
    return f"{_percent(value)} %{_between(low, high, _percent)}"


def _between(low: float | None, high: float | None, words: Callable[[float], str]) -> str:
    """An interval in brackets, without an end that is not known yet."""
    if low is not None and high is not None:
        return f" ({words(low)} to {words(high)})"
    if low is not None:
        return f" (from {words(low)})"
    return f" (up to {words(high)})" if high is not None else ""


def _percent(fraction: float) -> str:
    """Three digits, two places at most: 12.3, 0.05, 0; never rounded up to 100."""
    percent = 100 * fraction
    text = f"{round(percent, 2):.3g}"
    return f"{floor(100 * percent) / 100:.2f}" if text == "100" and fraction < 1 else text


def _points(fraction: float) -> str:
    return f"{'-' if fraction < 0 else '+'}{_percent(abs(fraction))}"


def _time(ms: float) -> str:
    return milliseconds(round(ms, 2) / 1000)
