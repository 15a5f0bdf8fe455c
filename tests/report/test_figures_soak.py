"""Figures of a soak: what they show, and what they leave out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import loadtest
from loadtest.analysis.budget import parse_budget
from loadtest.analysis.growth import Growth
from loadtest.analysis.soak import Drift, judge
from loadtest.analysis.soak_levels import Level
from loadtest.report import figures_soak, ink
from loadtest.report.timeline import timeline
from tests.analysis.soaks import WINDOW_S, Story, data

PERIOD = '[soak]\nperiod = "24 h"\n[target]\nrss_bytes = "1 MB/h"'


def drawn(figure, **story):
    """A figure of a made-up run."""
    run = data(Story(**story))
    line = timeline(run.hists, run.counts, run.notes, WINDOW_S)
    with ink.style():
        return figure(run, line)


def test_every_level_has_a_panel():
    """Each level is drawn, and told with its growth for who cannot see it."""
    picture = drawn(lambda run, line: figures_soak.drift(judge(run), line, run.notes), leak=3e6)

    assert picture.alt.startswith("Line charts of levels over time. rss_bytes of the target: +")
    assert picture.dark != picture.light


def test_nothing_read_is_no_figure():
    """Without a level there is nothing to draw."""
    assert drawn(lambda run, line: figures_soak.drift(judge(run), line, run.notes), hours=0.0, watched=False) is None


@pytest.mark.parametrize(("hours", "days"), [(80.0, "4 days"), (24.0, None)])
def test_days_are_drawn_over_each_other(hours, days):
    """More than a period is needed for a second line."""
    picture = drawn(
        lambda run, _: figures_soak.days(judge(run, parse_budget(PERIOD))), hours=hours, day_h=24.0, per_window=1
    )

    assert (picture and picture.alt[:6]) == days


def test_a_constant_load_has_no_days():
    """Without a period there is nothing to lay over anything."""
    assert drawn(lambda run, _: figures_soak.days(judge(run))) is None


def test_latency_is_a_map():
    """Deliveries make a map; none make none."""
    picture = drawn(lambda run, line: figures_soak.heat(run.hists, WINDOW_S, 1, line, run.notes))

    assert "message.created to agents" in picture.alt
    assert drawn(lambda run, line: figures_soak.heat(run.hists, WINDOW_S, 1, line, run.notes), hours=0.0) is None


def test_marked_events_are_those_people_look_for():
    """Annotations and restarts are marked, phases and breaches are not."""
    run = data(Story(marked=0.1))

    assert figures_soak.events(run.notes) == []


def test_what_is_coloured_is_what_runs_write():
    """Each kind that has a colour is one that some part of a run writes, by that very name."""
    package = Path(loadtest.__file__).parent
    writers = [file for file in package.rglob("*.py") if file.parent.name not in ("report", "analysis")]
    sources = "".join(file.read_text(encoding="utf-8") for file in writers)

    assert [kind for kind in figures_soak.EVENT_COLOURS if f'"{kind}"' not in sources] == []
    assert {"storm", "resumed", "restart", "annotation", "watch_failed"} <= figures_soak.EVENT_COLOURS.keys()


def test_many_of_a_kind_leave_room_for_others():
    """A thousand errors do not hide the storm after them."""
    kinds = ["error"] * 1_000 + ["phase", "storm"]
    notes = pd.DataFrame({"at_s": range(len(kinds)), "kind": kinds, "text": ["x"] * len(kinds)})

    marked = figures_soak.events(notes)

    assert [kind for _, kind, _ in marked] == ["error"] * figures_soak.MOST_EVENTS + ["storm"]
    assert marked[-1][0] == 1_001


@pytest.mark.parametrize(("value", "shown"), [(0.0, (0.0, 1.0)), (3.0, (1.5, 4.5))])
def test_a_level_that_never_moves_has_an_axis_that_can_be_read(value, shown):
    """Its ticks are a unit apart, not some billionth that fills the margin with digits."""
    level = Level(("target", "threads"), np.arange(5.0), np.full(5, value))
    panel = Figure().add_subplot()
    figures_soak._level(panel, Drift(level.path, Growth(), level=level))

    assert shown == panel.get_ylim()
