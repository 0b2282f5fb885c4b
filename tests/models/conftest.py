"""The real MLflow server of the session, and registries that talk to it."""

import os
from collections.abc import Iterator

import pytest
from model_parts import PYTHON, free_port, process, wait_for

from models.registry import Registry
from models.tracking import mlflow_server_argv


@pytest.fixture(scope="session")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real MLflow server with nothing in it."""
    home = tmp_path_factory.mktemp("mlflow site")
    argv, environment = mlflow_server_argv(PYTHON, home, port := free_port())
    with (
        (home / "mlflow.log").open("wb") as log,
        process(argv, log, {**os.environ, **environment}) as running,
    ):
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", running)
        yield url


@pytest.fixture
def registry(tracking: str) -> Iterator[Registry]:
    """A registry on the session's server; tests keep apart by the names of their models."""
    with Registry(tracking, timeout=10) as registry:
        yield registry
