"""A platform that does not answer is waited for, and condemns no version."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cluster.errors import Unavailable
from flows.loop import AGAIN, _answered
from flows.sight import Sight


def seeing(patience: float) -> tuple[Sight, list[float]]:
    """An eye on a site with this patience, and the seconds that it was told to overlook."""
    overlooked: list[float] = []
    told = SimpleNamespace(site=SimpleNamespace(patience=patience), overlook=overlooked.append)
    return cast(Sight, told), overlooked


def silent(times: int) -> Callable[[], Any]:
    """Answers after so many times without an answer."""
    left = [times]

    def ask() -> str:
        if left[0]:
            left[0] -= 1
            raise Unavailable("the API server does not answer")
        return "seen"

    return ask


def test_what_only_looks_is_asked_again_and_the_time_does_not_count() -> None:
    """Else a version would seem to have been unready while nobody could look."""
    sight, overlooked = seeing(patience=30)

    assert _answered(sight, silent(2)) == "seen"
    assert len(overlooked) == 2
    assert sum(overlooked) >= 2 * AGAIN


def test_a_platform_that_stays_silent_is_told() -> None:
    """Whoever goes on later finds everything as it is."""
    sight, _ = seeing(patience=0.3)

    with pytest.raises(Unavailable, match="does not answer"):
        _answered(sight, silent(1000))
