"""The look of figures: axes, palette, saving for light and dark."""

import re
import xml.etree.ElementTree as ET

import pytest

from loadtest.report import ink
from loadtest.report.timeline import Timeline


def _picture(label: str = "a line") -> ink.Picture:
    with ink.style():
        figure, axes = ink.grid(1, 1, row_in=1.0, legend=[ink.key_line(ink.BLUE, label)])
        axes[0].plot([0, 10], [1, 100], color=ink.BLUE)
        ink.log_ms_axis(axes[0], [1.0, 100.0])
        ink.time_axis(axes[0], 0.0, 10.0)
        axes[0].set_title(ink.label(label))
        return ink.finish(figure, name="n", title="t", caption="c", alt="a")


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2, "contrast ratio")."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_same_drawing_gives_the_same_bytes() -> None:
    """No date, no random id: a report can be made again and compared."""
    actual = _picture()

    assert _picture() == actual


def test_both_pictures_are_whole_svg_documents() -> None:
    """They parse, and stand alone as files."""
    picture = _picture()

    actual = [ET.fromstring(svg).tag for svg in (picture.light, picture.dark)]

    assert ["{http://www.w3.org/2000/svg}svg"] * 2 == actual


def test_the_dark_picture_holds_no_light_colour() -> None:
    """Every colour of the light palette is replaced."""
    picture = _picture()
    palette = {ink.SURFACE, ink.INK, ink.MUTED, ink.GRID, ink.SHADE, ink.BREACH, *ink.SERIES}

    actual = palette & set(re.findall(r"#[0-9a-f]{6}", picture.dark))

    assert set() == actual


@pytest.mark.parametrize("colour", [*ink.SERIES, ink.INK, ink.MUTED])
@pytest.mark.parametrize("dark", [False, True])
def test_every_line_stands_out_from_its_page(colour: str, dark: bool) -> None:
    """Lines and text have a contrast of at least 3 to 1 with the surface, on both pages (WCAG 2.2, 1.4.11)."""
    drawn, surface = (ink.darkened(c) if dark else c for c in (colour, ink.SURFACE))

    actual = _contrast(drawn, surface)

    assert actual >= 3.0


@pytest.mark.parametrize("name", ["$x^{", "_hidden", "会話.created", "a" * 200, "x\x1b[31m\n", "<b>&amp;"])
def test_any_name_can_be_drawn(name: str) -> None:
    """Names come from servers: no formula, no missing glyph, no hidden label, no markup."""
    actual = ET.fromstring(_picture(name).light).tag

    assert actual.endswith("svg")


def test_nothing_is_drawn_outside_the_picture() -> None:
    """Texts of a crowded figure lie inside its edges: nothing is cut off."""
    line = Timeline(phases=[("ramp", 0.0, 1000.0), ("hold", 1000.0, 9000.0)])
    with ink.style():
        keys = [ink.key_line(ink.BLUE, f"conversation.status_changed {i}") for i in range(6)]
        figure, axes = ink.grid(3, 2, row_in=1.2, legend=keys)
        for row in range(3):
            for column in range(2):
                panel = axes[row * 2 + column]
                ink.log_ms_axis(panel, [0.02, 90_000.0], labelled=column == 0)
                ink.time_axis(panel, 0.0, 9000.0, labelled=row == 2)
                ink.stretches(panel, line, named=row == 0)
                panel.set_title(ink.label("conversation.status_changed seen by contacts"))
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
    width, height = figure.get_size_inches()

    actual = (box.x0 >= 0, box.y0 >= 0, box.x1 <= width, box.y1 <= height)

    assert (True, True, True, True) == actual


@pytest.mark.parametrize(
    ("ms", "said"), [(0.05, "50 µs"), (0.5, "0.5 ms"), (20, "20 ms"), (3000, "3 s"), (120_000, "2 min")]
)
def test_ticks_name_their_unit(ms: float, said: str) -> None:
    """A duration axis reads without a legend."""
    actual = ink.short_ms(ms)

    assert said == actual


@pytest.mark.parametrize(("end_s", "unit"), [(60.0, "[s]"), (1800.0, "[min]"), (8 * 3600.0, "[h]")])
def test_the_time_axis_has_a_fitting_unit(end_s: float, unit: str) -> None:
    """Seconds, minutes or hours by the run's length."""
    with ink.style():
        _, (panel,) = ink.grid(1, 1, row_in=1.0)
        ink.time_axis(panel, 0.0, end_s)

    actual = panel.get_xlabel()

    assert actual.endswith(unit)


@pytest.mark.parametrize("values", [[], [float("nan")], [5.0], [0.0], [1e-3, 1e7]])
def test_a_log_axis_holds_whatever_there_is(values: list[float]) -> None:
    """No value, one value, seven decades: there is an axis with ticks."""
    with ink.style():
        _, (panel,) = ink.grid(1, 1, row_in=1.0)
        ink.log_ms_axis(panel, values)

    actual = len(panel.yaxis.get_major_locator()())

    assert actual >= 1


def test_the_shading_is_explained() -> None:
    """The caption names what is grey and what is yellow."""
    actual = ink.shading(Timeline(phases=[("ramp", 0, 1), ("hold", 1, 2)], breached=[(1.0, 2.0)]))

    assert actual == ("Grey: ramp, which the verdict leaves out. Yellow: windows in which the generator was the limit.")
