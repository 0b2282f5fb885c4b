"""What a real Prometheus does not know of a candidate, it is not taken for: no step is passed."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kube_requests import Behaviour, Requests, Scraper

from cluster.prometheus import Metrics, Prometheus
from rollout.policy import default_policy_text, parse
from rollout.release import StepCounts
from rollout.state import Decision
from rollout.step_evidence import judge_step

pytestmark = pytest.mark.kubernetes

OLD, NEW = "v1.0.0", "v2.0.0"
ENOUGH = 1500
PATIENCE = 60.0


def pages(*ports: int) -> dict[str, object]:
    """A job of one target for each page."""
    targets = [f"127.0.0.1:{port}" for port in ports]
    return {"job_name": "pages", "static_configs": [{"targets": targets}]}


@pytest.fixture
def shares() -> dict[str, int]:
    """Who gets how much, as long as a test does not change it."""
    return {OLD: 50, NEW: 50}


@pytest.fixture
def servers(shares: dict[str, int]) -> Iterator[list[Requests]]:
    """Two servers of each version, each with a page of its own."""
    with Requests(lambda: {"prices": shares}) as first, Requests(lambda: {"prices": shares}) as two:
        yield [first, two]


@pytest.fixture
def seen(servers: list[Requests], tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes them."""
    scraper = Scraper(tmp_path / "prometheus", pages(*(one.port for one in servers)))
    scraper.start()
    try:
        yield Prometheus(Metrics(scraper.url))
    finally:
        scraper.stop()


def counted(seen: Prometheus, since: datetime) -> StepCounts:
    """What is known of the candidate, once it is much."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = seen.counts("prices", NEW, OLD, since, 10.0)
        if found.own.requests + found.beside.requests > 2 * ENOUGH:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def decided(found: StepCounts) -> Decision:
    """What the step at a half comes to, by the policy of the product."""
    return judge_step(found, 50, 4, 4.0, parse(default_policy_text())).decision


def test_all_that_is_counted_and_timed_lets_a_step_pass(seen: Prometheus) -> None:
    """The others of these tests do not, for one reason each."""
    assert decided(counted(seen, datetime.now(UTC))) is Decision.PROMOTE


def test_answers_that_are_in_no_histogram_may_have_been_slow(
    seen: Prometheus, servers: list[Requests]
) -> None:
    """A candidate whose times nobody knows is none that is fast."""
    for one in servers:
        one.behave["prices", NEW] = Behaviour(timed=0.5)
    found = counted(seen, datetime.now(UTC))

    assert found.own.unsure == pytest.approx(found.own.requests / 2, rel=0.1)
    assert decided(found) is Decision.CONTINUE


def test_a_server_that_is_scraped_no_more_lets_no_step_pass(
    seen: Prometheus, servers: list[Requests]
) -> None:
    """It hangs: what it answered before says nothing about what it answers now."""
    since = datetime.now(UTC)
    counted(seen, since)
    servers[1].close()
    deadline = time.monotonic() + PATIENCE
    while not counted(seen, since).silent:
        assert time.monotonic() < deadline
        time.sleep(0.5)

    assert decided(counted(seen, since)) is Decision.CONTINUE


def test_a_candidate_that_answers_much_less_than_its_share_is_held(
    seen: Prometheus, shares: dict[str, int]
) -> None:
    """Requests are counted once they are answered: those that hang are only missing."""
    shares.update({OLD: 50, NEW: 10})

    assert decided(counted(seen, datetime.now(UTC))) is Decision.CONTINUE
