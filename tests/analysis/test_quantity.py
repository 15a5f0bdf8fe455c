"""Quantities as people write them."""

import pytest

from loadtest.analysis.quantity import dimension_of, read_amount, read_duration_s
from loadtest.errors import UsageError


@pytest.mark.parametrize(
    ("text", "dimension", "per_hour"),
    [
        ("5 MB/h", "bytes", 5e6),
        ("5MiB/h", "bytes", 5 * 2**20),
        ("24 MB/day", "bytes", 1e6),
        ("1 kB/s", "bytes", 3.6e6),
        ("1.5 ms/h", "ms", 1.5),
        ("500 us/h", "ms", 0.5),
        ("10 ms/h", "s", 0.01),
        ("3/h", "", 3.0),
        ("1,000/week", "", 1000 / 168),
        ("0.5 %/h", "share", 0.005),
    ],
)
def test_rates_are_read_per_hour(text, dimension, per_hour):
    """A rate is growth an hour in the unit of its level."""
    amount = read_amount(text, dimension, rate=True)

    assert not amount.relative
    assert amount.per_hour(None, 1.0) == pytest.approx(per_hour)


def test_a_percentage_is_of_the_level():
    """A percentage of what is no share is of its level; per run is over what was measured."""
    assert read_amount("5 %/run", "bytes", rate=True).per_hour(200.0, 4.0) == pytest.approx(2.5)
    assert read_amount("5 %/h", "bytes", rate=True).per_hour(None, 4.0) is None


@pytest.mark.parametrize(
    ("text", "dimension", "rate", "says"),
    [
        ("5 MB", "bytes", True, "per what time"),
        ("5 MB/h", "bytes", False, "is a rate"),
        ("5 ms/h", "bytes", True, "'5 MB/h'"),
        ("5 MB/fortnight", "bytes", True, "Known: s, "),
        ("0 MB/h", "bytes", True, "no growth at all"),
        ("-5 MB/h", "bytes", True, "is no growth"),
        ("much", "", False, "is no quantity"),
    ],
)
def test_errors_show_what_would_do(text, dimension, rate, says):
    """What cannot be read is refused with an example or the known names."""
    with pytest.raises(UsageError, match=says):
        read_amount(text, dimension, rate=rate)


@pytest.mark.parametrize(
    ("name", "dimension"),
    [
        ("rss_bytes", "bytes"),
        ("p99_ms", "ms"),
        ("latency_s", "s"),
        ("ops_per_s", ""),
        ("cpu_share", "share"),
        ("fds", ""),
    ],
)
def test_a_name_says_its_unit(name, dimension):
    """The end of a level's name is its unit."""
    assert dimension == dimension_of(name)


def test_durations():
    """Durations are read in seconds; others are refused."""
    assert [read_duration_s(text) for text in ("90 s", "30 min", "24 h", "2 day")] == [90, 1800, 86400, 172800]
    for wrong in ("24", "1 MB", "0 h", "1 h/h"):
        with pytest.raises(UsageError):
            read_duration_s(wrong)
