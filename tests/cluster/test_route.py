"""Routes as values: whole, named, and the same after they were written down."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import Refused
from cluster.local.envoy_routes import routes
from cluster.local.route import cluster_name, from_json, to_json
from cluster.route import Calls, Mirror, Route, require_name

VERSIONS = st.sampled_from(["v1.0.0", "v2.0.0", "v3-rc.1"])


@st.composite
def any_route(draw: st.DrawFn) -> Route:
    """Any route between two versions, with or without a mirror."""
    share = draw(st.integers(0, 100))
    mirror = st.builds(Mirror, VERSIONS, st.floats(0.001, 1), st.just("r-1"))
    return Route({"v1.0.0": share, "v2.0.0": 100 - share}, draw(st.none() | mirror), "7-abc")


ORDERS = Calls(("/orders",), idempotent=False, mirrorable=False, single=False)
PRICES = Calls(("/prices", "/books"), idempotent=True, mirrorable=True, single=False)
SETTLEMENT = Calls(("/settlements",), idempotent=False, mirrorable=False, single=True)


def told_rules(table: dict[str, Route]) -> list[dict[str, Any]]:
    """The rules that Envoy is given for a table of routes."""
    told = json.loads(json.dumps(routes(table, "1-x")))
    rules = told["resources"][0]["virtual_hosts"][0]["routes"]
    assert isinstance(rules, list)
    return rules


@pytest.mark.parametrize(
    "route",
    [
        pytest.param(Route({"v1": 95, "v2": 5}, calls=ORDERS, observed="r-1"), id="observed"),
        pytest.param(Route({"v1": 100}, calls=SETTLEMENT), id="single"),
        pytest.param(Route({"v1": 100}, Mirror("v2", 0.5, "r-1"), calls=PRICES), id="copied"),
    ],
)
def test_a_route_of_a_service_keeps_what_its_requests_allow(route: Route) -> None:
    """Whoever reads the route knows it, without the description of the application."""
    assert from_json(json.loads(json.dumps(to_json(route))), "") == route


@pytest.mark.parametrize(
    ("calls", "repeated"), [(ORDERS, False), (PRICES, True)], ids=["orders", "prices"]
)
def test_only_idempotent_requests_are_sent_again_once_a_server_may_have_begun(
    calls: Calls, repeated: bool
) -> None:
    """A connection that breaks after the request was sent says nothing about its execution."""
    for rule in told_rules({"part": Route({"v1": 100}, calls=calls)}):
        causes = rule["route"]["retry_policy"]["retry_on"].split(",")
        assert ("reset" in causes) is repeated
        assert "connect-failure" in causes


def test_requests_that_are_not_mirrorable_are_never_copied() -> None:
    """Whatever a plan or a person asks for."""
    with pytest.raises(Refused, match="not mirrorable"):
        Route({"v1": 100}, Mirror("v2", 0.01, "r"), calls=ORDERS)


def test_a_single_instance_is_never_given_a_share() -> None:
    """Two at once would both act; it is handed over as a whole."""
    with pytest.raises(Refused, match="handed over"):
        Route({"v1": 95, "v2": 5}, calls=SETTLEMENT)


def test_two_services_cannot_answer_at_one_path() -> None:
    """The second would never be asked, and nobody would see why."""
    table = {"a": Route({"v1": 100}, calls=ORDERS), "b": Route({"v1": 100}, calls=ORDERS)}

    with pytest.raises(Refused, match="/orders belongs to a"):
        routes(table, "1-x")


def test_a_service_takes_no_plain_path_from_the_models() -> None:
    """Clients of the only model are answered by it, whichever services came before it."""
    table = {"orders": Route({"v1": 100}, calls=ORDERS), "price": Route({"v1": 100})}
    matched = [rule["match"] for rule in told_rules(table)]

    assert {"path": "/predict"} in matched
    assert {"path_separated_prefix": "/orders"} in matched


@given(any_route())
def test_a_route_survives_being_written_down(route: Route) -> None:
    """What is kept in Envoy's route file reads back as the same route."""
    assert from_json(json.loads(json.dumps(to_json(route))), route.version_info) == route


@given(any_route())
def test_envoy_is_told_the_weights_of_the_route(route: Route) -> None:
    """Every rule of a component carries exactly the positive weights."""
    told = json.loads(json.dumps(routes({"price": route}, "1-x")))
    rules = told["resources"][0]["virtual_hosts"][0]["routes"]

    for rule in rules:
        shares = rule["route"]["weighted_clusters"]["clusters"]
        assert {share["name"].split("--")[1]: share["weight"] for share in shares} == {
            version: share for version, share in route.weights.items() if share
        }


@pytest.mark.parametrize(
    "weights",
    [{}, {"v1": 99}, {"v1": 60, "v2": 60}, {"v1": 110, "v2": -10}],
    ids=["none", "short", "over", "negative"],
)
def test_weights_that_make_no_whole_are_refused(weights: dict[str, int]) -> None:
    """They must be at least 0 and sum to 100."""
    with pytest.raises(Refused, match="sum to 100"):
        Route(weights)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, float("nan")])
def test_a_mirror_copies_a_fraction_of_something(fraction: float) -> None:
    """0 is no mirror, and more than everything cannot be copied."""
    with pytest.raises(Refused, match="copies more than 0"):
        Route({"v1": 100}, Mirror("v2", fraction, "r"))


def test_a_route_needs_the_versions_that_serve_or_get_copies() -> None:
    """A version with weight 0 may be taken away."""
    route = Route({"v1": 100, "v0": 0}, Mirror("v2", 1, "r"))

    assert route.versions == {"v1", "v2"}


@pytest.mark.parametrize("name", ["price", "v2.0.0", "v1.0.0-rc.1+build_7", "A"])
def test_names_fit(name: str) -> None:
    """Components and versions as people write them."""
    assert require_name(name) == name


@pytest.mark.parametrize("name", ["", "-x", "a--b", "a/b", "../x", "a b", "ä", "a" * 64, "a\n"])
def test_names_that_would_break_files_or_headers_are_refused(name: str) -> None:
    """Path separators, blanks and the separator of cluster names cannot come in."""
    with pytest.raises(Refused, match="cannot be a name"):
        cluster_name("price", name)


def test_the_first_model_keeps_the_plain_paths() -> None:
    """A client of the only model of a site is still answered by it when another model comes."""
    one, two = Route({"v1": 100}), Route({"v2": 100})

    def plain(table: dict[str, Route]) -> dict[str, str]:
        told = json.loads(json.dumps(routes(table, "1-x")))
        return {
            rule["match"]["path"]: rule["route"]["weighted_clusters"]["clusters"][0]["name"]
            for rule in told["resources"][0]["virtual_hosts"][0]["routes"]
            if not rule["match"]["path"].startswith("/models/")
        }

    prices = {path: cluster_name("price", "v1") for path in ("/predict", "/labels")}
    assert plain({"price": one}) == prices
    assert plain({"price": one, "aaa": two}) == prices


def test_every_model_answers_at_its_own_paths() -> None:
    """They carry its name."""
    told = json.loads(json.dumps(routes({"price": Route({"v1": 100})}, "1-x")))
    rules = told["resources"][0]["virtual_hosts"][0]["routes"]

    assert {"/models/price/predict", "/models/price/labels"} <= {
        rule["match"]["path"] for rule in rules
    }


def test_the_order_in_which_models_came_is_written_down() -> None:
    """It is read back from the file, so the plain paths stay where they are."""
    table = {"price": Route({"v1": 100}), "aaa": Route({"v2": 100})}
    told = json.loads(json.dumps(routes(table, "1-x")))
    kept = told["resources"][0]["metadata"]["filter_metadata"]

    assert [list(names) for names in kept.values()] == [["price", "aaa"]]
