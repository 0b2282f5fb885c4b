"""Making sure that a site has a keeper."""

import json
import sys
import time
from collections.abc import Sequence

from cluster.errors import NotFound, StateDamaged, Unavailable
from cluster.files import exclusive, read_object, write_whole
from cluster.identity import start_mark
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec, Running, running
from cluster.local.readiness import last_words
from cluster.local.spawn import spawn_detached
from rollout.words import shell_word

KEEPER = "keeper"
START_SECONDS, OTHER_KEEPER_SECONDS = 10.0, 1.0
DOWN_SECONDS = 60.0


def ensure_keeper(home: Home, resume: Sequence[str] = ()) -> Running:
    """The site's keeper, started if it is dead.

    `resume` is the command for a rollout that lost its process, with `{component}` and `{region}`
    in place of its names; empty leaves what was said before.
    """
    home.lay_out()
    if resume:
        _say(home, tuple(resume))
    found = _alive(home)
    if found is not None:
        return found
    with exclusive(home.path / "site.lock", patience=START_SECONDS):
        return _alive(home) or _start(home)


def revive_keeper(home: Home, resume: Sequence[str]) -> bool:
    """Start the keeper again where it died; False, and nothing is started, once the site is down.

    For whoever only goes on with something: only `up`, and what needs the site, may start it.
    """
    if _alive(home) is not None:
        return True
    # `down` holds this until it has forgotten the keeper that it ended.
    with exclusive(home.path / "site.lock", patience=DOWN_SECONDS):
        if not home.run_file(KEEPER).exists():
            return False
        _say(home, tuple(resume))
        if _alive(home) is None:
            _start(home)
        return True


def _say(home: Home, resume: tuple[str, ...]) -> None:
    try:
        known = resume_argv(home)
    except StateDamaged:
        # Written anew from what the caller says; nothing else is in this file.
        known = ()
    if known != resume:
        text = json.dumps({"resume_argv": list(resume)}, indent=1)
        write_whole(home.keeper_file, text, stage=home.stage)


def resume_argv(home: Home) -> tuple[str, ...]:
    """The command that resumes a rollout; empty when none was named yet."""
    try:
        content = read_object(
            home.keeper_file,
            remedy=f"rm {shell_word(home.keeper_file)}; the next command writes it anew",
        )
    except NotFound:
        return ()
    argv = content.get("resume_argv")
    if not isinstance(argv, list):
        raise StateDamaged(f"{home.keeper_file} names no resume command", hint="pincex up")
    return tuple(str(word) for word in argv)


def _alive(home: Home) -> Running | None:
    try:
        return running(home, KEEPER)
    except StateDamaged:
        # A living keeper repairs its own file within a second; a new one overwrites it.
        return None


def _start(home: Home) -> Running:
    spec = ProcessSpec(
        role=KEEPER,
        argv=(sys.executable, "-m", "cluster.local.keeper", str(home.path)),
        cwd=str(home.path),
        grace=2.0,
    )
    pid = spawn_detached(home, spec)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.005)
        found = _alive(home)
        if found is not None:
            return found
        if start_mark(pid) is None:
            # It failed, or left the place to another keeper that has not noted itself yet.
            deadline = min(deadline, time.monotonic() + OTHER_KEEPER_SECONDS)
    raise Unavailable(
        f"the keeper of {home.path} does not start; its last words:\n{last_words(home, KEEPER)}",
        hint=f"tail -50 {shell_word(home.log_file(KEEPER))}",
    )
