"""What should run and what runs, as files: commands write the one, the keeper the other."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from cluster.errors import NotFound, StateDamaged
from cluster.files import read_object, write_whole, writing
from cluster.identity import start_mark
from cluster.local.home import Home
from rollout.words import shell_word


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What should run under a role: `ready_url` answers 200 once it works, `grace` in seconds."""

    role: str
    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    ready_url: str | None = None
    grace: float = 10.0

    @property
    def port(self) -> int | None:
        """The port on which the process itself must listen to be ready."""
        return None if self.ready_url is None else urlsplit(self.ready_url).port

    @property
    def digest(self) -> str:
        """Tells apart what runs; `ready_url` and `grace` may change without a restart."""
        told = [self.role, self.argv, self.cwd, sorted(self.env.items())]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Running:
    """The last that was seen of a role: `pid` is None between a death and the next start.

    `since` in epoch seconds, `grace` in seconds; `kept` says that the keeper starts it again;
    `deaths` counts how often it had to, `last_exit` is negative for a signal, None if unknown.
    """

    role: str
    pid: int | None
    mark: str | None
    since: float
    kept: bool
    spec: str
    grace: float
    deaths: int = 0
    last_exit: int | None = None

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return self.pid is not None and start_mark(self.pid) == self.mark


def want(home: Home, spec: ProcessSpec) -> None:
    """Ask for a process: the keeper starts it, and again whenever it dies."""
    write_whole(home.spec_file(spec.role), json.dumps(asdict(spec), indent=1), stage=home.stage)


def unwant(home: Home, role: str) -> None:
    """Ask for a process to end: the keeper stops it; nothing happens when it was not wanted."""
    with writing(home.spec_file(role)):
        home.spec_file(role).unlink(missing_ok=True)


def wanted(home: Home, role: str) -> ProcessSpec | None:
    """What should run under the role; None when nothing should."""
    file = home.spec_file(role)
    remedy = f"rm {shell_word(file)}; the process then ends, and the next deploy asks for it again"
    try:
        content = read_object(file, remedy=remedy)
    except NotFound:
        return None
    try:
        return _spec(content)
    except (KeyError, TypeError, ValueError) as error:
        raise StateDamaged(f"{file} describes no process: {error!r}", hint=remedy) from error


def recorded(home: Home, role: str) -> Running | None:
    """The last that was seen of the role, alive or not; None when it never ran."""
    file = home.run_file(role)
    remedy = "pincex down, then pincex up: what runs is found without this file and noted anew"
    try:
        return _running(read_object(file, remedy=remedy))
    except NotFound:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise StateDamaged(f"{file} describes no process: {error!r}", hint=remedy) from error


def running(home: Home, role: str) -> Running | None:
    """The living process of the role; None when there is none."""
    seen = recorded(home, role)
    return seen if seen is not None and seen.alive else None


def processes(home: Home) -> list[Running]:
    """The living processes of the site, by role."""
    found = [running(home, role) for role in home.roles(home.run)]
    return [seen for seen in found if seen is not None]


def record(home: Home, process: Running) -> None:
    """Write down what runs, for commands and for the next keeper."""
    write_whole(
        home.run_file(process.role), json.dumps(asdict(process), indent=1), stage=home.stage
    )


def forget(home: Home, role: str) -> None:
    """Remove the note of what ran under a role."""
    with writing(home.run_file(role)):
        home.run_file(role).unlink(missing_ok=True)


def register(home: Home, role: str, *, grace: float = 10.0) -> Running:
    """Write down the calling process under a role, so that status and `down` find it."""
    pid = os.getpid()
    own = Running(role, pid, start_mark(pid), time.time(), kept=False, spec="", grace=grace)
    record(home, own)
    return own


def _spec(content: Mapping[str, object]) -> ProcessSpec:
    argv, env, ready_url = content["argv"], content["env"], content["ready_url"]
    if not isinstance(argv, list) or not isinstance(env, dict):
        raise ValueError("argv must be a list and env a table")
    return ProcessSpec(
        role=str(content["role"]),
        argv=tuple(str(word) for word in argv),
        cwd=str(content["cwd"]),
        env={str(name): str(value) for name, value in env.items()},
        ready_url=None if ready_url is None else str(ready_url),
        grace=float(str(content["grace"])),
    )


def _running(content: Mapping[str, object]) -> Running:
    pid, mark, last_exit = content["pid"], content["mark"], content["last_exit"]
    return Running(
        role=str(content["role"]),
        pid=None if pid is None else int(str(pid)),
        mark=None if mark is None else str(mark),
        since=float(str(content["since"])),
        kept=bool(content["kept"]),
        spec=str(content["spec"]),
        grace=float(str(content["grace"])),
        deaths=int(str(content["deaths"])),
        last_exit=None if last_exit is None else int(str(last_exit)),
    )
