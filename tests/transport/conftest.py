"""A server in another process, and a handler that keeps what it hears."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gevent
import gevent.event
import pytest

from loadtest.transport.address import cable_endpoint
from loadtest.transport.gevent_ws import Poller
from loadtest.transport.interface import Closed, Endpoint
from tests.certificates import Certificates, make_certificates


class Recorder:
    """A handler that keeps everything and can be waited for."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.arrivals_ns: list[int] = []
        self.errors: list[tuple[str, str]] = []
        self.closed: list[Closed] = []
        self.changed = gevent.event.Event()

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        self.texts.append((data[start:end]).decode())
        self.arrivals_ns.append(arrival_ns)
        self.changed.set()

    def on_protocol_error(self, kind: str, detail: str, arrival_ns: int) -> None:
        self.errors.append((kind, detail))
        self.changed.set()

    def on_closed(self, closed: Closed) -> None:
        self.closed.append(closed)
        self.changed.set()

    def wait(self, condition: Callable[[Recorder], object]) -> None:
        """Wait until ``condition`` holds; a minute without it is a failure."""
        with gevent.Timeout(60, AssertionError(f"never came: {self.texts[-3:]} {self.errors} {self.closed}")):
            while not condition(self):
                self.changed.wait()
                self.changed.clear()

    def wait_texts(self, count: int) -> list[str]:
        """Wait for this many messages and return all."""
        self.wait(lambda recorder: len(recorder.texts) >= count)
        return self.texts

    def wait_closed(self) -> Closed:
        """Wait for the end."""
        self.wait(lambda recorder: recorder.closed)
        return self.closed[0]


@dataclass(frozen=True)
class PeerServer:
    """The ports of ``peer_server.py``."""

    ws: int
    wss: int
    other_name: int
    raw: int

    def endpoint(self, path: str, *, client: str = "official", connect_timeout_s: float = 60.0) -> Endpoint:
        """A path of the websockets server."""
        return cable_endpoint(
            f"ws://127.0.0.1:{self.ws}", cable_path=path, client=client, connect_timeout_s=connect_timeout_s
        )

    def raw_endpoint(self, path: str, *, client: str = "official", connect_timeout_s: float = 60.0) -> Endpoint:
        """A path of the server by hand."""
        return cable_endpoint(
            f"ws://127.0.0.1:{self.raw}", cable_path=path, client=client, connect_timeout_s=connect_timeout_s
        )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of our own."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def server(certificates: Certificates) -> Iterator[PeerServer]:
    """The servers, started once."""
    script = Path(__file__).with_name("peer_server.py")
    command = [sys.executable, str(script), certificates.server, certificates.key, certificates.other_name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield PeerServer(**json.loads(process.stdout.readline()))
        process.stdin.close()


@pytest.fixture
def poller() -> Iterator[Poller]:
    """A poller whose handlers' exceptions fail the test."""
    errors: list[Exception] = []
    poller = Poller(on_handler_error=errors.append)
    yield poller
    poller.close()
    assert errors == []


@pytest.fixture
def refused_port() -> Iterator[int]:
    """A port that is bound but not listened on, so that nobody else can take it meanwhile."""
    import socket

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])
