"""The rows a model server writes: one line per request, one append per line, in the right file.

records/<component>/traffic/<version>-<instance>.jsonl           outside a shadow, rotated
records/<component>/<rollout>/baseline-<version>-<instance>.jsonl
records/<component>/<rollout>/candidate-<version>-<instance>.jsonl
"""

import errno
import itertools
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import orjson

ROTATE_AT = 64 * 2**20
"""Bytes after which a traffic file becomes `<name>.1`; the one before that is dropped."""

OPEN_FILES = 8
QUIET = 1.0
"""Seconds without a line after which an arrival is announced: readers take silence for idleness."""

ROLLOUT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
"""The id comes from a header and becomes a folder."""


class RowFile:
    """An append-only file of lines with one writer: whole lines or an OSError, never a torn one."""

    def __init__(self, path: Path, rotate_at: int | None) -> None:
        self.path = path
        self._rotate_at = rotate_at
        self._open()

    def append(self, line: bytes) -> None:
        """Write one line; OSError when the disk does not take it."""
        if self._rotate_at is not None and self._size + len(line) > self._rotate_at:
            os.replace(self.path, f"{self.path}.1")
            self.close()
            self._open()
        written = os.write(self._file, line)
        if written < len(line):
            os.ftruncate(self._file, self._size)
            raise OSError(errno.ENOSPC, "no space left for a row", str(self.path))
        self._size += written

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._file)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._size = os.fstat(self._file).st_size
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            # A crash of the machine can leave half a line; the next row must not be glued to it.
            self._size += os.write(self._file, b"\n")


@dataclass(slots=True)
class Stream:
    """The requests of one destination: those under way by arrival, and the file once one ended."""

    path: Path
    rotate_at: int | None
    under_way: dict[int, float] = field(default_factory=dict)
    file: RowFile | None = None
    spoke_at: float = float("-inf")

    def write(self, row: dict[str, object], at: float) -> None:
        """Append one object, at this moment (epoch seconds); OSError when the disk is full."""
        if self.file is None:
            self.file = RowFile(self.path, self.rotate_at)
        self.file.append(orjson.dumps(row) + b"\n")
        self.spoke_at = at


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request that arrived and whose row is still to come."""

    number: int
    arrived_at: float
    mirrored: bool
    stream: Stream


class Rows:
    """All rows of one server process."""

    def __init__(self, directory: Path, version: str, instance: str) -> None:
        self._directory = directory
        self._name = f"{version}-{instance}.jsonl"
        self._numbers = itertools.count()
        self._traffic = Stream(directory / "traffic" / self._name, ROTATE_AT)
        self._shadows: dict[tuple[str, bool], Stream] = {}

    def arrived(self, at: float, rollout: str | None, *, copy: bool, mirrored: bool) -> Ticket:
        """Note a request at its arrival (epoch seconds)."""
        stream = self._stream(rollout, copy)
        ticket = Ticket(next(self._numbers), at, mirrored, stream)
        stream.under_way[ticket.number] = at
        return ticket

    def announce(self, ticket: Ticket) -> None:
        """Say that a request is under way in a file that was silent; OSError when that failed.

        The line holds `open` alone. Without it a reader would pass over the place of a request
        that takes long, when no row of this file shows yet that it is there.
        """
        stream = ticket.stream
        if ticket.arrived_at - stream.spoke_at > QUIET:
            first = next(iter(stream.under_way.values()))
            stream.write({"open": round(first, 6)}, ticket.arrived_at)

    def answered(
        self,
        ticket: Ticket,
        now: float,
        *,
        request_id: str,
        status: int,
        seconds: float,
        prediction: float | str | None,
        segment: str | None,
    ) -> None:
        """Write the row of a request; OSError when that failed, which must not fail the answer.

        `open` is a promise to whoever joins the rows: all requests of this file that arrived
        before that moment have their row.
        """
        stream = ticket.stream
        stream.under_way.pop(ticket.number)
        row = {
            "id": request_id,
            "at": round(ticket.arrived_at, 6),
            "status": status,
            "ms": round(seconds * 1000, 3),
            "prediction": prediction,
            "segment": segment,
            "mirrored": ticket.mirrored,
            "open": round(next(iter(stream.under_way.values()), now), 6),
        }
        stream.write(row, now)

    def abandoned(self, ticket: Ticket) -> None:
        """Forget a request that got no answer; nothing happens when it has its row."""
        ticket.stream.under_way.pop(ticket.number, None)

    def close(self) -> None:
        """Give all descriptors back."""
        for stream in (self._traffic, *self._shadows.values()):
            _close(stream)

    def _stream(self, rollout: str | None, copy: bool) -> Stream:
        if rollout is None or not ROLLOUT_ID.fullmatch(rollout):
            return self._traffic
        key = (rollout, copy)
        if key not in self._shadows:
            self._drop_idle()
            side = "candidate" if copy else "baseline"
            path = self._directory / rollout / f"{side}-{self._name}"
            self._shadows[key] = Stream(path, None)
        return self._shadows[key]

    def _drop_idle(self) -> None:
        idle = [key for key, stream in self._shadows.items() if not stream.under_way]
        for key in idle[: max(0, len(self._shadows) - OPEN_FILES + 1)]:
            _close(self._shadows.pop(key))


def _close(stream: Stream) -> None:
    if stream.file is not None:
        stream.file.close()
        stream.file = None
