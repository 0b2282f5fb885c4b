"""Reports handed to MLflow: beside the model's run, owed by the outbox until MLflow took them."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from cluster.outbox import Errand
from flows.site import Site
from rollout.state import Rollout

KIND = "report"


def owe(site: Site, rollout: Rollout, report: Path) -> None:
    """Note in the outbox that a version's run still lacks its report."""
    payload = {
        "component": rollout.component,
        "region": rollout.region,
        "version": rollout.candidate.version,
        "file": str(report),
    }
    site.outbox.enqueue(f"{KIND}:{report.parent.name}", KIND, payload, datetime.now(UTC))


def owed(site: Site) -> int:
    """How many reports MLflow still lacks."""
    return sum(errand.kind == KIND for errand in site.outbox.due(datetime.now(UTC)))


def hand_over(site: Site) -> list[str]:
    """Hand over what is owed; lines about what MLflow did not take, which stays owed."""
    from models.errors import RegistryError

    lines = []
    for errand in site.outbox.due(datetime.now(UTC)):
        if errand.kind != KIND:
            continue
        try:
            _attach(site, errand)
        except RegistryError as error:
            lines.append(f"report of {errand.payload['version']} not in MLflow yet: {error}")
            continue
        site.outbox.done(errand.key)
    return lines


def _attach(site: Site, errand: Errand) -> None:
    """Store the file with the run of its version and tag the version with its address."""
    name, version = str(errand.payload["component"]), str(errand.payload["version"])
    file = Path(str(errand.payload["file"]))
    if not file.is_file():
        return
    uri = site.registry.attach(name, version, file, f"evidence/{file.parent.name}/{file.name}")
    site.registry.tag(name, version, "shadow_report_uri", uri)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    site.registry.tag(name, version, "shadow_report_sha256", digest)
