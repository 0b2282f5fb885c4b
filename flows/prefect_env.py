"""The environment of everything that talks to, or is, the site's Prefect server."""

from flows.site import Site

HEARTBEAT_SECONDS = "30"


def client_env(site: Site) -> dict[str, str]:
    """Settings of a flow process: our server, no telemetry, little chatter."""
    return {
        "PREFECT_API_URL": f"{site.prefect_url}/api",
        "PREFECT_HOME": str(site.home.path / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": HEARTBEAT_SECONDS,
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    }


def server_env(site: Site) -> dict[str, str]:
    """Settings of the server: the V1 pages, because V2 calls a host outside."""
    return client_env(site) | {
        "PREFECT_SERVER_UI_API_URL": f"{site.prefect_url}/api",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        # How far ahead runs are made: after a pause all of these are overdue at once.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT3M",
    }
