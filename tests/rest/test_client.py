"""The REST client against real HTTP servers in another process."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping

import gevent
import gevent.socket
import pytest

from loadtest.api import Call, Endpoint
from loadtest.errors import UsageError
from loadtest.rest.client import Reply, RestClient
from tests.certificates import Certificates
from tests.rest.conftest import HttpServer


def call(
    path: str, *, method: str = "POST", body: bytes = b'{"a":1}', headers: Mapping[str, str] | None = None
) -> Call:
    """A call to any path."""
    return Call(Endpoint("test.call", method, path, "public"), path, body, headers or {"Content-Type": "text/plain"})


_made: list[RestClient] = []


@pytest.fixture(autouse=True)
def _clients_are_closed() -> Iterator[None]:
    yield
    while _made:
        _made.pop().close()


def client_to(base_url: str, *, connections: int = 2, ca_file: str | None = None) -> RestClient:
    """A client that is closed after the test."""
    _made.append(RestClient(base_url, connections=connections, timeout_s=60.0, ca_file=ca_file))
    return _made[-1]


def client_of(port: int, *, connections: int = 2, timeout_s: float = 60.0, max_idle_s: float = 60.0) -> RestClient:
    """A client of a plain server, closed after the test."""
    url = f"http://127.0.0.1:{port}"
    _made.append(RestClient(url, connections=connections, timeout_s=timeout_s, max_idle_s=max_idle_s))
    return _made[-1]


def port_used(reply: Reply) -> int:
    """The client's port that the server saw."""
    return int(json.loads(reply.body)["client_port"])


def requests_seen(server: HttpServer, path: str) -> int:
    """How often the servers have got a request for the path."""
    reply = client_of(server.http).send(call(f"/counted?path={path}", method="GET", body=b""))
    return int(json.loads(reply.body))


def wait_until_seen(server: HttpServer, path: str, count: int) -> None:
    """Wait until the servers have got this many requests for the path."""
    with gevent.Timeout(60):
        while requests_seen(server, path) < count:
            gevent.sleep(0.001)


def test_request_arrives_as_given(server: HttpServer) -> None:
    """Method, path below the base's, headers and body arrive, with our User-Agent."""
    client = client_to(f"http://127.0.0.1:{server.http}/onechat/", connections=1)

    seen = json.loads(client.send(call("/api/v1", headers={"api_access_token": "secret"})).body)

    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/onechat/api/v1", '{"a":1}')
    assert (seen["headers"]["api_access_token"], seen["headers"]["User-Agent"]) == ("secret", "onechat-loadtest/0.1.0")


def test_stamps_are_in_order(server: HttpServer) -> None:
    """A request is written before its answer is complete."""
    reply = client_of(server.http).send(call("/stamps"))

    assert reply.responded_ns is not None
    assert (reply.status, reply.error, reply.sent, reply.written_ns < reply.responded_ns) == (200, None, True, True)


def test_connection_is_kept(server: HttpServer) -> None:
    """Calls after one another use the same connection."""
    client = client_of(server.http)

    ports = {port_used(client.send(call("/kept"))) for _ in range(5)}

    assert (len(ports), client.idle) == (1, 1)


def test_old_connection_is_not_used(server: HttpServer) -> None:
    """A connection that was idle too long is replaced."""
    client = client_of(server.http, max_idle_s=0.0)

    ports = {port_used(client.send(call("/aged"))) for _ in range(2)}

    assert len(ports) == 2


def test_connection_closed_while_idle_is_not_used(server: HttpServer) -> None:
    """A kept connection that the server has closed since is found dead before anything is sent on it."""
    client = client_of(server.raw)
    replies = []
    for count in range(1, 4):
        replies.append(client.send(call("/hang-up-idle")))
        wait_until_seen(server, "/hang-up-idle", count)
        with gevent.Timeout(60):
            while client._idle and not client._idle[0].readable():
                gevent.sleep(0.001)

    assert [reply.status for reply in replies] == [200, 200, 200]


def test_nothing_is_sent_twice(server: HttpServer) -> None:
    """A kept connection that dies under a request is a reset, and the server got that request once."""
    client = client_of(server.raw)

    first, second = client.send(call("/once")), client.send(call("/once"))

    assert (first.status, second.status, second.error, second.sent) == (200, None, "reset", True)
    assert requests_seen(server, "/once") == 2


@pytest.mark.parametrize("status", [301, 302, 307, 404, 422, 500, 503])
def test_status_is_the_answer(server: HttpServer, status: int) -> None:
    """Any status is handed back as it is; a redirect is not followed."""
    reply = client_of(server.http).send(call(f"/status/{status}"))

    assert (reply.status, reply.body, reply.error) == (status, b"body", None)
    assert requests_seen(server, "/elsewhere") == 0


def test_large_chunked_body(server: HttpServer) -> None:
    """A chunked body is read whole."""
    assert len(client_of(server.http).send(call("/large")).body) == 300_000


@pytest.mark.parametrize(("path", "body"), [("/interim", b"ok"), ("/until-close", b"all of it")])
def test_unusual_answers(server: HttpServer, path: str, body: bytes) -> None:
    """An interim answer is passed over, and a body may end with the connection."""
    reply = client_of(server.raw).send(call(path))

    assert (reply.status, reply.body, reply.error) == (200, body, None)


@pytest.mark.parametrize(("path", "kind"), [("/reset", "reset"), ("/truncated", "reset"), ("/garbage", "protocol")])
def test_broken_answers(server: HttpServer, path: str, kind: str) -> None:
    """An answer that does not come, ends early or is not HTTP has its kind, and no time of response."""
    reply = client_of(server.raw).send(call(path))

    assert (reply.error, reply.status, reply.responded_ns, reply.sent) == (kind, None, None, True)


def test_timeout_of_an_answer(server: HttpServer) -> None:
    """A server that stays silent is given up; the request may have had its effect."""
    client = client_of(server.raw, timeout_s=1.0)

    reply = client.send(call("/silent"))

    assert (reply.error, reply.sent, client.in_flight, client.idle) == ("timeout", True, 0, 0)


def test_waiting_for_a_connection_is_before_the_writing(server: HttpServer) -> None:
    """With every connection held, a call waits, and its request is written only when one is free."""
    client = client_of(server.http, connections=1)
    holder = gevent.spawn(client.send, call("/hold"))
    wait_until_seen(server, "/hold", 1)
    waiter = gevent.spawn(client.send, call("/waited"))
    gevent.sleep(0)
    while_held = (client.in_flight, client.waiting, client.size)
    client_of(server.http).send(call("/release"))
    held, waited = holder.get(), waiter.get()

    assert held.responded_ns is not None
    assert (while_held, waited.written_ns >= held.responded_ns) == ((1, 1, 1), True)


def test_giving_up_the_wait(server: HttpServer) -> None:
    """A call that got no connection in time was certainly never sent."""
    client = client_of(server.raw, connections=1, timeout_s=60)
    holder = gevent.spawn(client.send, call("/silent"))
    gevent.sleep(0)
    client._timeout_s = 0.01

    reply = client.send(call("/never"))

    assert (reply.error, reply.sent, requests_seen(server, "/never")) == ("timeout", False, 0)
    holder.kill()


def test_killed_call_gives_its_connection_back(server: HttpServer) -> None:
    """A greenlet killed during a call leaves the pool as it was."""
    client = client_of(server.raw, connections=1)
    greenlet = gevent.spawn(client.send, call("/silent"))
    gevent.sleep(0)
    greenlet.kill()

    assert (client.in_flight, client.idle, client.send(call("/interim")).status) == (0, 0, 200)


def test_refused() -> None:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        reply = client_of(bound.getsockname()[1]).send(call("/"))

    assert (reply.error, reply.sent, reply.responded_ns) == ("refused", False, None)


def test_an_address_that_answers_nobody_leaves_time_for_the_next(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with a dead address, such as an IPv6 one that nothing routes to, is reached by another."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as dead, contextlib.ExitStack() as stack:
        for _ in range(4):  # what its queue has no room for is not answered
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(dead.getsockname())
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            for port in (dead.getsockname()[1], server.http)
        ]
        monkeypatch.setattr(gevent.socket, "getaddrinfo", lambda *_: found)
        reply = client_of(server.http, timeout_s=4.0).send(call("/"))

    assert (reply.status, reply.error) == (200, None)


def test_unknown_name() -> None:
    """A name that cannot be resolved (RFC 6761 reserves .invalid)."""
    reply = client_to("http://chat.invalid", connections=1).send(call("/"))

    assert (reply.error, reply.sent) == ("dns", False)


def test_closed_client(server: HttpServer) -> None:
    """A closed client sends nothing."""
    client = client_of(server.http)
    client.send(call("/before"))
    client.close()

    assert (client.send(call("/after")).error, client.idle) == ("closed", 0)


def test_tls(server: HttpServer, certificates: Certificates) -> None:
    """Over TLS, with authority and name verified, a connection is kept too."""
    client = client_to(f"https://localhost:{server.https}", connections=1, ca_file=certificates.authority)

    ports = {port_used(client.send(call("/tls"))) for _ in range(3)}

    assert len(ports) == 1


def test_untrusted_authority(server: HttpServer, certificates: Certificates) -> None:
    """A server whose authority is not trusted gets no request."""
    client = client_to(f"https://localhost:{server.https}", connections=1, ca_file=certificates.stranger)

    reply = client.send(call("/untrusted"))

    assert (reply.error, reply.sent, "not trusted" in reply.detail) == ("tls", False, True)
    assert requests_seen(server, "/untrusted") == 0


def test_wrong_host_name(server: HttpServer, certificates: Certificates) -> None:
    """A trusted certificate for another name is refused."""
    client = client_to(f"https://localhost:{server.other_name}", connections=1, ca_file=certificates.authority)

    assert client.send(call("/")).error == "tls"


def test_proxies_of_the_environment_are_ignored(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy named in the environment is not asked."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert client_of(server.http).send(call("/direct")).status == 200


def test_header_injection_is_refused(server: HttpServer) -> None:
    """A token with a line break does not become a second header."""
    with pytest.raises(UsageError, match="api_access_token"):
        client_of(server.http).send(call("/", headers={"api_access_token": "a\r\nX-Evil: 1"}))


@pytest.mark.parametrize("url", ["ftp://host", "host:3000", "http://", "http://host:99999", "http://host/?a=1", ""])
def test_bad_base_url(url: str) -> None:
    """A base URL that is none says where it comes from and what to give."""
    with pytest.raises(UsageError, match="--host"):
        RestClient(url, connections=1)


def test_bad_ca_file(server: HttpServer, certificates: Certificates) -> None:
    """A CA file that is missing, or is no certificate, is found at once."""
    with pytest.raises(UsageError, match="cannot read the CA file"):
        RestClient("https://localhost", connections=1, ca_file="/nonexistent/ca.pem")
    with pytest.raises(UsageError, match="no usable certificate"):
        RestClient("https://localhost", connections=1, ca_file=certificates.key)


def test_works_without_monkey_patching(server: HttpServer, certificates: Certificates) -> None:
    """In a process that nobody has patched, plain and TLS calls run side by side in greenlets."""
    code = f"""
import gevent
from loadtest.api import Call, Endpoint
from loadtest.rest import RestClient
call = Call(Endpoint("test", "POST", "/unpatched", "public"), "/unpatched", b"", {{}})
plain = RestClient("http://127.0.0.1:{server.http}", connections=2)
secure = RestClient("https://localhost:{server.https}", connections=2, ca_file={certificates.authority!r})
greenlets = [gevent.spawn(client.send, call) for client in (plain, secure) for _ in range(4)]
print([greenlet.get().status for greenlet in greenlets], plain.idle, secure.idle)
plain.close(), secure.close()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == (f"{[200] * 8} 2 2\n", "")
