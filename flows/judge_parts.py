"""A large record judged on a Dask cluster: parts counted as mapped tasks, tables added up.

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
    judge_blocks,
    plan_for,
    table_of,
    union,
)
from flows.policies import policy_file
from rollout.policy import parse

GROUPS = 16
"""Row groups of a Parquet file that one task counts."""


@task(name="count part", cache_policy=NO_CACHE, persist_result=False, retries=2)
def count_part(part: FilePart, plan: Plan) -> BlockTable:
    """One pass over some row groups; the worker reads the file itself and sends back counts."""
    return table_of(part, plan)


@flow(name="judge-in-parts", flow_run_name="judge {pairs} in parts")
def judge_in_parts(pairs: str, policy: str | None = None, groups: int = GROUPS) -> dict[str, Any]:
    """Judge Parquet files on the workers of the task runner; the result is the verdict.

    Args:
        pairs: Parquet file or a folder of them, at the same place for every worker.
        policy: Policy file; the packaged one when empty.
        groups: Row groups that one task counts.
    """
    judging = default_policy() if policy is None else parse(policy_file(Path(policy))).judging
    plan = plan_for(Path(pairs), judging)
    counted = count_part.map(in_parts(Path(pairs), groups), unmapped(plan))
    return judge_blocks(union(counted.result()), plan, False).as_dict()


def on_cluster(address: str, pairs: str, policy: str | None = None) -> dict[str, Any]:
    """The same on a running cluster, by the address of its scheduler."""
    runner: TaskRunner[Any] = DaskTaskRunner(address=address)
    return judge_in_parts.with_options(task_runner=runner)(pairs, policy)
