"""The look before a run: what is not a cable is named, with what to do about it."""

import pytest

from loadtest.errors import TransportError, UsageError
from loadtest.users import preflight as module
from loadtest.users.preflight import is_loopback, preflight
from loadtest.users.settings import FleetSettings


def options(cable_path="/cable", client="official", ca_file=None):
    """Options of a run, as far as they matter here."""
    return FleetSettings("000000", cable_path=cable_path, client=client, ca_file=ca_file)


def test_a_cable_that_welcomes_passes(server):
    """Nothing is said of a target that is as it should be."""
    assert preflight(server.url, options()) is None


def test_a_cable_that_speaks_no_subprotocol_passes_for_the_seeds_client(scripted):
    """The document's snippet offers no subprotocol."""
    assert preflight(scripted.host, options(scripted.cable("mute"), client="seed")) is None


def test_tls_of_a_known_authority_passes(scripted, certificates):
    """A private authority is trusted where its file is given."""
    host = f"https://localhost:{scripted.https}"

    assert preflight(host, options(scripted.cable("mute"), ca_file=certificates.authority)) is None


@pytest.mark.parametrize("authority", ["stranger", None])
def test_tls_of_an_unknown_authority_is_refused(scripted, certificates, authority):
    """A certificate that nobody vouches for ends the run, and the remedy names the option."""
    ca_file = getattr(certificates, authority) if authority else None
    with pytest.raises(TransportError, match="--ca-file") as caught:
        preflight(f"https://localhost:{scripted.https}", options(scripted.cable("mute"), ca_file=ca_file))

    assert "tls" == caught.value.kind


def test_a_path_that_is_no_cable_is_named(server):
    """404 is what Action Cable answers to a wrong path and to a wrong Origin: both are told."""
    with pytest.raises(TransportError, match=r"--cable-path.*Origin") as caught:
        preflight(server.url, options("/nowhere"))

    assert "http_404" == caught.value.kind


def test_a_page_that_is_no_websocket_is_named(server):
    """An ordinary page answers 200, which is no upgrade."""
    with pytest.raises(TransportError) as caught:
        preflight(server.url, options("/health"))

    assert "http_200" == caught.value.kind


def test_a_port_without_a_listener_is_named(refused_port):
    """Nothing listens: check host and port."""
    with pytest.raises(TransportError, match="--host") as caught:
        preflight(f"http://127.0.0.1:{refused_port}", options())

    assert "refused" == caught.value.kind


def test_plain_text_to_a_tls_port_is_named(scripted):
    """http:// to a port that speaks TLS is an error of the network, not a traceback."""
    with pytest.raises(TransportError) as caught:
        preflight(f"http://127.0.0.1:{scripted.https}", options())

    assert str(scripted.https) in caught.value.where


def test_silence_instead_of_a_welcome_is_named(scripted, monkeypatch):
    """A WebSocket that is no Action Cable opens and says nothing."""
    monkeypatch.setattr(module, "_WELCOME_TIMEOUT_S", 0.1)
    with pytest.raises(TransportError, match=r"silence for 0\.1 s") as caught:
        preflight(scripted.host, options(scripted.cable("no-welcome")))

    assert "no_welcome" == caught.value.kind


def test_a_close_instead_of_a_welcome_is_named(scripted):
    """A server that closes at once tells why by its code."""
    with pytest.raises(TransportError, match="closed with 1013") as caught:
        preflight(scripted.host, options(scripted.cable("hang-up")))

    assert "no_welcome" == caught.value.kind


def test_an_unusable_url_is_the_callers_mistake():
    """A host that is no URL is refused before anything is opened."""
    with pytest.raises(UsageError):
        preflight("ftp://example.com", options())


def test_no_token_is_sent(scripted):
    """The look subscribes to nothing."""
    preflight(scripted.host, options(scripted.cable("mute")))

    assert [{"opened": "mute"}] == [what for what in scripted.seen(2) if "closed" not in what]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:3000", True),
        ("http://127.9.9.9", True),
        ("http://localhost", True),
        ("https://LOCALHOST:1/x", True),
        ("ws://[::1]:80/cable", True),
        ("http://user:secret@127.0.0.1", True),
        ("http://0.0.0.0", False),
        ("http://10.0.0.1", False),
        ("http://[2001:db8::1]", False),
        ("https://example.com", False),
        ("https://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("http://", False),
        ("", False),
        ("http://[::1", False),
    ],
)
def test_loopback(url, expected):
    """Only what surely is this machine counts as loopback."""
    assert expected == is_loopback(url)
