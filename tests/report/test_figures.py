"""All figures of a report together."""

import matplotlib as mpl
import pytest

from loadtest.report import figures
from loadtest.report.series import Frames
from loadtest.report.timeline import timeline
from tests.report.synthetic import Story, frames


def _names(story: Story, *, rows: int | None = None) -> list[str]:
    hists, counts, gauges, notes = frames(story)
    hists, counts = hists.iloc[:rows], counts.iloc[:rows]
    return list(figures.draw(Frames(hists, counts, gauges, 1.0), timeline(hists, counts, notes, 1.0)))


def test_a_run_has_six_figures() -> None:
    """All that a normal run has data for, in the report's order."""
    actual = _names(Story())

    assert [
        "fanout_over_time",
        "fanout_distribution",
        "load_over_time",
        "presence_over_time",
        "answers_distribution",
        "generator_over_time",
    ] == actual


@pytest.mark.parametrize(
    "story",
    [
        Story(ramp=0, hold=1, drain=0),
        Story(emissions=1, audience=1, agents=1, contacts=0),
        Story(hold=0, drain=0),
        Story(lost_share=1.0),
        Story(breached=tuple(range(60))),
        Story(expiry_s=1.0),
    ],
)
def test_odd_runs_are_drawn_without_an_error(story: Story) -> None:
    """One window, one user, no hold, everything lost, never trusted: there are still figures."""
    actual = "generator_over_time" in _names(story)

    assert actual


def test_a_run_without_rows_has_no_figures() -> None:
    """An empty store gives a report without pictures."""
    actual = _names(Story(), rows=0)

    assert [] == actual


def test_drawing_leaves_matplotlibs_settings_alone() -> None:
    """A notebook that makes a report keeps its own style."""
    before = dict(mpl.rcParams)
    _names(Story(hold=5))

    actual = dict(mpl.rcParams)

    assert before == actual
