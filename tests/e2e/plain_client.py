"""A plain Action Cable client on the ``websockets`` library, and REST over ``http.client``, for end-to-end tests.

Nothing of the toolkit's own cable and transport is used, so that the real server and the toolkit are judged apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection
from websockets.typing import Subprotocol

from loadtest.api import calls
from loadtest.directory import Agent, Contact

DEADLINE_S = 20
OFFERED = [Subprotocol("actioncable-v1-json"), Subprotocol("actioncable-unsupported")]
Frame = dict[str, Any]


def identifier_of(who: Agent | Contact) -> str:
    """The identifier a client subscribes with, in the document's form."""
    fields: dict[str, Any] = {"channel": "RoomChannel", "pubsub_token": who.pubsub_token}
    if isinstance(who, Agent):
        fields |= {"account_id": who.account_id, "user_id": who.user_id}
    return json.dumps(fields, separators=(",", ":"))


class Socket:
    """A plain Action Cable client: one socket, every frame but pings kept in the order of arrival."""

    def __init__(self, connection: ClientConnection, identifier: str = "") -> None:
        self.connection = connection
        self.identifier = identifier
        self.frames: list[Frame] = []

    def send(self, command: str, **more: str) -> None:
        self.connection.send(json.dumps({"command": command, "identifier": self.identifier, **more}))

    def next(self) -> Frame:
        """The next frame that is no ping."""
        while True:
            frame: Frame = json.loads(self.connection.recv(timeout=DEADLINE_S))
            if frame.get("type") != "ping":
                self.frames.append(frame)
                return frame

    def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The first frame from now on that is wanted."""
        while not wanted(frame := self.next()):
            pass
        return frame

    def subscribe(self) -> Frame:
        """Subscribe and wait for the confirmation."""
        self.send("subscribe")
        return self.until(lambda frame: frame.get("type") == "confirm_subscription")

    def beat(self, wanted: Callable[[Frame], bool] = lambda data: True) -> Frame:
        """Beat presence; the data of the first presence.update from now on that is wanted.

        What was published at the subscription may arrive late, ahead of the answer.
        """
        self.send("message", data='{"action":"update_presence"}')
        return data_of(self.until(lambda frame: event_of(frame) == "presence.update" and wanted(data_of(frame))))

    def events(self, event: str) -> list[Frame]:
        """The data of the frames of an event received so far."""
        return [data_of(frame) for frame in self.frames if event_of(frame) == event]


Open = Callable[..., Socket]
"""Opens a socket; what the fixture ``open_socket`` gives."""


def event_of(frame: Frame) -> str | None:
    """The event a frame carries, if any."""
    event: str | None = frame.get("message", {}).get("event")
    return event


def data_of(frame: Frame) -> Frame:
    """The data of an event's frame."""
    data: Frame = frame["message"]["data"]
    return data


def subject_of(data: Frame) -> int | None:
    """The id of what an event is about: the conversation of a message or of somebody's typing, or the thing itself."""
    subject: int | None = data.get("conversation_id") or data.get("conversation", data).get("id")
    return subject


def send(base_url: str, call: calls.Call, **headers: str) -> tuple[int, Any]:
    """Send a call; status and decoded answer (None where it is empty)."""
    connection = HTTPConnection(urlsplit(base_url).netloc, timeout=DEADLINE_S)
    try:
        connection.request(call.endpoint.method, call.path, call.body, {**call.headers, **headers})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()
