"""`python -m benchmarks.judges.board ROWS.jsonl > docs/board.md`: the whole board as a page.

The rows are played into the file where it is not there yet: twenty minutes of a quiet machine.
"""

import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.judges import scoreboard
from benchmarks.judges.worlds import HARMS, NULLS, World

Row = dict[str, Any]
HEAD = """# The board

Every judge on the same simulated shadows (`benchmarks/judges/worlds.py`; seeds are fixed). *Strict*
holds the candidate to every difference, believes that both sides share a machine, and knows the
champion's past p95; *default* is the packaged policy, which waits for steady hosts before it
believes in small differences of latency. Rivals have one set of numbers
([why these](decisions/0010-rivals-beside-analysis.md)). A record lasts an hour, of the larger harms
half of it, at 10 requests a second where nothing else is said; errors of .1 to .2 % come at 50.
`python -m benchmarks.judges.board ROWS.jsonl` plays it again and prints this page.
"""
FALSE_ALARMS = """## Nothing is wrong: share of records that were rolled back

{records} records each, {dense} at 50 requests a second; *strict* saw a quarter of them. On hosts
that drift apart *strict* is told something that is not true, and rolls back what it is told to.
"""
DELAYS = """## Something is wrong: pairs until it was rolled back, on average

Of {records} records, {dense} at 50 requests a second; what was not found by the end counts as found
there, the share that was found in brackets where it is not all. *Bound* is the fewest pairs any
test can need at the level of the gate that can know soonest (log(1/level)/KL); gates that look at
the whole distribution may be sooner.
"""
LATEST = """## Something is wrong: pairs until 95 % of the records were rolled back

Of the same records; "not all" where fewer were by the end.
"""
RATIOS = """## Something is wrong: how many bounds it took on average

The means above over the bound, for the rivals over that of *strict*; ">" where not all was found.
Below 1 comes who sees more than the gate of the bound does, who keeps no level, or the mean of few
records. *Default* waits five minutes for steady hosts before it believes in less than half as much
again, and none of its gates of one quantile can prove what its floor of 10 % and 10 ms allows. Of
the records of late errors it rolled back {default:.3g} before the onset, and *strict* {strict:.3g}.
"""
OURS = {"strict": "PinCEX, strict", "default": "PinCEX, default"}
BOUNDS = {f"bound, {kind}": judge for kind, judge in OURS.items()}
PLACES = ("fastest that keeps 5 %", "next")


def main(file: Path) -> None:
    """Print the page; the rows are made where the file is missing."""
    if not file.exists():
        with file.open("w") as kept:
            for row in scoreboard.rows(True):
                kept.write(json.dumps(row, default=str) + "\n")
                kept.flush()
    print("\n".join(page([json.loads(line) for line in file.read_text().splitlines()])))


def page(rows: Sequence[Row]) -> Iterator[str]:
    """The whole page."""
    played = {(row["scenario"], row["judge"]): row for row in rows if "records" in row}
    judges = list(dict.fromkeys(judge for _, judge in played))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    yield HEAD
    yield f"{datetime.now(UTC):%Y-%m-%d}, {machine}.\n"
    yield FALSE_ALARMS.format(**_records(played, NULLS))
    yield from _table("scenario", judges, NULLS, played, _alarms)
    yield ""
    yield from _levels([row for row in rows if "worst null" in row])
    yield DELAYS.format(**_records(played, HARMS))
    yield from _table("scenario", ["bound, strict", *judges], HARMS, played, _delay)
    yield ""
    yield LATEST
    yield from _table("scenario", judges, HARMS, played, _latest)
    yield ""
    yield RATIOS.format(**{kind: _before(played, judge) for kind, judge in OURS.items()})
    yield from _table("scenario", [*BOUNDS, *judges], HARMS, played, _ratio)
    yield ""
    yield from _fastest([row for row in rows if "default: next" in row])


def _records(played: dict[tuple[str, str], Row], worlds: Sequence[World]) -> dict[str, int]:
    """How many records there were at the usual rate, and at the dense one."""
    default = "PinCEX, default"
    dense = [world for world in worlds if world.rate > scoreboard.DENSE]
    usual = [world for world in worlds if world not in dense]
    return {
        "records": played[usual[0].name, default]["records"],
        "dense": played[dense[0].name, default]["records"],
    }


def _table(
    first: str, judges: Sequence[str], worlds: Sequence[World], played: Any, cell: Any
) -> Iterator[str]:
    yield f"| {first} | {' | '.join(judges)} |"
    yield "|---" * (len(judges) + 1) + "|"
    for world in worlds:
        yield f"| {world.name} | {' | '.join(cell(played, world.name, one) for one in judges)} |"


def _alarms(played: dict[tuple[str, str], Row], scenario: str, judge: str) -> str:
    return f"{played[scenario, judge]['false alarms']:.3g}"


def _delay(played: dict[tuple[str, str], Row], scenario: str, judge: str) -> str:
    if judge in BOUNDS:
        return _pairs(played[scenario, BOUNDS[judge]]["bound"])
    row = played[scenario, judge]
    found = "" if row["found"] == 1 else f" ({row['found']:.2g})"
    return f"{row['mean, pairs']:,.0f}{found}"


def _latest(played: dict[tuple[str, str], Row], scenario: str, judge: str) -> str:
    return _pairs(played[scenario, judge]["95 %, pairs"])


def _ratio(played: dict[tuple[str, str], Row], scenario: str, judge: str) -> str:
    if judge in BOUNDS:
        return _delay(played, scenario, judge)
    row = played[scenario, judge]
    if row["ratio"] == "-":
        return "-"
    ratio = float(row["ratio"])
    more = "" if row["found"] == 1 else "> "
    return f"{more}{ratio:,.0f}" if ratio >= 100 else f"{more}{ratio:.3g}"


def _pairs(told: Any) -> str:
    """A number of pairs, or why there is none."""
    return told if isinstance(told, str) else f"{told:,.0f}"


def _before(played: dict[tuple[str, str], Row], judge: str) -> float:
    """The worst share of false alarms among records whose harm begins late."""
    return max(float(played[world.name, judge]["false alarms"]) for world in HARMS if world.onset)


def _levels(rows: Sequence[Row]) -> Iterator[str]:
    yield "| judge | worst null on steady hosts | worst null of all | keeps 5 % on every null |"
    yield "|---|---|---|---|"
    for row in rows:
        steady, worst = row["worst null, steady hosts"], row["worst null"]
        yield f"| {row['judge']} | {steady:.3g} | {worst:.3g} | {row['keeps 5 % on every null']} |"
    yield ""


def _fastest(rows: Sequence[Row]) -> Iterator[str]:
    """Of those that keep 5 %: on steady hosts where strict is meant, on every null for default."""
    yield "## The fastest of those that keep 5 %\n"
    yield (
        "| scenario | on the nulls of steady hosts | the next of them | on every null |"
        " the next of them |"
    )
    yield "|---|---|---|---|---|"
    for row in rows:
        told = [row[f"{column}: {place}"] for column in ("strict", "default") for place in PLACES]
        yield f"| {row['scenario']} | {' | '.join(told)} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
