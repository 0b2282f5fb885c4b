"""Two workers share the tests by file, because the site or server of a file is started once."""

import pytest
from xdist.scheduler import LoadScopeScheduling

# These live on one site, whose story is long.
STORY = ("test_faults", "test_kill_matrix", "test_kills", "test_story", "test_torn_files")


class ByFile(LoadScopeScheduling):
    """A file goes to one worker, and so do all files of the story."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "story" if file.endswith(tuple(f"/{name}.py" for name in STORY)) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """The marks of xdist's own groups are lost under this pytest."""
    return ByFile(config, log)
