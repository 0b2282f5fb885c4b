"""Images in a real registry, the reference one: there or not, as anybody may ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_cluster import or_skipped
from kube_registry import Registry, registry
from scripted_api import Told, serving

from cluster.kubernetes.registry import in_registry
from rollout.checklist_line import Outcome

pytestmark = pytest.mark.kubernetes


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry in which anybody may read."""
    with or_skipped(), registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


def test_an_image_is_found_by_its_tag_and_by_its_digest(running: Registry) -> None:
    """By its tag with the digest that it has today, which a later push moves."""
    first = running.push("shop/price", "1.0")
    second = running.push("shop/price", "1.1")

    by_tag = in_registry(f"{running.host}/shop/price:1.1")
    by_digest = in_registry(f"{running.host}/shop/price:moved@{first}")

    assert by_tag.outcome is by_digest.outcome is Outcome.OK
    assert by_tag.evidence.endswith(f"has shop/price 1.1, today {second[:19]}...")
    assert by_digest.evidence.endswith(f"has shop/price {first[:19]}...")


@pytest.mark.parametrize(
    "wanted", ["shop/price:9.9", "shop/price@sha256:" + "0" * 64, "shop/none:1.0"]
)
def test_an_image_that_is_not_there_fails(running: Registry, wanted: str) -> None:
    """Whether it is the tag, the digest or the name that nobody pushed."""
    running.push("shop/price", "1.0")

    line = in_registry(f"{running.host}/{wanted}")

    assert line.outcome is Outcome.FAIL
    assert " has no shop/" in line.evidence


@pytest.mark.parametrize(
    ("given", "outcome"),
    [(Told(200, {"token": "t"}), Outcome.OK), (Told(401, {}), Outcome.NOT_CHECKED)],
    ids=["anybody", "nobody"],
)
def test_a_registry_that_wants_a_token_is_shown_that_of_anybody(
    tmp_path: Path, given: Told, outcome: Outcome
) -> None:
    """Its own challenge is answered; where no token is given, the holder of one must look."""
    with (
        or_skipped(),
        serving(given) as (tokens, asked),
        registry(tmp_path, f"{tokens.server}/token") as made,
    ):
        made.push("shop/price", "1.0")
        line = in_registry(f"{made.host}/shop/price:1.0")

    assert line.outcome is outcome
    ((_, path, _),) = asked.asked
    assert path == "/token?service=shop&scope=repository%3Ashop%2Fprice%3Apull"
