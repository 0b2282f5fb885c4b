"""A client of a Dask scheduler: of one that is up, or of workers of our own on this machine."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from flows.refusal import bad_input

PATIENCE = 5.0
"""Seconds in which a scheduler answers, and has a worker."""
CLOSING = 5.0
"""Seconds in which our own workers end."""
LOUD = ("asyncio", "distributed.client", "distributed.nanny", "tornado.application")
"""Loggers that tell in tracebacks of a scheduler that was lost or is left."""
LOOPBACK = "127.0.0.1"
ADDRESS = "--on-cluster tcp://HOST:8786 names a Dask scheduler that is up, with workers"
QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical", "PREFECT_LOGGING_LEVEL": "CRITICAL"}
"""Unless you say otherwise: what goes wrong is said once, by the command."""


@contextmanager
def client_of(address: str | None, workers: int) -> Iterator[Any]:
    """Of the scheduler at an address, else of so many workers here; they run this code."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import distributed

    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    dask: Any = distributed
    if address is None:
        with _own_cluster(dask, workers) as own, dask.Client(own) as here:
            yield here
        return
    with _connected(dask, address) as client:
        _require_this_code(client, address)
        yield client


@contextmanager
def _own_cluster(dask: Any, workers: int) -> Iterator[Any]:
    """Processes on this machine, which leave no files behind, and are closed on Ctrl-C or TERM."""
    from multiprocessing import resource_tracker

    from dask import config as dask_config

    terms: list[int] = []
    with (
        TemporaryDirectory(prefix="judge-", ignore_cleanup_errors=True) as scratch,
        dask_config.set({"temporary-directory": scratch}),
        _on_term(lambda number, _: terms.append(number)),
    ):
        # Where it starts by itself it lifts the mask of the thread that needs it.
        resource_tracker.ensure_running()
        # A Ctrl-C waits until workers are up, as a cluster that is left while they start closes
        # badly; what a thread with this mask starts has it, too, so that it reaches us alone.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            own = dask.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host=LOOPBACK,
                dashboard_address=f"{LOOPBACK}:0",
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            with _on_term(signal.default_int_handler):
                if terms:
                    raise KeyboardInterrupt
                yield own
        finally:
            own.close(timeout=CLOSING)


@contextmanager
def _on_term(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """What a TERM does: of a kubelet, systemd or `timeout`."""
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _connected(dask: Any, address: str) -> Any:
    """A scheduler that does not answer would be waited for."""
    try:
        # A client of an address that is none has to be waited for at the end.
        dask.comm.get_address_host_port(address)
        return dask.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise bad_input(f"no Dask scheduler answers at {address}: {error}", ADDRESS) from error


def _require_this_code(client: Any, address: str) -> None:
    """Other code would count other things, and no worker nothing."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise bad_input(f"the Dask scheduler at {address} has no workers", ADDRESS) from error
    for worker, code in sorted(client.run(code_here, on_error="return").items()):
        require_code(str(code), f"the worker {worker}")


def require_code(code: str, who: str) -> None:
    """Bad input where somebody counts by other code than this process would."""
    if code != (here := code_here()):
        raise bad_input(
            f"{who} does not run this code ({here}): {code}",
            "the same environment for every worker as for this command",
        )


def code_here() -> str:
    """What counts in this process: the judge's own code, and what it reads and computes with."""
    import numpy
    import polars
    import pyarrow

    from flows.evidence import code_digest

    read_by = (numpy, polars, pyarrow)
    libraries = ", ".join(f"{each.__name__} {each.__version__}" for each in read_by)
    return f"judge {code_digest()[:16]}, {libraries}"
