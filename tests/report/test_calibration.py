"""A calibration as text."""

import pytest

from loadtest.report import calibration
from tests.report import calibrations as made


def test_a_row_shows_injected_beside_recovered():
    """Name, verdict, faults, and each figure in a line."""
    text = calibration.row(made.row("loss", made.comparison("lost", injected=481, recovered=481)))

    assert text.splitlines()[0].split()[:2] == ["loss", "ok"]
    assert "--faults loss=2%@2s" in text
    assert ["lost", "481", "481", "0", "ok"] in [line.split() for line in text.splitlines()]


def test_what_was_not_injected_and_not_found_is_one_line():
    """Zeros do not hide the figures that matter."""
    nothing = {"injected": 0, "recovered": 0}
    text = calibration.row(
        made.row("loss", made.comparison("duplicated", **nothing), made.comparison("leaked", **nothing))
    )

    assert "duplicated, leaked: none injected, none found" in text


def test_a_difference_says_what_differs():
    """The note of a wrong figure names what was missed."""
    wrong = made.comparison(recovered=6, ok=False, note="missed 1 (0000000a message.created agent)")
    text = calibration.row(made.row("loss", wrong, result="WRONG"))

    assert "WRONG" in text.splitlines()[0]
    assert "lost: missed 1 (0000000a message.created agent)" in text


def test_an_undecided_figure_says_so():
    """It stands in the table, with why it cannot be told."""
    unsteady = made.comparison("p99 from send", ok=None, decided=False, note="the floor is not steady enough to tell")
    text = calibration.row(made.row("delay", unsteady, result="INCONCLUSIVE"))

    assert "undecided" in text
    assert "p99 from send: the floor is not steady enough to tell" in text


def test_a_limit_is_written_as_one():
    """A figure without anything injected stands beside its limit."""
    limited = made.comparison("p99 from send", injected=None, recovered=3.5, tolerance=250.0, unit="ms")
    text = calibration.row(made.row("rest-stall", limited))

    assert "at most 250.00 ms" in text
    assert "3.50 ms" in text


def test_a_row_that_was_not_judged_says_why():
    """Inconclusive and broken rows show their first reason."""
    text = calibration.row(made.row("loss", result="INCONCLUSIVE", reasons=["The generator was the limit.", "other"]))

    assert text.splitlines()[-1].strip() == "The generator was the limit."


def test_figures_that_are_only_shown_stand_apart():
    """What was measured and not judged has no verdict."""
    text = calibration.row(
        made.row("floor", made.comparison("p50 from due", injected=None, ok=None, recovered=1.25, unit="ms"))
    )

    assert "measured: p50 from due 1.25 ms" in text
    assert "injected" not in text


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        (100.456, "ms", "100.46 ms"),
        (4888.1, "ms", "4.888 s"),
        (3.9652, "s", "3.965 s"),
        (87.5, "%", "87.500 %"),
        (24780, "deliveries", "24,780"),
        (None, "ms", "n/a"),
    ],
)
def test_values_have_their_unit(number, unit, expected):
    """Times to the hundredth of a millisecond, counts in full."""
    assert expected == calibration.value(number, unit)


def test_the_verdict_counts_rows():
    """How many came out how, how long it took, and what that means."""
    rows = [made.row("a"), made.row("b", result="WRONG"), made.row("c", result="BROKEN")]
    text = calibration.verdict(made.calibration(*rows, result="WRONG", exit_code=1))

    assert text.splitlines()[0] == "3 rows in 61 s: 1 ok, 1 WRONG, 1 NOT RUN"
    assert text.splitlines()[1].startswith("WRONG: a fault was not recovered")


def test_an_interrupted_matrix_says_so():
    """Rows that were never run are not passed over in silence."""
    text = calibration.verdict(made.calibration(interrupted=True, result="BROKEN", exit_code=4))

    assert "interrupted" in text
