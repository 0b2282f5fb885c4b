"""The checklist of the local site: what a rollout of a component, or of a release, would meet."""

from collections.abc import Iterator
from datetime import datetime

from cluster.local.preflight import of_site, program_line, servers_line
from cluster.local.services import LocalServices
from flows.applications import description_of
from flows.local_site import require_up
from flows.platform import applications, models, parts_of
from flows.policies import policy_text
from flows.refusal import Refused, bad_input
from flows.release_checklist import Release, agreed
from flows.release_openers import ReleaseRequest, check_release
from flows.site import Site
from rollout.application import Component
from rollout.checklist_line import Line, Outcome
from rollout.policy import parse
from rollout.release import Parts
from rollout.state import Revision

FLAGS = Line(
    "flags",
    Outcome.NOT_CHECKED,
    "the checklist names a ConfigMap, and this site has none",
    "whoever turns them must look; or validate in the namespace that they are in",
)


def local_lines(here: Site, name: str, release: Release | None, now: datetime) -> Iterator[Line]:
    """The site first, then what is meant of it; bad input for a name that it does not know."""
    require_up(here)
    policy = policy_text(here, None)
    serving = [] if release else _serving(here, name)
    yield from of_site(here.home, parse(policy).alerts)
    if release is not None:
        yield from _of_release(here, release, policy)
        yield from agreed(release, now)
        return
    yield _open_line(here, name)
    yield from serving


def _serving(here: Site, name: str) -> list[Line]:
    """The servers of what serves under a name, and of a model its files."""
    if name in models(here):
        champion = here.history(name).champion
        if champion is None:
            return []
        version = champion.revision.version
        failed = here.serving.failed(name, version)
        return [servers_line(name, version, failed), _files_line(here, name, champion.revision)]
    found = [
        (parts, part)
        for owner in applications(here)
        for parts in (parts_of(here, owner),)
        for part in parts.of
        if name in (part, owner)
    ]
    if not found:
        raise bad_input(f"nothing called {name} serves here", _known(here))
    return [line for parts, part in found for line in _service_lines(here, parts, part)]


def _service_lines(here: Site, parts: Parts, part: str) -> list[Line]:
    """The servers of what serves; nothing of a component that never did."""
    revision = parts.part(part).serving
    if revision is None:
        return []
    failed = here.services.failed(description_of(parts, part, revision), revision.version)
    return [servers_line(part, revision.version, failed)]


def _files_line(here: Site, name: str, revision: Revision) -> Line:
    """Whether the files of a model's version are those that were registered."""
    from models.errors import Damaged
    from models.manifest import verify_digest

    place = here.home.models / name / revision.version
    title = f"{name}: files of {revision.version}"
    try:
        verify_digest(place, revision.digest)
    except Damaged as error:
        return Line(title, Outcome.FAIL, str(error), f"pincex rollback-model {name}")
    return Line(title, Outcome.OK, "as they were registered")


def _of_release(here: Site, release: Release, policy: str) -> Iterator[Line]:
    """Whether `deploy` would begin it, with what programs, and whether a way leads back."""
    described = release.described
    request = ReleaseRequest(release.version, described.text, policy, retry=False)
    services = LocalServices(here.home)
    for part in described.services:
        services.require_runnable(part)
    yield _would_begin(here, request, release)
    for part in release.parts:
        for program in services.programs(part, release.version):
            yield program_line(part.name, program)
        yield from _way_back(part)
    if release.checklist.flags is not None:
        yield FLAGS


def _would_begin(here: Site, request: ReleaseRequest, release: Release) -> Line:
    try:
        opened = check_release(here, request, release.described)
    except Refused as refused:
        return Line("rollout", Outcome.FAIL, str(refused), refused.hint)
    if opened is not None:
        said = f"it is open already, since {opened.opened_at:%Y-%m-%d %H:%M:%S} UTC"
        return Line("rollout", Outcome.WARN, said, f"pincex resume {release.application}")
    return Line("rollout", Outcome.OK, f"pincex deploy {release.version} would begin one")


def _way_back(part: Component) -> Iterator[Line]:
    for step in part.release_steps:
        if not step.reversible:
            said = f"from its release step {step.name} on no rollback leads to what serves now"
            yield Line(f"{part.name}: way back", Outcome.WARN, said, "a backup of what it changes")


def _open_line(here: Site, name: str) -> Line:
    """One rollout at a time: what is open is in the way."""
    for owner in (*applications(here), *models(here)):
        opened = here.history(owner).open
        if opened is not None and (owner == name or name in parts_of(here, owner).of):
            said = f"{opened.verb} {opened.candidate.version} of {owner} is open ({opened.phase})"
            return Line("rollout", Outcome.WARN, said, f"pincex resume {owner}")
    return Line("rollout", Outcome.OK, "none is open")


def _known(here: Site) -> str:
    names = [*models(here), *applications(here)]
    parts = [part for one in applications(here) for part in parts_of(here, one).of]
    return f"known: {', '.join([*names, *parts]) or 'nothing yet; pincex deploy VERSION'}"
