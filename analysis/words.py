"""Numbers as people read them: unit, three significant digits, thousands separated."""

from math import isinf


def share(fraction: float) -> str:
    """A fraction in percent, without its sign: 88.4, 0.0, 99.97."""
    percent = 100 * fraction
    if percent == 0:
        return "0.0"
    text = f"{percent:.3g}"
    rounded_away = text in ("100", "1e+02") and fraction != 1
    return "100" if fraction == 1 else f"{percent:.4g}" if rounded_away else _plain(percent, text)


def _plain(value: float, text: str) -> str:
    if abs(value) < 1e-4:
        return "under 0.0001" if value > 0 else "over -0.0001"
    return f"{value:.6f}".rstrip("0") if "e" in text else text


def percent(fraction: float) -> str:
    """A fraction with its unit: 88.4 %."""
    return f"{share(fraction)} %"


def points(fraction: float) -> str:
    """A signed difference of fractions in percentage points, without the unit: +0.8, -1.3."""
    if fraction == 0:
        return "0.0"
    return f"{'+' if fraction > 0 else '-'}{share(abs(fraction))}"


def count(n: int) -> str:
    """A count in full."""
    return f"{n:,}"


def milliseconds(ms: float) -> str:
    """A latency: 14.2 ms, 1.2 s."""
    if isinf(ms):
        return "no end"
    return f"{ms:.3g} ms" if ms < 1000 else f"{ms / 1000:.3g} s"


def seconds_words(seconds: float) -> str:
    """A duration as people say it: 0.4 s, 26.7 s, 4 min, 3.5 h, 2.5 days."""
    for size, unit in ((172_800.0, "days"), (7200.0, "h"), (120.0, "min")):
        if seconds >= size:
            whole = {"days": 86_400.0, "h": 3600.0, "min": 60.0}[unit]
            return f"{seconds / whole:.3g} {unit}"
    return f"{seconds:.3g} s"


def sentence(parts: list[str]) -> str:
    """Clauses joined by semicolons, empty ones left out."""
    return "; ".join(part for part in parts if part)
