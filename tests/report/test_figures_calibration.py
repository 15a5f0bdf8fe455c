"""The figure of a calibration."""

import re
from xml.etree import ElementTree

from loadtest.report.figures_calibration import picture
from tests.report import calibrations as made

TIME = {"injected": 100.0, "recovered": 100.4, "tolerance": 1.0, "unit": "ms"}


def drawn(*rows):
    """The picture of a calibration of these rows."""
    return picture(made.calibration(*rows))


def panels(svg):
    """How many panels an SVG has."""
    return len(re.findall(r'<g id="axes_\d+">', svg))


def test_all_panels_are_drawn():
    """Distributions, counts and times, each in a panel; the result is an SVG for both pages."""
    shown = drawn(
        made.row("floor", curve=made.curve(expected=False)),
        made.row("delay", made.comparison("p99 from due", **TIME), curve=made.curve()),
    )

    assert panels(shown.light) == 3
    assert ElementTree.fromstring(shown.light).tag.endswith("svg")
    assert shown.light != shown.dark


def test_a_panel_without_data_is_left_out():
    """A matrix of one counting row has counts alone."""
    assert panels(drawn(made.row("loss")).light) == 1


def test_a_matrix_without_any_figure_is_still_a_picture():
    """Rows that were not run leave an empty one."""
    assert panels(drawn(made.row("loss", result="BROKEN", comparisons=[])).light) == 0


def test_more_rows_make_a_higher_figure():
    """Lines keep their distance, however many there are."""
    one = drawn(made.row("loss"))
    many = drawn(*(made.row(f"loss {n}") for n in range(20)))

    assert many.height - one.height > 200


def test_a_row_of_many_figures_has_one_line():
    """Counts that all agree are told so, times by the one that is furthest off."""
    counts = [made.comparison(f"lost {n}") for n in range(20)]
    times = [made.comparison(f"T_D {n}", **TIME) for n in range(20)]
    one = drawn(made.row("presence", counts[0], times[0]))
    many = drawn(made.row("presence", *counts, *times))

    assert one.height == many.height


def test_what_was_not_found_and_what_is_far_off_are_drawn():
    """Figures beyond the axis, or without a value, are marked at its edge."""
    shown = drawn(
        made.row(
            "delay",
            made.comparison("p50 from due", **TIME),
            made.comparison("p90 from due", **TIME | {"recovered": 900.0, "ok": False}),
            made.comparison("p99 from due", **TIME | {"recovered": None, "ok": False}),
            made.comparison("p99 from send", **TIME | {"injected": None, "recovered": 0.2}),
            result="WRONG",
        )
    )

    assert panels(shown.light) == 1
    assert "nan" not in shown.light


def test_the_same_calibration_gives_the_same_bytes():
    """The figure holds no date and no chance."""
    rows = [made.row("delay", made.comparison("p99 from due", **TIME), curve=made.curve())]

    assert drawn(*rows).light == drawn(*rows).light


def test_the_alternative_text_names_every_row():
    """Who cannot see it reads each row's verdict."""
    assert "loss: ok" in drawn(made.row("loss")).alt
