"""The clusters of Envoy: the instances of each version, once to serve and once to get copies."""

from collections.abc import Mapping, Sequence

from cluster.local.envoy_words import TYPE, Json, address, from_file
from cluster.local.home import Home
from cluster.local.route import cluster_name, copy_cluster_name

PRODUCTION_LIMIT, COPY_LIMIT, COPY_PENDING = 1024, 256, 64


def clusters(home: Home, versions: Mapping[tuple[str, str], str], version_info: str) -> Json:
    """For each (component, version) and its path of readiness: one that serves, one for copies."""
    resources = []
    for (component, version), ready in versions.items():
        resources.append(_serving_cluster(home, component, version, ready))
        resources.append(_copy_cluster(home, component, version))
    return {"version_info": version_info, "resources": resources}


def endpoints(
    component: str, version: str, ports: Sequence[int], *, draining: bool, version_info: str
) -> Json:
    """The instances of a version; draining ones finish what they have and get nothing new."""
    health = "DRAINING" if draining else "HEALTHY"
    hosts = [{"endpoint": {"address": address(port)}, "health_status": health} for port in ports]
    assignment = {
        "@type": TYPE + "envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster_name(component, version),
        "endpoints": [{"lb_endpoints": hosts}],
    }
    return {"version_info": version_info, "resources": [assignment]}


def _serving_cluster(home: Home, component: str, version: str, ready: str) -> Json:
    limit = {"max_connections": PRODUCTION_LIMIT, "max_requests": PRODUCTION_LIMIT}
    limit |= {"max_pending_requests": PRODUCTION_LIMIT, "max_retries": PRODUCTION_LIMIT}
    return {
        **_cluster(home, component, version, cluster_name(component, version), limit),
        # By default a change of health within a second of another one waits for that second: then
        # a host that has just come back is not used while the next one dies.
        "common_lb_config": {"update_merge_window": "0s"},
        # A healthy host taken out of the list would otherwise stay until its check fails.
        "ignore_health_on_host_removal": True,
        "health_checks": [
            {
                "timeout": "2s",
                "interval": "0.5s",
                "no_traffic_interval": "0.5s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": ready},
            }
        ],
        "outlier_detection": {
            "consecutive_gateway_failure": 3,
            "enforcing_consecutive_gateway_failure": 100,
            "enforcing_consecutive_5xx": 0,
            "enforcing_success_rate": 0,
            "interval": "1s",
            "base_ejection_time": "5s",
            "max_ejection_percent": 50,
        },
    }


def _copy_cluster(home: Home, component: str, version: str) -> Json:
    """No health checks and no ejection: a failing candidate must show as failing, not absent."""
    limit = {"max_connections": COPY_LIMIT, "max_requests": COPY_LIMIT}
    limit |= {"max_pending_requests": COPY_PENDING, "max_retries": 0}
    return _cluster(home, component, version, copy_cluster_name(component, version), limit)


def _cluster(home: Home, component: str, version: str, name: str, limit: Mapping[str, int]) -> Json:
    directory = cluster_name(component, version)
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "@type": TYPE + "envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "connect_timeout": "0.5s",
        "eds_cluster_config": {
            "service_name": directory,
            "eds_config": from_file(home, f"eds/{directory}", "endpoints.json"),
        },
        "circuit_breakers": {"thresholds": [dict(limit)]},
        "typed_extension_protocol_options": {
            options: {
                "@type": TYPE + options,
                "explicit_http_config": {"http_protocol_options": {}},
                # Shorter than the servers keep a connection, or both ends meet on a closed one.
                "common_http_protocol_options": {"idle_timeout": "4s"},
            }
        },
    }
