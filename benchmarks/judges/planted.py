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
from pathlib import Path

import analysis
from benchmarks.judges.mistake import Planted
from benchmarks.judges.mistakes import PLANTED

SOURCE = Path(analysis.__file__).parent
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
