"""One role under the keeper: started, watched, slowed down when it keeps dying, stopped."""

import logging
import signal
import subprocess
import time
from collections import deque
from dataclasses import replace

from cluster.errors import NotFound, StateDamaged
from cluster.identity import start_mark
from cluster.local.home import Home
from cluster.local.processes import (
    ProcessSpec,
    Running,
    forget,
    record,
    recorded,
    running,
)
from cluster.local.scan import Member, kill, members, signal_process
from cluster.local.spawn import spawn

log = logging.getLogger("keeper")

DEATHS_ALLOWED, DEATH_WINDOW, SLOW_RESTART = 5, 10.0, 5.0
NOT_STARTED = 127


class Child:
    """A role's process; `tick` brings it one step closer to what is wanted."""

    def __init__(self, home: Home, role: str, seen: Running | None) -> None:
        self.role = role
        self.seen = seen
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths: deque[float] = deque(maxlen=DEATHS_ALLOWED)
        self._start_after = 0.0
        self._kill_after: float | None = None

    def tick(self, spec: ProcessSpec | None, now: float) -> bool:
        """Act once towards `spec` at monotonic time `now`; False when nothing is left to keep."""
        if self.seen is not None and self.seen.pid is not None:
            if self._is_alive(self.seen):
                if spec is None or spec.digest != self.seen.spec:
                    self._stop(self.seen, now)
                return True
            self._note_end(self.seen, now, self._exit_code())
        if spec is None:
            return not self._is_cleared()
        if self.seen is not None and self.seen.spec != spec.digest and self._deaths:
            # Another spec may have cured what the former died of.
            self._deaths.clear()
            self._start_after = now
        if now >= self._start_after:
            self._start(spec, now)
        return True

    def hold_off(self, now: float, seconds: float) -> None:
        """Do nothing new for a while, after a failure of the system itself."""
        self._start_after = max(self._start_after, now + seconds)

    def confirm_record(self) -> None:
        """Write the run file again if somebody damaged or removed it."""
        if self.seen is None:
            return
        try:
            told = recorded(self._home, self.role)
        except StateDamaged as error:
            log.warning("%s; written anew", error)
            told = None
        if told != self.seen:
            record(self._home, self.seen)

    def _is_alive(self, seen: Running) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return seen.alive

    def _exit_code(self) -> int | None:
        """How it ended; None for an adopted process, whose end another parent was told."""
        return None if self._process is None else self._process.returncode

    def _note_end(self, seen: Running, now: float, code: int | None) -> None:
        stopped = self._kill_after is not None
        log.info("%s (process %s) ended with exit code %s", self.role, seen.pid, code)
        self._process, self._kill_after = None, None
        if not stopped:
            self._deaths.append(now)
            self._start_after = now + self._delay(now)
        deaths = seen.deaths + (not stopped)
        self._set(replace(seen, pid=None, mark=None, deaths=deaths, last_exit=code))

    def _delay(self, now: float) -> float:
        often = len(self._deaths) == DEATHS_ALLOWED and now - self._deaths[0] < DEATH_WINDOW
        return SLOW_RESTART if often else 0.0

    def _start(self, spec: ProcessSpec, now: float) -> None:
        left = self._left_over()
        adopted = _first_leader(left, spec)
        if adopted is not None:
            log.info("%s: process %s, still running, adopted", self.role, adopted.pid)
            self._begin(spec, adopted.pid, adopted.mark)
        elif left:
            log.info("%s: %s processes left over, killed", self.role, len(left))
            kill(left)
        else:
            self._spawn(spec, now)

    def _spawn(self, spec: ProcessSpec, now: float) -> None:
        try:
            self._process = spawn(self._home, spec, kept=True)
        except NotFound as error:
            log.error("%s", error)
            self._note_end(self._begun(spec, None, None), now, NOT_STARTED)
            return
        log.info("%s started as process %s", self.role, self._process.pid)
        self._begin(spec, self._process.pid, start_mark(self._process.pid))

    def _begin(self, spec: ProcessSpec, pid: int, mark: str | None) -> None:
        self._set(self._begun(spec, pid, mark))

    def _begun(self, spec: ProcessSpec, pid: int | None, mark: str | None) -> Running:
        before = self.seen if self.seen is not None and self.seen.spec == spec.digest else None
        return Running(
            role=self.role,
            pid=pid,
            mark=mark,
            since=time.time(),
            kept=True,
            spec=spec.digest,
            grace=spec.grace,
            deaths=0 if before is None else before.deaths,
            last_exit=None if before is None else before.last_exit,
        )

    def _stop(self, seen: Running, now: float) -> None:
        if seen.pid is None or seen.mark is None:
            return
        if self._kill_after is None:
            log.info("%s (process %s) is asked to end", self.role, seen.pid)
            self._kill_after = now + seen.grace
            signal_process(seen.pid, seen.mark, signal.SIGTERM)
        elif now >= self._kill_after:
            log.warning("%s did not end within %g s, killed", self.role, seen.grace)
            signal_process(seen.pid, seen.mark, signal.SIGKILL)

    def _is_cleared(self) -> bool:
        """Whether nothing of an unwanted role is left; what is left is killed."""
        left = self._left_over()
        kill(left)
        if not left:
            forget(self._home, self.role)
        return not left

    def _left_over(self) -> list[Member]:
        """Living processes of the role, except those that registered under a role of their own."""
        found = members(self._home, self.role)
        own = self._registered_elsewhere() if found else set()
        return [member for member in found if member.pid not in own]

    def _registered_elsewhere(self) -> set[int | None]:
        noted = set()
        for role in set(self._home.roles(self._home.run)) - {self.role}:
            try:
                seen = running(self._home, role)
            except StateDamaged as error:
                log.warning("%s", error)
                continue
            noted |= {seen.pid} if seen is not None else set()
        return noted

    def _set(self, seen: Running) -> None:
        self.seen = seen
        record(self._home, seen)


def _first_leader(found: list[Member], spec: ProcessSpec) -> Member | None:
    """The oldest session leader started from this very spec: the process the site started."""
    leaders = [member for member in found if member.leader and member.spec == spec.digest]
    return min(leaders, key=lambda leader: float(leader.mark.rpartition(":")[2]), default=None)
