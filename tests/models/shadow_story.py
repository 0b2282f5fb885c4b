"""A made-up shadow whose truth is known: requests with fates, and who writes what when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path

import orjson
from hypothesis import strategies as st

from models.rows import QUIET

START = 1_700_000_000.0
TIMEOUT = 5.0
ROLLOUT = "price-predictor-7"
FLUSH = 0.5


@dataclass(frozen=True)
class Request:
    """One request: seconds after the start, fates, and how long each side took."""

    number: int
    at: float
    mirrored: bool
    baseline_seconds: float
    instance: int
    fate: str
    candidate_seconds: float
    label_after: float | None

    @property
    def id(self) -> str:
        return f"r-{self.number}"

    @property
    def outcome(self) -> str:
        """What the table must say of its copy."""
        if self.fate == "answered":
            return "answered" if self.candidate_seconds <= TIMEOUT else "timeout"
        return {"cut off": "timeout", "overflow": "not_sent"}.get(self.fate, "not_sent")


@dataclass
class Story:
    """Requests in order of arrival, and the lines they leave behind in order of writing."""

    requests: list[Request]
    lines: list[tuple[float, str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for request in self.requests:
            self._copy(request)
            self._label(request)
        for instance in (1, 2):
            self._baseline([r for r in self.requests if r.instance == instance], instance)
        self.lines.sort(key=lambda line: line[0])

    @property
    def chosen(self) -> list[Request]:
        """The requests that were mirrored, in order of arrival."""
        return [request for request in self.requests if request.mirrored]

    def _baseline(self, requests: list[Request], instance: int) -> None:
        """One server's rows, and the announcements of requests that end a silence."""
        name = f"{ROLLOUT}/baseline-v1-{instance}.jsonl"
        ends = [(r.at + r.baseline_seconds, r) for r in requests]
        spoke_at = float("-inf")
        for moment, request in sorted([*ends, *((r.at, r) for r in requests)], key=itemgetter(0)):
            first = min((r.at for end, r in ends if r.at <= moment < end), default=moment)
            row: dict[str, object] = {"open": START + first}
            if moment != request.at:
                row = self._answer(request) | row
            elif moment - spoke_at <= QUIET:
                continue
            self._write(moment, name, row)
            spoke_at = moment

    def _answer(self, request: Request) -> dict[str, object]:
        return {
            "id": request.id,
            "at": START + request.at,
            "status": 200,
            "ms": request.baseline_seconds * 1000,
            "prediction": float(request.number),
            "segment": None,
            "mirrored": request.mirrored,
        }

    def _copy(self, request: Request) -> None:
        if not request.mirrored:
            return
        status, flags, end = 0, "UT", request.at + TIMEOUT
        if request.fate == "answered":
            end = request.at + request.candidate_seconds
            row = {
                "id": request.id,
                "at": START + request.at,
                "status": 200,
                "ms": request.candidate_seconds * 1000,
                "prediction": request.number + 0.5,
                "segment": None,
                "mirrored": True,
                "open": START + end,
            }
            self._write(end, f"{ROLLOUT}/candidate-v2-1.jsonl", row)
            if request.candidate_seconds <= TIMEOUT:
                status, flags = 200, "-"
            end = min(end, request.at + TIMEOUT)
        elif request.fate == "overflow":
            status, flags, end = 503, "UO", request.at
        if request.fate != "no trace":
            row = {"id": request.id, "cluster": "c", "status": status, "flags": flags}
            self._write(end + FLUSH, "upstream.jsonl", {**row, "at": "1", "rollout": ROLLOUT})

    def _label(self, request: Request) -> None:
        if request.label_after is not None:
            at = request.at + request.baseline_seconds + request.label_after
            moment = datetime.fromtimestamp(START + at, UTC).isoformat()
            row = {"request_id": request.id, "label": request.number + 0.25, "labelled_at": moment}
            self._write(at, "labels.jsonl", row)

    def _write(self, at: float, name: str, row: dict[str, object]) -> None:
        self.lines.append((at, name, orjson.dumps(row) + b"\n"))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any mixture of fates, latencies and gaps."""
    seconds = st.sampled_from([0.001, 0.002, 0.15, 0.9, 4.5])
    requests, at = [], 0.0
    for number in range(draw(st.integers(0, 12))):
        at += draw(st.sampled_from([0.0005, 0.003, 0.2, 2.0, 9.0]))
        requests.append(
            Request(
                number=number,
                at=round(at, 6),
                mirrored=draw(st.sampled_from([True, True, True, False])),
                baseline_seconds=draw(seconds),
                instance=draw(st.sampled_from([1, 2])),
                fate=draw(st.sampled_from(["answered"] * 4 + ["cut off", "overflow", "no trace"])),
                candidate_seconds=draw(st.sampled_from([0.001, 0.15, 4.9, 5.4, 7.0])),
                label_after=draw(st.sampled_from([None, 0.1, 2.5, 30.0])),
            )
        )
    return Story(requests)


def play(
    story: Story, home: Path, looks: list[float], split: Callable[[bytes], int]
) -> Iterator[datetime]:
    """Write the lines up to each look (seconds after the start), the last one only in part."""
    (home / ROLLOUT).mkdir(parents=True, exist_ok=True)
    lines = iter([*story.lines, (float("inf"), "", b"")])
    due = next(lines)
    for look in sorted(looks):
        while due[0] <= look:
            with (home / due[1]).open("ab") as file:
                file.write(due[2])
            due = next(lines)
        half = due[2][: split(due[2])]
        if half:
            with (home / due[1]).open("ab") as file:
                file.write(half)
            due = (due[0], due[1], due[2][len(half) :])
        yield datetime.fromtimestamp(START, UTC) + timedelta(seconds=look)
