"""What a command says, on streams that may be closed, full, or unable to show it."""

import errno
import os
import re
import sys
from typing import TextIO

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Signs that a terminal obeys; a name in a file or on the command line may have them."""
GONE = "nobody reads it any more"


def open_closed() -> None:
    """Put nothing in place of standard streams that are closed.

    The next file that is opened would take their number, and what is printed would go there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # What cannot be written to tells that the answer is lost; words on the way may be.
            _to_nothing(number, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            mode = "r" if name == "stdin" else "w"
            # It lasts as long as the process.
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def say(text: str, stream: TextIO) -> str | None:
    """Print a text, or say why that cannot be.

    What the stream cannot show is escaped, and so is what a terminal would obey.
    """
    encoding = stream.encoding or "utf-8"
    try:
        if text:
            shown = escaped(text).encode(encoding, "backslashreplace")
            print(shown.decode(encoding), file=stream, flush=True)
    except BrokenPipeError:
        _to_nothing(stream.fileno(), os.O_WRONLY)
        return GONE
    except OSError as error:
        # Python flushes what is left of it once more at its end.
        _to_nothing(stream.fileno(), os.O_WRONLY)
        return "it is closed" if error.errno == errno.EBADF else error.strerror or str(error)
    return None


def escaped(text: str) -> str:
    """The text with control characters spelt out, but for line ends and tabs."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _to_nothing(number: int, way: int) -> None:
    opened = os.open(os.devnull, way)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
