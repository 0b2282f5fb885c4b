"""The files that say how a site rolls out, as items of a backup."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cluster.files import write_whole, writing
from flows.applications import FILE, read, text_of
from flows.site import Site
from rollout.policy import parse

FILES = {"policy": "policy.toml", "application": FILE}
"""By item, the file in the site's folder."""


def files_of(settings: Path) -> dict[str, str]:
    """The text of each file that is there."""
    found = {item: settings / file for item, file in FILES.items()}
    return {item: text_of(path) for item, path in found.items() if path.exists()}


def sound(wanted: Mapping[str, Any], changed: Collection[str]) -> dict[str, str | None]:
    """The files that are to be put back, by item; None where one is to go.

    Bad input where a file was already broken when the backup was made.
    """
    files = {item: wanted.get(item) for item in sorted(FILES.keys() & set(changed))}
    if text := files.get("policy"):
        parse(text)
    if text := files.get("application"):
        read(text, FILE)
    return files


def put(site: Site, files: Mapping[str, str | None]) -> None:
    """Each file as it was, or gone."""
    for item, text in files.items():
        path = site.settings / FILES[item]
        if text is None:
            with writing(path):
                path.unlink()
        else:
            write_whole(path, text, stage=site.home.stage)
