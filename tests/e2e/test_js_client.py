"""Clients that nobody here wrote, on the reference server: the official JavaScript client and the document's snippet.

Each subscribes as agents and contacts, all causes of the document's events are driven by REST, and everybody receives
all events they should and no other.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest import api
from loadtest.contract import EVENTS
from loadtest.directory import Agent, Contact, Population, generate, write_identities
from loadtest.refserver import ServerChild, ServerSettings, start_child
from tests.e2e.plain_client import send
from tests.e2e.rails_server import RailsServer

pytestmark = pytest.mark.peer

SETTINGS = ServerSettings(population=Population(agents=8, contacts=6, members=2, accounts=2))
DIRECTORY = generate(SETTINGS.population, SETTINGS.seed)

CONTACT = DIRECTORY.contacts[0]
ADMIN, MEMBER = (
    next(
        agent
        for agent in DIRECTORY.agents
        if agent.account_id == CONTACT.account_id and agent.role == role and CONTACT.inbox_id in agent.inbox_ids
    )
    for role in ("administrator", "agent")
)
LISTENERS: dict[str, Agent | Contact] = {
    "agent": MEMBER,
    "contact": CONTACT,
    "outside the inbox": next(
        agent
        for agent in DIRECTORY.agents
        if agent.account_id == CONTACT.account_id and CONTACT.inbox_id not in agent.inbox_ids
    ),
    "other account": next(agent for agent in DIRECTORY.agents if agent.account_id != CONTACT.account_id),
    "other contact": next(
        other for other in DIRECTORY.contacts if other.account_id == CONTACT.account_id and other is not CONTACT
    ),
}


@pytest.fixture
def server() -> Iterator[ServerChild]:
    """A reference server of its own."""
    child = start_child(SETTINGS)
    try:
        yield child
    finally:
        child.stop()


class Client:
    """A Node process with one subscription for each of LISTENERS; a context manager.

    Args:
        folder: where the scripts are.
        script: which client.
        url: the cable's.
    """

    def __init__(self, folder: Path, script: str, url: str) -> None:
        self.heard: dict[str, list[tuple[str, Any]]] = {name: [] for name in LISTENERS}
        listeners = {name: parameters(who) for name, who in LISTENERS.items()}
        self._process = subprocess.Popen(
            ["node", script, json.dumps({"url": url, "listeners": listeners})],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()
        self._output.close()
        self._process.wait()

    def confirmed(self) -> None:
        """Wait until all are confirmed."""
        for _ in LISTENERS:
            line = self._line(lambda line: "confirmed" in line)
            assert line["confirmed"], line

    def beat(self, updates: int) -> None:
        """Send a beat for everybody and wait until each has heard so many presence.updates in all.

        Where a socket's order is kept, what was sent before the answer has arrived with it.
        """
        self._input.write("\n")
        self._input.flush()
        while any([event for event, _ in heard].count("presence.update") < updates for heard in self.heard.values()):
            self._line(lambda line: True)

    def await_events(self, expected: dict[str, list[str]]) -> None:
        """Wait until everybody has received so many events; their order may differ."""
        while any(len(self.events(name)) < len(events) for name, events in expected.items()):
            self._line(lambda line: True)

    def events(self, name: str) -> list[str]:
        """Names of the events that somebody received, but for presence.update."""
        return [event for event, _ in self.heard[name] if event != "presence.update"]

    def _line(self, wanted: Any) -> Any:
        while True:
            text = self._output.readline()
            assert text, f"the client ended (status {self._process.wait()}), having heard {self.heard}"
            line = json.loads(text)
            assert "closed" not in line, line
            if "event" in line:
                self.heard[line["name"]].append((line["event"], line["data"]))
            if wanted(line):
                return line


def parameters(who: Agent | Contact) -> dict[str, Any]:
    """What an identifier holds, in the document's order."""
    found: dict[str, Any] = {"channel": "RoomChannel", "pubsub_token": who.pubsub_token}
    return found | ({"account_id": who.account_id, "user_id": who.user_id} if isinstance(who, Agent) else {})


def drive(url: str) -> None:
    """Cause every event of the document that REST can cause, each once but for the last four."""

    def done(call: api.Call) -> bytes:
        status, answer = send(url, call)
        assert status == 200, (call, answer)
        return json.dumps(answer).encode()

    account_id = CONTACT.account_id
    done(api.agent_set_availability(ADMIN, account_id, "busy"))
    number = api.parse_created(done(api.contact_create_conversation(CONTACT))).id
    done(api.contact_toggle_typing(CONTACT, number, typing=True))
    done(api.contact_send_message(CONTACT, number, "hello", "e-1"))
    done(api.contact_toggle_typing(CONTACT, number, typing=False))
    done(api.agent_toggle_typing(ADMIN, account_id, number, typing=True))
    done(api.agent_send_message(ADMIN, account_id, number, "a note", "e-2", private=True))
    question = done(
        api.agent_send_message(ADMIN, account_id, number, "Your address?", "e-3", content_type="input_email")
    )
    done(api.agent_toggle_typing(ADMIN, account_id, number, typing=False))
    done(api.contact_update_last_seen(CONTACT, number))
    done(api.contact_update_message(CONTACT, number, api.parse_created(question).id, "jane@acme.inc"))
    done(api.agent_update_last_seen(ADMIN, account_id, number))
    done(api.agent_toggle_status(ADMIN, account_id, number, "resolved"))
    done(api.agent_assign_agent(ADMIN, account_id, number, MEMBER.user_id))
    team_id = api.parse_teams(done(api.agent_list_teams(ADMIN, account_id)))[0]
    done(api.agent_assign_team(ADMIN, account_id, number, team_id))
    made = api.parse_contact(done(api.agent_create_contact(ADMIN, account_id, CONTACT.inbox_id, "Nora")))
    done(api.agent_update_contact(ADMIN, account_id, made.contact_id, {"email": "nora@acme.inc"}))
    assert made.source_id is not None
    done(api.contact_create_conversation(replace(CONTACT, contact_id=made.contact_id, source_id=made.source_id)))
    done(api.agent_merge_contacts(ADMIN, account_id, CONTACT.contact_id, made.contact_id))


SEEN_BY_THE_AGENT = [
    "conversation.created",
    *("conversation.typing_on", "message.created", "conversation.typing_off"),
    *("conversation.typing_on", "message.created", "message.created", "conversation.typing_off"),
    *("conversation.read", "message.updated", "conversation.status_changed", "assignee.changed", "team.changed"),
    *("contact.created", "contact.updated"),
    *("conversation.created", "conversation.contact_changed", "contact.updated"),
]
SEEN_BY_THE_CONTACT = [
    "message.created",
    *("conversation.typing_on", "message.created", "conversation.typing_off"),
    *("message.updated", "conversation.status_changed"),
]

SEEN = {
    "agent": SEEN_BY_THE_AGENT,
    "contact": SEEN_BY_THE_CONTACT,
    "outside the inbox": ["contact.created", "contact.updated", "contact.updated"],
    "other account": [],
    "other contact": [],
}


@pytest.mark.parametrize("script", ["official.mjs", "snippet.mjs"])
def test_a_client_receives_all_that_is_meant_for_it_and_nothing_else(
    node_modules: Path, server: ServerChild, script: str
) -> None:
    """Agent and contact receive the document's events in the order of their causes; others only what is theirs."""
    with Client(node_modules, script, server.cable_url) as client:
        client.confirmed()
        drive(server.url)
        client.beat(updates=2)  # the first came with the subscription

    assert {name: client.events(name) for name in LISTENERS} == SEEN
    assert ["hello"] == [data["content"] for event, data in client.heard["contact"] if event == "message.created"][:1]
    told = {
        name: [set(data) for event, data in heard if event == "presence.update"] for name, heard in client.heard.items()
    }
    by_role = {True: {"account_id", "users", "contacts"}, False: {"account_id", "users"}}
    assert {name: [by_role[isinstance(who, Agent)]] * 2 for name, who in LISTENERS.items()} == told


def test_the_peer_on_action_cable_sends_the_same(node_modules: Path, puma: None, tmp_path: Path) -> None:
    """The same causes on Rails' own Action Cable are received by the same listeners, in whatever order."""
    identities = tmp_path / "identities.jsonl"
    write_identities(identities, DIRECTORY)
    with RailsServer(identities) as server, Client(node_modules, "official.mjs", server.cable_url) as client:
        client.confirmed()
        drive(server.base_url)
        client.await_events(SEEN)
        client.beat(updates=1)  # Action Cable may lose the first, which is published before its stream is subscribed

    assert {name: sorted(client.events(name)) for name in LISTENERS} == {
        name: sorted(events) for name, events in SEEN.items()
    }


def test_every_event_of_the_document_is_driven() -> None:
    """What is driven here causes all 13 events of the document, and for the contact all that are for contacts."""
    for_contacts = {name for name, spec in EVENTS.items() if spec.to_contacts}

    assert {*EVENTS} == {*SEEN_BY_THE_AGENT, "presence.update"}
    assert for_contacts == {*SEEN_BY_THE_CONTACT, "presence.update"}
