"""Fixtures of the end-to-end tests: real servers, started once a session."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import connect

from loadtest.directory import Agent, Contact, Directory, Population, generate, write_identities
from tests.e2e import rails_server
from tests.e2e.plain_client import OFFERED, Open, Socket, identifier_of

POPULATION = Population(agents=50, contacts=50, members=10)
SCRIPTS = Path(__file__).parent / "js"
INSTALL = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
INSTALL_DEADLINE_S = 120


@pytest.fixture(scope="session")
def help_desk() -> Directory:
    """The identities that the real server knows: 50 agents, 50 contacts, 10 members an inbox."""
    return generate(POPULATION)


@pytest.fixture(scope="session")
def identities(help_desk: Directory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The identities file of ``help_desk``, as the server and ``--identities`` read it."""
    path = tmp_path_factory.mktemp("rails") / "identities.jsonl"
    write_identities(path, help_desk)
    return path


@pytest.fixture(scope="session")
def puma() -> None:
    """Skip the test where puma or Action Cable is not installed."""
    if not rails_server.available():
        pytest.skip(f"puma and ruby-actioncable are not installed (apt-get install {rails_server.PACKAGES})")


@pytest.fixture(scope="session")
def rails(puma: None, identities: Path) -> Iterator[rails_server.RailsServer]:
    """A running Action Cable: ``.base_url``, ``.cable_url`` and ``.identities`` are what a run against it needs."""
    with rails_server.RailsServer(identities) as server:
        yield server


@pytest.fixture
def open_socket(rails: rails_server.RailsServer) -> Iterator[Open]:
    """Opens welcomed sockets that are closed after the test; given an identity they are confirmed as well."""
    with ExitStack() as stack:

        def opener(
            who: Agent | Contact | None = None, *, identifier: str = "", server: rails_server.RailsServer = rails
        ) -> Socket:
            connection = connect(server.cable_url, subprotocols=OFFERED, compression=None, proxy=None)
            socket = Socket(stack.enter_context(connection), identifier_of(who) if who else identifier)
            socket.until(lambda frame: frame == {"type": "welcome"})
            if who is not None:
                socket.subscribe()
            return socket

        yield opener


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a running Redis; skips the test where Redis or its Ruby client is not installed."""
    if not rails_server.redis_available():
        pytest.skip(f"redis-server and ruby-redis are not installed (apt-get install {rails_server.PACKAGES})")
    with rails_server.redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts with what they need installed, once a session; skips where node or npm is missing."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt-get install nodejs npm)")
    folder = tmp_path_factory.mktemp("js") / "clients"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(
        INSTALL, cwd=folder, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S, check=False
    )
    if installed.returncode != 0:
        pytest.fail(f"{' '.join(INSTALL)} failed in {folder}:\n{installed.stdout}{installed.stderr}")
    return folder
