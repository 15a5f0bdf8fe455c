"""How values are said: units, digits, and what is missing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.report import wording


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0.42, "0.420 ms"),
        (4.25, "4.25 ms"),
        (87, "87.0 ms"),
        (999.4, "999 ms"),
        (1250.0, "1.25 s"),
        (90_000, "90.0 s"),
        (150_000, "2 min 30 s"),
        (11_100_000, "3 h 05 min"),
        (3_600_000, "1 h"),
        (0, "0 ms"),
        ("inf", "∞"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_reads_best(ms: object, said: str) -> None:
    """Milliseconds become seconds, minutes and hours as they grow, with three digits."""
    actual = wording.milliseconds(ms)

    assert said == actual


def test_too_few_samples_are_said_with_their_number() -> None:
    """A null percentile is never a blank: it says how many samples there were."""
    actual = wording.milliseconds(None, 1200)

    assert actual == "n/a (n=1,200)"


def test_what_was_not_measured_at_all_is_said_without_a_number() -> None:
    """Without a sample count there is none to show."""
    actual = wording.seconds(None)

    assert actual == "n/a"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50.0 %"),
        (0.99996, "99.996 %"),
        (0.00004, "0.004 %"),
        (1e-9, "< 0.0001 %"),
        (1 - 1e-9, "> 99.9999 %"),
    ],
)
def test_a_share_never_rounds_to_all_or_nothing(share: float, said: str) -> None:
    """One delivery lost in a million is not 0 %."""
    actual = wording.percent(share)

    assert said == actual


@given(st.floats(min_value=1e-4, max_value=1e12))
def test_three_digits_are_within_half_a_per_cent(value: float) -> None:
    """What is printed is the number, but for the fourth digit."""
    actual = float(wording.significant(value).replace(",", ""))

    assert math.isclose(value, actual, rel_tol=0.006, abs_tol=1e-6)


@given(st.text())
def test_no_control_character_is_printed(text: str) -> None:
    """A name from a server cannot move a terminal's cursor or break a line."""
    actual = wording.plain(text)

    assert actual.isprintable() or all(c.isprintable() or c == "\u3000" or c.isspace() for c in actual)


def test_an_escape_sequence_is_taken_out() -> None:
    """The escape character itself is replaced."""
    actual = wording.plain("a\x1b[31mb\nc")

    assert actual == "a�[31mb c"


def test_the_time_of_day_is_utc() -> None:
    """An offset in the stamp is taken into account."""
    actual = wording.clock_time("2026-11-23T01:00:00+01:00", 90.0)

    assert actual == "00:01:30"


def test_a_stamp_that_is_none_gives_no_time_of_day() -> None:
    """An old or broken run has a report all the same."""
    actual = wording.clock_time(None, 1.0)

    assert actual == ""


@pytest.mark.parametrize(("at_s", "said"), [(7.9, "0:07"), (750, "12:30"), (3723, "1:02:03"), (-3, "-0:03")])
def test_run_time_reads_like_a_stop_watch(at_s: float, said: str) -> None:
    """Minutes and seconds, hours only when there are any."""
    actual = wording.run_time(at_s)

    assert said == actual


@pytest.mark.parametrize(
    ("size", "said"), [(812, "812 B"), (47_395_635, "45.2 MiB"), (None, "n/a"), (5 << 30, "5.00 GiB")]
)
def test_a_size_is_said_in_binary_units(size: int | None, said: str) -> None:
    """Bytes up to gibibytes."""
    actual = wording.bytes_(size)

    assert said == actual


@pytest.mark.parametrize(("n", "said"), [(1, "1 entry"), (2, "2 entries"), (0, "0 entries")])
def test_a_noun_follows_its_number(n: int, said: str) -> None:
    """One entry, two entries."""
    actual = wording.many(n, "entry", "entries")

    assert said == actual


@pytest.mark.parametrize(
    ("value", "number"), [(True, None), (float("nan"), None), ("inf", math.inf), ("7", None), (3, 3.0)]
)
def test_only_numbers_are_numbers(value: object, number: float | None) -> None:
    """Booleans, NaN and other texts hold no number."""
    actual = wording.number(value)

    assert number == actual


def test_a_rate_has_its_unit() -> None:
    """Three digits and a unit."""
    actual = wording.rate(1234.5, " messages/s")

    assert actual == "1,230 messages/s"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(1, "windows", "window"), (2, "windows", "windows"), (1.0, "cores", "core"), (1, "s", "s"), (1, "ms", "ms")],
)
def test_a_unit_follows_its_value(value: float, unit: str, said: str) -> None:
    """A plural is singular of 1; a symbol is no plural."""
    actual = wording.unit_of(value, unit)

    assert said == actual
