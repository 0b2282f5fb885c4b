"""The model server as a process: refused files, signals, sleeping models, full disks."""

import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import orjson
import pytest
from model_parts import (
    BODY,
    Served,
    free_port,
    model_server,
    process,
    server_argv,
    site_copy,
    wait_for,
)

from demo.forecasters import Ewma, Failing, Slow
from models.server import REFUSED


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A server that several tests may use."""
    with model_server(tmp_path_factory.mktemp("served")) as served:
        yield served


def test_a_request_is_answered_and_recorded(served: Served) -> None:
    """Through real HTTP: prediction, version, the id given back, and one row."""
    headers = {"x-request-id": "r1", "x-pincex-shadow": "ro-1", "x-pincex-mirrored": "1"}
    answer = httpx.post(f"{served.url}/predict", json=BODY, headers=headers)

    assert answer.status_code == 200
    assert answer.json() == {"prediction": BODY["features"]["ewma_10"], "version": "v1.0.0"}
    assert answer.headers["x-request-id"] == "r1"
    (row,) = (orjson.loads(line) for line in served.rows("ro-1/baseline-v1.0.0-1.jsonl"))
    assert (row["id"], row["status"], row["mirrored"]) == ("r1", 200, True)
    assert 0 < row["ms"] < 1000
    assert abs(row["at"] - time.time()) < 60


def test_every_answer_of_a_crowd_has_one_row(served: Served) -> None:
    """Many clients at once on keep-alive connections."""
    headers = {"x-pincex-shadow": "crowd"}

    def ask(client: int) -> set[str]:
        with httpx.Client(headers=headers) as http:
            answers = [http.post(f"{served.url}/predict", json=BODY) for _ in range(50)]
        assert {answer.status_code for answer in answers} == {200}
        return {answer.headers["x-request-id"] for answer in answers}

    with ThreadPoolExecutor(8) as threads:
        ids = set().union(*threads.map(ask, range(8)))

    rows = [orjson.loads(line) for line in served.rows("crowd/baseline-*.jsonl")]
    assert len(rows) == len(ids) == 400
    assert {row["id"] for row in rows} == ids
    assert all(row["open"] <= row["at"] + row["ms"] / 1000 + 0.01 for row in rows)


@pytest.mark.parametrize(
    "raw", [b"nonsense\r\n\r\n", b"POST /predict HTTP/1.1\r\n\r\nx", b"\0" * 9]
)
def test_what_is_not_http_does_not_disturb(served: Served, raw: bytes) -> None:
    """The next client is served."""
    host, port = "127.0.0.1", int(served.url.rsplit(":", 1)[1])
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(raw)
        connection.settimeout(0.2)
        with suppress(TimeoutError):
            connection.recv(100)

    assert httpx.get(f"{served.url}/readyz").status_code == 200


@pytest.mark.parametrize("name", ["model.pkl", "MLmodel", "input_example.json", "requirements.txt"])
def test_a_changed_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """Exit code and message say what is wrong; the model's code never ran."""
    digest = site_copy(tmp_path / "model")
    path = tmp_path / "model" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    argv = server_argv(tmp_path / "model", digest, tmp_path / "records", free_port())
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60)

    assert ended.returncode == REFUSED
    assert f"refused: {name} in" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_said_at_once(served: Served, tmp_path: Path) -> None:
    """Two servers never share an address."""
    port = int(served.url.rsplit(":", 1)[1])
    digest = site_copy(tmp_path / "model")
    argv = server_argv(tmp_path / "model", digest, tmp_path / "records", port)
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60)

    assert ended.returncode not in (0, REFUSED)
    assert "address already in use" in ended.stderr


def test_a_sleeping_model_does_not_block_others(tmp_path: Path) -> None:
    """Ten slow requests at a time take as long as one, and health answers meanwhile."""
    with (
        model_server(tmp_path, Slow(Ewma(), share=1.0, seconds=1.5)) as served,
        ThreadPoolExecutor(10) as threads,
    ):
        start = time.monotonic()
        answers = [
            threads.submit(httpx.post, f"{served.url}/predict", json=BODY, timeout=30)
            for _ in range(10)
        ]
        wait_for_metric(served, "pincex_model_requests_in_flight 10.0")
        assert httpx.get(f"{served.url}/healthz").status_code == 200
        assert not any(answer.done() for answer in answers)
        assert {answer.result().status_code for answer in answers} == {200}
        assert time.monotonic() - start < 10
        latencies = [orjson.loads(line)["ms"] for line in served.rows("traffic/*.jsonl")]
    assert min(latencies) >= 1500


def test_a_failing_model_is_500_and_the_reason_is_in_the_log(tmp_path: Path) -> None:
    """No client ever sees what went wrong inside."""
    with model_server(tmp_path, Failing(Ewma(), share=0.1)) as served, httpx.Client() as http:
        answers = [http.post(f"{served.url}/predict", json=BODY) for _ in range(100)]
        failed = [answer for answer in answers if answer.status_code == 500]
        assert {answer.status_code for answer in answers} == {200, 500}
        assert all("singular" not in answer.text for answer in failed)
        assert served.log.read_text().count("covariance matrix is singular") == len(failed)


def test_a_model_that_hangs_does_not_keep_the_process(served: Served, tmp_path: Path) -> None:
    """Not even when the server gives up for another reason while the model is being loaded."""
    port = int(served.url.rsplit(":", 1)[1])
    digest = site_copy(tmp_path / "model", Slow(Ewma(), share=1.0, seconds=600))
    argv = server_argv(tmp_path / "model", digest, tmp_path / "records", port)
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60)

    assert "address already in use" in ended.stderr


def wait_for_metric(served: Served, line: str) -> None:
    """Until the metrics page has this line."""
    deadline = time.monotonic() + 30
    while line not in httpx.get(f"{served.url}/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sigterm_lets_requests_end(tmp_path: Path) -> None:
    """What was accepted is answered and recorded; then the process is gone."""
    with (
        model_server(tmp_path, Slow(Ewma(), share=1.0, seconds=1.5)) as served,
        ThreadPoolExecutor(4) as threads,
    ):
        answers = [
            threads.submit(httpx.post, f"{served.url}/predict", json=BODY, timeout=30)
            for _ in range(4)
        ]
        wait_for_metric(served, "pincex_model_requests_in_flight 4.0")
        served.process.send_signal(signal.SIGTERM)
        assert [answer.result().status_code for answer in answers] == [200] * 4
        served.process.wait(20)
        assert len(served.rows("traffic/*.jsonl")) == 4


def test_rows_survive_a_kill(tmp_path: Path) -> None:
    """Each answered request has its whole row, whenever the process ends."""
    with model_server(tmp_path) as served:
        with httpx.Client() as http:
            for _ in range(200):
                assert http.post(f"{served.url}/predict", json=BODY).status_code == 200
        served.process.kill()
        served.process.wait()
        rows = served.rows("traffic/*.jsonl")
    assert len(rows) == 200
    assert all(orjson.loads(row)["status"] == 200 for row in rows)


def test_a_records_folder_that_cannot_be_written_does_not_stop_serving(tmp_path: Path) -> None:
    """Answers go on; the lost rows are counted where somebody looks."""
    (tmp_path / "records").write_text("in the way")
    with model_server(tmp_path) as served:
        assert httpx.post(f"{served.url}/predict", json=BODY).status_code == 200
        assert "pincex_model_rows_lost_total 1.0" in httpx.get(f"{served.url}/metrics").text


def test_the_server_is_ready_quickly_and_small(tmp_path: Path) -> None:
    """A model without scikit-learn needs neither it nor MLflow."""
    digest, port = site_copy(tmp_path / "model"), free_port()
    argv = server_argv(tmp_path / "model", digest, tmp_path / "records", port)
    with (tmp_path / "log").open("wb") as log, process(argv, log) as running:
        wait_for(f"http://127.0.0.1:{port}/readyz", running)
        maps = Path(f"/proc/{running.pid}/maps").read_text()
        cpu = sum(map(int, Path(f"/proc/{running.pid}/stat").read_text().split()[13:15]))
    assert not [name for name in ("sklearn", "mlflow", "pandas", "polars") if name in maps]
    assert cpu / os.sysconf("SC_CLK_TCK") < 2.0
