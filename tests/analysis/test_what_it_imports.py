"""The judge is pure by what it can reach: nothing is imported but what stands here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import analysis

MODULES = {
    path.stem: ast.parse(path.read_text("utf-8"))
    for path in sorted(Path(analysis.__file__).parent.glob("*.py"))
}
ANYWHERE = {
    *("analysis", "numpy", "scipy", "polars"),
    *("collections", "dataclasses", "datetime", "difflib", "enum", "functools", "hashlib", "html"),
    *(
        "io",
        "itertools",
        "json",
        "math",
        "numbers",
        "pathlib",
        "re",
        "statistics",
        "tomllib",
        "typing",
    ),
}
ALONE_IN = {
    "pyarrow": {"file_order", "parts", "row_groups", "stream"},
    "pandas": {"planning", "read", "read_frame", "verdict"},
    "lets_plot": {"show"},
    "sys": {"report_page"},
    "ctypes": {"freed"},
    "importlib": {"__init__"},
}
"""pandas where frames are given and taken, plots where they are drawn."""
CATCHES = {
    "file_order",
    "lines",
    "parts",
    "policy_file",
    "read",
    "read_frame",
    "row_groups",
    "stream",
}
"""Where files are opened, frames of pandas read, or a batch says which of its rows is meant."""
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


@pytest.mark.parametrize("name", MODULES)
def test_a_module_of_the_judge_reaches_neither_clock_nor_environment_nor_network(name: str) -> None:
    """Clocks, environment, network and logs are in no package that may be imported.

    What import-linter forbids by name could be reached by a package that nobody thought of.
    """
    tree = MODULES[name]
    allowed = ANYWHERE | {package for package, places in ALONE_IN.items() if name in places}
    reached = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    assert set(imported(tree)) - allowed == set()
    assert reached & PRESENT == set()
    assert called & {"__import__", "eval", "exec", "input", "print"} == set()
    assert "open" not in called or name in CATCHES


def test_errors_are_caught_only_where_a_record_comes_in() -> None:
    """Everywhere else nothing can fail but by a mistake, which nobody should swallow."""
    catching = {
        name
        for name, tree in MODULES.items()
        if any(isinstance(node, ast.Try | ast.TryStar) for node in ast.walk(tree))
    }

    assert catching == CATCHES


def test_every_exception_to_the_rule_is_one_that_is_used() -> None:
    """A module that needs its package no more gives the permission back."""
    packages = {name: set(imported(tree)) for name, tree in MODULES.items()}
    used = {
        package: {name for name, found in packages.items() if package in found}
        for package in ALONE_IN
    }

    assert used == ALONE_IN
