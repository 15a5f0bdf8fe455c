"""The picture of presence: who was there against who was shown, person by person, as one observer was told."""

from __future__ import annotations

import math

from loadtest.nouns import many
from loadtest.report import ink
from loadtest.report.series import Frames
from loadtest.report.timeline import Timeline

MOST_PEOPLE = 12
PREFIX = "presence.strip."
_THERE, _SHOWN, _SEEN = 1, 2, 4

_KINDS = (
    ("there, and shown so", ink.GREEN, 0.85),
    ("there, but shown as gone", ink.VERMILLION, 1.0),
    ("gone, but still shown", ink.GOLD, 1.0),
    ("gone, and shown so", ink.MUTED, 0.22),
    ("not judged", ink.SHADE, 1.0),
)

Steps = list[tuple[float, float]]


def kind_of(value: int) -> int:
    """Which of the picture's colours a strip's value has."""
    if not value & _SEEN:
        return 4
    if value & _THERE:
        return 0 if value & _SHOWN else 1
    return 2 if value & _SHOWN else 3


def who_was_there(frames: Frames, line: Timeline) -> ink.Picture | None:
    """A row for each of a few people: green where the observer was told the truth about somebody who was there."""
    held = next(((begin, end) for name, begin, end in line.phases if name == "hold"), None)
    strips = _strips(frames)
    if held is None or not strips:
        return None
    begin_s, end_s = held
    keys = [ink.key_area(colour, name, alpha=alpha) for name, colour, alpha in _KINDS]
    figure, axes = ink.grid(1, 1, row_in=0.34 + 0.23 * len(strips), legend=keys)
    panel = axes[0]
    seconds = [0.0] * len(_KINDS)
    for row, (_, steps) in enumerate(strips):
        ends = [at for at, _ in steps[1:]] + [end_s]
        spans: dict[int, list[tuple[float, float]]] = {}
        for (at, value), until in zip(steps, ends, strict=True):
            start, stop = max(at, begin_s), min(until, end_s)
            if stop > start:
                kind = kind_of(0 if math.isnan(value) else int(value))
                spans.setdefault(kind, []).append((start, stop - start))
                seconds[kind] += stop - start
        for kind, found in spans.items():
            _, colour, alpha = _KINDS[kind]
            panel.broken_barh(found, (row - 0.36, 0.72), facecolors=colour, alpha=alpha, linewidth=0.0)
    panel.set_yticks(range(len(strips)), [ink.label(name) for name, _ in strips])
    panel.set_ylim(len(strips) - 0.4, -0.6)
    panel.grid(visible=False, axis="y")
    ink.time_axis(panel, begin_s, end_s)
    whole = math.fsum(seconds) or 1.0
    told = ", ".join(
        f"{name} {share:.1%}" for (name, *_), share in zip(_KINDS, (s / whole for s in seconds), strict=True) if share
    )
    people = many(len(strips), "person", "people")
    return ink.finish(
        figure,
        name="who_was_there",
        title="Who was there, and who was shown",
        caption=(
            f"{people} as one agent was told of them, over the hold, in a row each. "
            "Orange and ochre are what people complain about. Not judged: the observer was not there, or could not "
            "be told yet."
        ),
        alt=f"Strips over time for {people}. {told}.",
    )


def _strips(frames: Frames) -> list[tuple[str, Steps]]:
    """The strips of one worker: of the people who came and went most, agents first."""
    by_worker: dict[str, dict[str, Steps]] = {}
    for name, workers in frames.levels(PREFIX).items():
        for worker, steps in workers.items():
            by_worker.setdefault(worker, {})[name.removeprefix(PREFIX)] = steps
    if not by_worker:
        return []
    strips = by_worker[max(by_worker, key=lambda worker: sum(len(steps) for steps in by_worker[worker].values()))]
    liveliest = sorted(strips, key=lambda name: (-len(strips[name]), _order(name)))[:MOST_PEOPLE]
    return [(name.replace(".", " "), strips[name]) for name in sorted(liveliest, key=_order)]


def _order(name: str) -> tuple[str, int]:
    role, _, number = name.partition(".")
    return role, int(number) if number.isdigit() else 0
