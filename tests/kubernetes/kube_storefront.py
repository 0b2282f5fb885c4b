"""An application of real pods behind the real gateway, deployed as a person deploys it.

Its answers are counted by its own pods, which a real Prometheus scrapes. Everything happens in the
network of the node: whoever uses it is `inside`.
"""

import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kube_build import program
from kube_clients import Clients, ask
from kube_cluster import Cluster
from kube_gateway import GATEWAY, GATEWAYS, PORT
from kube_image import image
from kube_real import RealNode
from kube_requests import Scraper
from kube_targets import Targets
from kube_verbs import Verbs

from rollout.application import parse_application

NAME, IMAGE = "shop", "pincex.test/shop"
# A server that has a second of work before it listens, as most have; v3.0.0 is the bad one.
ORDINARY = {"LATENCY": "5ms", "STARTS": "1s"}
RELEASES: dict[str, dict[str, str]] = {
    "v1.0.0": ORDINARY,
    "v2.0.0": ORDINARY,
    "v3.0.0": {**ORDINARY, "ERRORS": "0.5"},
}
PRICES = f"""
[application]
name = "{NAME}"

[component.prices]
image = "{IMAGE}:{{version}}"
command = ["/pod", "serve", "{{port}}"]
paths = ["/prices"]
runs = "many"
idempotent = true
"""
# The default is one pod, handed over: to go back, the one before is started again first.
ORDERS = f"""
[component.orders]
image = "{IMAGE}:{{version}}"
command = ["/pod", "serve", "{{port}}"]
paths = ["/orders"]
dependencies = ["prices"]
"""
# Steps as short as the evidence allows. A machine with other things to do is no harm.
POLICY = """
[rollout]
ready_within = 120
drain_within = 30

[rollout.steps]
first_percent = 10
growth = 3
seconds = 1
min_requests = 50
errors_limit_percent = 80
deadline = 180

[rollout.live_rules.response_time]
floor_ms = 5000

[rollout.watch]
seconds = 0
"""


@dataclass
class Storefront(Verbs):
    """The application `shop` in a namespace of its own; `folder` is its `$PINCEX_HOME`."""

    node: RealNode
    folder: Path
    application: str = PRICES + ORDERS
    cluster: Cluster = field(init=False)
    namespace: str = field(init=False)
    targets: Targets = field(init=False)
    scraper: Scraper = field(init=False)

    def __enter__(self) -> "Storefront":
        self.cluster = Cluster(self.node.plane)
        self.kubeconfig = self.node.plane.kubeconfig
        self.namespace = self.cluster.namespace()
        add_images(self.node)
        (self.folder / "application.toml").write_text(self.application)
        (self.folder / "policy.toml").write_text(POLICY)
        self.targets = Targets(self.cluster.api(self.namespace), self.folder / "pods.json")
        self.targets.__enter__()
        self.scraper = Scraper(self.folder / "prometheus", self.targets.job)
        self.scraper.start()
        (self.folder / "metrics.toml").write_text(f'url = "{self.scraper.url}"\n')
        return self

    def __exit__(self, *exception: object) -> None:
        self.targets.__exit__(*exception)
        self.scraper.stop()
        # The paths at the gateway are the same in each namespace: who comes next must not be served
        # by pods that end.
        try:
            self.kubectl("delete", "httproutes", "--all")
            for part in parse_application(self.application).services:
                until_forgotten(part.paths[0])
        finally:
            self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def begin(self) -> None:
        """v1.0.0 serves, and the gateway has heard of it."""
        report = self.must(0, "deploy", "v1.0.0", "--gateway", f"{GATEWAYS}/{GATEWAY}")
        assert report["ending"] == "PROMOTED", report
        for part in parse_application(self.application).services:
            until_answered(part.paths[0], "v1.0.0")

    def rows(self) -> list[dict[str, Any]]:
        """The ledger, as `history` tells it."""
        found: list[dict[str, Any]] = self.must(0, "history")["rows"]
        return found

    def kubectl(self, *arguments: str, given: object = None) -> str:
        """kubectl in the namespace."""
        return self.cluster.kubectl("-n", self.namespace, *arguments, given=given)


def add_images(node: RealNode) -> None:
    """The images of all releases; they differ in what their environment is by default."""
    known = node.ctr("images", "ls", "-q").split()
    for version, env in RELEASES.items():
        name = f"{IMAGE}:{version}"
        if name not in known:
            archive = node.directory / "image.tar"
            told: Mapping[str, str] = {**env, "VERSION": version}
            archive.write_bytes(image(program("pod").read_bytes(), name, told))
            node.ctr("images", "import", str(archive))


def until_answered(path: str, version: str, within: float = 60.0) -> None:
    """Wait until twenty answers in a row at a path come from a version."""
    deadline, row = time.monotonic() + within, 0
    while row < 20:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
        answered = ask(connection, path)
        connection.close()
        row = row + 1 if answered == (version, "") else 0
        assert time.monotonic() < deadline, f"{path} answers {answered}"


def until_forgotten(path: str, within: float = 60.0) -> None:
    """Wait until no pod answers at a path any more."""
    deadline = time.monotonic() + within
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
        version, problem = ask(connection, path)
        connection.close()
        if not version and problem.startswith("404"):
            return
        assert time.monotonic() < deadline, f"{path} is answered by {version}: {problem}"
        time.sleep(0.1)


@contextmanager
def asking(rates: Mapping[str, float]) -> Iterator[list[Clients]]:
    """Clients at each path, half of the requests with a new connection each, half with keep-alive.

    The first of each two are the ones with a new connection.
    """
    with ExitStack() as running:
        yield [
            running.enter_context(Clients(PORT, path, rate / 2, fresh=fresh, threads=4))
            for path, rate in rates.items()
            for fresh in (True, False)
        ]
