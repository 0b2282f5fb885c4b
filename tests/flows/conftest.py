"""The command line for the tests of the flows; its site does not exist unless a verb makes it."""

from pathlib import Path

import pytest
from cli_parts import Cli


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`pincex` in an empty directory."""
    home = tmp_path / "home"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PINCEX_HOME", str(home))
    monkeypatch.delenv("PINCEX_SITE", raising=False)
    return Cli(home, capsys)
