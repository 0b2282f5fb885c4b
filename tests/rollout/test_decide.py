"""`decide`: every phase as a table; the same facts always give the same action."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rollout_parts import FACTS, MIRRORED, NOW, POLICY, V1, V2, V3, facts, judged, watch

from rollout.decide import decide
from rollout.facts import (
    Action,
    BeginWatch,
    BringUp,
    Conclude,
    Enter,
    Facts,
    Finish,
    Hold,
    Promote,
    RollBack,
    Shift,
    Traffic,
    Watched,
)
from rollout.policy import parse
from rollout.state import Decision, Ending, Phase, Verb

ONLY_V1, ONLY_V2 = Traffic({"v1.0.0": 100}, None), Traffic({"v2.0.0": 100}, None)
V1_READY, V2_READY = frozenset({"v1.0.0"}), frozenset({"v2.0.0"})
NOTHING = Traffic({}, None)
LOOK = FACTS.look
assert LOOK is not None
BROKEN = "v2.0.0 cannot be started: it says nothing"
FIRST: dict[str, Any] = {"champion": None, "traffic": NOTHING, "ready": V2_READY}


def _judged(decision: Decision, age: float = 60.0) -> dict[str, Any]:
    return {"judged": judged(decision, age=age)}


def _opened(seconds_ago: float) -> dict[str, Any]:
    return {"opened_at": NOW - timedelta(seconds=seconds_ago)}


def _look(decision: Decision, pairs: int = 500) -> dict[str, Any]:
    return {"look": replace(LOOK, decision=decision, pairs=pairs)}


def _undo(to: Any, reason: str, ending: Ending) -> RollBack:
    return RollBack(to, reason, ending)


HARM, INTERRUPTED = "errors 9.1 %", "the watch had begun to undo when its process ended"
FIRING, QUIET = Watched(HARM, ("accuracy",)), Watched(None, ())
HELD = Hold(0.5, "watched")


def watching(age: float = 60.0, of: Any = None, **changes: Any) -> Facts:
    """A promotion watched for `age` seconds, all of it quiet, changed."""
    seen = {"champion": V2, "traffic": ONLY_V2, "watched": QUIET, **changes}
    return facts({"watch": watch(age), **(of or {})}, **seen)


SHADOW = {
    "undecided": (facts(), Hold(1.1, "the evidence is not sufficient yet")),
    "undecided for long": (
        facts(_opened(1200)),
        Hold(5.0, "the evidence is not sufficient yet"),
    ),
    "candidate missing": (facts(ready=V1_READY), BringUp(V2)),
    "candidate missing for as long as it may": (
        facts(ready=V1_READY, unready_for=POLICY.ready_within),
        BringUp(V2),
    ),
    "candidate missing for too long": (
        facts(ready=V1_READY, unready_for=60.5),
        _undo(V1, "v2.0.0 was not ready and warm for 60 s", Ending.ABANDONED),
    ),
    "candidate cannot be started": (
        facts(ready=V1_READY, failure=BROKEN),
        _undo(V1, BROKEN, Ending.ABANDONED),
    ),
    "an old failure of a candidate that is ready": (
        facts(failure=BROKEN),
        Hold(1.1, "the evidence is not sufficient yet"),
    ),
    "no copies yet": (facts(traffic=ONLY_V1), Shift({"v1.0.0": 100}, MIRRORED)),
    "copies of an earlier rollout": (
        facts(traffic=replace(FACTS.traffic, mirrored=replace(MIRRORED, rollout_id="r-0"))),
        Shift({"v1.0.0": 100}, MIRRORED),
    ),
    "safety proven": (facts(**_look(Decision.PROMOTE)), Conclude(None)),
    "harm proven": (facts(**_look(Decision.ROLLBACK)), Conclude(None)),
    "harm proven and the candidate gone": (
        facts(ready=V1_READY, unready_for=99.0, **_look(Decision.ROLLBACK)),
        Conclude(None),
    ),
    "read to its end without a decision": (facts(**_look(Decision.INCONCLUSIVE)), Conclude(None)),
    "longest shadow over": (
        facts(_opened(1801)),
        Conclude("undecided after 30 min, the policy's longest shadow"),
    ),
    "longest shadow over without a pair": (
        facts(_opened(1801), **_look(Decision.CONTINUE, 0)),
        _undo(
            V1,
            "undecided after 30 min, the policy's longest shadow, without a single pair",
            Ending.INCONCLUSIVE,
        ),
    ),
    "longest shadow over without a look": (
        facts(_opened(7200), look=None),
        _undo(
            V1,
            "undecided after 2 h, the policy's longest shadow, without a single pair",
            Ending.INCONCLUSIVE,
        ),
    ),
    "largest shadow over": (
        facts(**_look(Decision.CONTINUE, 1_000_001)),
        Conclude("undecided after 1,000,001 pairs, the policy's largest shadow"),
    ),
    "verdict FAIL": (
        facts(_judged(Decision.ROLLBACK)),
        _undo(V1, "because of ROLLBACK", Ending.ROLLED_BACK),
    ),
    "verdict INCONCLUSIVE": (
        facts(_judged(Decision.INCONCLUSIVE)),
        _undo(V1, "because of INCONCLUSIVE", Ending.INCONCLUSIVE),
    ),
    "verdict PASS": (facts(_judged(Decision.PROMOTE)), Finish(None, "waiting for promote-model")),
    "verdict PASS as old as it may be": (
        facts(_judged(Decision.PROMOTE, age=86_400)),
        Finish(None, "waiting for promote-model"),
    ),
    "verdict PASS, too old": (
        facts(_judged(Decision.PROMOTE, age=86_401)),
        _undo(V1, "the PASS is older than evidence_max_age allows", Ending.EXPIRED),
    ),
    "another champion": (
        facts(champion=V3),
        _undo(V3, "v3.0.0 serves now; evidence against another champion is void", Ending.ABANDONED),
    ),
    "another champion after a PASS": (
        facts(_judged(Decision.PROMOTE), champion=V3),
        _undo(V3, "v3.0.0 serves now; evidence against another champion is void", Ending.ABANDONED),
    ),
    "the same version from other files": (
        facts(champion=replace(V1, digest="f" * 64)),
        _undo(
            replace(V1, digest="f" * 64),
            "v1.0.0 serves now; evidence against another champion is void",
            Ending.ABANDONED,
        ),
    ),
    "no champion any more": (
        facts(champion=None),
        _undo(
            None, "nothing serves now; evidence against another champion is void", Ending.ABANDONED
        ),
    ),
    "first version, not started": (
        facts({"stable": None}, champion=None, traffic=NOTHING, ready=frozenset(), look=None),
        BringUp(V2),
    ),
    "first version, not asked yet": (
        facts({"stable": None}, **FIRST | {"look": None}),
        Hold(1.1, "the evidence is not sufficient yet"),
    ),
    "first version, smoke requests answered": (
        facts({"stable": None}, **FIRST, **_look(Decision.PROMOTE)),
        Conclude(None),
    ),
    "first version, PASS": (
        facts({"stable": None, **_judged(Decision.PROMOTE)}, **FIRST),
        Enter(Phase.PROMOTING),
    ),
    "first version, FAIL": (
        facts({"stable": None, **_judged(Decision.ROLLBACK)}, **FIRST),
        _undo(None, "because of ROLLBACK", Ending.ROLLED_BACK),
    ),
    "first version, but somebody else was first": (
        facts({"stable": None, **_judged(Decision.PROMOTE)}),
        _undo(V1, "v1.0.0 serves now; evidence against another champion is void", Ending.ABANDONED),
    ),
}

PROMOTING = {
    "candidate ready": (facts(), Shift({"v2.0.0": 100}, None)),
    "half way": (
        facts(traffic=Traffic({"v1.0.0": 50, "v2.0.0": 50}, None)),
        Shift({"v2.0.0": 100}, None),
    ),
    "all traffic, copies still on": (
        facts(traffic=Traffic({"v2.0.0": 100}, MIRRORED)),
        Shift({"v2.0.0": 100}, None),
    ),
    "all traffic": (facts(traffic=ONLY_V2), BeginWatch(V2)),
    "all traffic, by override": (
        facts({"override": "the desk asked"}, traffic=ONLY_V2),
        BeginWatch(V2),
    ),
    "all traffic, stable gone": (facts(traffic=ONLY_V2, ready=V2_READY), BeginWatch(V2)),
    "all traffic, first version": (
        facts({"stable": None}, **FIRST | {"traffic": ONLY_V2}),
        Promote(V2, "proven safe"),
    ),
    "candidate missing": (facts(ready=V1_READY), BringUp(V2)),
    "candidate missing for too long": (
        facts(ready=V1_READY, unready_for=61.0),
        _undo(V1, "v2.0.0 was not ready and warm for 61 s", Ending.ABANDONED),
    ),
    "candidate cannot be started": (
        facts(ready=V1_READY, failure=BROKEN),
        _undo(V1, BROKEN, Ending.ABANDONED),
    ),
    "neither is ready, for long, and it failed": (
        facts(ready=frozenset(), unready_for=61.0, failure=BROKEN),
        BringUp(V2),
    ),
    "first version missing": (
        facts({"stable": None}, champion=None, traffic=NOTHING, ready=frozenset()),
        BringUp(V2),
    ),
    "first version cannot be started": (
        facts({"stable": None}, champion=None, traffic=NOTHING, ready=frozenset(), failure=BROKEN),
        _undo(None, BROKEN, Ending.ABANDONED),
    ),
    "first version ready": (
        facts({"stable": None}, **FIRST),
        Shift({"v2.0.0": 100}, None),
    ),
}

SHIFTING = {
    "target ready": (facts(), Shift({"v2.0.0": 100}, None)),
    "copies still on": (
        facts(traffic=Traffic({"v2.0.0": 100}, MIRRORED)),
        Shift({"v2.0.0": 100}, None),
    ),
    "all traffic": (facts(traffic=ONLY_V2), Promote(V2, "rolled back")),
    "all traffic, with its reason": (
        facts({"override": "it is slow"}, traffic=ONLY_V2),
        Promote(V2, "it is slow"),
    ),
    "target missing": (facts(ready=V1_READY), BringUp(V2)),
    "target missing for long, and it failed": (
        facts(ready=V1_READY, unready_for=999.0, failure=BROKEN),
        BringUp(V2),
    ),
}

WATCHING = {
    "all is quiet": (watching(), HELD),
    "nothing was looked at yet": (watching(watched=None), HELD),
    "a trigger fires": (watching(watched=FIRING), _undo(V1, HARM, Ending.ROLLED_BACK)),
    "a trigger fires in the last moment": (
        watching(600.0, watched=FIRING),
        _undo(V1, HARM, Ending.ROLLED_BACK),
    ),
    "a trigger fires and the candidate is gone": (
        watching(watched=FIRING, ready=V1_READY),
        _undo(V1, HARM, Ending.ROLLED_BACK),
    ),
    "a trigger fires and stable is not ready": (
        watching(watched=FIRING, ready=V2_READY),
        BringUp(V1),
    ),
    "killed after traffic was returned": (
        watching(traffic=ONLY_V1),
        _undo(V1, INTERRUPTED, Ending.ROLLED_BACK),
    ),
    "killed after the return was recorded": (
        watching(champion=V1, traffic=ONLY_V1),
        _undo(V1, INTERRUPTED, Ending.ROLLED_BACK),
    ),
    "killed after the return was recorded with its reason": (
        watching(of={"reason": HARM}, champion=V1, traffic=ONLY_V1),
        _undo(V1, HARM, Ending.ROLLED_BACK),
    ),
    "killed, and a trigger still fires": (
        watching(traffic=ONLY_V1, watched=FIRING),
        _undo(V1, HARM, Ending.ROLLED_BACK),
    ),
    "the route is lost": (watching(traffic=NOTHING), Shift({"v2.0.0": 100}, None)),
    "the candidate is gone": (watching(ready=V1_READY), HELD),
    "as long as it is watched": (watching(599.9), HELD),
    "the time is up": (
        watching(600.0),
        Promote(V2, "proven safe; watched for 10 min, no trigger fired"),
    ),
    "the time is up, not all was judged": (
        watching(600.0, watched=Watched(None, ("errors", "accuracy"))),
        Promote(V2, "proven safe; watched for 10 min, not judged: errors, accuracy"),
    ),
    "the time is up and the candidate is gone": (
        watching(600.0, ready=V1_READY),
        Hold(0.5, "v2.0.0 is not ready"),
    ),
    "the time was up when nobody looked": (
        watching(9000.0, watched=None),
        Promote(V2, "proven safe; watched for 10 min, not judged: anything"),
    ),
    "promoted by override": (
        watching(600.0, {"override": "the desk asked"}),
        Promote(V2, "the desk asked; watched for 10 min, no trigger fired"),
    ),
}

AT_REST = {
    "promoted": (
        facts({"closed": Ending.PROMOTED, "reason": "proven safe"}),
        Finish(Ending.PROMOTED, "proven safe"),
    ),
    "expired": (
        facts({"closed": Ending.EXPIRED, "reason": "too old"}),
        Finish(Ending.EXPIRED, "too old"),
    ),
}

TABLES = {
    Phase.SHADOW: SHADOW,
    Phase.SHIFTING: SHIFTING,
    Phase.PROMOTING: PROMOTING,
    Phase.WATCHING: WATCHING,
    Phase.DONE: {"promoted": AT_REST["promoted"]},
    Phase.ROLLED_BACK: {"expired": AT_REST["expired"]},
}
CASES = {
    f"{phase}: {name}": (phase, *case)
    for phase, table in TABLES.items()
    for name, case in table.items()
}


@pytest.mark.parametrize(("phase", "given", "wanted"), CASES.values(), ids=CASES.keys())
def test_the_action_of_a_phase(phase: Phase, given: Facts, wanted: Action) -> None:
    """Each row: what is so, and the one action that follows."""
    verb = {Phase.SHIFTING: Verb.ROLLBACK, Phase.PROMOTING: Verb.PROMOTE}.get(phase, Verb.DEPLOY)
    found = decide(replace(given, rollout=replace(given.rollout, phase=phase, verb=verb)), POLICY)

    assert found == wanted


def test_every_phase_has_a_table() -> None:
    """A phase added to the code has to be decided here, too."""
    assert set(TABLES) == set(Phase)


def test_a_policy_without_a_watch_promotes_at_once() -> None:
    """0 seconds: traffic is confirmed, and that is all."""
    policy = parse("[rollout.watch]\nseconds = 0")
    rollout = replace(FACTS.rollout, phase=Phase.PROMOTING, verb=Verb.PROMOTE)
    found = decide(replace(FACTS, rollout=rollout, traffic=ONLY_V2), policy)

    assert found == Promote(V2, "proven safe")
