"""What `status` tells of each component of an open rollout, in at most 80 columns."""

from release_parts import BAD, OPEN, POLICY, Judged, running

from rollout.deploying import decide_release
from rollout.release import Side, StepCounts, StepLook
from rollout.release_text import progress_of, status
from rollout.state import Decision, Verb

LONG = "errors 0.00 % of 412, not proven below 1.00 %, and much more than fits into one line of 80"


def shown(look: Judged, actions: int, age: float = 0.4) -> list[str]:
    """The lines of a deploy of v2 after so many actions, whose last look is so old."""
    shop = running(look=look)
    rollout = shop.opened(Verb.RELEASE, "v2")
    shop.run(rollout, actions)
    facts = shop.facts(rollout)
    progress = progress_of(facts, decide_release(facts, POLICY))
    parts = [{"name": part["name"], "weights": part["weights"]} for part in progress["parts"]]
    entry = {
        "name": "shop", "version": "v1", "previous": None, "barred": None, "open": "deploy v2",
        "parts": parts, "progress": progress, "progress_age": age,
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


def test_a_component_that_is_done_says_so() -> None:
    """While the next one is at its steps."""
    asked = StepLook(Decision.CONTINUE, LONG, StepCounts(Side(1412, errors=3)))

    def look(component: str, share: int) -> StepLook:
        enough = StepLook(Decision.PROMOTE, "fine", StepCounts(Side(1000)))
        return asked if component == "orders" else enough

    lines = shown(look, 60)

    assert "    v2: done" in lines
    assert any(line.endswith(": 1,412 requests, 3 errors: CONTINUE") for line in lines)
    assert any(line.startswith("      errors 0.00 % of 412, not proven") for line in lines)


def test_an_undo_says_why() -> None:
    """The harm that was proven, above how to follow it."""
    lines = shown(lambda component, share: BAD, 6)

    assert any(line.startswith("  undone because ") and "errors 30 %" in line for line in lines)


def test_an_old_look_is_not_taken_for_a_new_one() -> None:
    """Where the process died, nobody is at it."""
    lines = shown(lambda component, share: OPEN, 4, age=200.0)

    assert "  last looked at 3 min ago: nobody is at it" in lines
