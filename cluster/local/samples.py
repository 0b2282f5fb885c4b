"""What the keeper sees of the machine and of its processes every few seconds: the alerts' samples.

One line of JSON each, appended in one write; a file that has grown large becomes the older of two,
so that the last hour is always there. A line that is torn is a scrape that brought nothing.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cluster.local.home import Home

EVERY = 5.0
LARGEST = 512 * 1024
"""Bytes of the newer file: hours, however many processes there are."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment (epoch s): use of the machine as fractions, deaths of each role so far.

    `cpu` is that since the sample before, None in the first of a keeper.
    """

    at: float
    cpu: float | None
    memory: float
    deaths: Mapping[str, int]


class Sampler:
    """Takes a sample whenever one is due."""

    def __init__(self, home: Home) -> None:
        self._file = home.samples
        self._after = float("-inf")
        self._times: tuple[float, float] | None = None

    def tick(self, now: float, at: float, deaths: Mapping[str, int]) -> None:
        """Write one at monotonic time `now`, which is `at` (epoch s), if it is time."""
        if now < self._after:
            return
        self._after = now + EVERY
        memory = psutil.virtual_memory().percent / 100
        line = {"at": at, "cpu": self._cpu(), "memory": memory, "deaths": dict(deaths)}
        if self._file.exists() and self._file.stat().st_size > LARGEST:
            os.replace(self._file, _older(self._file))
        with self._file.open("ab", buffering=0) as file:
            # A line of its own, also after one that was torn.
            file.write(b"\n" + json.dumps(line).encode())

    def _cpu(self) -> float | None:
        times = psutil.cpu_times()
        total, idle = sum(times[:8]), times.idle + getattr(times, "iowait", 0.0)
        before, self._times = self._times, (total, idle)
        if before is None or total <= before[0]:
            return None
        return 1 - (idle - before[1]) / (total - before[0])


def samples(home: Home) -> list[Sample]:
    """All that are kept, in order of time."""
    found = []
    for file in (_older(home.samples), home.samples):
        lines = file.read_bytes().splitlines() if file.exists() else []
        found += [one for line in lines if (one := _sample(line)) is not None]
    return sorted(found, key=lambda one: one.at)


def _older(file: Path) -> Path:
    return file.with_name(f"{file.name}.1")


def _sample(line: bytes) -> Sample | None:
    """None where the line is torn or damaged."""
    try:
        told: Any = json.loads(line)
        cpu, deaths = told["cpu"], told["deaths"]
        return Sample(
            at=float(told["at"]),
            cpu=None if cpu is None else float(cpu),
            memory=float(told["memory"]),
            deaths={str(role): int(number) for role, number in deaths.items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
