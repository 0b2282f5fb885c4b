"""What `status` tells of each component of an open rollout, in at most 80 columns."""

from release_parts import BAD, OPEN, POLICY, Judged, running

from rollout.deploying import decide_release
from rollout.release import Side, StepCounts, StepLook
from rollout.release_text import progress_of, status
from rollout.state import Decision, Verb
from rollout.step_text import of_shadow

LONG = "errors 0.00 % of 412, not proven below 1.00 %, and much more than fits into one line of 80"


def shown(look: Judged, actions: int, age: float = 0.4, *, held: bool = True) -> list[str]:
    """The lines of a deploy of v2 after so many actions, whose last look is so old."""
    shop = running(look=look)
    rollout = shop.opened(Verb.RELEASE, "v2")
    shop.run(rollout, actions)
    facts = shop.facts(rollout)
    progress = progress_of(facts, decide_release(facts, POLICY), POLICY)
    parts = [{"name": part["name"], "weights": part["weights"]} for part in progress["parts"]]
    entry = {
        "name": "shop", "version": "v1", "previous": None, "barred": None, "open": "deploy v2",
        "parts": parts, "progress": progress, "progress_age": age, "held": held, "watch": None,
    }  # fmt: skip
    lines = status([entry])
    assert max(map(len, lines)) <= 80
    return lines


def test_the_step_under_way_has_its_requests_its_errors_and_its_reason() -> None:
    """Those behind it have their turn later."""
    lines = shown(lambda component, share: OPEN, 4)

    assert lines[1:4] == [
        "  prices         v1 95 %, v2 5 %",
        "    at 5 %: 40 requests, 0 errors: CONTINUE",
        "      40 of 200 requests",
    ]
    assert lines.count("    v2: has its turn later") == 2
    assert lines[-2:] == ["  deploy v2", "  follow it: pincex resume shop"]


def test_a_component_that_took_over_says_that_it_is_watched() -> None:
    """While the next one is at its steps."""
    asked = StepLook(Decision.CONTINUE, LONG, StepCounts(Side(1412, errors=3)))

    def look(component: str, share: int) -> StepLook:
        enough = StepLook(Decision.PROMOTE, "fine", StepCounts(Side(1000)))
        return asked if component == "orders" else enough

    lines = shown(look, 60)

    assert "    v2: watched" in lines
    assert any(line.endswith(": 1,412 requests, 3 errors: CONTINUE") for line in lines)
    assert any(line.startswith("      errors 0.00 % of 412, not proven") for line in lines)


def test_an_undo_says_why() -> None:
    """The harm that was proven, above how to follow it."""
    lines = shown(lambda component, share: BAD, 6)

    assert any(line.startswith("  undone because ") and "errors 30 %" in line for line in lines)


def test_an_old_look_is_not_taken_for_a_new_one() -> None:
    """A release step may last minutes; where nobody holds the lock, the process died."""
    old = shown(lambda component, share: OPEN, 4, age=200.0)
    left = shown(lambda component, share: OPEN, 4, age=200.0, held=False)

    assert "  the last look was 3 min ago" in old
    assert "  nobody is at it" in left


def test_a_shadow_says_how_many_pairs_it_has_and_what_is_open() -> None:
    """Harm first; gates that block nothing are told of where they are harmed only."""
    gates = [
        {"label": "errors", "outcome": "INCONCLUSIVE", "blocking": True},
        {"label": "p95 < 100 ms", "outcome": "FAIL", "blocking": False},
        {"label": "accuracy >= 85 %", "outcome": "PASS", "blocking": True},
        {"label": "loss", "outcome": "INCONCLUSIVE", "blocking": False},
    ]

    assert of_shadow({"pairs": 3921, "gates": gates}) == [
        "             3,921 pairs; harm: p95 < 100 ms; undecided: errors"
    ]
    assert of_shadow({"pairs": 0, "gates": []}) == of_shadow(None) == []
