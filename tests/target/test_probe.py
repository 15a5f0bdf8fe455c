"""The whole probe, on the reference server and on what is no cable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from loadtest.directory import Directory, Population, generate
from loadtest.refserver import ServerChild, ServerSettings, start_child
from loadtest.target.probe import ProbePlan, probe
from loadtest.target.probe_findings import ProbeReport
from loadtest.transport.address import cable_endpoint
from tests.target.wrong_cable import WELCOME, wrong_cable

POPULATION = Population(agents=8, contacts=4, members=3)
LISTEN_S = 0.8


@pytest.fixture(scope="module")
def server() -> Iterator[ServerChild]:
    """A reference server that beats fast and forgets people fast."""
    child = start_child(
        ServerSettings(
            population=POPULATION,
            ping_interval_s=0.2,
            agent_expiry_s=0.6,
            contact_expiry_s=0.6,
        )
    )
    yield child
    child.stop()


def probed(url: str, **plan: object) -> ProbeReport:
    """What a probe finds."""
    settings: dict[str, object] = {"directory": generate(POPULATION), "bad_input": True, "listen_s": LISTEN_S} | plan
    return asyncio.run(probe(ProbePlan(url, cable_endpoint(url), **settings)))  # type: ignore[arg-type]


def states(report: ProbeReport) -> dict[str, str]:
    """State by name."""
    return {finding.name: finding.state for finding in report.findings}


def value(report: ProbeReport, name: str) -> str:
    """What was seen."""
    return next(finding.value for finding in report.findings if finding.name == name)


@pytest.fixture(scope="module")
def report(server: ServerChild) -> ProbeReport:
    """What a whole probe finds there."""
    return probed(server.url)


def test_a_server_as_it_should_be_passes(report: ProbeReport) -> None:
    """Every question has an answer, and every answer is good."""

    names = (
        *("server", "handshake", "subprotocol", "compression", "welcome", "pings", "confirm agent"),
        *("confirm contact", "delivery", "order", "audience", "dialect", "bad token", "bad input"),
        *("rate limit", "clock"),
    )

    assert dict.fromkeys(names, "ok") == states(report)
    assert ("PASS", 0) == (report.result, report.exit_code)


def test_pings_are_measured(report: ProbeReport) -> None:
    """The interval and the longest gap, from a socket that does nothing else."""
    finding = next(f for f in report.findings if f.name == "pings")

    assert finding.data["pings"] >= 2
    assert max(finding.data["gaps_s"]) >= 0.19


def test_without_identities_nothing_is_claimed(server: ServerChild) -> None:
    """Delivery is not tested then, which is no PASS."""
    report = probed(server.url, directory=None)

    assert ("untested", "ok", "INCONCLUSIVE", 3) == (
        states(report)["delivery"],
        states(report)["pings"],
        report.result,
        report.exit_code,
    )


def test_bad_manners_have_to_be_asked_for(server: ServerChild) -> None:
    """Off loopback nobody sends bad tokens and bad input unasked."""
    seen = states(probed(server.url, bad_input=False))

    assert ("untested", "untested") == (seen["bad token"], seen["bad input"])


def test_presence_is_measured_when_asked_for(server: ServerChild) -> None:
    """The optional part leaves with agent and contact, and watches from a third socket."""
    said: list[str] = []
    plan = ProbePlan(
        server.url,
        cable_endpoint(server.url),
        generate(POPULATION),
        presence=True,
        listen_s=0.1,
    )
    seen = states(asyncio.run(probe(plan, said.append)))

    assert ("ok", "ok", 1) == (seen["agent expiry"], seen["contact expiry"], len(said))


def test_one_agent_cannot_watch_itself(server: ServerChild) -> None:
    """With a single agent the expiry is left out, and said to be."""
    directory = generate(POPULATION)
    contact = directory.contacts[0]
    alone = next(a for a in directory.agents if contact.inbox_id in a.inbox_ids)
    seen = states(probed(server.url, directory=Directory((alone,), (contact,)), presence=True))

    assert ("untested", "untested") == (seen["agent expiry"], seen["contact expiry"])


def test_what_cannot_be_opened_leaves_the_rest_untested() -> None:
    """Nothing is guessed of a server that is not there."""
    report = probed("http://127.0.0.1:1")
    seen = states(report)

    assert ("fail", "untested", "untested", "FAIL") == (
        seen["handshake"],
        seen["delivery"],
        seen["rate limit"],
        report.result,
    )


def test_a_rate_limit_that_bites_is_named() -> None:
    """Answers with 429 fail the probe: a run would measure the limit."""
    child = start_child(ServerSettings(population=POPULATION, ping_interval_s=0.2, rate_limit=6))
    try:
        report = probed(child.url)
    finally:
        child.stop()

    assert ("fail", "FAIL") == (states(report)["rate limit"], report.result)
    assert "429" in value(report, "rate limit")


def test_silence_after_the_welcome_is_no_beat() -> None:
    """A web process whose beat is stuck makes real clients reconnect for ever."""

    async def treat(socket) -> None:  # type: ignore[no-untyped-def]
        await socket.send(WELCOME)
        await socket.wait_closed()

    async def scenario() -> ProbeReport:
        async with wrong_cable(treat) as url:
            return await probe(ProbePlan(url, cable_endpoint(url), listen_s=0.2))

    report = asyncio.run(scenario())

    assert "fail" == states(report)["pings"]
    assert "none within" in value(report, "pings")


def test_a_connection_that_is_cut_while_idle_is_named() -> None:
    """A proxy that ends quiet connections is told from a server without a beat."""

    async def treat(socket) -> None:  # type: ignore[no-untyped-def]
        await socket.send(WELCOME)
        await socket.close()

    async def scenario() -> ProbeReport:
        async with wrong_cable(treat) as url:
            return await probe(ProbePlan(url, cable_endpoint(url), listen_s=0.2))

    assert "was closed" in value(asyncio.run(scenario()), "pings")


def test_no_token_is_in_what_was_found(server: ServerChild) -> None:
    """Neither pubsub tokens nor access tokens, nor the password of the URL."""
    directory = generate(POPULATION)
    text = str(probed(server.url.replace("http://", "http://me:s3cret@"), directory=directory).as_dict())
    secrets = {a.pubsub_token for a in directory.agents} | {a.access_token for a in directory.agents}
    secrets |= {c.pubsub_token for c in directory.contacts} | {"s3cret"}

    assert not [secret for secret in secrets if secret in text]
