"""Finding the site's processes in the system's list, whatever the site's files say.

Each process of a site carries its home and role in its environment, and so do its children: even
one started by a keeper that was killed before it could write down the pid is found again.
"""

import os
import signal
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psutil

from cluster.errors import PortTaken
from cluster.identity import start_mark
from cluster.local.home import Home
from cluster.local.ports import is_free
from cluster.local.processes import Running
from cluster.local.spawn import HOME_VARIABLE, KEPT_VARIABLE, ROLE_VARIABLE, SPEC_VARIABLE


@dataclass(frozen=True, slots=True)
class Member:
    """A living process of the site: `leader` of its session, `kept` if a keeper started it."""

    role: str
    pid: int
    parent: int
    mark: str
    leader: bool
    kept: bool
    spec: str


def members(home: Home, role: str | None = None) -> list[Member]:
    """The living processes of the site, or of one role, without the caller itself."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            parent, environment = process.ppid(), process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            # Gone meanwhile, or another user's and so not ours.
            continue
        member = _member(home, process.pid, parent, environment)
        if member is not None and role in (None, member.role):
            found.append(member)
    return found


def kill(found: Collection[Member]) -> None:
    """SIGKILL each of them that is still the same process."""
    for member in found:
        signal_process(member.pid, member.mark, signal.SIGKILL)


def signal_process(pid: int, mark: str, number: signal.Signals) -> bool:
    """Signal the process if it is still the one with this start mark; False when it is gone."""
    if start_mark(pid) != mark:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_gone(found: Collection[Member], patience: float) -> list[Member]:
    """Wait up to `patience` seconds for all to end; the ones still alive."""
    deadline = time.monotonic() + patience
    alive = list(found)
    while alive and time.monotonic() < deadline:
        time.sleep(0.01)
        alive = [member for member in alive if start_mark(member.pid) == member.mark]
    return alive


def listens(pid: int, port: int) -> bool:
    """Whether the process or one of its descendants listens on the port."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        return any(_is_listening(process, port) for process in family)
    except psutil.NoSuchProcess:
        return False


def require_own_or_free(port: int, purpose: str, own: Running | None) -> None:
    """PortTaken, naming who has the port if the system tells it, unless `own` has it or nobody."""
    if (own is not None and own.pid is not None and listens(own.pid, port)) or is_free(port):
        return
    raise PortTaken(
        f"port {port}, which the site uses for {purpose}, is taken by {_listener(port)}",
        hint=f"end that process, or work in another PINCEX_HOME: ss -ltnp 'sport = :{port}'",
    )


def _member(home: Home, pid: int, parent: int, environment: Mapping[str, str]) -> Member | None:
    role = environment.get(ROLE_VARIABLE)
    mark = start_mark(pid)
    if role is None or mark is None or environment.get(HOME_VARIABLE) != str(home.path):
        return None
    try:
        leader = os.getsid(pid) == pid
    except ProcessLookupError:
        return None
    # A child that took another role is not the one that a keeper started under the former.
    kept = environment.get(KEPT_VARIABLE) == role
    return Member(role, pid, parent, mark, leader, kept, environment.get(SPEC_VARIABLE, ""))


def _is_listening(process: psutil.Process, port: int) -> bool:
    return any(
        connection.status == psutil.CONN_LISTEN and _local_port(connection.laddr) == port
        for connection in process.net_connections(kind="tcp")
    )


def _local_port(address: tuple[()] | psutil._ntuples.addr) -> int | None:
    return address.port if address else None


def _listener(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listening = (
                connection.status == psutil.CONN_LISTEN and _local_port(connection.laddr) == port
            )
            if listening and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        return "a process that the system does not name"
    return "a process that the system does not name"
