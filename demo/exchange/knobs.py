"""What can be turned on a running service: knobs by version, and flags, each read from a file.

`$PINCEX_HOME/exchange/knobs.json`: {"v1.1.0": {"order-entry": {"latency_ms": 40, "errors": 0.02}}}
makes a version slow, or lets a share of its requests fail, so that there is something to notice.

`$PINCEX_HOME/exchange/flags.json`: {"flags": {"limit-orders": {"state": "ENABLED", "variants":
{"on": true, "off": false}, "defaultVariant": "on"}}}, the form of flagd.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

LOOK_EVERY = 0.1
KNOBS, FLAGS = "knobs.json", "flags.json"

log = logging.getLogger("exchange")


@dataclass(frozen=True, slots=True)
class Knobs:
    """How slow (ms more for each request) and how faulty (share of requests, 0 to 1) it is."""

    latency_ms: float = 0.0
    errors: float = 0.0


class Watched(Generic[T]):
    """The content of a file, looked at ten times a second; the last good one while it is none."""

    def __init__(self, path: Path, read: Callable[[object], T], without: T) -> None:
        self._path = path
        self._read = read
        self._without = self._value = without
        self._looked, self._seen = 0.0, -1

    def now(self) -> T:
        """What the file says."""
        if time.monotonic() - self._looked > LOOK_EVERY:
            self._looked = time.monotonic()
            self._look()
        return self._value

    def _look(self) -> None:
        try:
            changed = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            self._value, self._seen = self._without, -1
            return
        if changed == self._seen:
            return
        self._seen = changed
        try:
            self._value = self._read(json.loads(self._path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Whoever writes it wrong must not stop an exchange.
            log.error("%s is not used: %r", self._path, error)


def watched_knobs(home: Path, component: str, version: str) -> Watched[Knobs]:
    """The knobs of one version of a component."""

    def read(content: object) -> Knobs:
        assert isinstance(content, dict)
        own = content.get(version, {}).get(component, {})
        knobs = Knobs(float(own.get("latency_ms", 0)), float(own.get("errors", 0)))
        if not (0 <= knobs.latency_ms < 60_000 and 0 <= knobs.errors <= 1):
            raise ValueError(f"{knobs} cannot be")
        return knobs

    return Watched(home / "exchange" / KNOBS, read, Knobs())


def watched_flags(home: Path) -> Watched[dict[str, bool]]:
    """Which flags are on; one that is not in the file is off."""
    return Watched(home / "exchange" / FLAGS, _flags, {})


def _flags(content: object) -> dict[str, bool]:
    assert isinstance(content, dict)
    found = {}
    for name, flag in content["flags"].items():
        value = flag["variants"][flag["defaultVariant"]]
        if not isinstance(value, bool):
            raise ValueError(f"{name} is neither on nor off: {value!r}")
        found[name] = value and flag["state"] == "ENABLED"
    return found
