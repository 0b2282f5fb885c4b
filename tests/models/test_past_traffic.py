"""Past traffic as a plan sees it."""

import json
from pathlib import Path

from models.past_traffic import past_traffic

AT = 1_780_000_000.0
LABELLED = {"late": "2026-05-28T20:26:42Z", "early": "2026-05-28T20:26:39Z"}


def test_labels_older_than_their_request_are_none(tmp_path: Path) -> None:
    """A shadow refuses them, so a plan must not count on them."""
    (tmp_path / "traffic").mkdir()
    rows = [{"id": one, "at": AT, "status": 200, "ms": 1.0, "prediction": "1"} for one in LABELLED]
    labels = [{"request_id": one, "label": "1", "labelled_at": at} for one, at in LABELLED.items()]
    for path, lines in (("traffic/v1.0.0-1.jsonl", rows), ("labels.jsonl", labels)):
        (tmp_path / path).write_text("".join(json.dumps(line) + "\n" for line in lines))

    seen = past_traffic(tmp_path, "v1.0.0")

    assert sorted(seen["label"].to_list(), key=str) == ["1", None]
    assert sorted(seen["delay"].drop_nulls().to_list()) == [2.0]
