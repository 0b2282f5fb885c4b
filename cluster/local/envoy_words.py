"""Words and small parts that all of the proxy's configuration shares.

A setting that differs from Envoy's default is there because the default lost requests or evidence
when it was measured; the tests under load and of copies fail without it.
"""

from cluster.local.home import Home

Json = dict[str, object]

TYPE = "type.googleapis.com/"
ROUTES_NAME, STAT_PREFIX, STATE = "site", "site", "pincex"
PATIENCE = 5.0
"""Seconds a client waits at most for an answer through the proxy."""
SHADOW, MIRRORED, COPY = "x-pincex-shadow", "x-pincex-mirrored", "x-pincex-copy"
OBSERVED = "x-pincex-observed"


def from_file(home: Home, kind: str, name: str) -> Json:
    """A configuration source: Envoy reads the file again when anything is renamed beside it."""
    directory = home.envoy / "xds" / kind
    return {
        "path_config_source": {
            "path": str(directory / name),
            "watched_directory": {"path": str(directory)},
        },
        "resource_api_version": "V3",
    }


def address(port: int) -> Json:
    """A port of this machine."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
