"""A copy of the champion in shadow: it ends by itself, makes room, and is never promoted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_parts import FACTS, NOW, POLICY, ROLLOUT, V1, V2, Row, closed, opened, served

from flows.report import exit_code
from rollout.decide import CONTROL_EVERY, decide
from rollout.facts import (
    Action,
    BringUp,
    Controlled,
    Facts,
    Hold,
    Look,
    Mirrored,
    RollBack,
    Shift,
    Traffic,
)
from rollout.history import expected_aliases, fold
from rollout.state import Decision, Ending, Phase, Verb, copy_of

COPY = copy_of(V1)
CONTROL = replace(ROLLOUT, verb=Verb.CONTROL, candidate=COPY)
QUIET = Controlled(6, surprising=False, said="0 false ROLLBACK in 6 windows")
LOUD = Controlled(6, surprising=True, said="4 false ROLLBACK in 6 windows")
NONE_YET = Controlled(0, surprising=False, said="no whole window yet")
COPIED = Traffic({"v1.0.0": 100}, Mirrored(COPY.version, 1.0, "r-1"))
LONG = timedelta(seconds=POLICY.control.max_seconds + 1)


def seen(
    controlled: Controlled = QUIET,
    *,
    age: timedelta = timedelta(minutes=5),
    leaving: str | None = None,
    **changes: object,
) -> Facts:
    """A control that lacks nothing, changed."""
    rollout = replace(CONTROL, opened_at=NOW - age, leaving=leaving)
    whole = {"traffic": COPIED, "ready": frozenset({"v1.0.0", COPY.version}), **changes}
    return replace(FACTS, rollout=rollout, controlled=controlled, **whole)  # type: ignore[arg-type]


CASES: dict[str, tuple[Facts, Action]] = {
    "the copy is missing": (seen(ready=frozenset({"v1.0.0"})), BringUp(COPY)),
    "no copies yet": (
        seen(traffic=Traffic({"v1.0.0": 100}, None)),
        Shift({"v1.0.0": 100}, Mirrored(COPY.version, 1.0, "r-1")),
    ),
    "as long as it lasts": (seen(), Hold(CONTROL_EVERY, QUIET.said)),
    "nothing seen": (seen(Controlled()), Hold(CONTROL_EVERY, "no pair so far")),
    "false alarms end nothing": (seen(LOUD), Hold(CONTROL_EVERY, LOUD.said)),
    "its horizon": (seen(age=LONG), RollBack(V1, QUIET.said, Ending.CONTROLLED)),
    "its horizon, too many alarms": (
        seen(LOUD, age=LONG),
        RollBack(V1, LOUD.said, Ending.FALSE_ALARMS),
    ),
    "its horizon without a window": (
        seen(NONE_YET, age=LONG),
        RollBack(V1, NONE_YET.said, Ending.INCONCLUSIVE),
    ),
    "its horizon, nobody looked": (
        seen(Controlled(), age=LONG),
        RollBack(V1, "no pair so far", Ending.INCONCLUSIVE),
    ),
    "somebody needs the shadow": (
        seen(leaving="ended for deploy-model v2.0.0"),
        RollBack(V1, f"ended for deploy-model v2.0.0; {QUIET.said}", Ending.CONTROLLED),
    ),
    "another champion": (
        seen(champion=V2),
        RollBack(
            V2, "v2.0.0 serves now; evidence against another champion is void", Ending.ABANDONED
        ),
    ),
}


@pytest.mark.parametrize(("facts", "wanted"), CASES.values(), ids=CASES.keys())
def test_the_action_of_a_control(facts: Facts, wanted: Action) -> None:
    """Each row: what is so, and the one action that follows."""
    assert decide(facts, POLICY) == wanted


@given(
    decision=st.sampled_from(Decision),
    pairs=st.integers(0, 10**7),
    age=st.integers(0, 20_000),
    controlled=st.sampled_from([Controlled(), NONE_YET, QUIET, LOUD]),
    leaving=st.sampled_from([None, "ended"]),
)
def test_a_control_never_moves_traffic(
    decision: Decision, pairs: int, age: int, controlled: Controlled, leaving: str | None
) -> None:
    """Whatever the evidence says: all requests stay with the champion, nothing is concluded."""
    facts = seen(
        controlled,
        age=timedelta(seconds=age),
        leaving=leaving,
        look=Look(decision, "so it is", pairs, 100.0),
    )
    action = decide(facts, POLICY)

    assert isinstance(action, Hold | Shift | RollBack)
    assert not isinstance(action, Shift) or action.weights == {"v1.0.0": 100}
    assert not isinstance(action, RollBack) or action.to == V1


LEFT = Row("control-left", {"rollout": "r-1", "reason": "ended for promote-model"})


def test_a_control_in_the_ledger_is_no_challenger_and_no_evidence() -> None:
    """No alias names it, nothing can be promoted on it, and what came before stays as it was."""
    rows = [served(V1, Verb.DEPLOY), opened("r-1", COPY, verb=Verb.CONTROL)]
    under_way, leaving = fold(rows), fold([*rows, LEFT])
    ended = fold([*rows, LEFT, closed("r-1", "CONTROLLED")])

    assert expected_aliases(under_way) == {"champion": "v1.0.0"}
    assert under_way.open is not None
    assert (under_way.open.phase, under_way.open.leaving) == (Phase.SHADOW, None)
    assert leaving.open is not None
    assert leaving.open.leaving == "ended for promote-model"
    assert (ended.open, ended.rollouts[0].closed) == (None, Ending.CONTROLLED)
    assert ended.passed(V1, COPY) is None
    assert ended.champion is not None
    assert ended.champion.revision == V1


ENDINGS = {
    Ending.CONTROLLED: 0,
    Ending.FALSE_ALARMS: 3,
    Ending.INCONCLUSIVE: 4,
    Ending.ABANDONED: 1,
}


@pytest.mark.parametrize(("ending", "code"), ENDINGS.items(), ids=str)
def test_exit_codes_of_a_control(ending: Ending, code: int) -> None:
    """As those of `judge --control`: 3 with more false alarms than promised, 4 without a window."""
    assert exit_code(replace(CONTROL, closed=ending)) == code
