"""Which steps a verb takes, as its own processes report them, and the points between them."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "PINCEX_STEPS"


@dataclass(frozen=True, slots=True)
class Seen:
    """A step that a process took; `scratch` ones leave nothing that anybody reads by its name."""

    process: str
    step: str
    scratch: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process is killed: before or right after the first time that it takes a step."""

    process: str
    step: str
    side: str


@dataclass(frozen=True, slots=True)
class Killing:
    """What both sides of a step mean: the points that show them."""

    seen: Seen
    before: Point
    after: Point


class Steps:
    """The folder through which the probe is told what to watch, and tells what it saw."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)

    @property
    def marker(self) -> Path:
        """Written at the moment of the kill: the system's monotonic clock."""
        return self.directory / "killed"

    @contextmanager
    def watching(self, verb: str, point: Point | None = None) -> Iterator[None]:
        """Over a block, started processes of a verb are watched, and one dies at the point."""
        self._clear()
        kill = None
        if point is not None:
            kill = {"process": point.process, "step": point.step, "side": point.side, "nth": 1}
        plan = {"verb": verb, "kill": kill, "log": str(self._log), "marker": str(self.marker)}
        self._plan.write_text(json.dumps(plan))
        os.environ[VARIABLE] = str(self.directory)
        try:
            yield
        finally:
            os.environ.pop(VARIABLE)
            self._plan.unlink()

    def killed_at(self) -> float | None:
        """When the kill happened, by this machine's monotonic clock; None before."""
        text = self.marker.read_text() if self.marker.exists() else ""
        return float(text) if text else None

    def seen(self) -> list[Seen]:
        """The steps so far, in the order in which they were taken."""
        if not self._log.exists():
            return []
        return [Seen(**json.loads(line)) for line in self._log.read_text().splitlines()]

    @property
    def _log(self) -> Path:
        return self.directory / "steps.jsonl"

    @property
    def _plan(self) -> Path:
        return self.directory / "plan.json"

    def _clear(self) -> None:
        for file in (self._log, self.marker):
            file.unlink(missing_ok=True)


def killings(trace: Sequence[Seen]) -> list[Killing]:
    """Each distinct step once, with its two points.

    After one step is before the next: where the next is another new step, one kill shows both.
    After a file was opened is a point of its own, because its content is still to come.
    """
    found = []
    for process in sorted({seen.process for seen in trace}):
        own = [seen for seen in trace if seen.process == process]
        firsts = {seen.step: index for index, seen in reversed(list(enumerate(own)))}
        for step, index in sorted(firsts.items(), key=lambda entry: entry[1]):
            after = Point(process, step, "after")
            if not step.startswith("open "):
                following = [seen for seen in own[index + 1 :] if not seen.scratch]
                nearest = own[index + 1] if own[index].scratch and own[index + 1 :] else None
                shown = nearest or (following[0] if following else None)
                if shown is not None and firsts[shown.step] > index:
                    after = Point(process, shown.step, "before")
            found.append(Killing(own[index], Point(process, step, "before"), after))
    return found


def points(found: Sequence[Killing]) -> list[Point]:
    """The kills that show both sides of every step, each once."""
    return list(dict.fromkeys(point for kill in found for point in (kill.before, kill.after)))
