"""What a followed rollout came to, in words for a terminal."""

from typing import Any

import pytest

from cluster.errors import LockHeld, NotWritable
from flows.command import _text
from flows.refusal import from_room

ENDED = {
    "model": "price",
    "version": "v2.0.0",
    "champion": "v1.0.0",
    "phase": "DONE",
    "ending": "PROMOTED",
    "decision": "PROMOTE",
    "reason": "proven",
    "pairs": 15_303,
    "seconds": 41.0,
    "watch_seconds": None,
    "evidence": None,
    "approval": None,
    "evidence_digest": None,
}
TIDIED = {"aliases": {}, "reports": {"owed": 0, "missing": []}}
WORDS = {
    "a promotion": (
        ENDED,
        "price v2.0.0: PROMOTE after 15,303 pairs, 41 s\nproven\n"
        "v2.0.0 takes all traffic; back: pincex rollback-model price",
    ),
    "a first version, which has no way back": (
        ENDED | {"champion": None, "pairs": 0},
        "price v2.0.0: PROMOTE, 41 s\nproven\nv2.0.0 takes all traffic",
    ),
    "a PASS that was kept, for which nobody waited": (
        ENDED | {"seconds": 0.0262},
        "price v2.0.0: PROMOTE after 15,303 pairs\nproven\n"
        "v2.0.0 takes all traffic; back: pincex rollback-model price",
    ),
    "a rollback that was gone on with": (
        {"model": "price", "to": "v1.0.0", "done": "v1.0.0 serves; aliases done", **TIDIED},
        "price: v1.0.0 takes all traffic; v1.0.0 serves; aliases done",
    ),
    "moves and reports that were owed": (
        {"aliases": {"price": "done"}, "reports": {"owed": 2, "missing": ["one is late"]}},
        "price: aliases done\n1 of 2 reports handed to MLflow\none is late",
    ),
}


@pytest.mark.parametrize(("outcome", "text"), WORDS.values(), ids=WORDS.keys())
def test_an_outcome_is_told_in_words(outcome: dict[str, Any], text: str) -> None:
    """Never as the object that --json prints."""
    assert _text(outcome, "") == text


def test_a_held_lock_changed_nothing() -> None:
    """It is asked for before anything is done; of other failures only status can tell."""
    assert from_room(LockHeld("held")).changed == "Nothing was changed."
    assert from_room(NotWritable("full")).changed == "pincex status shows what is so."
