"""The judge uses the memory of its arrays again."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from analysis.freed import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    arrays = [np.ones(1_000_000, np.int8) for _ in range(8)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages that a process of its own was given while it made and freed 400 arrays."""
    told = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(told, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has such a threshold")
def test_freed_arrays_are_not_given_back() -> None:
    """Eight arrays are mapped once and not fifty times."""
    assert faults("kept") < faults("as it is") / 5


GIVEN_BACK = """
import numpy as np
from analysis.freed import give_back_freed_memory, keep_freed_memory
def resident():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1])
keep_freed_memory()
arrays = [np.ones(1_000_000) for _ in range(9)]
# The last one stays, so that what is free lies below it.
del arrays[:-1]
before = resident()
give_back_freed_memory()
print((before - resident()) * 4096)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back")
def test_what_is_kept_can_be_given_back() -> None:
    """Eight arrays of 8 MB that were freed below one that is in use."""
    told = [sys.executable, "-c", GIVEN_BACK]
    done = subprocess.run(told, check=True, capture_output=True, text=True)
    assert int(done.stdout) > 50_000_000
