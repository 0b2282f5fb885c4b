"""Numbers as people read them, and a room that stays pure."""

import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import analysis
from analysis.clock import iso
from analysis.words import count, milliseconds, percent, points

ROOM = Path(analysis.__file__).parent
PERCENTS = [
    (0.884, "88.4 %"),
    (0.0, "0.0 %"),
    (1.0, "100 %"),
    (0.9999, "99.99 %"),
    (0.21, "21 %"),
    (0.0312, "3.12 %"),
    (0.00005, "0.005 %"),
    (0.0000005, "under 0.0001 %"),
]


@pytest.mark.parametrize(("fraction", "text"), PERCENTS, ids=[text for _, text in PERCENTS])
def test_percents_have_three_digits(fraction: float, text: str) -> None:
    """Nearly all is never called all."""
    assert percent(fraction) == text


def test_other_numbers() -> None:
    """Signed points, full counts, milliseconds that become seconds, UTC times."""
    assert [points(0.008), points(-0.013), points(0.0)] == ["+0.8", "-1.3", "0.0"]
    assert count(5_904) == "5,904"
    assert [milliseconds(14.23), milliseconds(1_200)] == ["14.2 ms", "1.2 s"]
    assert iso(1_760_000_000_250_000) == "2025-10-09T08:53:20.250000Z"


def test_the_public_names_are_all_there() -> None:
    """What is exported is listed in order, and no module of the same name ever shadows it."""
    for module in ROOM.glob("*.py"):
        import_module(f"analysis.{module.stem}")

    assert not any(isinstance(getattr(analysis, name), ModuleType) for name in analysis.__all__)
    assert sorted(analysis.__all__, key=lambda name: (not name.isupper(), name)) == analysis.__all__


def test_the_code_version_is_that_of_the_project() -> None:
    """A verdict names the release that judged."""
    project = tomllib.loads((ROOM.parent / "pyproject.toml").read_text())["project"]

    assert project["version"] == analysis.CODE_VERSION
