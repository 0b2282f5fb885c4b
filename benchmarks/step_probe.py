"""Loaded into every Python process of a site under test: names each effect, and kills at one.

It lies beside the product and is brought in by `benchmarks.probed`; the product does not know it.
What it sees it sees at the doors through which every effect leaves a process: the interpreter's
audit events of the file system and of signals, SQLite's commits, HTTP that changes something, and
starts of processes. Standard library only, because it is loaded before anything else.

A step is what is done, to what, and by which of our functions. `$PINCEX_STEPS` is a folder with
`plan.json`: which verb is watched, and optionally the step at which its process is killed, once.
"""

import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = tuple(f"{ROOT}/{room}/" for room in ("analysis", "rollout", "cluster", "models", "flows"))
DOORS = ("cluster.files", "cluster.database", "cluster.kubernetes.api", "models.rest", "flows.room")
DEPTH = 3
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NORMAL = (
    (re.compile(r"(?<![0-9a-z])t[0-9a-f]{8}(?![0-9a-z])"), "{namespace}"),
    (re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}"), "{rollout}"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "{id}"),
    (re.compile(r"v\d+\.\d+\.\d+"), "{version}"),
    (re.compile(r"(?<![0-9a-z])[0-9a-f]{6,}(?![0-9a-z])"), "{id}"),
    (re.compile(r"(?<=experiments/)\d+|(?<=artifacts/)\d+"), "{n}"),
    (re.compile(r"(?<=\.\{version\}-)[a-z0-9_{}]{6,}/.+"), "{random}/{file}"),
    (re.compile(r"(?<=\.\{version\}-)[a-z0-9_{}]{6,}$"), "{random}"),
    (re.compile(r"(?<=[-.#])\d+(?=\D|$)"), "{n}"),
    (
        re.compile(r"^(processes|run)/(mlflow|prefect|serving|envoy|keeper)(?=\.json$)"),
        r"\1/{role}",
    ),
    (re.compile(r"(?<=/artifacts/model/).+"), "{file}"),
)


class Probe:
    """The eye of one process, and its executioner."""

    def __init__(self, process: str, plan: dict) -> None:
        self.home = f"{os.path.realpath(os.environ['PINCEX_HOME'])}/"
        self.process = process
        self.kill = plan["kill"] if plan["kill"] and plan["kill"]["process"] == process else None
        self.marker = plan["marker"]
        self.log = os.open(plan["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.seen = 0
        self.own = threading.local()

    def step(self, what: str, *, scratch: bool = False) -> bool:
        """Note a step that is about to be taken; True where the process dies right after it."""
        by = "" if scratch else _callers()
        if not scratch and not by:
            return False
        key = f"{what} < {by}" if by else what
        line = json.dumps({"process": self.process, "step": key, "scratch": scratch})
        os.write(self.log, f"{line}\n".encode())
        if self.kill is None or key != self.kill["step"]:
            return False
        self.seen += 1
        if self.seen != self.kill["nth"]:
            return False
        if self.kill["side"] == "before":
            self.die()
        return True

    def die(self) -> None:
        """End as `kill -9` ends a process; the marker says when, so that it happens once."""
        self.own.busy = True
        marker = os.open(self.marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(marker, str(time.monotonic()).encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple) -> None:
        """The interpreter's own word of what is about to happen."""
        known = EVENTS.get(event)
        if known is None or getattr(self.own, "busy", False):
            return
        self.own.busy = True
        try:
            found = known(self, arguments)
            dies = found is not None and self.step(found[0], scratch=found[1])
        finally:
            self.own.busy = False
        if dies:
            sys.setprofile(self._after)

    def around(self, what: str, act):
        """A step whose end this process sees itself."""
        if getattr(self.own, "busy", False):
            return act()
        self.own.busy = True
        try:
            dies = self.step(what)
        finally:
            self.own.busy = False
        done = act()
        if dies:
            self.die()
        return done

    def _after(self, frame, event: str, argument: object) -> None:
        # The first that happens after the system call, except the end of the audit hook itself.
        if frame.f_code is not Probe.audit.__code__:
            self.die()

    def path(self, given: object) -> str | None:
        """A path below the site's home as a step names it; None for everything else."""
        if isinstance(given, int):
            given = os.readlink(f"/proc/self/fd/{given}")
        text = os.path.abspath(os.fsdecode(given))
        if not text.startswith(self.home):
            return None
        text = text[len(self.home) :]
        return None if text.startswith(("mlflow/", "prefect/")) else normal(text)


def normal(text: str) -> str:
    """Without what differs from one run to the next."""
    for pattern, word in NORMAL:
        text = pattern.sub(word, text)
    return text


def _callers() -> str:
    """The innermost functions of ours that lead here, doors left out."""
    frame, found = sys._getframe(2), []
    while frame is not None and len(found) < DEPTH:
        code = frame.f_code
        if code.co_filename.startswith(ROOMS) and not code.co_name.startswith("<"):
            module = code.co_filename[len(f"{ROOT}/") : -3].replace("/", ".")
            name = f"{module}.{code.co_name}"
            if module not in DOORS and name not in found:
                found.append(name)
        frame = frame.f_back
    return " < ".join(found)


def _named(probe: Probe, verb: str, given: object) -> tuple[str, bool] | None:
    path = probe.path(given)
    if path is None:
        return None
    name = path.rpartition("/")[2]
    if "/stage/." in path:
        return f"{verb} draft", True
    if "sqlite" in name:
        return None
    if name.endswith(".lock"):
        # Opened and written at once; the kernel's lock goes with the process.
        return "open lock file", True
    return f"{verb} {path}", False


def _open(probe: Probe, arguments: tuple) -> tuple[str, bool] | None:
    path, _, flags = arguments
    if isinstance(path, int) or not isinstance(flags, int) or not flags & WRITES:
        return None
    return _named(probe, "open", path)


def _rename(probe: Probe, arguments: tuple) -> tuple[str, bool] | None:
    return _named(probe, "rename to", arguments[1])


def _remove(probe: Probe, arguments: tuple) -> tuple[str, bool] | None:
    return _named(probe, "remove", arguments[0]) if os.path.lexists(arguments[0]) else None


def _mkdir(probe: Probe, arguments: tuple) -> tuple[str, bool] | None:
    return None if os.path.isdir(arguments[0]) else _named(probe, "make", arguments[0])


def _change(probe: Probe, arguments: tuple) -> tuple[str, bool] | None:
    return _named(probe, "change", arguments[0])


def _signal(probe: Probe, arguments: tuple) -> tuple[str, bool] | None:
    pid, number = arguments
    if number == 0:
        return None
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        environment = []
    role = next((x[12:].decode() for x in environment if x.startswith(b"PINCEX_ROLE=")), "?")
    return f"{signal.Signals(number).name} to {normal(role)}", False


EVENTS = {
    "open": _open,
    "os.rename": _rename,
    "os.remove": _remove,
    "os.rmdir": _remove,
    "os.mkdir": _mkdir,
    "os.truncate": _change,
    "os.chmod": _change,
    "os.kill": _signal,
}


def _process(words: list[str], verb: str) -> str | None:
    """Which of the two processes of a verb this is, if it is one."""
    for module, process in (("flows.cli", "command"), ("flows.process", "flow")):
        if module in words and verb in words[words.index(module) + 1 :][:1]:
            return process
    return None


def begin() -> None:
    """Watch this process if it is one of those that the plan is about."""
    folder = os.environ.get("PINCEX_STEPS")
    if folder is None or "PINCEX_HOME" not in os.environ:
        return
    try:
        plan = json.loads(Path(folder, "plan.json").read_bytes())
    except FileNotFoundError:
        return
    process = _process(sys.orig_argv, plan["verb"])
    if process is None or os.path.exists(plan["marker"]):
        return
    probe = Probe(process, plan)
    import step_doors

    step_doors.watch(probe, normal)
    sys.addaudithook(probe.audit)


begin()
