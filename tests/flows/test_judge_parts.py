"""Parts of a file counted on the workers of a Dask cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path

from analysis import judge
from benchmarks.speed import million

RUN = """
import json, sys
from dask.distributed import LocalCluster
from flows.judge_parts import on_cluster
if __name__ == "__main__":
    two = {"n_workers": 2, "threads_per_worker": 1}
    with LocalCluster(**two, host="127.0.0.1", dashboard_address=None) as cluster:
        print(json.dumps(on_cluster(cluster.scheduler_address, sys.argv[1], sys.argv[2])))
"""


def test_a_dask_cluster_gives_the_identical_verdict(tmp_path: Path) -> None:
    """Two worker processes count a file of many row groups; the JSON is that of one pass."""
    file, policy, script = (tmp_path / name for name in ("p.parquet", "policy.toml", "run.py"))
    policy.write_text('[drift]\nkind = "none"\nreason = "simulated"\n')
    million(file, 60_000, row_group_size=1_000)
    script.write_text(RUN)
    quiet = {"PREFECT_HOME": str(tmp_path), "PREFECT_LOGGING_LEVEL": "ERROR", "DO_NOT_TRACK": "1"}
    settings = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # A server of its own starts slowly where other tests run beside it.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "200",
        "PYTHONPATH": str(Path.cwd()),
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}

    done = subprocess.run(
        [sys.executable, str(script), str(file), str(policy)],
        capture_output=True,
        text=True,
        env={**environment, **quiet, **settings},
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    expected = judge(file, policy, blocks=True).to_json()
    assert json.loads(done.stdout.splitlines()[-1]) == json.loads(expected)
