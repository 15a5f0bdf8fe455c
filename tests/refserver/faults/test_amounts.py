"""Times, shares, sizes and laws, and what cannot be one."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.refserver.faults.amounts import CAP_S, LAWS, Law, read_law, read_share, read_size, read_time


@pytest.mark.parametrize(
    ("text", "expected"), [("100us", 1e-4), ("100ms", 0.1), ("1.5s", 1.5), ("2min", 120.0), ("1h", 3600.0)]
)
def test_times_are_read(text: str, expected: float) -> None:
    """Each unit counts as what it says."""
    assert expected == pytest.approx(read_time(text))


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "1e3s", "25h", "inf"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """A time without a unit, below 0 or beyond a day is refused with what to write."""
    with pytest.raises(UsageError):
        read_time(text)


@pytest.mark.parametrize(("text", "expected"), [("2%", 0.02), ("0.02", 0.02), ("0", 0.0), ("100%", 1.0), ("1", 1.0)])
def test_shares_are_read(text: str, expected: float) -> None:
    """Percent and plain numbers mean the same."""
    assert expected == pytest.approx(read_share(text))


@pytest.mark.parametrize("text", ["", "%", "2", "101%", "-1%", "nan", "two"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """A share is between 0 and 1."""
    with pytest.raises(UsageError):
        read_share(text)


@pytest.mark.parametrize(("text", "expected"), [("500B", 500), ("1kB", 1000), ("1.5MB", 1_500_000)])
def test_sizes_are_read(text: str, expected: int) -> None:
    """Units are decimal."""
    assert expected == read_size(text)


@pytest.mark.parametrize("text", ["", "0B", "1", "1KB", "2GB", "5000MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """A size has a unit, and is above 0."""
    with pytest.raises(UsageError):
        read_size(text)


@pytest.mark.parametrize(
    "text",
    [
        *("normal(100ms)", "normal(100ms,20ms,1s,2s)", "gauss(1s)", "pareto(1s,0)", "pareto(1s,2s)", "lognormal(1s,x)"),
        *("uniform(2s,1s)", "normal(1,2)", "pareto(1s,inf)"),
    ],
)
def test_what_is_no_law_is_refused(text: str) -> None:
    """An unknown law, a wrong number of parameters or a parameter of the wrong sort is refused."""
    with pytest.raises(UsageError):
        read_law(text)


LAW_TEXTS = {
    "uniform": "uniform(50ms,150ms)",
    "normal": "normal(100ms,20ms)",
    "exponential": "exponential(100ms)",
    "lognormal": "lognormal(100ms,0.5)",
    "pareto": "pareto(10ms,2.5)",
}


def test_every_law_is_tried() -> None:
    """The examples below name every law there is."""
    assert LAWS.keys() == LAW_TEXTS.keys()


@pytest.mark.parametrize("text", LAW_TEXTS.values())
@given(low=st.floats(0, 1, exclude_max=True), high=st.floats(0, 1, exclude_max=True))
def test_a_draw_grows_with_its_number_and_stays_within_bounds(text: str, low: float, high: float) -> None:
    """A law is the inverse of a distribution function: monotone, at least 0, at most its cap."""
    law = read_law(text)
    first, second = (law.draw_s(uniform) for uniform in sorted((low, high)))

    assert 0 <= first <= second <= CAP_S


@pytest.mark.parametrize(
    ("text", "uniform", "expected"),
    [
        ("100ms", 0.3, 0.1),
        ("uniform(50ms,150ms)", 0.5, 0.1),
        ("normal(100ms,20ms)", 0.5, 0.1),
        ("normal(100ms,20ms)", statistics.NormalDist().cdf(1), 0.12),
        ("normal(10ms,20ms)", 0.001, 0.0),
        ("exponential(100ms)", 1 - math.exp(-1), 0.1),
        ("lognormal(100ms,0.5)", 0.5, 0.1),
        ("lognormal(100ms,0.5)", statistics.NormalDist().cdf(2), 0.1 * math.e),
        ("pareto(10ms,2)", 0.99, 0.1),
        ("pareto(10ms,0.5,5s)", 0.999, 5.0),
    ],
)
def test_laws_have_the_quantiles_of_their_distributions(text: str, uniform: float, expected: float) -> None:
    """Known quantiles of each distribution, the cut at 0 and the cap."""
    assert expected == pytest.approx(read_law(text).draw_s(uniform))


def test_a_constant_has_no_cap() -> None:
    """A constant time is what was asked for, however long."""
    assert read_law("2min") == Law("constant", 120.0)
    assert read_law("2min").draw_s(0.9) == 120.0
