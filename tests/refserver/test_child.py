"""The child process: it starts, it ends with its parent however that dies, and a failed start says why."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from loadtest.directory import Population
from loadtest.errors import GeneratorError
from loadtest.refserver import ServerSettings, start_child

SMALL = ServerSettings(population=Population(agents=2, contacts=1, members=2))
DEADLINE_S = 60

PARENT = """
import os, sys
{before}
from loadtest.directory import Population
from loadtest.refserver import ServerSettings, start_child
child = start_child(ServerSettings(population=Population(agents=2, contacts=1, members=2)))
os.write({out}, b"%d\\n" % child.pid)
{after}
"""


def parent(out: int = 1, before: str = "", after: str = "sys.stdin.read()") -> list[str]:
    return [sys.executable, "-c", PARENT.format(out=out, before=before, after=after)]


def descriptors() -> dict[str, str]:
    """What this process has open, by descriptor."""
    return {entry.name: str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}


def is_gone(pid: int) -> bool:
    """Wait until a process that is not our child has ended."""
    try:
        psutil.Process(pid).wait(DEADLINE_S)
    except psutil.NoSuchProcess:
        return True
    return True


def test_a_child_serves_until_it_is_stopped() -> None:
    """A started child answers at its URL, and is gone when stopped; stopping twice does nothing."""
    child = start_child(SMALL)
    try:
        with urllib.request.urlopen(child.url + "/loadtest/stats", timeout=DEADLINE_S) as response:
            pid = json.load(response)["pid"]
    finally:
        child.stop()
        child.stop()

    assert (child.pid, False) == (pid, child.is_alive)


def test_the_child_leads_a_session_of_its_own() -> None:
    """An interrupt from the parent's terminal does not reach the child."""
    child = start_child(SMALL)
    session = os.getsid(child.pid)
    child.stop()

    assert child.pid == session


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_dies_with_its_parent(number: int) -> None:
    """However the parent dies, the child is gone."""
    with subprocess.Popen(parent(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(number)

    assert is_gone(pid)


def test_the_child_ends_when_its_parent_returns() -> None:
    """A parent that simply ends leaves no child."""
    done = subprocess.run(parent(after=""), capture_output=True, timeout=DEADLINE_S, check=True)

    assert not psutil.pid_exists(int(done.stdout))


@pytest.mark.parametrize("before", ["", "from gevent import monkey; monkey.patch_all()"], ids=["plain", "gevent"])
def test_a_forked_worker_does_not_keep_the_child_alive(before: str) -> None:
    """A process forked from the parent closes its hold, so the child ends with the parent while the fork lives on."""
    after = "worker = os.fork()\nif worker == 0:\n    sys.stdin.read(); os._exit(0)\nos.kill(os.getpid(), 9)"
    with subprocess.Popen(parent(before=before, after=after), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())

        assert is_gone(pid)


def test_closed_standard_streams_are_no_hindrance(tmp_path: Path) -> None:
    """A background job without standard input, output and error starts a child all the same."""
    out = tmp_path / "pid"
    command = 'exec 7>"$0"; exec "$@" <&- >&- 2>&-'
    subprocess.run(
        ["/bin/sh", "-c", command, str(out), *parent(out=7, after="child.stop()")], timeout=DEADLINE_S, check=True
    )

    assert not psutil.pid_exists(int(out.read_text()))


def test_it_works_under_gevents_patches() -> None:
    """With everything patched by gevent the child starts, and ends with its parent."""
    command = parent(
        before="from gevent import monkey; monkey.patch_all()", after="child.stop(); print(child.is_alive)"
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    pid, alive = done.stdout.split()

    assert (alive, psutil.pid_exists(int(pid))) == ("False", False)


def test_a_failed_start_quotes_what_the_server_wrote() -> None:
    """When the server cannot listen, the error holds its own words."""
    with pytest.raises(GeneratorError, match=r"exit code 2.*cannot listen on 192\.0\.2\.1"):
        start_child(replace(SMALL, host_address="192.0.2.1"))


def test_a_start_has_a_deadline() -> None:
    """A server that is not ready in time is an error, and leaves no process."""
    before = set(psutil.Process().children())
    with pytest.raises(GeneratorError, match="not ready in time"):
        start_child(SMALL, timeout_s=0.02)

    assert before == set(psutil.Process().children())


def test_a_death_during_the_run_is_told() -> None:
    """When the server was killed, a check says by what."""
    child = start_child(SMALL)
    child.check()
    os.kill(child.pid, signal.SIGKILL)
    psutil.Process(child.pid).wait(DEADLINE_S)
    with pytest.raises(GeneratorError, match="killed by SIGKILL"):
        child.check()
    child.stop()


def test_a_start_that_fails_leaves_no_descriptor() -> None:
    """A failed start closes every descriptor it opened; gevent's own, made for the first child, stand before."""
    opened = []
    for _ in range(2):
        with pytest.raises(GeneratorError):
            start_child(replace(SMALL, host_address="192.0.2.1"))
        opened.append(descriptors())

    assert opened[1].keys() - opened[0].keys() == set()


def test_starting_a_child_loads_no_server_library() -> None:
    """The parent's side needs neither aiohttp nor asyncio nor gevent."""
    code = "import sys, loadtest.refserver; print({'aiohttp', 'asyncio', 'gevent', 'locust'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE_S, check=True)

    assert done.stdout == "set()\n"
