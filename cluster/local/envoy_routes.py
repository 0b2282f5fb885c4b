"""The routes of Envoy: which version answers which share, and which requests are copied."""

from collections.abc import Mapping

from cluster.errors import Refused
from cluster.local.envoy_words import (
    COPY,
    MIRRORED,
    OBSERVED,
    PATIENCE,
    ROUTES_NAME,
    SHADOW,
    STATE,
    TYPE,
    Json,
)
from cluster.local.route import cluster_name, copy_cluster_name, to_json
from cluster.route import Calls, Mirror, Route

# Weights are drawn from the same random number modulo 100; a million makes both independent.
MILLION = 1_000_000


def routes(table: Mapping[str, Route], version_info: str) -> Json:
    """All routes of the site, with the table itself kept in the metadata, to be read back.

    The model that was first in `table` answers at the plain paths, too, and keeps them: a
    second one must not take the first one's clients away.
    """
    _require_paths_apart(table)
    rules = [rule for component, route in table.items() for rule in _rules(component, route)]
    models = [component for component, route in table.items() if not route.calls.paths]
    for first in models[:1]:
        rules += _paths(first, table[first], prefix="")
    resource = {
        "@type": TYPE + "envoy.config.route.v3.RouteConfiguration",
        "name": ROUTES_NAME,
        "validate_clusters": True,
        "virtual_hosts": [{"name": "models", "domains": ["*"], "routes": rules}],
        "metadata": {
            "filter_metadata": {STATE: {name: to_json(route) for name, route in table.items()}}
        },
    }
    return {"version_info": version_info, "resources": [resource]}


def _require_paths_apart(table: Mapping[str, Route]) -> None:
    """Envoy takes the first rule that fits: a second owner of a path would never be asked."""
    owners: dict[str, str] = {}
    for component, route in table.items():
        for path in route.calls.paths:
            if path in owners:
                raise Refused(f"{path} belongs to {owners[path]}; {component} needs another")
            owners[path] = component


def _rules(component: str, route: Route) -> list[Json]:
    if route.calls.paths:
        return [rule for path in route.calls.paths for rule in _service(component, route, path)]
    return _paths(component, route, prefix=f"/models/{component}")


def _service(component: str, route: Route, path: str) -> list[Json]:
    """Everything at and below a path, as the client wrote it."""
    action = _action(component, route, None)
    return _answered(component, route, {"path_separated_prefix": path}, action)


def _paths(component: str, route: Route, prefix: str) -> list[Json]:
    predict = _action(component, route, "/predict")
    labels: Json = {
        "match": {"path": f"{prefix}/labels"},
        "route": _action(component, route, "/labels"),
    }
    return [*_answered(component, route, {"path": f"{prefix}/predict"}, predict), labels]


def _answered(component: str, route: Route, match: Json, action: Json) -> list[Json]:
    """The rule of what matches; before it, the one for the share that is copied."""
    mirror, observed = route.mirror, route.observed
    seen = [_added(OBSERVED, observed)] if observed else []
    if mirror is None:
        marked: Json = {"request_headers_to_add": seen} if seen else {}
        return [{"match": match, "route": action, **marked}]
    share = {"numerator": round(mirror.fraction * MILLION), "denominator": "MILLION"}
    marks = [*seen, _added(SHADOW, mirror.rollout_id)]
    copied: Json = {
        "match": {**match, "runtime_fraction": {"default_value": share}},
        "route": {**action, "request_mirror_policies": [_copies(component, mirror)]},
        "request_headers_to_add": [*marks, _added(MIRRORED, "1")],
    }
    return [copied, {"match": match, "route": action, "request_headers_to_add": marks}]


def _copies(component: str, mirror: Mirror) -> Json:
    return {
        "cluster": copy_cluster_name(component, mirror.version),
        "request_headers_mutations": [{"append": _added(COPY, "1")}],
        "disable_shadow_host_suffix_append": True,
    }


def _action(component: str, route: Route, path: str | None) -> Json:
    shares = [
        {"name": cluster_name(component, version), "weight": share}
        for version, share in sorted(route.weights.items())
        if share > 0
    ]
    return {
        "weighted_clusters": {"clusters": shares},
        **({"prefix_rewrite": path} if path else {}),
        "timeout": f"{PATIENCE:g}s",
        "retry_policy": _retries(route.calls),
    }


def _retries(calls: Calls) -> Json:
    """What no server has seen may go to another one; what one may have begun, if idempotent."""
    unseen = "connect-failure,refused-stream,reset-before-request"
    return {
        "retry_on": f"{unseen},reset" if calls.idempotent else unseen,
        "num_retries": 2,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": TYPE
                    + "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 3,
        "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.05s"},
    }


def _added(name: str, value: str) -> Json:
    header = {"key": name, "value": value}
    return {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
