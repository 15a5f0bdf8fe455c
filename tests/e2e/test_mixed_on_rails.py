"""The main job on a server nobody here wrote: ``locustfiles/mixed.py`` against Debian's Action Cable."""

import pytest

from tests.plugin.locusts import locust

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def ran(rails, tmp_path_factory):
    """Fifty agents and fifty contacts for half a minute, ten messages a second."""
    return locust(
        "mixed.py",
        tmp_path_factory.mktemp("rails") / "run",
        *("--host", rails.base_url, "--identities", rails.identities),
        *("--agents", 50, "--contacts", 50, "--emit-rate", 10, "--heartbeat", 10),
        *("--agent-expiry", 60, "--contact-expiry", 60, "--deadline", 5),
        *("--run-time", "25s", "--spawn-rate", 50),
    )


def test_messages_are_delivered(ran):
    """Every message reaches its whole audience, once, and nobody else."""
    row = ran.sums()

    assert row["emitted"] > 50, ran.err
    assert row["delivered"] > 10 * row["emitted"]
    assert (row["lost"], row["late"], row["duplicated"], row["leaked"], row["unmatched"]) == (0, 0, 0, 0, 0)


def test_latency_is_reported_for_both_roles(ran):
    """Agents' and contacts' fan-out latencies are measured from the due time."""
    rows = ran.summary["fanout"]["message.created"]

    assert set(rows) == {"agent", "contact"}
    assert all(row["n"] > 50 and row["p50_ms"] > 0 for row in rows.values())


def test_presence_is_reported(ran):
    """Both roles learn who is online, and beats are answered."""
    presence = ran.summary["presence"]

    assert all(presence[role]["p_a"] is not None for role in ("agent", "contact"))
    assert ran.sums("presence.update")["delivered"] > 0


def test_everybody_was_subscribed_and_nothing_broke_the_protocol(ran):
    """All users are confirmed, pings come every three seconds, and no frame is outside the protocol or contract."""
    cable, contract = ran.summary["cable"], ran.summary["contract"]

    assert (cable["unconfirmed"], cable["rejected"], cable["stale"]) == (0, 0, 0)
    assert (cable["protocol_errors"], contract["violations"]) == ({}, {})
    assert 2.5 < cable["ping_gap_p99_s"] < 6
    assert ran.summary["target"]["embedded"] is False if "target" in ran.summary else True


def test_the_run_says_where_it_was(ran):
    """The report names the target, and that it was not the embedded server."""
    target = ran.summary["run"]["target"]

    assert target["embedded"] is False
    assert (ran.folder / "report.html").stat().st_size > 50_000
