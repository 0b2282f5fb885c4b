"""A rollout of services as people read it, in at most 80 columns."""

from release_parts import BAD, GOOD, OPEN, POLICY, Shop, running

from rollout.deploying import decide_release
from rollout.live import line, lines
from rollout.release_text import outcome, progress_of, status
from rollout.state import Verb


def shown(shop: Shop, actions: int) -> tuple[list[str], str]:
    """The live view after so many actions of a deploy of v2."""
    rollout = shop.opened(Verb.RELEASE, "v2")
    shop.run(rollout, actions)
    facts = shop.facts(rollout)
    progress = progress_of(facts, decide_release(facts, POLICY))
    return lines(progress), line(progress)


def test_a_step_under_way_says_where_it_stands_and_what_is_missing() -> None:
    """The component, its shares, and why it does not go on."""
    view, said = shown(running(look=lambda component, share: OPEN), 4)

    assert view[0].startswith("shop   before  ->  v2   deploy")
    assert any("prices" in told and "v1 95 %, v2 5 %" in told for told in view)
    assert "40 of 200 requests" in view[-2]
    assert view[-1] == "Ctrl-C stops watching; it goes on: pincex resume shop"
    assert said == "deploy v2: prices 5 %: 40 of 200 requests"
    assert max(map(len, view)) <= 80


def test_an_undo_says_why() -> None:
    """The reason stays on the screen while traffic moves back."""
    view, _ = shown(running(look=lambda component, share: BAD if share else GOOD), 5)

    assert "undone because errors 30 %" in view


def test_the_end_says_what_serves_and_what_to_do_next() -> None:
    """In this order: what, why, next."""
    report = {
        "application": "shop", "version": "v2", "before": "v1", "verb": "deploy",
        "phase": "DONE", "ending": "PROMOTED", "reason": "v2 serves everywhere",
    }  # fmt: skip

    assert outcome(report).splitlines() == [
        "shop v2: PROMOTED",
        "v2 serves everywhere",
        "v2 takes all requests; back: pincex rollback",
    ]
    undone = {**report, "ending": "ROLLED_BACK", "reason": "orders: errors 30 %"}
    assert outcome(undone).splitlines()[1:] == [
        "orders: errors 30 %",
        "v1 serves; pincex history has every step",
    ]


def test_status_names_the_release_its_components_and_the_way_back() -> None:
    """And, where a rollout is open, how to follow it."""
    part = {"name": "orders", "weights": {"v2": 100}}
    entry = {"name": "shop", "version": "v2", "previous": "v1", "open": None, "parts": [part]}

    assert status([entry]) == [
        "shop   v2",
        "  orders         v2 100 %",
        "  previous   v1   pincex rollback returns to it",
    ]
    assert status([{**entry, "open": "deploy v3"}])[-1] == (
        "  deploy v3: pincex resume shop follows it"
    )
