"""`approve` on a ledger without any process: one answer to each question, whoever else is there."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_parts import Cli

from cluster.ledger import Row
from cluster.local.home import Home
from flows.approve import Given, answer
from flows.refusal import Refused
from flows.site import Site
from rollout.policy import default_policy_text

DIGEST = "e" * 64
BOB = Given(True, "bob", "the terminal", "all gates")
CID = Given(False, "cid", "Prefect", "not on Fridays")


def told(version: str) -> dict[str, str]:
    """A revision as a row has it."""
    return {"version": version, "digest": version}


class Asked:
    """A site's ledger in which the promotion of v2.0.0 asked a person."""

    def __init__(self, path: Path) -> None:
        home = Home(path)
        home.create("local", "local")
        self.site = Site("local", home)
        self.note("rollout-opened", verb="deploy-model", stable=told("v1.0.0"))

    def note(self, kind: str, **data: Any) -> Row:
        """Add a row of the rollout."""
        if kind == "rollout-opened":
            data |= {"candidate": told("v2.0.0"), "policy": default_policy_text(), "sample": 1.0}
            data |= {"cap": 100.0, "override": None}
        row = {"rollout": "r-1", **data}
        return self.site.ledger.append(
            kind, component="price", region="local", actor="ann", data=row
        )

    def ask(self, seconds: float = 60.0) -> datetime:
        """Ask for so many seconds; when that was."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        asked = {"until": until.isoformat(), "evidence_digest": DIGEST, "override": None}
        return self.note("approval-asked", **asked).at

    def answers(self) -> list[tuple[str, str]]:
        """What was answered, by whom."""
        rows = self.site.ledger.rows()
        return [(row.kind, row.actor) for row in rows if row.kind in ("approved", "refused")]


@pytest.fixture
def asked(cli: Cli) -> Asked:
    """The ledger of the site that `cli` talks to."""
    return Asked(cli.home)


@pytest.mark.parametrize(("given", "kind"), [(BOB, "approved"), (CID, "refused")])
def test_an_answer_is_a_row(asked: Asked, given: Given, kind: str) -> None:
    """Who, how and why, for exactly this rollout and this evidence."""
    asked.ask()
    done = answer(asked.site, "price", given)
    row = asked.site.ledger.rows()[-1]

    assert (row.kind, row.actor) == (kind, given.by)
    assert row.data == {
        "rollout": "r-1",
        "evidence_digest": DIGEST,
        "how": given.how,
        "reason": given.reason,
    }
    assert (done["version"], done["approval"]["state"]) == ("v2.0.0", kind)
    assert done["approval"]["answered_by"] == given.by


def closed(asked: Asked) -> None:
    """The rollout was refused and is over."""
    asked.ask()
    answer(asked.site, "price", CID)
    asked.note("rollout-closed", ending="REFUSED", reason="cid refused it")


NOTHING = {
    "nothing asked": (lambda asked: None, "nothing asked for it"),
    "too late": (lambda asked: asked.ask(-1.0), "the time for price v2.0.0 was over at "),
    "given up": (
        lambda asked: (asked.ask(), asked.note("approval-lapsed", reason="nobody approved it")),
        "price v2.0.0: nobody approved it",
    ),
    "over": (closed, "price v2.0.0 was refused by cid at "),
}


@pytest.mark.parametrize(("before", "said"), NOTHING.values(), ids=NOTHING.keys())
def test_nothing_to_answer(cli: Cli, asked: Asked, before: Any, said: str) -> None:
    """Exit code 2, and no row."""
    before(asked)
    rows = len(asked.site.ledger.rows())
    ran = cli("approve", "price", "--json")

    assert ran.code == 2
    assert ran.report["error"].startswith("nothing of price waits for approval; ")
    assert said in ran.report["error"]
    assert ran.report["hint"] == "pincex promote-model price"
    assert len(asked.site.ledger.rows()) == rows


def test_an_unknown_model_has_no_rollout(cli: Cli, asked: Asked) -> None:
    """Exit code 2."""
    ran = cli("approve", "prices")

    assert ran.code == 2
    assert ran.err.startswith("error: there is no rollout of prices. Nothing was changed.")


@pytest.mark.parametrize("refuse", [True, False], ids=["the other answer", "the same answer"])
def test_a_second_answer_is_a_conflict(cli: Cli, asked: Asked, refuse: bool) -> None:
    """Exit code 1; the error says who was first, when, how and why."""
    asked.ask()
    answer(asked.site, "price", BOB)
    ran = cli("approve", "price", *(["--refuse", "--reason", "no"] if refuse else []))

    assert ran.code == 1
    assert "price v2.0.0 was approved by bob at " in ran.err
    assert " in the terminal: all gates. Nothing was changed." in ran.err
    assert asked.answers() == [("approved", "bob")]


def test_a_form_answers_only_the_question_it_showed(asked: Asked) -> None:
    """The promotion was given up and asked again meanwhile: what was filled in counts no more."""
    first = asked.ask()
    asked.note("approval-lapsed", reason="nobody approved it")
    second = asked.ask()

    with pytest.raises(Refused):
        answer(asked.site, "price", BOB, first)
    assert asked.answers() == []

    answer(asked.site, "price", BOB, second)
    assert asked.answers() == [("approved", "bob")]


def say(path: Path, number: int, said: Any) -> None:
    """One of many who answer, in a process of its own."""
    given = Given(number % 2 == 0, f"p{number}", "the terminal", "")
    try:
        answer(Site("local", Home(path)), "price", given)
    except Refused as refused:
        said.put((number, int(refused.code)))
    else:
        said.put((number, 0))


def test_of_many_at_once_one_is_heard(asked: Asked) -> None:
    """Every other one is told about it."""
    asked.ask()
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    people = [
        context.Process(target=say, args=(asked.site.home.path, number, said))
        for number in range(4)
    ]
    for person in people:
        person.start()
    heard = dict(said.get(timeout=60) for _ in people)
    for person in people:
        person.join()

    (first,) = [number for number, code in heard.items() if code == 0]
    assert sorted(heard.values()) == [0, 1, 1, 1]
    assert [actor for _, actor in asked.answers()] == [f"p{first}"]
    asked.site.ledger.verify()
