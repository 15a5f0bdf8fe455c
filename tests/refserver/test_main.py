"""The process: one line when ready, clean ends, errors in one paragraph."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from loadtest.directory import Population, generate, read_identities

MODULE = [sys.executable, "-m", "loadtest.refserver"]
DEADLINE_S = 60


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    with subprocess.Popen(
        [*MODULE, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def test_the_ready_line_says_where_and_what() -> None:
    """The first line is JSON with URLs, process id, dialect and population; the server answers at once."""
    with running("--agents=4", "--contacts=3", "--members=2", "--accounts=2", "--dialect=current") as (process, out):
        ready = json.loads(out.readline())
        with urllib.request.urlopen(ready["url"] + "/health", timeout=DEADLINE_S) as response:
            status = response.status

    shown = {key: ready[key] for key in ("pid", "dialect", "agents", "contacts", "members", "accounts")}
    expected = {"pid": process.pid, "dialect": "current", "agents": 4, "contacts": 3, "members": 2, "accounts": 2}
    assert (expected, 200) == (shown, status)
    assert ready["cable_url"] == ready["url"].replace("http:", "ws:") + "/cable"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(number: int) -> None:
    """SIGTERM and SIGINT end the server with exit code 0 and nothing on standard error; one line was all it printed."""
    with running("--agents=1", "--contacts=0", "--members=1") as (process, out):
        out.readline()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=DEADLINE_S)

    assert (process.returncode, rest, errors) == (0, "", "")


def test_the_end_of_standard_input_ends_it() -> None:
    """With --exit-on-stdin-eof the server ends with exit code 0 when its standard input is closed."""
    with running("--exit-on-stdin-eof") as (process, out):
        out.readline()
        _, errors = process.communicate(timeout=DEADLINE_S)

    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("redirection", ["<&-", "</dev/null"])
def test_an_absent_standard_input_is_at_its_end(redirection: str) -> None:
    """Closed or empty from the start, standard input ends the server rather than breaking it."""
    command = " ".join([*MODULE, "--exit-on-stdin-eof", redirection])
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_port_in_use_is_one_paragraph() -> None:
    """A taken port gives exit code 2 and one line that says what, where and what to do, without a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*MODULE, f"--port={port}"], capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port 0" in done.stderr


@pytest.mark.parametrize("argument", ["--agents=-1", "--members=0", "--agent-expiry=0", "--identities=/none/x.jsonl"])
def test_wrong_options_are_one_paragraph(argument: str) -> None:
    """A value that cannot be served with gives exit code 2 and one line, without a traceback."""
    done = subprocess.run([*MODULE, argument], capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_identities_are_written_before_it_is_ready(tmp_path: Path) -> None:
    """When the ready line comes, the identities file stands and holds the identities that are served."""
    path = tmp_path / "identities.jsonl"
    with running("--agents=3", "--contacts=2", "--members=2", "--seed=7", f"--identities={path}") as (_, out):
        out.readline()
        directory = read_identities(path)

    expected = generate(Population(agents=3, contacts=2, members=2), seed=7)
    assert (expected.agents, expected.contacts) == (directory.agents, directory.contacts)
