"""Loaded beside the step probe: lets the clock of a whole site be set while it runs.

`$PINCEX_CLOCK` names a file with seconds to add to what our rooms read as the time of day. The
proxy keeps the machine's time, as a container beside a wrong host would; monotonic clocks do not
move, as they do not on a real machine. Standard library only.
"""

import datetime
import importlib.machinery
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("analysis", "rollout", "cluster", "models", "flows")
TRUE_TIME, TRUE = time.time, datetime.datetime


def offset() -> float:
    """Seconds by which the clock is wrong now."""
    try:
        return float(Path(os.environ["PINCEX_CLOCK"]).read_text())
    except (FileNotFoundError, ValueError):
        return 0.0


class Either(type):
    """Every datetime is one of the shifted class."""

    def __instancecheck__(cls, given) -> bool:
        return isinstance(given, TRUE)


class Shifted(TRUE, metaclass=Either):
    """The class as our modules know it; what it makes are plain datetimes."""

    def __new__(cls, *given, **named):
        return TRUE(*given, **named)

    @classmethod
    def now(cls, tz=None):
        return TRUE.now(tz) + datetime.timedelta(seconds=offset())

    @classmethod
    def fromtimestamp(cls, *given, **named):
        return TRUE.fromtimestamp(*given, **named)

    @classmethod
    def fromisoformat(cls, text):
        return TRUE.fromisoformat(text)


class Shift:
    """Gives each module of our rooms the shifted class once it is loaded."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ROOMS or path is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return None
        load = spec.loader.exec_module

        def exec_module(module) -> None:
            load(module)
            if getattr(module, "datetime", None) is TRUE:
                module.datetime = Shifted

        spec.loader.exec_module = exec_module
        return spec


if "PINCEX_CLOCK" in os.environ:
    time.time = lambda: TRUE_TIME() + offset()
    sys.meta_path.insert(0, Shift())
