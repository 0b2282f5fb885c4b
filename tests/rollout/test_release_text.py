"""A rollout of services as people read it, in at most 80 columns."""

from dataclasses import replace

import pytest
from release_parts import BAD, GOOD, OPEN, POLICY, Shop, running

from rollout.application import ReleaseStep
from rollout.deploying import decide_release
from rollout.facts import Enter
from rollout.live import line, lines, markdown, percent_done, table
from rollout.release_facts import (
    End,
    EndWatch,
    Judge,
    ReleaseAction,
    Retire,
    Run,
    Start,
    Take,
    Unobserve,
    Wait,
    Weigh,
)
from rollout.release_text import outcome, progress_of, status
from rollout.state import Decision, Ending, Phase, Revision, Verb
from rollout.status_text import told


def shown(shop: Shop, actions: int) -> tuple[list[str], str]:
    """The live view after so many actions of a deploy of v2."""
    rollout = shop.opened(Verb.RELEASE, "v2")
    shop.run(rollout, actions)
    facts = shop.facts(rollout)
    progress = progress_of(facts, decide_release(facts, POLICY), POLICY)
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


def test_the_page_in_prefect_says_the_same_of_every_component() -> None:
    """Its shares and its evidence; the bar counts a component by its share until it is done."""
    shop = running(look=lambda component, share: OPEN)
    rollout = shop.opened(Verb.RELEASE, "v2")
    shop.run(rollout, 4)
    facts = shop.facts(rollout)
    progress = progress_of(facts, decide_release(facts, POLICY), POLICY, " --namespace prod")
    page = markdown(progress)

    assert page.startswith("## shop: deploy v2, before it before")
    assert "**under way** after 4 s: 40 of 200 requests" in page
    assert "| prices | v1 95 %, v2 5 % | 40, 0 errors | 40 of 200 requests | now |" in page
    assert "`pincex rollback --namespace prod`" in page
    assert [row["state"] for row in table(progress)] == ["now", "to come", "to come"]
    assert percent_done(progress) == 5 / 3


def test_the_page_of_an_undo_says_why() -> None:
    """In the place of what is going on, which the terminal leaves out, too."""
    shop = running(look=lambda component, share: BAD if share else GOOD)
    rollout = shop.opened(Verb.RELEASE, "v2")
    shop.run(rollout, 5)
    facts = shop.facts(rollout)
    progress = progress_of(facts, decide_release(facts, POLICY), POLICY)

    assert "undone because errors 30 %" in markdown(progress)
    assert progress["decision"] == "ROLLBACK"


def test_the_last_page_says_what_each_component_was_judged_by() -> None:
    """Nobody looks at a version any more that serves; what its last step came to stays."""
    shop = running()
    rollout = shop.opened(Verb.RELEASE, "v2")
    shop.run(rollout)
    facts = shop.facts(rollout)
    told = {"look": None, "judged": "200 requests, 0 errors", "watch_ended": "watched for 2 s"}
    judged = [replace(one, **told) for one in facts.standings]
    progress = progress_of(replace(facts, standings=judged), None, POLICY)

    said = "200 requests, 0 errors; watched for 2 s"
    assert [row["evidence"] for row in table(progress)] == [said] * 3
    assert markdown(progress).count(f"| {said} | done |") == 3


V2 = Revision("v2", "m2")
DONE_NOW: dict[str, tuple[ReleaseAction, str]] = {
    "start": (Start("prices", V2), "the servers of v2 start"),
    "release step": (
        Run("prices", V2, ReleaseStep("migrate", ("true",), True, 1.0)),
        "migrate runs",
    ),
    "weights": (Weigh("prices", {"v1": 80, "v2": 20}, True), "requests move: v1 80 %, v2 20 %"),
    "unobserved": (Unobserve("prices"), "its answers are noted no more"),
    "verdict": (Judge("prices", Decision.PROMOTE, "0 errors"), "0 errors"),
    "taken": (Take("prices", V2, False), "v2 takes over"),
    "retired": (Retire("prices", "v1"), "the servers of v1 end"),
    "watch": (EndWatch("prices", "watched for 2 s"), "watched for 2 s"),
    "wait": (Wait("prices", 1.0, "40 of 200 requests"), "40 of 200 requests"),
    "phase": (Enter(Phase.WATCHING), "the rollout is WATCHING from now on"),
    "end": (End(Ending.PROMOTED, "v2 serves everywhere"), "v2 serves everywhere"),
}


@pytest.mark.parametrize(("action", "said"), DONE_NOW.values(), ids=DONE_NOW)
def test_whatever_is_done_is_said_in_words(action: ReleaseAction, said: str) -> None:
    """No step is a name of the code, and none is an empty line."""
    shop = running()
    facts = shop.facts(shop.opened(Verb.RELEASE, "v2"))

    assert progress_of(facts, action, POLICY)["reason"] == said


def test_an_undo_says_why() -> None:
    """The reason stays on the screen while traffic moves back."""
    view, _ = shown(running(look=lambda component, share: BAD if share else GOOD), 5)

    assert "undone because errors 30 %" in view


def test_the_end_says_what_serves_and_what_to_do_next() -> None:
    """In this order: what, why, next."""
    report = {
        "application": "shop", "version": "v2", "before": "v1", "verb": "deploy",
        "phase": "DONE", "ending": "PROMOTED", "reason": "v2 serves everywhere",
        "serves": "v2", "barred": None, "watch_seconds": None,
    }  # fmt: skip

    assert outcome(report).splitlines() == [
        "shop v2: PROMOTED",
        "v2 serves everywhere",
        "v2 takes all requests; back: pincex rollback",
    ]
    undone = {
        **report, "ending": "ROLLED_BACK", "reason": "orders: errors 30 %", "serves": "v1",
    }  # fmt: skip
    assert outcome(undone).splitlines()[1:] == [
        "orders: errors 30 %",
        "v1 serves; pincex history has every step",
    ]


def test_status_names_the_release_its_components_and_the_way_back() -> None:
    """And, where a rollout is open, how to follow it."""
    part = {"name": "orders", "weights": {"v2": 100}}
    entry = {"name": "shop", "version": "v2", "previous": "v1", "open": None, "parts": [part]}
    entry |= {"barred": None, "watch": None}

    assert status([entry]) == [
        "shop   v2",
        "  orders         v2 100 %",
        "  previous   v1   pincex rollback returns to it",
    ]
    assert status([{**entry, "open": "deploy v3"}])[-2:] == [
        "  deploy v3",
        "  follow it: pincex resume shop",
    ]
    watch = {"seconds": 600.0, "left": 240.0}
    assert status([{**entry, "version": "v2", "open": "deploy v3", "watch": watch}])[-2] == (
        "  4 min left of 10 min; a trigger returns to v2 by itself"
    )


def test_what_does_not_fit_ends_at_a_word() -> None:
    """In 80 columns, but for what can be pasted."""
    shop = running(look=lambda component, share: replace(OPEN, reason="evidence " * 20))
    view, _ = shown(shop, 4)
    cut = [line for line in view if line.endswith(" ...")]

    assert cut
    assert max(map(len, view)) <= 80
    assert all(line.split()[-2] == "evidence" for line in cut)


def test_where_no_way_leads_back_none_is_offered() -> None:
    """A last release step was begun: what serves stays, whatever came of the step."""
    why = "orders v2 began its release step shrink"
    report = {
        "application": "shop", "version": "v2", "before": "v1", "verb": "deploy",
        "phase": "ROLLED_BACK", "ending": "INCONCLUSIVE", "serves": "v2", "barred": why,
        "watch_seconds": None,
        "reason": "v2 serves, but release step shrink of orders v2 failed: exit code 1",
    }  # fmt: skip
    entry = {"name": "shop", "version": "v2", "previous": "v1", "open": None, "parts": []}

    assert outcome(report).splitlines()[2:] == [
        "v2 serves; pincex history has every step",
        f"no way back: {why}",
    ]
    assert outcome({**report, "ending": "PROMOTED"}).splitlines()[2:] == [
        "v2 takes all requests",
        f"no way back: {why}",
    ]
    assert status([{**entry, "barred": why}])[-1] == f"  previous   v1, no way back: {why}"


def test_history_tells_a_step_from_its_beginning_on() -> None:
    """With the component, its version and, where it is so, that nothing leads back."""
    data = {"component": "orders", "of": {"version": "v2", "digest": "d"}, "step": "shrink"}
    begun = {"kind": "release-step-begun", "data": {**data, "reversible": False}}

    assert told(begun) == "orders: release step shrink of v2 begun, no way back from here"
    assert told({"kind": "release-step-ran", "data": data}) == (
        "orders: release step shrink of v2 done"
    )
