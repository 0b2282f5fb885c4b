"""The site's MLflow server: one process, SQLite, files served by itself, telemetry off."""

import os
import sys
from pathlib import Path

HOST = "127.0.0.1"


def mlflow_server_argv(python: Path, home: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Command and extra environment of the MLflow server of a site whose state lies in `home`."""
    argv = [str(python), "-m", "models.tracking", str(home / "mlflow"), str(port)]
    environment = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # The job runner would add processes of its own for features nobody here uses.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    return argv, environment


def serve(directory: Path, port: int) -> None:
    """Run MLflow's tracking server in this very process.

    `mlflow server` starts a child and waits for it: twice the memory and the start-up time, and a
    child that keeps the port when the parent is killed. The application is the same.
    """
    import uvicorn
    from mlflow.server import constants
    from mlflow.server.handlers import initialize_backend_stores

    (directory / "artifacts").mkdir(parents=True, exist_ok=True)
    database = f"sqlite:///{directory / 'mlflow.sqlite'}"
    os.environ.update(
        {
            constants.BACKEND_STORE_URI_ENV_VAR: database,
            constants.REGISTRY_STORE_URI_ENV_VAR: database,
            constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
            constants.SERVE_ARTIFACTS_ENV_VAR: "true",
            constants.ARTIFACTS_DESTINATION_ENV_VAR: (directory / "artifacts").as_uri(),
        }
    )
    initialize_backend_stores(database, database, "mlflow-artifacts:/")
    uvicorn.run(
        "mlflow.server.fastapi_app:app", host=HOST, port=port, access_log=False, log_level="warning"
    )


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
