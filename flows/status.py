"""`status`, `model-status`, `history`: what is so, read from the platform and the ledger."""

import argparse
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cluster.errors import Unavailable
from cluster.ledger import Row
from cluster.local.admin import Admin
from flows import aliases, asked, screen
from flows.given import where
from flows.in_cluster import chosen, is_meant
from flows.local_site import processes, require_up
from flows.platform import applications, models, traffic
from flows.progress_file import read
from flows.refusal import Exit, bad_input
from flows.site import Site, site
from rollout import approval_text, status_text
from rollout.history import History, expected_aliases
from rollout.release import fold_parts
from rollout.state import Rollout, Watch

Answer = tuple[int, dict[str, Any], str]


def status(options: argparse.Namespace) -> Answer:
    """One look at everything: what serves, what is open, what runs, what does not answer.

    With `--watch` one a second, until Ctrl-C.
    """
    look = partial(_look, options.site)
    if is_meant(options):
        from flows import cluster_status

        look = partial(cluster_status.look, options)
    if not options.watch:
        return look()
    if options.json:
        raise bad_input(
            "--watch goes on, and --json is exactly one object", "pincex status --json, repeated"
        )
    from flows.looking import keep_looking

    keep_looking(lambda: look()[2], where(options))
    return Exit.DONE, {}, ""


def _look(name: str) -> Answer:
    here = site(name)
    require_up(here)
    held = locks(here)
    report = {
        "site": here.name,
        "region": here.region,
        "endpoint": here.endpoint,
        "at": datetime.now(UTC).isoformat(),
        "envoy": envoy(here),
        "prefect": asked.healthy(f"{here.prefect_url}/api/health"),
        "mlflow": asked.healthy(f"{here.mlflow_url}/health"),
        "prefect_url": here.prefect_url,
        "mlflow_url": here.mlflow_url,
        "lock": next(iter(held), None),
        "locks": held,
        "models": [model(here, name) for name in models(here)],
        "applications": [release(here, name) for name in applications(here)],
        "processes": processes(here),
    }
    return Exit.DONE, report, "\n".join(status_text.site(report))


def model_status(options: argparse.Namespace) -> Answer:
    """One model: versions known to the registry, aliases, what serves, what is open."""
    here = chosen(options)
    here.require()
    found = model(here, options.name)
    known = versions(here, options.name)
    if not known and found["champion"] is None:
        names = ", ".join(models(here)) or "none yet"
        raise bad_input(f"there is no model {options.name}. Known: {names}", "pincex status")
    report = {**found, "versions": known}
    return Exit.DONE, report, "\n".join(status_text.model(report, here.region, here.told))


def history(options: argparse.Namespace) -> Answer:
    """Every row of the ledger, oldest first; the chain is verified before it is shown."""
    here = chosen(options)
    here.require()
    here.ledger.verify()
    rows = [as_data(row) for row in here.ledger.rows(component=options.name)]
    if options.name and not rows:
        raise bad_input(f"the ledger knows no {options.name}", "pincex history")
    report = {"site": here.name, "chain": "intact", "rows": rows}
    return Exit.DONE, report, "\n".join(status_text.history(rows, screen.width()))


def as_data(row: Row) -> dict[str, Any]:
    """A row of the ledger as the object that ``--json`` prints."""
    return {
        "seq": row.seq,
        "at": row.at.isoformat(),
        "actor": row.actor,
        "kind": row.kind,
        "component": row.component,
        "region": row.region,
        "data": dict(row.data),
        "hash": row.hash,
    }


def envoy(here: Site) -> str:
    """Whether the site's own Envoy answers."""
    try:
        Admin(here.home.site()).require_own()
    except Unavailable:
        return asked.NOT_ANSWERING
    return "ok"


def locks(here: Site) -> list[dict[str, Any]]:
    """Who holds the lock of which component."""
    known = [*models(here), *applications(here)]
    held = [(name, here.lock.holder(name, here.region)) for name in known]
    return [
        {"component": name, "holder": found.holder, "pid": found.pid, "until": found.until}
        for name, found in held
        if found is not None
    ]


def model(here: Site, name: str) -> dict[str, Any]:
    """Champion, challenger, previous, route, the open rollout and what differs."""
    known = here.history(name)
    route = traffic(here, name)
    opened = known.open
    champion, previous = known.champion, known.previous
    watch = opened.watch if opened else None
    deploying = opened is not None and opened.stable is not None and watch is None
    seen = read(here, name)
    progress = seen if opened and seen and seen["rollout"] == opened.id else None
    return {
        "name": name,
        "champion": champion.revision.version if champion else None,
        "champion_since": champion.since.isoformat() if champion else None,
        "champion_by": champion.verb if champion else None,
        "champion_evidence": champion.evidence_digest if champion else None,
        "champion_override": champion.override if champion else None,
        "challenger": opened.candidate.version if opened and deploying else None,
        "previous": previous.revision.version if previous else None,
        "previous_on_disk": previous is not None
        and (here.home.models / name / previous.revision.version).is_dir(),
        "weights": route.weights,
        "mirror": _mirror(route.mirrored),
        "phase": str(opened.phase) if opened else None,
        "waiting": bool(opened and opened.waiting),
        "approval": approval_text.as_data(opened) if opened else None,
        "decision": str(opened.judged.decision) if opened and opened.judged else None,
        "progress": progress,
        "watch": _watch(watch, progress),
        **comparison(here, name),
    }


def release(here: Site, name: str) -> dict[str, Any]:
    """An application: the release that serves, its components by route, the open rollout."""
    known, parts = here.history(name), fold_parts(here.ledger.rows(component=name))
    opened, champion, previous = known.open, known.champion, known.previous
    seen = seen_of(here, name, opened)
    shown = [
        {
            "name": part,
            "serving": told.serving.version if told.serving else None,
            "weights": traffic(here, part).weights,
        }
        for part, told in parts.of.items()
    ]
    return {
        "name": name,
        "version": champion.revision.version if champion else None,
        "previous": previous.revision.version if previous else None,
        "barred": parts.barred(parts.below),
        "open": f"{opened.verb} {opened.candidate.version}" if opened else None,
        "watch": watched(opened.watch if opened else None),
        "parts": shown,
        **seen,
    }


def seen_of(here: Site, name: str, opened: Rollout | None) -> dict[str, Any]:
    """What was seen last of an open rollout of services, how long ago (s), and if it is held."""
    held = opened is not None and here.lock.holder(name, here.region) is not None
    seen = read(here, name)
    if opened is None or seen is None or seen["rollout"] != opened.id:
        return {"progress": None, "progress_age": None, "held": held}
    age = datetime.now(UTC) - datetime.fromisoformat(seen["at"])
    return {"progress": seen, "progress_age": age.total_seconds(), "held": held}


def comparison(here: Site, name: str) -> dict[str, list[str]]:
    """Where platform, ledger and registry do not agree, in words, and what was not compared."""
    known = here.history(name)
    traffic_differs = list(_of_traffic(here, name, known))
    found = {role: asked.alias(here.mlflow_url, name, role) for role in aliases.ROLES}
    answering = asked.NOT_ANSWERING not in found.values()
    return {
        "differences": [
            *traffic_differs,
            *(_of_aliases(name, known, found) if answering else []),
        ],
        "not_compared": [] if answering else ["aliases: MLflow does not answer"],
    }


def _of_traffic(here: Site, name: str, known: History) -> Iterable[str]:
    serving, champion = traffic(here, name).serving, known.champion
    if champion is not None and serving != champion.revision.version:
        yield f"{serving or 'no single version'} takes the traffic, the ledger says " + (
            champion.revision.version
        )


def _of_aliases(name: str, known: History, found: dict[str, str | None]) -> Iterable[str]:
    present = {role: release for role, release in found.items() if release is not None}
    for stranger in aliases.foreign(known, present):
        yield f"{stranger}: pincex resume {name} --keep-serving or --follow-alias settles it"
    if not aliases.foreign(known, present) and present != expected_aliases(known):
        yield f"aliases still have to follow: pincex resume {name}"


def versions(here: Site, name: str) -> list[dict[str, Any]]:
    """What the registry has of this model; nothing where it does not answer."""
    query = f"filter=name%3D%27{name}%27&max_results=200"
    code, body = asked.get(f"{here.mlflow_url}/api/2.0/mlflow/model-versions/search?{query}")
    if code != 200:
        return []
    found = []
    for version in body.get("model_versions", []):
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
        found.append(
            {
                "version": tags.get("release"),
                "number": int(version["version"]),
                "validation_status": tags.get("validation_status"),
                "manifest_sha256": tags.get("manifest_sha256"),
            }
        )
    return sorted(found, key=lambda entry: int(entry["number"]))


def _watch(watch: Watch | None, progress: dict[str, Any] | None) -> dict[str, Any] | None:
    """The watch of a model with what its last look found."""
    known = watched(watch)
    if known is None:
        return None
    seen = progress["watch"] if progress else None
    return {**known, "triggers": seen["triggers"] if seen else []}


def watched(watch: Watch | None) -> dict[str, Any] | None:
    """A watch by the ledger's clock."""
    if watch is None:
        return None
    return {
        "since": watch.since.isoformat(),
        "until": watch.until.isoformat(),
        "seconds": watch.seconds,
        "left": max(0.0, (watch.until - datetime.now(UTC)).total_seconds()),
    }


def _mirror(mirrored: Any) -> dict[str, Any] | None:
    if mirrored is None:
        return None
    return {
        "version": mirrored.version,
        "fraction": mirrored.fraction,
        "rollout": mirrored.rollout_id,
    }
