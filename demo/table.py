"""The closing screen: what every version earned, how fast traffic moved, how to go on."""

import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from demo.train import VERSIONS

NARROW = 32


@dataclass(frozen=True, slots=True)
class Tried:
    """What a version earned, after how many pairs and seconds of traffic, and why."""

    version: str
    decision: str
    reason: str
    pairs: int
    seconds: float
    evidence: str

    @classmethod
    def of(cls, report: Mapping[str, Any], mirrored_since: datetime) -> Self:
        """From the object that ``deploy-model --json`` prints; seconds since copies are sent."""
        decided = report["decided_at"]
        seconds: float = report["seconds"]
        if decided:
            at = datetime.fromisoformat(decided["at"])
            seconds = max((at - mirrored_since).total_seconds(), 0.0)
        return cls(
            version=report["version"],
            decision=report["decision"],
            reason=report["reason"],
            pairs=decided["pair"] if decided else report["pairs"],
            seconds=seconds,
            evidence=report["evidence"],
        )


@dataclass(frozen=True, slots=True)
class Switch:
    """Seconds from the change of the route until every answer came from the other version."""

    seconds: float

    def __str__(self) -> str:
        return f"{1000 * self.seconds:.0f} ms"


def final(
    tried: Sequence[Tried],
    switches: Mapping[str, Switch],
    counted: Mapping[str, Any],
    site: Mapping[str, Any],
    seconds: float,
) -> str:
    """The last screen of the demo."""
    head = "PinCEX Rollout demo, local site"
    sent = f"{counted['sent']:,} requests from an outside client, {counted['failed']:,} failed"
    rows = [("version", "what it is", "verdict", "decided after", "because")]
    rows += [_row(entry) for entry in tried]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    table = [line for row in rows for line in _lines(row, widths)]
    moved = ", ".join(f"{what} in {switch}" for what, switch in switches.items())
    lines = [
        "",
        head,
        sent,
        "",
        *table,
        "",
        moved,
        "(until every answer came from the new version)",
        f"the whole demo took {seconds / 60:.1f} min; {counted['doubled']:,} answers came twice",
        "",
        f"see   pincex status | {_near(tried[0].evidence)}",
        f"      Prefect {site['prefect']} | MLflow {site['mlflow']}",
        "go on pincex deploy-model price-predictor v2.1.0",
        f"      requests go to {site['endpoint']}",
        "end   pincex down",
    ]
    return "\n".join(line.rstrip() for line in lines)


def _row(entry: Tried) -> tuple[str, str, str, str, str]:
    what, _ = VERSIONS[entry.version]
    after = f"{entry.pairs:,} pairs, {max(entry.seconds, 1):.0f} s"
    return entry.version, what, entry.decision, after, entry.reason


def _lines(row: tuple[str, str, str, str, str], widths: list[int]) -> list[str]:
    """One row, its reason wrapped where the terminal ends; under it where that is too narrow."""
    left = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
    columns = shutil.get_terminal_size().columns
    room = columns - len(left) - 2
    if room < NARROW:
        below = " " * (widths[0] + 2)
        wrapped = textwrap.wrap(row[4], columns, initial_indent=below, subsequent_indent=below)
        return [left, *wrapped]
    first, *more = textwrap.wrap(row[4], room) or [""]
    return [f"{left}  {first}", *(" " * (len(left) + 2) + line for line in more)]


def _near(path: str) -> str:
    return os.path.relpath(path)
