"""Following a flow process: its progress file while it runs, its outcome when it ends."""

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cluster.local.processes import Running
from cluster.local.upkeep import revive_keeper
from flows.progress_file import read
from flows.refusal import Exit, Refused
from flows.report import came_to, lapsed
from flows.screen import Drawing
from flows.site import Site, resume_argv
from rollout import approval_text
from rollout.live import line, lines, pending
from rollout.state import Phase, Rollout

LINE_EVERY = 5.0
SETTLE = 1.0
PATIENCE = timedelta(seconds=1)
RECENT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Following:
    """What is followed: a model's rollout, the outcome that its flow process will leave.

    `running` is that process where this command started it; `settled` are the rollouts that were
    closed before it began, whose outcome is not the one waited for.
    """

    here: Site
    name: str | None
    outcome: Path | None
    running: Running | None
    promoting: bool
    settled: frozenset[str]
    since: datetime


def following(
    here: Site,
    name: str | None,
    *,
    outcome: Path | None = None,
    running: Running | None = None,
    promoting: bool = False,
    settled: frozenset[str] = frozenset(),
) -> Following:
    """Begin to follow; take `settled` before the process is started."""
    return Following(here, name, outcome, running, promoting, settled, datetime.now(UTC))


def settled(here: Site, name: str | None) -> frozenset[str]:
    """The rollouts of a model that are closed already."""
    if name is None:
        return frozenset()
    return frozenset(rollout.id for rollout in here.history(name).rollouts if rollout.closed)


def follow(followed: Following, live: bool) -> dict[str, Any]:
    """Show the rollout until it ends; Ctrl-C stops following, the rollout goes on."""
    screen = Screen(live)
    try:
        while True:
            if followed.outcome is not None and followed.outcome.is_file():
                outcome: dict[str, Any] = json.loads(followed.outcome.read_text())
                followed.outcome.unlink(missing_ok=True)
                return outcome
            progress = read(followed.here, followed.name) if followed.name else None
            fresh = progress is not None and _fresh(progress, followed.since)
            screen.show(progress if fresh else None, datetime.now(UTC) - followed.since)
            ended = _taken_over(followed, progress) or _ended(followed)
            if ended is not None:
                return ended
            time.sleep(0.1)
    except KeyboardInterrupt:
        raise _stopped(followed) from None


def _stopped(followed: Following) -> Refused:
    """Nobody looks any more; the rollout goes on, or on waiting for a person."""
    name = followed.name
    opened = followed.here.history(name).open if name else None
    said = "stopped following; the rollout goes on"
    hint = f"pincex resume {name or ''}".rstrip() + followed.here.told
    if name and opened is None and settled(followed.here, name) <= followed.settled:
        said = "stopped following; the process that was started goes on, nothing is open yet"
        hint = f"pincex status{followed.here.told}"
    if opened is not None and opened.pending:
        asked = approval_text.as_data(opened)
        assert asked is not None
        said = f"stopped following; the promotion goes on {approval_text.waiting(asked)}"
        hint = f"pincex approve {name}; pincex resume {name} follows it again"
    return Refused(said, hint=hint, code=Exit.HELD, changed="Nothing was changed by that.")


def _fresh(progress: dict[str, Any], started: datetime) -> bool:
    """Of this rollout: written since we follow, or by a process that is still at it."""
    at = datetime.fromisoformat(progress["at"])
    recent = datetime.now(UTC) - at < RECENT
    return at >= started or (recent and not progress["finished"])


def _taken_over(followed: Following, progress: dict[str, Any] | None) -> dict[str, Any] | None:
    """A promotion is done for its command once traffic is confirmed; the watch goes on alone."""
    here, name = followed.here, followed.name
    if not followed.promoting or name is None or progress is None:
        return None
    seen_watching = progress["phase"] == Phase.WATCHING and _since(progress, followed.since)
    if not seen_watching or _by_another(followed, name):
        return None
    last = here.history(name).rollouts[-1]
    return came_to(here, last)


def _by_another(followed: Following, name: str) -> bool:
    """Another command's promotion: the own process lives, and is not the one that watches."""
    own = followed.running
    if own is None or not own.alive:
        return False
    holder = followed.here.lock.holder(name, followed.here.region)
    return holder is None or holder.pid != own.pid


def _since(progress: dict[str, Any], moment: datetime) -> bool:
    return datetime.fromisoformat(progress["at"]) >= moment


def _ended(followed: Following) -> dict[str, Any] | None:
    """What became of a rollout whose flow process died: the keeper goes on with it elsewhere."""
    here, name = followed.here, followed.name
    if followed.running is not None and followed.running.alive:
        return None
    if name is None:
        return _died(here)
    time.sleep(SETTLE)
    if here.lock.holder(name, here.region) is not None:
        return None
    history = here.history(name)
    opened = history.open
    needs_process = opened is not None and not opened.waiting
    watching = opened is not None and opened.phase is Phase.WATCHING
    # Its process died: whoever keeps the site must be there to go on with the watch.
    kept = not here.keeps_runs or revive_keeper(here.home, resume_argv(here))
    taken_over = followed.promoting and watching and kept
    if needs_process and not taken_over:
        return _kept_going(here, name)
    last = history.rollouts[-1] if history.rollouts else None
    given_up = last is not None and _given_up(last, followed.since)
    unpromoted = (
        followed.promoting
        and last is not None
        and last.closed is None
        and not taken_over
        and not given_up
    )
    if last is None or last.id in followed.settled or unpromoted:
        return _died(here)
    return came_to(here, last)


def _given_up(last: Rollout, since: datetime) -> bool:
    """Its promotion was asked for while we follow, and given up."""
    return last.approval is not None and bool(lapsed(last)) and last.approval.at >= since


def _kept_going(here: Site, name: str) -> dict[str, Any] | None:
    """The keeper resumes what has no process; a dead one is restarted, a stopped site is not."""
    if revive_keeper(here.home, resume_argv(here)):
        return None
    return {
        "exit": int(Exit.HELD),
        "error": _left(here),
        "hint": f"pincex resume {name}{here.told}",
        "changed": "The rollout stays open.",
    }


def _left(here: Site) -> str:
    if here.keeps_runs:
        return "the site was stopped while the rollout was open"
    return "the process of the rollout died, and it is as it was left"


def _died(here: Site) -> dict[str, Any]:
    return {
        "exit": int(Exit.FAILED),
        "error": "the flow process died before it changed anything",
        "hint": f"run the command again; its log is in {here.home.logs}",
        "changed": "Nothing was changed.",
    }


class Screen:
    """The live view on a terminal; a line now and then in a pipe."""

    def __init__(self, live: bool) -> None:
        self._live = live
        self._drawing = Drawing()
        self._spoken = 0.0
        self._last = ""
        self._asked = False

    def show(self, progress: dict[str, Any] | None, elapsed: timedelta) -> None:
        """Bring the screen up to date."""
        if progress is None:
            if elapsed > PATIENCE and not self._last:
                self._say("starting the flow process (about 5 s)")
            return
        if self._live:
            self._drawing.show(lines(progress))
            self._last = "drawn"
        elif time.monotonic() - self._spoken > LINE_EVERY or pending(progress) != self._asked:
            self._asked = pending(progress)
            self._say(line(progress))

    def _say(self, text: str) -> None:
        if text != self._last:
            print(text, file=sys.stderr, flush=True)  # noqa: T201
        self._last, self._spoken = text, time.monotonic()
