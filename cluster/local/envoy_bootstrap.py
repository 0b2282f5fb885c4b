"""The part of Envoy's configuration that never changes while it runs."""

from cluster.local.envoy_words import (
    COPY,
    OBSERVED,
    ROUTES_NAME,
    SHADOW,
    STAT_PREFIX,
    TYPE,
    Json,
    address,
    from_file,
)
from cluster.local.home import Home, Site


def bootstrap(home: Home, site: Site) -> Json:
    """The part that never changes while Envoy runs: listener, admin, and where files are."""
    return {
        "node": {"id": site.node_id, "cluster": site.name},
        "admin": {"address": address(site.ports.admin)},
        "dynamic_resources": {"cds_config": from_file(home, "cds", "clusters.json")},
        "static_resources": {"listeners": [_listener(home, site)]},
    }


def _listener(home: Home, site: Site) -> Json:
    manager = {
        "@type": TYPE + "envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": STAT_PREFIX,
        "use_remote_address": True,
        # Without this a client's x-request-id is replaced, and labels find no prediction.
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "early_header_mutation_extensions": [_without_client_marks()],
        "access_log": [_answer_log(home)],
        "rds": {
            "route_config_name": ROUTES_NAME,
            "config_source": from_file(home, "rds", "routes.json"),
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": TYPE + "envoy.extensions.filters.http.router.v3.Router",
                    "upstream_log": [_copy_log(home)],
                },
            }
        ],
    }
    return {
        "name": "endpoint",
        "address": address(site.ports.endpoint),
        # Two sites on one port would share the traffic; the second must fail instead.
        "enable_reuse_port": False,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }


def _without_client_marks() -> Json:
    """Headers by which servers tell copies apart may only come from the proxy itself."""
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": TYPE
            + "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove_on_match": {"key_matcher": {"prefix": "x-pincex-"}}}],
        },
    }


def _answer_log(home: Home) -> Json:
    """One line per answer of an observed component, also where there was no server to answer."""
    observed = {"header_filter": {"header": {"name": OBSERVED, "present_match": True}}}
    return {
        "name": "envoy.access_loggers.file",
        "filter": observed,
        "typed_config": {
            "@type": TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(home.access_log),
            "log_format": {
                "json_format": {
                    "rollout": f"%REQ({OBSERVED})%",
                    "cluster": "%UPSTREAM_CLUSTER%",
                    "status": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",
                    "ms": "%DURATION%",
                    "at": "%START_TIME(%s.%6f)%",
                }
            },
        },
    }


def _copy_log(home: Home) -> Json:
    """One line per copy sent or not sent: the only trace of one that nobody answered."""
    return {
        "name": "envoy.access_loggers.file",
        "filter": {"header_filter": {"header": {"name": COPY, "present_match": True}}},
        "typed_config": {
            "@type": TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(home.upstream_log),
            "log_format": {
                "json_format": {
                    "id": "%REQ(X-REQUEST-ID)%",
                    "cluster": "%UPSTREAM_CLUSTER%",
                    "status": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",
                    "at": "%START_TIME(%s.%6f)%",
                    "rollout": f"%REQ({SHADOW})%",
                }
            },
        },
    }
