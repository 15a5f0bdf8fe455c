"""The figure of presence accuracy."""

from loadtest.report import ink
from loadtest.report.figures_presence import presence_over_time
from loadtest.report.series import Frames
from loadtest.report.timeline import timeline
from tests.report.synthetic import Story, frames


def _picture(story: Story) -> ink.Picture | None:
    hists, counts, gauges, notes = frames(story)
    with ink.style():
        return presence_over_time(Frames(hists, counts, gauges, 1.0), timeline(hists, counts, notes, 1.0))


def test_it_says_how_often_observers_were_right() -> None:
    """An expiry of 20 s at a beat of 30 s leaves two thirds."""
    picture = _picture(Story(expiry_s=20.0))
    assert picture is not None

    actual = picture.alt

    assert "agents seen by agents: right 66.3 % of the hold." in actual


def test_an_axis_that_does_not_start_at_zero_says_so() -> None:
    """A cut axis exaggerates; the caption owns up to it."""
    picture = _picture(Story())
    assert picture is not None

    actual = "The axis starts at 90 %." in picture.caption

    assert actual


def test_an_unknown_expiry_gives_no_ceiling_and_says_so() -> None:
    """Without the server's expiry there is nothing to draw as the best possible."""
    picture = _picture(Story(expiry_s=None))
    assert picture is not None

    actual = "No ceiling is drawn where the server's expiry is unknown." in picture.caption

    assert actual


def test_a_run_without_observers_has_no_picture() -> None:
    """Nobody watched, nothing is drawn."""
    actual = _picture(Story(agents=0))

    assert actual is None
