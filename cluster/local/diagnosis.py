"""Why a component of the local site does not roll out, answer or keep up; it changes nothing."""

import http.client
import time
from collections.abc import Iterator, Sequence

import psutil

from cluster.diagnosis import Case, Finding
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec, Running, recorded, wanted
from cluster.local.readiness import PROBE_SECONDS, last_words
from cluster.local.samples import samples
from rollout.words import shell_word

RECENT = 600.0
CRASHES = 3
"""Deaths of one server within ten minutes from which on it is no accident."""
WORDS = 160
BUSY, FULL = 0.8, 0.9
"""CPU and memory in use above which the machine is the likeliest cause of slowness."""
LEAST_ROOM = 10**8
"""Bytes free under which nothing can be written."""


def of_servers(home: Home, component: str) -> Iterator[Finding]:
    """What keeps the servers of a component from answering, each from its own process."""
    for role in servers_of(home, component):
        spec, seen = wanted(home, role), recorded(home, role)
        if spec is None:
            continue
        died = _deaths(home, role)
        if died >= CRASHES:
            code = seen.last_exit if seen else None
            evidence = f"{role} ended {died} times in 10 min, last with {_ended(code)}: "
            evidence += _words(home, role)
            yield Finding(Case.STUCK, "crash", evidence, f"less {shell_word(home.log_file(role))}")
        elif seen is None or not seen.alive:
            evidence = f"{role} should run and does not"
            yield Finding(Case.HEALTH, "not running", evidence, "pincex up", certain=False)
        else:
            yield from _of_health(home, role, spec, seen)


def of_machine(home: Home) -> Iterator[Finding]:
    """What slows or stops everything on it: no room, no core, no memory."""
    free = psutil.disk_usage(str(home.path)).free
    if free < LEAST_ROOM:
        evidence = f"{free / 10**6:.0f} MB free in {home.path}"
        yield Finding(Case.STUCK, "disk full", evidence, f"du -sh {shell_word(home.path)}/*")
    recent = [one for one in samples(home) if one.at > time.time() - 60]
    used = [one.cpu for one in recent if one.cpu is not None]
    if used and sum(used) / len(used) > BUSY:
        evidence = f"{100 * sum(used) / len(used):.0f} % of the CPU in use over the last minute"
        yield Finding(Case.PERFORMANCE, "CPU", evidence, "top", certain=False)
    if recent and recent[-1].memory > FULL:
        evidence = f"{100 * recent[-1].memory:.0f} % of the memory in use"
        yield Finding(Case.PERFORMANCE, "memory", evidence, "top -o %MEM", certain=False)


def servers_of(home: Home, component: str) -> list[str]:
    """The roles of a component's servers, of every version that should run."""
    wanted_roles = home.roles(home.processes)
    return [role for role in wanted_roles if role.startswith(f"{component}@") and "#" in role]


def _of_health(home: Home, role: str, spec: ProcessSpec, seen: Running) -> Iterator[Finding]:
    """A process that lives, asked at its readiness path."""
    assert seen.pid is not None
    if _stopped(seen.pid):
        evidence = f"{role} (pid {seen.pid}) is stopped by a signal"
        yield Finding(Case.HEALTH, "stopped process", evidence, f"kill -CONT {seen.pid}")
        return
    said = _asked(spec)
    if said == "200":
        return
    log = f"less {shell_word(home.log_file(role))}"
    if said.startswith("5"):
        evidence = f"{role} answers {said} at {spec.ready_url}: {_words(home, role)}"
        yield Finding(Case.HEALTH, "dead dependency", evidence, log, certain=False)
    elif said == "refused":
        evidence = f"{role} does not listen at {spec.ready_url}, {_age(seen)} after its start"
        yield Finding(Case.HEALTH, "slow start", evidence, log, certain=False)
    elif said == "timeout":
        evidence = f"{role} says nothing at {spec.ready_url} for {PROBE_SECONDS:g} s"
        yield Finding(Case.HEALTH, "probe timing", evidence, log, certain=False)
    else:
        evidence = f"{role} answers {said} at {spec.ready_url}, and only 200 is ready"
        right = "health.ready of its component in application.toml"
        yield Finding(Case.HEALTH, "readiness path", evidence, right)


def _stopped(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        # It died since its note was read; the next diagnosis finds that.
        return False


def _asked(spec: ProcessSpec) -> str:
    """The status of its readiness path, or why there is none."""
    assert spec.ready_url is not None
    _, _, rest = spec.ready_url.partition("://")
    place, _, path = rest.partition("/")
    connection = http.client.HTTPConnection(place, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", f"/{path}")
        return str(connection.getresponse().status)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "timeout"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def _deaths(home: Home, role: str) -> int:
    """How often it died within the last minutes, as the keeper counted, or since its last start."""
    recent = [one.deaths.get(role, 0) for one in samples(home) if one.at > time.time() - RECENT]
    seen = recorded(home, role)
    now = seen.deaths if seen else 0
    return max(now - recent[0], 0) if recent else now


def _words(home: Home, role: str) -> str:
    return last_words(home, role).splitlines()[-1][:WORDS]


def _ended(code: int | None) -> str:
    if code is None:
        return "an unknown exit code"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _age(seen: Running) -> str:
    return f"{time.time() - seen.since:.0f} s"


def unwell(home: Home, component: str) -> Sequence[str]:
    """Servers that should run and are not ready, whatever the cause."""
    found = []
    for role in servers_of(home, component):
        spec, seen = wanted(home, role), recorded(home, role)
        if spec is not None and (seen is None or not seen.alive or _asked(spec) != "200"):
            found.append(f"{role} is not ready")
    return found
