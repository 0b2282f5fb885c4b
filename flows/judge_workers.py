"""The pairs of `judge` counted by other processes: the workers of a Dask cluster, or some here."""

import argparse
import logging
import os
import signal
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flows.refusal import Refused, bad_input

if TYPE_CHECKING:
    from analysis import BlockTable, JudgePolicy, Plan

GROUPS = 16
"""Row groups of a Parquet file that are counted in one piece."""
PATIENCE = 5.0
"""Seconds in which a scheduler answers, and has a worker."""
CLOSING = 5.0
"""Seconds in which our own workers end."""
LOUD = ("asyncio", "distributed.client", "distributed.nanny", "tornado.application")
"""Loggers that tell in tracebacks of a scheduler that was lost or is left."""
LOOPBACK = "127.0.0.1"
ADDRESS = "--on-cluster tcp://HOST:8786 names a Dask scheduler that is up, with workers"
UNREACHED = "Failed to reach API"
QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical", "PREFECT_LOGGING_LEVEL": "CRITICAL"}
"""Unless you say otherwise: what goes wrong is said once, by the command."""


def asked_for(options: argparse.Namespace) -> bool:
    """Whether the command line names workers, of a cluster or of our own."""
    return options.on_cluster is not None or options.workers is not None


def counted(options: argparse.Namespace, policy: "JudgePolicy") -> "tuple[BlockTable, Plan]":
    """The pairs counted by workers; bad input where there can be none, before anything starts.

    With a Prefect server of yours each part is a task run there.
    """
    _require_parts(options)
    from analysis import plan_for

    # Where a relative path leads to is another place for each worker.
    path = Path(options.pairs).absolute()
    plan = plan_for(path, policy)
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    with _client(options) as client:
        try:
            if os.environ.get("PREFECT_API_URL"):
                return _recorded(client, path, plan), plan
            return _mapped(client, path, plan), plan
        except (CancelledError, OSError) as error:
            raise _lost(error) from error


def _lost(error: BaseException) -> Refused:
    """What became of the workers, or of the scheduler that knew them."""
    return Refused(
        f"the workers were lost: {type(error).__name__}: {error}",
        hint="workers with more memory each, or neither --workers nor --on-cluster",
    )


def _require_parts(options: argparse.Namespace) -> None:
    from analysis.read import are_lines

    most = os.cpu_count() or 1
    if options.workers is not None and not 1 <= options.workers <= most:
        raise bad_input(
            f"--workers {options.workers}: this machine runs 1 to {most} at a time",
            f"--workers {most}, or --on-cluster for other machines",
        )
    if are_lines(Path(options.pairs)):
        raise bad_input(
            f"{options.pairs} is read line by line, and cannot be counted in parts",
            "Parquet, or neither --workers nor --on-cluster",
        )
    if find_spec("prefect_dask") is None:
        raise bad_input(
            "prefect-dask is not installed, and workers need it",
            "pip install prefect-dask, or leave out the option: the verdict is the same",
        )


def _mapped(client: Any, path: Path, plan: "Plan") -> "BlockTable":
    """Each worker reads its parts itself and sends back counts."""
    from analysis import BadInput, in_parts, table_of, union

    # A file may have been written anew since a worker counted it for somebody else.
    counted = client.map(table_of, in_parts(path, GROUPS), plan=plan, pure=False)
    # In their order, so that of several errors the first of the record is told, as by one pass.
    for part in counted:
        if (error := part.exception()) is not None:
            raise error if isinstance(error, BadInput) else _lost(error)
    return union(client.gather(counted))


def _recorded(client: Any, path: Path, plan: "Plan") -> "BlockTable":
    """The same as a flow run; it takes seconds to import, so only where it is asked for."""
    from distributed.scheduler import KilledWorker
    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    from flows.judge_parts import counted_on

    try:
        return counted_on(client.scheduler.address, str(path), plan)
    except (KilledWorker, MemoryError, PrefectException) as error:
        raise _lost(error) from error
    except (HTTPError, RuntimeError) as error:
        # Prefect has no class of its own for a server that does not answer.
        if not isinstance(error, HTTPError) and not str(error).startswith(UNREACHED):
            raise _lost(error) from error
        raise Refused(
            f"Prefect: {error or type(error).__name__}",
            hint="unset PREFECT_API_URL: no record is kept",
        ) from error


@contextmanager
def _client(options: argparse.Namespace) -> Iterator[Any]:
    """Of a scheduler whose workers run this code."""
    import distributed

    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    dask: Any = distributed
    if options.on_cluster is None:
        with _own_cluster(dask, options.workers) as own, dask.Client(own) as here:
            yield here
        return
    with _connected(dask, options.on_cluster) as client:
        _require_this_code(client, options.on_cluster)
        yield client


@contextmanager
def _own_cluster(dask: Any, workers: int) -> Iterator[Any]:
    """Processes on this machine, which leave no files behind, and are closed on Ctrl-C."""
    from multiprocessing import resource_tracker

    from dask import config as dask_config

    interrupts = {signal.SIGINT}
    with (
        TemporaryDirectory(prefix="judge-", ignore_cleanup_errors=True) as scratch,
        dask_config.set({"temporary-directory": scratch}),
    ):
        # Where it starts by itself it lifts the mask of the thread that needs it.
        resource_tracker.ensure_running()
        # A Ctrl-C waits until workers are up, as a cluster that is left while they start closes
        # badly; what a thread with this mask starts has it, too, so that it reaches us alone.
        signal.pthread_sigmask(signal.SIG_BLOCK, interrupts)
        try:
            own = dask.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host=LOOPBACK,
                dashboard_address=f"{LOOPBACK}:0",
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts)
        try:
            yield own
        finally:
            own.close(timeout=CLOSING)


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
    here = code_here()
    told = client.run(code_here, on_error="return")
    odd = {worker: code for worker, code in told.items() if code != here}
    if odd:
        worker, code = sorted(odd.items(), key=str)[0]
        raise bad_input(
            f"the worker {worker} does not run this code ({here}): {code}",
            "the same environment for every worker as for this command",
        )


def code_here() -> str:
    """What counts in this process: the judge's own code, and what it computes with."""
    import numpy
    import polars

    from flows.evidence import code_digest

    return f"judge {code_digest()[:16]}, polars {polars.__version__}, numpy {numpy.__version__}"
