"""The pairs of `judge` counted by other processes: the workers of a Dask cluster, or some here."""

import argparse
import os
from collections.abc import Iterable
from concurrent.futures import CancelledError
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.dask_client import client_of, code_here, require_code
from flows.refusal import Refused, bad_input

if TYPE_CHECKING:
    from analysis import BlockPlan, BlockTable, FilePart, JudgePolicy

ROWS = 2_097_152
"""Rows that are counted in one piece, at least."""
UNREACHED = "Failed to reach API"
LOST = (CancelledError, MemoryError, OSError)
"""What becomes of a part whose worker is no more, beside KilledWorker."""


def asked_for(options: argparse.Namespace) -> bool:
    """Whether the command line names workers, of a cluster or of our own."""
    return options.on_cluster is not None or options.workers is not None


def counted(options: argparse.Namespace, policy: "JudgePolicy") -> "tuple[BlockTable, BlockPlan]":
    """The pairs counted by workers; bad input where there can be none, before anything starts.

    With a Prefect server of yours each part is a task run there.
    """
    _require_parts(options)
    from analysis import plan_for

    # Where a relative path leads to is another place for each worker.
    path = Path(options.pairs).absolute()
    plan = plan_for(path, policy)
    with client_of(options.on_cluster, options.workers or 1) as client:
        try:
            if os.environ.get("PREFECT_API_URL"):
                return _recorded(client, path, plan), plan
            return _mapped(client, path, plan), plan
        except LOST as error:
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


def counted_here(part: "FilePart", plan: "BlockPlan") -> "tuple[str, BlockTable]":
    """What a worker sends back of a part: by which code it counted, and the counts."""
    from analysis import table_of

    return code_here(), table_of(part, plan)


def added_up(counted: Iterable["tuple[str, BlockTable]"]) -> "BlockTable":
    """The table of all parts; a worker that came later may run other code than was asked for."""
    from analysis import union

    tables = []
    for code, table in counted:
        require_code(code, "a worker that came later")
        tables.append(table)
    return union(tables)


def _mapped(client: Any, path: Path, plan: "BlockPlan") -> "BlockTable":
    """Each worker reads its parts itself and sends back counts."""
    from distributed.scheduler import KilledWorker

    from analysis import in_parts

    # A file may have been written anew since a worker counted it for somebody else.
    counted = client.map(counted_here, in_parts(path, ROWS), plan=plan, pure=False)
    # In their order, so that of several errors the first of the record is told, as by one pass.
    for part in counted:
        if (error := part.exception()) is not None:
            raise _lost(error) if isinstance(error, (KilledWorker, *LOST)) else error
    return added_up(client.gather(counted))


def _recorded(client: Any, path: Path, plan: "BlockPlan") -> "BlockTable":
    """The same as a flow run; it takes seconds to import, so only where it is asked for."""
    from distributed.scheduler import KilledWorker
    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    from flows.judge_parts import counted_on

    try:
        return counted_on(client.scheduler.address, str(path), plan)
    except (KilledWorker, PrefectException) as error:
        raise _lost(error) from error
    except (HTTPError, RuntimeError) as error:
        # Prefect has no class of its own for a server that does not answer.
        if not isinstance(error, HTTPError) and not str(error).startswith(UNREACHED):
            raise
        raise Refused(
            f"Prefect: {error or type(error).__name__}",
            hint="unset PREFECT_API_URL: no record is kept",
        ) from error
