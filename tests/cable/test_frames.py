"""Frames: everything a server can say becomes one, or a CableProtocolError; commands are in the seed's form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.cable import contact_identifier
from loadtest.cable.frames import (
    REASON_MAX_CHARS,
    Confirm,
    Disconnect,
    Frame,
    Message,
    Ping,
    Reject,
    Welcome,
    decode,
    encode_perform,
    encode_subscribe,
    encode_unsubscribe,
)
from loadtest.errors import CableProtocolError

CONTACT = contact_identifier("contact-1-7")

# As Action Cable 6.1 and 7.2 put them on the wire.
WIRE: list[tuple[str, Frame]] = [
    ('{"type":"welcome"}', Welcome()),
    ('{"type":"ping","message":1795352667}', Ping(1795352667)),
    (
        r'{"identifier":"{\"channel\":\"RoomChannel\",\"pubsub_token\":\"contact-1-7\"}","type":"confirm_subscription"}',
        Confirm(CONTACT),
    ),
    (
        r'{"identifier":"{\"channel\":\"RoomChannel\",\"pubsub_token\":\"contact-1-7\"}","type":"reject_subscription"}',
        Reject(CONTACT),
    ),
    (
        r'{"identifier":"{\"channel\":\"RoomChannel\",\"pubsub_token\":\"contact-1-7\"}",'
        r'"message":{"event":"presence.update","data":{"account_id":1,"users":{"1":"online"}}}}',
        Message(CONTACT, b'{"event":"presence.update","data":{"account_id":1,"users":{"1":"online"}}}'),
    ),
    ('{"type":"disconnect","reason":"unauthorized","reconnect":false}', Disconnect("unauthorized", False)),
    ('{"type":"disconnect","reason":"server_restart","reconnect":true}', Disconnect("server_restart", True)),
    ('{"type":"disconnect","reason":null,"reconnect":true}', Disconnect("", True)),
    ('{"type":"disconnect","reconnect":true}', Disconnect("", True)),
    ('{"type":"ping"}', Ping(None)),
    ('{"type":"ping","message":null}', Ping(None)),
    ('{"type":"ping","message":1795352667.25}', Ping(1795352667.25)),
    ('{"message":null,"identifier":"x"}', Message("x", b"null")),
    (' { "type" : "welcome" , "sid" : "abc" } ', Welcome()),
]

NOT_THE_PROTOCOL: list[tuple[bytes, str]] = [
    (b"", "not_json"),
    (b"{", "not_json"),
    (b"{'type':'welcome'}", "not_json"),
    (b'{"type":"welcome"}{"type":"welcome"}', "not_json"),
    (b'{"identifier":"x","message":NaN}', "not_json"),
    (b'{"identifier":"x","message":"\\q"}', "not_json"),
    (b'\xef\xbb\xbf{"type":"welcome"}', "not_json"),
    (b"\xff", "not_utf8"),
    (b'{"identifier":"x","message":"\xff"}', "not_utf8"),
    (b"[]", "not_object"),
    (b"1", "not_object"),
    (b"null", "not_object"),
    (b'"welcome"', "not_object"),
    (b"{}", "neither_type_nor_message"),
    (b'{"identifier":"x"}', "neither_type_nor_message"),
    (b'{"type":null,"identifier":"x","message":1}', "mistyped_type"),
    (b'{"type":1}', "mistyped_type"),
    (b'{"type":"WELCOME"}', "unknown_type"),
    (b'{"type":"confirm_history","identifier":"x"}', "unknown_type"),
    (b'{"type":"ping","message":"now"}', "mistyped_message"),
    (b'{"type":"ping","message":1e999}', "mistyped_message"),
    (b'{"type":"confirm_subscription"}', "missing_identifier"),
    (b'{"type":"reject_subscription","identifier":{"channel":"RoomChannel"}}', "mistyped_identifier"),
    (b'{"message":{}}', "missing_identifier"),
    (b'{"message":{},"identifier":null}', "mistyped_identifier"),
    (b'{"type":"disconnect","reason":1,"reconnect":true}', "mistyped_reason"),
    (b'{"type":"disconnect","reason":"remote"}', "missing_reconnect"),
    (b'{"type":"disconnect","reason":"remote","reconnect":"no"}', "mistyped_reconnect"),
    (b'{"identifier":"x","message":' + b"[" * 100_000, "too_deep"),
]

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
near_frames = st.dictionaries(
    st.sampled_from(["type", "identifier", "message", "reason", "reconnect", "other"]),
    any_json | st.sampled_from(["welcome", "ping", "confirm_subscription", "reject_subscription", "disconnect", True]),
)


@pytest.mark.parametrize(("text", "expected"), WIRE)
def test_real_frames_are_read(text: str, expected: Frame) -> None:
    """Each frame of a real server becomes its value."""
    assert expected == decode(text)


@pytest.mark.parametrize(("text", "expected"), WIRE)
def test_a_slice_of_a_buffer_is_read_and_not_kept(text: str, expected: Frame) -> None:
    """A frame read from a receive buffer survives the buffer's next use."""
    buffer = bytearray(b"\x81\x7e" + text.encode() + b"\x81")
    with memoryview(buffer) as view:
        actual = decode(view[2:-1])
    buffer[:] = bytes(len(buffer))

    assert expected == actual


@pytest.mark.parametrize(("text", "expected"), NOT_THE_PROTOCOL)
def test_what_is_not_the_protocol_has_a_kind(text: bytes, expected: str) -> None:
    """Each way to break the protocol is an error with a stable name."""
    with pytest.raises(CableProtocolError) as caught:
        decode(text)

    assert expected == caught.value.kind


def outcome(data: bytes | str) -> Frame | CableProtocolError:
    """What decoding comes to; any other exception is the test's failure."""
    try:
        return decode(data)
    except CableProtocolError as error:
        return error


@given(st.binary())
def test_any_bytes_are_a_frame_or_an_error(data: bytes) -> None:
    """No bytes raise anything but CableProtocolError."""
    assert isinstance(outcome(data), Frame | CableProtocolError)


@given(st.text(st.characters()))
def test_any_text_is_a_frame_or_an_error(text: str) -> None:
    """No text does either, lone surrogates included."""
    assert isinstance(outcome(text), Frame | CableProtocolError)


@given(any_json | near_frames)
def test_any_json_is_a_frame_or_an_error(value: object) -> None:
    """No JSON value does either, however close to a frame it is."""
    assert isinstance(outcome(json.dumps(value)), Frame | CableProtocolError)


@given(near_frames, st.data())
def test_a_damaged_frame_is_a_frame_or_an_error(value: dict[str, Any], data: st.DataObject) -> None:
    """No frame that was cut or had a byte changed does either."""
    text = bytearray(json.dumps(value).encode())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(place, len(text)))

    assert isinstance(outcome(bytes(text[:cut])), Frame | CableProtocolError)


@given(near_frames, st.sampled_from(["type", "identifier", "message", "reason", "reconnect", "other"]), st.data())
def test_no_error_tells_a_token(value: dict[str, Any], key: str, data: st.DataObject) -> None:
    """A token is in no text of an error, whichever key it stood under and wherever the text was cut."""
    token = "sEcReT9"
    text = json.dumps({**value, key: token})
    result = outcome(text[: data.draw(st.integers(0, len(text)))])

    assert not (isinstance(result, CableProtocolError) and token in f"{result!s}{result!r}")


@given(st.text(), any_json)
def test_a_message_keeps_its_value(identifier: str, value: object) -> None:
    """A message's bytes are the value that was sent, whatever it is."""
    text = json.dumps({"identifier": identifier, "message": value})
    result = outcome(text)
    if isinstance(result, CableProtocolError):  # NaN, Infinity and integers are Python's JSON, not the standard's
        assert result.kind == "not_json"
        return

    assert isinstance(result, Message)
    assert (identifier, json.dumps(value)) == (result.identifier, json.dumps(json.loads(result.message)))


def test_a_long_reason_is_cut() -> None:
    """A reason that a server made up does not become a label without bound."""
    frame = decode(json.dumps({"type": "disconnect", "reason": "x" * 5_000, "reconnect": True}))

    assert Disconnect("x" * REASON_MAX_CHARS, True) == frame


def test_subscribe_is_the_documents() -> None:
    """A subscribe command is what the document's snippet sends."""
    expected = r'{"command":"subscribe","identifier":"{\"channel\":\"RoomChannel\",\"pubsub_token\":\"token\"}"}'

    assert expected == encode_subscribe(contact_identifier("token"))


def test_unsubscribe_has_the_same_form() -> None:
    """An unsubscribe command differs in its name alone."""
    expected = r'{"command":"unsubscribe","identifier":"{\"channel\":\"RoomChannel\",\"pubsub_token\":\"token\"}"}'

    assert expected == encode_unsubscribe(contact_identifier("token"))


def test_presence_is_the_documents() -> None:
    """A presence command is the document's, without its line breaks."""
    expected = (
        r'{"command":"message","identifier":"{\"channel\":\"RoomChannel\",\"pubsub_token\":\"token\"}",'
        r'"data":"{\"action\":\"update_presence\"}"}'
    )

    assert expected == encode_perform(contact_identifier("token"), "update_presence")


@given(st.text(), st.text(min_size=1), st.dictionaries(st.text(min_size=1), st.text() | st.integers(-(2**53), 2**53)))
def test_arguments_are_json_inside_json(identifier: str, action: str, data: dict[str, Any]) -> None:
    """An action's arguments arrive as they were given."""
    data.pop("action", None)
    command = json.loads(encode_perform(identifier, action, data))

    expected = ("message", identifier, {"action": action, **data})
    assert expected == (command["command"], command["identifier"], json.loads(command["data"]))
