"""The contract as an AsyncAPI 3 document, from OneChat's side: it sends events, it receives commands.

Source: AsyncAPI 3.0.0 (asyncapi.com/docs/reference/specification/v3.0.0); the frames around events are Action Cable's,
the commands the seed document's. Deterministic: the same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest import __version__
from loadtest.contract.events import EventSpec, events_of
from loadtest.contract.sample_frames import sample_frame
from loadtest.contract.schema import Schema, SchemaBook
from loadtest.contract.versions import DIALECTS, DOCUMENT, DialectName, written

CHANNEL = "cable"
_AGENT = '{"channel":"RoomChannel","pubsub_token":"token","account_id":1,"user_id":1}'
_CONTACT = '{"channel":"RoomChannel","pubsub_token":"token"}'
_IDENTIFIER: Schema = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "The subscription: a JSON object as a string, compared byte for byte. An agent's holds channel, "
    "pubsub_token, account_id and user_id, a contact's channel and pubsub_token.",
    "examples": [_AGENT, _CONTACT],
}


def asyncapi_document(dialect: DialectName = "seed") -> dict[str, Any]:
    """The document of a dialect's events, commands and protocol frames, as JSON values."""
    book = SchemaBook(DIALECTS[dialect])
    events = events_of(dialect)
    sent = {
        **_protocol_frames(),
        **{_message_name(spec): _event_message(spec, book, dialect) for spec in events.values()},
    }
    received = _commands()
    messages = {**received, **sent}
    operations = {
        **{_operation_name("receive", name): _operation("receive", name, messages[name]) for name in received},
        **{_operation_name("send", name): _operation("send", name, messages[name]) for name in sent},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "OneChat real-time events",
            "version": __version__,
            "description": f"Events of OneChat's /cable, dialect {dialect}: Action Cable frames over a WebSocket. "
            "Made from the contract of onechat-loadtest.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "installation": {
                "host": "{host}",
                "protocol": "wss",
                "description": "An installation; ws in development.",
                "variables": {"host": {"default": "localhost:3000", "description": "Its host and port."}},
            }
        },
        "channels": {
            CHANNEL: {
                "address": "/cable",
                "title": "The cable",
                "description": "One WebSocket; subprotocol actioncable-v1-json. Subscribe after the welcome.",
                "servers": [{"$ref": "#/servers/installation"}],
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": operations,
        "components": {"schemas": dict(book.schemas), "messages": messages},
    }


def _message_name(spec: EventSpec) -> str:
    return "".join(part.capitalize() for part in spec.name.replace("_", ".").split("."))


def _operation_name(action: str, message: str) -> str:
    return action + message


def _operation(action: str, name: str, message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "summary": message["summary"],
        "messages": [{"$ref": f"#/channels/{CHANNEL}/messages/{name}"}],
    }


def _event_message(spec: EventSpec, book: SchemaBook, dialect: DialectName) -> dict[str, Any]:
    notes = [f"For: {spec.for_whom()}.", f"Known since {written(spec.since)}."]
    if spec.contacts_since is not None:
        notes.append(f"The contact receives it since {written(spec.contacts_since)}.")
    if spec.reread is not None:
        notes.append(f"Since {written(spec.reread.since)} its payload is the state when it is sent.")
    message = _message(
        spec.name,
        spec.trigger,
        {
            "identifier": _IDENTIFIER,
            "message": {
                "type": "object",
                "properties": {"event": {"const": spec.name}, "data": book.reference(spec.payload)},
                "required": ["event", "data"],
            },
        },
        ["identifier", "message"],
        description=" ".join(notes),
    )
    sample = sample_frame(spec)
    if sample is None or (spec.documented and DIALECTS[dialect].first > DOCUMENT):
        return message  # what the document shows is what a server of its version sends
    return {**message, "examples": [{"name": "document" if spec.documented else "made up", "payload": sample}]}


def _message(
    name: str,
    summary: str,
    properties: Mapping[str, Schema],
    required: list[str],
    *,
    description: str = "",
    examples: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    message: dict[str, Any] = {"name": name, "summary": summary}
    if description:
        message["description"] = description
    message["payload"] = {"type": "object", "properties": dict(properties), "required": required}
    if examples:
        message["examples"] = [{"name": example, "payload": dict(payload)} for example, payload in examples.items()]
    return message


def _command(command: str, summary: str, *, data: Schema | None = None, data_example: str = "") -> dict[str, Any]:
    example = {"command": command, "identifier": _AGENT}, {"command": command, "identifier": _CONTACT}
    further = {"data": data_example} if data_example else {}
    return _message(
        command if data is None else "update_presence",
        summary,
        {"command": {"const": command}, "identifier": _IDENTIFIER, **({} if data is None else {"data": data})},
        ["command", "identifier", *([] if data is None else ["data"])],
        examples={"agent": {**example[0], **further}, "contact": {**example[1], **further}},
    )


def _commands() -> dict[str, dict[str, Any]]:
    return {
        "Subscribe": _command("subscribe", "Subscribe with a pubsub token; answered by a confirmation, or by nothing."),
        "Unsubscribe": _command("unsubscribe", "End a subscription; answered by nothing."),
        "UpdatePresence": _command(
            "message",
            "Say that the agent or contact is there, every 30 seconds; answered by presence.update.",
            data={
                "type": "string",
                "contentMediaType": "application/json",
                "const": '{"action":"update_presence"}',
            },
            data_example='{"action":"update_presence"}',
        ),
    }


def _frame(
    kind: str, summary: str, *, identifier: bool = False, more: Mapping[str, Schema] | None = None
) -> dict[str, Any]:
    properties: dict[str, Schema] = {"type": {"const": kind}}
    if identifier:
        properties["identifier"] = _IDENTIFIER
    return _message(
        kind,
        summary,
        {**properties, **(more or {})},
        ["type", *(["identifier"] if identifier else [])],
        examples={"frame": {"type": kind, **({"identifier": _AGENT} if identifier else {})}},
    )


def _protocol_frames() -> dict[str, dict[str, Any]]:
    return {
        "Welcome": _frame("welcome", "The connection is open for commands."),
        "Ping": _frame(
            "ping",
            "The server's beat, every 3 seconds; wants no answer.",
            more={"message": {"type": "number", "description": "The server's clock, Unix seconds."}},
        ),
        "ConfirmSubscription": _frame("confirm_subscription", "The subscription stands.", identifier=True),
        "RejectSubscription": _frame("reject_subscription", "The subscription was refused.", identifier=True),
        "Disconnect": _frame(
            "disconnect",
            "The server is about to close.",
            more={
                "reason": {"type": "string", "description": "unauthorized, server_restart, remote, ..."},
                "reconnect": {"type": "boolean", "description": "Whether the client may come back."},
            },
        ),
    }
