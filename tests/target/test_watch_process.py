"""Processes and commands, as they really are."""

import os
import socket
import subprocess
import sys

import pytest

from loadtest.errors import TransportError
from loadtest.target.watch_process import CommandSource, ProcessSource

WAIT = "import sys; print('ready', flush=True); sys.stdin.read()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAIT!r}])"


def look(source):
    """What a source shows now."""
    return source.digest(source.fetch()).values


@pytest.fixture
def child():
    """A process that has a child of its own, and both wait."""
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


def test_a_process_shows_what_it_costs():
    """Memory, threads, descriptors and sockets of this very process; CPU from the second look on."""
    source = ProcessSource("me", os.getpid())

    first, second = look(source), look(source)

    assert first["rss_bytes"] > 1_000_000
    assert {"threads", "fds", "sockets", "processes"} < first.keys()
    assert "cpu_share" in second.keys() - first.keys()
    assert second["cpu_share"] >= 0


def test_sockets_are_counted():
    """A socket more is a socket and a descriptor more."""
    source = ProcessSource("me", os.getpid(), only=("sockets", "fds"))
    before = look(source)
    with socket.socket(), socket.socket():
        after = look(source)

    assert after == {"sockets": before["sockets"] + 2, "fds": before["fds"] + 2}


def test_children_count_with_their_parent(child):
    """A server's workers are part of it."""
    assert look(ProcessSource("web", child.pid))["processes"] == 2


def test_a_process_that_ended_is_said_to_be_gone(child):
    """Its end is a failure of the source, also before anybody asked how it ended."""
    source = ProcessSource("web", child.pid)
    look(source)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    with pytest.raises(TransportError, match="there is no process"):
        look(source)


def test_a_number_alone_is_called_as_the_source():
    """A command that prints one number."""
    assert look(CommandSource("depth", "echo 41.5")) == {"depth": 41.5}


def test_named_numbers_and_totals():
    """Lines of name and number are read by name, totals as rates from the second look on."""
    source = CommandSource("x", "printf 'queue_depth 4\\nlag_s=0.5\\njobs_total 10\\n'")

    assert look(source) == {"queue_depth": 4.0, "lag_s": 0.5}
    assert look(source) == {"queue_depth": 4.0, "lag_s": 0.5, "jobs_per_s": 0.0}


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("false", "ended with 1"),
        ("/no/such/program", "cannot be run"),
        ("echo three little words", "neither a number"),
        ("echo nan", "neither a number"),
        ("true", "printed nothing"),
    ],
)
def test_a_command_that_fails_says_how(command, says):
    """What a command did wrong is told; what it wrote to its error output is not, since it may hold secrets."""
    with pytest.raises(TransportError, match=says):
        look(CommandSource("x", command))


def test_a_command_that_hangs_is_ended(monkeypatch):
    """A command is not waited for longer than a source may take."""
    monkeypatch.setattr("loadtest.target.watch_process.TIMEOUT_S", 0.2)

    with pytest.raises(TransportError, match="took more than"):
        look(CommandSource("x", "sleep 30"))
