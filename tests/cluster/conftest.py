"""Sites for the tests: each in its own directory, each proven gone afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_parts import LocalSite

from cluster.local.down import down
from cluster.local.home import Home
from cluster.local.scan import members


def ended(home: Home) -> None:
    """End a site and require that nothing of it is alive."""
    down(home)
    assert members(home) == []


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A laid out directory in which nothing runs yet; ended afterwards."""
    made = Home(tmp_path / "site")
    made.create()
    yield made
    ended(made)


@pytest.fixture
def site(home: Home) -> LocalSite:
    """A running site of its own."""
    return LocalSite(home)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSite]:
    """A running site for the tests of one module that leave it as they found it."""
    made = Home(tmp_path_factory.mktemp("shared") / "site")
    made.create()
    yield LocalSite(made)
    ended(made)
