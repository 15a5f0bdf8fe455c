"""Opening a cable: what is as it should be, and what each way of failing is called."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from loadtest.target import probe_opening
from loadtest.target.probe_findings import Finding
from loadtest.target.probe_opening import open_cable
from loadtest.target.probe_rest import Overheard
from loadtest.transport.address import cable_endpoint
from tests.certificates import Certificates, make_certificates
from tests.target.wrong_cable import Answer, Treat, mute, welcome, wrong_cable


def opened(
    treat: Treat = welcome,
    answer: Answer = lambda request: None,
    *,
    serve: dict[str, Any] | None = None,
    **endpoint: Any,
) -> dict[str, Finding]:
    """The lines of an opening by their names, against a server that does as told."""

    async def scenario() -> dict[str, Finding]:
        async with wrong_cable(treat, answer, **(serve or {})) as url:
            result = await open_cable(cable_endpoint(url, **endpoint), Overheard())
            if result.socket is not None:
                await result.socket.close()
            return {finding.name: finding for finding in result.findings}

    return asyncio.run(scenario())


def test_a_cable_is_a_cable() -> None:
    """Handshake, subprotocol, compression and welcome are as on Rails."""
    found = opened()

    assert dict.fromkeys(("handshake", "subprotocol", "compression", "welcome"), "ok") == {
        name: finding.state for name, finding in found.items()
    }


@pytest.mark.parametrize(
    ("allowed", "sent", "cause"),
    [
        ({None}, "https://elsewhere.example", "origin"),
        ({"own"}, "", "no_origin"),
        (set(), None, "path"),
    ],
)
def test_a_404_is_told_apart(allowed: set[str | None], sent: str | None, cause: str) -> None:
    """Action Cable answers a wrong Origin with 404: other Origins tell whether it is that, or the path."""

    def answer(request: Any) -> tuple[int, dict[str, str]] | None:
        origin = request.headers.get("Origin")
        own = f"http://{request.headers['Host']}"
        return None if origin in {own if one == "own" else one for one in allowed} else (404, {})

    finding = opened(answer=answer, origin=sent)["handshake"]

    assert ("fail", cause, True) == (finding.state, finding.data["cause"], bool(finding.remedy))
    assert "404" in finding.value


@pytest.mark.parametrize(
    ("status", "headers", "cause"),
    [
        (429, {"Retry-After": "30"}, "rate_limit"),
        (301, {"Location": "https://chat.example.com/cable?token=secret"}, "redirect"),
        (403, {}, "gate"),
        (502, {}, "upstream"),
        (200, {}, "no_cable"),
    ],
)
def test_a_refusal_is_explained(status: int, headers: dict[str, str], cause: str) -> None:
    """Each status has a cause and something to do about it; a redirect is not followed, and no query is quoted."""
    finding = opened(answer=lambda request: (status, headers))["handshake"]

    assert ("fail", cause, True) == (finding.state, finding.data["cause"], bool(finding.remedy))
    assert "secret" not in str(finding)


def test_what_a_refusal_says_of_rates_is_kept() -> None:
    """The headers of a 429 to an upgrade are for the line about rate limits."""
    overheard = Overheard()

    async def scenario() -> None:
        async with wrong_cable(answer=lambda request: (429, {"Retry-After": "30"})) as url:
            await open_cable(cable_endpoint(url), overheard)

    asyncio.run(scenario())

    assert (1, {"Retry-After": "30"}) == (overheard.refused, overheard.limits)


def test_a_port_without_a_listener_is_refused() -> None:
    """Nothing listens there."""

    async def scenario() -> Finding:
        async with wrong_cable() as url:
            pass
        (finding,) = (await open_cable(cable_endpoint(url), Overheard())).findings
        return finding

    assert asyncio.run(scenario()).data["cause"] == "refused"


def test_a_name_that_nobody_knows_is_said() -> None:
    """The name is at fault, not the server."""
    (finding,) = asyncio.run(open_cable(cable_endpoint("http://chat.invalid"), Overheard())).findings

    assert finding.data["cause"] == "dns"


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped server accepts and stays silent."""
    monkeypatch.setattr(probe_opening, "CONNECT_S", 0.3)

    with socket.create_server(("127.0.0.1", 0)) as listening:  # accepts in the kernel, and nobody reads
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        (finding,) = asyncio.run(open_cable(cable_endpoint(url), Overheard())).findings

    assert finding.data["cause"] == "timeout"


def test_a_missing_subprotocol_is_the_official_clients_end() -> None:
    """A proxy that strips the header makes browsers close the connection."""
    finding = opened(serve={"subprotocols": None})["subprotocol"]

    assert ("fail", None) == (finding.state, finding.data["chosen"])


def test_who_offers_no_subprotocol_misses_none() -> None:
    """The document's snippet offers none."""
    assert opened(client="seed", serve={"subprotocols": None})["subprotocol"].state == "ok"


def test_compression_is_noted() -> None:
    """What answers a compression offer is no plain Rails."""
    finding = opened(serve={"compression": "deflate"})["compression"]

    assert ("note", ["permessage-deflate"]) == (finding.state, finding.data["extensions"])


def test_a_socket_without_a_welcome_is_no_cable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The upgrade alone proves nothing."""
    monkeypatch.setattr(probe_opening, "WELCOME_S", 0.2)
    found = opened(mute)

    assert ("ok", "fail") == (found["handshake"].state, found["welcome"].state)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own, one that nobody knows, and a certificate for localhost."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_tls_says_how_long_its_certificate_lasts(certificates: Certificates) -> None:
    """Version and days are told; one that ends within two weeks, as the tests' does, is a warning."""
    finding = opened(serve={"ssl": server_context(certificates)}, ca_file=certificates.authority)["TLS"]

    assert finding.data["version"].startswith("TLS")
    assert ("warning", 2) == (finding.state, round(finding.data["days_left"]))


def test_a_certificate_of_a_stranger_is_refused(certificates: Certificates) -> None:
    """The remedy names the option for a private authority."""
    finding = opened(serve={"ssl": server_context(certificates)}, ca_file=certificates.stranger)["handshake"]

    assert ("certificate", True) == (finding.data["cause"], "--ca-file" in finding.remedy)


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """A server's TLS context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(certificates.server), Path(certificates.key))
    return context
