"""What comes in from outside, mutated by hypothesis: no traceback, no exit 0 for nonsense.

Site files are what a site reads from its own home.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks import fuzz_application, fuzz_argv, fuzz_files, fuzz_http, fuzz_pairs, fuzz_server
from benchmarks.fuzz_cases import CHANGED, CONTRACT, DONE, TRACEBACK, Bench, Complaint

NOTES = "notes of what runs"
"""Of these none is certain nonsense: a damaged one is a process that does not run."""

SURFACES = {
    "command line": fuzz_argv.command_lines(),
    "policies": fuzz_files.policies(),
    "pair files": fuzz_pairs.pair_files(),
    "applications": fuzz_application.applications(),
    "label files": fuzz_files.labels(),
    "site files": fuzz_files.sites(),
    NOTES: fuzz_files.state_files(),
}
CASES = {
    "command line": 2_500,
    "policies": 1_500,
    "pair files": 2_000,
    "applications": 1_500,
    "label files": 1_000,
    "site files": 600,
    NOTES: 300,
    "HTTP requests": 3_000,
    "processes": 40,
}
SHORT = 20
SEED = 20261125


def rows(full: bool) -> list[dict[str, Any]]:
    """A row per surface; each complaint is printed where it is found."""
    share = 1 if full else SHORT
    with tempfile.TemporaryDirectory(prefix="pincex-fuzz-") as directory:
        here = Path(directory)
        bench = with_pairs(Bench(here / "bench"))
        table = [_row("HTTP requests", _http(here, CASES["HTTP requests"] // share))]
        table += [
            _row(name, tried(cases, CASES[name] // share, bench.check))
            for name, cases in SURFACES.items()
        ]
        for name in SURFACES:
            if name == NOTES:
                continue
            few = tried(
                SURFACES[name].filter(lambda case: case.nonsense is not None),
                max(1, CASES["processes"] // share),
                bench.check_process,
            )
            table.append(_row(f"{name}, nonsense in a process of its own", few))
    return table


def with_pairs(bench: Bench) -> Bench:
    """The bench with a pair file that policies can be tried on."""
    (bench.work / "pairs.jsonl").write_bytes(fuzz_pairs.GOOD_JSONL)
    return bench


def tried(
    cases: st.SearchStrategy[Any], number: int, check: Callable[[Any], list[Complaint]]
) -> Counter[str]:
    """How many cases were tried, and the complaints by kind."""
    counts: Counter[str] = Counter()

    @seed(SEED)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(cases)
    def each(case: Any) -> None:
        counts["cases"] += 1
        counts["nonsense"] += case.nonsense is not None
        for complaint in check(case):
            counts[complaint.kind] += 1
            print(complaint.kind, complaint.what)

    each()
    return counts


def _http(directory: Path, number: int) -> Counter[str]:
    with fuzz_server.server(directory / "server") as running:
        counts = tried(fuzz_http.requests(), number, running.check)
        for complaint in running.end():
            counts[complaint.kind] += 1
            print(complaint.kind, complaint.what)
    return counts


def _row(surface: str, counts: Counter[str]) -> dict[str, Any]:
    row = {
        "surface": surface,
        "cases": f"{counts['cases']:,}",
        "of these certain nonsense": f"{counts['nonsense']:,}",
        "tracebacks": counts[TRACEBACK],
        "exit 0 or 2xx for nonsense": counts[DONE],
        "changed state on exit 2 or 4xx": counts[CHANGED],
        "other broken promises": counts[CONTRACT],
    }
    print(row, file=sys.stderr, flush=True)
    return row
