"""`validate` and `diagnose` on the local site: each planted fault is found and named."""

import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.local.down import down
from cluster.local.envoy import ensure_envoy
from cluster.local.home import Home
from cluster.local.processes import recorded, running
from cluster.local.upkeep import KEEPER, ensure_keeper
from cluster.lock import held
from flows import release
from flows.applications import read
from flows.cli import main
from flows.recorder import Unrecorded
from flows.rehearsal.small_site import eventually
from flows.release_openers import ReleaseRequest, opened_release
from flows.site import Site, resume_argv
from models.manifest import MANIFEST_NAME, canonical, digest, manifest_of
from rollout.history import SERVED
from rollout.policy import default_policy_text

pytestmark = [pytest.mark.site, pytest.mark.timeout(240)]

ECHO = Path(__file__).resolve().parents[1] / "cluster" / "echo_server.py"
APPLICATION = """
[application]
name = "shop"

[component.prices]
command = ["{python}", "ECHO", "{port}", "{version}", "{home}/prices.log"]
paths = ["/prices"]
runs = "many"
instances = 2

[component.orders]
command = ["{python}", "ECHO", "{port}", "{version}", "{home}/orders.log"]
paths = ["/orders"]
""".replace("ECHO", str(ECHO))
STEP = """
[[component.orders.release_steps]]
name = "drop-column"
command = ["PROGRAM"]
"""
Plant = Callable[[Site], AbstractContextManager[None]]


def request(version: str) -> ReleaseRequest:
    """A release of this application, by the packaged policy."""
    return ReleaseRequest(version, APPLICATION, default_policy_text(), retry=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """v1.0.0 of two components serves."""
    home = Home(tmp_path_factory.mktemp("faults") / "site")
    home.create()
    made, patch = Site("local", home), pytest.MonkeyPatch()
    patch.setenv("PINCEX_HOME", str(home.path))
    try:
        ensure_keeper(home, resume_argv(made))
        ensure_envoy(home, 60)
        (home.path / "application.toml").write_text(APPLICATION)
        release.deploy(
            made, ReleaseRequest("v1.0.0", APPLICATION, default_policy_text(), False), Unrecorded()
        )
        yield made
    finally:
        patch.undo()
        down(home)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """A verb's exit code and its object."""
    capsys.readouterr()
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def stopped(role: str) -> Plant:
    """A process of the site that takes calls and answers none."""

    @contextmanager
    def over(here: Site) -> Iterator[None]:
        seen = running(here.home, role)
        assert seen is not None
        assert seen.pid is not None
        os.kill(seen.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(seen.pid, signal.SIGCONT)
            eventually(lambda: ready(here, "orders"), 60, "it answers again")

    return over


stopped_server, no_proxy = stopped("orders@v1.0.0#1"), stopped("envoy")


@contextmanager
def killed_server(here: Site) -> Iterator[None]:
    for _ in range(3):
        before = recorded(here.home, "orders@v1.0.0#1")
        eventually(lambda: running(here.home, "orders@v1.0.0#1"), 60, "it runs")
        seen = running(here.home, "orders@v1.0.0#1")
        assert seen is not None
        assert seen.pid is not None
        os.kill(seen.pid, signal.SIGKILL)
        assert before is not None
        eventually(lambda n=before.deaths: died(here) > n, 60, "its death is noted")  # type: ignore[misc]
    try:
        yield
    finally:
        eventually(lambda: ready(here, "orders"), 60, "it answers again")


def died(here: Site) -> int:
    seen = recorded(here.home, "orders@v1.0.0#1")
    return seen.deaths if seen else 0


@contextmanager
def no_keeper(here: Site) -> Iterator[None]:
    seen = running(here.home, KEEPER)
    assert seen is not None
    assert seen.pid is not None
    os.kill(seen.pid, signal.SIGKILL)
    eventually(lambda: running(here.home, KEEPER) is None, 30, "it is dead")
    try:
        yield
    finally:
        ensure_keeper(here.home, resume_argv(here))


@contextmanager
def changed_ledger(here: Site) -> Iterator[None]:
    connection = sqlite3.connect(here.home.ledger, isolation_level=None)
    (by,) = connection.execute("SELECT actor FROM rows WHERE seq = 1").fetchone()
    connection.execute("DROP TRIGGER rows_stay")
    connection.execute("UPDATE rows SET actor = 'eve' WHERE seq = 1")
    try:
        yield
    finally:
        connection.execute("UPDATE rows SET actor = ? WHERE seq = 1", (by,))
        connection.close()


@contextmanager
def left_open(here: Site) -> Iterator[None]:
    """A rollout whose process died, on a site whose keeper did, too."""
    with no_keeper(here):
        with held(here.lock, "shop", here.region, "deploy v2.0.0", 600) as lease:
            described = read(APPLICATION, "application.toml")
            opened_release(here.holding(lease), request("v2.0.0"), described)
        yield
        assert main(["rollback", "--reason", "tried out"]) == 0


def ready(here: Site, component: str) -> bool:
    parts = {part.name: part for part in read(APPLICATION, "application.toml").services}
    return here.services.is_ready(parts[component], "v1.0.0")


@pytest.mark.parametrize(
    ("plant", "case", "cause", "words"),
    [
        (stopped_server, "health checks", "stopped process", "is stopped by a signal"),
        (killed_server, "stuck", "crash", "last with signal 9"),
        (no_keeper, "stuck", "keeper", "no keeper runs"),
        (no_proxy, "health checks", "proxy", "does not answer"),
        (left_open, "stuck", "dead process", "is open and no process is at it"),
    ],
    ids=["stopped server", "crash loop", "no keeper", "no proxy", "dead process"],
)
def test_each_fault_is_named_first_with_its_evidence(
    shop: Site, capsys: pytest.CaptureFixture[str], plant: Plant, case: str, cause: str, words: str
) -> None:
    """And a command that cures it or shows more; where nothing was planted nothing is certain."""
    code, report = asked(capsys, "diagnose", "prices")
    assert [one for one in report["causes"] if one["certain"]] == []
    with plant(shop):
        code, report = asked(capsys, "diagnose", "orders")
    found = {(one["case"], one["cause"]): one for one in report["causes"]}

    assert code == 3
    assert words in found[case, cause]["evidence"]
    assert found[case, cause]["certain"]
    assert found[case, cause]["remedy"].startswith(("pincex ", "kill ", "less "))


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    """The lines of a checklist by their names."""
    return {line["name"]: line["outcome"] for line in report["lines"]}


@pytest.mark.parametrize(
    ("plant", "line"),
    [
        (stopped_server, "orders: servers of v1.0.0"),
        (no_keeper, "keeper"),
        (no_proxy, "proxy"),
        (changed_ledger, "ledger"),
    ],
    ids=["stopped server", "no keeper", "no proxy", "changed ledger"],
)
def test_the_checklist_fails_at_what_was_planted(
    shop: Site, capsys: pytest.CaptureFixture[str], plant: Plant, line: str
) -> None:
    """With exit code 3; before it no line did."""
    code, report = asked(capsys, "validate", "shop")
    assert "FAIL" not in outcomes(report).values(), report
    assert outcomes(report)[line] == "OK"
    with plant(shop):
        code, report = asked(capsys, "validate", "shop")

    assert code == 3
    assert outcomes(report)[line] == "FAIL"


def described(shop: Site, text: str) -> Path:
    """An application file of one's own."""
    path = shop.home.path / "planted.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("version", "more", "line", "outcome"),
    [
        ("v3.0.0", "", "rollout", "OK"),
        ("v1.0.0", "", "rollout", "FAIL"),
        ("v3.0.0", STEP.replace("PROGRAM", "no-such-program"), "orders: program", "FAIL"),
        ("v3.0.0", STEP.replace("PROGRAM", "true"), "orders: way back", "WARN"),
        ("v3.0.0", "", "dependencies", "NOT CHECKED"),
    ],
    ids=["fine", "serves already", "no such program", "no way back", "nobody said"],
)
def test_a_release_is_looked_at_before_it_begins(
    shop: Site,
    capsys: pytest.CaptureFixture[str],
    version: str,
    more: str,
    line: str,
    outcome: str,
) -> None:
    """By what `deploy` itself would refuse, and what its commands would run; nothing is changed."""
    rows = len(shop.ledger.rows())
    told = ("--application", str(described(shop, APPLICATION + more)))
    _, report = asked(capsys, "validate", "shop", "--release", version, *told)

    found = [each["outcome"] for each in report["lines"] if each["name"] == line]
    assert outcome in found
    assert len(shop.ledger.rows()) == rows


def champion(here: Site, name: str) -> Path:
    """A model that the ledger says serves, without servers; the folder of its files."""
    place = here.home.models / name / "v1.0.0"
    place.mkdir(parents=True)
    (place / "MLmodel").write_text("flavors: {}\n")
    manifest = manifest_of(place)
    (place / MANIFEST_NAME).write_bytes(canonical(manifest))
    served = {"from": None, "to": {"version": "v1.0.0", "digest": digest(manifest)}}
    told = {**served, "verb": "deploy-model", "evidence_digest": None, "override": None}
    here.ledger.append(SERVED, component=name, region=here.region, actor="ann", data=told)
    return place


def test_changed_files_of_a_model_are_named_by_both(
    shop: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compared with what was registered; the way out is the version before."""
    place = champion(shop, "price")
    _, before = asked(capsys, "validate", "price")
    (place / "MLmodel").write_text("flavors: {sklearn: {}}\n")
    code, report = asked(capsys, "validate", "price")
    _, found = asked(capsys, "diagnose", "price")
    first = found["causes"][0]

    assert outcomes(before)["price: files of v1.0.0"] == "OK"
    assert (code, outcomes(report)["price: files of v1.0.0"]) == (3, "FAIL")
    assert (first["case"], first["cause"]) == ("model", "damaged model file")
    assert "MLmodel" in first["evidence"]
    assert first["remedy"] == "pincex rollback-model price"


@pytest.mark.parametrize("verb", ["validate", "diagnose"])
def test_a_name_that_nothing_has_is_bad_input(
    shop: Site, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """What is known is named."""
    code, report = asked(capsys, verb, "risk")

    assert code == 2
    assert "prices" in report["hint"]


def test_both_read_well_in_eighty_columns(shop: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """As a person has them; a path that is longer is never cut, and has its line to itself."""
    main(["validate", "shop"])
    main(["diagnose", "orders"])
    wide = [line for line in capsys.readouterr().out.splitlines() if len(line) > 80]

    assert all(line.strip().startswith(f"{shop.home.path}") for line in wide)
    assert all(len(line.split()) == 1 for line in wide)
