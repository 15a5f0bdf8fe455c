"""Servers in other processes: the reference server, and one that does what a test tells it to."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import pytest

from loadtest.directory import Directory, Population, generate
from loadtest.metrics import Batch
from loadtest.refserver import ServerSettings, start_child
from loadtest.refserver.child import ServerChild
from loadtest.users import Fleet, FleetSettings
from tests.certificates import Certificates, make_certificates

POPULATION = Population(agents=4, contacts=4, members=4)
PATIENCE_S = 60
_tags = itertools.count()


def eventually(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds and return its value; a minute without it is a failure."""
    with gevent.Timeout(PATIENCE_S, AssertionError("it never came")):
        while not (value := condition()):
            gevent.sleep(0.005)
    return value


@dataclass(frozen=True)
class Scripted:
    """The ports of ``scripted_server.py``, and a test's own tag."""

    http: int
    https: int
    tag: str

    def url(self, script: str) -> str:
        """Base URL whose REST calls get what the script says."""
        return f"http://127.0.0.1:{self.http}/{script}/{self.tag}"

    @property
    def host(self) -> str:
        """Base URL for cables."""
        return f"http://127.0.0.1:{self.http}"

    def cable(self, script: str) -> str:
        """Path of the cable that does what the script says."""
        return f"/cable/{script}/{self.tag}"

    def seen(self, n: int = 0) -> list[dict[str, Any]]:
        """What came, once it is so much."""
        found: list[dict[str, Any]] = json.loads(self._get(f"/await/{self.tag}/{n}"))
        return found

    def go(self) -> None:
        """Let go of what is held back."""
        self._get(f"/go/{self.tag}")

    def _get(self, path: str) -> bytes:
        """A request that lets other greenlets run, whether or not the process is patched."""
        with gevent.Timeout(PATIENCE_S), gevent.socket.create_connection(("127.0.0.1", self.http)) as peer:
            peer.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            answer = b""
            while data := peer.recv(65536):
                answer += data
        return answer.partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of our own."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def scripted_ports(certificates: Certificates) -> Iterator[dict[str, int]]:
    """The scripted server, started once."""
    script = Path(__file__).with_name("scripted_server.py")
    command = [sys.executable, str(script), certificates.server, certificates.key]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


@pytest.fixture
def scripted(scripted_ports: dict[str, int]) -> Scripted:
    """The scripted server, with a tag of this test's own."""
    return Scripted(**scripted_ports, tag=f"t{next(_tags)}")


@pytest.fixture(scope="session")
def server() -> Iterator[ServerChild]:
    """The reference server with everybody of :data:`POPULATION`, started once."""
    child = start_child(ServerSettings(population=POPULATION))
    yield child
    child.stop()


@pytest.fixture
def directory() -> Directory:
    """Whom the reference server knows."""
    return generate(POPULATION)


@pytest.fixture
def refused_port() -> Iterator[int]:
    """A port that is bound but not listened on, so that nobody else can take it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


class Launcher:
    """Starts fleets and keeps what they hand over."""

    def __init__(self) -> None:
        self.batch = Batch()
        self.announcements: list[list[Any]] = []
        self.fleets: list[Fleet] = []

    def __call__(self, host: str, directory: Directory, **settings: Any) -> Fleet:
        """A fleet that runs until the test is over."""
        fleet = Fleet(host, directory, FleetSettings("abc123", **settings), self._take)
        self.fleets.append(fleet)
        fleet.start()
        return fleet

    def _take(self, batch: Batch, announcements: list[list[Any]]) -> None:
        self.batch.merge(batch)
        self.announcements += announcements

    def total(self, metric: str, name: str | None = None) -> int:
        """The sum of a count handed over or gathered so far, over windows and roles (and names)."""
        batches = [self.batch, *(fleet.collector.batch for fleet in self.fleets)]
        return int(
            sum(
                value
                for batch in batches
                for (_, found, called, _), value in batch.counts.items()
                if found == metric and name in (None, called)
            )
        )

    def names(self, metric: str) -> dict[str, int]:
        """Sums of a count by name."""
        batches = [self.batch, *(fleet.collector.batch for fleet in self.fleets)]
        found = {name for batch in batches for (_, of, name, _) in batch.counts if of == metric}
        return {name: self.total(metric, name) for name in sorted(found)}


@pytest.fixture
def launch() -> Iterator[Launcher]:
    """Starts fleets; they are closed after the test."""
    launcher = Launcher()
    yield launcher
    for fleet in launcher.fleets:
        fleet.close()
