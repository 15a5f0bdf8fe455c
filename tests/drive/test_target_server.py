"""An arm's server: a URL, a profile, or a command that is started, awaited and ended."""

from __future__ import annotations

import http.server
import json
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from loadtest.directory import read_identities
from loadtest.drive.target_server import TargetServer
from loadtest.errors import UsageError

READY = 'import json, os, time; print("starting"); print(json.dumps({%s, "pid": os.getpid()}), flush=True)'
WAIT = "import signal\nwhile True: signal.pause()"


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Writes a server; returns the command that starts it."""

    def write(text: str) -> str:
        path = tmp_path / "server.py"
        path.write_text(text, encoding="utf-8")
        return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"

    return write


@pytest.fixture
def answering() -> Iterator[Callable[[int], str]]:
    """Starts an HTTP server that answers with a status; returns its URL."""
    servers = []

    def start(status: int) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_url_is_taken_as_it_is(tmp_path: Path) -> None:
    """With the identities that were given."""
    server = TargetServer("http://127.0.0.1:3000", identities="who.jsonl")
    with server.running(tmp_path / "log", "--baseline") as options:
        assert {"host": "http://127.0.0.1:3000", "identities": str(Path("who.jsonl").absolute())} == options

    assert not server.is_command


def test_a_profile_is_taken_as_it_is(tmp_path: Path) -> None:
    """As the run's --target."""
    profile = tmp_path / "staging.toml"
    profile.write_text("")
    with TargetServer(str(profile)).running(tmp_path / "log", "--baseline") as options:
        assert {"target": str(profile)} == options


def test_nothing_is_the_embedded_server(tmp_path: Path) -> None:
    """The run starts its own."""
    with TargetServer().running(tmp_path / "log", "--server") as options:
        assert {} == options


def test_a_command_runs_as_long_as_the_run(script: Callable[[str], str], tmp_path: Path) -> None:
    """Started afresh, found by the line it prints, gone afterwards with what it said kept."""
    told = '"url": "http://127.0.0.1:9", "dialect": "current", "agent_expiry_s": 20.0, "identities": "/there.jsonl"'
    server = TargetServer(script(f"{READY % told}\n{WAIT}"))
    with server.running(tmp_path / "log", "--baseline") as options:
        pid = json.loads((tmp_path / "log").read_text().splitlines()[1])["pid"]
        assert psutil.pid_exists(pid)

    assert {"host": "http://127.0.0.1:9", "dialect": "current", "agent-expiry": 20.0, "identities": "/there.jsonl"} == (
        options
    )
    assert not psutil.pid_exists(pid)


def test_what_a_command_has_started_ends_with_it(script: Callable[[str], str], tmp_path: Path) -> None:
    """Its whole group, and even who does not listen to SIGTERM."""
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    text = (
        "import signal, subprocess, sys, json\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(json.dumps({'url': 'http://127.0.0.1:9', 'child': child.pid}), flush=True)\nchild.wait()"
    )
    with TargetServer(script(text), stop_s=0.2).running(tmp_path / "log", "--baseline"):
        pid = json.loads((tmp_path / "log").read_text())["child"]
        left = psutil.Process(pid)
    psutil.wait_procs([left], timeout=30)

    assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE


def test_a_reference_server_needs_no_identities_file(tmp_path: Path) -> None:
    """They follow from the population and the seed that `loadtest serve` tells; its numbers are the run's."""
    server = TargetServer("loadtest serve --port 0 --agents 4 --contacts 3 --members 2 --seed 5")
    with server.running(tmp_path / "one.server.log", "--baseline") as options:
        directory = read_identities(str(options["identities"]))

    assert (4, 3) == (len(directory.agents), len(directory.contacts)) == (options["agents"], options["contacts"])


def test_identities_that_were_given_win(script: Callable[[str], str], tmp_path: Path) -> None:
    """Over what the server says."""
    told = '"url": "http://127.0.0.1:9", "identities": "/theirs"'
    server = TargetServer(script(f"{READY % told}\n{WAIT}"), identities="/ours")
    with server.running(tmp_path / "log", "--baseline") as options:
        assert "/ours" == options["identities"]


@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_says_nothing_is_asked(
    script: Callable[[str], str], answering: Callable[[int], str], tmp_path: Path, status: int
) -> None:
    """Any answer below 500 means that somebody listens."""
    url = answering(status)
    with TargetServer(script(WAIT), url=url).running(tmp_path / "log", "--baseline") as options:
        assert url == options["host"]


def test_a_server_that_is_never_ready_is_told(
    script: Callable[[str], str], answering: Callable[[int], str], tmp_path: Path
) -> None:
    """With what it said, and what makes a server ready."""
    command = script(f"print('booting', flush=True)\n{WAIT}")
    for server in (
        TargetServer(command, ready_s=1.0),
        TargetServer(command, url=answering(503), ready_s=1.0),
    ):
        with (
            pytest.raises(UsageError, match=r"not ready within 1 s.*--candidate-url"),
            server.running(tmp_path / "log", "--candidate"),
        ):
            pass


def test_a_server_that_ends_is_told(script: Callable[[str], str], tmp_path: Path) -> None:
    """With its exit code and the last it said."""
    server = TargetServer(script("raise SystemExit('no database')"))
    with (
        pytest.raises(UsageError, match=r"ended before it was ready \(exit code 1\).*no database"),
        server.running(tmp_path / "log", "--candidate"),
    ):
        pass


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (TargetServer("no-such-program --x"), "neither a URL"),
        (TargetServer("sh -c 'open"), "quotation"),
        (TargetServer("none.toml"), "no such file"),
        (TargetServer("http://127.0.0.1:1", url="http://127.0.0.1:2"), "there is no command"),
    ],
    ids=["program", "quotes", "profile", "url"],
)
def test_what_can_be_seen_is_refused_before_anything_runs(server: TargetServer, told: str) -> None:
    """With the option it came from."""
    with pytest.raises(UsageError, match=told) as refused:
        server.check("--baseline")

    assert "--baseline" in str(refused.value)
