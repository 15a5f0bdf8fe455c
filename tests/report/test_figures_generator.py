"""The figure of the generator's own health."""

from loadtest.report import ink
from loadtest.report.figures_generator import generator_over_time
from loadtest.report.series import Frames
from loadtest.report.timeline import timeline
from tests.report.synthetic import Story, frames


def _picture(story: Story, *, rows: int | None = None) -> ink.Picture | None:
    hists, counts, gauges, notes = frames(story)
    hists, counts = hists.iloc[:rows], counts.iloc[:rows]
    with ink.style():
        line = timeline(hists, counts, notes, 1.0)
        return generator_over_time(Frames(hists, counts, gauges, 1.0), line, {"lateness": 50.0, "cpu": 0.9})


def test_breached_windows_are_counted_in_words() -> None:
    """Two stretches of late windows are in the alternative text."""
    picture = _picture(Story(breached=(20, 21, 40)))
    assert picture is not None

    actual = "2 stretches of windows breached a limit." in picture.alt

    assert actual


def test_breached_windows_are_marked() -> None:
    """Their colour is in the picture only when there are any."""
    clean, late = _picture(Story()), _picture(Story(breached=(20,)))
    assert clean is not None
    assert late is not None

    actual = (ink.BREACH in clean.light, ink.BREACH in late.light)

    assert (False, True) == actual


def test_a_run_without_rows_has_no_picture() -> None:
    """Nothing was recorded, nothing is drawn."""
    actual = _picture(Story(), rows=0)

    assert actual is None
