"""What every source has in common: rates of totals."""

import pytest

from loadtest.target.watch_source import Rates, failed


def test_a_total_becomes_a_rate():
    """The first reading has no rate; the next ones have the growth a second since the last."""
    rates = Rates()

    assert [rates.of("x", 10, 0.0), rates.of("x", 16, 2.0), rates.of("x", 16, 4.0)] == [None, 3.0, 0.0]


def test_a_total_that_begins_anew_has_no_rate():
    """A restart is no negative rate."""
    rates = Rates()
    rates.of("x", 10, 0.0)

    assert [rates.of("x", 2, 1.0), rates.of("x", 4, 2.0)] == [None, pytest.approx(2.0)]


def test_a_failure_names_the_source():
    """What could not be read is said with the source's name."""
    assert str(failed("web", "gone")).startswith("web: ")
