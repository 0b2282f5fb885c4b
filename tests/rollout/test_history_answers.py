"""What a history answers: who passed, who failed, and what the aliases must be."""

from dataclasses import replace

import pytest
from rollout_parts import V1, V2, V3, Row, closed, opened, phase, served, verdict

from rollout.history import expected_aliases, fold
from rollout.state import WATCH, Decision, Phase, Revision, Verb

FIRST = served(V1, Verb.DEPLOY)
PASS, FAIL = Decision.PROMOTE, Decision.ROLLBACK
SHADOW = [opened("r-1", V2), verdict("r-1", PASS)]
PROMOTED = [FIRST, *SHADOW, phase("r-1", Phase.PROMOTING), served(V2), closed("r-1", "PROMOTED")]

PASSED = {
    "no verdict": ([opened("r-1", V2)], None),
    "PASS": (SHADOW, "r-1"),
    "PASS of a closed rollout": ([*SHADOW, closed("r-1", "PROMOTED")], "r-1"),
    "FAIL": ([opened("r-1", V2), verdict("r-1", FAIL)], None),
    "INCONCLUSIVE": ([opened("r-1", V2), verdict("r-1", Decision.INCONCLUSIVE)], None),
    "PASS against another champion": ([opened("r-1", V2, V3), verdict("r-1", PASS)], None),
    "PASS of other files": (
        [opened("r-1", replace(V2, digest="f" * 64)), verdict("r-1", PASS)],
        None,
    ),
    "PASS of another version": ([opened("r-1", V3), verdict("r-1", PASS)], None),
    "judged again: FAIL": ([*SHADOW, verdict("r-1", FAIL)], None),
    "the later of two": ([*SHADOW, opened("r-2", V2), verdict("r-2", PASS)], "r-2"),
    "PASS, then a later shadow FAILs": ([*SHADOW, opened("r-2", V2), verdict("r-2", FAIL)], None),
    "FAIL, then a later shadow passes": (
        [opened("r-0", V2), verdict("r-0", FAIL), *SHADOW],
        "r-1",
    ),
    "PASS, then a later shadow without verdict": ([*SHADOW, opened("r-2", V2)], "r-1"),
    "PASS, then a later shadow is undecided": (
        [*SHADOW, opened("r-2", V2), verdict("r-2", Decision.INCONCLUSIVE)],
        "r-1",
    ),
}


@pytest.mark.parametrize(("rows", "wanted"), PASSED.values(), ids=PASSED.keys())
def test_a_pass_counts_for_exactly_two_revisions(rows: list[Row], wanted: str | None) -> None:
    """Version and files of both sides have to match, and no later FAIL may speak against it."""
    found = fold(rows).passed(V1, V2)

    assert (found.id if found else None) == wanted


FAILED = {
    "never judged": ([opened("r-1", V2)], None),
    "FAIL": ([opened("r-1", V2), verdict("r-1", FAIL)], "r-1"),
    "PASS": (SHADOW, None),
    "FAIL, then PASS": ([opened("r-0", V2), verdict("r-0", FAIL), *SHADOW], None),
    "FAIL against another champion": ([opened("r-1", V2, V3), verdict("r-1", FAIL)], "r-1"),
    "FAIL of other files": (
        [opened("r-1", replace(V2, digest="f" * 64)), verdict("r-1", FAIL)],
        None,
    ),
}


@pytest.mark.parametrize(("rows", "wanted"), FAILED.values(), ids=FAILED.keys())
def test_a_version_is_rejected_by_its_last_verdict(rows: list[Row], wanted: str | None) -> None:
    """The last word counts, whoever was champion then."""
    found = fold(rows).failed(V2)

    assert (found.id if found else None) == wanted


ALIASES: dict[str, tuple[list[Row], dict[str, str]]] = {
    "nothing": ([], {}),
    "first version in its smoke": ([opened("r-1", V2, None)], {"challenger": "v2.0.0"}),
    "first": ([FIRST], {"champion": "v1.0.0"}),
    "shadow": ([FIRST, *SHADOW], {"champion": "v1.0.0", "challenger": "v2.0.0"}),
    "promoted": (PROMOTED, {"champion": "v2.0.0", "previous": "v1.0.0"}),
    "rejected": (
        [FIRST, opened("r-1", V2), verdict("r-1", FAIL), closed("r-1", "ROLLED_BACK")],
        {"champion": "v1.0.0"},
    ),
    "rolling back": (
        [*PROMOTED, opened("r-2", V1, V2, Verb.ROLLBACK)],
        {"champion": "v2.0.0", "previous": "v1.0.0"},
    ),
    "rolled back": (
        [*PROMOTED, opened("r-2", V1, V2, Verb.ROLLBACK), served(V1, Verb.ROLLBACK)],
        {"champion": "v1.0.0"},
    ),
}


@pytest.mark.parametrize(("rows", "wanted"), ALIASES.values(), ids=ALIASES.keys())
def test_the_aliases_the_registry_must_have(rows: list[Row], wanted: dict[str, str]) -> None:
    """They follow what the ledger knows, role by role."""
    assert expected_aliases(fold(rows)) == wanted


MOVING = [*SHADOW, phase("r-1", Phase.PROMOTING)]
WATCHED = [*MOVING, served(V2), phase("r-1", Phase.WATCHING)]
TARGETS: dict[str, tuple[list[Row], Revision | None]] = {
    "nothing serves": ([], None),
    "only one version ever served": ([FIRST], None),
    "at rest": ([FIRST, served(V3), served(V1)], V3),
    "in its shadow": ([served(V3), served(V1), *SHADOW], V3),
    "promoting": ([served(V3), FIRST, *MOVING], V1),
    "promoting, success recorded": ([served(V3), FIRST, *MOVING, served(V2)], V1),
    "watched": ([served(V3), FIRST, *WATCHED], V1),
    "while the watch undoes it": ([served(V3), FIRST, *WATCHED, served(V1, WATCH)], V1),
    "the first version, promoting": (
        [opened("r-1", V2, None), phase("r-1", Phase.PROMOTING)],
        None,
    ),
    "rolling back already": (
        [served(V3), FIRST, served(V2), opened("r-2", V1, V2, Verb.ROLLBACK)],
        V1,
    ),
    "rolling back, success recorded": (
        [
            *(served(V3), FIRST, served(V2)),
            *(opened("r-2", V1, V2, Verb.ROLLBACK), served(V1, Verb.ROLLBACK)),
        ],
        V1,
    ),
}


@pytest.mark.parametrize(("rows", "wanted"), TARGETS.values(), ids=TARGETS.keys())
def test_what_an_undo_returns_to(rows: list[Row], wanted: Revision | None) -> None:
    """Never a version further back than the one that the present move leads away from."""
    assert fold(rows).return_target == wanted


def test_what_the_aliases_should_have_said_is_remembered_until_they_were_settled() -> None:
    """What a process that was killed may have written is no foreign move."""
    settled = Row("aliases", {"aliases": {"champion": "v1.0.0"}})
    rows = [FIRST, settled, served(V2), served(V1, Verb.ROLLBACK)]

    assert fold(rows[:2]).meant_aliases == ()
    assert fold(rows).meant_aliases == (
        {"champion": "v2.0.0", "previous": "v1.0.0"},
        {"champion": "v1.0.0"},
    )
    assert fold([*rows, settled]).meant_aliases == ()
