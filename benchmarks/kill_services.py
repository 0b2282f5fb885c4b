"""The verbs of services in the kill matrix, on a sample exchange that a trader uses meanwhile."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.kill_verbs import Verb, Words
from cluster.local.instances import versions_up
from flows.platform import traffic
from flows.rehearsal.small_exchange import NAME, QUICK, Exchange, Trader, exchange, trading
from flows.rehearsal.small_site import PATIENCE, SmallSite, eventually
from rollout.state import Ending
from rollout.state import Verb as Told

RATE = 300.0
WATCHED = QUICK.replace("[rollout.watch]\nseconds = 0\n", "[rollout.watch]\nseconds = 2\n")
"""A kill may come in the watch, too."""


@contextmanager
def traded(directory: Path, python: str) -> Iterator[tuple[Exchange, Trader]]:
    """A first release serves, and orders come in; nothing is left afterwards."""
    with exchange(directory, WATCHED, python) as here:
        stats, home = directory / "trader.json", here.home.path
        with trading(here.home.site().endpoint, RATE, stats, home) as trader:
            eventually(lambda: trader.sent, PATIENCE, "orders come in")
            yield here, trader


def deploy(here: SmallSite) -> Words:
    """A release of a version that never was."""
    return ("deploy", f"v9.{uuid.uuid4().int % 10**9}.0")


def services_at_rest(here: SmallSite, words: Words) -> bool:
    """Nothing is open, nobody holds the lock, and one version of each component has all traffic."""
    assert isinstance(here, Exchange)
    if here.history().open or here.site.lock.holder(NAME, here.site.region):
        return False
    return all(
        part.serving and traffic(here.site, name).weights == {part.serving.version: 100}
        for name, part in here.parts().items()
    )


def agree(here: SmallSite) -> None:
    """Every component serves the release of the ledger, on servers that answer, and no other runs.

    What served before stays up to return to, but for what acts alone.
    """
    assert isinstance(here, Exchange)
    champion, before = here.history().champion, here.history().previous
    assert champion is not None
    kept = {served.revision.version for served in (champion, before) if served}
    for name, part in here.parts().items():
        assert part.serving is not None
        assert part.serving.version == champion.revision.version, (name, part)
        up = set(versions_up(here.home, name))
        assert part.serving.version in up <= kept, (name, up)
        eventually(lambda name=name: here.answers(name), PATIENCE, f"{name} is ready")  # type: ignore[misc]
    here.site.ledger.verify()


def release_verbs(
    name: str,
    deploy: Callable[[SmallSite], Words],
    at_rest: Callable[[SmallSite, Words], bool],
    agree: Callable[[SmallSite], None],
) -> list[Verb]:
    """`deploy` and `rollback` of the application `name`, on whichever site."""

    def roll_back(here: SmallSite) -> Words:
        """There must be something to return from."""
        words, last = deploy(here), here.history().rollouts[-1]
        promoted = (last.verb, last.closed) == (Told.RELEASE, Ending.PROMOTED)
        if not promoted or not here.history().previous:
            ran = here.pincex(*words)
            assert ran.code == 0, ran
            eventually(lambda: at_rest(here, ()), PATIENCE, "its watch is over")
        return ("rollback", "--reason", "killed on the way")

    def same_or_resume(words: Words) -> list[Words]:
        return [("resume", name), words]

    def ended_as(here: SmallSite, words: Words) -> str:
        last = here.history().rollouts[-1]
        return f"{last.verb} {last.closed}, one version of each serves"

    return [
        Verb("deploy", "deploy", deploy, same_or_resume, at_rest, ended_as, agree=agree),
        Verb("rollback", "rollback", roll_back, same_or_resume, at_rest, ended_as, agree=agree),
    ]


SERVICES = release_verbs(NAME, deploy, services_at_rest, agree)
