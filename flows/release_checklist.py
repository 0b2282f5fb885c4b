"""The lines of the checklist that are about a release: what it is, and what was agreed about it."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.applications import application
from flows.checklist_file import checklist, record, record_of
from flows.refusal import bad_input
from flows.site import site
from rollout.application import Application, Component
from rollout.checklist import Checklist
from rollout.checklist_line import Line, Outcome
from rollout.release_record import Record, on_call_line, record_lines
from rollout.release_window import window_line

if TYPE_CHECKING:
    from cluster.kubernetes.api import Api

NO_DEPENDENCIES = Line(
    "dependencies",
    Outcome.NOT_CHECKED,
    "nobody said what it needs besides itself",
    "whoever built it must look; [[dependency]] in the checklist declares each",
)


@dataclass(frozen=True, slots=True)
class Release:
    """A version of some components, with all that the files say about it."""

    version: str
    described: Application
    parts: tuple[Component, ...]
    checklist: Checklist
    record: Record | None
    record_file: Path

    @property
    def application(self) -> str:
        """Its name."""
        return self.described.name


def asked(options: argparse.Namespace) -> Release | None:
    """The release that a verb was told of; bad input, before anything is asked, what does not fit.

    None where it was told of none.
    """
    if options.release is None:
        for name in ("application", "checklist"):
            if getattr(options, name) is not None:
                right = f"pincex validate {options.name} --release VERSION --{name} FILE"
                raise bad_input(f"--{name} is about a release", right)
        return None
    here = site(options.site)
    described = application(here, options.application)
    parts = _meant(described, options.name)
    told, path = checklist(here.settings, options.checklist)
    file = record_of(told, path, here.settings, options.release)
    recorded = record(file) if told.records else None
    return Release(options.release, described, parts, told, recorded, file)


def lines(api: "Api", release: Release, now: datetime) -> Iterator[Line]:
    """Of the cluster first; what needs none of it is told although that does not answer."""
    from cluster.kubernetes.preflight import in_turn
    from cluster.kubernetes.release_preflight import of_release
    from cluster.kubernetes.services import ClusterServices

    for part in release.parts:
        ClusterServices(api, None).require_runnable(part)
    told = release.checklist
    looks = of_release(api, release.application, release.parts, release.version, told.flags)
    yield from in_turn(api, looks)
    yield from agreed(release, now)


def agreed(release: Release, now: datetime) -> Iterator[Line]:
    """What was declared about any release: what it needs outside, when, who, and its records."""
    from cluster.dependencies import dependency_line

    told = release.checklist
    yield from [dependency_line(one) for one in told.dependencies] or [NO_DEPENDENCIES]
    yield window_line(told, now)
    yield on_call_line(told, now)
    file = str(release.record_file)
    yield from record_lines(told.records, release.record, release.version, file, now)


def _meant(described: Application, name: str) -> tuple[Component, ...]:
    """The component of that name, or all services where it is the application's."""
    if name == described.name:
        return described.services
    part = described.component(name)
    if part.model is not None:
        said = f"{name} is a model, whose versions are judged by what they answer"
        raise bad_input(said, f"pincex deploy-model {part.model} VERSION")
    return (part,)
