"""The judge is pure by what it can reach: nothing is imported but what stands here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import analysis

MODULES = sorted(Path(analysis.__file__).parent.glob("*.py"))
ANYWHERE = {
    *("analysis", "numpy", "scipy", "polars"),
    *("collections", "dataclasses", "datetime", "difflib", "enum", "functools", "hashlib", "html"),
    *("io", "itertools", "json", "math", "pathlib", "re", "statistics", "tomllib", "typing"),
}
ALONE_IN = {
    "pyarrow": {"parts"},
    "pandas": {"planning", "read", "verdict"},
    "lets_plot": {"report_plot", "report_page"},
    "sys": {"report_page"},
    "ctypes": {"freed"},
    "importlib": {"__init__"},
}
"""pandas where frames are given and taken, plots where they are drawn and their version told."""
OPEN_FILES = {"parts", "policy_file", "read"}
PRESENT = {f"{kind}.{name}" for kind in ("datetime", "date") for name in ("now", "utcnow", "today")}
"""Times that a module may hold, and not ask for."""


def imported(tree: ast.AST) -> Iterator[str]:
    """The package of every import, also of those within functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            assert node.module
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_of_the_judge_reaches_neither_clock_nor_environment_nor_network(
    path: Path,
) -> None:
    """Clocks, environment, network and logs are in no package that may be imported.

    What import-linter forbids by name could be reached by a package that nobody thought of.
    """
    tree = ast.parse(path.read_text("utf-8"))
    allowed = ANYWHERE | {name for name, places in ALONE_IN.items() if path.stem in places}
    reached = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    assert set(imported(tree)) - allowed == set()
    assert reached & PRESENT == set()
    assert called & {"__import__", "eval", "exec", "input", "print"} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_errors_are_caught_only_where_files_are_opened(path: Path) -> None:
    """Everywhere else nothing can fail but by a mistake, which nobody should swallow."""
    tries = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if is_try(node)]

    assert not tries or path.stem in OPEN_FILES


def is_try(node: ast.AST) -> bool:
    """With `except`, of any kind."""
    return isinstance(node, ast.Try | ast.TryStar)


def test_every_exception_to_the_rule_is_one_that_is_used() -> None:
    """A module that needs its package no more gives the permission back."""
    used = {
        name: {
            path.stem for path in MODULES if name in imported(ast.parse(path.read_text("utf-8")))
        }
        for name in ALONE_IN
    }
    tries = {
        path.stem
        for path in MODULES
        if any(is_try(node) for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    }

    assert used == ALONE_IN
    assert tries == OPEN_FILES
