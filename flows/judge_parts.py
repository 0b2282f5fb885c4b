"""A large record counted by many processes: its parts as mapped tasks, their tables added up.

Needs prefect-dask, which the local site does without. The verdict is that of one pass over the
files, as any split of them adds up to the same table.
"""

from pathlib import Path
from typing import Any

from prefect import flow, task, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import TaskRunner
from prefect_dask.task_runners import DaskTaskRunner

from analysis import BlockPlan, BlockTable, FilePart, in_parts
from flows.judge_workers import ROWS, added_up, counted_here


@task(name="count part", cache_policy=NO_CACHE, persist_result=False)
def count_part(part: FilePart, plan: BlockPlan) -> tuple[str, BlockTable]:
    """One pass over some row groups; the worker reads the file itself and sends back counts.

    Where a worker dies the scheduler gives its parts to others; what a part holds does not change.
    """
    return counted_here(part, plan)


@flow(name="judge-in-parts", flow_run_name="judge {pairs} in parts", validate_parameters=False)
def count_in_parts(pairs: str, plan: BlockPlan) -> BlockTable:
    """Count Parquet files on the workers of the task runner: the table of all.

    Args:
        pairs: Parquet file or a folder of them, at the same place for every worker.
        plan: What is counted, made from the first of these pairs.
    """
    return added_up(count_part.map(in_parts(Path(pairs), ROWS), unmapped(plan)).result())


def counted_on(address: str, pairs: str, plan: BlockPlan) -> BlockTable:
    """The same on the workers of the scheduler with this address."""
    runner: TaskRunner[Any] = DaskTaskRunner(address=address)
    return count_in_parts.with_options(task_runner=runner)(pairs, plan)
