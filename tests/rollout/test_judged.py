"""A verdict as text: what is so, why, every gate, and which revisions were compared."""

from typing import Any

import pytest

from rollout.judged import text_of

GATE = {
    "outcome": "PASS",
    "name": "p95-limit",
    "segment": None,
    "blocking": True,
    "reason": "0.3 % over 100 ms",
}
VERDICT = {
    "verdict": "INCONCLUSIVE",
    "decision": "INCONCLUSIVE",
    "reason": "undecided: errors-paired",
    "pairs": 12_345,
    "coverage": 0.99912,
    "looks": "every pair",
    "gates": [
        GATE,
        {**GATE, "outcome": "INCONCLUSIVE", "name": "errors-absolute", "blocking": False},
    ],
    "revisions": {"component": "price", "region": "", "baseline_revision": "v1", "x": None},
}


def test_a_verdict_from_top_to_bottom() -> None:
    """The outcome first, then the sample, the gates with their reasons, the revisions."""
    assert text_of(VERDICT).splitlines() == [
        "INCONCLUSIVE (INCONCLUSIVE): undecided: errors-paired",
        "12,345 pairs, 99.9 % answered, every pair",
        "",
        "PASS          p95-limit: 0.3 % over 100 ms",
        "INCONCLUSIVE  errors-absolute (advisory): 0.3 % over 100 ms",
        "",
        "revisions: component price, baseline_revision v1",
    ]


REVISIONS: dict[str, tuple[Any, str]] = {
    "unknown": ("unknown", "revisions: unknown"),
    "nothing named": ({"component": ""}, "revisions: unknown"),
    "none": (None, "revisions: unknown"),
}


@pytest.mark.parametrize(("revisions", "said"), REVISIONS.values(), ids=REVISIONS.keys())
def test_unknown_revisions_are_said(revisions: Any, said: str) -> None:
    """A file without metadata cannot be promoted on, so it is told."""
    assert text_of({**VERDICT, "revisions": revisions}).endswith(said)


def test_unknown_coverage_is_said() -> None:
    """Nothing was answered or sent: no share is made up."""
    assert "coverage unknown" in text_of({**VERDICT, "coverage": None})


def test_segments_are_counted_and_only_the_harmed_are_shown() -> None:
    """Forty certified segments are one line; one that is harmed is a line of its own."""
    certified = {**GATE, "name": "errors-paired", "segment": "spot"}
    harmed = {**certified, "outcome": "FAIL", "segment": "swap", "reason": "segment swap: errors"}

    text = text_of({**VERDICT, "gates": [GATE, certified, harmed]})

    assert "FAIL          errors-paired: segment swap: errors" in text
    assert "spot" not in text
    assert "segments certified: errors-paired 1 of 2" in text
