"""Starting a process of the site: own session, no open files, a chosen environment, a log."""

import os
import subprocess
import threading
import time

from cluster.errors import NotFound
from cluster.files import make_directory, writing
from cluster.identity import start_mark
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec, Running, record

# Everything else of the caller's environment, secrets above all, stays with the caller.
PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
LOG_BYTES = 10_000_000
HOME_VARIABLE, ROLE_VARIABLE, SPEC_VARIABLE = "PINCEX_HOME", "PINCEX_ROLE", "PINCEX_SPEC"
KEPT_VARIABLE = "PINCEX_KEPT"


def environment(home: Home, spec: ProcessSpec, *, kept: bool) -> dict[str, str]:
    """The whole environment of a process of the site, with the marks by which it is found."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    ours = {name: value for name, value in os.environ.items() if name.startswith("PINCEX_")}
    marks = {
        HOME_VARIABLE: str(home.path),
        ROLE_VARIABLE: spec.role,
        SPEC_VARIABLE: spec.digest,
        KEPT_VARIABLE: spec.role if kept else "",
    }
    return {**passed, **ours, **spec.env, **marks}


def spawn(home: Home, spec: ProcessSpec, *, kept: bool) -> subprocess.Popen[bytes]:
    """Start the process; NotFound when its program or directory does not exist.

    `kept` marks it as one that the keeper starts, and stops when nobody wants it any more.
    """
    log = home.log_file(spec.role)
    make_directory(log.parent)
    with writing(log):
        if log.exists() and log.stat().st_size > LOG_BYTES:
            os.replace(log, log.with_suffix(".log.1"))
        output = log.open("ab")
    with output:
        try:
            return subprocess.Popen(
                spec.argv,
                cwd=spec.cwd,
                env=environment(home, spec, kept=kept),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            raise NotFound(f"cannot start {spec.role}: {error}") from error


def spawn_detached(home: Home, spec: ProcessSpec) -> int:
    """Start a process that outlives the caller; its pid."""
    child = spawn(home, spec, kept=False)
    # A caller that lives longer must collect it, or it stays in the system's list as a zombie.
    threading.Thread(target=child.wait, daemon=True).start()
    return child.pid


def launch(home: Home, spec: ProcessSpec) -> Running:
    """Start a process that outlives the caller, is noted, and not started again when it ends."""
    pid = spawn_detached(home, spec)
    begun = Running(
        role=spec.role,
        pid=pid,
        mark=start_mark(pid),
        since=time.time(),
        kept=False,
        spec=spec.digest,
        grace=spec.grace,
    )
    record(home, begun)
    return begun
