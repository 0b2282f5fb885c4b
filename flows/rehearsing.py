"""`test-pipeline`: would this installation survive it? Rehearsed on a site that is thrown away."""

import argparse
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Any

from flows.local_site import say
from flows.refusal import Exit, Refused, bad_input
from flows.rehearsal.faults import FAULTS, Fault
from flows.rehearsal.pipeline import AnyFault, rehearse_all
from flows.rehearsal.rehearse import Rehearsed
from flows.rehearsal.release_faults import RELEASE_FAULTS
from flows.rehearsal.throwaway import sweep, temporary
from rollout import rehearsal_text
from rollout.words import count, duration

EVERY: dict[str, AnyFault] = {**FAULTS, **RELEASE_FAULTS}
"""Faults of models, then of services, in the order in which they are rehearsed."""

Answer = tuple[int, dict[str, Any], str]
SITE_SECONDS, MODEL_SECONDS, SERVICES_SECONDS = 40.0, 22.0, 45.0
"""What a site and a rollout take on two cores that have nothing else to do."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def test_pipeline(options: argparse.Namespace) -> Answer:
    """A complete rollout with each fault in turn; the user's own site is not touched."""
    faults = chosen(options.fault)
    begun = time.monotonic()
    try:
        with _ended_by_signals():
            for path in sweep():
                say(f"ended and removed what an earlier rehearsal left: {path}")
            say(_forecast(faults))
            rows, kept = rehearse_all(faults, _told)
    except KeyboardInterrupt:
        raise Refused(
            "interrupted; the throw-away site was ended and removed",
            hint="pincex test-pipeline",
            code=Exit.HELD,
            changed="Nothing of your site was touched.",
        ) from None
    report = {
        "survived": sum(row.survived is True for row in rows if EVERY[row.fault].is_one),
        "faults": sum(row.survived is not None for row in rows if EVERY[row.fault].is_one),
        "seconds": round(time.monotonic() - begun, 1),
        "kept": [str(path) for path in kept],
        "rehearsed": [asdict(row) | {"is_fault": EVERY[row.fault].is_one} for row in rows],
    }
    return _code(rows), report, rehearsal_text.text_of(report)


def chosen(names: Sequence[str] | None) -> list[AnyFault]:
    """The faults of these names, each once, in the order of rehearsal; all where none is named."""
    unknown = [name for name in names or () if name not in EVERY]
    if unknown:
        raise bad_input(
            f"there is no fault {unknown[0]!r}. Known: {', '.join(EVERY)}",
            "pincex test-pipeline --fault envoy-killed",
        )
    return [fault for name, fault in EVERY.items() if not names or name in names]


def _code(rows: Sequence[Rehearsed]) -> Exit:
    """Survived is what was seen to be: what could not be rehearsed is neither."""
    if any(row.survived is False for row in rows):
        return Exit.HARM
    return Exit.HELD if any(row.survived is None for row in rows) else Exit.DONE


def _forecast(faults: Sequence[AnyFault]) -> str:
    models = sum(isinstance(fault, Fault) for fault in faults)
    services = len(faults) - models
    sites = bool(models) + bool(services)
    seconds = SITE_SECONDS * sites + MODEL_SECONDS * models + SERVICES_SECONDS * services
    rollouts = "a complete rollout" if len(faults) == 1 else f"{len(faults)} complete rollouts"
    return (
        f"{rollouts} on a throw-away site below {temporary()},"
        f" about {duration(seconds)}; Ctrl-C ends all of it"
    )


def _told(row: Rehearsed) -> None:
    said = {True: "survived", False: "NOT SURVIVED", None: "not rehearsed"}[row.survived]
    failed = f"{count(row.failed)} of {count(row.sent)} requests failed"
    say(f"{duration(row.seconds):>6}  {row.fault}: {said}; {failed}")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """The first signal to end is taken as Ctrl-C, further ones do not disturb the clearing up."""

    def end(number: int, frame: FrameType | None) -> None:
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)
        say("ending the throw-away site")
        raise KeyboardInterrupt

    before = {each: signal.signal(each, end) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
