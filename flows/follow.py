"""Following a flow process: its progress file while it runs, its outcome when it ends."""

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cluster.local.processes import Running
from flows.progress_file import read
from flows.refusal import Exit, Refused
from flows.report import exit_code, report
from flows.site import Site
from rollout.live import line, lines

LINE_EVERY = 5.0
SETTLE = 1.0
PATIENCE = timedelta(seconds=1)
RECENT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Followed:
    """How it ended: the exit code and the report of the flow process."""

    outcome: dict[str, Any]


def follow(
    here: Site, name: str | None, outcome: Path | None, live: bool, running: Running | None = None
) -> Followed:
    """Show the rollout until it ends; Ctrl-C stops following, the rollout goes on."""
    screen = Screen(live)
    started = datetime.now(UTC)
    try:
        while True:
            if outcome is not None and outcome.is_file():
                return Followed(json.loads(outcome.read_text()))
            progress = read(here, name) if name else None
            fresh = progress is not None and _fresh(progress, started)
            screen.show(progress if fresh else None, datetime.now(UTC) - started)
            ended = _ended(here, name, running)
            if ended is not None:
                return Followed(ended)
            time.sleep(0.1)
    except KeyboardInterrupt:
        raise Refused(
            "stopped following; the rollout goes on",
            hint=f"pincex resume {name or ''}".rstrip(),
            code=Exit.HELD,
            changed="Nothing was changed by that.",
        ) from None


def _fresh(progress: dict[str, Any], started: datetime) -> bool:
    """Of this rollout: written since we follow, or by a process that is still at it."""
    at = datetime.fromisoformat(progress["at"])
    recent = datetime.now(UTC) - at < RECENT
    return at >= started or (recent and not progress["finished"])


def _ended(here: Site, name: str | None, running: Running | None) -> dict[str, Any] | None:
    """What became of a rollout whose flow process died: the keeper goes on with it elsewhere."""
    if running is not None and running.alive:
        return None
    if name is None:
        return {"exit": 1, "error": "the flow process died", "hint": "pincex status", "changed": ""}
    time.sleep(SETTLE)
    if here.lock.holder(name, here.region) is not None:
        return None
    rollout = here.history(name).open
    if rollout is not None and not rollout.waiting:
        return None
    history = here.history(name)
    if not history.rollouts:
        hint = f"logs in {here.home.logs}"
        return {"exit": 1, "error": "the flow process died", "hint": hint, "changed": ""}
    last = history.rollouts[-1]
    return {"exit": int(exit_code(last)), **report(last)}


class Screen:
    """The live view on a terminal; a line now and then in a pipe."""

    def __init__(self, live: bool) -> None:
        self._live = live
        self._height = 0
        self._spoken = 0.0
        self._last = ""

    def show(self, progress: dict[str, Any] | None, elapsed: timedelta) -> None:
        """Bring the screen up to date."""
        if progress is None:
            if elapsed > PATIENCE and not self._last:
                self._say("starting the flow process (about 5 s)")
            return
        if self._live:
            self._redraw(lines(progress))
        elif time.monotonic() - self._spoken > LINE_EVERY:
            self._say(line(progress))

    def _say(self, text: str) -> None:
        if text != self._last:
            print(text, file=sys.stderr, flush=True)  # noqa: T201
        self._last, self._spoken = text, time.monotonic()

    def _redraw(self, shown: list[str]) -> None:
        up = f"\x1b[{self._height}A" if self._height else ""
        body = "".join(f"\x1b[2K{text}\n" for text in shown)
        sys.stdout.write(f"{up}{body}\x1b[0J")
        sys.stdout.flush()
        self._height = len(shown)
        self._last = "drawn"
