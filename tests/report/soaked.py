"""Stored soaks for the report's and the command line's tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loadtest.metrics import Note
from loadtest.store import RunWriter
from tests.analysis.soaks import START, Story, batch, meta


def write_soak(folder: Path, story: Story, events: Sequence[tuple[float, str, str]] = ()) -> Path:
    """Write a made-up soak into a store.

    Args:
        folder: the run's folder, made here.
        story: what happens in it.
        events: (hours since its start, kind, text) of further notes.
    """
    made = batch(story)
    made.notes += [Note(round((START + 3600 * at_h) * 1e6), kind, text) for at_h, kind, text in events]
    with RunWriter.create(folder, meta(story)) as writer:
        writer.write(made)
    return folder
