"""`pincex report`: any rollout is told from the ledger, step by step, while it lasts and after."""

import sqlite3

import pytest
from cli_parts import Cli
from evidence_parts import MODEL, POLICY, kept_evidence

from cluster.local.home import Home
from flows.effects import close
from flows.openers import open_rollout
from flows.site import Site
from rollout.state import Ending, Rollout, Verb


@pytest.fixture
def told(cli: Cli) -> tuple[Site, Rollout]:
    """A rollout that was rejected, and a second one of the same version that is open."""
    kept_evidence(cli.home)
    here = Site("local", Home(cli.home))
    (first,) = here.history(MODEL).rollouts
    close(here, first, Ending.ROLLED_BACK, "errors 9 %")
    assert first.stable is not None
    again = (MODEL, Verb.DEPLOY, first.stable, first.candidate, POLICY, 1.0, 100.0)
    return here, open_rollout(here, *again)


def test_a_rollout_that_ended_is_told_from_its_first_row_to_its_last(
    cli: Cli, told: tuple[Site, Rollout]
) -> None:
    """What was judged, on which evidence, and why it ended; nothing of the one that came after."""
    first = told[0].history(MODEL).rollouts[0]
    ran = cli("report", MODEL, "--rollout", first.id, "--json")

    report = ran.report
    assert ran.code == 0
    assert report["rows"][0]["kind"] == "rollout-opened"
    assert report["rows"][-1]["data"]["reason"] == "errors 9 %"
    assert {row["data"].get("rollout") for row in report["rows"]} == {first.id, None}
    assert report["closed_at"] == report["rows"][-1]["at"]
    assert (report["ending"], report["evidence_digest"]) == (
        "ROLLED_BACK",
        first.judged and first.judged.evidence_digest,
    )


def test_the_last_rollout_is_told_where_none_is_named(cli: Cli, told: tuple[Site, Rollout]) -> None:
    """Open, so far; at most 80 columns wide."""
    said = cli("report", MODEL).out

    assert said.startswith("price v2.0.0 against v1.0.0, by deploy-model: open in SHADOW for ")
    assert "deploy-model v2.0.0 against v1.0.0" in said
    assert f"rollout {told[1].id}" in said
    assert max(map(len, said.splitlines())) <= 80


def test_the_page_says_the_same(cli: Cli, told: tuple[Site, Rollout]) -> None:
    """One file, every step of the text in it."""
    first, file = told[0].history(MODEL).rollouts[0], cli.home / "report.html"
    said = cli("report", MODEL, "--rollout", first.id, "--report", file).out

    page = file.read_text()
    for shown in ("ROLLED_BACK after", "verdict ", "closed ROLLED_BACK: errors 9 %", first.id):
        assert shown in said
        assert shown in page


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(("nobody",), "the ledger knows no nobody", id="unknown model"),
        pytest.param((MODEL, "--rollout", "9"), "no rollout of price begin", id="unknown rollout"),
        pytest.param((MODEL, "--rollout", "20"), "2 rollouts of price begin", id="two of them"),
    ],
)
def test_what_cannot_be_meant_names_what_is_known(
    cli: Cli, told: tuple[Site, Rollout], words: tuple[str, ...], why: str
) -> None:
    """Exit 2, with the ids of the last rollouts where a model is known."""
    ran = cli("report", *words)

    assert ran.code == 2
    assert why in ran.err
    assert (told[1].id in ran.err) is (words[0] == MODEL)


def test_a_changed_row_is_never_told(cli: Cli, told: tuple[Site, Rollout]) -> None:
    """The chain is verified first."""
    told[0].ledger.close()
    with sqlite3.connect(cli.home / "ledger.sqlite") as ledger:
        ledger.execute("DROP TRIGGER rows_stay")
        ledger.execute("UPDATE rows SET actor = 'eve' WHERE seq = 1")

    ran = cli("report", MODEL)

    assert ran.code == 1
    assert "row 1" in ran.err
