"""The server's bytes: JSON as Rails writes it, frames as RFC 6455 has them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from loadtest.refserver import frames

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_encoding_loses_nothing(value: Any) -> None:
    """Whatever is encoded decodes to the same value."""
    assert value == json.loads(frames.rails_json(value))


@given(st.text())
def test_what_rails_escapes_never_stands_bare(text: str) -> None:
    """No angle bracket, ampersand or JavaScript line separator stands bare in the encoded text."""
    encoded = frames.rails_json(text).decode()

    assert set() == {"<", ">", "&", "\u2028", "\u2029"} & set(encoded)


def test_escapes_are_rails_own() -> None:
    """Escapes are lower-case ``\\u`` sequences, and letters beyond ASCII stay as they are."""
    assert frames.rails_json("<é&>\u2028") == '"\\u003cé\\u0026\\u003e\\u2028"'.encode()


@given(st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 70000]))
def test_a_frame_is_one_text_message(size: int) -> None:
    """A client's parser reads each frame, at all three lengths of the header, as one whole text message."""
    payload = b"x" * size
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN, max_size=None)
    client.receive_data(frames.text_frame(payload))

    assert [Frame(Opcode.TEXT, payload)] == client.events_received()


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (frames.WELCOME, '{"type":"welcome"}'),
        (frames.ping(1795352667), '{"type":"ping","message":1795352667}'),
        (frames.rejection('{"a":1}'), '{"identifier":"{\\"a\\":1}","type":"reject_subscription"}'),
        (
            frames.confirmation('{"channel":"RoomChannel","pubsub_token":"contact-1-7"}'),
            '{"identifier":"{\\"channel\\":\\"RoomChannel\\",\\"pubsub_token\\":\\"contact-1-7\\"}",'
            '"type":"confirm_subscription"}',
        ),
        (
            frames.disconnect("server_restart", reconnect=True),
            '{"type":"disconnect","reason":"server_restart","reconnect":true}',
        ),
        (
            frames.disconnect("unauthorized", reconnect=False),
            '{"type":"disconnect","reason":"unauthorized","reconnect":false}',
        ),
    ],
)
def test_control_frames_are_rails_byte_for_byte(frame: bytes, text: str) -> None:
    """Welcome, ping, confirmation and disconnect are the texts measured on Rails."""
    assert frames.text_frame(text.encode()) == frame


def test_a_message_is_prefix_and_suffix() -> None:
    """Prefix and suffix join to the text measured on Rails: identifier, then message; event, then data."""
    text = frames.message_prefix('{"a":"b"}') + frames.message_suffix("presence.update", {"account_id": 1})

    assert text == rb'{"identifier":"{\"a\":\"b\"}","message":{"event":"presence.update","data":{"account_id":1}}}'


@given(st.text())
def test_an_identifier_comes_back_as_it_was(identifier: str) -> None:
    """Any text survives as an identifier, for it is opaque."""
    decoded = json.loads(frames.message_prefix(identifier) + b"null}")

    assert identifier == decoded["identifier"]
