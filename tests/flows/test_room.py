"""The room kept back is given up only for an undo that does not fit, and only once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.errors import NotWritable, Unavailable
from cluster.local.home import Home
from cluster.local.reserve import set_aside
from flows.room import with_reserve
from flows.site import Site


@pytest.fixture
def here(tmp_path: Path) -> Site:
    """A site with its reserve."""
    home = Home(tmp_path)
    set_aside(home)
    return Site("local", home)


def refusing(times: int, error: type[Exception] = NotWritable) -> Callable[[], str]:
    """Something that cannot be written so many times, then can."""
    answers = iter([*[error(f"refusal {number}") for number in range(times)], "done"])

    def act() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return act


def kept(here: Site) -> bool:
    """Whether the room is still kept back."""
    return (here.home.path / "reserve").exists()


def test_what_can_be_written_leaves_the_reserve(here: Site) -> None:
    """It is for the next undo."""
    assert with_reserve(here, refusing(0)) == "done"
    assert kept(here)


def test_what_does_not_fit_is_written_into_the_reserve(here: Site) -> None:
    """The second attempt finds room."""
    assert with_reserve(here, refusing(1)) == "done"
    assert not kept(here)


def test_a_second_refusal_stands(here: Site) -> None:
    """With the reserve gone there is nothing left to give."""
    with pytest.raises(NotWritable, match="refusal 1"):
        with_reserve(here, refusing(2))
    with pytest.raises(NotWritable, match="refusal 0"):
        with_reserve(here, refusing(1))


def test_other_errors_are_no_matter_of_room(here: Site) -> None:
    """The reserve stays."""
    with pytest.raises(Unavailable):
        with_reserve(here, refusing(1, Unavailable))
    assert kept(here)
