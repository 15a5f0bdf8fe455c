"""Both ends of a cable without I/O: a client under test, and a scripted server that checks what the client says.

Every text goes through both ends: what the client sends is parsed by the server side with the standard library's JSON
reader (not the client's), what the server sends is built by it likewise.
"""

from __future__ import annotations

import json
from typing import Any

from loadtest.cable import CableConnection, Event, contact_identifier
from loadtest.clock import NS_PER_S

ALICE = contact_identifier("alice-token")
BOB = contact_identifier("bob-token")


class ServerSide:
    """A server's words, and what it heard.

    Attributes:
        commands: every command of the client, parsed.
    """

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def hear(self, text: str) -> dict[str, Any]:
        """Take a client's text, which must be a command in Action Cable's form."""
        command = json.loads(text)
        assert isinstance(command["identifier"], str)
        assert command["command"] in {"subscribe", "unsubscribe", "message"}
        assert {"command", "identifier"} | ({"data"} if command["command"] == "message" else set()) == set(command)
        self.commands.append(command)
        return command

    @staticmethod
    def say(**frame: Any) -> str:
        """Any frame."""
        return json.dumps(frame, separators=(",", ":"), ensure_ascii=False)

    def welcome(self) -> str:
        return self.say(type="welcome")

    def ping(self, message: object = 1_795_352_667) -> str:
        return self.say(type="ping", message=message)

    def confirm(self, identifier: str) -> str:
        return self.say(identifier=identifier, type="confirm_subscription")

    def reject(self, identifier: str) -> str:
        return self.say(identifier=identifier, type="reject_subscription")

    def broadcast(self, identifier: str, message: object) -> str:
        return self.say(identifier=identifier, message=message)

    def disconnect(self, reason: str | None, *, reconnect: bool) -> str:
        return self.say(type="disconnect", reason=reason, reconnect=reconnect)


class ConnectionPair:
    """A client and a server with a clock between them.

    Args:
        **settings: of the client's connection.
    """

    def __init__(self, **settings: float) -> None:
        self.client = CableConnection(**settings)
        self.server = ServerSide()
        self.now_ns = NS_PER_S

    def wait(self, seconds: float) -> int:
        """Let time pass; nothing else happens."""
        self.now_ns += round(seconds * NS_PER_S)
        return self.now_ns

    def open(self) -> None:
        """The socket opens."""
        self.client.opened(self.now_ns)

    def serve(self, text: str | bytes) -> list[Event]:
        """The server says something; what the client makes of it."""
        return self.client.receive(text, self.now_ns)

    def welcomed(self) -> ConnectionPair:
        """Open the socket and welcome the client."""
        self.open()
        self.serve(self.server.welcome())
        return self

    def subscribe(self, identifier: str) -> None:
        """The client subscribes, and the server hears it."""
        self.server.hear(self.client.subscribe(identifier, self.now_ns))

    def unsubscribe(self, identifier: str) -> None:
        """The client unsubscribes, and the server hears it."""
        self.server.hear(self.client.unsubscribe(identifier))

    def subscribed(self, identifier: str = ALICE) -> ConnectionPair:
        """Welcome the client and confirm its subscription."""
        self.welcomed()
        self.subscribe(identifier)
        self.serve(self.server.confirm(identifier))
        return self

    def check(self) -> list[Event]:
        """The client looks at its deadlines."""
        return self.client.check(self.now_ns)


def kinds(events: list[Event]) -> list[str]:
    """What happened, in short: a fault by its kind, anything else by its class."""
    return [str(e.error.kind) if hasattr(e, "error") else type(e).__name__ for e in events]
