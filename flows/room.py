"""An undo on a full disk: the room that was kept back for it is given up, once."""

from collections.abc import Callable
from typing import TypeVar

from cluster.errors import NotWritable
from cluster.local.reserve import give_up
from flows.site import Site

T = TypeVar("T")


def with_reserve(here: Site, act: Callable[[], T]) -> T:
    """Act; where that cannot be written, give up the reserve and act again.

    Only for what undoes: the next `up` or rollout sets the reserve aside again.
    """
    try:
        return act()
    except NotWritable:
        if not give_up(here.home):
            raise
        return act()
