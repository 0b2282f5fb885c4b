"""What the C library does with the memory of arrays that are done with, in this process."""

import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
KEPT, STEP, LARGE = 2**31 - 1, 64 * 2**20, 32 * 2**20
"""Bytes: freed memory to keep, what to ask the system for at once, the largest that glibc allows to
come from there."""


def keep_freed() -> None:
    """Use the memory of freed arrays again instead of giving it back: mallopt(3) of glibc.

    Without it each array of a million pairs is mapped, zeroed page by page and unmapped: a ninth of
    the CPU of a verdict with its report. For a command that ends when it is done: the process keeps
    the most it ever needed. Other C libraries have no such call; nothing is done there.
    """
    if not sys.platform.startswith("linux"):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return
    for option, value in ((TRIM_THRESHOLD, KEPT), (TOP_PAD, STEP), (MMAP_THRESHOLD, LARGE)):
        set_option(option, value)
