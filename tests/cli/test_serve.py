"""`loadtest serve`: the reference server as a user starts it."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from loadtest.cli import main
from loadtest.directory import read_identities
from tests.plugin.locusts import ROOT, environment

TIMEOUT_S = 60


@pytest.fixture
def served(tmp_path):
    """A server in a process of its own, and the line it printed; killed after the test."""
    argv = [sys.executable, "-m", "loadtest", "serve", "--agents", "4", "--contacts", "2", "--members", "2"]
    argv += ["--identities", str(tmp_path / "identities.jsonl")]
    with subprocess.Popen(argv, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        yield process, json.loads(process.stdout.readline())
        process.kill()


def test_it_says_where_it_is(served):
    """The line has the URL, and something answers there."""
    with urllib.request.urlopen(f"{served[1]['url']}/loadtest/stats", timeout=TIMEOUT_S) as answer:
        assert answer.status == 200


def test_it_writes_the_identities_of_a_run(served, tmp_path):
    """The file is what --identities of a run reads."""
    directory = read_identities(str(tmp_path / "identities.jsonl"))

    assert (4, 2) == (len(directory.agents), len(directory.contacts))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(served, number):
    """It ends with 0, and has printed nothing else."""
    process = served[0]
    process.send_signal(number)

    assert ("", 0) == (process.stdout.read(), process.wait(TIMEOUT_S))


def test_a_taken_port_is_wrong_usage():
    """One line says which address, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "loadtest", "serve", "--port", str(port)],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port 0" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_option_is_wrong_usage(capsys):
    """argparse's own words and code."""
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "--agnets", "3"])

    assert "--agnets" in capsys.readouterr().err
