"""The progress file: where the last look of a rollout lies, for whoever follows."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from cluster.errors import NotWritable
from cluster.files import make_directory, writing
from flows.site import Site


def live_folder(here: Site) -> Path:
    """Where flow processes leave what their followers read."""
    directory = here.home.path / "live"
    make_directory(directory)
    return directory


def progress_file(here: Site, component: str) -> Path:
    """Where the progress of a component's open rollout lies."""
    return live_folder(here) / f"progress-{component}.json"


def publish(here: Site, progress: dict[str, Any]) -> None:
    """Replace the file; it is a view, so it is not synced, and a full disk stops nothing."""
    path = progress_file(here, progress["component"])
    # A process that lost the lock may still publish beside the one that took it.
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        with writing(path):
            draft.write_text(json.dumps(progress))
            os.replace(draft, path)
    except NotWritable as error:
        print(f"nobody can follow: {error}", file=sys.stderr)  # noqa: T201


def read(here: Site, component: str) -> dict[str, Any] | None:
    """The progress of the last look, if there was one and it is whole.

    The file is not synced to disk, so a power cut may leave half of it; the next look writes it.
    """
    path = progress_file(here, component)
    if not path.is_file():
        return None
    try:
        progress = json.loads(path.read_bytes())
    except ValueError:
        # Not synced, so a crash of the machine may leave half of it; the next look writes it anew.
        return None
    return progress if isinstance(progress, dict) else None
