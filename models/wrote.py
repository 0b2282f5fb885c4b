"""Who wrote a file of rows, by its name: ROLE-VERSION-INSTANCE, outside of shadows without a role.

A version may be the beginning of another one's name (v2.1.0 of v2.1.0-rc1); an instance has no
hyphen.
"""

from collections.abc import Iterable
from pathlib import Path

WITHOUT_ROLE = ("traffic", "inputs")


def wrote(path: Path) -> tuple[str, str]:
    """Role (empty outside of shadows) and version of FOLDER/NAME.jsonl."""
    name, role = path.name.split(".jsonl")[0], ""
    if path.parent.name not in WITHOUT_ROLE:
        role, _, name = name.partition("-")
    return role, name.rpartition("-")[0]


def written_by(version: str, paths: Iterable[Path]) -> list[Path]:
    """Those of a version, sorted."""
    return sorted(path for path in paths if wrote(path)[1] == version)
