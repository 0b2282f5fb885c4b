"""Servers that somebody starts who lost the lock meanwhile: they do not come back."""

import sys
import threading
import time
from collections.abc import Callable

import pytest
from local_parts import ECHO, LocalSite, eventually

from cluster.errors import ClusterError, LostLock
from cluster.local.instances import (
    Instance,
    servers,
    start_instances,
    stop_instances,
    versions_up,
)
from cluster.lock import Lease, Lock

pytestmark = pytest.mark.site

SLOW = """
import runpy, sys, time
time.sleep(1)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def lock(site: LocalSite) -> Lock:
    """The lock of the site."""
    return Lock(site.home.ledger)


def start(site: LocalSite, check: Callable[[], None]) -> None:
    """A server that needs a second to begin."""
    log = str(site.home.path / "v9.log")
    argv = (sys.executable, "-c", SLOW, str(ECHO), "{port}", "v9", log, "0")
    spec = Instance(argv, cwd="/", grace=1.0)
    start_instances(site.home, "price", "v9", [spec], timeout=20, lease_check=check)


def take_over(site: LocalSite, lock: Lock) -> Lease:
    """What a rollback does about a version that is only being started."""
    lease = lock.preempt("price", "local", "rollback-model price", 60)
    for version in versions_up(site.home, "price"):
        stop_instances(site.home, "price", version, timeout=5)
    return lease


def test_taken_over_before(site: LocalSite, lock: Lock) -> None:
    """Nothing is even asked for."""
    lease = lock.acquire("price", "local", "deploy-model price v9", 60)
    take_over(site, lock)

    with pytest.raises(LostLock, match="by rollback-model price"):
        start(site, lease.check)

    assert versions_up(site.home, "price") == []


def test_taken_over_while_they_start(site: LocalSite, lock: Lock) -> None:
    """Whoever took over ends them; the starter hears of it at once, not after its patience."""
    lease = lock.acquire("price", "local", "deploy-model price v9", 60)
    failures: list[ClusterError] = []

    def starting() -> None:
        try:
            start(site, lease.check)
        except ClusterError as error:
            failures.append(error)

    thread = threading.Thread(target=starting)
    thread.start()
    eventually(lambda: versions_up(site.home, "price") == ["v9"])
    begun = time.monotonic()
    take_over(site, lock)
    thread.join()

    assert time.monotonic() - begun < 5
    (failure,) = failures
    assert isinstance(failure, LostLock)
    assert "by rollback-model price" in str(failure)
    assert versions_up(site.home, "price") == []


def test_what_the_lease_says_meanwhile_ends_a_start_early(site: LocalSite) -> None:
    """As where what serves beside it is harmed: a server that takes a second is not awaited."""
    began = time.monotonic()

    def harmed() -> None:
        if versions_up(site.home, "price"):
            raise LostLock("harmed", hint="")

    with pytest.raises(LostLock, match="harmed"):
        start(site, harmed)

    assert time.monotonic() - began < 1
    assert site.traffic.deployed("price") == []


def test_taken_over_once_they_are_ready(site: LocalSite, lock: Lock) -> None:
    """They are not listed in Envoy behind the back of who took over."""
    lease = lock.acquire("price", "local", "deploy-model price v9", 60)
    asked: list[None] = []

    def check() -> None:
        asked.append(None)
        if len(asked) == 2:
            lock.preempt("price", "local", "rollback-model price", 60)
        lease.check()

    with pytest.raises(LostLock):
        start(site, check)

    assert site.traffic.deployed("price") == []
    take_over(site, lock)
    assert versions_up(site.home, "price") == []


def test_a_server_that_was_started_and_not_listed_is_not_counted_as_one(site: LocalSite) -> None:
    """Whoever started it ended before requests came to it: the number alone would look right."""
    site.serve("v9")
    counted = servers(site.home, "price", "v9")
    checks = iter([True])

    def lost_later() -> None:
        if not next(checks, False):
            raise LostLock("ended", hint="")

    argv = site.echo("v9", site.home.path / "v9.log")
    twice = [Instance(argv, cwd="/", grace=1.0)] * 2
    with pytest.raises(LostLock):
        start_instances(site.home, "price", "v9", twice, timeout=20, lease_check=lost_later)

    assert (counted, servers(site.home, "price", "v9")) == (1, "2, of which Envoy lists 1")
    site.serve("v9", count=2)
    assert servers(site.home, "price", "v9") == 2
