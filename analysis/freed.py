"""Memory that arrays gave back."""

import ctypes

import numpy as np

LARGEST_KEPT = 31 << 20
"""Bytes; glibc takes no threshold above 32 MB."""


def keep_freed_memory() -> None:
    """Let new arrays take the place of those that are done with.

    glibc gives freed arrays back to the system, and fetching their pages anew took a tenth of the
    time of a million pairs, a third of that of many batches, until it has seen a larger one freed
    (mallopt(3), M_MMAP_THRESHOLD). Never written to, it takes no memory; elsewhere it does nothing.
    """
    np.empty(LARGEST_KEPT, dtype=np.uint8)


def give_back_freed_memory() -> None:
    """Give what arrays are done with back to the system, for what does not take glibc's memory.

    malloc_trim(3): it walks over all that is free, some milliseconds; elsewhere it does nothing.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
