"""A champion against a copy of it, where every alarm is a false one: of a record, and live."""

from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from flows.refusal import Exit
from rollout.facts import Controlled

if TYPE_CHECKING:
    from analysis import JudgePolicy, Pairs
    from analysis.control import Control


def controlled(pairs: "Pairs", policy: "JudgePolicy | None") -> tuple[int, dict[str, Any], str]:
    """3 where there are more false alarms than promised, 4 without a whole window."""
    from analysis.control import control

    found = control(pairs, policy)
    code = Exit.HARM if found.surprising else Exit.DONE if found.windows else Exit.HELD
    return code, report_of(found), text_of(found)


SELDOM, SHARE = 10.0, 20.0
"""Seconds between two judgements of a live control, and how many times as long as one took."""


@dataclass
class LiveControl:
    """A copy that is being shadowed: what it showed when it was last judged, on so many pairs."""

    facts: Controlled = field(default_factory=Controlled)
    pairs: int = 0
    _after: float = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether it is judged again at monotonic time `now`: all its windows each time."""
        return now >= self._after

    def take(self, file: Path | None, policy: "JudgePolicy", pairs: int) -> None:
        """Judge the pairs so far; None while there is none."""
        from analysis.control import control

        begun = monotonic()
        if file is not None:
            found = control(file, policy)
            said = "; ".join(lines_of(found))
            self.facts, self.pairs = Controlled(found.windows, found.surprising, said), pairs
        ended = monotonic()
        self._after = ended + max(SELDOM, SHARE * (ended - begun))


def report_of(found: "Control") -> dict[str, Any]:
    """The object that ``--json`` prints."""
    from analysis.findings import rounded

    told = {
        name: {"value": rounded(one.value), "low": rounded(one.low), "high": rounded(one.high)}
        for name, one in (("offset", found.offset), ("different", found.different))
    }
    return {
        "windows": found.windows,
        "window": found.window,
        "false_rollbacks": found.rollbacks,
        "expected_at_most": rounded(found.expected),
        "chance": rounded(found.chance),
        "by_gate": dict(found.by_gate),
        "beyond_limits": dict(found.beyond),
        "promoted": found.promoted,
        **told,
        "drift": rounded(found.drift.envelope) if found.drift else None,
        "drift_trouble": found.drift.trouble if found.drift else "no two minutes of latencies",
    }


def text_of(found: "Control") -> str:
    """What it showed, and what to do about it."""
    lines = lines_of(found)
    if not found.windows:
        lines.append("Shadow the copy for longer.")
    elif found.surprising:
        lines.append("Do not believe a FAIL here: pincex calibrate PAIRS learns how hosts drift.")
    return "\n".join(lines)


def lines_of(found: "Control") -> list[str]:
    """Whether the promise holds, by which gates it did not, and what the copy differs by."""
    from analysis.words import count, percent, seconds_words

    window = seconds_words(found.window)
    if not found.windows:
        return [f"no whole window of {window} yet: nothing is controlled", *_differs(found)]
    first = (
        f"{count(found.rollbacks)} false ROLLBACK in {count(found.windows)} windows of "
        f"{window}; the policy allows {found.expected:.3g}"
    )
    if found.surprising:
        first += f": more than promised (so many by a chance of {percent(found.chance)})"
    lines = [first, f"PROMOTE in {count(found.promoted)} of them"]
    lines += [f"{gate}: {count(times)} false" for gate, times in found.by_gate.items()]
    lines += [
        f"{gate}: {count(times)} times, so that the champion itself is beyond it"
        for gate, times in found.beyond.items()
    ]
    return [*lines, *_differs(found)]


def _differs(found: "Control") -> list[str]:
    """The mirror's offset, the drift of the hosts, different answers; as far as they are known."""
    from analysis.words import percent

    lines = []
    low, value, high = found.offset.low, found.offset.value, found.offset.high
    if value is not None and low is not None and high is not None:
        lines.append(
            f"mirror offset: latency {100 * value:+.3g} % ({100 * low:+.3g} to {100 * high:+.3g})"
        )
    if found.drift is not None:
        told = found.drift.trouble or f"hosts differ by at most {percent(found.drift.envelope)}"
        lines.append(f"drift: {told}")
    if found.different.value is not None:
        lines.append(f"different answers: {percent(found.different.value)}")
    return lines
