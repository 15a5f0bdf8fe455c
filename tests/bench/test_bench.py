"""The bench works: few sockets, few frames, no judgement of time. And a proof that takes a minute."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.bench import frames, table
from tests.bench.measure import Connected, Gated, Measured, Paced, Station, progress, server_command
from tests.bench.peers import ALL_STAMPS, DRAIN, NODE, OURS, Peer, all_peers
from tests.bench.processes import compiled

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the bench compiles its server with gcc")


@pytest.fixture
def server(tmp_path: Path) -> list[str]:
    """The frame server's command."""
    frames.write_bodies(tmp_path / "bodies")
    return server_command(compiled("server.c", tmp_path), tmp_path / "bodies")


def peer(name: str, folder: Path) -> Peer:
    """One of ours or the C client, without fetching the others."""
    return next(one for one in all_peers(folder, fetch=False) if one.name == name)


@pytest.mark.parametrize("kind", frames.KINDS)
def test_every_frame_is_accounted_for(server: list[str], tmp_path: Path, kind: str) -> None:
    """Ours and the C client drain bursts of each kind, one frame a read and several; our books balance."""
    settings = [Gated(20, kind, 1, 10), Gated(20, kind, 3, 200)]
    with Connected([peer(OURS, tmp_path), peer(DRAIN, tmp_path)], server, 20, progress) as connected:
        found = connected.gate(settings, 1, 0.001)

    assert [""] * 4 == [measured.note for measured in found.values()]
    assert all(measured.us for measured in found.values())


def test_paced_frames_are_accounted_for(server: list[str], tmp_path: Path) -> None:
    """At a slow rate all frames come, and latencies are told at the read and at the kernel's arrival."""
    with Connected([peer(ALL_STAMPS, tmp_path)], server, 200, progress) as connected:
        paced = connected.pace([2000.0], 0.5, 1)[ALL_STAMPS, 2000.0][0]

    assert (paced.note, paced.received) == ("", 1.0)
    assert paced.arrival_p50_us is not None


def test_a_peer_that_cannot_is_shown_as_such(server: list[str]) -> None:
    """What is missing or fails to connect is named with its reason, and the others are measured all the same."""
    peers = [Peer("gone", missing="not installed"), Peer("broken", ("sh", "-c", "echo no such thing >&2; exit 3"))]
    with Connected(peers, server, 5, progress) as connected:
        found = connected.gate([Gated(5, "ping", 1, 5)], 1, 0.001)
    notes = {name: measured.note for (name, _), measured in found.items()}

    assert notes == {"gone": "not installed", "broken": "cannot hold 5 sockets: no such thing"}


def test_ratios_are_of_the_same_round() -> None:
    """A round in which the machine was slow is slow for all, and moves no ratio."""
    results = table.Results([OURS, DRAIN, NODE])
    results.gated = {
        (OURS, table.MAIN): Measured([8.0, 80.0, 8.0]),
        (DRAIN, table.MAIN): Measured([4.0, 40.0, 4.0]),
        (NODE, table.MAIN): Measured(note="node is missing"),
    }
    results.paced = {(2000, ALL_STAMPS, 20_000.0): [Paced(1.0, 0.2, 300.0, 2000.0, 3.0, 9.0)]}
    text = table.markdown(results)

    assert results.ratio(DRAIN) == 0.5
    assert "| CPU over the C drain's | at most 2.2 | 2.00 | met |" in text
    assert "node is missing" in text
    assert "| p99 error at arrival, 20,000/s | below 1 ms | 9 µs | met |" in table.targets(results)


@pytest.mark.slow
def test_a_minute_at_fifty_thousand_frames_loses_doubles_and_reorders_nothing(
    server: list[str], tmp_path: Path
) -> None:
    """200 sockets at 50,000 frames a second for 60 s: three million deliveries, each accounted for."""
    station = Station(peer(ALL_STAMPS, tmp_path), server, 200)
    try:
        paced = station.pace(50_000.0, 60.0, grace_s=900.0)
    finally:
        station.end()

    assert (paced.note, paced.received) == ("", 1.0)
