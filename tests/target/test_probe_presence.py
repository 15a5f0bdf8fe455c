"""How long somebody is shown, measured on a server whose expiry is known."""

from __future__ import annotations

import asyncio

import pytest

from loadtest.directory import Agent, Contact, Population, generate
from loadtest.refserver import ServerSettings, start_child
from loadtest.target import probe_presence
from loadtest.target.probe_delivery import Cast, Stage, confirm_all
from loadtest.target.probe_findings import Finding
from loadtest.target.probe_presence import expiry
from loadtest.target.probe_socket import ProbeSocket, open_socket
from loadtest.transport.address import cable_endpoint

POPULATION = Population(agents=3, contacts=1, members=3)
DIRECTORY = generate(POPULATION)
OBSERVER, LEAVER = DIRECTORY.agents[:2]
(CONTACT,) = DIRECTORY.contacts


def measured(longest_s: float, **settings: float) -> tuple[dict[str, Finding], list[str]]:
    """The lines by name, and what was said meanwhile, on a server with these settings."""
    server = start_child(ServerSettings(population=POPULATION, **settings))  # type: ignore[arg-type]
    said: list[str] = []

    async def scenario() -> list[Finding]:
        stage = Stage(Cast(CONTACT, OBSERVER))
        leaving = Stage(Cast(CONTACT, LEAVER))
        stage.take("agent", await open_socket(cable_endpoint(server.url), 5.0))
        for part in ("agent", "contact"):
            leaving.take(part, await open_socket(cable_endpoint(server.url), 5.0))
        await confirm_all(stage)
        await confirm_all(leaving)
        leavers: dict[str, tuple[ProbeSocket, str, Agent | Contact]] = {
            "agent": (leaving.sockets["agent"], leaving.identifiers["agent"], LEAVER),
            "contact": (leaving.sockets["contact"], leaving.identifiers["contact"], CONTACT),
        }
        found = await expiry(stage.sockets["agent"], stage.identifiers["agent"], leavers, said.append, longest_s)
        await stage.sockets["agent"].close()
        return found

    try:
        return {finding.name: finding for finding in asyncio.run(scenario())}, said
    finally:
        server.stop()


def test_the_expiry_lies_within_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents and contacts are measured at once; the truth lies between the last sight and the first miss."""
    monkeypatch.setattr(probe_presence, "_LOOK_S", 0.05)
    found, said = measured(30.0, agent_expiry_s=0.6, contact_expiry_s=1.2)

    for name, expected_s in (("agent expiry", 0.6), ("contact expiry", 1.2)):
        finding = found[name]
        assert finding.state == "ok"
        assert finding.data["least_s"] <= expected_s <= finding.data["most_s"]
        assert f"--{name.replace(' ', '-')}" in finding.remedy
    assert len(said) == 1


def test_who_is_shown_for_ever_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent who is set to stay online never goes."""
    monkeypatch.setattr(probe_presence, "_LOOK_S", 0.05)
    found, _ = measured(0.5, agent_expiry_s=60, contact_expiry_s=60)

    assert {"agent expiry": "note", "contact expiry": "note"} == {n: f.state for n, f in found.items()}
