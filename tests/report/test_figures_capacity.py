"""Figures of a search."""

from __future__ import annotations

from loadtest.report.figures_capacity import draw
from tests.report.searches import content


def test_latency_and_throughput_are_drawn():
    """Both, for light and dark pages, with words for who cannot see them."""
    pictures = draw(content())

    assert set(pictures) == {"capacity_latency", "capacity_throughput"}
    for picture in pictures.values():
        assert picture.light.startswith("<svg")
        assert picture.dark != picture.light
        assert "35.1 messages/s: pass" in picture.alt


def test_the_same_search_gives_the_same_bytes():
    """A figure made twice is the same figure."""
    assert draw(content())["capacity_latency"].light == draw(content())["capacity_latency"].light


def test_losses_leave_a_mark_out():
    """An infinite p99 has no place on the axis, and breaks nothing."""
    made = content()
    made["steps"][2]["figures"]["p99_ms"] = "inf"

    assert "capacity_latency" in draw(made)


def test_nothing_measured_is_nothing_drawn():
    """A search without steps has no figures."""
    assert draw(content("empty")) == {}
