"""The official JavaScript client through a server restart, a stale period and a token that nobody has.

It is what our users must behave like (:mod:`loadtest.cable.liveness`): its own code gives the intervals, and on the
reference server it is seen to go and come back as our policy draws it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loadtest import api
from loadtest.cable.liveness import STALE_AFTER_S, SUBSCRIBE_AGAIN_S, chatwoot_poll_s, official_poll_s
from loadtest.directory import Agent, Contact, Population, generate
from loadtest.refserver import ServerChild, ServerSettings, start_child
from tests.e2e.plain_client import send

pytestmark = pytest.mark.peer

POPULATION = Population(agents=2, contacts=1, members=2)
DIRECTORY = generate(POPULATION)
AGENT, (CONTACT,) = DIRECTORY.agents[0], DIRECTORY.contacts
DEADLINE_S = 90
AWAY_S = 1.5
REFUSED = {"refused": "@rails/actioncable", "refused, the older client": "actioncable-6"}
"""Clients whose subscription is rejected, by their published package."""
DRAWS = [0.0, 0.25, 0.999]

Line = dict[str, Any]


class Client:
    """A Node process with one connection; a context manager.

    Args:
        folder: where the scripts are.
        url: the cable's.
        parameters: what the identifier holds.
        package: the published client.
    """

    def __init__(self, folder: Path, url: str, parameters: dict[str, Any], package: str = "@rails/actioncable") -> None:
        self.lines: list[Line] = []
        self._news = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            ["node", "lifecycle.mjs", json.dumps({"url": url, "parameters": parameters, "package": package})],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            with self._news:
                self.lines.append(json.loads(text))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def until(self, wanted: Callable[[list[Line]], bool]) -> None:
        """Wait until what it told so far is as wanted."""
        with self._news:
            assert self._news.wait_for(lambda: self._ended or wanted(self.lines), DEADLINE_S), self.lines
            assert wanted(self.lines), self.lines

    def count(self, what: str) -> int:
        """How often something happened."""
        return sum(line["what"] == what for line in self.lines)

    def at(self, what: str, number: int = 0) -> float:
        """When it happened, in seconds."""
        return float([line["at"] for line in self.lines if line["what"] == what][number])


def parameters(who: Agent | Contact, **other: Any) -> dict[str, Any]:
    """What an identifier holds."""
    found: dict[str, Any] = {"channel": "RoomChannel", "pubsub_token": who.pubsub_token}
    if isinstance(who, Agent):
        found |= {"account_id": who.account_id, "user_id": who.user_id}
    return found | other


@pytest.fixture(scope="module")
def lives(node_modules: Path) -> Iterator[dict[str, Client]]:
    """What became of the clients, each on a server of its own, all at once."""
    faults = {"restart": f"restart={AWAY_S}s@1s", "stale": "ping-loss=100%@1s,loss=100%", "nobody": ""}
    faults |= dict.fromkeys(REFUSED, f"rejected=100%,restart={AWAY_S}s@2s")
    with ExitStack() as stack:
        servers: dict[str, ServerChild] = {}
        clients: dict[str, Client] = {}
        for name, spec in faults.items():
            servers[name] = start_child(ServerSettings(population=POPULATION, faults=spec))
            stack.callback(servers[name].stop)
            other = {"pubsub_token": "nobody"} if name == "nobody" else {}
            url, package = servers[name].cable_url, REFUSED.get(name, "@rails/actioncable")
            client = Client(node_modules, url, parameters(AGENT, **other), package)
            clients[name] = stack.enter_context(client)
        clients["nobody"].until(lambda lines: sum(line["what"] == "subscribe" for line in lines) >= 6)
        for name in ("restart", "stale"):
            clients[name].until(lambda lines: sum(line["what"] == "connected" for line in lines) >= 2)
        for name in REFUSED:
            clients[name].until(lambda lines: sum(line["what"] == "opened" for line in lines) >= 2)
        status, answer = send(servers["restart"].url, api.contact_create_conversation(CONTACT))
        assert status == 200, answer
        clients["restart"].until(lambda lines: any(line.get("event") == "conversation.created" for line in lines))
        yield clients


def test_after_a_restart_the_client_comes_back_as_the_policy_says(lives: dict[str, Client]) -> None:
    """It waits at least 6 s and at most 18 s, opens another socket, subscribes again, and hears what happens."""
    client = lives["restart"]
    away_s = client.at("opened", 1) - client.at("closed")

    assert STALE_AFTER_S <= away_s <= 18.5
    assert (2, 2) == (client.count("opened"), client.count("connected"))
    assert [True] == [line["again"] for line in client.lines if line["what"] == "disconnected"]


def test_a_silent_connection_is_given_up(lives: dict[str, Client]) -> None:
    """Without a frame for 6 s it is stale: the client closes it by itself, and opens another one."""
    client = lives["stale"]
    last_s = max(line["at"] for line in client.lines if line["at"] < client.at("closed") and line["what"] != "closed")

    assert client.at("closed") - last_s >= STALE_AFTER_S - 3.1  # a ping, which it does not tell of, may have come after
    assert client.at("connected", 1) > client.at("closed")


def test_a_token_that_nobody_has_is_asked_for_again_and_again(lives: dict[str, Client]) -> None:
    """The server is silent, as upstream; the client is neither connected nor rejected, and repeats itself."""
    client = lives["nobody"]
    asked_s = [line["at"] for line in client.lines if line["what"] == "subscribe"]
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(asked_s)]

    assert (0, 0, 1) == (client.count("connected"), client.count("rejected"), client.count("opened"))
    assert min(gaps_s[1:]) >= SUBSCRIBE_AGAIN_S * 0.9


@pytest.mark.parametrize("name", REFUSED)
def test_a_rejected_subscription_is_forgotten_and_the_socket_stays(lives: dict[str, Client], name: str) -> None:
    """The client keeps its socket until the server restarts, connects again, and never asks again; so do our users."""
    client = lives[name]

    assert (1, 1, 0) == (client.count("rejected"), client.count("subscribe"), client.count("connected"))
    assert client.at("closed") - client.at("rejected") > 2.5 * SUBSCRIBE_AGAIN_S
    assert client.at("opened", 1) > client.at("closed")


def test_the_intervals_are_those_of_the_clients_own_code(node_modules: Path) -> None:
    """For every number of attempts and every draw our policies give what the published packages compute."""

    class Drawn:
        def __init__(self, value: float) -> None:
            self.value = value

        def random(self) -> float:
            return self.value

    done = subprocess.run(
        ["node", "policies.mjs", json.dumps(DRAWS)],
        cwd=node_modules,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    theirs = json.loads(done.stdout)
    ours = [[1e3 * official_poll_s(attempts, Drawn(draw)) for attempts in range(13)] for draw in DRAWS]
    shipped = [[1e3 * chatwoot_poll_s(attempts) for attempts in range(13)] for _ in DRAWS]

    assert theirs["official"] == [pytest.approx(row) for row in ours]
    assert theirs["chatwoot"] == [pytest.approx(row) for row in shipped]
    assert theirs["stale"] == [STALE_AFTER_S, STALE_AFTER_S]
