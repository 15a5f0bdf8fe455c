"""All figures of a report, in the order in which it shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.report import ink
from loadtest.report.figures_generator import generator_over_time
from loadtest.report.figures_latency import answers_distribution, fanout_distribution, fanout_over_time
from loadtest.report.figures_load import load_over_time
from loadtest.report.figures_presence import presence_over_time
from loadtest.report.figures_presence_strip import who_was_there
from loadtest.report.figures_storms import storm_herds
from loadtest.report.series import Frames
from loadtest.report.timeline import Timeline


def draw(
    frames: Frames,
    line: Timeline,
    limits: dict[str, float] | None = None,
    storms: Sequence[Mapping[str, Any]] = (),
) -> dict[str, ink.Picture]:
    """Draw every figure for which the run has data.

    Args:
        frames: the run's frames.
        line: its time line.
        limits: the generator's limits by cause (``lateness`` and ``loop_lag`` in milliseconds, ``cpu`` as a share).
        storms: the summary's storms.

    Returns:
        Pictures by name; a figure without any data is left out.
    """
    with ink.style():
        pictures = (
            fanout_over_time(frames, line),
            fanout_distribution(frames),
            load_over_time(frames, line),
            who_was_there(frames, line),
            presence_over_time(frames, line),
            answers_distribution(frames),
            generator_over_time(frames, line, limits),
            storm_herds(frames, storms),
        )
    return {picture.name: picture for picture in pictures if picture is not None}
