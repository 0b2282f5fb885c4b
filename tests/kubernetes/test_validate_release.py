"""`pincex validate --release` as a person runs it: each planted fault is the line that says it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kube_cluster import Cluster, or_skipped, rules
from kube_registry import Registry, registry
from scripted_api import Told, serving

from cluster.kubernetes import rights
from cluster.kubernetes.kinds import SERVICE
from cluster.kubernetes.rights import Right
from flows.cli import main

pytestmark = pytest.mark.kubernetes

APPLICATION = """
[application]
name = "shop"

[component.prices]
image = "{prices}"
paths = ["/prices"]
runs = "many"

[component.settlement]
image = "{settlement}"
paths = ["/settlements"]
dependencies = ["prices"]

[component.predictor]
model = "price-predictor"
"""
CHECKLIST = """
[[dependency]]
name = "market"
http = "{market}/healthz"

[flags]
config_map = "flags"
key = "flags.json"

[flags.expected]
limit-orders = "on"

[window]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "00:00"
to = "24:00"
timezone = "UTC"

[on_call]
name = "ann"
until = {tomorrow}

[records]
approvals = 2
"""
RECORD = """
release = "v2.1.0"
approved_by = ["ada", "ben"]
tests = { passed = true, where = "run 812", at = 2026-01-02T09:30:00Z }
scans = { passed = true, where = "report 77", at = 2026-01-02T09:40:00Z }
"""
ON = {"flags": {"limit-orders": {"state": "ENABLED", "defaultVariant": "on", "variants": {}}}}


@dataclass
class Desk:
    """A namespace, and a folder with all files about v2.1.0 of the shop, none of them wrong."""

    cluster: Cluster
    home: Path
    images: Registry
    market: str
    namespace: str = field(init=False)

    def __post_init__(self) -> None:
        self.namespace = self.cluster.namespace()
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
        told = CHECKLIST.format(market=self.market, tomorrow=tomorrow)
        (self.home / "checklist.toml").write_text(told)
        (self.home / "releases").mkdir()
        (self.home / "releases" / "v2.1.0.toml").write_text(RECORD)
        images = {name: self.pushed(name) for name in ("prices", "settlement")}
        (self.home / "application.toml").write_text(APPLICATION.format(**images))
        self.flags(ON)

    def pushed(self, name: str) -> str:
        """An image in the registry, by its digest."""
        return f"{self.images.host}/shop/{name}@{self.images.push(f'shop/{name}', '2.1.0')}"

    def flags(self, document: object) -> None:
        """Have the flags say this."""
        self.apply("ConfigMap", "flags", data={"flags.json": json.dumps(document)})

    def apply(self, kind: str, name: str, **rest: object) -> None:
        """Write an object of the core."""
        told = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **rest}
        self.cluster.kubectl("-n", self.namespace, "apply", "-f", "-", given=told)

    def edit(self, file: str, line: str, instead: str) -> None:
        """Put something else into one of the files."""
        path = self.home / file
        text = path.read_text()
        assert line in text
        path.write_text(text.replace(line, instead, 1))

    def words(self, name: str = "shop", version: str = "v2.1.0") -> list[str]:
        """The command line of the checklist."""
        way = ["--namespace", self.namespace, "--kubeconfig", str(self.cluster.plane.kubeconfig)]
        return ["validate", name, "--release", version, *way]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry in which anybody may read."""
    with or_skipped(), registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture
def desk(
    fake_cluster: Cluster, images: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """A release with nothing against it."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with serving(Told(200, {})) as (market, _):
        yield Desk(fake_cluster, tmp_path, images, market.server)


RULES = ("strategy", "replicas", "readiness of server", "end of server", "image of server", "grace")
Lines = dict[str, dict[str, Any]]


def told(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> tuple[Lines, dict[str, Any]]:
    """The lines by their name, and the whole report, of a command that ends with this code."""
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    report = json.loads(capsys.readouterr().out)
    return {line["name"]: line for line in report["lines"]}, report


def bad_of(lines: Lines) -> set[str]:
    """The lines that are not OK, but for what a first version of single components must be told."""
    bad = {name for name, line in lines.items() if line["outcome"] != "OK"}
    return bad - {"workloads", "settlement: replicas"}


def test_a_release_with_nothing_against_it_is_ok_in_every_line(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every subject of the checklist has its line, and nothing is left in the namespace."""
    lines, report = told(capsys, desk.words(), 0)

    assert set(lines) == {
        *("namespace", "nodes", "version skew", "rights", "workloads", "quotas"),
        *("prices: image", "prices: manifests", "settlement: image", "settlement: manifests"),
        *(f"{name}: {rule}" for name in ("prices", "settlement") for rule in RULES),
        *("dependency market", "flag limit-orders", "window", "on-call"),
        *("approvals", "tests", "scans"),
    }
    assert bad_of(lines) == set()
    assert (report["component"], report["release"]) == ("shop", "v2.1.0")
    left = desk.cluster.kubectl("-n", desk.namespace, "get", "deploy,svc,pods", "-o", "name")
    assert left == ""


def test_one_component_is_looked_at_by_itself(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its image and manifests, and what the release as a whole needs."""
    lines, _ = told(capsys, desk.words("settlement"), 0)

    assert not [name for name in lines if name.startswith("prices")]
    assert {"settlement: image", "window", "tests"} <= set(lines)


def no_image(desk: Desk) -> None:
    """A digest that nobody pushed."""
    (path,) = [desk.home / "application.toml"]
    text = path.read_text()
    at = text.index("@sha256:")
    path.write_text(text[:at] + "@sha256:" + "0" * 64 + text[at + 72 :])


def no_digest(desk: Desk) -> None:
    """A tag alone, filled in with the version."""
    desk.images.push("shop/prices", "v2.1.0")
    path = desk.home / "application.toml"
    text = path.read_text()
    at = text.index("@sha256:")
    path.write_text(text[:at] + ":{version}" + text[at + 72 :])


def foreign(desk: Desk) -> None:
    """Somebody else made a Service of the name that the release would take."""
    port = {"name": "http", "port": 80, "targetPort": 9}
    selector = {"rollout.pincex/component": "other"}
    desk.apply("Service", "prices-v2-1-0", spec={"ports": [port], "selector": selector})


def no_room(desk: Desk) -> None:
    """Room for two pods, where three are needed: two of prices and one of settlement."""
    quota(desk, {"pods": "2"})


def unknown_room(desk: Desk) -> None:
    """A quota of what the pods do not say."""
    quota(desk, {"requests.cpu": "8"})


def quota(desk: Desk, hard: dict[str, str]) -> None:
    """A quota that was counted."""
    desk.apply("ResourceQuota", "small", spec={"hard": hard})
    (key,) = hard
    path = f"{{.status.used.{key.replace('.', chr(92) + '.')}}}=0"
    waited = ("wait", "resourcequota/small", f"--for=jsonpath={path}", "--timeout=20s")
    desk.cluster.kubectl("-n", desk.namespace, *waited)


def ill(desk: Desk) -> None:
    """Nobody listens where the market was."""
    desk.edit("checklist.toml", desk.market, "http://127.0.0.1:1")


def flag_off(desk: Desk) -> None:
    """A flag of another variant."""
    desk.flags({"flags": {"limit-orders": {"state": "ENABLED", "defaultVariant": "off"}}})


def edited(file: str, line: str, instead: str) -> Callable[[Desk], None]:
    """Something else in one of the files."""
    return lambda desk: desk.edit(file, line, instead)


RELEASE, LIST, WHAT = "releases/v2.1.0.toml", "checklist.toml", "application.toml"
ILL = """runs = "many"
[[component.prices.pod.containers]]
name = "server"
resources = {requests = "much"}
"""
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
FREEZE = f'[[freeze]]\nfrom = {TODAY}\nto = {TOMORROW}\nwhy = "holidays"\n[records]'


@pytest.mark.parametrize(
    ("plant", "name", "outcome", "words"),
    [
        (no_image, "prices: image", "FAIL", "has no shop/prices sha256:0000"),
        (no_digest, "prices: image of server", "WARN", ":v2.1.0 has no digest"),
        (foreign, "prices: manifests", "FAIL", "is managed by kubectl"),
        (edited(WHAT, 'runs = "many"', ILL), "prices: manifests", "FAIL", "requests"),
        (no_room, "quota small: pods", "FAIL", "2 of 2 left, v2.1.0 takes 3"),
        (unknown_room, "quota small: requests.cpu", "NOT CHECKED", "v2.1.0 does not say"),
        (ill, "dependency market", "FAIL", "does not answer"),
        (flag_off, "flag limit-orders", "FAIL", "it is off, not on"),
        (edited(LIST, "[records]", FREEZE), "window", "FAIL", "holidays"),
        (edited(LIST, "until = 2", "until = 1"), "on-call", "FAIL", "ann was until"),
        (edited(RELEASE, ', "ben"', ""), "approvals", "FAIL", "1 approved it: ada, 2 must"),
        (edited(RELEASE, "true", "false"), "tests", "FAIL", "did not pass: at 2026-01-02"),
        (edited(LIST, "approvals = 2", ""), "approvals", "NOT CHECKED", "nobody said how many"),
    ],
    ids=[
        *(
            "no image",
            "no digest",
            "somebody else's",
            "no resources",
            "no room",
            "unknown room",
            "no answer",
        ),
        *("flag", "freeze", "nobody on call", "one approval", "failed tests", "undeclared"),
    ],
)
def test_a_planted_fault_is_the_one_line_that_is_not_ok(
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    plant: Callable[[Desk], None],
    name: str,
    outcome: str,
    words: str,
) -> None:
    """Named, with what was found, what is right or who must look, and the exit code of it."""
    plant(desk)
    code = {"FAIL": 3, "NOT CHECKED": 4, "WARN": 0}[outcome]

    lines, _ = told(capsys, desk.words(), code)

    assert bad_of(lines) == {name}
    assert lines[name]["outcome"] == outcome
    assert words in lines[name]["evidence"]
    assert lines[name]["remedy"]


def test_what_the_cluster_does_not_admit_fails_with_its_words(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each component that would be refused, of the release; what it is of is not made."""
    quota(desk, {"count/deployments.apps": "0"})

    lines, _ = told(capsys, desk.words(), 3)

    bad = {key for key, line in lines.items() if line["outcome"] == "FAIL"}
    assert bad == {"prices: manifests", "settlement: manifests"}
    assert all("exceeded quota: small" in lines[name]["evidence"] for name in bad)


def test_pods_that_are_there_already_need_no_more_room(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release of which a part is up takes room for the rest alone."""
    kubectl = ("-n", desk.namespace, "create", "deployment", "prices-v2-1-0", "--image=shop/x:1")
    desk.cluster.kubectl(*kubectl, "--replicas=2")

    for replicas, takes in ((2, 1), (1, 3)):
        scaled = ("scale", "deployment", "prices-v2-1-0", f"--replicas={replicas}")
        desk.cluster.kubectl("-n", desk.namespace, *scaled)
        desk.apply("ResourceQuota", "small", spec={"hard": {"pods": "9"}})
        path = f"{{.status.used.pods}}={replicas}"
        waited = ("wait", "resourcequota/small", f"--for=jsonpath={path}", "--timeout=20s")
        desk.cluster.kubectl("-n", desk.namespace, *waited)
        lines, _ = told(capsys, desk.words(), 3)
        assert lines["quota small: pods"]["evidence"].endswith(f" left, v2.1.0 takes {takes}")


def test_what_nobody_declared_is_not_checked_and_says_who_must_look(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line with the table that would declare it; a site without a checklist never passes."""
    (desk.home / "checklist.toml").unlink()

    lines, _ = told(capsys, desk.words(), 4)

    undeclared = {key for key, line in lines.items() if line["outcome"] == "NOT CHECKED"}
    assert undeclared == {
        *("dependencies", "flags", "window", "on-call", "approvals", "tests", "scans")
    }
    assert all("must look; [" in lines[name]["remedy"] for name in undeclared)


def test_another_release_has_no_record_though_a_copied_one_lies_there(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it is believed: neither where there is none, nor where it is of another."""
    lines, _ = told(capsys, desk.words(version="v2.2.0"), 3)
    assert lines["tests"]["evidence"].startswith("nothing is recorded")

    (desk.home / "releases" / "v2.2.0.toml").write_text(RECORD)
    lines, _ = told(capsys, desk.words(version="v2.2.0"), 3)

    for name in ("approvals", "tests", "scans"):
        assert lines[name]["outcome"] == "FAIL"
        assert "the record of v2.1.0, not of v2.2.0" in lines[name]["evidence"]


def test_the_rights_that_it_asks_for_are_enough_and_without_one_its_line_is_not_checked(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is the cluster's own is for others to look at; the rest is looked at in full."""
    own = {"namespace", "nodes", "version skew"}
    writing = Right(SERVICE, "patch")
    for missing, unchecked in ((set(), own), ({writing}, {*own, "settlement: manifests"})):
        way = desk.cluster.user(desk.namespace, rules(rights.CHECKING - missing))
        words = [*desk.words("settlement")[:-1], str(way)]

        lines, _ = told(capsys, words, 3 if missing else 4)

        found = {name for name, line in lines.items() if line["outcome"] == "NOT CHECKED"}
        assert found == unchecked
        assert all(lines[name]["remedy"] for name in found)


def test_without_an_api_server_the_rest_of_the_checklist_is_still_told(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """What needs no cluster is no less true, and the text has room for a screen of 80 columns."""
    plane = desk.cluster.plane
    way = plane.write_kubeconfig(desk.home / "gone.yaml", {"token": "x"})
    way.write_text(way.read_text().replace(plane.url, "https://127.0.0.1:1"))
    words = [*desk.words()[:-1], str(way)]

    lines, _ = told(capsys, words, 3)
    assert main(words) == 3
    shown = capsys.readouterr().out.splitlines()

    assert lines["API"]["outcome"] == "FAIL"
    assert lines["window"]["outcome"] == lines["dependency market"]["outcome"] == "OK"
    assert "prices: manifests" not in lines
    assert shown[0].startswith(f"shop v2.1.0 in {desk.namespace} (test): 1 FAIL, ")
    assert max(len(line) for line in shown) <= 80
