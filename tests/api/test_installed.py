"""What is read of an installation's answers."""

from __future__ import annotations

import pytest

from loadtest.api import installed


def test_unknown_fields_are_passed_over() -> None:
    """Views grow with every version."""
    body = b'{"id":3,"access_token":"a","pubsub_token":"p","accounts":[{"id":7,"role":"agent","x":1}],"x":{}}'
    user = installed.read(body, installed.User)

    assert (3, "a", "p", [installed.Membership(7, "agent")]) == (
        user.id,
        user.access_token,
        user.pubsub_token,
        user.accounts,
    )


@pytest.mark.parametrize(
    ("body", "shape", "expected"),
    [
        (b'[{"id":1,"name":"a"}]', list[installed.Account], [1]),
        (b'{"payload":[{"id":2,"name":"a","channel_type":"Channel::Api"}]}', installed.Inboxes, [2]),
        (b'{"payload":{"webhooks":[{"id":3,"url":"u","account_id":1}]}}', installed.Webhooks, [3]),
        (b'{"meta":{"count":1},"payload":[{"id":4,"email":null}]}', installed.PersonPage, [4]),
        (b'{"data":{"meta":{},"payload":[{"id":5,"meta":{"sender":{"id":6}}}]}}', installed.TalkPage, [5]),
    ],
)
def test_lists_are_unwrapped(body: bytes, shape: type, expected: list[int]) -> None:
    """Each in the wrapping upstream puts it in."""
    read = installed.read(body, shape)
    while not isinstance(read, list):
        read = getattr(read, next(name for name in ("payload", "webhooks", "data") if hasattr(read, name)))

    assert expected == [one.id for one in read]


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b'{"id":"3"}', b"\xff", b"[" * 5000])
def test_another_shape_is_an_error(body: bytes) -> None:
    """Whatever came."""
    with pytest.raises(ValueError, match="another shape"):
        installed.read(body, installed.Account)
