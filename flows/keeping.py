"""While something acts on a site its keeper is kept alive: what acts waits for what it starts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.errors import ClusterError
from cluster.local.upkeep import revive_keeper
from flows.site import Site, resume_argv

EVERY = 0.5


@contextmanager
def keeping(here: Site) -> Iterator[None]:
    """Over a block, a keeper that dies is started again within a second; `down` ends that."""
    ended = threading.Event()
    watch = threading.Thread(target=_keep, args=(ended, here), daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _keep(ended: threading.Event, here: Site) -> None:
    while not ended.wait(EVERY):
        try:
            if not revive_keeper(here.home, resume_argv(here)):
                return
        except ClusterError:
            # The next round tries again; what waits for the keeper has a deadline of its own.
            continue
