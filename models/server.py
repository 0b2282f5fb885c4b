"""The model server: one version, one process.

`python -m models.server --name N --version V --directory DIR --manifest-sha256 D --host H --port P
--instance I --records DIR --labels FILE`
"""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import uvicorn

from models.application import Application
from models.errors import Damaged, ModelsError
from models.gauges import Gauges
from models.inputs import Inputs
from models.loading import example, load_verified
from models.rows import Rows

HOST = "127.0.0.1"
KEEP_ALIVE = 75
"""Seconds; longer than the proxy keeps an idle connection, so that it is never closed under it."""

GRACE = 10
"""Seconds that requests under way get to end after SIGTERM."""

REFUSED = 2
"""Exit code when the files are not what was registered, or cannot be loaded."""

LAST_WORDS = Path("/dev/termination-log")
"""Where a kubelet reads why a container ended; elsewhere there is none."""

log = logging.getLogger("models.server")


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM; the port answers at once, /readyz when the model is loaded and warm."""
    # Requests already run side by side; numeric libraries that start a thread per core for each of
    # them, and spin while they wait, make answers of one millisecond take sixty.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    options = _parse(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    # A pod's name has the hyphen that ends the version in a file's name.
    instance = options.instance.replace("-", ".")
    rows = Rows(options.records, options.version, instance)
    gauges = Gauges(options.name, options.version)
    inputs = Inputs(options.records, options.version, instance)
    application = Application(options.version, gauges, rows, inputs, options.labels)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            host=options.host,
            port=options.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE,
        )
    )
    refused = threading.Event()

    def load() -> None:
        try:
            predictor = load_verified(options.directory, options.manifest_sha256)
            application.serve(predictor, [*example(options.directory).values()])
        except ModelsError as error:
            log.error("%s %s refused: %s", options.name, options.version, error)
            what = "damaged model files" if isinstance(error, Damaged) else "no usable model"
            _leave(f"{what}: {error}")
            refused.set()
            server.should_exit = True
        else:
            log.info("%s %s ready on port %s", options.name, options.version, options.port)

    threading.Thread(target=load, name="load", daemon=True).start()
    server.run()
    return REFUSED if refused.is_set() else 0


def _leave(words: str) -> None:
    """Leave last words for whoever asks why the pod does not serve."""
    if not LAST_WORDS.is_file():
        return
    try:
        LAST_WORDS.write_text(words)
    except OSError as error:
        log.warning("nobody will read why: %s", error)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m models.server", description=__doc__)
    for name in ("name", "version", "manifest-sha256", "instance"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("directory", "records", "labels"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", required=True, type=int)
    return parser.parse_args(arguments)


def _run(arguments: Sequence[str]) -> NoReturn:
    """Run and end at once: a model that hangs in one of the threads must not keep the process."""
    try:
        code: object = main(arguments)
    except SystemExit as stop:
        code = stop.code
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _run(sys.argv[1:])
