"""`pincex judge` with parts counted by other processes: the verdict of one pass, or an error."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import distributed
import httpx
import polars as pl
import psutil
import pytest
from cli_parts import COMMAND, Cli, Ran, child

from analysis import in_parts, plan_for, read_policy
from benchmarks.speed import million
from cluster.local.ports import free_ports
from flows.judge_workers import added_up, counted_here
from flows.refusal import Refused

POLICY = '[drift]\nkind = "none"\nreason = "simulated"\n'
CLUSTER = """
import sys
from dask.distributed import LocalCluster
if __name__ == "__main__":
    two = {"n_workers": int(sys.argv[1]), "threads_per_worker": 1, "host": "127.0.0.1"}
    with LocalCluster(**two, dashboard_address="127.0.0.1:0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
WITHOUT_PREFECT = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int, code: Path | None = None) -> Iterator[str]:
    """The address of a Dask scheduler on this machine, until nobody needs it."""
    with dask_process(folder, workers, code) as (address, _):
        yield address


@contextlib.contextmanager
def dask_process(
    folder: Path, workers: int, code: Path | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The same with its process; workers import from the folder `code` first."""
    script = folder / "dask_here.py"
    script.write_text(CLUSTER)
    running = subprocess.Popen(
        [sys.executable, str(script), str(workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "PYTHONPATH": f"{code or Path.cwd()}{os.pathsep}{Path.cwd()}",
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
        },
    )
    assert running.stdin
    assert running.stdout
    try:
        address = running.stdout.readline().strip()
        assert address, "no Dask scheduler"
        yield address, running
    finally:
        running.stdin.close()
        running.wait(60)


@contextlib.contextmanager
def asked_cluster(
    folder: Path,
) -> Iterator[tuple[str, subprocess.Popen[str], distributed.Client]]:
    """The same with one worker, and a client of ours beside that of the command."""
    with (
        dask_process(folder, 1) as (address, process),
        distributed.Client(address, set_as_default=False) as client,  # type: ignore[no-untyped-call]
    ):
        yield address, process, client


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a Prefect server of its own, until nobody needs it, and its process."""
    (port,) = free_ports(1)
    home = {"PREFECT_HOME": str(folder / "prefect"), "DO_NOT_TRACK": "1"}
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_SERVER_LOGGING_LEVEL": "ERROR"}
    running = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--no-ui"],
        env={**WITHOUT_PREFECT, **home, **quiet},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/api"
    try:
        until = time.monotonic() + 120
        while not _is_up(url):
            assert time.monotonic() < until, "no Prefect server"
            time.sleep(0.5)
        yield url, running
    finally:
        running.terminate()
        running.wait(60)


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def judged(folder: Path, *options: str, **environment: str) -> Ran:
    """The verb in a process of its own, as long as workers take to start."""
    done = subprocess.run(
        [*COMMAND, "judge", "pairs", "--policy", "policy.toml", "--json", *options],
        cwd=folder,
        env=WITHOUT_PREFECT | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def judging_on(folder: Path, address: str, **environment: str) -> subprocess.Popen[str]:
    """The verb at work on the workers of this address."""
    return subprocess.Popen(
        [*COMMAND, "judge", "pairs", "--on-cluster", address, "--json"],
        cwd=folder,
        env=WITHOUT_PREFECT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_parts(client: distributed.Client) -> None:
    """Until parts wait behind what keeps the worker busy."""
    until = time.monotonic() + 120
    while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)) < 2:
        assert time.monotonic() < until, "nothing is counted"
        time.sleep(0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pairs in three files, and their policy."""
    (tmp_path / "policy.toml").write_text(POLICY)
    million(tmp_path / "all.parquet", 60_000)
    whole = pl.read_parquet(tmp_path / "all.parquet")
    (tmp_path / "pairs").mkdir()
    for begin in range(0, 60_000, 20_000):
        part = whole[begin : begin + 20_000]
        part.write_parquet(tmp_path / f"pairs/{begin:05}.parquet", row_group_size=1_000)
    return tmp_path


@pytest.mark.long
def test_workers_of_either_kind_give_the_identical_verdict(folder: Path) -> None:
    """A cluster with two workers, and a process of our own: the JSON is that of one pass."""
    one_pass = judged(folder, "--blocks")
    with dask_cluster(folder, 2) as address:
        by_cluster = judged(folder, "--on-cluster", address)
    by_workers = judged(folder, "--workers", "1")

    assert one_pass.report["verdict"] == "PASS"
    assert (by_cluster.out, by_cluster.code) == (one_pass.out, one_pass.code), by_cluster.err
    assert (by_workers.out, by_workers.code) == (one_pass.out, one_pass.code), by_workers.err


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_same_as_a_flow_run_of_prefect_gives_the_identical_verdict(folder: Path) -> None:
    """Each part a mapped task through prefect-dask, recorded by a server that is there."""
    one_pass = judged(folder, "--blocks")
    with server(folder) as (url, _), dask_cluster(folder, 2) as address:
        recorded = judged(folder, "--on-cluster", address, PREFECT_API_URL=url)
        parts = httpx.post(f"{url}/task_runs/count", json={}).json()

    assert (recorded.out, recorded.code) == (one_pass.out, one_pass.code), recorded.err
    assert parts == 3


@pytest.mark.long
def test_a_prefect_server_that_does_not_answer_is_named(folder: Path) -> None:
    """It is not silently done without."""
    ran = judged(folder, "--workers", "1", PREFECT_API_URL="http://127.0.0.1:9/api")

    assert ran.code == 1
    assert "Failed to reach API at http://127.0.0.1:9/api" in ran.report["error"]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_prefect_server_that_dies_while_it_counts_is_named(folder: Path) -> None:
    """Exit code 1 with one JSON object: counts that nobody recorded are no verdict."""
    with (
        server(folder) as (url, running),
        asked_cluster(folder) as (address, _, client),
    ):
        # The one thread of the worker is kept busy, so that the parts wait for it.
        gone = folder / "gone"
        busy = client.submit(os.system, f"while test ! -e '{gone}'; do sleep 0.1; done")
        judging = judging_on(folder, address, PREFECT_API_URL=url, PREFECT_CLIENT_MAX_RETRIES="0")
        wait_for_parts(client)
        running.kill()
        gone.touch()
        out, err = judging.communicate(timeout=240)
        del busy

    ran = Ran(judging.returncode, out, err)
    assert ran.code == 1
    assert ran.report["error"].startswith("Prefect: ")
    assert "Traceback" not in ran.err


@pytest.mark.long
def test_an_empty_address_of_prefect_is_none(folder: Path) -> None:
    """Nothing of Prefect starts, which would make its folder."""
    home = folder / "prefect"
    ran = judged(folder, "--workers", "1", PREFECT_API_URL="", PREFECT_HOME=str(home))

    assert (ran.code, ran.err) == (0, "")
    assert not home.exists()


@pytest.mark.long
def test_what_a_worker_cannot_judge_is_bad_input(folder: Path) -> None:
    """The file and the row that it found, and no traceback of anybody."""
    file = folder / "pairs/20000.parquet"
    pl.read_parquet(file).with_columns(candidate_latency_ms=-1.0).write_parquet(file)

    ran = judged(folder, "--workers", "1")

    assert ran.code == 2, ran.err
    assert "20000.parquet, rows from 1 of row group 1 on" in ran.report["error"]
    assert "negative" in ran.report["error"]
    assert "Traceback" not in ran.err


@pytest.mark.long
@pytest.mark.parametrize("lost", ["the scheduler", "a worker"])
def test_what_dies_while_it_counts_is_named(folder: Path, lost: str) -> None:
    """Exit code 1 with one JSON object, and no traceback."""
    with asked_cluster(folder) as (address, process, client):
        # The one thread of the worker is kept busy, so that the parts wait for it.
        busy = client.submit(time.sleep, 600)
        (worker,) = client.run(os.getpid).values()
        judging = judging_on(folder, address)
        wait_for_parts(client)
        os.kill(process.pid if lost == "the scheduler" else worker, signal.SIGKILL)
        out, err = judging.communicate(timeout=120)
        del busy

    ran = Ran(judging.returncode, out, err)
    assert ran.code == 1
    assert ran.report["error"].startswith("the workers were lost: ")
    assert "Traceback" not in ran.err


def _starting(judging: psutil.Process, folder: Path) -> bool:
    """Whether the command makes its workers."""
    del judging
    return any((folder / "tmp").iterdir())


def _counting(judging: psutil.Process, folder: Path) -> bool:
    """Whether a worker holds the record."""
    record = str(folder / "large.parquet")
    for worker in judging.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            maps = [each.path for each in worker.memory_maps()]
            if record in maps or record in [each.path for each in worker.open_files()]:
                return True
    return False


@pytest.mark.long
@pytest.mark.parametrize(
    ("busy", "sent"),
    [
        pytest.param(_starting, signal.SIGINT, id="starting, Ctrl-C"),
        pytest.param(_counting, signal.SIGINT, id="counting, Ctrl-C"),
        pytest.param(_starting, signal.SIGTERM, id="starting, TERM"),
        pytest.param(_counting, signal.SIGTERM, id="counting, TERM"),
    ],
)
def test_an_interrupt_leaves_one_object_and_no_file(
    folder: Path, busy: Callable[[psutil.Process, Path], bool], sent: signal.Signals
) -> None:
    """While workers start and while they count: Ctrl-C to the whole group, as a terminal does."""
    million(folder / "large.parquet", 3_000_000)
    (folder / "tmp").mkdir()
    judging = psutil.Popen(
        [*COMMAND, "judge", "large.parquet", "--workers", "1", "--json"],
        cwd=folder,
        env=WITHOUT_PREFECT | {"TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not busy(judging, folder):
        assert judging.poll() is None, "it ended before it was interrupted"
        assert time.monotonic() < until, "it never came so far"
        time.sleep(0.02)
    if sent == signal.SIGINT:
        os.killpg(judging.pid, sent)
    else:
        judging.send_signal(sent)
    out, err = judging.communicate(timeout=120)

    ran = Ran(judging.returncode, out, err)
    assert (ran.code, ran.err) == (4, "")
    assert ran.report["error"] == "interrupted"
    assert list((folder / "tmp").iterdir()) == []


def test_a_worker_with_other_code_is_bad_input(folder: Path) -> None:
    """The judge's own code by its digest, whatever version it calls itself."""
    other = folder / "other"
    shutil.copytree("analysis", other / "analysis", ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "analysis/paired.py").open("a") as module:
        module.write("# Changed.\n")
    with dask_cluster(folder, 1, other) as address:
        ran = judged(folder, "--on-cluster", address)

    assert ran.code == 2, ran.err
    assert "does not run this code (judge " in ran.report["error"]


def test_counts_of_a_worker_that_came_later_with_other_code_are_bad_input(folder: Path) -> None:
    """Each part says by which code it was counted, as nobody was asked before it joined."""
    plan = plan_for(folder / "pairs", read_policy(folder / "policy.toml"))
    parts = in_parts(folder / "pairs")
    counted = [counted_here(part, plan) for part in parts]
    (_, late), *_ = counted

    assert added_up(counted).n == 60_000
    with pytest.raises(Refused, match="a worker that came later does not run this code") as told:
        added_up([*counted[1:], ("judge 0123456789abcdef", late)])
    assert told.value.code == 2


def test_a_scheduler_without_workers_is_bad_input(folder: Path) -> None:
    """Its pairs would never be counted."""
    with dask_cluster(folder, 0) as address:
        ran = judged(folder, "--on-cluster", address)

    assert ran.code == 2
    assert f"the Dask scheduler at {address} has no workers" in ran.report["error"]


def test_a_scheduler_that_does_not_answer_is_bad_input(tmp_path: Path) -> None:
    """In one object, and nobody waits for it for ever."""
    million(tmp_path / "pairs.parquet", 1_000)
    ran = child(
        *("judge", "pairs.parquet", "--on-cluster", "tcp://127.0.0.1:9", "--json"), cwd=tmp_path
    )

    assert ran.code == 2, ran.err
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in ran.report["error"]
    assert ran.err == ""


@pytest.mark.parametrize("address", ["nonsense", "foo://127.0.0.1:9", "tcp://127.0.0.1:x", ""])
def test_an_address_that_is_none_is_bad_input(cli: Cli, address: str) -> None:
    """Said at once, with what one looks like."""
    million(Path("pairs.parquet"), 1_000)
    ran = cli("judge", "pairs.parquet", "--on-cluster", address, "--json")

    assert ran.code == 2
    assert f"no Dask scheduler answers at {address}: " in ran.report["error"]
    assert "tcp://HOST:8786" in ran.report["hint"]


def test_workers_need_a_package_that_the_local_site_does_without(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name, and that one pass says the same."""
    monkeypatch.setitem(sys.modules, "prefect_dask", None)
    for options in (("--workers", "1"), ("--on-cluster", "tcp://127.0.0.1:9")):
        ran = cli("judge", "pairs", *options, "--json")

        assert ran.code == 2
        assert "prefect-dask is not installed" in ran.report["error"]
        assert "the verdict is the same" in ran.report["hint"]


NOT_FOR_WORKERS = {
    "no worker": (("pairs", "--workers", "0"), "--workers 0: this machine runs 1 to"),
    "more than there are processors": (("pairs", "--workers", "100000"), "--workers 100000"),
    "no file": (("pairs.parquet", "--workers", "1"), "pairs.parquet does not exist"),
    "lines": (("pairs.jsonl", "--workers", "1"), "cannot be counted in parts"),
    "both": (("pairs", "--workers", "1", "--on-cluster", "tcp://h:1"), "not allowed with"),
    "a control": (("pairs", "--workers", "1", "--control"), "--workers goes with one verdict"),
    "a control of no worker": (
        ("pairs", "--workers", "0", "--control"),
        "--workers goes with one verdict",
    ),
    "a control on no cluster": (
        ("pairs", "--on-cluster", "", "--control"),
        "--on-cluster goes with one verdict",
    ),
    "a comparison": (("pairs", "--workers", "1", "--compare"), "--compare needs the pairs"),
}


@pytest.mark.parametrize(("given", "said"), NOT_FOR_WORKERS.values(), ids=NOT_FOR_WORKERS.keys())
def test_what_workers_cannot_do_is_refused_before_any_is_started(
    cli: Cli, given: tuple[str, ...], said: str
) -> None:
    """Exit code 2, with what would be right."""
    ran = cli("judge", *given, "--json")

    assert ran.code == 2
    assert said in ran.report["error"]
