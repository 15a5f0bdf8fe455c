"""Subscription identifiers of OneChat's RoomChannel, as strings.

Source: the seed document ("Authenticating your WebSocket connection", "Publishing Presence").
An identifier is an opaque key: Action Cable echoes it byte for byte and compares it so, the same parameters in another
order are another subscription. It is therefore made here once and only compared afterwards.
An identifier holds the subscriber's secret token: it must not reach a log, a report or the store.
"""

from __future__ import annotations

import msgspec

CHANNEL = "RoomChannel"


class _ContactParams(msgspec.Struct):
    channel: str
    pubsub_token: str


class _AgentParams(msgspec.Struct):
    channel: str
    pubsub_token: str
    account_id: int
    user_id: int


def contact_identifier(pubsub_token: str) -> str:
    """What a contact subscribes with.

    Args:
        pubsub_token: the contact's secret.

    Returns:
        ``{"channel":"RoomChannel","pubsub_token":"..."}``, compact, keys in the document's order.
    """
    return msgspec.json.encode(_ContactParams(CHANNEL, pubsub_token)).decode()


def agent_identifier(pubsub_token: str, account_id: int, user_id: int) -> str:
    """What an agent subscribes with.

    Args:
        pubsub_token: the user's secret.
        account_id: the account whose events are wanted.
        user_id: the user's id; a server that finds none looks the token up among contacts.

    Returns:
        ``{"channel":"RoomChannel","pubsub_token":"...","account_id":1,"user_id":1}``, compact, keys in the document's
        order.
    """
    return msgspec.json.encode(_AgentParams(CHANNEL, pubsub_token, account_id, user_id)).decode()


def canonical(identifier: str) -> bytes | None:
    """The identifier's value, independent of key order and white space.

    Only for recognising an identifier that a server encoded again; a subscription's key is the string itself.
    Numbers keep their kind: ``1``, ``1.0`` and ``true`` differ.

    Returns:
        A comparable form, or None where the identifier is not JSON.
    """
    try:
        return msgspec.json.encode(msgspec.json.decode(identifier), order="sorted")
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
