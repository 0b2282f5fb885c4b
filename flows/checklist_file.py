"""What is asked of a release, and what was recorded of it: checklist.toml and its record, read."""

from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.applications import parsed, text_of
from flows.refusal import bad_input
from rollout.checklist import Checklist, parse_checklist
from rollout.release_record import Record, parse_record

FILE, RECORDS = "checklist.toml", "releases"


def checklist(settings: Path, given: str | None) -> tuple[Checklist, Path]:
    """The file that was named, else one's own, else nothing declared; where it lies, or would."""
    path = settings / FILE if given is None else Path(given)
    if given is None and not path.exists():
        return Checklist(), path
    if not path.is_file():
        raise bad_input(f"there is no checklist {path}", "--checklist FILE names a TOML file")
    return parsed(text_of(path), str(path), lambda text: parse_checklist(text, _zone)), path


def record_of(told: Checklist, path: Path, settings: Path, version: str) -> Path:
    """Where the record of a release lies, or would; its folder is named from the checklist's."""
    folder = told.records.folder if told.records else None
    return (path.parent / folder if folder else settings / RECORDS) / f"{version}.toml"


def record(path: Path) -> Record | None:
    """What was recorded; None where nothing was."""
    return parsed(text_of(path), str(path), parse_record) if path.exists() else None


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # No file of that name, no name of a file, or a folder of them.
        return None
