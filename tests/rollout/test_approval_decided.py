"""A promotion that waits for a person: what is decided, recorded and said."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_parts import NOW, V1, V2, V3, Row, facts, judged, opened, phase, verdict
from shadow_cases import LOOK, ONLY_V1, V2_READY
from test_decide_always import any_facts, gains

from rollout import approval_text
from rollout.decide import LOOK_EVERY, asked_until, decide
from rollout.facts import (
    Action,
    Ask,
    BeginWatch,
    Conclude,
    Enter,
    Facts,
    Finish,
    Hold,
    Lapse,
    Promote,
    RollBack,
    Shift,
)
from rollout.history import fold
from rollout.live import line, lines, markdown
from rollout.policy import default_policy_text, parse
from rollout.state import Answer, Approval, Decision, Ending, Phase, Rollout, Verb
from rollout.status_text import site
from rollout.words import clock

POLICY = parse("[rollout.approval]\nrequired = true")
ASKED = Approval("ann", NOW - timedelta(minutes=5), NOW + timedelta(minutes=55), "e" * 64)
YES = Answer(True, "bob", "Prefect", "all gates", NOW - timedelta(seconds=3))
NO = Answer(False, "bob", "the terminal", "not on Fridays", NOW - timedelta(seconds=3))
PASS = judged(Decision.PROMOTE)
SINCE = judged(Decision.PROMOTE, age=1.0)
WAITING = Hold(1.0, f"waiting for approval until {clock(ASKED.until)}")
NOBODY = "nobody approved it within 60 min"
OVER = timedelta(minutes=55, seconds=2)


def asked(of: Any = None, approval: Approval | None = ASKED, **changes: Any) -> Facts:
    """A shadow with its PASS whose promotion asked five minutes ago, changed."""
    rollout = {"judged": PASS, "approval": approval, **(of or {})}
    return facts(rollout, **{"look": None, **changes})


def approved(of: Any = None, **changes: Any) -> Facts:
    """The same, approved three seconds ago."""
    return asked(of, replace(ASKED, answer=YES), **changes)


def seen(decision: Decision) -> dict[str, Any]:
    """What the shadow says by now."""
    return {"look": replace(LOOK, decision=decision)}


def undone(reason: str, ending: Ending) -> RollBack:
    """The candidate is taken out; the champion serves on."""
    return RollBack(V1, reason, ending)


UNPROVEN = "not proven on everything seen so far: undecided: errors-paired"
SHADOW = {
    "nobody answered yet": (asked(), WAITING),
    "in the last moment": (asked(now=ASKED.until + timedelta(seconds=1.9)), replace(WAITING)),
    "nobody answered in time": (asked(now=NOW + OVER), Lapse(NOBODY)),
    "given up": (
        asked(approval=replace(ASKED, lapsed=NOBODY)),
        Finish(None, "waiting for promote-model"),
    ),
    "refused": (
        asked(approval=replace(ASKED, answer=NO)),
        undone("bob refused it: not on Fridays", Ending.REFUSED),
    ),
    "refused without a reason": (
        asked(approval=replace(ASKED, answer=replace(NO, reason=""))),
        undone("bob refused it: no reason given", Ending.REFUSED),
    ),
    "the PASS grew too old": (
        asked({"judged": judged(Decision.PROMOTE, age=86_401)}),
        undone("the PASS is older than evidence_max_age allows", Ending.EXPIRED),
    ),
    "approved, but the PASS grew too old": (
        approved({"judged": judged(Decision.PROMOTE, age=86_401)}),
        undone("the PASS is older than evidence_max_age allows", Ending.EXPIRED),
    ),
    "approved, but another champion serves": (
        approved(champion=V3),
        RollBack(
            V3, "v3.0.0 serves now; evidence against another champion is void", Ending.ABANDONED
        ),
    ),
    "approved, the registry does not answer": (
        approved(),
        Hold(LOOK_EVERY, "approved by bob; to be judged once more"),
    ),
    "approved, still proven": (approved(**seen(Decision.PROMOTE)), Conclude(None)),
    "approved, harm by now": (approved(**seen(Decision.ROLLBACK)), Conclude(None)),
    "approved, not proven any more": (approved(**seen(Decision.CONTINUE)), Lapse(UNPROVEN)),
    "approved, with something in the way": (
        approved(obstacle="a foreign alias", **seen(Decision.PROMOTE)),
        Lapse("a foreign alias"),
    ),
    "approved and judged again": (approved({"judged": SINCE}), Enter(Phase.PROMOTING)),
    "approved and judged again: harm": (
        approved({"judged": judged(Decision.ROLLBACK, age=1.0)}),
        undone("because of ROLLBACK", Ending.ROLLED_BACK),
    ),
    "approved and judged again: undecided": (
        approved({"judged": judged(Decision.INCONCLUSIVE, age=1.0)}),
        undone("because of INCONCLUSIVE", Ending.INCONCLUSIVE),
    ),
    "override, nobody answered yet": (asked({"judged": None, "override": "so"}), WAITING),
    "override of a FAIL, nobody answered yet": (
        asked({"judged": judged(Decision.ROLLBACK), "override": "so"}),
        WAITING,
    ),
    "override of an old PASS": (
        asked({"judged": judged(Decision.PROMOTE, age=86_401), "override": "so"}),
        WAITING,
    ),
    "override approved, undecided": (
        approved({"judged": None, "override": "so"}, **seen(Decision.CONTINUE)),
        Enter(Phase.PROMOTING),
    ),
    "override approved, harm is kept first": (
        approved({"judged": None, "override": "so"}, **seen(Decision.ROLLBACK)),
        Conclude(None),
    ),
    "override approved, harm was kept": (
        approved({"judged": judged(Decision.ROLLBACK, age=1.0), "override": "so"}),
        Enter(Phase.PROMOTING),
    ),
    "override approved, with something in the way": (
        approved({"override": "so"}, obstacle="a foreign alias", **seen(Decision.PROMOTE)),
        Lapse("a foreign alias"),
    ),
}
PROMOTING = {
    "nobody was asked": (asked(approval=None), Ask(NOW + timedelta(hours=1))),
    "nobody was asked, the PASS is old": (
        asked({"judged": judged(Decision.PROMOTE, age=86_000)}, None),
        Ask(NOW + timedelta(seconds=400)),
    ),
    "nobody answered yet": (asked(), WAITING),
    "nobody answered in time": (asked(now=NOW + OVER), undone(NOBODY, Ending.EXPIRED)),
    "refused": (
        asked(approval=replace(ASKED, answer=NO)),
        undone("bob refused it: not on Fridays", Ending.REFUSED),
    ),
    "approved, the kept evidence still says so": (
        approved(**seen(Decision.PROMOTE)),
        Enter(Phase.PROMOTING),
    ),
    "approved, the kept evidence was changed": (
        approved(**seen(Decision.INCONCLUSIVE)),
        undone(UNPROVEN, Ending.ABANDONED),
    ),
    "approved, with something in the way": (
        approved(obstacle="a foreign alias"),
        undone("a foreign alias", Ending.ABANDONED),
    ),
    "asked, but another champion serves": (
        asked(champion=V3),
        RollBack(
            V3, "v3.0.0 serves now; evidence against another champion is void", Ending.ABANDONED
        ),
    ),
    "the promotion began": (
        asked(approval=replace(ASKED, answer=YES, used=True)),
        Shift({"v2.0.0": 100}, None),
    ),
    "a first version": (
        asked({"stable": None}, None, champion=None, traffic=ONLY_V1),
        Shift({"v2.0.0": 100}, None),
    ),
}
CASES = {
    f"{at}: {name}": (at, *case)
    for at, table in ((Phase.SHADOW, SHADOW), (Phase.PROMOTING, PROMOTING))
    for name, case in table.items()
}


@pytest.mark.parametrize(("at", "told", "wanted"), CASES.values(), ids=CASES.keys())
def test_the_action_while_a_person_is_waited_for(at: Phase, told: Facts, wanted: Action) -> None:
    """Held, given up, taken out, or judged once more and begun."""
    verb = Verb.DEPLOY if at is Phase.SHADOW else Verb.PROMOTE
    found = decide(replace(told, rollout=replace(told.rollout, phase=at, verb=verb)), POLICY)

    assert found == wanted


@st.composite
def unapproved(draw: st.DrawFn) -> Facts:
    """Any facts before the watch of a version that replaces another, without a used approval."""
    drawn = draw(any_facts(st.sampled_from([Phase.SHADOW, Phase.PROMOTING])))
    answer = draw(st.sampled_from([None, NO]))
    until = NOW + timedelta(seconds=draw(st.floats(-4000, 4000)))
    approval = replace(ASKED, answer=answer, until=until)
    found = draw(st.sampled_from([None, approval, replace(approval, lapsed=NOBODY)]))
    override = draw(st.sampled_from([None, "so"]))
    rollout = replace(drawn.rollout, stable=V1, approval=found, override=override)
    obstacle = draw(st.sampled_from([None, "a foreign alias"]))
    ready = drawn.ready | draw(st.sampled_from([frozenset(), V2_READY]))
    return replace(drawn, rollout=rollout, obstacle=obstacle, champion=V1, ready=ready)


@given(unapproved())
def test_nothing_is_promoted_that_nobody_approved(told: Facts) -> None:
    """Whatever the evidence, the time, the phase, an override or an old question says."""
    action = decide(told, POLICY)

    assert not isinstance(action, Promote | BeginWatch)
    assert action != Enter(Phase.PROMOTING)
    assert "v2.0.0" not in gains(told, action)


@given(any_facts())
def test_where_the_policy_asks_nobody_nobody_is_asked(told: Facts) -> None:
    """The default of the local site."""
    assert not isinstance(decide(told, parse(default_policy_text())), Ask | Lapse)


def test_a_question_is_open_no_longer_than_its_pass_is_good() -> None:
    """An override rests on no PASS."""
    old = facts({"judged": judged(Decision.PROMOTE, age=86_000)}).rollout

    assert asked_until(old, NOW, POLICY) == NOW + timedelta(seconds=400)
    assert asked_until(replace(old, override="so"), NOW, POLICY) == NOW + timedelta(hours=1)
    assert asked_until(replace(old, judged=None), NOW, POLICY) == NOW + timedelta(hours=1)


UNTIL = NOW + timedelta(hours=1)


def asks(override: str | None = None) -> Row:
    """The promotion asks."""
    data = {
        "rollout": "r-1",
        "until": UNTIL.isoformat(),
        "evidence_digest": "e" * 64,
        "override": override,
    }
    return Row("approval-asked", data)


def says(kind: str, actor: str, digest: str = "e" * 64, rollout_id: str = "r-1") -> Row:
    """Somebody answers."""
    data = {
        "rollout": rollout_id,
        "evidence_digest": digest,
        "how": "the terminal",
        "reason": "why",
    }
    return Row(kind, data, actor=actor)


def lapses() -> Row:
    """The promotion is given up."""
    return Row("approval-lapsed", {"rollout": "r-1", "reason": NOBODY})


BEFORE = [opened("r-1", V2), verdict("r-1", Decision.PROMOTE)]
BOB = Answer(True, "bob", "the terminal", "why", NOW)


def last(*rows: Row) -> Rollout:
    """The rollout after these rows."""
    return fold([*BEFORE, *rows]).rollouts[-1]


FOLDS: dict[str, tuple[tuple[Row, ...], tuple[bool, bool, bool], Answer | None]] = {
    "asked": ((asks(),), (True, True, False), None),
    "approved": ((asks(), says("approved", "bob")), (True, False, False), BOB),
    "refused": (
        (asks(), says("refused", "bob")),
        (True, False, False),
        replace(BOB, approved=False),
    ),
    "a second answer": (
        (asks(), says("approved", "bob"), says("refused", "cid")),
        (True, False, False),
        BOB,
    ),
    "an answer about other evidence": (
        (asks(), says("approved", "bob", digest="f" * 64)),
        (True, True, False),
        None,
    ),
    "an answer about another rollout": (
        (asks(), says("approved", "bob", rollout_id="r-0")),
        (True, True, False),
        None,
    ),
    "an answer to nothing": ((says("approved", "bob"),), (False, False, True), None),
    "given up": ((asks(), lapses()), (False, False, True), None),
    "answered after it was given up": (
        (asks(), lapses(), says("approved", "bob")),
        (False, False, True),
        None,
    ),
    "asked again": ((asks(), lapses(), asks()), (True, True, False), None),
    "asked again after an answer": (
        (asks(), says("approved", "bob"), lapses(), asks()),
        (True, True, False),
        None,
    ),
    "begun": (
        (asks(), says("approved", "bob"), phase("r-1", Phase.PROMOTING)),
        (False, False, False),
        BOB,
    ),
}


@pytest.mark.parametrize(("rows", "state", "answer"), FOLDS.values(), ids=FOLDS.keys())
def test_what_the_ledger_adds_up_to(
    rows: tuple[Row, ...], state: tuple[bool, bool, bool], answer: Answer | None
) -> None:
    """Whether the promotion asked, whether an answer is missing, whether promote-model is."""
    found = last(*rows)

    assert (found.awaiting, found.pending, found.waiting) == state
    assert (found.approval.answer if found.approval else None) == answer


def test_the_override_of_a_promotion_that_was_given_up_is_forgotten() -> None:
    """Until then it is that of the rollout."""
    assert last(asks("the desk asked")).override == "the desk asked"
    assert last(asks("the desk asked"), lapses()).override is None


def test_a_cited_verdict_keeps_its_age() -> None:
    """A promotion on kept evidence must not make it younger."""
    row = verdict("r-1", Decision.PROMOTE)
    earlier = NOW - timedelta(hours=20)
    cited = replace(row, data={**row.data, "judged_at": earlier.isoformat()})
    found = fold([opened("r-1", V2), cited]).rollouts[-1]

    assert found.judged is not None
    assert found.judged.at == earlier


VERDICT = {
    "gates": [
        {"name": "p95", "outcome": "INCONCLUSIVE", "blocking": False, "reason": "12 ms"},
        {"name": "errors", "outcome": "PASS", "blocking": True, "reason": "0.1 %, limit 1 %"},
    ]
}


def test_the_question_shows_the_verdict_gate_by_gate() -> None:
    """What, over what, asked by whom, until when, on which evidence."""
    shown = approval_text.question(asked().rollout, VERDICT)

    assert shown.startswith("## Promote price v2.0.0 over v1.0.0?\n")
    assert f"Asked by ann; given up at {clock(ASKED.until)}." in shown
    assert "**PROMOTE** after 500 pairs: because of PROMOTE" in shown
    assert "- errors: **proven**, 0.1 %, limit 1 %\n- p95 (advisory): **open**, 12 ms" in shown
    assert shown.endswith("Evidence `evidence/price-v2.0.0` (`eeeeeeeeeeee`)")


def test_a_question_without_a_verdict_says_so() -> None:
    """An override must not look like a PASS."""
    shown = approval_text.question(asked({"judged": None, "override": "so"}).rollout, None)

    assert "**Without a PASS, by override:** so" in shown
    assert shown.endswith("There is no verdict.")


def progress(rollout: Rollout) -> dict[str, Any]:
    """A look at it, as followers read it."""
    from test_live import PROGRESS

    return {**PROGRESS, "component": "price", "approval": approval_text.as_data(rollout)}


def test_a_follower_is_told_who_is_waited_for_and_how_to_answer() -> None:
    """On a terminal, in a pipe and on the page."""
    pending = progress(asked().rollout)
    until = clock(ASKED.until)

    assert f"waiting for approval until {until}, asked by ann" in lines(pending)
    assert "pincex approve price" in lines(pending)
    assert 'pincex approve price --refuse --reason "why not"' in lines(pending)
    assert line(pending).startswith(f"waiting for approval until {until}, asked by ann: pincex ")
    assert f"**Waiting for approval until {until}, asked by ann.**" in markdown(pending)


SAID = {
    "approved": (
        approved().rollout,
        f"Approved by bob at {clock(YES.at)} in Prefect: all gates",
    ),
    "given up": (asked(approval=replace(ASKED, lapsed=NOBODY)).rollout, f"Not promoted: {NOBODY}"),
    "closed without an answer": (
        asked({"closed": Ending.EXPIRED}).rollout,
        "Not promoted: nobody answered",
    ),
}


@pytest.mark.parametrize(("rollout", "said"), SAID.values(), ids=SAID.keys())
def test_the_page_says_what_came_of_it(rollout: Rollout, said: str) -> None:
    """Who said what, or that nobody did."""
    assert said in markdown(progress(rollout)).splitlines()


def test_status_says_until_when_and_how() -> None:
    """The PASS alone is not enough, and the line says what is."""
    from test_status_text import DEPLOYING, ENTRY, SITE

    approval = approval_text.as_data(asked().rollout)
    entry = {**ENTRY, **DEPLOYING, "decision": "PROMOTE", "approval": approval}
    shown = site({**SITE, "models": [entry]})

    assert "             PROMOTE; not promoted yet" in shown
    assert f"  approval   waiting for approval until {clock(ASKED.until)}, asked by ann" in shown
    assert "             pincex approve price-predictor" in shown


def test_what_json_says_of_an_answer() -> None:
    """Times are UTC; who, how and why stand beside it."""
    told = approval_text.as_data(approved().rollout)

    assert told is not None
    assert (told["state"], told["pending"], told["answered_by"], told["how"], told["reason"]) == (
        "approved",
        False,
        "bob",
        "Prefect",
        "all gates",
    )
    assert datetime.fromisoformat(told["until"]) == ASKED.until
    assert approval_text.as_data(facts().rollout) is None
