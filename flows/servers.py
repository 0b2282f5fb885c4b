"""The servers of a model's revisions: brought up from verified files, or ended."""

from pathlib import Path
from typing import TYPE_CHECKING

from cluster.lock import Lease
from cluster.serving import Servers
from flows.site import Site
from rollout.state import Revision

if TYPE_CHECKING:
    from rollout.policy import Policy

# One request is answered by one thread: a model's own threads would only fight each other.
ENV = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def bring_up(
    site: Site,
    component: str,
    revision: Revision,
    policy: "Policy",
    lease: Lease,
    files: Revision | None = None,
    *,
    forced: bool,
) -> str:
    """Servers of a revision from the site's verified copy, ready, warm and known to the proxy.

    `files` are those of another revision, which it serves under its own name. NotReady, with a
    server's last words, where that cannot be had in `ready_within`.
    """
    from models import manifest

    of = (files or revision).version
    directory = site.home.models / component / of
    if not directory.is_dir():
        site.registry.download(component, of, directory)
    manifest.verify_digest(directory, revision.digest)
    servers = Servers(
        component,
        revision.version,
        server_arguments(site, component, revision, directory),
        ENV,
        policy.replicas,
    )
    site.serving.start(servers, policy.ready_within, lease, forced=forced)
    return f"{revision.version} is ready and warm"


def server_arguments(
    site: Site, component: str, revision: Revision, directory: Path
) -> tuple[str, ...]:
    """What a server process of a revision is told."""
    records = site.home.records / component
    return (
        "-m", "models.server",
        "--name", component,
        "--version", revision.version,
        "--directory", str(directory),
        "--manifest-sha256", revision.digest,
        "--host", "{host}",
        "--port", "{port}",
        "--instance", "{instance}",
        "--records", str(records),
        "--labels", str(records / "labels.jsonl"),
    )  # fmt: skip


def retire_others(site: Site, component: str, drain_within: float, lease: Lease) -> None:
    """Only what serves and what served before stay up."""
    history = site.history(component)
    kept = {served.revision.version for served in history.champions[-2:]}
    for version in site.serving.versions_up(component):
        if version not in kept:
            site.serving.stop(component, version, drain_within, lease)
