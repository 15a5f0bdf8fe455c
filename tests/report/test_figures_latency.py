"""Figures of latency."""

import numpy as np
import pandas as pd
import pytest

from loadtest.report import figures_latency, ink
from loadtest.report.series import Frames, curve
from loadtest.report.timeline import timeline
from tests.report.synthetic import Story, frames


def _drawn(story: Story) -> dict[str, ink.Picture | None]:
    hists, counts, gauges, notes = frames(story)
    data = Frames(hists, counts, gauges, 1.0)
    with ink.style():
        return {
            "over_time": figures_latency.fanout_over_time(data, timeline(hists, counts, notes, 1.0)),
            "distribution": figures_latency.fanout_distribution(data),
            "answers": figures_latency.answers_distribution(data),
        }


def test_a_run_has_all_three() -> None:
    """Fan-out over time, its distribution, and REST's and the cable's answers."""
    actual = [picture.name if picture else None for picture in _drawn(Story()).values()]

    assert ["fanout_over_time", "fanout_distribution", "answers_distribution"] == actual


def test_a_run_without_emissions_has_no_fanout_figure() -> None:
    """There is nothing to draw, and nothing is drawn."""
    found = _drawn(Story(emissions=0))

    actual = (found["over_time"], found["distribution"])

    assert (None, None) == actual


def test_the_picture_says_in_words_what_it_shows() -> None:
    """Who cannot see it reads event, role and the range of the p99."""
    picture = _drawn(Story())["over_time"]
    assert picture is not None

    actual = picture.alt

    assert "message.created to agents: p99 between" in actual


def test_losses_are_marked_and_explained() -> None:
    """Where deliveries were lost, the curve ends with a cross and the caption says so."""
    picture = _drawn(Story(lost_share=0.02))["distribution"]
    assert picture is not None

    actual = "A cross marks where the lost begin" in picture.caption

    assert actual


@pytest.mark.parametrize(("later_us", "apart"), [(0, False), (20, False), (5_000, True)])
def test_the_send_time_curve_is_drawn_only_where_it_differs(later_us: int, apart: bool) -> None:
    """A curve that lies on the other one is left out."""
    hists, counts, gauges, _ = frames(Story())
    data = Frames(hists, counts, gauges, 1.0)
    sent = data.hold(("fanout_sent", "message.created", "agent"))
    values_us, counted = sent.buckets()
    due = type(sent)()
    due.record_many(np.repeat(values_us, counted) + later_us)
    one, other = curve(due), curve(sent)
    assert one is not None
    assert other is not None

    actual = figures_latency.differ(one, other)

    assert apart == actual


def test_message_created_comes_first_and_presence_last() -> None:
    """The event people care for most leads, whatever its weight."""
    hists, counts, gauges, _ = frames(Story(emissions=10))
    beats = hists[hists["metric"] == "fanout"].assign(name="presence.update")
    data = Frames(pd.concat([hists, beats]), counts, gauges, 1.0)

    events = figures_latency.events_by_weight(data)

    actual = (events[0], events[-1])

    assert ("message.created", "presence.update") == actual
