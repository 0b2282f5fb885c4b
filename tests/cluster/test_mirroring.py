"""Copies: which requests are copied, how both sides know, and what the proxy writes down."""

import json
from collections import Counter

import pytest
from local_parts import LocalSite, eventually, kill_role

from cluster.local.processes import unwant
from cluster.route import Mirror, Route

pytestmark = pytest.mark.site

MARKS = ("x-pincex-shadow", "x-pincex-mirrored", "x-pincex-copy")
ALL = Mirror("v2", 1.0, "rollout-7")


@pytest.fixture(scope="module")
def two(shared_site: LocalSite) -> LocalSite:
    """A site in which v1 serves and v2 runs."""
    shared_site.serve("v1")
    shared_site.serve("v2")
    return shared_site


def marks_seen(site: LocalSite, version: str, request_id: str) -> dict[str, str]:
    """The x-pincex- headers with which a version got a request; waits for it."""

    def found() -> list[dict[str, str]]:
        return [
            seen["headers"]
            for seen in site.seen_by(version)
            if seen["headers"].get("x-request-id") == request_id
        ]

    eventually(found)
    return {name: value for name, value in found()[0].items() if name.startswith("x-pincex-")}


def copies_logged(site: LocalSite) -> list[dict[str, object]]:
    """The proxy's rows, one per copy."""
    return [json.loads(line) for line in site.home.upstream_log.read_text().splitlines()]


def test_both_sides_know_the_rollout_and_only_the_copy_is_marked_as_one(two: LocalSite) -> None:
    """Production and copy carry the rollout and `mirrored`; `copy` is on the copy alone."""
    two.route({"v1": 100}, ALL)

    two.ask(headers={"x-request-id": "order-42"})

    shared = {"x-pincex-shadow": "rollout-7", "x-pincex-mirrored": "1"}
    assert marks_seen(two, "v1", "order-42") == shared
    assert marks_seen(two, "v2", "order-42") == shared | {"x-pincex-copy": "1"}


def test_the_clients_own_marks_are_removed(two: LocalSite) -> None:
    """A client cannot pretend to be a copy, in whatever case it writes the header."""
    two.route({"v1": 100})
    forged = {"x-request-id": "forged-1", "X-Pincex-Copy": "1", "x-PINCEX-shadow": "rollout-9"}

    two.ask(headers={**forged, "x-pincex-anything": "1", "x-segment": "eu"})

    assert marks_seen(two, "v1", "forged-1") == {}
    seen = [row["headers"] for row in two.seen_by("v1")]
    assert [told["x-segment"] for told in seen if told["x-request-id"] == "forged-1"] == ["eu"]


def test_forged_marks_do_not_mix_with_a_shadows(two: LocalSite) -> None:
    """While a shadow runs its marks replace the client's."""
    two.route({"v1": 100}, ALL)

    two.ask(headers={"x-request-id": "forged-2", "x-pincex-copy": "1", "x-pincex-shadow": "other"})

    assert marks_seen(two, "v1", "forged-2") == {
        "x-pincex-shadow": "rollout-7",
        "x-pincex-mirrored": "1",
    }


def test_a_sample_marks_exactly_what_is_copied(two: LocalSite) -> None:
    """At 30 % the requests marked as mirrored are those with a copy; the rest know the rollout."""
    two.route({"v1": 100}, Mirror("v2", 0.3, "sampled"))
    asked = [f"sample-{number}" for number in range(300)]

    for request_id in asked:
        two.ask(headers={"x-request-id": request_id})

    def ids(version: str, mark: str | None = None) -> set[str]:
        told = [row["headers"] for row in two.seen_by(version)]
        return {
            headers["x-request-id"]
            for headers in told
            if headers.get("x-pincex-shadow") == "sampled" and (mark is None or mark in headers)
        }

    mirrored = ids("v1", "x-pincex-mirrored")
    eventually(lambda: len(ids("v2")) == len(mirrored))
    assert ids("v1") == set(asked)
    assert ids("v2") == ids("v2", "x-pincex-copy") == mirrored
    assert 50 < len(mirrored) < 130, "90 expected, 5 standard deviations"


@pytest.mark.parametrize("prefix", ["", "/models/price"])
def test_labels_are_never_copied(two: LocalSite, prefix: str) -> None:
    """Labels reach production without marks, at both of their addresses."""
    two.route({"v1": 100}, ALL)
    request_id = f"label-{prefix}"

    status, _, told = two.ask(f"{prefix}/labels", {"x-request-id": request_id})

    assert (status, told["path"]) == (200, "/labels")
    assert marks_seen(two, "v1", request_id) == {}
    two.ask(headers={"x-request-id": f"after-{request_id}"})
    marks_seen(two, "v2", f"after-{request_id}")
    assert request_id not in {row["headers"]["x-request-id"] for row in two.seen_by("v2")}


@pytest.mark.parametrize("path", ["/predict?a=1", "/models/price/predict?a=1"])
def test_both_addresses_reach_predict_with_their_query(two: LocalSite, path: str) -> None:
    """The server sees /predict whichever address the client used."""
    two.route({"v1": 100})

    assert two.ask(path)[2]["path"] == "/predict?a=1"


def test_the_request_id_is_kept_or_made_and_given_back(two: LocalSite) -> None:
    """The client's own id survives; without one the answer tells the one that was made."""
    two.route({"v1": 100})

    _, kept, told = two.ask(headers={"x-request-id": "my own id/1"})
    assert kept["x-request-id"] == told["headers"]["x-request-id"] == "my own id/1"  # type: ignore[index]

    _, made, told = two.ask()
    assert made["x-request-id"] == told["headers"]["x-request-id"]  # type: ignore[index]
    assert len(made["x-request-id"]) == 36


def test_the_proxy_writes_one_row_per_copy_and_none_for_production(two: LocalSite) -> None:
    """With the request's id, the rollout, the receiving cluster, the status and the time."""
    two.route({"v1": 100}, ALL)

    two.ask(headers={"x-request-id": 'quote"back\\slash'})

    eventually(lambda: copies_logged(two)[-1]["id"] == 'quote"back\\slash')
    row = copies_logged(two)[-1]
    assert {name: row[name] for name in ("cluster", "status", "flags", "rollout")} == {
        "cluster": "price--v2--copy",
        "status": 200,
        "flags": "-",
        "rollout": "rollout-7",
    }
    assert float(str(row["at"])) > 1.7e9
    clusters = Counter(row["cluster"] for row in copies_logged(two))
    assert set(clusters) == {"price--v2--copy"}


def test_an_answer_that_never_comes_is_in_the_proxys_log_only(site: LocalSite) -> None:
    """A dead candidate leaves a row with a connection failure, and production does not notice."""
    site.serve("v1")
    site.serve("v2")
    site.route({"v1": 100}, ALL)
    unwant(site.home, "price@v2#1")
    eventually(lambda: "price@v2#1" not in site.home.roles(site.home.run))

    status, _, _ = site.ask(headers={"x-request-id": "alone"})

    eventually(lambda: site.home.upstream_log.read_text())
    assert status == 200
    assert [(row["id"], row["flags"]) for row in copies_logged(site)] == [("alone", "UF")]


def test_a_slow_candidate_fills_its_own_limits_only(site: LocalSite) -> None:
    """Copies beyond the candidate's limits are dropped with a row; production loses nothing."""
    site.serve("v1")
    site.serve("v2", delay=3.0)
    site.route({"v1": 100}, ALL)
    asked = 400

    statuses = Counter(site.ask()[0] for _ in range(asked))

    assert statuses == {200: asked}
    eventually(lambda: len(copies_logged(site)) == asked, within=15)
    flags = Counter(row["flags"] for row in copies_logged(site))
    assert flags["UO"] >= asked - 256 - 64


def test_the_candidate_can_be_promoted_while_it_gets_copies(two: LocalSite) -> None:
    """Switch and end of the shadow are one change: no request is both served and copied there."""
    two.route({"v1": 100}, ALL)

    assert two.route({"v2": 100}) == Route({"v2": 100})

    assert two.ask()[2]["name"] == "v2"


def test_copies_survive_the_death_of_the_serving_instance(site: LocalSite) -> None:
    """One of two production servers is killed: the other answers, and there is one copy."""
    site.serve("v1", count=2)
    site.serve("v2")
    site.route({"v1": 100}, ALL)
    kill_role(site.home, "price@v1#1")

    for number in range(20):
        assert site.ask(headers={"x-request-id": f"after-kill-{number}"})[0] == 200

    eventually(lambda: len(site.seen_by("v2")) == 20)
    assert len({row["headers"]["x-request-id"] for row in site.seen_by("v2")}) == 20
