"""Writing a run: deltas, transactions, and what a killed writer leaves."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing as closed
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.errors import GeneratorError, UsageError
from loadtest.metrics import Batch, Gauge, Histogram, Note
from loadtest.store import RunWriter, open_run, schema
from tests.metrics.strategies import batches
from tests.store.runs import META, START_S, closing, write

WRITING_CHILD = """
import sys
from pathlib import Path
from loadtest.metrics import Batch, Gauge
from loadtest.store import RunWriter
from tests.store.runs import META, START_S, closing

writer = RunWriter.create(Path(sys.argv[1]), META)
step = 0
while True:
    batch = Batch()
    for window in range(max(step - 3, 0), step + 1):
        batch.add(START_S + window, "delivery.expected", "message.created", "agent", value=10)
        batch.hist(START_S + window, "fanout", "message.created", "agent").record(step)
    batch.closings.append(closing(f"m{step}"))
    batch.gauges.append(Gauge((START_S + step) * 1_000_000, "steps", "w1", step))
    writer.write(batch)
    step += 1
    print(step, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the run will be."""
    return tmp_path / "reports" / "r1"


def test_few_pages_of_the_file_are_kept_in_memory(folder: Path) -> None:
    """A file of any size takes 256 KiB of memory, also one that is gone on with."""
    (most,) = sqlite3.connect(":memory:").execute("PRAGMA cache_size").fetchone()
    with RunWriter.create(folder, META) as writer:
        made = writer._connection.execute("PRAGMA cache_size").fetchone()
    with RunWriter.open(folder) as writer:
        opened = writer._connection.execute("PRAGMA cache_size").fetchone()

    assert (made, opened) == ((-256,), (-256,))
    assert most < -256  # what it would be


def test_the_file_alone_is_the_run(folder: Path) -> None:
    """A closed run is one file, with no neighbour and no write-ahead log."""
    write(folder, Batch(closings=[closing("m1")]))
    with closed(sqlite3.connect(folder / schema.FILE_NAME)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()

    assert [schema.FILE_NAME] == [file.name for file in folder.iterdir()]
    assert mode == "delete"


def test_an_existing_folder_is_never_overwritten(folder: Path) -> None:
    """A run folder that exists is an error, even an empty one."""
    folder.mkdir(parents=True)
    with pytest.raises(UsageError, match="never overwritten") as caught:
        RunWriter.create(folder, META)

    assert str(folder) == caught.value.where
    assert "--run-id" in caught.value.remedy


def test_an_unwritable_parent_is_the_callers_error(tmp_path: Path) -> None:
    """A folder that cannot be made is an error that names the option."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written") as caught:
        RunWriter.create(tmp_path / "file" / "r1", META)

    assert "--report-dir" in caught.value.remedy


def test_meta_must_be_json(folder: Path) -> None:
    """A fact of the run that is no JSON value is refused before anything is made."""
    with pytest.raises(TypeError, match="not a plain value"):
        RunWriter.create(folder, {"target": object()})

    assert not folder.exists()


def test_infinite_is_a_string_in_json(folder: Path) -> None:
    """JSON in the file is strict: infinite is "inf", and what is no number is null."""
    write(folder, Batch(notes=[Note(1, "breach", "", {"value": float("inf"), "limits": [float("nan"), 1.5]})]))
    with closed(sqlite3.connect(folder / schema.FILE_NAME)) as connection:
        (data,) = connection.execute("SELECT data FROM note").fetchone()

    assert {"value": "inf", "limits": [None, 1.5]} == json.loads(data)


def test_meta_can_be_set_later(folder: Path) -> None:
    """Facts known only at the end replace those of the start."""
    with RunWriter.create(folder, {**META, "ended_at": None}) as writer:
        writer.set_meta(ended_at="2026-01-01T00:01:00+00:00", interrupted=True)
    expected = {
        **META,
        "schema_version": schema.SCHEMA_VERSION,
        "ended_at": "2026-01-01T00:01:00+00:00",
        "interrupted": True,
    }

    assert expected == open_run(folder).meta


def test_a_write_is_readable_at_once(folder: Path) -> None:
    """What write returned from is seen by a reader while the writer goes on."""
    seen = []
    with RunWriter.create(folder, META) as writer:
        run = open_run(folder)
        for step in range(3):
            batch = Batch()
            batch.add(START_S + step, "rest.n", "send")
            writer.write(batch)
            seen.append(run.total("rest.n"))

    assert [1, 2, 3] == seen


def test_a_late_delta_counts_where_it_belongs(folder: Path) -> None:
    """A delta for a window long closed is merged with what the file holds."""
    with RunWriter.create(folder, META, open_windows=2) as writer:
        for window in (0, 1, 2, 3, 4, 0, 0):
            batch = Batch()
            batch.hist(START_S + window, "fanout").record(1_000 + window)
            writer.write(batch)
    frame = open_run(folder).hist_frame()

    assert [3, 1, 1, 1, 1] == [hist.n for hist in frame["hist"]]


def test_memory_holds_open_windows_only(folder: Path) -> None:
    """Histograms of windows that fell behind are let go."""
    with RunWriter.create(folder, META, open_windows=5) as writer:
        for window in range(50):
            batch = Batch()
            batch.hist(START_S + window, "fanout").record(1)
            writer.write(batch)
        kept = len(writer._open)

    assert kept == 5


@settings(max_examples=20, deadline=None)
@given(deltas=st.lists(batches, max_size=5), open_windows=st.integers(1, 4))
def test_a_run_is_the_merge_of_its_deltas(
    tmp_path_factory: pytest.TempPathFactory, deltas: list[Batch], open_windows: int
) -> None:
    """Whatever deltas come in whatever order, the file holds their exact merge."""
    whole = Batch()
    folder = tmp_path_factory.mktemp("runs") / "r1"
    with RunWriter.create(folder, META, open_windows=open_windows) as writer:
        for delta in deltas:
            writer.write(delta)
            whole.merge(delta)
    run = open_run(folder)
    keys = ["window", "metric", "name", "role"]
    hists = {(*row[:-1],): row[-1] for row in run.hist_frame()[[*keys, "hist"]].itertuples(index=False)}
    counts = {(*row[:-1],): row[-1] for row in run.count_frame()[[*keys, "value"]].itertuples(index=False)}

    assert whole.hists == hists
    assert whole.counts == counts
    assert (len(whole.notes), len(whole.gauges)) == (len(run.note_frame()), len(run.gauge_frame()))


def test_the_batch_stays_the_callers(folder: Path) -> None:
    """A batch may be recorded into after it was written, without changing what was."""
    batch = Batch()
    batch.hist(START_S, "fanout").record(5)
    with RunWriter.create(folder, META) as writer:
        writer.write(batch)
        batch.hist(START_S, "fanout").record(6)
        further = Batch()
        further.hist(START_S, "fanout").record(7)
        writer.write(further)

    assert open_run(folder).merged("fanout").n == 2


def test_a_batch_that_could_not_be_written_comes_with_the_next(folder: Path) -> None:
    """A write that fails raises, loses nothing and doubles nothing."""
    batch = Batch(gauges=[Gauge(1, "users", "w1", 1.0)])
    batch.add(START_S, "rest.n", "send")
    batch.hist(START_S, "rest", "send").record(700)
    with RunWriter.create(folder, META) as writer:
        writer._connection.execute("PRAGMA busy_timeout = 0")
        with closed(sqlite3.connect(writer.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(GeneratorError, match="could not be written"):
                writer.write(batch)
        writer.write(batch)
    run = open_run(folder)

    assert (2, 2, 2) == (run.total("rest.n"), run.merged("rest").n, len(run.gauge_frame()))


def test_a_batch_that_nobody_could_write_is_refused(folder: Path) -> None:
    """A value that is not plain refuses its whole batch and does not spoil the next ones."""
    bad = Batch(notes=[Note(1, "error", "", {"what": object()})])
    bad.add(START_S, "rest.n", "send")
    good = Batch()
    good.add(START_S, "rest.n", "send")
    with RunWriter.create(folder, META) as writer:
        with pytest.raises(TypeError, match="not a plain value"):
            writer.write(bad)
        writer.write(good)

    assert open_run(folder).total("rest.n") == 1


def test_an_empty_batch_writes_nothing(folder: Path) -> None:
    """Nothing measured makes no transaction."""
    with RunWriter.create(folder, META) as writer:
        before = writer._connection.total_changes
        writer.write(Batch())

        assert before == writer._connection.total_changes


def test_close_says_when_a_reader_is_in_the_way(folder: Path) -> None:
    """A reader that holds its moment keeps the log alive; the run is still whole, and closing says so."""
    writer = RunWriter.create(folder, META)
    writer._connection.execute("PRAGMA busy_timeout = 0")
    with open_run(folder) as run:
        batch = Batch()
        batch.add(START_S, "rest.n", "send")
        writer.write(batch)
        alone = writer.close()
        held = run.total("rest.n")

    assert not alone
    assert (0, 1) == (held, open_run(folder).total("rest.n"))


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_run_is_readable_up_to_its_last_write(folder: Path, seed: int) -> None:
    """After SIGKILL at any moment the file holds every write that returned, whole, and at most one more."""
    steps = random.Random(seed).randrange(1, 60)
    print(f"seed {seed}: killed after {steps} writes")
    child = subprocess.Popen(
        [sys.executable, "-c", WRITING_CHILD, str(folder)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert child.stdout is not None
    with child, child.stdout as lines:
        for line in lines:
            if int(line) == steps:
                os.kill(child.pid, signal.SIGKILL)
                break
        returned = max([steps, *(int(line) for line in lines if line.endswith("\n"))])
    run = open_run(folder)
    written = len(run.closing_frame())
    expected = Histogram()
    for step in range(written):
        for _ in range(min(step, 3) + 1):
            expected.record(step)

    assert written in (returned, returned + 1)
    assert expected == run.merged("fanout")
    assert 10 * expected.n == run.total("delivery.expected")
    assert written == len(run.gauge_frame())
