"""The one error a verb ends with: what, why, what to do, and the exit code of the contract."""

import re
import sys
from enum import IntEnum
from typing import Any

from cluster.errors import ClusterError
from rollout.credentials import redacted

LOCAL = "down|up|serve|demo|judge|calibrate|verify|test-pipeline"
COMMAND = re.compile(rf"\bpincex (?!(?:{LOCAL})\b)[a-z][a-z-]+")
"""A command of a hint that can act on a namespace."""


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    HARM = 3
    HELD = 4


class Refused(Exception):
    """A verb stopped: `changed` says exactly what was changed, in words."""

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        code: Exit = Exit.FAILED,
        changed: str = "Nothing was changed.",
    ) -> None:
        self.message = redacted(message)
        self.hint = redacted(hint)
        super().__init__(self.message)
        self.code = code
        self.changed = changed

    def at(self, where: str) -> "Refused":
        """The same, whose commands go to the namespace that these options name."""
        if where and " --namespace " not in self.hint:
            self.hint = COMMAND.sub(lambda found: f"{found[0]}{where}", self.hint)
        return self

    def as_dict(self) -> dict[str, Any]:
        return {"error": self.message, "hint": self.hint, "changed": self.changed}


def bad_input(message: str, hint: str) -> Refused:
    """Exit code 2: nothing was changed."""
    return Refused(message, hint=hint, code=Exit.BAD_INPUT)


ROOM_ERRORS = (("analysis", "BadInput"), ("models.errors", "ModelsError"))
BAD_INPUT = {"BadInput", "NotFound", "Invalid", "BadLabels"}
BEFORE_ANYTHING = {"LockHeld", "PortTaken"}


def room_errors() -> tuple[type[Exception], ...]:
    """The rooms' own errors, of the rooms that are loaded: asking must not import an SDK."""
    loaded = [
        getattr(sys.modules[module], name) for module, name in ROOM_ERRORS if module in sys.modules
    ]
    return (ClusterError, *loaded)


def from_room(error: Exception) -> Refused:
    """A room's error with the exit code of the contract."""
    code = Exit.BAD_INPUT if type(error).__name__ in BAD_INPUT else Exit.FAILED
    nothing = code is Exit.BAD_INPUT or type(error).__name__ in BEFORE_ANYTHING
    changed = "Nothing was changed." if nothing else "pincex status shows what is so."
    hint = getattr(error, "hint", "") or "pincex status"
    return Refused(str(error).rstrip("."), hint=hint, code=code, changed=changed)
