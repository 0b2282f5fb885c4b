"""Every command of the original that a cluster answers, run as the runbook's table has it."""

from collections.abc import Iterator

import pytest
from kube_cluster import Cluster
from kube_release import Shop
from runbook_rows import Answer, Row, require, rows, run

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]

ROWS = list(rows("cluster"))


@pytest.fixture(scope="module")
def answers(
    fake_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Row, Answer]]:
    """What each row came to, in one namespace in which two releases were deployed."""
    folder = tmp_path_factory.mktemp("original")
    with Shop(fake_cluster, folder) as shop:
        shop.apply_gateway()
        for version in ("v0.9.0", "v1.0.0"):
            code, report, said = shop.command_deploy(version)
            assert code == 0, (report, said)
        yield run(ROWS, folder, shop.namespace, shop.way)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.command)
def test_a_command_of_the_original_answers_as_the_runbook_says(
    answers: dict[Row, Answer], row: Row
) -> None:
    """The line that the table has, with other numbers, and its exit code."""
    require(row, answers[row])
