"""The rows of the kill matrix, kept as they are made, and what is still to be killed."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.kill_verbs import Verb
from benchmarks.step_plan import Killing, Point, Seen, killings, points


@dataclass(frozen=True, slots=True)
class Row:
    """One kill: where, what followed, how it ended, and what it cost.

    `seconds` is from the kill until all was settled; `killed` is false where the verb ended
    without coming to this point, which happens where a step depends on the time that passes.
    """

    verb: str
    process: str
    step: str
    side: str
    killed: bool
    then: str
    state: str
    seconds: float
    sent: int
    failed: int
    doubled: int
    kinds: str = ""
    error: str = ""


class Results:
    """The rows so far and the traces they rest on, in files that the next run goes on from."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._rows, self._traces = folder / "rows.jsonl", folder / "traces"
        self._traces.mkdir(exist_ok=True)

    def rows(self) -> list[Row]:
        """Every row, the newest for a point last."""
        if not self._rows.exists():
            return []
        return [Row(**json.loads(line)) for line in self._rows.read_text().splitlines()]

    def add(self, row: Row) -> None:
        """Keep a row at once."""
        with self._rows.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")

    def trace(self, verb: Verb) -> list[Seen] | None:
        """The steps of a verb, where they are known."""
        file = self._traces / f"{verb.name}.jsonl"
        if not file.exists():
            return None
        return [Seen(**json.loads(line)) for line in file.read_text().splitlines()]

    def keep_trace(self, verb: Verb, trace: Sequence[Seen]) -> None:
        """Keep what a verb reported."""
        lines = [json.dumps(asdict(seen)) for seen in trace]
        (self._traces / f"{verb.name}.jsonl").write_text("\n".join(lines) + "\n")

    def note(self, verb: Verb, seen: Sequence[Seen]) -> list[Seen]:
        """Add steps that a run reported and nobody knew; which those were."""
        known = self.trace(verb) or []
        places = {(entry.process, entry.step) for entry in known}
        new = [entry for entry in dict.fromkeys(seen) if (entry.process, entry.step) not in places]
        if new:
            self.keep_trace(verb, [*known, *new])
        return new


def done(rows: Sequence[Row]) -> set[tuple[str, Point]]:
    """The points that came to a good end; one that was not reached is tried once more."""
    ended = [row for row in rows if not row.error]
    tries = Counter((row.verb, Point(row.process, row.step, row.side)) for row in ended)
    reached = {(row.verb, Point(row.process, row.step, row.side)) for row in ended if row.killed}
    return reached | {place for place, count in tries.items() if count > 1}


def distinct(results: Results, verbs: Sequence[Verb]) -> dict[str, list[Killing]]:
    """The steps of each verb; those that two ways of one verb share stand with the first."""
    covered: set[tuple[str, str, str]] = set()
    found = {}
    for verb in verbs:
        ways = verb.name if verb.verb in ("up", "down") else verb.verb
        own = [
            kill
            for kill in killings(results.trace(verb) or [])
            if (ways, kill.seen.process, kill.seen.step) not in covered
        ]
        covered |= {(ways, kill.seen.process, kill.seen.step) for kill in own}
        found[verb.name] = own
    return found


def todo(results: Results, verbs: Sequence[Verb]) -> list[tuple[Verb, Point]]:
    """What is still to be killed: what a rollout rests on first, the verbs in turn.

    A promotion prepares the rollback after it.
    """
    known, steps = done(results.rows()), distinct(results, verbs)
    cells: list[tuple[int, int, int, Verb, Point]] = []
    for place, verb in enumerate(verbs):
        left = [point for point in points(steps[verb.name]) if (verb.name, point) not in known]
        for number, point in enumerate(sorted(left, key=_weight)):
            cells.append((_weight(point), number, place, verb, point))
    return [cell[3:] for cell in sorted(cells, key=lambda cell: cell[:3])]


def _weight(point: Point) -> int:
    """What a rollout rests on first; then what is shown of it; then what nobody reads."""
    if " < " not in point.step:
        return 2
    return int(any(word in point.step for word in ("/api/artifacts", "progress-", "logs/")))
