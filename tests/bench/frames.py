"""The frames of the bench: what a cable's client mostly receives, with places for the server to fill in.

``native/server.c`` names the placeholders. The sizes are those of a real installation's traffic: a chat message 0.9 KB,
typing 0.3 KB, a conversation 1.5 KB, and pings.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from loadtest.cable import agent_identifier
from loadtest.collect import write_mark

RUN = "benchm"
ACCOUNT = 1000
FIRST_CONVERSATION = 100_000_000
CONTACT = 10
KINDS = ("message.created", "conversation.typing_on", "conversation.updated", "ping")

_KEY = "KKKKKKKK"
_DUE = "D" * 16
_CONVERSATION = "CCCCCCCCC"
_INBOX = "IIIIIIIII"
_STAMP = "N" * 19

_SENDER = {
    "additional_attributes": {},
    "custom_attributes": {},
    "email": None,
    "id": CONTACT,
    "identifier": None,
    "name": "white-shadow-394",
    "phone_number": None,
    "pubsub_token": "contact-token-0123456789",
    "thumbnail": "",
    "type": "contact",
}
_USER = {
    "id": 2,
    "name": "Max",
    "available_name": "Max",
    "avatar_url": "",
    "type": "user",
    "availability_status": "online",
}


def token(user: int) -> str:
    """An agent's pubsub token."""
    return f"agent-{user:08d}-0123456789abcdef"


def inbox(audience: int, group: int) -> int:
    """The inbox that the ``group``-th ``audience`` agents see."""
    return 500_000_000 + audience * 100_000 + group


def identifier(user: int) -> str:
    """An agent's subscription."""
    return agent_identifier(token(user), ACCOUNT, user)


def _text(padding: int) -> str:
    mark = write_mark(RUN, _KEY, 0).replace("0" * 16, _DUE)
    return f"{mark}ns={_STAMP}:{'how are things? ' * 64}"[: padding + len(mark) + 23]


def _message(padding: int) -> dict[str, object]:
    return {
        "id": 7,
        "content": _text(padding),
        "account_id": ACCOUNT,
        "inbox_id": _INBOX,
        "conversation_id": _CONVERSATION,
        "message_type": 0,
        "created_at": 1627035000,
        "updated_at": "2021-07-23T10:10:00.000Z",
        "private": False,
        "status": "sent",
        "source_id": None,
        "content_type": "text",
        "content_attributes": {},
        "sender_type": "Contact",
        "sender_id": CONTACT,
        "external_source_ids": {},
        "sender": _SENDER,
    }


def _typing() -> dict[str, object]:
    return {
        "conversation": {"id": _CONVERSATION},
        "user": {"id": CONTACT, "name": "white-shadow-394", "type": "contact"},
        "account_id": ACCOUNT,
    }


def _conversation() -> dict[str, object]:
    return {
        "additional_attributes": {},
        "can_reply": True,
        "channel": "Channel::Api",
        "id": _CONVERSATION,
        "inbox_id": _INBOX,
        "contact_inbox": {
            "id": 1,
            "contact_id": CONTACT,
            "inbox_id": _INBOX,
            "source_id": "4f5c785e-abba-4527-82a9-bbdb2117c167",
            "created_at": "2021-07-23T10:10:00.000Z",
            "updated_at": "2021-07-23T10:10:00.000Z",
            "hmac_verified": False,
        },
        "messages": [_message(0)],
        "meta": {"sender": _SENDER, "assignee": _USER},
        "status": "open",
        "unread_count": 0,
        "agent_last_seen_at": 0,
        "contact_last_seen_at": 0,
        "timestamp": 1627035000,
        "account_id": ACCOUNT,
    }


def bodies() -> dict[str, tuple[bool, str]]:
    """By kind: whether an identifier goes before it, and the text with its placeholders."""
    data = {
        "message.created": _message(150),
        "conversation.typing_on": _typing(),
        "conversation.updated": _conversation(),
    }
    found = {}
    for event, value in data.items():
        text = msgspec.json.encode({"event": event, "data": value}).decode()
        for number in (_INBOX, _CONVERSATION):  # numbers on the wire
            text = text.replace(f'"{number}"', number)
        found[event] = (True, text)
    return found | {"ping": (False, '{"type":"ping","message":1627035000}')}


def wire_bytes(kind: str) -> int:
    """The length of a frame, its header included."""
    prefixed, body = bodies()[kind]
    size = len(body)
    if prefixed:
        size += len(msgspec.json.encode({"identifier": identifier(0), "message": 0})) - 1
    return size + (4 if size > 125 else 2)


def write_bodies(path: Path) -> None:
    """Write the file that the server reads."""
    lines = [f"{kind}\t{int(prefixed)}\t{body}\n" for kind, (prefixed, body) in bodies().items()]
    path.write_text("".join(lines))
