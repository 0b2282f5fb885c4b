"""The keeper of a site: `python -m cluster.local.keeper HOME`.

It starts what is wanted, again within a second when it dies, stops what is not, and starts
`resume` for a rollout that lost its process. It may itself be killed at any moment: its children
live on and the next keeper adopts them.
"""

import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from cluster.errors import ClusterError, StateDamaged
from cluster.files import try_lock
from cluster.local.child import Child
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec, forget, recorded, register, want, wanted
from cluster.local.resume import Resumer
from cluster.local.samples import Sampler
from cluster.local.scan import members
from cluster.local.upkeep import KEEPER

log = logging.getLogger("keeper")

TICK, LOOK_AT_FILES, PAUSE_AFTER_FAILURE = 0.1, 1.0, 1.0


class Keeper:
    """The children of one site and what should become of them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._children: dict[str, Child] = {}
        self._specs: dict[str, tuple[tuple[int, int], ProcessSpec | None]] = {}
        self._resumer = Resumer(home)
        self._sampler = Sampler(home)
        self._confirm_after = 0.0

    def adopt(self) -> None:
        """Take over what an earlier keeper started, noted by it or not."""
        for role in self.home.roles(self.home.run):
            try:
                seen = recorded(self.home, role)
            except StateDamaged as error:
                log.warning("%s", error)
                seen = None
            if seen is None or seen.kept:
                self._children[role] = Child(self.home, role, seen)
        for member in members(self.home):
            if member.kept and member.role not in self._children:
                self._children[member.role] = Child(self.home, member.role, None)

    def tick(self, now: float) -> bool:
        """One round over all roles; False when the site is gone and nothing of it runs."""
        exists = self.home.path.exists()
        specs = self._read_specs() if exists else {}
        # As one that nobody wants it would be ended.
        unknown = self._specs.keys() - specs.keys() if exists else set()
        for role in specs:
            self._children.setdefault(role, Child(self.home, role, None))
        for role, child in list(self._children.items()):
            if role in unknown:
                continue
            try:
                if not child.tick(specs.get(role), now):
                    del self._children[role]
            except (ClusterError, OSError) as error:
                log.error("%s: %s", role, error)
                child.hold_off(now, PAUSE_AFTER_FAILURE)
        if exists:
            self._confirm_records(now)
            self._sample(now)
            self._resumer.tick(now)
        return exists or bool(self._children)

    def _read_specs(self) -> dict[str, ProcessSpec | None]:
        """What is wanted; a file that is damaged is written again as it was read before."""
        roles = self.home.roles(self.home.processes)
        for role in roles:
            try:
                stat = self.home.spec_file(role).stat()
                seen, before = self._specs.get(role, (None, None))
                # Two writes within one tick of the kernel's clock differ by their inode only.
                if seen != (stat.st_mtime_ns, stat.st_ino):
                    # Noted first, so that a damaged file is told once and not ten times a second.
                    self._specs[role] = ((stat.st_mtime_ns, stat.st_ino), before)
                    self._specs[role] = (self._specs[role][0], wanted(self.home, role))
            except FileNotFoundError:
                continue
            except StateDamaged as error:
                self._mend(role, error)
        self._specs = {role: self._specs[role] for role in roles if role in self._specs}
        return {role: spec for role, (_, spec) in self._specs.items() if spec is not None}

    def _mend(self, role: str, error: StateDamaged) -> None:
        known = self._specs[role][1]
        if known is None:
            log.error("%s; its process stays as it is", error)
            return
        log.error("%s; written again as it was", error)
        try:
            want(self.home, known)
        except ClusterError as failed:
            log.error("%s", failed)

    def _sample(self, now: float) -> None:
        deaths = {role: one.seen.deaths for role, one in self._children.items() if one.seen}
        try:
            self._sampler.tick(now, time.time(), deaths)
        except OSError as error:
            log.error("no sample for the alerts: %s", error)

    def _confirm_records(self, now: float) -> None:
        if now < self._confirm_after:
            return
        self._confirm_after = now + LOOK_AT_FILES
        try:
            for child in self._children.values():
                child.confirm_record()
            register_keeper(self.home)
            for role in set(self.home.roles(self.home.run)) - {KEEPER, *self._children}:
                seen = recorded(self.home, role)
                if seen is not None and not seen.alive:
                    forget(self.home, role)
        except ClusterError as error:
            log.error("%s", error)


def register_keeper(home: Home) -> None:
    """Note the calling process as the keeper, unless that is what is noted."""
    try:
        seen = recorded(home, KEEPER)
    except StateDamaged:
        seen = None
    if seen is None or seen.pid != os.getpid() or not seen.alive:
        register(home, KEEPER, grace=2.0)


def main(argv: list[str]) -> int:
    """Keep the site in directory `argv[1]` until told to end; 0 at once if it has a keeper."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    home = Home(Path(argv[1]))
    home.lay_out()
    lock = os.open(home.run / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not try_lock(lock):
        return 0
    ended = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    register_keeper(home)
    log.info("keeper of %s started as process %s", home.path, os.getpid())
    keeper = Keeper(home)
    keeper.adopt()
    while not ended and keeper.tick(time.monotonic()):
        time.sleep(TICK)
    log.info("keeper ends")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
