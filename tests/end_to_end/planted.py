"""Installations that are broken: an interpreter under which one thing of ours does not work."""

from pathlib import Path

from benchmarks.probed import probed_python

# Envoy is not started a second time.
NO_RESTART = """
from cluster.local.child import Child
start = Child._start
def _start(self, spec, now):
    if self.role != "envoy" or self.seen is None:
        start(self, spec, now)
Child._start = _start
"""
# Whatever the gates say, nothing is found to be wrong.
NO_GATES = """
from flows.rehearsal import pipeline
text = pipeline.REHEARSED.replace("[gates.errors-paired]\\nmargin = 0.04", "")
text = text.replace("[gates.accuracy-paired]\\nmargin = 0.05", "")
for gate in ("errors-paired", "errors-absolute", "accuracy-paired", "accuracy-absolute"):
    text += f"[gates.{gate}]\\ntolerance = 0.5\\nmargin = 0.5\\n"
for gate in ("errors-late-paired", "errors-late-absolute"):
    text += f"[gates.{gate}]\\ntolerance = 0.5\\n"
pipeline.REHEARSED = text
"""


def planted_python(directory: Path, code: str) -> str:
    """Make an interpreter in `directory` that runs this before anything else."""
    python = probed_python(directory)
    (packages,) = directory.glob("lib/*/site-packages")
    (packages / "planted.py").write_text(code)
    (packages / "c_planted.pth").write_text("import planted\n")
    return str(python)
