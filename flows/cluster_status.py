"""`status` of a namespace: releases, components, versions, pods, who holds the lock."""

import argparse
from datetime import UTC, datetime
from typing import Any

from cluster.errors import NotFound, Owned
from cluster.kubernetes.namespace import absent
from flows.applications import description_of
from flows.cluster_site import ClusterSite, cluster_site
from flows.platform import applications, models, parts_of
from flows.refusal import Exit
from flows.status import model, seen_of, watched
from rollout import release_text, status_text
from rollout.application import Component
from rollout.release import Parts

Answer = tuple[int, dict[str, Any], str]


def look(options: argparse.Namespace) -> Answer:
    """One look at a namespace, and at the rollouts that were begun from here."""
    here = cluster_site(options)
    try:
        return _looked_at(here)
    finally:
        here.api.close()


def _looked_at(here: ClusterSite) -> Answer:
    wrong = absent(here.api)
    entries = [_release(here, name) for name in applications(here)]
    served = [model(here, name) for name in models(here)]
    report = {
        "site": here.name,
        "namespace": here.way.namespace,
        "context": here.way.context,
        "at": datetime.now(UTC).isoformat(),
        "wrong": wrong,
        "shares": here.services.how,
        "applications": entries,
        "models": served,
    }
    first = f"namespace {here.way.namespace} of {here.way.context}   {here.services.how}"
    lines = [
        first,
        *([wrong] if wrong else []),
        *(line for entry in served for line in status_text.block(entry, here.told)),
    ]
    return Exit.DONE, report, "\n".join([*lines, *release_text.status(entries, here.told)])


def _release(here: ClusterSite, name: str) -> dict[str, Any]:
    known, parts = here.history(name), parts_of(here, name)
    opened, champion, previous = known.open, known.champion, known.previous
    holder = here.lock.holder(name, here.region)
    return {
        "name": name,
        "version": champion.revision.version if champion else None,
        "previous": previous.revision.version if previous else None,
        "barred": parts.barred(parts.below),
        "open": f"{opened.verb} {opened.candidate.version}" if opened else None,
        "watch": watched(opened.watch if opened else None),
        "lock": str(holder) if holder else None,
        "parts": [_part(here, parts, part) for part in parts.targets],
        **seen_of(here, name, opened),
    }


def _part(here: ClusterSite, parts: Parts, name: str) -> dict[str, Any]:
    """A component by its route, with the pods of each version that is up."""
    serving = parts.part(name).serving
    described = description_of(parts, name, parts.targets[name])
    try:
        weights, wrong = dict(here.services.route(name).weights), None
    except NotFound:
        weights, wrong = {}, None
    except Owned as error:
        weights, wrong = {}, str(error)
    versions = here.services.versions_up(name)
    return {
        "name": name,
        "serving": serving.version if serving else None,
        "weights": weights,
        "wrong": wrong,
        "versions": [_version(here, described, version) for version in versions],
    }


def _version(here: ClusterSite, part: Component, version: str) -> dict[str, Any]:
    failed = here.services.failed(part, version)
    fault = here.services.fault(part, version, None)
    return {
        "version": version,
        "pods": len(failed),
        "ready": sum(not bad for bad in failed.values()),
        "wrong": fault.reason if fault else None,
    }
