"""`python -m benchmarks.judges.planted`: each gate with an error in its formula, one at a time.

A copy of `analysis` gets the error, and the claims of that gate are tried in a process of its own.
An error that no claim notices is the failure here.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import analysis

SOURCE = Path(analysis.__file__).parent


@dataclass(frozen=True, slots=True)
class Planted:
    """An error: what it is, the module it is in, the text that it replaces and what by."""

    gate: str
    what: str
    module: str
    old: str
    new: str


PLANTED = (
    Planted(
        "errors-paired",
        "sides swapped",
        "sides.py",
        "return candidate & ~baseline, baseline & ~candidate",
        "return baseline & ~candidate, candidate & ~baseline",
    ),
    Planted(
        "errors-paired",
        "concordant pairs count as harm",
        "sides.py",
        "return candidate & ~baseline, baseline & ~candidate",
        "return candidate, baseline & ~candidate",
    ),
    Planted(
        "errors-paired",
        "safety not mirrored",
        "paired.py",
        "return gains[[1, 0, 2]]",
        "return gains",
    ),
    Planted(
        "errors-paired",
        "no cost of a pair against the margin",
        "paired.py",
        "np.log1p(-stakes * delta),",
        "np.zeros(len(stakes)),",
    ),
    Planted(
        "errors-paired",
        "weights of the bets not shared out",
        "bets.py",
        "return Bets(gains, np.full(number, -log(number)))",
        "return Bets(gains, np.zeros(number))",
    ),
    Planted(
        "errors-paired",
        "the whole budget for each gate",
        "policy.py",
        "return self.alpha_rollback * gate.weight",
        "return self.alpha_rollback",
    ),
    Planted(
        "errors-absolute",
        "likelihood ratio of good pairs forgotten",
        "rates.py",
        "np.log((1 - rates) / (1 - limit))",
        "np.zeros(len(rates))",
    ),
    Planted(
        "errors-absolute",
        "tolerance and margin swapped",
        "course.py",
        "tolerance, margin = limits",
        "margin, tolerance = limits",
    ),
    Planted(
        "errors-late-paired",
        "no price of an unknown onset",
        "late.py",
        "path = bets.mixture(wealth) - log(int(horizon))",
        "path = bets.mixture(wealth)",
    ),
    Planted(
        "errors-late-paired",
        "only one start, at the beginning",
        "late.py",
        "where=blocks.starts > 0)",
        "where=np.arange(len(blocks.starts)) < 1)",
    ),
    Planted(
        "errors-late-absolute",
        "limit ten times as strict",
        "error_gates.py",
        "late_rate_bets(absolute.tolerance or 0.0)",
        "late_rate_bets(0.1 * (absolute.tolerance or 0.0))",
    ),
    Planted(
        "p95-limit",
        "half the limit",
        "sides.py",
        "late | (known & (pairs.candidate_latency_ms > candidate_ms))",
        "late | (known & (pairs.candidate_latency_ms > candidate_ms / 2))",
    ),
    Planted(
        "p95-limit",
        "odds for the harm from below the limit",
        "rates.py",
        "return _ratio_bets(_with_odds(limit, ODDS_RATIOS), limit)",
        "return _ratio_bets(_with_odds(0.8 * limit, ODDS_RATIOS), 0.8 * limit)",
    ),
    Planted(
        "frozen-p95",
        "no floor",
        "latency_gates.py",
        "return max(frozen_ms * (1 + ratio), least)",
        "return max(frozen_ms, 0.0 * least)",
    ),
    Planted(
        "frozen-p95",
        "margin doubled",
        "latency_gates.py",
        "max(frozen_ms * (1 + margin), least)",
        "max(frozen_ms * (1 + 2 * margin), least)",
    ),
    Planted(
        "frozen-p95",
        "the guard is always open",
        "drift.py",
        "passed = (number >= needed) & (dispersion <= allowed)",
        "passed = number >= 1",
    ),
    Planted(
        "gross-frozen-p95",
        "any difference is gross",
        "latency_gates.py",
        'ratio = max(gate.tolerance or 0.0, gate.limits.get("floor", 0.0))',
        'ratio = gate.limits.get("floor", 0.0)',
    ),
    Planted(
        "accuracy-absolute",
        "margin against the wrong share",
        "accuracy_gates.py",
        "(1 - tolerance, 1 - margin),",
        "(1 - tolerance, margin),",
    ),
    Planted(
        "accuracy-absolute",
        "floor taken for the share of wrong answers allowed",
        "accuracy_gates.py",
        "(1 - tolerance, 1 - margin),",
        "(tolerance, 1 - margin),",
    ),
    Planted(
        "accuracy-paired",
        "margin taken for no margin",
        "course.py",
        "safety = follow(paired.safety_bets(claims[1]), sides.safety()",
        "safety = follow(paired.safety_bets(3 * claims[1]), sides.safety()",
    ),
    Planted(
        "accuracy-paired",
        "the candidate is judged by the baseline's answer",
        "sides.py",
        "candidate = in_time & sent & ~_right(pairs.candidate_prediction, pairs, rule)",
        "candidate = in_time & sent & ~_right(pairs.baseline_prediction, pairs, rule)",
    ),
    Planted(
        "coverage",
        "lost copies are answered",
        "record_gates.py",
        "answered = (pairs.outcome == ANSWERED).cumsum()",
        "answered = (pairs.outcome != NOT_SENT).cumsum()",
    ),
    Planted(
        "coverage",
        "copies never sent do not count",
        "record_gates.py",
        "standing = (answered >= least * seen) & (unsent <= most * seen)",
        "standing = answered >= least * seen",
    ),
    Planted(
        "sample-integrity",
        "a missing status is no gap",
        "record_gates.py",
        "unusable = (pairs.baseline_status == 0) | np.isnan(pairs.baseline_latency_ms)",
        "unusable = np.isnan(pairs.baseline_latency_ms)",
    ),
)
TRY = """
import sys
sys.path.insert(0, sys.argv[1])
from benchmarks.judges.claims import failures
found = next(failures({sys.argv[2]}), "")
print(found)
sys.exit(bool(found))
"""


def noticed(planted: Planted) -> str:
    """The first claim that the error breaks; empty where none does."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = Path(folder) / "analysis"
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        module = copy / planted.module
        text = module.read_text("utf-8")
        if text.count(planted.old) != 1:
            raise ValueError(f"{planted.module} does not hold {planted.old!r} exactly once")
        module.write_text(text.replace(planted.old, planted.new), "utf-8")
        done = subprocess.run(
            [sys.executable, "-c", TRY, folder, planted.gate],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
    if not done.returncode:
        return ""
    return done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]


def main() -> int:
    """Try each error; the exit code is 1 where one of them goes unnoticed."""
    missed = 0
    for planted in PLANTED:
        started = time.monotonic()
        found = noticed(planted)
        missed += not found
        took = f"{time.monotonic() - started:.0f} s"
        print(f"{planted.gate}: {planted.what} ({took})\n    {found or 'NOT NOTICED'}", flush=True)
    print(f"{len(PLANTED) - missed} of {len(PLANTED)} planted errors noticed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
