"""Takes at the start what a process's allocators would take bit by bit, so that its memory is flat from then on.

Three caches grow for hours at constant load, and look like a leak though nothing is kept in them:

- numpy keeps the memory of arrays below 1,024 bytes for arrays of the same size, seven of each size and 3.7 MB together
  (``_npy_alloc_cache`` in its ``alloc.c``, ``NBUCKETS`` and ``NCACHE``). Histograms have any number of buckets, so its
  slots fill the more slowly the rarer a size is. :func:`fill_small_arrays` fills all of them at once.
- glibc gives each thread a heap (an arena, mallopt(3), ``M_ARENA_MAX``), and what is allocated in one of them, such as
  by the thread that writes the store, is not free for another. Python runs one thread at a time, which gains nothing by
  that. :func:`share_one_heap` has all threads that start later use the one of the main thread.
- CPython keeps up to 2,000 tuples of each length that were given back (``PyTuple_MAXFREELIST``, ``tupleobject.c``)
  until a full garbage collection, and the highest pile of tuples so far decides how many there are.
  :func:`fill_tuples` fills those of the lengths that are gathered between two ticks, half a megabyte.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

import numpy as np

CACHED_BELOW_BYTES = 1024
"""numpy's ``NBUCKETS``."""

CACHED_EACH = 7
"""numpy's ``NCACHE``."""

TUPLES = 2000
"""CPython's ``PyTuple_MAXFREELIST``."""

GATHERED_LENGTHS = (1, 2, 3, 4)

_M_ARENA_MAX = -8  # of glibc's malloc.h


def fill_small_arrays() -> None:
    """Fill numpy's cache of small arrays; takes a few milliseconds and 3.7 MB, once a process."""
    for size in range(1, CACHED_BELOW_BYTES):
        kept = [np.empty(size, dtype=np.uint8) for _ in range(CACHED_EACH)]
        del kept


def fill_tuples() -> None:
    """Fill CPython's lists of free tuples; takes less than a millisecond, until the next full garbage collection."""
    for length in GATHERED_LENGTHS:
        kept = [tuple([None] * length) for _ in range(TUPLES)]
        del kept


def share_one_heap(environ: Mapping[str, str] = os.environ) -> bool:
    """Let threads that are started from now on allocate from the main thread's heap.

    Args:
        environ: whoever sets ``MALLOC_ARENA_MAX`` has decided.

    Returns:
        Whether they do: it takes glibc.
    """
    libc = ctypes.CDLL(None)
    if "MALLOC_ARENA_MAX" in environ or not hasattr(libc, "gnu_get_libc_version"):
        return False
    return bool(libc.mallopt(_M_ARENA_MAX, 1))
