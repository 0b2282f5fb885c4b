"""What killed processes left half-made: drafts, staged evidence, copies, outcomes nobody read."""

import contextlib
import shutil
import time

from cluster.files import writing
from cluster.local.home import Home

AGE = 86_400.0
"""Nothing that is still being made is that old, in seconds."""


def sweep_leftovers(home: Home) -> None:
    """Remove them; nobody reads any of these under its name."""
    places = (
        (home.stage, ".*"),
        (home.stage, "evidence-*"),
        (home.models, "*/.*"),
        (home.path / "live", "outcome-*.json"),
    )
    for folder, pattern in places:
        for left in folder.glob(pattern):
            with writing(left), contextlib.suppress(FileNotFoundError):
                if time.time() - left.lstat().st_mtime < AGE:
                    continue
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)
