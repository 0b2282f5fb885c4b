"""A long action ends early once what already serves is harmed, and not for less."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.errors import LostLock, Unavailable
from cluster.lock import Lease, Lock
from flows import watchful as module
from flows.watchful import Fired, watchful


def held(tmp_path: Path, firing: Callable[[], str | None]) -> tuple[Lock, Lease]:
    """A lease of a real lock, watchful, whose triggers are asked at every check."""
    lock = Lock(tmp_path / "ledger.sqlite")
    return lock, watchful(lock.acquire("shop", "eu", "deploy by ann", 600), firing)


@pytest.fixture(autouse=True)
def at_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two questions."""
    monkeypatch.setattr(module, "EVERY", 0.0)


def test_what_fires_ends_it_with_its_sentence(tmp_path: Path) -> None:
    """A check alone does so; the lock itself is as it was."""
    said: list[str | None] = [None, None, "prices: errors 9 %"]
    lock, lease = held(tmp_path, lambda: said.pop(0))
    lease.check()
    lease.check()
    with pytest.raises(Fired, match="prices: errors 9 %"):
        lease.check()

    assert lock.holder("shop", "eu") is not None


def test_who_cannot_be_asked_fires_nothing(tmp_path: Path) -> None:
    """An outage of the metrics is no harm."""

    def silent() -> str | None:
        raise Unavailable("Prometheus does not answer")

    _, lease = held(tmp_path, silent)
    lease.check()


def test_the_lock_comes_first(tmp_path: Path) -> None:
    """Whoever lost it asks nothing any more, but may give it back or renew what is its own."""
    lock, lease = held(tmp_path, lambda: "harm")
    lease.renew()
    lock.preempt("shop", "eu", "rollback by bob", 600)
    with pytest.raises(LostLock):
        lease.check()
