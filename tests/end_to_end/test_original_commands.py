"""Every command of the original that a local site answers, run as the runbook's table has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from runbook_rows import Answer, Row, require, rows, run

from flows.rehearsal.small_client import Client
from flows.rehearsal.small_exchange import QUICK, trading
from flows.rehearsal.small_site import POLICY, SmallSite, small_models

pytestmark = [pytest.mark.site, pytest.mark.long]

MODEL, RATE = "price-predictor", 100.0
RELEASES = {"v2.0.0": "v1.0.0", "v2.1.0": "v2.0.0"}
"""What the table calls the small models."""
ROWS = list(rows("local"))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Row, Answer]]:
    """What each row came to, on one site: two releases and a champion serve there, under load."""
    directory = tmp_path_factory.mktemp("original")
    here = SmallSite(directory)
    here.hold_to(POLICY + QUICK)
    patch = pytest.MonkeyPatch()
    patch.setenv("PINCEX_HOME", str(here.home.path))
    try:
        begin(here, directory / "models")
        endpoint, home = here.home.site().endpoint, here.home.path
        with trading(endpoint, RATE, directory / "stats.json", home), Client(endpoint, RATE):
            deployed(here, "v1.0.0")
            yield run(ROWS, home)
    finally:
        patch.undo()
        here.end()


def begin(here: SmallSite, models: Path) -> None:
    """Start it, with a first model and a first release."""
    assert here.pincex("up").code == 0
    small_models(models)
    for release, small in RELEASES.items():
        made = here.pincex("register-model", MODEL, release, str(models / small))
        assert made.code == 0, made
    first = here.pincex("deploy-model", MODEL, next(iter(RELEASES)), "--first")
    assert first.code == 0, first
    deployed(here, "v0.9.0")


def deployed(here: SmallSite, version: str) -> None:
    """Roll the sample exchange out."""
    ran = here.pincex("deploy", version)
    assert ran.code == 0, ran


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.command)
def test_a_command_of_the_original_answers_as_the_runbook_says(
    answers: dict[Row, Answer], row: Row
) -> None:
    """The line that the table has, with other numbers, and its exit code."""
    require(row, answers[row])
