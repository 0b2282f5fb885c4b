"""`backup-config` and `restore-config` in the kill matrix: what a backup holds is what is there."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest.mock import patch

from benchmarks.kill_services import agree as services_agree
from benchmarks.kill_services import deploy, services_at_rest
from benchmarks.kill_stages import GOOD, STABLE, promoted, returned, serves
from benchmarks.kill_verbs import Verb, Words
from cluster.backup import changes, read
from cluster.errors import ClusterError, Invalid, NotFound
from cluster.lock import held
from flows.local_config import LocalConfig
from flows.refusal import Refused
from flows.rehearsal.end_state import agree, at_rest
from flows.rehearsal.small_exchange import Exchange
from flows.rehearsal.small_site import MODEL, PATIENCE, SmallSite, eventually, require
from flows.servers import bring_up
from rollout.policy import parse

EDITS = count()
SERVERS = 2


def backed_up(here: SmallSite) -> str:
    """The file of a new backup."""
    ran = here.pincex("backup-config")
    require(ran.code == 0, f"backup-config ended with {ran.code}: {ran.report}")
    return str(ran.report["file"])


def as_kept(here: SmallSite, words: Words) -> bool:
    """Whether all that the backup holds is there, as the site itself reads it."""
    backup = read(Path(words[1]))
    try:
        found = LocalConfig(here.site).compared(backup)
    except (ClusterError, Refused):
        return False
    return not changes(found.present, found.wanted)


def each_whole_or_refused(here: SmallSite) -> int:
    """How many backups can be read; each other file beside them is refused as a damaged one."""
    whole = 0
    for file in (here.home.path / "backups").iterdir():
        try:
            kept = read(file)
        except (Invalid, NotFound):
            require(file.name.startswith("."), f"{file} has a backup's name and is none")
            continue
        require(f"version {MODEL}" in kept.items, f"{file} lacks what serves")
        whole += 1
    return whole


def _edited(here: SmallSite) -> None:
    """Somebody changes the policy; the limits are those that it had."""
    policy = here.home.path / "policy.toml"
    policy.write_text(f"{policy.read_text()}# edit {next(EDITS)}\n")


def _numbering(here: SmallSite, servers: int) -> None:
    """What serves has so many servers."""
    revision = here.history().champion
    assert revision is not None
    policy = replace(parse((here.home.path / "policy.toml").read_text()), replicas=servers)
    with (
        # Of another interpreter they would be started again, and their requests lost.
        patch.object(sys, "executable", here.python),
        held(here.site.lock, MODEL, here.site.region, "by hand", 60) as lease,
    ):
        bring_up(here.site, MODEL, revision.revision, policy, lease, forced=True)


def _restore(here: SmallSite) -> Words:
    """A backup of v1.0.0 on two servers; since then one of them was ended, and v2.0.0 promoted."""
    returned(here)
    eventually(lambda: at_rest(here), PATIENCE, "at rest")
    file = _kept(here)
    _numbering(here, 1)
    promoted(here)
    eventually(lambda: at_rest(here), PATIENCE, "at rest")
    require(serves(here, GOOD), f"{GOOD} does not serve")
    _edited(here)
    return ("restore-config", file, "--yes")


def _kept(here: SmallSite) -> str:
    """A backup of what is there; that of the kill before, where it came to a good end."""
    for file in (here.home.path / "backups").glob("config-*.json"):
        if as_kept(here, ("restore-config", str(file))):
            return str(file)
    _numbering(here, SERVERS)
    eventually(lambda: at_rest(here), PATIENCE, "at rest")
    return backed_up(here)


def _backup(here: SmallSite) -> Words:
    eventually(lambda: at_rest(here), PATIENCE, "at rest")
    shutil.rmtree(here.home.path / "backups", ignore_errors=True)
    return ("backup-config",)


def _back(here: SmallSite, words: Words) -> bool:
    return at_rest(here) and as_kept(here, words)


def _kept_whole(here: SmallSite, words: Words) -> bool:
    folder = here.home.path / "backups"
    return folder.is_dir() and each_whole_or_refused(here) > 0 and at_rest(here)


def _agree(here: SmallSite) -> None:
    agree(here, {"v5.0.0"})
    require(serves(here, STABLE), f"{STABLE} does not serve")
    ports = here.site.traffic.endpoints(MODEL, STABLE)
    require(len(ports) == SERVERS, f"{STABLE} is asked at {ports}")


def _restore_services(here: SmallSite) -> Words:
    """A backup of a release; another one was promoted since."""
    assert isinstance(here, Exchange)
    eventually(lambda: services_at_rest(here, ()), PATIENCE, "at rest")
    file = backed_up(here)
    ran = here.pincex(*deploy(here))
    require(ran.code == 0, f"deploy ended with {ran.code}: {ran.report}")
    eventually(lambda: services_at_rest(here, ()), PATIENCE, "its watch is over")
    _edited(here)
    return ("restore-config", file, "--yes")


def _services_back(here: SmallSite, words: Words) -> bool:
    return services_at_rest(here, words) and as_kept(here, words)


def _same(words: Words) -> list[Words]:
    return [words]


def _all_back(*_: object) -> str:
    return "all as in the backup"


def _verb(
    name: str,
    prepare: Callable[[SmallSite], Words],
    settled: Callable[[SmallSite, Words], bool],
    agree: Callable[[SmallSite], None],
) -> Verb:
    return Verb(name, "restore-config", prepare, _same, settled, _all_back, agree=agree)


BACKUP = Verb(
    "backup-config",
    "backup-config",
    _backup,
    _same,
    _kept_whole,
    lambda *_: "each backup whole or refused",
    agree=lambda here: agree(here, {"v5.0.0"}),
)
RESTORE = _verb("restore-config", _restore, _back, _agree)
RESTORE_SERVICES = _verb(
    "restore-config, services", _restore_services, _services_back, services_agree
)
MODELS, RELEASES = [BACKUP, RESTORE], [RESTORE_SERVICES]
