"""The probe on real Action Cable: what nobody here wrote is found as it is."""

from __future__ import annotations

import asyncio

import pytest

from loadtest.directory import Directory
from loadtest.target.probe import ProbePlan, probe
from loadtest.target.probe_findings import Finding
from loadtest.transport.address import cable_endpoint
from tests.e2e.rails_server import RailsServer

pytestmark = pytest.mark.peer

GOOD = (
    *("handshake", "subprotocol", "compression", "welcome", "pings", "confirm agent", "confirm contact"),
    *("delivery", "audience", "bad token", "bad input"),
)


def findings(rails: RailsServer, directory: Directory | None = None, origin: str | None = None) -> dict[str, Finding]:
    """What a probe finds, by name."""
    endpoint = cable_endpoint(rails.base_url, origin=origin)
    report = asyncio.run(probe(ProbePlan(rails.base_url, endpoint, directory, bad_input=True)))
    return {finding.name: finding for finding in report.findings}


def test_action_cable_is_as_it_should_be(rails: RailsServer, help_desk: Directory) -> None:
    """Subprotocol, no compression, beats every 3 s, silence for a bad token, and delivery both ways; order is noted."""
    found = findings(rails, help_desk)

    assert dict.fromkeys(GOOD, "ok") == {name: found[name].state for name in GOOD}
    assert found["order"].state in ("ok", "note")
    assert 2.5 < found["pings"].data["gaps_s"][0] < 3.5
    assert "seed" == found["dialect"].data["dialect"]


def test_a_foreign_origin_is_told_from_a_wrong_path(rails: RailsServer) -> None:
    """Action Cable's 404 is explained: the path is right, the page is not known."""
    finding = findings(rails, origin="https://elsewhere.example")["handshake"]

    assert ("fail", 404, "origin") == (finding.state, finding.data["status"], finding.data["cause"])
