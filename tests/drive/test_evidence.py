"""A run read back in the terms of the truth."""

import json
from collections import Counter

import numpy as np
import pytest

from loadtest.drive.evidence import Evidence
from loadtest.drive.runner import RunOutcome
from loadtest.errors import GeneratorError
from loadtest.metrics import Batch
from tests.drive.runs import MESSAGE, START_S, WINDOW, evidence, line, note, write_truth
from tests.store.runs import closing, phase, write


def due(second):
    """When something is due, in Unix microseconds."""
    return round((START_S + second) * 1_000_000)


def test_the_ledger_is_read_by_cell(tmp_path):
    """Marked messages by their mark, other events by name and role."""
    batch = Batch()
    batch.closings += [
        closing("0000000a", lost=2),
        closing("0000000a", role="contact", emitted=0),
        closing("conversation.typing_on:1/2", event="conversation.typing_on", lost=1),
        closing("conversation.typing_on:1/3", event="conversation.typing_on", lost=3),
    ]
    found = evidence(tmp_path, batch).recovered("lost")

    assert {("0000000a", MESSAGE, "agent"): 2, ("", "conversation.typing_on", "agent"): 4} == dict(found)


def test_the_truth_is_counted_by_cell(tmp_path):
    """Kinds that show in the same column add up."""
    read = evidence(tmp_path, Batch(), [line("loss", "0000000a"), line("deaf", "0000000a"), line("dup", "0000000b")])

    assert {("0000000a", MESSAGE, "agent"): 2} == dict(read.injected("loss", "deaf"))


def test_overtaking_is_judged_by_the_requests_where_the_server_is_not_sure(tmp_path):
    """Of two unsure lines only the one counts whose overtaker was sent after its answer."""
    batch = Batch()
    batch.closings += [
        closing("0000000a", due_us=due(1), response_us=5_000),
        closing("0000000b", due_us=due(1) + 2_000),
        closing("0000000c", due_us=due(1) + 50_000),
    ]
    by_b, by_c = ([{"mark": mark}] for mark in ("0000000b", "0000000c"))
    lines = [
        line("reorder", "0000000a", receiver="agent:1", overtaken_by=by_b),
        line("reorder", "0000000a", receiver="agent:2", overtaken_by=by_c),
        line("reorder", "0000000a", receiver="agent:3", overtaken_by=by_b, sure=True),
        line("reorder", "000000zz", receiver="agent:4", overtaken_by=by_c),
    ]

    assert ["agent:2", "agent:3"] == [one.receiver for one in evidence(tmp_path, batch, lines).overtaken()]


EACH = 400
"""Deliveries a window."""


def held_run(tmp_path, *notes):
    """Windows 1 to 6 of a hold, with one message each; that of window 3 is held, that of window 5 for a quarter."""
    batch = Batch()
    for window in range(1, 7):
        batch.closings.append(closing(f"{window:08d}", due_us=due(window + 0.5)))
        batch.hist(WINDOW + window, "fanout", MESSAGE, "agent").record_many(np.full(EACH, 1_000 * window))
    batch.notes += [*notes, phase("hold", 1.2), phase("drain", 6.9)]
    held = [line("delay", "00000003", held_us=100_000)] * EACH + [line("delay", "00000005", held_us=50_000)] * (
        EACH // 4
    )
    return evidence(tmp_path, batch, held)


def breach(window):
    """A window in which the generator was not fit to measure."""
    return note("breach", window + 1.0, window=WINDOW + window)


def test_windows_with_a_hold_are_told_from_those_without(tmp_path):
    """By the due times of the messages that were held; a window in which some were and some were not is neither."""
    apart = held_run(tmp_path).held_apart("delay")

    assert (EACH, 2 * EACH) == (apart.measured.n, apart.floor.n)
    assert {100_000: EACH} == dict(Counter(apart.holds_us.tolist()))


def test_the_windows_at_the_holds_ends_are_left_out(tmp_path):
    """There users still come, or are being stopped."""
    free = held_run(tmp_path).held_apart("delay").floor

    assert (2_000, 4_000) == (free.min_us, free.max_us)


def test_windows_of_an_unfit_generator_are_left_out(tmp_path):
    """As in any verdict."""
    apart = held_run(tmp_path, breach(4)).held_apart("delay")

    assert (EACH, EACH) == (apart.measured.n, apart.floor.n)
    assert 2_000 == apart.floor.max_us


def test_they_are_taken_where_too_little_else_is_left(tmp_path):
    """A row whose generator was never fit still shows its figures."""
    apart = held_run(tmp_path, breach(2), breach(4)).held_apart("delay")

    assert (EACH, 2 * EACH) == (apart.measured.n, apart.floor.n)


def test_a_run_without_a_hold_has_nothing_apart(tmp_path):
    """Nobody was connected, so nothing was due."""
    apart = evidence(tmp_path, Batch(), [line("delay", "00000003")]).held_apart("delay")

    assert (0, 0, 0) == (apart.measured.n, apart.floor.n, apart.holds_us.size)


def test_a_stall_lasts_from_its_beginning_to_its_end(tmp_path):
    """In Unix seconds; one that never happened is none."""
    lines = [
        line("window", fault="stall", state="begin", t=START_S + 4.0),
        line("window", fault="stall", state="end", t=START_S + 9.0),
    ]
    read = evidence(tmp_path, Batch(), lines)

    assert (START_S + 4.0, START_S + 9.0) == read.stall("stall")
    assert read.stall("rest-stall") is None


def outcome(folder):
    """A run that ended well, by its folder."""
    for suffix in ("out", "err"):
        folder.with_name(f"run.{suffix}").touch()
    return RunOutcome(folder, 0, "PASS", folder.with_name("run.out"), folder.with_name("run.err"), 1.0)


def test_a_truth_that_breaks_off_is_no_evidence(tmp_path):
    """A server that died may have done more than it wrote."""
    folder = write(tmp_path / "run", Batch())
    (folder / "summary.json").write_text(json.dumps({}), encoding="utf-8")
    truth = write_truth(tmp_path / "truth.jsonl", [], whole=False)

    with pytest.raises(GeneratorError, match="breaks off"):
        Evidence.of(outcome(folder), str(truth))


def test_a_run_that_is_over_is_read_whole(tmp_path):
    """Store, truth and summary belong together."""
    folder = write(tmp_path / "run", Batch())
    summary = {"generator": {"valid": False, "reasons": ["too busy"]}}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    read = Evidence.of(outcome(folder), str(write_truth(tmp_path / "truth.jsonl", [line("loss", "0000000a")])))

    assert (False, ["too busy"], 1) == (read.is_valid, read.reasons, len(read.lines("loss")))
