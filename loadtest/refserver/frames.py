"""Bytes of the server's side of Action Cable: JSON as Rails writes it, and unmasked WebSocket text frames.

Sources: frame texts as measured on Action Cable 6.1 and 7.2 (key order: ``identifier`` first, then ``type`` or
``message``; in a message ``event``, then ``data``); ``ActiveSupport::JSON::Encoding`` for the escaped characters;
RFC 6455 section 5.2 for the frame.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

SUBPROTOCOLS = ("actioncable-v1-json", "actioncable-unsupported")
"""What Rails negotiates, in no order of its own: the first of the client's list that is in here wins."""

_encode = msgspec.json.Encoder().encode
_pack_16 = struct.Struct("!BBH").pack
_pack_64 = struct.Struct("!BBQ").pack
_FIN_TEXT = 0x81


def rails_json(value: Any) -> bytes:
    """Encode as Rails does: UTF-8, no spaces, and ``< > &`` and the two line separators of JavaScript as ``\\uXXXX``.

    The replacement may work on the encoded bytes, because those characters only occur inside JSON strings.
    """
    text = _encode(value)
    if b"<" in text:
        text = text.replace(b"<", rb"\u003c")
    if b">" in text:
        text = text.replace(b">", rb"\u003e")
    if b"&" in text:
        text = text.replace(b"&", rb"\u0026")
    if b"\xe2\x80" in text:
        text = text.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
    return text


def text_header(size: int) -> bytes:
    """Header of a whole, unmasked text frame with a payload of ``size`` bytes."""
    if size < 126:
        return bytes((_FIN_TEXT, size))
    if size < 65536:
        return _pack_16(_FIN_TEXT, 126, size)
    return _pack_64(_FIN_TEXT, 127, size)


def text_frame(payload: bytes) -> bytes:
    """A whole, unmasked text frame."""
    return text_header(len(payload)) + payload


WELCOME = text_frame(b'{"type":"welcome"}')
"""Frame that opens every connection."""


def ping(unix_s: int) -> bytes:
    """Frame of the server-wide beat."""
    return text_frame(b'{"type":"ping","message":%d}' % unix_s)


def disconnect(reason: str, *, reconnect: bool) -> bytes:
    """Frame that tells a client to leave, before its connection is closed."""
    again = b"true" if reconnect else b"false"
    return text_frame(b'{"type":"disconnect","reason":%b,"reconnect":%b}' % (rails_json(reason), again))


def confirmation(identifier: str) -> bytes:
    """Frame that confirms a subscription."""
    return text_frame(b'{"identifier":%b,"type":"confirm_subscription"}' % rails_json(identifier))


def rejection(identifier: str) -> bytes:
    """Frame that refuses a subscription."""
    return text_frame(b'{"identifier":%b,"type":"reject_subscription"}' % rails_json(identifier))


def message_prefix(identifier: str) -> bytes:
    """What stands before the body in every message of a subscription: made once, when it is confirmed."""
    return b'{"identifier":%b,"message":' % rails_json(identifier)


def message_suffix(event: str, data: Any) -> bytes:
    """The rest of a message, from its body to its end: made once for a broadcast, whatever the number of sockets."""
    return rails_json({"event": event, "data": data}) + b"}"
