"""What `decide` says of a shadow: each row what is so, and the one action that follows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from rollout_parts import FACTS, MIRRORED, NOW, POLICY, V1, V2, V3, facts, judged

from rollout.facts import (
    BringUp,
    Conclude,
    Enter,
    Finish,
    Hold,
    RollBack,
    Shift,
    Traffic,
)
from rollout.state import Decision, Ending, Phase

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
