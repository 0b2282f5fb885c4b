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

from analysis import (
    BlockTable,
    FilePart,
    Plan,
    default_policy,
    in_parts,
    plan_for,
    table_of,
    union,
)
from flows.judge_workers import GROUPS
from flows.policies import policy_file
from rollout.policy import parse


@task(name="count part", cache_policy=NO_CACHE, persist_result=False)
def count_part(part: FilePart, plan: Plan) -> BlockTable:
    """One pass over some row groups; the worker reads the file itself and sends back counts.

    Where a worker dies the scheduler gives its parts to others; what a part holds does not change.
    """
    return table_of(part, plan)


@flow(name="judge-in-parts", flow_run_name="judge {pairs} in parts")
def count_in_parts(
    pairs: str, policy: str | None = None, groups: int = GROUPS
) -> tuple[BlockTable, Plan]:
    """Count Parquet files on the workers of the task runner: the table of all, and its plan.

    Args:
        pairs: Parquet file or a folder of them, at the same place for every worker.
        policy: Policy file; the packaged one when empty.
        groups: Row groups that one task counts.
    """
    judging = default_policy() if policy is None else parse(policy_file(Path(policy))).judging
    plan = plan_for(Path(pairs), judging)
    counted = count_part.map(in_parts(Path(pairs), groups), unmapped(plan))
    return union(counted.result()), plan


def counted_on(address: str, pairs: str, policy: str | None) -> tuple[BlockTable, Plan]:
    """The same on the workers of the scheduler with this address."""
    runner: TaskRunner[Any] = DaskTaskRunner(address=address)
    return count_in_parts.with_options(task_runner=runner)(pairs, policy)
