"""What was written between two moments: every version, each source, and how far back it goes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from models.inputs import EVERY, Inputs, past_inputs
from models.period import read_period
from models.signature import Feature

FEATURES = (Feature("a", "double"), Feature("kind", "string"))


def write(path: Path, *lines: dict[str, Any]) -> None:
    """Append lines to a file of records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(orjson.dumps(line) + b"\n" for line in lines)


def row(name: str, at: float, prediction: object = 1.5) -> dict[str, Any]:
    """A request as a server writes it."""
    return {"id": name, "at": at, "status": 200, "ms": 2.0, "prediction": prediction}


def label(name: str, value: object, at: float) -> dict[str, Any]:
    """A label as it is kept."""
    told = datetime.fromtimestamp(at, UTC).isoformat()
    return {"request_id": name, "label": value, "labelled_at": told}


def test_rows_of_all_sources_in_the_window(tmp_path: Path) -> None:
    """Traffic, rotated traffic and baselines of shadows count; copies and other times do not."""
    write(tmp_path / "traffic/v1.0.0-1.jsonl.1", row("early", 50), row("a", 100))
    write(tmp_path / "traffic/v1.0.0-1.jsonl", row("b", 110), row("late", 200))
    write(tmp_path / "traffic/v2.0.0-rc.1-2.jsonl", row("c", 120))
    write(tmp_path / "r-1/baseline-v1.0.0-1.jsonl", row("d", 130))
    write(tmp_path / "r-1/candidate-v2.0.0-1.jsonl", row("copy", 130))
    write(tmp_path / "labels.jsonl", label("b", 2.5, 115), label("b", 9, 116), label("x", 1, 117))

    period = read_period(tmp_path, 100, 200)

    assert period.rows.select("id", "version").rows() == [
        ("a", "v1.0.0"),
        ("b", "v1.0.0"),
        ("c", "v2.0.0-rc.1"),
        ("d", "v1.0.0"),
    ]
    assert period.rows["label"].to_list() == [None, 2.5, None, None]
    assert (period.numbers, period.reach, period.damaged) == (True, 50, 0)


def test_announcements_are_no_damage(tmp_path: Path) -> None:
    """A server says now and then since when none of its requests is open; half a line is damage."""
    opened = {"open": 100.5}
    write(tmp_path / "traffic/v1.0.0-1.jsonl.1", {"open": 90.0}, row("old", 95))
    write(tmp_path / "traffic/v1.0.0-1.jsonl", row("a", 100), opened, {"id": "b", "at": 101})

    period = read_period(tmp_path, 100, 200)

    assert period.rows["id"].to_list() == ["a"]
    assert (period.damaged, period.reach) == (1, 90.0)


def test_nothing_recorded(tmp_path: Path) -> None:
    """No folder, no file: an empty table with all its columns."""
    period = read_period(tmp_path, 0, 1)
    assert period.rows.height == 0
    assert {"label", "labelled_at", "version"} <= set(period.rows.columns)
    assert period.reach is None


def test_texts_stay_texts_and_damage_is_counted(tmp_path: Path) -> None:
    """One prediction that is no number makes all of them texts; a bad line is left out."""
    file = tmp_path / "traffic/v1.0.0-1.jsonl"
    write(file, row("a", 1, "7"), row("b", 2, "up"))
    with file.open("ab") as more:
        more.write(b"not json\n")
    write(tmp_path / "labels.jsonl", label("b", "up", 3))

    period = read_period(tmp_path, 0, 10)

    assert not period.numbers
    assert period.rows["prediction"].to_list() == ["7", "up"]
    assert period.rows["label"].to_list() == [None, "up"]
    assert period.rows.schema["label"] == pl.String
    assert period.damaged == 1


def test_one_request_a_second_is_kept(tmp_path: Path) -> None:
    """By the clock, not by the number of requests; what is read back is what was asked."""
    inputs = Inputs(tmp_path, "v1.0.0", "1")
    Inputs(tmp_path, "v1.0.0-rc.1", "1").offer(101, FEATURES, [9.0, "y"])
    for n in range(30):
        inputs.offer(100 + n * EVERY / 10, FEATURES, [float(n), "x"])

    kept = list(past_inputs(tmp_path, "v1.0.0", 0, 1e9))

    assert [at for at, _ in kept] == [100.0, 101.0, 102.0]
    assert kept[1][1] == {"a": 10.0, "kind": "x"}
    assert list(past_inputs(tmp_path, "v1.0.0", 101, 102)) == kept[1:2]
    assert list(past_inputs(tmp_path, "v2.0.0", 0, 1e9)) == []


@pytest.mark.parametrize("cut", [b'{"at": 1', b"\xff\n"], ids=["half a line", "no text"])
def test_half_a_line_of_inputs_is_left_out(tmp_path: Path, cut: bytes) -> None:
    """A server may be at it while the report reads."""
    Inputs(tmp_path, "v1.0.0", "1").offer(100, FEATURES, [1.0, "x"])
    with (tmp_path / "inputs/v1.0.0-1.jsonl").open("ab") as file:
        file.write(cut)

    assert len(list(past_inputs(tmp_path, "v1.0.0", 0, 1e9))) == 1
