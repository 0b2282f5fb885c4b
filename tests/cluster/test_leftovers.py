"""What a killed process left half-made goes after a day, and nothing else does."""

import os
import time
from pathlib import Path

import pytest

from cluster.local.home import Home
from cluster.local.leftovers import AGE, sweep_leftovers

LEFT = [
    "envoy/stage/.routes.json.123.456",
    "envoy/stage/evidence-20260101T000000-abcdef/pairs.parquet",
    "models/price/.v2.0.0-a1b2c3/model.pkl",
    "live/outcome-0123456789ab.json",
]
KEPT = [
    "envoy/stage/live-rds-routes.json",
    "models/price/v2.0.0/model.pkl",
    "live/progress-price.json",
    "evidence/price-v2.0.0-0123456789ab/evidence.json",
    "ledger.sqlite",
]


def made(home: Home, names: list[str], age: float) -> list[Path]:
    """These files, and the folder each lies in, last changed so long ago."""
    found = [home.path / name for name in names]
    for file in found:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("half")
    for place in [*found, *{file.parent for file in found}]:
        os.utime(place, (time.time() - age,) * 2)
    return found


@pytest.mark.parametrize(
    ("age", "gone"), [(AGE + 60, LEFT), (AGE - 60, [])], ids=["a day old", "younger"]
)
def test_what_is_swept(tmp_path: Path, age: float, gone: list[str]) -> None:
    """By age: what is still being made is younger."""
    home = Home(tmp_path)
    made(home, [*LEFT, *KEPT], age)

    sweep_leftovers(home)

    missing = [name for name in [*LEFT, *KEPT] if not (home.path / name).exists()]
    assert missing == gone


def test_a_site_that_was_never_made_has_nothing_to_sweep(tmp_path: Path) -> None:
    """No folder is needed."""
    sweep_leftovers(Home(tmp_path / "nowhere"))
