"""The same look again and again, until Ctrl-C: drawn over on a terminal, else once per change."""

import os
import re
import select
import sys
import time
from collections.abc import Callable
from datetime import datetime

from flows.output import say
from flows.refusal import Refused, from_room, room_errors
from flows.screen import Drawing, can_draw
from rollout.words import clock

EVERY = 1.0
PASSING = re.compile(r"\b\d[\d.,]* (?:ms|s|min|h|days)\b")
"""What changes by itself, and is no change."""


def keep_looking(look: Callable[[], str], named: str) -> None:
    """Show what `look` tells until Ctrl-C, or until nobody reads it any more.

    The first look may be refused; a later one that fails is shown, and looked again. `named` are
    the options that lead to the site.
    """
    told = look()
    drawing, last = Drawing() if can_draw() else None, ""
    try:
        while _is_read():
            at = f"{clock(datetime.now().astimezone())}   every {EVERY:g} s; Ctrl-C ends it"
            if drawing is not None:
                drawing.show([at, *told.splitlines()])
            elif (shown := PASSING.sub("", told)) != last:
                if say(f"{at}\n{told}\n", sys.stdout) is not None:
                    return
                last = shown
            time.sleep(EVERY)
            told = _looked(look, named)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # Python flushes it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _looked(look: Callable[[], str], named: str) -> str:
    try:
        return look()
    except Refused as refused:
        error = refused.at(named)
    except room_errors() as failed:
        error = from_room(failed).at(named)
    return f"error: {error.message}\nhint: {error.hint}"


def _is_read() -> bool:
    """False once whoever read the pipe has gone: without a change nothing is written to it."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not any(event & select.POLLERR for _, event in poll.poll(0))
