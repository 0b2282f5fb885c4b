"""The live view: 80 columns, no control codes, and everything a watcher needs."""

from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.live import line, lines, markdown, table

GATE = {
    "name": "errors-paired",
    "label": "errors",
    "now": "+0.1 pp (-0.2 to +0.4)",
    "harm": 0.1,
    "safe": 0.6,
    "outcome": "INCONCLUSIVE",
    "blocking": True,
}
PASSED = {
    **GATE,
    "name": "accuracy-absolute",
    "label": "accuracy >= 85 %",
    "now": "89.1 % (87.9 to 90.2)",
    "harm": -0.5,
    "safe": 1.0,
    "outcome": "PASS",
}
PROGRESS = {
    "at": "2026-01-05T12:00:00+00:00",
    "rollout": "r-1",
    "component": "price-predictor",
    "stable": "v2.0.0",
    "candidate": "v2.1.0",
    "phase": "SHADOW",
    "elapsed": 12.0,
    "max_seconds": 1800,
    "rate": 312.4,
    "mirrored": 1.0,
    "pairs": 3744,
    "coverage": 0.9991,
    "labels": 2981,
    "label_delay": 3.1,
    "labels_refused": 0,
    "looks": 12,
    "control": None,
    "gates": [GATE, PASSED, {**GATE, "label": "late errors", "blocking": False}],
    "decision": "CONTINUE",
    "reason": "undecided: errors-paired",
    "expected": [4.2, 9.1],
    "approval": None,
    "watch": None,
    "report": None,
    "finished": False,
}
WIDTH = 80
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=120)


def progress(**changes: Any) -> dict[str, Any]:
    """A shadow under way, changed."""
    return {**PROGRESS, **changes}


def test_a_shadow_under_way() -> None:
    """Who against whom, how much was seen, every gate with its bar, what to expect, what to do."""
    assert lines(progress()) == [
        "price-predictor   v2.0.0 champion  ->  v2.1.0   SHADOW   12 s of at most 30 min",
        "312 requests/s, all mirrored   3,744 pairs, 99.9 % answered",
        "2,981 labels, median delay 3 s",
        "",
        "gate                      now                           harm |-----+-----| safe",
        "errors                    +0.1 pp (-0.2 to +0.4)             |     +===  | open",
        "accuracy >= 85 %          89.1 % (87.9 to 90.2)              |     +=====| PASS",
        "late errors               +0.1 pp (-0.2 to +0.4)             |     +===  | open",
        "",
        "verdict expected in about 9 s",
        "Ctrl-C stops watching; the rollout goes on: pincex resume price-predictor",
    ]


STATES = {
    "no champion": ({"stable": None}, 0, "   no champion  ->  v2.1.0"),
    "a part is mirrored": ({"mirrored": 0.25}, 1, "25 % mirrored"),
    "nothing is mirrored": ({"mirrored": 0.0}, 1, "0 % mirrored"),
    "many requests": ({"rate": 12_345.6, "pairs": 1_000_000}, 1, "12,346 requests/s"),
    "no label yet": ({"labels": 0, "label_delay": None}, 2, "0 labels"),
    "labels older than their requests": (
        {"labels_refused": 1_200},
        2,
        "2,981 labels, median delay 3 s; 1,200 labels refused: too early or contradictory",
    ),
    "no forecast": ({"expected": None}, -2, "undecided: errors-paired"),
    "nothing known": ({"expected": None, "reason": ""}, -2, "no forecast yet"),
    "decided": ({"decision": "ROLLBACK", "reason": "errors"}, -2, "ROLLBACK: errors"),
    "not looked yet": ({"decision": None, "expected": None, "reason": ""}, -2, "no forecast yet"),
}


@pytest.mark.parametrize(("changes", "at", "said"), STATES.values(), ids=STATES.keys())
def test_what_a_line_says(changes: dict[str, Any], at: int, said: str) -> None:
    """Each state of a shadow has its words."""
    assert said in lines(progress(**changes))[at]


def test_before_the_first_pair_there_is_no_table() -> None:
    """No head without gates."""
    shown = lines(progress(gates=[]), following=False)

    assert [text[:4] for text in shown] == ["pric", "312 ", "2,98", "", "verd"]


NUMBERS = st.floats(0, 1e6)


@given(
    st.fixed_dictionaries(
        {
            "component": WORDS,
            "stable": st.none() | WORDS,
            "candidate": WORDS,
            "reason": WORDS,
            "elapsed": NUMBERS,
            "rate": NUMBERS,
            "mirrored": st.floats(0, 1),
            "coverage": st.floats(0, 1),
            "pairs": st.integers(0, 10**9),
            "label_delay": st.none() | NUMBERS,
            "expected": st.none() | st.lists(NUMBERS, min_size=1, max_size=5),
            "decision": st.sampled_from([None, "CONTINUE", "PROMOTE", "INCONCLUSIVE"]),
        }
    ),
    st.floats(-3, 3),
)
def test_it_always_fits_and_is_plain_text(changes: dict[str, Any], way: float) -> None:
    """Whatever the names and numbers: 80 columns, one line each, no control codes."""
    shown = lines(progress(**changes, gates=[{**GATE, "harm": way, "safe": -way}]))

    assert max(len(text) for text in shown) <= WIDTH
    assert not [letter for text in shown for letter in text if category(letter) == "Cc"]


def test_one_line_for_a_pipe() -> None:
    """Phase, time, pairs, and which blocking gates are open."""
    settled = progress(gates=[PASSED])

    assert line(progress()) == "SHADOW 12 s: 3,744 pairs; undecided: errors"
    assert line(settled) == "SHADOW 12 s: 3,744 pairs"


def test_the_page_in_prefect_has_the_same_gates() -> None:
    """A heading, the state, a row for every gate, and commands to paste."""
    page = markdown(progress())

    assert page.startswith("## price-predictor: v2.1.0 against v2.0.0\n")
    assert "**CONTINUE** undecided: errors-paired" in page
    assert "| accuracy >= 85 % | 89.1 % (87.9 to 90.2) |" in page
    assert "pincex model-status price-predictor" in page
    assert len([row for row in page.splitlines() if row.startswith("| ")]) == 4


def test_the_page_becomes_the_verdict() -> None:
    """Decided, it says so once and expects nothing more; a first version has no champion."""
    page = markdown(progress(decision="PROMOTE", reason="all proven", stable=None))

    assert page.count("PROMOTE") == 1
    assert "v2.1.0 against no champion" in page
    assert "expected" not in page


def test_the_page_links_the_report_once_there_is_one() -> None:
    """The path can be copied, too: a browser may refuse a link to a file."""
    assert "report of the verdict" not in markdown(progress())
    page = markdown(progress(decision="PROMOTE", report="/e/price-1/report.html"))
    assert "(file:///e/price-1/report.html) `/e/price-1/report.html`" in page


def test_the_table_in_prefect() -> None:
    """One row a gate: label, what is so, outcome."""
    assert table(progress())[1] == {
        "label": "accuracy >= 85 %",
        "now": "89.1 % (87.9 to 90.2)",
        "outcome": "PASS",
    }


def test_a_control_says_what_it_has_seen() -> None:
    """False alarms and offset stand where the undecided gates of a candidate would."""
    said = "0 false ROLLBACK in 2 windows of 30 min; mirror offset: latency +0.4 % (-1 to +2)"
    shown = progress(control=said, gates=[], candidate="v2.0.0-copy", reason=said)
    assert line(shown) == f"SHADOW 12 s: 3,744 pairs; {said}"
    assert any(
        text.startswith("0 false ROLLBACK in 2 windows")
        for text in lines({**shown, "expected": None})
    )
