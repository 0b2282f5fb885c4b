"""Where the answers of services in a cluster are counted: metrics.toml, read and checked."""

import tomllib
from dataclasses import asdict, fields
from pathlib import Path

from cluster.prometheus import Metrics
from flows.refusal import bad_input

FILE = "metrics.toml"
RIGHT = 'url = "http://127.0.0.1:9090"'


def metrics(settings: Path, given: str | None) -> dict[str, str] | None:
    """The file that was named, else `metrics.toml` of one's own, else None: nobody counts."""
    path = settings / FILE if given is None else Path(given)
    if given is None and not path.exists():
        return None
    if not path.is_file():
        raise bad_input(f"there is no metrics file {path}", f"a TOML file with {RIGHT}")
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise bad_input(f"{path} cannot be read: {error}", f"a TOML file with {RIGHT}") from error
    known = [field.name for field in fields(Metrics)]
    for key, value in told.items():
        if key not in known:
            raise bad_input(f"{path} has no key {key!r}", f"known keys: {', '.join(known)}")
        if not isinstance(value, str) or not value:
            raise bad_input(f"{path}: {key} = {str(value)[:40]!r} is no text", RIGHT)
    url = told.get("url", "")
    if not url.startswith(("http://", "https://")):
        raise bad_input(f"{path}: url = {url[:60]!r} is no address", RIGHT)
    if "@" in url.split("//", 1)[1].split("/", 1)[0]:
        raise bad_input(f"{path}: url holds a password", "the address without it")
    return asdict(Metrics(**told))
