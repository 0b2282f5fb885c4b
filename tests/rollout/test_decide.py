"""`decide`: every phase as a table; the same facts always give the same action."""

from dataclasses import replace
from typing import Any

import pytest
from rollout_parts import FACTS, MIRRORED, POLICY, V1, V2, facts, watch
from shadow_cases import BROKEN, FIRST, NOTHING, ONLY_V1, ONLY_V2, SHADOW, V1_READY, V2_READY

from rollout.decide import decide
from rollout.facts import (
    Action,
    BeginWatch,
    BringUp,
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
from rollout.state import Ending, Phase, Verb

HARM, INTERRUPTED = "errors 9.1 %", "the watch had begun to undo when its process ended"
FIRING, QUIET = Watched(HARM, ("accuracy",)), Watched(None, ())
HELD = Hold(0.2, "watched")


def watching(age: float = 60.0, of: Any = None, **changes: Any) -> Facts:
    """A promotion watched for `age` seconds, all of it quiet, changed."""
    seen = {"champion": V2, "traffic": ONLY_V2, "watched": QUIET, **changes}
    return facts({"watch": watch(age), **(of or {})}, **seen)


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
        RollBack(V1, "v2.0.0 was not ready and warm for 61 s", Ending.ABANDONED),
    ),
    "candidate cannot be started": (
        facts(ready=V1_READY, failure=BROKEN),
        RollBack(V1, BROKEN, Ending.ABANDONED),
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
        RollBack(None, BROKEN, Ending.ABANDONED),
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
    "a trigger fires": (watching(watched=FIRING), RollBack(V1, HARM, Ending.ROLLED_BACK)),
    "a trigger fires in the last moment": (
        watching(600.0, watched=FIRING),
        RollBack(V1, HARM, Ending.ROLLED_BACK),
    ),
    "a trigger fires and the candidate is gone": (
        watching(watched=FIRING, ready=V1_READY),
        RollBack(V1, HARM, Ending.ROLLED_BACK),
    ),
    "a trigger fires and stable is not ready": (
        watching(watched=FIRING, ready=V2_READY),
        BringUp(V1),
    ),
    "killed after traffic was returned": (
        watching(traffic=ONLY_V1),
        RollBack(V1, INTERRUPTED, Ending.ROLLED_BACK),
    ),
    "killed after the return was recorded": (
        watching(champion=V1, traffic=ONLY_V1),
        RollBack(V1, INTERRUPTED, Ending.ROLLED_BACK),
    ),
    "killed after the return was recorded with its reason": (
        watching(of={"reason": HARM}, champion=V1, traffic=ONLY_V1),
        RollBack(V1, HARM, Ending.ROLLED_BACK),
    ),
    "killed, and a trigger still fires": (
        watching(traffic=ONLY_V1, watched=FIRING),
        RollBack(V1, HARM, Ending.ROLLED_BACK),
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
        Hold(0.2, "v2.0.0 is not ready"),
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
