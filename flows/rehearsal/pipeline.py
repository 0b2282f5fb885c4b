"""Fault after fault on a throw-away site; a fault that was not survived costs the site."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from cluster.errors import ClusterError
from flows.refusal import Exit, Refused
from flows.rehearsal.disk import can_mount
from flows.rehearsal.faults import Fault
from flows.rehearsal.rehearse import Rehearsed, rehearse
from flows.rehearsal.rehearse_release import rehearse_release
from flows.rehearsal.release_faults import ReleaseFault
from flows.rehearsal.small_exchange import QUICK, exchange
from flows.rehearsal.small_site import POLICY, small_site
from flows.rehearsal.throwaway import Throwaway, throwaway

# A machine that starts processes all the while loses copies now and then: no fault of theirs.
WIDE = POLICY.replace("margin = 0.01", "margin = 0.04").replace(
    "not_sent = 0.002", "not_sent = 0.008"
)
REHEARSED = f"""{WIDE}
[rollout.watch]
seconds = 20

[rollout.live_rules.response_time]
floor_ms = 400
"""
"""The watch outlasts what is done during it, and undoes nothing because the machine is busy."""
RELEASED = QUICK.replace("[rollout.watch]\nseconds = 0\n", "[rollout.watch]\nseconds = 60\n")
NO_DISK = "not rehearsed: this user may not mount a small disk to fill; root may"
Told = Callable[[Rehearsed], None]
AnyFault = Fault | ReleaseFault
Rehearse = Callable[[AnyFault], Rehearsed]
Stage = Callable[[Path], AbstractContextManager[Rehearse]]


def rehearse_all(faults: Sequence[AnyFault], told: Told) -> tuple[list[Rehearsed], list[Path]]:
    """What became of each, told as it goes, and the sites that were kept.

    Models and services have sites of their own. Refused where one does not start.
    """
    rows: list[Rehearsed] = []
    kept: list[Path] = []
    for kind, stage in ((Fault, _models), (ReleaseFault, _services)):
        rest = [fault for fault in faults if isinstance(fault, kind)]
        while rest:
            with throwaway(any(fault.mounts for fault in rest) and _may_mount()) as place:
                done = _on_one_site(place, stage, rest, told)
            rows += done
            rest = rest[len(done) :]
            kept += [place.site / "home"] if place.kept else []
    return rows, kept


@contextmanager
def _models(directory: Path) -> Iterator[Rehearse]:
    """A site whose champion is asked and copied from outside."""
    with small_site(directory, REHEARSED) as here, here.load() as client:
        yield partial(rehearse, here, client)


@contextmanager
def _services(directory: Path) -> Iterator[Rehearse]:
    """The sample exchange; each rehearsal brings its trader."""
    with exchange(directory, RELEASED) as here:
        yield partial(rehearse_release, here)


def _may_mount() -> bool:
    with throwaway(False) as place:
        return can_mount(place.site)


def _on_one_site(
    place: Throwaway, stage: Stage, faults: Sequence[AnyFault], told: Told
) -> list[Rehearsed]:
    """Up to and with the first fault that is not survived."""
    rows: list[Rehearsed] = []
    began = False
    try:
        with stage(place.site) as rehearsing:
            began = True
            for fault in faults:
                if fault.mounts and not place.site.is_mount():
                    row = _not_rehearsed(fault)
                else:
                    row = rehearsing(fault)
                rows.append(row)
                told(row)
                if row.survived is False:
                    place.keep()
                    break
    except (AssertionError, ClusterError) as error:
        place.keep()
        raise _broken(place, error, began) from error
    return rows


def _not_rehearsed(fault: AnyFault) -> Rehearsed:
    return Rehearsed(fault.name, fault.what, None, NO_DISK, 0.0, 0, 0, 0, 0)


def _broken(place: Throwaway, error: Exception, began: bool) -> Refused:
    what = "did not end" if began else "did not start"
    return Refused(
        f"the throw-away site {what}: {error}",
        hint=f"logs of its processes: {place.site / 'home' / 'logs'}",
        code=Exit.FAILED,
        changed="Nothing of your site was touched.",
    )
