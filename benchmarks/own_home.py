"""A site of its own for the commands of a benchmark, ended afterwards."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.commands import pincex


@contextmanager
def own_home(policy: str) -> Iterator[Path]:
    """The home that `pincex` acts on over a block, in a directory where other files may lie."""
    with tempfile.TemporaryDirectory(prefix="pincex-benchmark-") as directory:
        home = Path(directory) / "home"
        home.mkdir()
        (home / "policy.toml").write_text(policy)
        os.environ["PINCEX_HOME"] = str(home)
        try:
            yield home
        finally:
            pincex("down")
            del os.environ["PINCEX_HOME"]
