"""One case of the fuzzing: what is run, whether it is certain nonsense, and what it may leave."""

import contextlib
import functools
import hashlib
import importlib
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzz_site import fill
from cluster.local.home import Home
from flows import cli

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0
EXITS = range(5)
ERROR_KEYS = {"error", "hint", "changed"}
TRACEBACK, DONE, CHANGED, CONTRACT = (
    "traceback",
    "exit 0 for nonsense",
    "changed state on exit 2",
    "broken contract",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A command line and the files it finds; `nonsense` says why it can only be refused.

    Without a `nonsense` only what holds for every command is required. Names of files are those
    in the working directory; what begins with home/ lies in the site.
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    nonsense: str | None = None
    codes: tuple[int, ...] = (2,)
    as_json: bool = True


@dataclass(frozen=True, slots=True)
class Complaint:
    """A promise that a case broke."""

    kind: str
    what: str


class StartedForNothing(BaseException):
    """A verb went on to start the site: whatever the case was, it was not refused."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, None where it would have started the site."""

    code: int | None
    out: str
    err: str


class Uncaught(Exception):
    """A verb let an error out, which a process would print as a traceback."""


class Bench:
    """A site at rest in a directory of its own, on which one case after the other is run."""

    def __init__(self, directory: Path) -> None:
        self.work = directory / "work"
        self.home = Home(self.work / "home")
        self.work.mkdir(parents=True)
        fill(self.home)
        # Building the parser takes longer than most cases.
        cli.parser = functools.cache(cli.parser)
        for target, _ in cli.VERBS.values():
            importlib.import_module(target.split(":")[0])

    def check(self, case: Case) -> list[Complaint]:
        """Run a case in this process; what it broke, and the site is as it was before."""
        with self._given(case):
            before = self.state()
            try:
                ended = run_here(_printed(case))
            except Uncaught as uncaught:
                told = "".join(traceback.format_exception(uncaught.__cause__))
                return [Complaint(TRACEBACK, f"{_shown(case, None)}\n{told}")]
            return list(complaints(case, ended, before != self.state()))

    def check_process(self, case: Case) -> list[Complaint]:
        """The same with a command in a process of its own, as a shell starts it."""
        with self._given(case):
            before = self.state()
            done = subprocess.run(
                [sys.executable, "-m", "flows.cli", *_printed(case)],
                cwd=self.work,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
            said = (done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
            ended = Ended(done.returncode, *said)
            return list(complaints(case, ended, before != self.state()))

    def state(self) -> str:
        """A digest of everything below the working directory but SQLite's own scratch files."""
        digest = hashlib.sha256()
        for path, content in self._files():
            if not path.name.startswith(("ledger.sqlite-", "ledger.sqlite.")):
                digest.update(f"{path}\n".encode() + hashlib.sha256(content).digest())
        return digest.hexdigest()

    def _files(self) -> list[tuple[Path, bytes]]:
        found = [Path(top, name) for top, _, names in os.walk(self.work) for name in names]
        return [(path, path.read_bytes()) for path in sorted(found)]

    @contextlib.contextmanager
    def _given(self, case: Case) -> Iterator[None]:
        """The case's files over a block, and the site as it was afterwards."""
        before = dict(self._files())
        for name, content in case.files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            with contextlib.chdir(self.work), _environment(PINCEX_HOME=str(self.home.path)):
                yield
        finally:
            after = dict(self._files())
            for path in after.keys() - before.keys():
                path.unlink()
            for path, content in before.items():
                if after.get(path) != content:
                    path.write_bytes(content)


def complaints(case: Case, ended: Ended, changed: bool) -> Iterator[Complaint]:
    """Every promise that this end of a case breaks."""
    shown = _shown(case, ended.code)
    if "Traceback (most recent call last)" in ended.err:
        yield Complaint(TRACEBACK, f"{shown}\n{ended.err}")
        return
    if case.nonsense and ended.code in (0, None):
        yield Complaint(DONE, f"{shown} {ended.out[:300]!r}")
    elif case.nonsense and ended.code not in case.codes:
        yield Complaint(CONTRACT, f"{shown}, not {case.codes}: {ended.out[:400]!r} {ended.err!r}")
    if ended.code == 2 and changed:
        yield Complaint(CHANGED, shown)
    if ended.code is not None and ended.code not in EXITS:
        yield Complaint(CONTRACT, f"{shown} is no exit code of ours")
    wrong = ended.code is not None and _misprinted(case, ended)
    if wrong:
        yield Complaint(CONTRACT, f"{shown}: {wrong} {ended.out[:300]!r} {ended.err[:300]!r}")


def _shown(case: Case, code: int | None) -> str:
    return f"{case.nonsense or 'mutated'}: {case.argv!r} -> {code}"


def _misprinted(case: Case, ended: Ended) -> str:
    """What is wrong with what was printed; verdicts and held rollouts are reports, not errors."""
    helped = ended.code == 0 and {"-h", "--help"} & {*case.argv}
    if helped:
        return ""
    if "--json" not in _printed(case):
        lines = ended.err.splitlines()
        told = any(line.startswith("error: ") for line in lines)
        return "" if ended.code in (0, 3, 4) or told else "no error line"
    try:
        report = json.loads(ended.out)
    except ValueError:
        return "not one JSON object"
    if ended.code in (1, 2) and set(report) != ERROR_KEYS:
        return "an error has error, hint and changed"
    return "" if all(report[key] for key in ERROR_KEYS & {*report}) else "an empty word"


def _printed(case: Case) -> list[str]:
    return [*case.argv, *(["--json"] if case.as_json else [])]


def run_here(argv: list[str]) -> Ended:
    """The command in this process; its outputs are as strict as those of a real one.

    What it lets out is raised as the cause of Uncaught.
    """
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
    code: int | None = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _never_started():
        try:
            code = cli.main(argv)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except StartedForNothing:
            code = None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise Uncaught from error
    return Ended(code, _read(out), _read(err))


def _read(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.detach()
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "replace")


@contextlib.contextmanager
def _never_started() -> Iterator[None]:
    """No case may start a real site: the step that would do it ends the case instead."""

    def started(*_: object) -> None:
        raise StartedForNothing

    names = ("start_all", "ensure_keeper")
    modules = [
        module
        for name, module in sys.modules.items()
        if name.split(".")[0] == "flows" and module is not None
    ]
    kept = [(m, n, getattr(m, n)) for m in modules for n in names if hasattr(m, n)]
    for module, name, _ in kept:
        setattr(module, name, started)
    try:
        yield
    finally:
        for module, name, function in kept:
            setattr(module, name, function)


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
