"""Numbers as people read them: a unit, at most three significant digits, counts in full."""

import re
import shlex
from collections.abc import Mapping
from datetime import datetime

PLAIN_WORD = re.compile(r"[\w@%+=:,./#-]+", re.ASCII)
"""What a shell takes as it stands, where it does not begin with #."""


def shell_word(word: object) -> str:
    """One word of a command that is printed to be pasted: quoted where a shell would change it."""
    told = str(word)
    return told if PLAIN_WORD.fullmatch(told) and told[0] != "#" else shlex.quote(told)


def count(number: int) -> str:
    """41206 -> "41,206"."""
    return f"{number:,}"


def shares(weights: Mapping[str, int]) -> str:
    """{"v1": 80, "v2": 20} -> "v1 80 %, v2 20 %"."""
    return ", ".join(f"{version} {share} %" for version, share in weights.items())


def percent(fraction: float | None) -> str:
    """0.8914 -> "89.1 %"; three significant digits, two places at most."""
    if fraction is None:
        return "unknown"
    value = 100 * fraction
    places = 2 if abs(value) < 10 else 1
    return f"{value:.{places}f} %"


def milliseconds(seconds: float) -> str:
    """0.0412 -> "41 ms"."""
    value = 1000 * seconds
    return f"{value:.3g} ms" if value < 999.5 else duration(seconds)


def duration(seconds: float) -> str:
    """As people say it: 41 ms, 16 s, 4 min, 3 h, 2 days."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    for limit, unit, name in ((100, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def clock(at: datetime) -> str:
    """Local time with its offset, as "10:14:05 (+02:00)"."""
    local = at.astimezone()
    offset = local.strftime("%z")
    return f"{local:%H:%M:%S} ({offset[:3]}:{offset[3:]})"


def date_and_clock(at: datetime) -> str:
    """Local date and time with the offset."""
    return f"{at.astimezone():%Y-%m-%d} {clock(at)}"


def bar(harm: float, safe: float, half: int = 10) -> str:
    """Evidence on its way to either boundary: `harm` and `safe` are fractions of the way.

    "|          +=======   |": the left half fills towards harm, the right towards safety.
    """
    left = round(half * min(max(harm, 0.0), 1.0))
    right = round(half * min(max(safe, 0.0), 1.0))
    return "|" + ("=" * left).rjust(half) + "+" + ("=" * right).ljust(half) + "|"
