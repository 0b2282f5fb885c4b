"""The pairs of `judge` counted by other processes: the workers of a Dask cluster, or some here."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import CODE_VERSION
from flows.refusal import Refused, bad_input

if TYPE_CHECKING:
    from analysis import BlockTable, JudgePolicy, Plan

GROUPS = 16
"""Row groups of a Parquet file that are counted in one piece."""
PATIENCE = 5.0
"""Seconds in which a scheduler answers, and has a worker."""
LOOPBACK = "127.0.0.1"
ADDRESS = "--on-cluster tcp://HOST:8786 names a Dask scheduler that is up, with workers"
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
        from distributed.scheduler import KilledWorker

        try:
            if "PREFECT_API_URL" in os.environ:
                return _recorded(client, path, options.policy)
            return _mapped(client, path, plan), plan
        except (KilledWorker, OSError) as error:
            raise Refused(
                f"the workers were lost: {error}",
                hint="workers with more memory each, or neither --workers nor --on-cluster",
            ) from error


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
    from analysis import in_parts, table_of, union

    # A file may have been written anew since a worker counted it for somebody else.
    counted = client.map(table_of, in_parts(path, GROUPS), plan=plan, pure=False)
    return union(client.gather(counted))


def _recorded(client: Any, path: Path, policy: str | None) -> "tuple[BlockTable, Plan]":
    """The same as a flow run; it takes seconds to import, so only where it is asked for."""
    from flows.judge_parts import counted_on

    try:
        return counted_on(client.scheduler.address, str(path), policy)
    except RuntimeError as error:
        # So Prefect calls a server that does not answer.
        raise Refused(f"Prefect: {error}", hint="unset PREFECT_API_URL: no record is kept") from (
            error
        )


@contextmanager
def _client(options: argparse.Namespace) -> Iterator[Any]:
    """Of a scheduler whose workers run this code."""
    import distributed

    dask: Any = distributed
    if options.on_cluster is None:
        place = {"host": LOOPBACK, "dashboard_address": f"{LOOPBACK}:0", "threads_per_worker": 1}
        with dask.LocalCluster(n_workers=options.workers, **place) as own, dask.Client(own) as here:
            yield here
        return
    with _connected(dask, options.on_cluster) as client:
        _require_this_code(client, options.on_cluster)
        yield client


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
    told = client.run(version_of_worker, on_error="return")
    odd = {worker: version for worker, version in told.items() if version != CODE_VERSION}
    if odd:
        worker, version = sorted(odd.items(), key=str)[0]
        raise bad_input(
            f"the worker {worker} does not run version {CODE_VERSION} of this code: {version}",
            "the same environment for every worker as for this command",
        )


def version_of_worker() -> str:
    """What the code of a worker calls itself."""
    return CODE_VERSION
