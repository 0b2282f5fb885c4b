"""One real site for all of these tests; it is proven gone afterwards."""

import sys
from collections.abc import Iterator

import pytest
from story_parts import Story, lived

from benchmarks.probed import probed_python
from flows.rehearsal.small_site import UNWATCHED, SmallSite, small_site


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSite]:
    """A running site whose champion is v1.0.0 and that knows the small versions.

    Its processes can be asked for their steps; they are not, unless a test asks.
    """
    directory = tmp_path_factory.mktemp("end-to-end")
    python = str(probed_python(directory / "probed"))
    with small_site(directory, UNWATCHED, python) as site:
        yield site


@pytest.fixture(autouse=True)
def one_interpreter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test calls in its own process counts as the site's interpreter's.

    The keeper starts every process of another one again.
    """
    if "here" in request.fixturenames:
        monkeypatch.setattr(sys, "executable", request.getfixturevalue("here").python)


@pytest.fixture(scope="session")
def story(here: SmallSite) -> Story:
    """A model's life on that site, lived once."""
    return lived(here)
