"""Two workers share the tests by file, or by the site that several files live on."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays together, because its site or its server is started once; so does the story."""
    for item in items:
        assert isinstance(item, pytest.Function)
        shared = "story" if "story" in item.fixturenames else item.path.stem
        item.add_marker(pytest.mark.xdist_group(shared))
