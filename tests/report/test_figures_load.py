"""The figure of users, emissions and deliveries."""

from loadtest.report import ink
from loadtest.report.figures_load import load_over_time
from loadtest.report.series import Frames
from loadtest.report.timeline import timeline
from tests.report.synthetic import Story, frames


def _picture(story: Story) -> ink.Picture | None:
    hists, counts, gauges, notes = frames(story)
    with ink.style():
        return load_over_time(Frames(hists, counts, gauges, 1.0), timeline(hists, counts, notes, 1.0))


def test_it_says_who_was_connected_and_what_flowed() -> None:
    """The alternative text has the users and the highest rates."""
    picture = _picture(Story(agents=50, emissions=10, audience=20))
    assert picture is not None

    actual = picture.alt

    assert "At most 50 agents connected. At most 5 contacts connected. At most 15/s emissions." in actual


def test_what_went_wrong_is_a_panel_of_its_own() -> None:
    """Only a run with losses or leaks has the fourth panel."""
    clean, bad = _picture(Story()), _picture(Story(leaked=3))
    assert clean is not None
    assert bad is not None

    actual = (bad.height > clean.height, "3 leaked." in bad.alt)

    assert (True, True) == actual


def test_one_user_is_said_in_the_singular() -> None:
    """One agent, not one agents."""
    picture = _picture(Story(agents=1, contacts=0))
    assert picture is not None

    actual = "At most 1 agent connected." in picture.alt

    assert actual


def test_a_run_with_nobody_and_nothing_has_no_picture() -> None:
    """Empty axes tell nothing."""
    actual = _picture(Story(agents=0, contacts=0, emissions=0))

    assert actual is None
