"""Action Cable's frames: server text to typed values, commands to text.

Source: Action Cable 6.1 and 7.2 on the wire (``actioncable-v1-json``) and rails/actioncable's ``lib/action_cable.rb``
(message types); the presence command's form is the seed document's.
Knows JSON and the envelope, nothing of connections or of OneChat's events: a message's value stays undecoded.
Whatever bytes a peer sends become a frame or a :class:`~loadtest.errors.CableProtocolError`, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from loadtest.errors import CableProtocolError

REASON_MAX_CHARS = 64
"""A disconnect's reason is a label that gets counted: what is longer is cut."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """``{"type":"welcome"}``: the server accepted the connection."""


@dataclass(frozen=True, slots=True)
class Ping:
    """``{"type":"ping","message":1795352667}``: the server's beat; wants no answer.

    Attributes:
        message: the server's clock, Unix seconds on Rails; None where the server sends none.
    """

    message: float | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """``{"identifier":"...","type":"confirm_subscription"}``."""

    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reject:
    """``{"identifier":"...","type":"reject_subscription"}``."""

    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Disconnect:
    """``{"type":"disconnect","reason":"server_restart","reconnect":true}``: the server is about to close.

    Attributes:
        reason: ``unauthorized``, ``server_restart``, ``remote`` on Rails; empty where the server gives none.
        reconnect: whether the client may come back.
    """

    reason: str
    reconnect: bool


@dataclass(frozen=True, slots=True)
class Message:
    """``{"identifier":"...","message":...}``: something was broadcast to the subscription.

    Attributes:
        identifier: of the subscription, as the server wrote it.
        message: the JSON text of the value, not decoded; a copy, so it outlives the receive buffer.
    """

    identifier: str = field(repr=False)
    message: bytes = field(repr=False)


Frame = Welcome | Ping | Confirm | Reject | Disconnect | Message

_ABSENT = msgspec.Raw(b"")


class _Envelope(msgspec.Struct):
    """Every key a frame may have; each is judged on its own, so that the error names the key."""

    type: msgspec.Raw = _ABSENT
    identifier: msgspec.Raw = _ABSENT
    message: msgspec.Raw = _ABSENT
    reason: msgspec.Raw = _ABSENT
    reconnect: msgspec.Raw = _ABSENT


_T = TypeVar("_T")
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_text = msgspec.json.Decoder(str)
_optional_text = msgspec.json.Decoder(str | None)
_boolean = msgspec.json.Decoder(bool)
_optional_number = msgspec.json.Decoder(int | float | None)

# A detail quotes nothing a peer made up, for it might be a token; these are the types of AnyCable's extended protocol.
_FOREIGN_TYPES = frozenset({"confirm_history", "reject_history", "presence", "pong"})


def _value(raw: msgspec.Raw, key: str, decoder: msgspec.json.Decoder[_T]) -> _T:
    try:
        return decoder.decode(raw)
    except msgspec.DecodeError as error:
        # The library's text names JSON types and positions, never content.
        raise CableProtocolError(f"mistyped_{key}", str(error)) from None


def _identifier(envelope: _Envelope, of: str) -> str:
    if envelope.identifier is _ABSENT:
        raise CableProtocolError("missing_identifier", of)
    return _value(envelope.identifier, "identifier", _text)


def decode(data: bytes | bytearray | memoryview | str) -> Frame:
    """Read one whole text message of a server.

    Args:
        data: the text; may be a slice of a receive buffer, nothing of it is kept.

    Returns:
        The frame. Unknown keys are ignored, as the official client ignores them.

    Raises:
        CableProtocolError: by kind ``not_utf8``, ``not_json``, ``too_deep``, ``not_object``, ``mistyped_type``,
            ``unknown_type``, ``neither_type_nor_message``, ``missing_identifier``, ``mistyped_identifier``,
            ``mistyped_message`` (of a ping), ``mistyped_reason``, ``missing_reconnect``, ``mistyped_reconnect``.
            The detail quotes nothing of the text.
    """
    try:
        # JSON's decoder does not look inside the strings it passes over, so UTF-8 is checked here.
        text = data if isinstance(data, str) else str(data, "utf-8")
        envelope = _decode_envelope(text)
    except UnicodeError as error:
        raise CableProtocolError(
            "not_utf8", f"{error.reason}" if isinstance(error, UnicodeDecodeError) else ""
        ) from None
    except msgspec.ValidationError as error:
        raise CableProtocolError("not_object", str(error)) from None
    except msgspec.DecodeError as error:
        raise CableProtocolError("not_json", str(error)) from None
    except RecursionError:
        raise CableProtocolError("too_deep", f"{len(data)} characters or bytes") from None
    if envelope.type is _ABSENT:
        if envelope.message is _ABSENT:
            raise CableProtocolError("neither_type_nor_message", f"{len(data)} characters or bytes")
        return Message(_identifier(envelope, "message"), bytes(envelope.message))
    return _typed(envelope, _value(envelope.type, "type", _text))


def _typed(envelope: _Envelope, kind: str) -> Frame:
    match kind:
        case "welcome":
            return Welcome()
        case "ping":
            if envelope.message is _ABSENT:
                return Ping()
            return Ping(_value(envelope.message, "message", _optional_number))
        case "confirm_subscription":
            return Confirm(_identifier(envelope, kind))
        case "reject_subscription":
            return Reject(_identifier(envelope, kind))
        case "disconnect":
            # Rails sends "reason":null where its caller gave none, but always says whether to come back.
            reason = None if envelope.reason is _ABSENT else _value(envelope.reason, "reason", _optional_text)
            if envelope.reconnect is _ABSENT:
                raise CableProtocolError("missing_reconnect", kind)
            return Disconnect((reason or "")[:REASON_MAX_CHARS], _value(envelope.reconnect, "reconnect", _boolean))
        case _:
            raise CableProtocolError(
                "unknown_type", kind if kind in _FOREIGN_TYPES else f"a type of {len(kind)} characters"
            )


class _Command(msgspec.Struct):
    command: str
    identifier: str


class _DataCommand(_Command):
    data: str


def encode_subscribe(identifier: str) -> str:
    """``{"command":"subscribe","identifier":"..."}``, compact."""
    return msgspec.json.encode(_Command("subscribe", identifier)).decode()


def encode_unsubscribe(identifier: str) -> str:
    """``{"command":"unsubscribe","identifier":"..."}``, compact; the server answers nothing."""
    return msgspec.json.encode(_Command("unsubscribe", identifier)).decode()


def encode_perform(identifier: str, action: str, data: Mapping[str, Any] | None = None) -> str:
    """A call of a channel's action, in the seed's form.

    Args:
        identifier: of a confirmed subscription.
        action: name of the action, such as ``update_presence``.
        data: its arguments, JSON values.

    Returns:
        ``{"command":"message","identifier":"...","data":"{\\"action\\":\\"update_presence\\"}"}``: the arguments are a
        JSON string inside the JSON.

    Raises:
        TypeError: an argument is no JSON value.
    """
    inner = msgspec.json.encode({"action": action, **(data or {})}).decode()
    return msgspec.json.encode(_DataCommand("message", identifier, inner)).decode()
