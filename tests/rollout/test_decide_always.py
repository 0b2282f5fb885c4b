"""What `decide` never does, whatever the facts are."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from rollout_parts import NOW, POLICY, V1, V2, V3, facts, judged, watch

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
    Look,
    Mirrored,
    Promote,
    RollBack,
    Shift,
    Traffic,
    Watched,
)
from rollout.state import Decision, Ending, Phase, Revision, Verb

VERBS = {Phase.SHADOW: Verb.DEPLOY, Phase.PROMOTING: Verb.PROMOTE, Phase.SHIFTING: Verb.ROLLBACK}
VERBS[Phase.WATCHING] = Verb.DEPLOY
OPEN = st.sampled_from([Phase.SHADOW, Phase.PROMOTING, Phase.SHIFTING, Phase.WATCHING])
KNOWN = (V1, V2, V3)
VERDICTS = (Decision.PROMOTE, Decision.ROLLBACK, Decision.INCONCLUSIVE)
RATES = st.floats(0, 5000)
SHARES = st.floats(0.001, 1.0)
MIRRORS = st.none() | st.builds(
    Mirrored, st.just("v2.0.0"), SHARES, st.sampled_from(["r-1", "r-0"])
)
LOOKS = st.none() | st.builds(
    Look, st.sampled_from(list(Decision)), st.just("so"), st.integers(0, 2_000_000), RATES
)

WATCHED = st.none() | st.builds(
    Watched, st.sampled_from([None, None, "errors 9.1 %"]), st.sampled_from([(), ("accuracy",)])
)


@st.composite
def any_facts(draw: st.DrawFn, phases: st.SearchStrategy[Phase] = OPEN) -> Facts:
    """Facts of an open rollout; in its shadow all traffic is where the champion is."""
    phase = draw(phases)
    stable = draw(st.sampled_from([V1, None]))
    champion = draw(st.sampled_from([stable, stable, stable, V3, None]))
    if phase is Phase.WATCHING:
        stable, champion = V1, draw(st.sampled_from([V2, V2, V1]))
    weights = draw(st.sampled_from([{}, {"v1.0.0": 100}, {"v2.0.0": 100}]))
    if phase is Phase.SHADOW:
        weights = {champion.version: 100} if champion else {}
    decided = draw(st.sampled_from([None, *VERDICTS]))
    verdict = judged(decided, age=draw(st.floats(0, 200_000))) if decided else None
    ready = draw(st.frozensets(st.sampled_from([known.version for known in KNOWN])))
    rollout = {
        "phase": phase,
        "verb": VERBS[phase],
        "stable": stable,
        "judged": verdict,
        "sample": draw(SHARES),
        "cap": draw(st.floats(0.1, 2000)),
        "opened_at": NOW - timedelta(seconds=draw(st.floats(0, 4000))),
        "watch": watch(draw(st.floats(0, 900))) if phase is Phase.WATCHING else None,
    }
    return facts(
        rollout,
        champion=champion,
        traffic=Traffic(weights, draw(MIRRORS)),
        ready=ready,
        unready_for=draw(st.floats(0, 120)),
        failure=draw(st.sampled_from([None, "it cannot be started"])),
        look=draw(LOOKS),
        watched=draw(WATCHED) if phase is Phase.WATCHING else None,
    )


SHADOWS = any_facts(st.just(Phase.SHADOW))


def gains(before: Facts, action: Action) -> set[str]:
    """The versions that an action gives traffic they did not have."""
    match action:
        case Shift(weights, _):
            after = set(weights)
        case RollBack(to=Revision() as to):
            after = {to.version}
        case Promote(to, _) | BeginWatch(to):
            after = {to.version}
        case _:
            after = set()
    return after - set(before.traffic.weights)


@given(any_facts())
def test_the_same_facts_give_the_same_action(given_facts: Facts) -> None:
    """It depends on nothing else, and changes nothing of what it is given."""
    copy = deepcopy(given_facts)

    assert decide(given_facts, POLICY) == decide(copy, POLICY)
    assert given_facts == copy


@given(any_facts())
def test_nothing_that_is_not_ready_gets_traffic(given_facts: Facts) -> None:
    """In no phase does an action move traffic onto a version that could not answer."""
    assert gains(given_facts, decide(given_facts, POLICY)) <= given_facts.ready


@given(SHADOWS)
def test_without_a_pass_the_candidate_gets_no_traffic(given_facts: Facts) -> None:
    """CONTINUE, INCONCLUSIVE and ROLLBACK never shift; only a first version enters by itself."""
    action = decide(given_facts, POLICY)
    verdict, stable = given_facts.rollout.judged, given_facts.rollout.stable

    assert "v2.0.0" not in gains(given_facts, action)
    assert not isinstance(action, Promote)
    if isinstance(action, Enter):
        assert stable is None
        assert verdict is not None
        assert verdict.decision is Decision.PROMOTE


@given(SHADOWS, st.sampled_from([Decision.ROLLBACK, Decision.INCONCLUSIVE]))
def test_a_verdict_without_pass_undoes_in_one_action(given_facts: Facts, found: Decision) -> None:
    """Concluded, the very next action takes the candidate out; whatever else is missing."""
    undecided = replace(given_facts.rollout, judged=None)
    seen = replace(
        given_facts,
        champion=undecided.stable,
        rollout=undecided,
        look=Look(found, "so", 500, 100.0),
    )

    assert isinstance(decide(seen, POLICY), Conclude)

    concluded = replace(seen, rollout=replace(undecided, judged=judged(found)))
    action = decide(concluded, POLICY)

    assert isinstance(action, RollBack)
    assert action.to == seen.champion
    assert action.ending is Ending("ROLLED_BACK" if found == "ROLLBACK" else "INCONCLUSIVE")


@given(SHADOWS, st.sampled_from([V3, replace(V1, digest="f" * 64), None]))
def test_another_champion_voids_the_evidence(given_facts: Facts, serving: Revision | None) -> None:
    """Whatever was seen or judged: traffic stays with what serves, and the rollout ends."""
    against = replace(given_facts.rollout, stable=V1)
    action = decide(replace(given_facts, rollout=against, champion=serving), POLICY)

    assert isinstance(action, RollBack)
    assert (action.to, action.ending) == (serving, Ending.ABANDONED)


@given(SHADOWS, st.floats(0, 200_000))
def test_a_pass_is_good_for_so_long_and_no_longer(given_facts: Facts, age: float) -> None:
    """A PASS waits for its promotion until `evidence_max_age`, then the candidate is taken out."""
    verdict = judged(Decision.PROMOTE, age=age)
    passed = replace(given_facts.rollout, stable=V1, judged=verdict)
    action = decide(replace(given_facts, champion=V1, rollout=passed), POLICY)

    if NOW - verdict.at > timedelta(seconds=POLICY.shadow.evidence_max_age):
        assert isinstance(action, RollBack)
        assert (action.to, action.ending) == (V1, Ending.EXPIRED)
    else:
        assert action == Finish(None, "waiting for promote-model")


@given(any_facts())
def test_only_the_shadow_makes_copies(given_facts: Facts) -> None:
    """They go to the candidate of this rollout, and end where it begins to take traffic."""
    action = decide(given_facts, POLICY)
    if not isinstance(action, Shift):
        return
    if given_facts.rollout.phase is Phase.SHADOW:
        assert action.mirrored is not None
        assert (action.mirrored.version, action.mirrored.rollout_id) == ("v2.0.0", "r-1")
    else:
        assert action.mirrored is None


def performed(before: Facts, action: Action) -> Facts:
    """The facts after an action was performed faithfully; a new version starts at once."""
    rollout = before.rollout
    match action:
        case BringUp(revision):
            return replace(
                before, ready=before.ready | {revision.version}, unready_for=0.0, failure=None
            )
        case Shift(weights, mirrored):
            return replace(before, traffic=Traffic(dict(weights), mirrored))
        case BeginWatch(to):
            begun = replace(rollout, phase=Phase.WATCHING, watch=watch(0.0))
            return replace(before, rollout=begun, champion=to, watched=Watched(None, ()))
        case Hold() if rollout.phase is Phase.WATCHING:
            # The keeper starts what died.
            alive = before.ready | {"v2.0.0"}
            return replace(before, now=before.now + timedelta(seconds=600), ready=alive)
        case Hold():
            look = before.look or Look(Decision.CONTINUE, "so", 0, 0.0)
            return replace(before, look=replace(look, decision=Decision.INCONCLUSIVE))
        case Conclude(undecided):
            look = before.look
            found = Decision.INCONCLUSIVE if undecided or look is None else look.decision
            return replace(before, rollout=replace(rollout, judged=judged(found)))
        case Enter(phase):
            return replace(before, rollout=replace(rollout, phase=phase))
        case Promote(to, _):
            done = replace(rollout, phase=Phase.DONE, closed=Ending.PROMOTED)
            return replace(before, rollout=done, champion=to)
        case RollBack(to, reason, ending):
            route = Traffic({to.version: 100}, None) if to else before.traffic
            undone = replace(rollout, phase=Phase.ROLLED_BACK, closed=ending, reason=reason)
            return replace(before, rollout=undone, traffic=route)
        case Finish():
            return before


@given(any_facts())
def test_every_rollout_comes_to_an_end(given_facts: Facts) -> None:
    """From any facts, actions that succeed end within eight of them, waiting or closed.

    A kill between two actions changes no fact, so the next process goes on the same way.
    """
    seen = given_facts
    for _ in range(8):
        action = decide(seen, POLICY)
        if isinstance(action, Finish):
            break
        seen = performed(seen, action)
    else:
        raise AssertionError(f"still going: {action}")

    assert seen.rollout.closed is not None or seen.rollout.waiting
    if seen.rollout.closed is Ending.PROMOTED:
        assert seen.traffic == Traffic({"v2.0.0": 100}, None)
        assert "v2.0.0" in seen.ready


@given(any_facts(st.just(Phase.WATCHING)), st.text(min_size=1))
def test_a_firing_trigger_undoes_before_anything_else(given_facts: Facts, why: str) -> None:
    """At once where stable is ready, else after it is brought up; whatever the time."""
    action = decide(replace(given_facts, watched=Watched(why, ())), POLICY)

    if "v1.0.0" in given_facts.ready:
        assert action == RollBack(V1, why, Ending.ROLLED_BACK)
    else:
        assert action == BringUp(V1)


@given(any_facts(st.just(Phase.WATCHING)))
def test_without_a_firing_trigger_a_watch_undoes_nothing(given_facts: Facts) -> None:
    """Missing traffic, labels, servers or looks are no reason; only an undo under way goes on."""
    watched = replace(given_facts.watched or Watched(None, ()), firing=None)
    kept = replace(given_facts, watched=watched, champion=V2, traffic=Traffic({}, None))

    assert not isinstance(decide(kept, POLICY), RollBack)
