"""Forked workers end with their master, and leave Ctrl-C to it."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from loadtest.plugin import forks
from tests.plugin.locusts import ROOT, environment

PARENT = """
import json, os, signal, sys, time
{inherit}
from loadtest.plugin import forks
forks.register()
child = os.fork()
if not child:
    handler = signal.getsignal(signal.SIGINT)
    state = "ignored" if handler is signal.SIG_IGN else "heeded"
    print(json.dumps([os.getpid(), state]), flush=True)
    time.sleep(600)
sys.stdin.read()
"""


@contextmanager
def family(*arguments, inherit=""):
    """A process that has forked, its child, and whether the child heeds SIGINT."""
    argv = [sys.executable, "-c", PARENT.format(inherit=inherit), *arguments]
    with subprocess.Popen(
        argv, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        pid, state = json.loads(parent.stdout.readline())
        child = psutil.Process(pid)
        try:
            yield parent, child, state
        finally:
            parent.kill()
            if child.is_running():
                child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_child_ends_when_its_parent_is_killed():
    """No SIGKILL of the parent leaves it behind."""
    with family() as (parent, child, _):
        parent.kill()
        gone, alive = psutil.wait_procs([child], timeout=30)

    assert ([child], []) == (gone, alive)


@pytest.mark.parametrize("inherit", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)"])
def test_a_child_of_a_master_leaves_ctrl_c_to_it(inherit):
    """In the foreground as in the background."""
    with family(inherit=inherit) as (_, _, state):
        assert "ignored" == state


@pytest.mark.parametrize("inherit", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)"])
def test_a_child_of_a_waiting_worker_heeds_ctrl_c(inherit):
    """Under --worker --processes nobody else would tell it."""
    with family("--worker", inherit=inherit) as (_, _, state):
        assert "heeded" == state


STARTING = """
import gevent.monkey
gevent.monkey.patch_all()
import signal, subprocess, sys
from loadtest.plugin import forks
forks.register()
script = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
print(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip())
"""


def test_a_program_that_is_started_keeps_ctrl_c():
    """gevent forks for it too, but it is no worker."""
    argv = [sys.executable, "-c", STARTING]
    done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=True)

    assert "True\n" == done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets it be noticed")
def test_a_child_whose_parent_is_gone_already_ends():
    """Between the fork and the request to the kernel the parent may end."""
    pid = os.fork()
    if not pid:
        forks.follow_parent(1 << 30, heed_sigint=True)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert 1 == code


ENDING = """
import json, os, signal, subprocess, sys, time
from loadtest.plugin import forks
child = os.fork()
if not child:
    time.sleep(600)
other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
forks.end_forked()
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
other.communicate(b"x")
print(json.dumps([code, other.returncode]))
"""


def test_forked_children_are_ended():
    """They get SIGKILL, since they leave SIGTERM to their master; a program that was started does not."""
    argv = [sys.executable, "-c", ENDING]
    done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=True)

    assert [-signal.SIGKILL, 0] == json.loads(done.stdout)
