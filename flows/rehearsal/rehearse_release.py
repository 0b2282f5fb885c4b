"""One release of the sample exchange with one fault, and whether it was survived."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.errors import ClusterError
from cluster.local.scan import members
from flows.progress_file import read
from flows.refusal import Refused
from flows.rehearsal.rehearse import OF_THE_SITE, Rehearsed
from flows.rehearsal.release_faults import Moment, ReleaseFault, ReleaseScene
from flows.rehearsal.small_exchange import FIRST, NAME, Exchange, trading
from flows.rehearsal.small_site import Ran, ended, eventually, require
from rollout.state import Ending, Rollout
from rollout.words import duration

RATE = 150.0
PATIENCE = 120.0


def rehearse_release(here: Exchange, fault: ReleaseFault) -> Rehearsed:
    """Deploy, watch, roll back, with the fault at its moment; then everything must be whole."""
    begun = time.monotonic()
    stats = here.directory / f"{fault.name}.json"
    survived, how = True, ""
    with trading(here.home.site().endpoint, RATE, stats, here.home.path) as trader:
        eventually(lambda: trader.sent, PATIENCE, "orders come in")
        scene = ReleaseScene(here, trader, f"v{len(here.history().rollouts) + 1}.0.0")
        try:
            how = _rollout(scene, fault)
            _require_whole(scene)
        except (AssertionError, ClusterError, Refused, OSError) as error:
            survived, how = False, str(error)
        counted, doubled = trader.end(), trader.doubled
    failed, excused = counted["failed"], scene.excused
    if survived and (failed > excused or doubled or not counted["answered"]):
        said = f"{failed - excused} requests failed although somebody could answer"
        survived, how = False, f"{said}, {doubled} orders were doubled"
    return Rehearsed(
        fault.name,
        fault.what,
        survived,
        "; ".join([*scene.notes, how]),
        round(time.monotonic() - begun, 1),
        counted["sent"],
        failed,
        excused,
        doubled,
    )


def _rollout(scene: ReleaseScene, fault: ReleaseFault) -> str:
    """The verbs in turn, as a person would type them; how it ended, in words."""
    here = scene.here
    with _struck(scene, fault, None):
        begun = time.monotonic()
        command = here.command("deploy", scene.version)
        if fault.moment is Moment.STEP:
            eventually(lambda: _at_a_step(scene), PATIENCE, "a step is judged")
        with _struck(scene, fault, Moment.STEP):
            ran = ended(command, begun)
    undone = fault.ends is Ending.ROLLED_BACK
    if undone and fault.moment is None:
        require(ran.code == 3, f"deploy ended with {ran.code}, 3 is right: {_words(ran)}")
        scene.healed()
        return f"undone: {_words(ran)}"
    require(ran.code == 0, f"deploy ended with {ran.code}: {_words(ran)}")
    with _struck(scene, fault, Moment.WATCH):
        if undone:
            last = _closed(scene)
            require(last.closed is fault.ends, f"it ended as {last.closed}: {last.reason}")
            scene.healed()
            return f"undone in its watch: {last.reason}"
    with _struck(scene, fault, Moment.UNDO):
        back = here.pincex("rollback", "--reason", "rehearsed")
    require(back.code == 0, f"rollback ended with {back.code}: {_words(back)}")
    return f"served and watched, then rolled back in {duration(back.report['seconds'])}"


@contextmanager
def _struck(scene: ReleaseScene, fault: ReleaseFault, moment: Moment | None) -> Iterator[None]:
    """The fault over a block, where this is its moment."""
    if fault.injected is None or fault.moment is not moment:
        yield
        return
    failed = scene.trader.failed
    require(not failed, f"{failed} requests failed before anything was done")
    with fault.injected(scene):
        yield


def _at_a_step(scene: ReleaseScene) -> bool:
    """A component of the release gets a share of the requests, and somebody is at it."""
    site = scene.here.site
    progress = read(site, NAME)
    if progress is None or progress["candidate"] != scene.version:
        return False
    shared = any(part["share"] > 0 and not part["settled"] for part in progress["parts"])
    return shared and site.lock.holder(NAME, site.region) is not None


def _closed(scene: ReleaseScene) -> Rollout:
    """The release, once it has ended."""
    history = scene.here.site.history
    eventually(lambda: history(NAME).open is None, PATIENCE, "the release has ended")
    return history(NAME).rollouts[-1]


def _words(ran: Ran) -> str:
    return str(ran.report.get("error") or ran.report.get("reason") or ran.said.strip()[-300:])


def _require_whole(scene: ReleaseScene) -> None:
    """What served before serves alone, is ready, and nothing else is left; the chain holds."""
    here, site = scene.here, scene.here.site
    eventually(lambda: _at_rest(scene), PATIENCE, "the release is at rest")
    for name, part in here.parts().items():
        route = site.services.route(name)
        require(part.serving is not None, f"nothing serves {name}")
        assert part.serving is not None
        version = part.serving.version
        require(version == FIRST, f"{name} {version} serves, not {FIRST}")
        require(route.weights == {FIRST: 100}, f"requests of {name} go to {route.weights}")
        require(route.observed is None, f"answers of {name} are still noted")
        eventually(lambda name=name: here.answers(name), PATIENCE, f"{name} is ready")  # type: ignore[misc]
    site.ledger.verify()
    eventually(lambda: not _left(here), PATIENCE, "nothing runs that did not before")


def _left(here: Exchange) -> set[str]:
    """Processes that are neither the site's own nor servers of what serves."""
    roles = {member.role for member in members(here.home)} - OF_THE_SITE
    return {role for role in roles if f"@{FIRST}#" not in role}


def _at_rest(scene: ReleaseScene) -> bool:
    site = scene.here.site
    return not site.history(NAME).open and not site.lock.holder(NAME, site.region)
