"""The ledger's memory stays within what is documented: bytes counted, not time."""

from __future__ import annotations

import pytest

from tests.bench.ledger_memory import measure, report


@pytest.mark.parametrize(("rate", "audience"), [(20, 1), (20, 11), (5, 400)])
def test_memory_is_bounded_by_deliveries_and_emissions(rate: int, audience: int) -> None:
    """At most 17 bytes a delivery and 1,200 an emission; next to nothing once the books are closed."""
    found = measure(rate, audience)

    assert max(found.open_bytes, found.judged_bytes, found.closed_bytes) <= 17 * found.cells + 1_200 * found.emissions
    assert found.left_bytes <= 200 * found.emissions + 64 * 1024


def test_what_was_lost_is_kept() -> None:
    """A delivery that comes late must be recognised, so its emission's page stays."""
    assert measure(20, 11, lost_every=2).left_bytes > 3 * measure(20, 11).left_bytes


def test_the_report_has_a_line_for_each_shape() -> None:
    """As the documentation quotes it."""
    lines: list[str] = []
    report(lines.append)

    assert 6 == len(lines)
