"""Base URLs to endpoints."""

from __future__ import annotations

import ssl
import subprocess
import sys

import pytest

from loadtest.errors import UsageError
from loadtest.transport.address import PROTOCOL, UNSUPPORTED, cable_endpoint, verifying_context
from tests.certificates import Certificates


@pytest.mark.parametrize(
    ("base", "url", "origin"),
    [
        ("http://host", "ws://host/cable", "http://host"),
        ("http://host:3000/", "ws://host:3000/cable", "http://host:3000"),
        ("https://Chat.Example.com", "wss://chat.example.com/cable", "https://chat.example.com"),
        ("https://host:443", "wss://host/cable", "https://host"),
        ("ws://host:80", "ws://host/cable", "http://host"),
        ("wss://host:444", "wss://host:444/cable", "https://host:444"),
        ("http://host/onechat", "ws://host/onechat/cable", "http://host"),
        ("ws://host/cable", "ws://host/cable", "http://host"),
        ("http://[::1]:3000", "ws://[::1]:3000/cable", "http://[::1]:3000"),
        ("http://büro.example", "ws://xn--bro-hoa.example/cable", "http://xn--bro-hoa.example"),
    ],
)
def test_urls(base: str, url: str, origin: str) -> None:
    """Scheme, port, path and Origin follow from the base URL."""
    endpoint = cable_endpoint(base)

    assert (url, origin) == (endpoint.url, endpoint.origin)


def test_official_and_seed() -> None:
    """The official client offers two subprotocols and its Origin, the seed's neither."""
    official, seed = cable_endpoint("http://host"), cable_endpoint("http://host", client="seed")

    assert (official.subprotocols, official.origin) == ((PROTOCOL, UNSUPPORTED), "http://host")
    assert (seed.subprotocols, seed.origin) == ((), None)


def test_origin_can_be_given() -> None:
    """An Origin of the caller's goes before the derived one, for either client."""
    origins = [
        cable_endpoint("http://host", client=client, origin="https://front").origin for client in ("official", "seed")
    ]

    assert origins == ["https://front", "https://front"]


def test_cable_path_with_query() -> None:
    """The cable may be mounted elsewhere."""
    assert cable_endpoint("http://host", cable_path="ws/v1").url == "ws://host/ws/v1"


def test_credentials_become_a_header_and_stay_hidden() -> None:
    """A password in the URL is sent as Basic authorization and shown nowhere."""
    endpoint = cable_endpoint("https://ann:p%40ss@host")

    assert endpoint.headers == (("Authorization", "Basic YW5uOnBAc3M="),)
    assert (endpoint.url == "wss://host/cable", "YW5u" in repr(endpoint)) == (True, False)


def test_plain_endpoint_has_no_context() -> None:
    """Only TLS endpoints carry the context, and all of them the same one."""
    secure = [cable_endpoint(f"https://host{number}").ssl_context for number in range(2)]

    assert (cable_endpoint("http://host").ssl_context, secure[0] is secure[1] is verifying_context()) == (None, True)


def test_context_verifies() -> None:
    """Certificate and host name are verified."""
    context = verifying_context()

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    "base",
    [
        "host:3000",
        "",
        "ftp://host",
        "http://",
        "http://host:0",
        "http://host:99999",
        "http://host:port",
        "http://host/?token=1",
        "http://host/#top",
        "http://ho st",
        "http://[::g]",
        "http://[1::2::3]",
        "http://" + "a" * 64 + ".example",
    ],
)
def test_bad_urls(base: str) -> None:
    """A URL that cannot be used says where it comes from and what to give."""
    with pytest.raises(UsageError) as caught:
        cable_endpoint(base)

    assert (caught.value.where, bool(caught.value.remedy)) == ("--host", True)


@pytest.mark.parametrize("option", [{"client": "browser"}, {"connect_timeout_s": 0.0}, {"origin": "a\r\nX-Evil: 1"}])
def test_bad_options(option: dict[str, object]) -> None:
    """An unknown client, no time to connect and a broken header are refused."""
    with pytest.raises(UsageError):
        cable_endpoint("http://host", **option)  # type: ignore[arg-type]


def test_bad_ca_files(certificates: Certificates) -> None:
    """A CA file that is missing, or holds no certificate, is refused by name."""
    with pytest.raises(UsageError, match=r"/nonexistent\.pem: cannot read"):
        cable_endpoint("https://host", ca_file="/nonexistent.pem")
    with pytest.raises(UsageError, match="no usable certificate"):
        cable_endpoint("https://host", ca_file=certificates.key)


def test_imports_no_gevent() -> None:
    """All of the transport but the poller works without gevent."""
    code = (
        "import sys, loadtest.transport.address, loadtest.transport.connection, loadtest.transport.handshake;"
        "print('gevent' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
