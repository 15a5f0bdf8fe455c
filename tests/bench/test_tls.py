"""The bench of TLS, small: every kind of connection is opened, and clients that come back resume."""

from tests.bench.tls import KINDS, measure, table


def test_clients_that_come_back_resume() -> None:
    """Each of the third kind's, and nobody else."""
    rows = measure(connections=4, at_once=2, rounds=1)

    assert {kind: [row.resumed for row in found] for kind, found in rows.items()} == dict(
        zip(KINDS, ([0], [0], [4]), strict=True)
    )
    assert all(row.cpu_us > 0 for found in rows.values() for row in found)
    assert len(table(rows).splitlines()) == 2 + len(KINDS)
