"""`diagnose` on the local site: the processes, the rollout that is open, a model's files."""

from collections.abc import Iterator

from cluster.diagnosis import Case, Diagnosis, Finding, likeliest_first
from cluster.errors import ClusterError
from cluster.local.admin import Admin
from cluster.local.diagnosis import of_machine, of_servers, servers_of, unwell
from cluster.local.processes import running
from cluster.local.upkeep import KEEPER
from flows import asked
from flows.local_site import require_up
from flows.platform import applications, models, parts_of
from flows.progress_file import read
from flows.refusal import bad_input
from flows.site import Site

NOT_SEEN = ("what other machines see", "logs but for their last line")


def diagnosed(here: Site, name: str) -> Diagnosis:
    """The causes that can be seen, the certain ones first; bad input for an unknown name."""
    require_up(here)
    parts = {part: one for one in applications(here) for part in parts_of(here, one).of}
    known = [*models(here), *applications(here), *parts]
    if name not in known:
        some = ", ".join(known) or "nothing yet"
        raise bad_input(f"nothing called {name} was rolled out here", f"known: {some}")
    components = [part for part, owner in parts.items() if owner == name] or [name]
    found = [
        *_of_site(here),
        *(cause for part in components for cause in of_servers(here.home, part)),
        *(_of_model(here, name) if name in models(here) else ()),
        *_of_rollout(here, parts.get(name, name)),
        *of_machine(here.home),
    ]
    servers = sum(len(servers_of(here.home, part)) for part in components)
    how_many = "1 server" if servers == 1 else f"{servers} servers"
    waits = _waits(here, parts.get(name, name))
    seen = ("keeper and proxy", how_many, waits, "disk, CPU and memory")
    told = [line for part in components for line in unwell(here.home, part)]
    return Diagnosis(likeliest_first(found), seen, NOT_SEEN, told)


def _of_site(here: Site) -> Iterator[Finding]:
    """Without a keeper nothing is started again; without the proxy nobody is answered."""
    if running(here.home, KEEPER) is None:
        evidence = "no keeper runs, so that nothing starts what has died"
        yield Finding(Case.STUCK, "keeper", evidence, "pincex up")
    try:
        Admin(here.home.site()).require_own()
    except ClusterError as error:
        yield Finding(Case.HEALTH, "proxy", str(error), "pincex up")


def _of_rollout(here: Site, owner: str) -> Iterator[Finding]:
    """An open rollout without a process."""
    opened = here.history(owner).open
    if opened is None or opened.waiting:
        return
    what = f"{opened.verb} {opened.candidate.version} of {owner}"
    if here.lock.holder(owner, here.region) is None:
        evidence = f"{what} is open and no process is at it"
        yield Finding(Case.STUCK, "dead process", evidence, f"pincex resume {owner}")


def _waits(here: Site, owner: str) -> str:
    """The open rollout, and what it waits for: no cause, but where to look next."""
    opened, progress = here.history(owner).open, read(here, owner)
    if opened is None or progress is None or progress["rollout"] != opened.id:
        return "the open rollout"
    return f"the open rollout ({progress['reason'] or opened.phase})"


def _of_model(here: Site, name: str) -> Iterator[Finding]:
    """Files that are not those that were registered, and a registry that does not answer."""
    from models.errors import Damaged
    from models.manifest import verify_digest

    history = here.history(name)
    champion = history.champion.revision if history.champion else None
    candidate = history.open.candidate if history.open else None
    for revision in filter(None, (champion, candidate)):
        place = here.home.models / name / revision.version
        if revision == candidate and not place.exists():
            # Not fetched yet.
            continue
        try:
            verify_digest(place, revision.digest)
        except Damaged as error:
            back = f"pincex rollback-model {name}"
            yield Finding(Case.MODEL, "damaged model file", str(error), back)
    if asked.healthy(f"{here.mlflow_url}/health") != "ok":
        evidence = f"MLflow does not answer at {here.mlflow_url}"
        yield Finding(Case.MODEL, "registry unreachable", evidence, "pincex up", certain=False)
