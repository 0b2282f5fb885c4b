"""Labels: taken in whole or not at all, and errors say which line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import BadLabels
from models.labels import Label, append_labels, parse_labels, read_labels

GOOD = '{"request_id": "a", "label": 1.5, "labelled_at": "2026-01-31T12:00:00Z"}'
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def line(**given: str) -> str:
    """A label in JSON with some values, as they stand there, replaced."""
    values = {"request_id": '"b"', "label": "1", "labelled_at": '"2026-01-31T12:00:00Z"'}
    inner = ", ".join(f'"{key}": {value}' for key, value in {**values, **given}.items() if value)
    return f"{{{inner}}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line(request_id=""), '"request_id" is missing'),
        (line(label=""), '"label" is missing'),
        (line(labelled_at=""), '"labelled_at" is missing'),
        (line(request_id="7"), '"request_id" must be a text'),
        (line(request_id='""'), '"request_id" must be a text'),
        (line(label="null"), '"label" must be a number or a text'),
        (line(label="true"), '"label" must be a number or a text'),
        (line(label='""'), '"label" must be a number or a text'),
        (line(label="[1]"), '"label" must be a number or a text'),
        (line(label="NaN"), "not JSON"),
        (line(label="1e999"), "not JSON|finite"),
        (line(labelled_at='"2026-01-31T12:00:00"'), "no time zone; add Z"),
        (line(labelled_at='"yesterday"'), "ISO 8601"),
        (line(labelled_at="1769860800"), "ISO 8601"),
        ("[]", "a label is an object"),
        ("{", "not JSON"),
        ("", "not JSON"),
        (GOOD, '"a" is also in line 1'),
    ],
)
def test_a_bad_line_refuses_the_whole_file(tmp_path: Path, text: str, message: str) -> None:
    """With its number and what would be right."""
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join([GOOD, text, line(request_id='"c"')]))

    with pytest.raises(BadLabels, match=f"line 2: .*{message}"):
        read_labels(file)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """Zero labels are a mistake of whoever made the file."""
    (tmp_path / "labels.jsonl").write_text("")

    with pytest.raises(BadLabels, match="holds no labels"):
        read_labels(tmp_path / "labels.jsonl")


@pytest.mark.parametrize(
    "moment", ["2026-01-31T12:00:00Z", "2026-01-31T14:00:00+02:00", "2026-01-31 12:00:00.000Z"]
)
def test_times_are_kept_in_utc(moment: str) -> None:
    """Whatever offset they were given with."""
    (label,) = parse_labels([{"request_id": "a", "label": "up", "labelled_at": moment}])

    assert label == Label("a", "up", AT)
    assert label.line() == (
        b'{"request_id":"a","label":"up","labelled_at":"2026-01-31T12:00:00.000000+00:00"}\n'
    )


def test_labels_are_appended_on_lines_of_their_own(tmp_path: Path) -> None:
    """Also after a batch that was torn by a full disk."""
    file = tmp_path / "records" / "labels.jsonl"
    append_labels(file, [Label("a", 1.0, AT)])
    with file.open("ab") as torn:
        torn.write(b'{"request_id":"b",')
    append_labels(file, [Label("c", 2.0, AT), Label("d", 3.0, AT)])

    starts = [text[:18] for text in file.read_text().splitlines()]
    assert starts == [f'{{"request_id":"{name}",' for name in "abcd"]


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    """Nobody is told that labels were kept when they were not."""
    (tmp_path / "labels.jsonl").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        append_labels(tmp_path / "labels.jsonl", [Label("a", 1.0, AT)])
