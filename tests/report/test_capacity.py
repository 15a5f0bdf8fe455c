"""A search read from its store."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from loadtest.analysis.model import plain
from loadtest.errors import UsageError
from loadtest.metrics import Batch, Note
from loadtest.report import capacity
from loadtest.store import RunWriter
from tests.analysis.builders import FIRST, US, meta
from tests.analysis.search_runs import PLAN, found, span


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A search with its steps as notes, and a few counts."""
    made = tmp_path / "search"
    batch = Batch()
    for number, step in enumerate(found()):
        at_us = step.span.end_us + 1
        batch.notes.append(Note(at_us, capacity.NOTE, f"step {number}", plain(step.as_dict())))
    for phase, window in (("ramp", 0), ("hold", 5), ("drain", 500), ("end", 510)):
        batch.notes.append(Note((FIRST + window) * US, "phase", phase, {"phase": phase}))
    for window in range(100):
        batch.add(FIRST + window, "delivery.emitted", "message.created", value=10)
        batch.add(FIRST + window, "delivery.received", "message.created", "agent", value=100)
        batch.add(FIRST + window, "delivery.delivered", "message.created", "agent", value=100)
        batch.hist(FIRST + window, "fanout", "message.created", "agent").record_many(np.full(100, 20_000))
    with RunWriter.create(made, meta(search=capacity.plan_as_dict(PLAN))) as writer:
        writer.write(batch)
    return made


def test_steps_come_back_as_they_were_judged(folder):
    """The store's notes are the search."""
    plan, steps = capacity.read_steps(folder)

    assert plan == PLAN
    assert steps == found()


def test_every_file_is_made_from_the_store(folder):
    """JSON, Markdown, page and figures; JSON is strict."""
    content = capacity.build(folder)

    assert json.loads((folder / "capacity.json").read_text(encoding="utf-8")) == content
    assert {"capacity.md", "capacity.html"} <= {path.name for path in folder.iterdir()}
    assert len(list((folder / "figures").iterdir())) == 4


def test_an_answer_is_read_or_made(folder):
    """Where capacity.json is missing it is made; another file is refused."""
    assert capacity.read_answer(folder)["last_pass"] == 35.12
    (folder / "capacity.json").write_text("{}", encoding="utf-8")

    with pytest.raises(UsageError, match="no capacity search"):
        capacity.read_answer(folder)


def test_a_step_is_judged_from_the_store_alone(folder):
    """What the search's judge reads of a run is the step's own windows."""
    step = capacity.judge_step(folder, span(20, 30, 60), None)

    assert step.figures["deliveries_per_s"] == 100
    assert step.figures["seconds"] == 30


def test_a_run_that_is_no_search_is_refused(tmp_path):
    """It says what to name instead."""
    with RunWriter.create(tmp_path / "run", meta()) as writer:
        writer.write(Batch())

    assert not capacity.is_search(tmp_path / "run")
    with pytest.raises(UsageError, match="no capacity search"):
        capacity.read_steps(tmp_path / "run")
