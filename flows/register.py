"""`register-model` and `labels`: what comes in from outside, checked before anything is kept."""

import argparse
from pathlib import Path
from typing import Any

from cluster.files import writing
from flows.in_cluster import chosen
from flows.openers import actor
from flows.refusal import Exit, bad_input
from models.labels import append_labels, read_labels
from models.manifest import MODEL_FILE
from rollout.words import count

Answer = tuple[int, dict[str, Any], str]


def register_model(options: argparse.Namespace) -> Answer:
    """Record a version with its SHA-256 manifest; again with the same files it changes nothing."""
    here = chosen(options, "registering")
    source: Path | str = options.source
    if not options.source.startswith(("runs:/", "models:/")):
        source = Path(options.source).resolve()
        if not source.is_dir():
            raise bad_input(f"there is no directory {source}", "name an MLflow model directory")
        if not (source / MODEL_FILE).is_file():
            raise bad_input(
                f"{source} has no {MODEL_FILE} file: it is not an MLflow model",
                "name the directory that mlflow's save_model made",
            )
    here.begin("mlflow")
    made = here.registry.register(options.name, options.version, source, actor=actor())
    report = {
        "model": made.name,
        "version": made.release,
        "number": made.number,
        "manifest_sha256": made.manifest_sha256,
        "run_id": made.run_id,
    }
    digest = (made.manifest_sha256 or "")[:12]
    first = "" if here.history(made.name).champion else " --first"
    text = (
        f"{made.name} {made.release} is registered (MLflow version {made.number}, "
        f"manifest {digest})\n"
        f"next: pincex deploy-model {made.name} {made.release}{first}{here.told}"
    )
    return Exit.DONE, report, text


def labels(options: argparse.Namespace) -> Answer:
    """Add a file of labels; a wrong line refuses the whole file."""
    here = chosen(options)
    here.require()
    file = Path(options.file)
    if not file.is_file():
        raise bad_input(f"there is no file {file}", "one JSON object per line")
    if not (here.home.records / options.name).is_dir():
        raise bad_input(f"{options.name} serves nothing on this site", "pincex status")
    try:
        taken = read_labels(file)
    except OSError as error:
        raise bad_input(f"{file} cannot be read: {error.strerror}", "a readable file") from error
    kept = here.home.records / options.name / "labels.jsonl"
    with writing(kept):
        append_labels(kept, taken)
    report = {"model": options.name, "labels": len(taken)}
    return Exit.DONE, report, f"{count(len(taken))} labels taken in"
