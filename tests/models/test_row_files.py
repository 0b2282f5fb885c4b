"""Rows of a server: whole lines in the right file, and a promise that holds."""

import os
import subprocess
from pathlib import Path

import orjson
import pytest
from model_parts import PYTHON

from models.past import baseline_p95
from models.rows import OPEN_FILES, RowFile, Rows, Ticket
from models.streams import RowFiles
from models.wrote import wrote


def answer(rows: Rows, ticket: Ticket, now: float, name: str = "a", ms: float = 1.0) -> None:
    """Write the row of a ticket."""
    rows.answered(
        ticket,
        now,
        request_id=name,
        status=200,
        seconds=ms / 1000,
        prediction=1.0,
        segment=None,
    )


@pytest.mark.parametrize(
    ("rollout", "copy", "path"),
    [
        (None, False, "traffic/v1-1.jsonl"),
        ("r-7", False, "r-7/baseline-v1-1.jsonl"),
        ("r-7", True, "r-7/candidate-v1-1.jsonl"),
        ("../../etc", False, "traffic/v1-1.jsonl"),
        ("..", True, "traffic/v1-1.jsonl"),
        ("", False, "traffic/v1-1.jsonl"),
        ("x" * 101, False, "traffic/v1-1.jsonl"),
    ],
)
def test_headers_say_which_file(tmp_path: Path, rollout: str | None, copy: bool, path: str) -> None:
    """A rollout's rows go to its folder; what is no rollout id never becomes a path."""
    rows = Rows(tmp_path / "records", "v1", "1")
    answer(rows, rows.arrived(1.0, rollout, copy=copy, mirrored=True), 1.001)

    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert written == [tmp_path / "records" / path]
    assert orjson.loads(written[0].read_bytes()) == {
        "id": "a",
        "at": 1.0,
        "status": 200,
        "ms": 1.0,
        "prediction": 1.0,
        "segment": None,
        "mirrored": True,
        "open": 1.001,
    }


def test_open_is_the_oldest_request_of_the_file_still_under_way(tmp_path: Path) -> None:
    """Others may be answered first; requests of other files do not matter."""
    rows = Rows(tmp_path, "v1", "1")
    tickets = [rows.arrived(at, "r", copy=False, mirrored=True) for at in (1.0, 2.0, 3.0)]
    rows.arrived(0.5, None, copy=False, mirrored=False)
    for number, now in ((1, 4.0), (0, 5.0), (2, 6.0)):
        answer(rows, tickets[number], now)

    lines = (tmp_path / "r" / "baseline-v1-1.jsonl").open("rb")
    assert [orjson.loads(line)["open"] for line in lines] == [1.0, 3.0, 6.0]


def test_a_request_that_ends_a_silence_is_announced(tmp_path: Path) -> None:
    """The first of a file, and the first after a quiet second; among others it is not."""
    rows = Rows(tmp_path, "v1", "1")
    first = rows.arrived(1.0, "r", copy=False, mirrored=True)
    rows.announce(first)
    rows.announce(rows.arrived(1.9, "r", copy=False, mirrored=True))
    answer(rows, first, 2.0)
    rows.announce(rows.arrived(3.1, "r", copy=False, mirrored=True))

    said = [orjson.loads(line) for line in (tmp_path / "r" / "baseline-v1-1.jsonl").open("rb")]
    assert [(line.get("id"), line["open"]) for line in said] == [
        (None, 1.0),
        ("a", 1.9),
        (None, 1.9),
    ]


def test_an_abandoned_request_no_longer_holds_the_promise_back(tmp_path: Path) -> None:
    """A request whose handling broke off gets no row, and nobody waits for it."""
    rows = Rows(tmp_path, "v1", "1")
    first, second = (rows.arrived(at, "r", copy=False, mirrored=True) for at in (1.0, 2.0))
    rows.abandoned(first)
    answer(rows, second, 3.0)
    rows.abandoned(second)

    line = (tmp_path / "r" / "baseline-v1-1.jsonl").read_bytes()
    assert orjson.loads(line)["open"] == 3.0


def test_few_files_stay_open_however_many_rollouts_there_were(tmp_path: Path) -> None:
    """Descriptors of finished shadows are given back; a rollout that goes on is appended to."""
    rows = Rows(tmp_path, "v1", "1")
    before = len(os.listdir("/proc/self/fd"))
    for number in [*range(30), 0]:
        answer(rows, rows.arrived(1.0, f"r{number}", copy=False, mirrored=True), 2.0)

    assert len(os.listdir("/proc/self/fd")) <= before + OPEN_FILES
    assert len((tmp_path / "r0" / "baseline-v1-1.jsonl").read_bytes().splitlines()) == 2
    rows.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_traffic_files_are_bounded(tmp_path: Path) -> None:
    """One older file is kept beside the one being written; nothing in between is lost."""
    file = RowFile(tmp_path / "rows.jsonl", rotate_at=100)
    for number in range(50):
        file.append(b"%018d\n" % number)

    older, newer = (tmp_path / name for name in ("rows.jsonl.1", "rows.jsonl"))
    numbers = [int(line) for path in (older, newer) for line in path.open()]
    assert numbers == list(range(50 - len(numbers), 50))
    assert older.stat().st_size <= 100
    assert sorted(os.listdir(tmp_path)) == ["rows.jsonl", "rows.jsonl.1"]


def test_half_a_line_of_a_crash_is_closed(tmp_path: Path) -> None:
    """The next row starts on a line of its own."""
    (tmp_path / "rows.jsonl").write_bytes(b'{"id": "x"}\n{"id": "y')
    RowFile(tmp_path / "rows.jsonl", None).append(b'{"id": "z"}\n')

    assert (tmp_path / "rows.jsonl").read_bytes() == b'{"id": "x"}\n{"id": "y\n{"id": "z"}\n'


def test_a_row_that_fits_in_part_is_taken_back(tmp_path: Path) -> None:
    """When the disk fills in the middle of a row: an error, and whole lines only."""
    code = """
import resource, sys
from pathlib import Path
from models.rows import RowFile
from models.streams import RowFiles
from models.wrote import wrote
resource.setrlimit(resource.RLIMIT_FSIZE, (25, 25))
file = RowFile(Path(sys.argv[1]), None)
for _ in range(5):
    try:
        file.append(b"0123456789\\n")
        print("kept")
    except OSError as error:
        print(type(error).__name__)
"""
    path = tmp_path / "rows.jsonl"
    argv = [str(PYTHON), "-c", code, str(path)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()

    assert said == ["kept", "kept", "OSError", "OSError", "OSError"]
    assert path.read_bytes() == b"0123456789\n" * 2


def past(folder: Path, name: str, latencies: list[float], status: int = 200) -> None:
    """A traffic file with these latencies, in this order of arrival."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"id": str(number), "at": float(number), "status": status, "ms": ms}
        for number, ms in enumerate(latencies)
    ]
    (folder / name).write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


@pytest.fixture
def traffic(tmp_path: Path) -> Path:
    """Where the servers of the component `price` write outside of shadows."""
    return tmp_path / "price" / "traffic"


def test_the_past_p95_is_that_of_the_last_good_answers(traffic: Path) -> None:
    """Errors do not count, nor what is older than the last 20,000; an older file is read too."""
    past(traffic, "v1-1.jsonl", [500.0] * 5_000 + [float(n % 100) for n in range(20_000)])
    past(traffic, "v1-2.jsonl.1", [900.0] * 1_000, status=500)
    past(traffic, "v2-1.jsonl", [700.0] * 9_000)
    with (traffic / "v1-1.jsonl").open("ab") as file:
        file.write(b'{"id": "half')

    assert baseline_p95(traffic, "v1") == 95.0


def test_a_version_whose_name_goes_on_is_another_one(traffic: Path) -> None:
    """A release is not held against the answers of its own candidates."""
    past(traffic, "v2.1.0-rc1-1.jsonl", [900.0] * 6_000)
    past(traffic, "v2.1.0-1.jsonl", [5.0] * 3_000)

    assert baseline_p95(traffic, "v2.1.0") is None
    assert RowFiles(traffic, "v2.1.0").read().height == 3_000


@pytest.mark.parametrize(
    ("name", "role", "version"),
    [
        ("price/traffic/v2.1.0-1.jsonl", "", "v2.1.0"),
        ("price/traffic/v2.1.0-rc1-2.jsonl.1", "", "v2.1.0-rc1"),
        ("price/traffic/v2.1.0-price.v2.1.0.7f9c5b.x2x9z.jsonl", "", "v2.1.0"),
        ("price/inputs/v2.1.0-rc1-price.v2.1.0.rc1.7f.x2x9z.jsonl", "", "v2.1.0-rc1"),
        ("price/r-1/baseline-v2.1.0-1.jsonl", "baseline", "v2.1.0"),
        ("price/r-1/candidate-v2.1.0-rc1-1.jsonl", "candidate", "v2.1.0-rc1"),
    ],
)
def test_the_name_of_a_file_says_who_wrote_it(name: str, role: str, version: str) -> None:
    """On the local site by numbers of servers, in a cluster by pods."""
    assert wrote(Path(name)) == (role, version)


@pytest.mark.parametrize("rows", [0, 4_999])
def test_too_little_past_is_no_past(traffic: Path, rows: int) -> None:
    """None, so that the judge freezes its own threshold."""
    if rows:
        past(traffic, "v1-1.jsonl", [1.0] * rows)

    assert baseline_p95(traffic, "v1") is None
