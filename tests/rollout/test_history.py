"""The fold: what the rows of the ledger add up to."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_parts import (
    NOW,
    V1,
    V2,
    V3,
    Row,
    closed,
    opened,
    phase,
    served,
    verdict,
)

from rollout.history import as_data, expected_aliases, fold
from rollout.state import WATCH, Decision, Ending, Phase, Revision, Verb, Watch

LATER = NOW + timedelta(hours=1)
FIRST = served(V1, Verb.DEPLOY)
PASS, FAIL = Decision.PROMOTE, Decision.ROLLBACK
SHADOW = [opened("r-1", V2), verdict("r-1", PASS)]
PROMOTED = [FIRST, *SHADOW, phase("r-1", Phase.PROMOTING), served(V2), closed("r-1", "PROMOTED")]


def versions(rows: Sequence[Row]) -> list[str]:
    """The stack of champions after these rows."""
    return [champion.revision.version for champion in fold(rows).champions]


STACKS = {
    "nothing": ([], []),
    "first": ([FIRST], ["v1.0.0"]),
    "promoted": ([FIRST, served(V2)], ["v1.0.0", "v2.0.0"]),
    "rolled back": ([FIRST, served(V2), served(V1, Verb.ROLLBACK)], ["v1.0.0"]),
    "forward again": (
        [FIRST, served(V2), served(V1, Verb.ROLLBACK), served(V2)],
        ["v1.0.0", "v2.0.0"],
    ),
    "twice back": (
        [FIRST, served(V2), served(V3), served(V2, Verb.ROLLBACK), served(V1, Verb.ROLLBACK)],
        ["v1.0.0"],
    ),
    "promoted to what served before": (
        [FIRST, served(V2), served(V1)],
        ["v1.0.0", "v2.0.0", "v1.0.0"],
    ),
    "back from what served before": (
        [FIRST, served(V2), served(V1), served(V2, Verb.ROLLBACK)],
        ["v1.0.0", "v2.0.0"],
    ),
    "undone by the watch": ([FIRST, served(V2), served(V1, WATCH)], ["v1.0.0"]),
    "undone by the watch, written twice": (
        [FIRST, served(V2), *[served(V1, WATCH)] * 2],
        ["v1.0.0"],
    ),
    "a rollback that ends where traffic is": ([FIRST, served(V1, Verb.ROLLBACK)], ["v1.0.0"]),
    "rows written twice": (
        [FIRST, FIRST, served(V2), served(V2), *[served(V1, Verb.ROLLBACK)] * 2],
        ["v1.0.0"],
    ),
}


@pytest.mark.parametrize(("rows", "wanted"), STACKS.values(), ids=STACKS.keys())
def test_the_stack_of_champions(rows: list[Row], wanted: list[str]) -> None:
    """A promotion pushes, a rollback pops, a row that was written twice counts once."""
    assert versions(rows) == wanted


REVISIONS = st.sampled_from([V1, V2, V3, replace(V2, digest="f" * 64)])
STEPS = st.lists(st.tuples(st.booleans(), REVISIONS, st.integers(1, 3)), max_size=25)


@given(STEPS)
def test_any_order_of_promotions_and_rollbacks_is_a_stack(
    steps: list[tuple[bool, Revision, int]],
) -> None:
    """Promotions and rollbacks as the verbs allow them, rows repeated at will: a plain stack."""
    model: list[Revision] = []
    rows: list[Row] = []
    for back, revision, copies in steps:
        if back and len(model) > 1:
            model.pop()
            rows += [served(model[-1], Verb.ROLLBACK)] * copies
        elif not back and model[-1:] != [revision]:
            model.append(revision)
            rows += [served(revision)] * copies

        found = fold(rows)
        assert [champion.revision for champion in found.champions] == model
        assert (found.champion and found.champion.revision) == (model[-1] if model else None)
        assert (found.previous and found.previous.revision) == (model[-2] if model[1:] else None)


def test_a_rollback_keeps_why_the_target_once_served() -> None:
    """It serves again since now, by the rollback, on the evidence it was promoted on."""
    rows = [
        FIRST,
        served(V2, digest="2" * 64),
        served(V3, digest="3" * 64),
        served(V2, Verb.ROLLBACK, at=LATER),
    ]
    champion = fold(rows).champion

    assert champion is not None
    assert (champion.since, champion.verb) == (LATER, Verb.ROLLBACK)
    assert champion.evidence_digest == "2" * 64


OPENED = {
    "a shadow": (Verb.DEPLOY, Phase.SHADOW),
    "a promotion": (Verb.PROMOTE, Phase.PROMOTING),
    "a rollback": (Verb.ROLLBACK, Phase.SHIFTING),
}


@pytest.mark.parametrize(("verb", "begins"), OPENED.values(), ids=OPENED.keys())
def test_a_rollout_begins_in_the_phase_of_its_verb(verb: Verb, begins: Phase) -> None:
    """The opening row says all of it: who, what against what, how much may be copied."""
    found = fold([opened("r-1", V2, verb=verb, override="so")]).open

    assert found is not None
    assert (found.verb, found.phase, found.closed) == (verb, begins, None)
    assert (found.stable, found.candidate, found.actor) == (V1, V2, "ann")
    assert (found.sample, found.cap, found.override, found.opened_at) == (0.25, 50.0, "so", NOW)


ENDINGS = dict.fromkeys(Ending, Phase.ROLLED_BACK) | {Ending.PROMOTED: Phase.DONE}


@pytest.mark.parametrize(("ending", "rests"), ENDINGS.items(), ids=ENDINGS.keys())
def test_a_closed_rollout_rests(ending: Ending, rests: Phase) -> None:
    """Nothing is open any more, and the reason is kept."""
    history = fold([opened("r-1", V2), closed("r-1", ending)])

    assert history.open is None
    assert [(r.closed, r.phase, r.reason) for r in history.rollouts] == [
        (ending, rests, "so it is")
    ]


def test_a_phase_and_its_override_are_recorded() -> None:
    """The row of a phase changes its own rollout and no other."""
    rows = [opened("r-0", V3), closed("r-0", "INCONCLUSIVE"), opened("r-1", V2)]
    found = fold([*rows, phase("r-1", Phase.PROMOTING, "the desk asked")])

    assert [(r.phase, r.override) for r in found.rollouts] == [
        (Phase.ROLLED_BACK, None),
        (Phase.PROMOTING, "the desk asked"),
    ]


def test_a_rollout_waits_from_its_pass_to_its_promotion() -> None:
    """Not before the verdict, not in PROMOTING, not when closed, not after a FAIL."""
    seen = [fold(PROMOTED[: n + 1]).rollouts for n in range(1, len(PROMOTED))]
    failed = fold([opened("r-1", V2), verdict("r-1", FAIL)]).rollouts

    assert [rollouts[0].waiting for rollouts in seen] == [False, True, False, False, False]
    assert not failed[0].waiting


def test_the_latest_open_rollout_is_the_open_one() -> None:
    """Of two that were never closed the newer counts."""
    found = fold([opened("r-1", V2), opened("r-2", V3)]).open

    assert found is not None
    assert found.id == "r-2"


def test_settled_aliases_are_those_of_the_last_row() -> None:
    """What we wrote last is how a foreign move is told from a move we still owe."""
    rows = [Row("aliases", {"aliases": {"champion": version}}) for version in ("v1.0.0", "v2.0.0")]

    assert fold([]).settled_aliases is None
    assert fold(rows).settled_aliases == {"champion": "v2.0.0"}


def test_rows_of_other_rooms_change_nothing() -> None:
    """A kind that the fold does not know is somebody else's."""
    assert fold([Row("rollout-waiting", {}), Row("message", {})]) == fold([])


def test_a_revision_goes_into_a_row_and_back() -> None:
    """`as_data` and the fold are each other's inverse; nothing stays nothing."""
    found = fold([served(V3)]).champion

    assert as_data(None) is None
    assert found is not None
    assert as_data(found.revision) == {"version": V3.version, "digest": V3.digest}


WATCHED = [*SHADOW, phase("r-1", Phase.PROMOTING), served(V2), phase("r-1", Phase.WATCHING)]
UNDONE = [*WATCHED, served(V1, WATCH), closed("r-1", "ROLLED_BACK")]


def test_a_watch_is_known_from_its_row() -> None:
    """Since when, how long, against which past p95; the rollout stays open."""
    opened = fold([FIRST, *WATCHED]).open

    assert opened is not None
    assert opened.phase is Phase.WATCHING
    assert opened.watch == Watch(NOW, 600, 14.0)
    assert opened.watch.until == NOW + timedelta(seconds=600)
    assert not opened.waiting


def test_the_champion_under_watch_is_no_challenger() -> None:
    """The aliases are those of the promotion, already."""
    assert expected_aliases(fold([FIRST, *WATCHED])) == {
        "champion": "v2.0.0",
        "previous": "v1.0.0",
    }
    assert expected_aliases(fold([FIRST, *UNDONE])) == {"champion": "v1.0.0"}


def test_what_a_watch_undid_needs_new_evidence() -> None:
    """Its PASS is used up; one that was rolled back by hand may be promoted again."""
    by_hand = [*WATCHED, served(V1, Verb.ROLLBACK), closed("r-1", "ABANDONED")]

    assert fold([FIRST, *UNDONE]).passed(V1, V2) is None
    assert fold([FIRST, *UNDONE]).rollouts[0].undone
    assert fold([FIRST, *by_hand]).passed(V1, V2) is not None


def test_a_watch_that_was_killed_while_it_undid_knows_why() -> None:
    """The sentence stands in the row of what serves, before the rollout is closed."""
    undone = served(V1, WATCH, override="errors 9.1 %")

    assert [one.reason for one in fold([FIRST, *WATCHED, undone]).rollouts] == ["errors 9.1 %"]
    assert [one.reason for one in fold([FIRST, *WATCHED, served(V1)]).rollouts] == [""]
