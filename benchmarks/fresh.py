"""What a piece of Python costs in a process of its own: CPU seconds, wall seconds, peak memory.

The peak is VmHWM of the new address space: `ru_maxrss` of a child begins at what its parent held
when it was forked, and would tell the memory of this benchmark.
"""

import json
import subprocess
import sys
from dataclasses import dataclass

MEASURE = """
import json, sys, time
begun = time.monotonic()
{body}
kilobytes = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({{"wall_s": time.monotonic() - begun, "cpu_s": time.process_time(),
    "peak_mb": int(kilobytes) * 1024 / 1e6, "said": str(said)}}))
"""


@dataclass(frozen=True)
class Cost:
    """`cpu_s` counts the start of Python and its imports, `wall_s` does not count the start."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    said: str


def cost(body: str, *arguments: object) -> Cost:
    """Of `body`, which finds the arguments in `sys.argv` and leaves its answer in `said`."""
    command = [sys.executable, "-c", MEASURE.format(body=body), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(**json.loads(done.stdout))
