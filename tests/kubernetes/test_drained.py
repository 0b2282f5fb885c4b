"""A gateway that obeys late: the version that left the route serves until its counters say so."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from kube_cluster import Cluster
from kube_release import POLICY, Shop

from cluster.kubernetes.kinds import DEPLOYMENT

pytestmark = pytest.mark.kubernetes

LATE, BOUND = 5.0, 18
OLD = "prices-v2-0-0"


@dataclass
class LateGateway:
    """Obeys a route of `shop` so many seconds after it was changed."""

    shop: Shop
    late: float = 0.0
    _told: list[tuple[float, Mapping[str, Mapping[str, int]]]] = field(default_factory=list)
    last_asked: float = 0.0

    def weights(self) -> Mapping[str, Mapping[str, int]]:
        """Who is asked now; when v2.0.0 last was, is kept."""
        now, wanted = time.monotonic(), self.shop.weights()
        if not self._told or self._told[-1][1] != wanted:
            self._told.append((now + self.late, wanted))
        obeyed = [weights for at, weights in self._told if at <= now]
        if obeyed[-1].get("prices", {}).get("v2.0.0"):
            self.last_asked = now
        return obeyed[-1]


@pytest.fixture
def late(
    fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LateGateway]:
    """v2.0.0 serves after v1.0.0, behind a gateway that is not late yet."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path) as shop:
        shop.apply_gateway()
        gateway = LateGateway(shop)
        shop.requests.weights = gateway.weights
        policy = tmp_path / "bounded.toml"
        policy.write_text(POLICY.replace("[rollout]\n", f"[rollout]\nquiet_within = {BOUND}\n", 1))
        for version in ("v1.0.0", "v2.0.0"):
            code, report = shop.deploy(version, "--policy", str(policy))
            assert (code, report.get("ending")) == (0, "PROMOTED"), report
        yield gateway


def ended(shop: Shop) -> str:
    """How the ledger says v2.0.0 was drained."""
    code, report, said = shop.run("history")
    assert code == 0, said
    rows = [row["data"] for row in report["rows"] if row["kind"] == "version-ended"]
    (how,) = [row["how"] for row in rows if row["version"] == "v2.0.0"]
    return str(how)


def rolled_back(gateway: LateGateway) -> float:
    """Roll back; for how long nobody had asked v2.0.0 when its Deployment went (s)."""
    shop = gateway.shop
    running = shop.start("rollback")
    while shop.api.find(DEPLOYMENT, OLD):
        time.sleep(0.05)
    quiet = time.monotonic() - gateway.last_asked
    said = running.communicate(timeout=120)[1]
    assert running.returncode == 0, said
    assert shop.serving("v1.0.0")
    return quiet


def test_a_version_is_ended_after_the_last_request_that_a_late_gateway_sent(
    late: LateGateway,
) -> None:
    """Its route changed seconds before: those were not the ones that count."""
    late.late = LATE

    quiet = rolled_back(late)

    # The page is made, scraped and read a second late each, at most.
    assert quiet > 4
    assert ended(late.shop) == "no request came for 5 s"


def test_a_gateway_that_never_obeys_is_not_waited_for_for_ever(late: LateGateway) -> None:
    """The undo ends, and the ledger says that requests still came."""
    late.late = 3600.0

    rolled_back(late)

    assert ended(late.shop).startswith(f"requests still came {BOUND} s after its route")


def test_without_metrics_its_pods_serve_on_for_the_drain_time_and_that_is_said(
    late: LateGateway,
) -> None:
    """An undo does not need a Prometheus: it waits for a dead one as long as for a pod."""
    late.shop.scraper.stop()

    rolled_back(late)

    assert ended(late.shop).endswith("cannot be had: [Errno 111] Connection refused, so its pods"
                                     " served on for 5 s")  # fmt: skip
