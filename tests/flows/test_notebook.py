"""The notebook of the documentation runs as it stands, and says what it is committed with."""

import asyncio
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "compare_two_models.ipynb"


def code_of(notebook: Any) -> list[Any]:
    """The cells that run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebook_is_short_and_committed_executed() -> None:
    """Under 30 lines of code, every cell run without an error, the file small."""
    cells = code_of(nbformat.read(NOTEBOOK, as_version=4))
    assert sum(len(cell.source.splitlines()) for cell in cells) < 30
    assert all(cell.execution_count for cell in cells)
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)
    assert NOTEBOOK.stat().st_size < 200_000


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A fresh kernel reaches the last cell, and the verdict is PASS as printed in the file."""
    from nbclient import NotebookClient

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[2]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = NotebookClient(notebook, timeout=120, kernel_name="python3")
        asyncio.run(client.async_execute())
    shown = [o["data"] for cell in code_of(notebook) for o in cell.outputs if "data" in o]
    assert any("Verdict(PASS" in data["text/plain"] for data in shown)
    assert any("<svg" in data.get("text/html", "") for data in shown)
