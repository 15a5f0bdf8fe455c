"""What allocators take bit by bit is taken at once: looked at in fresh processes, as glibc counts it."""

import ctypes
import json
import subprocess
import sys

import pytest

from loadtest.users.flat_memory import share_one_heap
from tests.plugin.locusts import ROOT, environment

ARRAYS = """
import ctypes, json, sys
import numpy as np
from loadtest.users.flat_memory import fill_small_arrays

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "o", "s", "h", "mmap", "u", "f", "used", "free", "k")]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
used = lambda: libc.mallinfo2().used
if sys.argv[1] == "filled":
    fill_small_arrays()
    fill_small_arrays()
before = used()
for size in range(8, 1024, 2):
    kept = [np.zeros(size // 2, dtype=np.uint16) for _ in range(7)]
    del kept
print(json.dumps(used() - before))
"""

THREADS = """
import ctypes, os, sys
from loadtest.users.flat_memory import share_one_heap
from gevent.threadpool import ThreadPool

libc = ctypes.CDLL(None)
if sys.argv[1] == "shared":
    assert share_one_heap({})
there, go = os.pipe(), os.pipe()

def allocate():
    libc.malloc(ctypes.c_size_t(100_000))
    os.write(there[1], b"x")
    os.read(go[0], 1)

pool = ThreadPool(4)
for _ in range(4):
    pool.spawn(allocate)
for _ in range(4):
    os.read(there[0], 1)
libc.malloc_stats()
os.write(go[1], b"xxxx")
"""


TUPLES = """
import gc, json, sys
from loadtest.users.flat_memory import GATHERED_LENGTHS, TUPLES, fill_tuples

gc.collect()
gc.disable()
if sys.argv[1] == "filled":
    fill_tuples()
before = sys.getallocatedblocks()
for length in GATHERED_LENGTHS:
    kept = [tuple([None] * length) for _ in range(TUPLES)]
    del kept
print(json.dumps(sys.getallocatedblocks() - before))
"""


def glibc_has(name):
    """Whether the C library is glibc, and knows a function."""
    libc = ctypes.CDLL(None)
    return hasattr(libc, "gnu_get_libc_version") and hasattr(libc, name)


def ran(program, how):
    """A process that has done so."""
    argv = [sys.executable, "-c", program, how]
    return subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, check=True, text=True)


def grown(program, how):
    """By how much what is gone again has made a process grow for good, in bytes of the heap or Python's blocks."""
    return json.loads(ran(program, how).stdout)


def heaps(how):
    """How many heaps four threads that allocate make glibc have."""
    return sum(line.startswith("Arena ") for line in ran(THREADS, how).stderr.splitlines())


@pytest.mark.skipif(not glibc_has("mallinfo2"), reason="glibc 2.33 counts what is used")
def test_small_arrays_of_any_size_take_no_more_once_the_cache_is_full():
    """They would take more than a megabyte for good; afterwards nothing, to some small objects."""
    assert grown(ARRAYS, "as it is") > 1_000_000
    assert grown(ARRAYS, "filled") < 50_000


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="CPython keeps tuples that were given back")
def test_piles_of_tuples_take_no_more_once_the_free_lists_are_full():
    """A pile as high as the lists is nothing new to them."""
    assert grown(TUPLES, "as it is") > 1_000
    assert grown(TUPLES, "filled") < 100


@pytest.mark.skipif(not glibc_has("malloc_stats"), reason="glibc has a heap a thread")
def test_threads_share_one_heap():
    """Each thread would get a heap of its own."""
    assert heaps("as it is") > heaps("shared")


def test_who_has_decided_on_arenas_is_left_alone():
    """``MALLOC_ARENA_MAX`` in the environment stands."""
    assert not share_one_heap({"MALLOC_ARENA_MAX": "2"})
