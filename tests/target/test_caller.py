"""Calls outside of a run: what is sent again and what is not, what is verified, and what errors say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loadtest.api import installed, platform, provisioning
from loadtest.errors import TransportError, UsageError
from loadtest.target.caller import TRIES, Address, Caller, DoubtfulError, is_loopback, without_secrets
from tests.certificates import Certificates
from tests.rest.conftest import HttpServer
from tests.target.scripted import HANG_UP, OK, Answer, Script, scripted

TOKEN = "canary-token"
LOOK = platform.list_accounts(TOKEN)
MAKE = platform.create_account(TOKEN, "name", "tag")
BUSY: Answer = (429, {"Retry-After": "7"}, b"Retry later\n")
BUSY_QUIETLY: Answer = (429, {}, b"Retry later\n")
BROKEN: Answer = (503, {}, b"<html>")


class Waits(list[float]):
    """What was slept, in seconds."""


@contextmanager
def calling(*answers: Answer, **options: object) -> Iterator[tuple[Caller, Script, Waits]]:
    """A caller of a server that gives these answers."""
    waits = Waits()
    with scripted(*answers) as script:
        caller = Caller(Address(script.url, **options), sleep=waits.append)  # type: ignore[arg-type]
        try:
            yield caller, script, waits
        finally:
            caller.close()


def test_a_call_is_sent_as_it_stands() -> None:
    """Method, path with its query, body, and the token under its header."""
    call = provisioning.create_team(TOKEN, 7, "name")
    with calling() as (caller, script, _):
        caller.do(call)
    method, path, headers, body = script.asked[0]

    assert ("POST", "/api/v1/accounts/7/teams", call.body) == (method, path, body)
    assert (TOKEN, "application/json") == (headers["api_access_token"], headers["Content-Type"])


def test_the_tokens_header_can_have_another_name() -> None:
    """Behind a proxy that drops underscores; further headers go along."""
    with calling(auth_header="api-access-token", headers=(("X-Gate", "open"),)) as (caller, script, _):
        caller.do(LOOK)
    headers = script.asked[0][2]

    assert (TOKEN, "open", False) == (headers["api-access-token"], headers["X-Gate"], "api_access_token" in headers)


@pytest.mark.parametrize("call", [LOOK, MAKE])
def test_a_refusal_for_the_rate_is_waited_out(call) -> None:
    """429 means that nothing was done, so even a POST is sent again, after what Retry-After says."""
    with calling(BUSY, BUSY, OK) as (caller, script, waits):
        status = caller.send(call).status

    assert (200, 3, [7.0, 7.0]) == (status, len(script.asked), waits)


def test_without_retry_after_waits_grow() -> None:
    """rack-attack sends no Retry-After unless it is told to."""
    with calling(BUSY_QUIETLY, BUSY_QUIETLY, BUSY_QUIETLY, OK) as (caller, _, waits):
        caller.do(LOOK)

    assert [1.0, 2.0, 4.0] == waits


def test_a_limit_for_ever_is_an_error() -> None:
    """Somebody who is never let in is told so in the end."""
    with calling(BUSY) as (caller, _, _waits), pytest.raises(TransportError, match="http_429"):
        caller.do(LOOK)


@pytest.mark.parametrize("failure", [BROKEN, HANG_UP])
def test_a_look_is_sent_again(failure: Answer) -> None:
    """What changes nothing is sent again after a failure, with growing pauses."""
    with calling(failure, failure, OK) as (caller, script, waits):
        status = caller.send(LOOK).status

    assert (200, 3, [1.0, 2.0]) == (status, len(script.asked), waits)


def test_a_look_that_fails_again_and_again_is_an_error() -> None:
    """There is an end to trying."""
    with calling(HANG_UP) as (caller, script, _):
        with pytest.raises(TransportError, match="reset"):
            caller.send(LOOK)

        assert len(script.asked) == TRIES


@pytest.mark.parametrize("failure", [BROKEN, HANG_UP])
def test_a_post_that_may_have_arrived_is_never_sent_again(failure: Answer) -> None:
    """Whether it was done is for the caller to look up."""
    with calling(failure, OK) as (caller, script, _):
        with pytest.raises(DoubtfulError):
            caller.send(MAKE)

        assert len(script.asked) == 1


def test_a_post_that_does_no_harm_twice_is_sent_again() -> None:
    """Where the caller knows that."""
    with calling(HANG_UP, OK) as (caller, script, _):
        caller.do(MAKE, repeatable=True)

    assert len(script.asked) == 2


def test_a_post_that_never_left_is_sent_again() -> None:
    """Where nobody listens, nothing was done; after some tries it is an error that says where."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        waits = Waits()
        caller = Caller(Address(f"http://127.0.0.1:{port}"), sleep=waits.append)
        with pytest.raises(TransportError) as raised:
            caller.send(MAKE)
        caller.close()

    assert ("refused", TRIES - 1) == (raised.value.kind, len(waits))
    assert f":{port}" in raised.value.where


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed_with_a_token(status: int) -> None:
    """The error says what to do."""
    with calling((status, {"Location": "/elsewhere"}, b"")) as (caller, script, _):
        with pytest.raises(UsageError, match="redirect"):
            caller.do(LOOK)

        assert len(script.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_wrong_usage(status: int) -> None:
    """The error says whose token and what the server said, and quotes no token."""
    answer: Answer = (status, {}, b'{"error":"Invalid access_token"}')
    with calling(answer) as (caller, _, _waits), pytest.raises(UsageError) as raised:
        caller.do(LOOK)

    assert "Invalid access_token" in str(raised.value)
    assert "platform app" in str(raised.value)
    assert TOKEN not in repr(raised.value)


def test_a_refusal_says_what_the_server_said() -> None:
    """Known forms of errors are quoted, whatever else a body holds is not."""
    answer: Answer = (422, {}, b'{"message":"Name has already been taken","secret":"canary"}')
    with calling(answer) as (caller, _, _waits), pytest.raises(TransportError, match="http_422") as raised:
        caller.do(MAKE)

    assert "Name has already been taken" in str(raised.value)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"id":"1"}', b"\xff", b""])
def test_an_answer_of_another_shape_is_an_error(body: bytes) -> None:
    """Never a traceback of the reader."""
    with calling((200, {}, body)) as (caller, _, _waits), pytest.raises(TransportError, match="answer"):
        caller.get(LOOK, installed.Account)


def test_what_is_not_there_is_none() -> None:
    """404 is an answer to a look-up."""
    with calling((404, {}, b"")) as (caller, _, _waits):
        assert caller.find(LOOK, installed.Account) is None


def test_calls_keep_a_pace() -> None:
    """With a limit of our own there is a pause before every call but the first."""
    with calling(per_minute=60) as (caller, _, waits):
        for _ in range(3):
            caller.do(LOOK)

    assert len(waits) == 2
    assert all(0 < one <= 2 for one in waits)


def test_a_wait_is_told() -> None:
    """Whoever watches learns why nothing happens."""
    told: list[str] = []
    with scripted(BUSY, OK) as script:
        caller = Caller(Address(script.url), on_wait=told.append, sleep=lambda seconds: None)
        caller.do(LOOK)
        caller.close()

    assert ["the installation limits the rate (429): waiting 7 s"] == told


def test_a_private_authority_can_be_trusted(server: HttpServer, certificates: Certificates) -> None:
    """With its file, and by the server's name."""
    address = Address(f"https://localhost:{server.https}", ca_file=certificates.authority)
    caller = Caller(address, sleep=lambda seconds: None)
    status = caller.send(LOOK).status
    caller.close()

    assert status == 200


@pytest.mark.parametrize("case", ["no authority", "stranger", "other name"])
def test_who_cannot_be_verified_gets_nothing(server: HttpServer, certificates: Certificates, case: str) -> None:
    """Neither an unknown authority nor a certificate for somebody else is accepted, and it is tried once."""
    waits = Waits()
    port = server.other_name if case == "other name" else server.https
    ca_file = {"no authority": None, "stranger": certificates.stranger}.get(case, certificates.authority)
    caller = Caller(Address(f"https://localhost:{port}", ca_file=ca_file), sleep=waits.append)
    with pytest.raises(TransportError) as raised:
        caller.send(LOOK)
    caller.close()

    assert ("tls", []) == (raised.value.kind, waits)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_unusable_authority_is_wrong_usage(tmp_path, content: bytes | None) -> None:
    """A file that is missing or holds no certificate is named."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageError, match=r"ca\.pem"):
        Caller(Address("https://chat.example.com", ca_file=str(path)))


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("chat.example.com", "no http"),
        ("ftp://chat.example.com", "no http"),
        ("https://chat.example.com/?x=1", "no http"),
        ("https://", "no http"),
        ("http://[::1", "not a URL"),
        ("http://chat.example.com", "unencrypted"),
    ],
)
def test_an_unusable_address_is_wrong_usage(url: str, what: str) -> None:
    """Said before anything is sent."""
    with pytest.raises(UsageError, match=what):
        Caller(Address(url))


def test_plaintext_off_this_machine_has_to_be_meant() -> None:
    """With the option it is allowed."""
    caller = Caller(Address("http://chat.example.com", allow_plaintext=True))
    caller.close()

    assert caller.url == "http://chat.example.com"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:3000", True),
        ("http://127.1.2.3", True),
        ("http://[::1]:3000", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
    ],
)
def test_this_machine_is_known(url: str, expected: bool) -> None:
    """By address and by name."""
    assert expected == is_loopback(url)


def test_an_address_is_shown_without_its_password() -> None:
    """User and password stay out of journals and messages."""
    assert without_secrets("https://me:canary@chat.example.com:8443/base/") == "https://chat.example.com:8443/base"
