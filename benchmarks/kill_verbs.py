"""The verbs of the kill matrix: what must be so before, the command, and when all is settled."""

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kill_stages import BAD, GOOD, PROMOTE, ROLL_BACK, promoted, prove, returned
from cluster.local.processes import running
from cluster.local.scan import members
from flows.platform import traffic
from flows.rehearsal.end_state import agree, at_rest
from flows.rehearsal.small_site import MODEL, SmallSite
from models.manifest import digest, manifest_of

ROLES = ("keeper", "envoy", "mlflow", "prefect", "serving")
Words = tuple[str, ...]


def _nothing_bad_passed(here: SmallSite) -> None:
    agree(here, {BAD})


@dataclass(frozen=True, slots=True)
class Verb:
    """A command that is killed; `again` are the commands that may follow, in turn.

    `settled` holds once nothing of it is under way; `state` says in words what then is so, and
    `agree` requires that nothing contradicts it, where the verb is `live`.
    """

    name: str
    verb: str
    prepare: Callable[[SmallSite], Words]
    again: Callable[[Words], list[Words]]
    settled: Callable[[SmallSite, Words], bool]
    state: Callable[[SmallSite, Words], str]
    live: bool = True
    agree: Callable[[SmallSite], None] = _nothing_bad_passed


def _cleared(here: SmallSite) -> None:
    """v1.0.0 serves, and no shadow waits for its promotion."""
    if (opened := here.history().open) is not None and opened.waiting:
        ran = here.pincex("promote-model", MODEL)
        assert ran.code == 0, ran
    returned(here)


def _deploy(version: str) -> Callable[[SmallSite], Words]:
    def prepare(here: SmallSite) -> Words:
        _cleared(here)
        return ("deploy-model", MODEL, version)

    return prepare


def _promote(here: SmallSite) -> Words:
    _cleared(here)
    if not _proven(here):
        prove(here)
        _cleared(here)
    return PROMOTE


def _proven(here: SmallSite) -> bool:
    """Whether v2.0.0 still has its PASS against what serves."""
    history = here.history()
    candidates = [rollout.candidate for rollout in history.rollouts]
    good = next(revision for revision in candidates if revision.version == GOOD)
    return history.champion is not None and bool(history.passed(history.champion.revision, good))


def _promote_open(here: SmallSite) -> Words:
    _cleared(here)
    ran = here.pincex("deploy-model", MODEL, GOOD)
    assert ran.report.get("decision") == "PROMOTE", ran
    return ("promote-model", MODEL)


def _roll_back(here: SmallSite) -> Words:
    promoted(here)
    return ROLL_BACK


def _register(here: SmallSite) -> Words:
    release = f"v9.{uuid.uuid4().int % 10**9}.0"
    return ("register-model", MODEL, release, str(here.directory / "models" / GOOD))


def _up_again(here: SmallSite) -> Words:
    return ("up", "--no-wait")


def _up_new(here: SmallSite) -> Words:
    here.end()
    shutil.rmtree(here.home.path)
    here.home.path.mkdir()
    return ("up", "--no-wait")


def _down(here: SmallSite) -> Words:
    ran = here.pincex("up", "--no-wait")
    assert ran.code == 0, ran
    return ("down",)


def _at_rest(here: SmallSite, words: Words) -> bool:
    return at_rest(here)


def _registered(here: SmallSite, words: Words) -> bool:
    _, name, release, source = words
    found = [v for v in here.site.registry.versions(name) if v.release == release]
    right = [v.manifest_sha256 for v in found] == [digest(manifest_of(Path(source)))]
    return right and _at_rest(here, words)


def _all_run(here: SmallSite, words: Words) -> bool:
    return all(running(here.home, role) for role in ROLES)


def _none_runs(here: SmallSite, words: Words) -> bool:
    return members(here.home) == []


def _serving(here: SmallSite, words: Words) -> str:
    """How the last rollout ended and what serves; a model's version that serves is proven."""
    last = here.history().rollouts[-1]
    ending = str(last.closed or "waiting")
    serving = traffic(here.site, MODEL).serving
    return f"{last.verb} {last.candidate.version} {ending}, {serving} serves"


def _one_version(here: SmallSite, words: Words) -> str:
    return "one version with its manifest"


def _same_or_resume(words: Words) -> list[Words]:
    return [("resume", MODEL), words]


def _same(words: Words) -> list[Words]:
    return [words]


VERBS = [
    Verb("promote-model", "promote-model", _promote, _same_or_resume, _at_rest, _serving),
    Verb("rollback-model", "rollback-model", _roll_back, _same_or_resume, _at_rest, _serving),
    Verb("register-model", "register-model", _register, _same, _registered, _one_version),
    Verb("up, it is up", "up", _up_again, _same, _at_rest, _serving),
    Verb("up, new site", "up", _up_new, _same, _all_run, lambda *_: "all run", live=False),
    Verb("down", "down", _down, _same, _none_runs, lambda *_: "none runs", live=False),
    Verb("deploy-model, FAIL", "deploy-model", _deploy(BAD), _same_or_resume, _at_rest, _serving),
    Verb("deploy-model, PASS", "deploy-model", _deploy(GOOD), _same_or_resume, _at_rest, _serving),
    Verb(
        "promote-model, open shadow",
        "promote-model",
        _promote_open,
        _same_or_resume,
        _at_rest,
        _serving,
    ),
]
