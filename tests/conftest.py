"""Two workers share the tests by file, because the site or server of a file is started once."""

import pytest
from xdist.scheduler import LoadScopeScheduling

SITES = "tests/end_to_end/"


class ByFile(LoadScopeScheduling):
    """A file goes to one worker, and so do all that live on a whole site.

    Two sites at once keep two cores so busy that a start takes a minute.
    """

    def _split_scope(self, nodeid: str) -> str:
        return SITES if nodeid.startswith(SITES) else nodeid.split("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """The marks of xdist's own groups are lost under this pytest."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: one worker lives on the site while the other does all the rest."""
    items.sort(key=lambda item: not item.nodeid.startswith(SITES))
