"""Connections that do not come about: which step failed, and what the error says of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.errors import TransportError
from loadtest.transport.address import cable_endpoint
from loadtest.transport.gevent_ws import Poller
from loadtest.transport.interface import Endpoint
from tests.certificates import Certificates
from tests.transport.conftest import PeerServer, Recorder


def connect_error(poller: Poller, endpoint: Endpoint) -> TransportError:
    """The error that connecting ends in."""
    with pytest.raises(TransportError) as caught:
        poller.connect(endpoint, Recorder())
    return caught.value


def test_untrusted_authority(poller: Poller, server: PeerServer, certificates: Certificates) -> None:
    """A server whose authority is not trusted is refused, and the error says how to trust it."""
    error = connect_error(poller, cable_endpoint(f"wss://localhost:{server.wss}", ca_file=certificates.stranger))

    assert (error.kind, "SSL_CERT_FILE" in error.detail) == ("tls", True)


def test_wrong_host_name(poller: Poller, server: PeerServer, certificates: Certificates) -> None:
    """A trusted certificate for another name is refused."""
    endpoint = cable_endpoint(f"wss://localhost:{server.other_name}", ca_file=certificates.authority)

    error = connect_error(poller, endpoint)

    assert (error.kind, "localhost" in error.detail) == ("tls", True)


def test_tls_to_a_plain_port(poller: Poller, server: PeerServer, certificates: Certificates) -> None:
    """A plain server that hangs up on a TLS greeting is a reset whose text asks for the right port."""
    error = connect_error(poller, cable_endpoint(f"wss://localhost:{server.ws}", ca_file=certificates.authority))

    assert (error.kind, "port that speaks TLS" in error.detail) == ("reset", True)


def test_secure_endpoint_without_context(poller: Poller, server: PeerServer) -> None:
    """An endpoint for TLS without a context is refused rather than left unverified."""
    error = connect_error(poller, Endpoint(f"wss://localhost:{server.wss}/echo"))

    assert error.kind == "tls"


def test_404_names_origin_and_path(poller: Poller, server: PeerServer) -> None:
    """Action Cable's 404 is explained by the Origin that was sent."""
    error = connect_error(poller, server.endpoint("/status/404"))

    assert error.kind == "http_404"
    assert (f"Origin http://127.0.0.1:{server.ws}" in error.detail, "path" in error.detail) == (True, True)


def test_redirect_is_not_followed_and_shows_no_query(poller: Poller, server: PeerServer) -> None:
    """A redirect is an error that names its target without the query, which may hold a token."""
    error = connect_error(poller, server.endpoint("/status/302"))

    assert error.kind == "http_302"
    assert ("https://elsewhere.example/cable" in error.detail, "secret" in str(error)) == (True, False)


def test_refusal_whose_body_never_ends(poller: Poller, server: PeerServer) -> None:
    """A refusal is told from its head, without waiting for its body."""
    assert connect_error(poller, server.raw_endpoint("/endless-404")).kind == "http_404"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/foreign", "subprotocol"),
        ("/unsupported", "subprotocol"),
        ("/extension", "handshake"),
        ("/wrong-key", "handshake"),
        ("/garbage", "handshake"),
        ("/hang-up", "reset"),
        ("/half-answer", "reset"),
    ],
)
def test_bad_answers(poller: Poller, server: PeerServer, path: str, kind: str) -> None:
    """Every way to answer an upgrade wrongly has its kind."""
    assert kind == connect_error(poller, server.raw_endpoint(path)).kind


def test_refused(poller: Poller, refused_port: int) -> None:
    """A port on which nobody listens."""
    error = connect_error(poller, cable_endpoint(f"http://127.0.0.1:{refused_port}"))

    assert (error.kind, error.where) == ("refused", f"ws://127.0.0.1:{refused_port}/cable")


def test_unknown_name(poller: Poller) -> None:
    """A name that cannot be resolved (RFC 6761 reserves .invalid)."""
    assert connect_error(poller, cable_endpoint("http://chat.invalid")).kind == "dns"


def test_handshake_that_never_answers(poller: Poller, server: PeerServer) -> None:
    """A server that accepts and stays silent runs into the connect timeout, which says at which stage."""
    error = connect_error(poller, server.raw_endpoint("/silent", connect_timeout_s=1.0))

    assert (error.kind, "upgrade" in error.detail) == ("timeout", True)


def test_failed_connects_leave_nothing_open(poller: Poller, server: PeerServer) -> None:
    """A connection that did not come about leaves no descriptor behind."""
    connect_error(poller, server.endpoint("/status/404"))
    before = len(list(Path("/proc/self/fd").iterdir()))

    for path in ("/status/404", "/status/500", "/status/302"):
        connect_error(poller, server.endpoint(path))

    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_out_of_descriptors(server: PeerServer) -> None:
    """This machine's own limit has a kind of its own, and the error says how to raise it."""
    code = f"""
import resource
from loadtest.errors import TransportError
from loadtest.transport.address import cable_endpoint
from loadtest.transport.gevent_ws import Poller
class Handler:
    def on_text(self, data, start, end, arrival_ns, lag_ns=-1): pass
    def on_closed(self, closed): pass
poller = Poller()
endpoint = cable_endpoint("ws://127.0.0.1:{server.ws}", cable_path="/echo")
poller.connect(endpoint, Handler())
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
try:
    for _ in range(20):
        poller.connect(endpoint, Handler())
except TransportError as error:
    print(error.kind, "ulimit -n" in error.detail)
poller.close()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("no_files True\n", "")
