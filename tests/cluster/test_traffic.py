"""Traffic: set, then seen live; refused or put back when it would harm."""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from frozen import frozen
from local_parts import FREE, LocalSite, eventually, kill_role

from cluster.errors import (
    LostLock,
    NotFound,
    PortTaken,
    Refused,
    Rejected,
    StateDamaged,
    Superseded,
    TrafficNotMoved,
    Unavailable,
)
from cluster.local import instances
from cluster.local.admin import Admin
from cluster.local.envoy import ensure_envoy
from cluster.local.home import Home
from cluster.local.instances import Instance, start_instances, stop_instances
from cluster.local.ports import free_ports
from cluster.local.processes import running, unwant
from cluster.local.traffic import Traffic
from cluster.local.upkeep import KEEPER, ensure_keeper
from cluster.local.xds import Xds
from cluster.lock import Lock
from cluster.route import Mirror, Route

pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def two(shared_site: LocalSite) -> LocalSite:
    """A site in which v1 and v2 run, v1 serving."""
    shared_site.serve("v1", count=2)
    shared_site.serve("v2")
    shared_site.route({"v1": 100})
    return shared_site


@pytest.fixture
def serving(two: LocalSite) -> LocalSite:
    """The same, v1 serving again whatever a test before did."""
    two.route({"v1": 100})
    return two


def test_a_route_is_live_when_set_returns(serving: LocalSite) -> None:
    """The next request is answered by the version that was set, and the file says so too."""
    for version in ("v2", "v1", "v2"):
        told = serving.route({version: 100})

        assert serving.ask()[2]["name"] == version
        assert serving.traffic.route("price") == told == Route({version: 100})
        assert told.version_info


def test_every_change_has_a_version_of_its_own(serving: LocalSite) -> None:
    """The same route set twice is two changes, each seen live."""
    versions = [serving.route({"v1": 100}).version_info for _ in range(3)]

    assert len(set(versions)) == 3


def test_weights_share_the_requests(serving: LocalSite) -> None:
    """Of 400 requests at 25 % between 60 and 140 reach the candidate (5 standard deviations)."""
    serving.route({"v1": 75, "v2": 25})

    answers = [serving.ask()[2]["name"] for _ in range(400)]

    assert 60 < answers.count("v2") < 140


def test_instances_are_listed_and_ready(serving: LocalSite) -> None:
    """The file's ports are those of the processes, and Envoy would use each of them."""
    ports = serving.traffic.endpoints("price", "v1")

    assert len(ports) == 2
    assert serving.traffic.ready_hosts("price", "v1") == ports
    assert serving.traffic.deployed("price") == ["v1", "v2"]
    assert serving.traffic.active("price", "v1") == 0


def test_starting_what_runs_changes_nothing(serving: LocalSite) -> None:
    """A command repeated after a kill finds the same processes on the same ports."""
    before = serving.serve("v1", count=2)

    assert serving.serve("v1", count=2) == before


@pytest.mark.parametrize("ask_for", ["no such version", "copies to no such version"])
def test_traffic_to_what_does_not_run_is_refused(serving: LocalSite, ask_for: str) -> None:
    """Nothing changes when a route names a version without instances."""
    route = Route({"v9": 100}) if ask_for[0] == "n" else Route({"v1": 100}, Mirror("v9", 1, "r"))

    with pytest.raises(Refused, match="v9 has no instances"):
        serving.traffic.set_route("price", route, lease_check=FREE)

    assert serving.ask()[2]["name"] == "v1"


@pytest.mark.parametrize(
    "act",
    [
        lambda site: site.traffic.drain("price", "v1", timeout=1),
        lambda site: site.traffic.remove("price", "v1"),
        lambda site: stop_instances(site.home, "price", "v1", timeout=1),
    ],
    ids=["drain", "remove", "stop"],
)
def test_what_serves_is_neither_drained_nor_removed(
    serving: LocalSite, act: Callable[[LocalSite], None]
) -> None:
    """Each way to end a version is refused while a route names it, and it goes on serving."""
    with pytest.raises(Refused, match="v1 gets 100 % of the traffic"):
        act(serving)

    assert serving.ask()[2]["name"] == "v1"


def test_a_drained_version_gets_traffic_only_after_it_was_listed_again(serving: LocalSite) -> None:
    """A route to draining instances would be an outage; listing them again undoes the drain."""
    serving.traffic.drain("price", "v2", timeout=5)
    with pytest.raises(Refused, match="draining"):
        serving.route({"v2": 100})

    ports = serving.traffic.endpoints("price", "v2")
    serving.traffic.set_endpoints("price", "v2", ports, lease_check=FREE)
    serving.route({"v2": 100})

    assert serving.ask()[2]["name"] == "v2"


def test_a_component_without_a_route_is_not_found(serving: LocalSite) -> None:
    """Neither is a version without instances."""
    with pytest.raises(NotFound, match="risk gets no traffic"):
        serving.traffic.route("risk")
    with pytest.raises(NotFound, match="has no instances"):
        serving.traffic.endpoints("price", "v9")


def test_a_lost_lock_stops_the_change(serving: LocalSite) -> None:
    """A rollback took the lock: the promotion that still runs can no longer move traffic."""
    lock = Lock(serving.home.ledger)
    promoting = lock.acquire("price", "local", "promote", 60)
    lock.preempt("price", "local", "rollback", 60)

    with pytest.raises(LostLock, match="rollback"):
        serving.traffic.set_route("price", Route({"v2": 100}), lease_check=promoting.check)

    assert serving.ask()[2]["name"] == "v1"


def test_nobody_comes_between_the_check_and_the_write(serving: LocalSite) -> None:
    """While one process is between its lease check and its write, another one waits."""
    entered, go_on = threading.Event(), threading.Event()

    def slow_check() -> None:
        entered.set()
        go_on.wait()

    def slow() -> None:
        serving.traffic.set_route("price", Route({"v2": 100}), lease_check=slow_check)

    first = threading.Thread(target=slow)
    first.start()
    entered.wait()
    last = threading.Thread(target=serving.route, args=({"v1": 100},))
    last.start()
    time.sleep(0.1)
    waited = last.is_alive()
    go_on.set()
    first.join()
    last.join()

    assert waited
    assert serving.traffic.route("price") == Route({"v1": 100})
    assert serving.ask()[2]["name"] == "v1"


def test_what_envoy_refuses_is_put_back(serving: LocalSite) -> None:
    """Rejected carries Envoy's own reason; the former route is in the file and goes on serving."""
    home = serving.home
    xds = Xds(home, Admin(home.site()))
    before = home.routes.read_text()
    broken = json.loads(before.replace("price--v1", "price--v9"))

    change = xds.write(
        home.routes, lambda version: {**broken, "version_info": version}, ["http.site.rds.site"]
    )
    with pytest.raises(Rejected, match=r"price--v9"):
        xds.confirm(change)

    assert home.routes.read_text() == before
    assert serving.ask()[2]["name"] == "v1"
    serving.route({"v2": 100})


def test_a_change_replaced_before_it_was_live_is_told(serving: LocalSite) -> None:
    """Who wrote first learns that a later change came, not that all is well."""
    home = serving.home
    xds = Xds(home, Admin(home.site()))
    content = json.loads(home.routes.read_text())

    first, second = (
        xds.write(
            home.routes,
            lambda version: {**content, "version_info": version},
            ["http.site.rds.site"],
        )
        for _ in range(2)
    )
    xds.confirm(second)

    with pytest.raises(Superseded, match="came after"):
        xds.confirm(first)


@pytest.mark.parametrize(
    "content", ["", '{"version_info": "3-', "{}"], ids=["empty", "cut", "none"]
)
def test_a_half_written_route_file_is_named_and_can_be_put_right(
    serving: LocalSite, content: str
) -> None:
    """Traffic goes on by what Envoy knows; the hint's command brings the file back."""
    file = serving.home.routes
    file.write_text(content)
    with pytest.raises(StateDamaged, match=str(file)) as caught:
        serving.traffic.route("price")
    with pytest.raises(StateDamaged, match=str(file)):
        serving.route({"v2": 100})
    assert serving.ask()[2]["name"] == "v1"

    command = caught.value.hint.partition("  ")[0]
    assert os.system(command) == 0

    assert serving.traffic.route("price") == Route({"v1": 100})
    serving.route({"v2": 100})


def test_a_version_comes_goes_and_comes_again(serving: LocalSite) -> None:
    """After its removal nothing of it is left; deployed again it serves."""
    for _ in range(2):
        serving.serve("v3")
        serving.route({"v3": 100})
        assert serving.ask()[2]["name"] == "v3"
        serving.route({"v1": 100})

        stop_instances(serving.home, "price", "v3", timeout=10)
        stop_instances(serving.home, "price", "v3", timeout=10)

        assert serving.traffic.deployed("price") == ["v1", "v2"]
        assert running(serving.home, "price@v3#1") is None
        assert not (serving.home.endpoints / "price--v3").exists()


def test_fewer_instances_end_the_others(serving: LocalSite) -> None:
    """Starting one where two ran leaves one process and one listed port."""
    serving.serve("v4", count=2)

    serving.serve("v4", count=1)

    eventually(lambda: running(serving.home, "price@v4#2") is None)
    assert serving.traffic.ready_hosts("price", "v4") == serving.traffic.endpoints("price", "v4")
    assert len(serving.traffic.endpoints("price", "v4")) == 1


def test_a_long_copy_log_is_put_aside_before_a_shadow_begins(
    serving: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only then: the copies of a running shadow stay in one file."""
    monkeypatch.setattr("cluster.local.traffic.LOG_BYTES", 10)
    log, aside = serving.home.upstream_log, serving.home.upstream_log.with_suffix(".jsonl.1")
    serving.route({"v1": 100}, Mirror("v2", 1.0, "r1"))
    serving.ask()
    eventually(lambda: log.exists() and log.stat().st_size > 10)

    serving.route({"v1": 100}, Mirror("v2", 1.0, "r2"))
    assert not aside.exists()
    serving.route({"v1": 100})
    serving.route({"v1": 100}, Mirror("v2", 1.0, "r3"))
    assert "r1" in aside.read_text()
    serving.ask()

    eventually(lambda: log.exists() and "r3" in log.read_text())


def test_drain_waits_for_the_request_in_flight(site: LocalSite) -> None:
    """A request that takes a second ends with 200 although its version is being stopped."""
    site.serve("v1", delay=1.0)
    site.serve("v2")
    site.route({"v1": 100})
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(site.ask()[0]))
    slow.start()
    eventually(lambda: site.traffic.active("price", "v1") == 1)

    site.route({"v2": 100})
    with pytest.raises(TrafficNotMoved, match="still works on 1 requests"):
        site.traffic.drain("price", "v1", timeout=0.1)
    stop_instances(site.home, "price", "v1", timeout=10)
    slow.join()

    assert answers == [200]


def test_a_server_that_never_gets_ready_is_ended_with_its_last_words(site: LocalSite) -> None:
    """What was started for the version is ended again, and the error shows why it died."""
    broken = Instance((sys.executable, "-c", "raise SystemExit('no model file')"), cwd="/")

    with pytest.raises(Unavailable, match=r"(?s)price@v1#1 keeps ending.*no model file"):
        start_instances(site.home, "price", "v1", [broken], timeout=20, lease_check=FREE)

    assert site.home.roles(site.home.processes) == ["envoy"]
    assert site.traffic.deployed("price") == []


def test_a_taken_port_is_left_to_its_owner(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was faster to listen on the chosen port: the server moves to another one."""
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        taken = foreign.getsockname()[1]
        chosen = iter([[taken], free_ports(1)])
        monkeypatch.setattr(instances, "free_ports", lambda count, avoid: next(chosen))
        site.serve("v1")

    assert taken not in site.traffic.endpoints("price", "v1")


def test_a_foreign_process_on_the_endpoint_is_named(home: Home) -> None:
    """PortTaken tells the port, the process and what to do."""
    site = home.create()
    ensure_keeper(home)

    with (
        socket.create_server(("127.0.0.1", site.ports.endpoint)),
        pytest.raises(
            PortTaken, match=f"port {site.ports.endpoint}.*process {os.getpid()}"
        ) as caught,
    ):
        ensure_envoy(home)

    assert "PINCEX_HOME" in caught.value.hint


def test_another_sites_envoy_is_not_believed(site: LocalSite, tmp_path: Path) -> None:
    """A copied site.json points at a foreign Envoy: its answers are refused."""
    copied = Home(tmp_path / "copy")
    copied.lay_out()
    told = json.loads(site.home.site_file.read_text())
    copied.site_file.write_text(json.dumps({**told, "node_id": "pincex-another"}))

    with pytest.raises(PortTaken, match="another Envoy"):
        Admin(copied.site()).require_own()


def test_a_change_while_envoy_restarts_is_confirmed_afterwards(site: LocalSite) -> None:
    """Envoy is killed just before a switch: the keeper brings it back with the new route."""
    site.serve("v1")
    site.serve("v2")
    site.route({"v1": 100})
    kill_role(site.home, "envoy")

    begun = time.monotonic()
    site.route({"v2": 100})

    assert time.monotonic() - begun < 3
    assert site.ask()[2]["name"] == "v2"


def test_a_change_that_nobody_takes_up_is_told(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Envoy and keeper traffic did not move, and that is what the error says."""
    monkeypatch.setattr("cluster.local.xds.CONFIRM_SECONDS", 0.5)
    site.serve("v1")
    kill_role(site.home, KEEPER)
    kill_role(site.home, "envoy")

    with pytest.raises(TrafficNotMoved, match=r"not live after 0\.5 s: Envoy does not answer"):
        site.route({"v1": 100})


def test_envoy_serves_as_before_after_a_kill(site: LocalSite) -> None:
    """The same files, the same route, within two seconds."""
    site.serve("v1")
    site.route({"v1": 100})

    kill_role(site.home, "envoy")
    took = eventually(lambda: answers_again(site), within=5)

    assert took < 2


def answers_again(site: LocalSite) -> bool:
    """Whether a request is answered with 200."""
    try:
        return site.ask()[0] == 200
    except OSError:
        return False


def test_envoy_is_not_restarted_by_ensuring_it(site: LocalSite) -> None:
    """A second command finds it ready and leaves it alone."""
    before = running(site.home, "envoy")

    assert ensure_envoy(site.home) == before


def test_a_stopped_envoy_is_unavailable_not_a_hang(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that does not answer is given a bounded time."""
    monkeypatch.setattr("cluster.local.admin.PATIENCE", 0.3)
    process = running(site.home, "envoy")
    assert process is not None
    assert process.pid is not None
    with frozen(process.pid), pytest.raises(Unavailable, match="does not answer"):
        site.traffic.active("price", "v1")


def test_envoy_that_nobody_wants_any_more_ends(site: LocalSite) -> None:
    """Envoy is a process like the others."""
    unwant(site.home, "envoy")

    eventually(lambda: running(site.home, "envoy") is None)
    with pytest.raises(Unavailable, match="does not answer"):
        Traffic(site.home).active("price", "v1")
