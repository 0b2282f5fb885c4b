"""A namespace of the fake cluster to which an application is deployed, as a person deploys it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kube_cluster import Cluster
from kube_requests import Requests, Scraper, one_page

from cluster.errors import ClusterError, Unavailable
from cluster.kubernetes.api import Api
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.names import REGION
from cluster.kubernetes.services import ClusterServices
from cluster.kubernetes.traffic import Gateway
from flows import release
from flows.cli import parser
from flows.cluster_site import ClusterSite, cluster_site
from flows.recorder import Unrecorded
from flows.refusal import Refused, from_room
from flows.release_command import asked
from flows.release_openers import ReleaseRequest

NAME = "shop"
PATIENCE = 600.0
POLICY = """
[rollout]
ready_within = 120

[rollout.steps]
first_percent = 50
growth = 2
seconds = 0.5
min_requests = 50
errors_limit_percent = 80
deadline = 60

[rollout.live_rules.health]
every = 0.5

[rollout.watch]
seconds = 0
"""
PRICES = """
[component.prices]
image = "{prices}"
paths = ["/prices"]
runs = "many"
grace = 1
"""
SETTLEMENT = """
[component.settlement]
image = "{settlement}"
paths = ["/settlements"]
dependencies = ["prices"]
grace = 1
"""
STEP = """
[[component.prices.release_steps]]
name = "{name}"
command = ["{command}", "{{version}}"]
reversible = {reversible}
within = 120
"""
GATEWAY = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "gw"},
    "spec": {
        "gatewayClassName": "fake",
        "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
    },
}
FINE = {"prices": "shop/prices:{version}", "settlement": "shop/settlement:{version}"}


def release_step(name: str, command: str = "migrate", *, reversible: bool = True) -> str:
    """A release step of `prices`; one whose command is `fail` fails."""
    return STEP.format(name=name, command=command, reversible=str(reversible).lower())


@dataclass
class Shop:
    """The application `shop` in a namespace of its own, behind a Gateway or without one."""

    cluster: Cluster
    folder: Path
    gateway: bool = True
    single: bool = False
    steps: str = ""
    namespace: str = field(init=False)
    api: Api = field(init=False)
    requests: Requests = field(init=False)
    way: Path = field(init=False)
    beside: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)

    def __post_init__(self) -> None:
        self.namespace = self.cluster.namespace()
        self.api = self.cluster.api(self.namespace)
        self.requests = Requests(self.weights)
        self.way = self.cluster.plane.kubeconfig
        (self.folder / "policy.toml").write_text(POLICY)

    def __enter__(self) -> "Shop":
        self.requests.__enter__()
        self.scraper = Scraper(self.folder / "prometheus", one_page(self.requests.port))
        self.scraper.start()
        (self.folder / "metrics.toml").write_text(f'url = "{self.scraper.url}"\n')
        return self

    def __exit__(self, *exception: object) -> None:
        self.beside.shutdown()
        self.scraper.stop()
        self.requests.__exit__(*exception)

    @property
    def kept(self) -> Path:
        """The folder of the namespace, once something was deployed to it."""
        (folder,) = (self.folder / "clusters").glob(f"{self.namespace}-*")
        return folder

    @property
    def names(self) -> list[str]:
        return ["prices", "settlement"] if self.single else ["prices"]

    @property
    def services(self) -> ClusterServices:
        return ClusterServices(self.api, Gateway("gw", self.namespace) if self.gateway else None)

    def weights(self) -> dict[str, dict[str, int]]:
        """Who gets the requests of each component, as the API server has it."""
        found = {}
        for name in self.names:
            try:
                found[name] = dict(self.services.route(name).weights)
            except ClusterError:
                # Not yet, or while somebody froze the server.
                continue
        return found

    def application(self, **images: str) -> Path:
        """The file that describes it, with other images than the usual ones."""
        text = f'[application]\nname = "{NAME}"\n' + PRICES + self.steps
        text += SETTLEMENT if self.single else ""
        for name, image in {**FINE, **images}.items():
            text = text.replace(f'"{{{name}}}"', f'"{image}"')
        path = self.folder / "application.toml"
        path.write_text(text)
        return path

    def command(self, *words: str) -> list[str]:
        """A command line for this namespace."""
        return [*words, "--namespace", self.namespace, "--kubeconfig", str(self.way)]

    def run(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Run a verb to its end: exit code, report, and what it said besides."""
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *self.command(*words), "--json"],
            env=self.environment, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout), done.stderr

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb and let it run."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *self.command(*words), "--json"],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PINCEX_HOME": str(self.folder)}

    def command_deploy(self, version: str, *more: str) -> tuple[int, dict[str, Any], str]:
        """Deploy a version by the command, and follow it to its end."""
        self.application()
        divided = ("--gateway", "gw") if self.gateway else ()
        return self.run("deploy", version, *divided, *more)

    def deploy(self, version: str, *more: str, **images: str) -> tuple[int, dict[str, Any]]:
        """What the command and its flow process do, in this process: a start costs seconds.

        Repeated, as its hint says, while a busy API server does not answer.
        """
        application = str(self.application(**images))
        words = self.command("deploy", version, "--application", application, *more)
        if self.gateway:
            words += ["--gateway", "gw"]
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                here, request = asked(parser().parse_args(words))
                here.begin()
                return release.deploy(here, request, Unrecorded())
            except Unavailable:
                assert time.monotonic() < deadline
            except Refused as refused:
                return refused.code, refused.as_dict()
            except ClusterError as error:
                mapped = from_room(error)
                return mapped.code, mapped.as_dict()

    def begin(self, version: str, policy: str) -> "Future[tuple[int, dict[str, Any]]]":
        """The same beside the test, with a policy of its own."""
        path = self.folder / f"{version}.toml"
        path.write_text(policy)
        return self.beside.submit(self.deploy, version, "--policy", str(path))

    def apply_gateway(self) -> None:
        """The Gateway that routes name; what a fake one would do is counted by weights."""
        self.cluster.kubectl("-n", self.namespace, "apply", "-f", "-", given=GATEWAY)

    def kill_holder(self) -> None:
        """SIGKILL whoever holds the lock."""
        pid = self.holder()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def flow(self, *words: str) -> "subprocess.Popen[str]":
        """A flow process of its own, as the command starts one."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.process", words[0], "cluster", *words[1:]],
            env={**os.environ, "PINCEX_HOME": str(self.kept)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def request(self, version: str) -> str:
        """What a flow process that deploys is told."""
        text = self.application().read_text()
        told = ReleaseRequest(version, text, POLICY, retry=False)
        return json.dumps({name: getattr(told, name) for name in ReleaseRequest.__slots__})

    @property
    def site(self) -> ClusterSite:
        """The namespace as a verb that looks at it finds it."""
        return cluster_site(parser().parse_args(self.command("status")))

    def holder(self) -> int | None:
        """The process that holds the lock."""
        found = Lock(self.api).holder(NAME, REGION)
        return found.pid if found else None

    def until(self, truth: Callable[[], object], what: str) -> None:
        """Wait until it is so; fail where that takes too long."""
        deadline = time.monotonic() + PATIENCE
        while not truth():
            assert time.monotonic() < deadline, f"did not come true in time: {what}"
            time.sleep(0.05)

    def serving(self, version: str) -> bool:
        """One version gets everything, is ready, and nobody observes any more."""
        routes = [self.services.route(name) for name in self.names]
        return all(route.weights == {version: 100} for route in routes) and all(
            route.observed is None for route in routes
        )
