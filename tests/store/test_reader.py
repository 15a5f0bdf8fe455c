"""Reading a run into frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loadtest.metrics import Batch, Gauge, Histogram, Note
from loadtest.metrics.batch import CLOSING_FIELDS
from loadtest.store import Phases, RunWriter, open_run
from tests.store.runs import META, START_S, closing, phase, write

FRAMES = ["hist_frame", "count_frame", "gauge_frame", "note_frame", "closing_frame"]


def _full() -> Batch:
    """Ten seconds: two of ramp, five of hold (2 to 6), three of drain."""
    batch = Batch(
        closings=[closing("m1")],
        notes=[phase("ramp", 0), phase("hold", 2), phase("drain", 6.5), phase("end", 9)],
        gauges=[Gauge(START_S * 1_000_000, "users.connected.agent", "w1", 5.0)],
    )
    for second in range(10):
        batch.hist(START_S + second, "fanout", "message.created", "agent").record(1_000 * (second + 1))
        batch.hist(START_S + second, "fanout", "message.created", "contact").record(10)
        batch.hist(START_S + second, "lateness").record(3)
        batch.add(START_S + second, "delivery.expected", "message.created", "agent", value=second)
        batch.add(START_S + second, "generator.cpu_us", value=0.5)
    return batch


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with something of everything."""
    return write(tmp_path_factory.mktemp("full") / "r1", _full())


@pytest.mark.parametrize("frame", FRAMES)
def test_dtypes_are_the_same_for_an_empty_run(tmp_path: Path, full: Path, frame: str) -> None:
    """A run without any window gives frames of no rows with the columns and dtypes of a full one."""
    empty = getattr(open_run(write(tmp_path / "r1")), frame)()
    expected = getattr(open_run(full), frame)().dtypes

    assert len(empty) == 0
    pd.testing.assert_series_equal(expected, empty.dtypes)


def test_a_stretch_of_windows_can_be_read_alone(full: Path) -> None:
    """Histograms, counts and closings of some windows are those rows of the whole frames, with their phases."""
    run = open_run(full)
    for frame in (run.hist_frame, run.count_frame):
        whole, part = frame(), frame(first=START_S + 3, last=START_S + 7)
        expected = whole[whole["window"].between(START_S + 3, START_S + 7)].reset_index(drop=True)
        pd.testing.assert_frame_equal(
            expected.drop(columns="hist", errors="ignore"), part.drop(columns="hist", errors="ignore")
        )
    due = int(run.closing_frame()["due_us"].iloc[0]) // 1_000_000

    assert len(run.closing_frame(first=due, last=due)) == 1
    assert len(run.closing_frame(first=due + 1)) == len(run.closing_frame(last=due - 1)) == 0


def test_an_empty_run_has_no_windows(tmp_path: Path) -> None:
    """A run killed before its first window is empty, not an error."""
    run = open_run(write(tmp_path / "r1"))

    assert Phases(None, None, None, None) == run.phases()
    assert (0, 0) == (run.total("rest.n"), run.merged("rest").n)


def test_phases_come_from_the_notes(full: Path) -> None:
    """The hold goes from the hold note's window to the drain note's, both included."""
    phases = open_run(full).phases()

    assert Phases(START_S + 2, START_S + 6, START_S, START_S + 9) == phases


def test_a_hold_that_goes_on_ends_with_the_newest_window(tmp_path: Path) -> None:
    """Without a drain note the hold lasts up to the newest window."""
    batch = Batch(notes=[phase("hold", 1)])
    batch.add(START_S + 7, "rest.n", "send")
    run = open_run(write(tmp_path / "r1", batch))

    assert Phases(START_S + 1, START_S + 7, START_S + 7, START_S + 7) == run.phases()


def test_a_run_that_ended_in_its_hold_ends_the_hold(tmp_path: Path) -> None:
    """An end note closes the hold where no drain came."""
    batch = Batch(notes=[phase("hold", 1), phase("end", 4)])
    batch.add(START_S + 7, "rest.n", "send")

    assert open_run(write(tmp_path / "r1", batch)).phases().hold_last == START_S + 4


def test_windows_of_another_length_keep_their_time(tmp_path: Path) -> None:
    """Windows and notes meet on the time line whatever the window's length."""
    batch = Batch(notes=[phase("ramp", 0), phase("hold", 1.3)])
    batch.add((START_S + 1) * 4 + 1, "rest.n", "send")
    batch.add((START_S + 1) * 4, "rest.n", "send")
    frame = open_run(write(tmp_path / "r1", batch, window_s=0.25)).count_frame()

    assert [(1.0, "ramp"), (1.25, "hold")] == list(zip(frame["start_s"], frame["phase"], strict=True))


def test_the_start_is_the_first_phase_note(tmp_path: Path) -> None:
    """Times count from the first phase, and from started_at before there is one."""
    noted = write(tmp_path / "r1", Batch(notes=[phase("ramp", 4.5)]))
    bare = write(tmp_path / "r2")

    assert (START_S + 4.5, float(START_S)) == (open_run(noted).started_s, open_run(bare).started_s)


def test_hist_frame_has_a_row_a_key(full: Path) -> None:
    """Histograms come by metric, name, role and window, with their place in time."""
    frame = open_run(full).hist_frame(["fanout"])
    row = frame.iloc[3]

    assert len(frame) == 20
    assert (START_S + 3, 3.0, "hold", "fanout", "message.created", "agent") == tuple(row)[:-1]
    assert row["hist"].max_us == 4_000


def test_count_frame_has_a_row_a_key(full: Path) -> None:
    """Counts come by key, fractions as they are."""
    frame = open_run(full).count_frame()
    of_cpu = frame[frame["metric"] == "generator.cpu_us"]

    assert [0.0, 1.0, 2.0] == frame["value"].tolist()[:3]
    assert [0.5] * 10 == of_cpu["value"].tolist()


def test_coarse_steps_lose_nothing(full: Path) -> None:
    """Merged windows hold what their windows held, and no step crosses a phase."""
    run = open_run(full)
    coarse = run.hist_frame(["fanout"], coarsen=4)
    agents = coarse[coarse["role"] == "agent"]

    assert [-2.0, 2.0, 6.0, 7.0] == agents["start_s"].tolist()
    assert [2, 4, 1, 3] == [hist.n for hist in agents["hist"]]
    assert ["ramp", "hold", "hold", "drain"] == agents["phase"].tolist()


def test_coarse_counts_add_up(full: Path) -> None:
    """Added windows hold the sum of their windows' counts."""
    frame = open_run(full).count_frame(["delivery.expected"], coarsen=4)

    assert [1.0, 14.0, 6.0, 24.0] == frame["value"].tolist()


@pytest.mark.parametrize("frame", ["hist_frame", "count_frame"])
def test_a_step_of_nothing_is_refused(full: Path, frame: str) -> None:
    """Less than one window a row is an error."""
    with pytest.raises(ValueError, match="1 or more windows"):
        getattr(open_run(full), frame)(coarsen=0)


def test_gauges_and_notes_count_from_the_start(full: Path) -> None:
    """Moments are in seconds since the run's start, notes with their data."""
    run = open_run(full)
    notes = run.note_frame()

    assert [0.0] == run.gauge_frame()["at_s"].tolist()
    assert [0.0, 2.0, 6.5, 9.0] == notes["at_s"].tolist()
    assert {"phase": "hold"} == notes["data"][1]


def test_a_gauge_that_is_no_number_stays_none(tmp_path: Path) -> None:
    """A level that could not be measured is NaN, an infinite one infinite."""
    gauges = [Gauge(1, "g", "w", float("nan")), Gauge(2, "g", "w", float("inf"))]
    values = open_run(write(tmp_path / "r1", Batch(gauges=gauges))).gauge_frame()["value"]

    np.testing.assert_array_equal([np.nan, np.inf], values)


def test_closings_come_by_due_time(tmp_path: Path) -> None:
    """Emissions are ordered by when they were due, with all their fields."""
    later = (START_S + 5) * 1_000_000
    batch = Batch(closings=[closing("m2", due_us=later, response_us=None), closing("m1")])
    frame = open_run(write(tmp_path / "r1", batch)).closing_frame()

    assert [*CLOSING_FIELDS, "due_s"] == frame.columns.tolist()
    assert [("m1", 0.0), ("m2", 5.0)] == list(zip(frame["mark"], frame["due_s"], strict=True))
    np.testing.assert_array_equal([7.0, np.nan], frame["response_us"])


def test_corrections_add_up(tmp_path: Path) -> None:
    """A correction changes the counts of its emission, event, role and worker, and nothing else."""
    zero = dict.fromkeys(("emitted", "expected", "delivered"), 0)
    first = closing("m1", delivered=8, lost=2, status="uncertain", first_us=None, last_us=None)
    correction = closing("m1", **zero | {"late": 2, "lost": -2, "first_us": 900, "last_us": 30_000, "lateness_us": 99})
    other = closing("m1", worker="w2", emitted=0)
    frame = open_run(
        write(tmp_path / "r1", Batch(closings=[first, other]), Batch(closings=[correction]))
    ).closing_frame()
    row = frame.iloc[0]

    assert ["w1", "w2"] == frame["worker"].tolist()
    assert (10, 8, 2, 0, 1) == (row.expected, row.delivered, row.late, row.lost, row.emitted)
    assert ("ok", 5, 900.0, 30_000.0) == (row.status, row.lateness_us, row.first_us, row.last_us)


def test_a_subject_that_recurs_is_another_row(tmp_path: Path) -> None:
    """What carries no mark is told apart by its due time."""
    again = closing("m1", due_us=closing("m1").due_us + 1)
    frame = open_run(write(tmp_path / "r1", Batch(closings=[closing("m1"), again]))).closing_frame()

    assert [1, 1] == frame["emitted"].tolist()


def test_merged_is_the_merge_of_the_rows(full: Path) -> None:
    """One histogram over many windows equals the merge of theirs, by name, role and window."""
    run = open_run(full)
    rows = run.hist_frame()
    expected = Histogram()
    chosen = rows["window"].between(START_S + 2, START_S + 6) & (rows["metric"] == "fanout") & (rows["role"] == "agent")
    for hist in rows.loc[chosen, "hist"]:
        expected.merge(hist)
    actual = run.merged("fanout", "message.created", "agent", START_S + 2, START_S + 6)

    assert expected == actual


def test_merged_without_a_choice_is_everything(full: Path) -> None:
    """Without name, role or windows a metric is merged as a whole."""
    assert open_run(full).merged("fanout").n == 20


def test_totals_add_up(full: Path) -> None:
    """A count's total is over all windows or those asked for, whole numbers staying whole."""
    run = open_run(full)

    assert (45, 20, 5.0) == (
        run.total("delivery.expected"),
        run.total("delivery.expected", role="agent", first=START_S + 2, last=START_S + 6),
        run.total("generator.cpu_us"),
    )


def test_a_total_is_exact_beyond_floats(tmp_path: Path) -> None:
    """Pair-time in microseconds adds up exactly even where floats would round."""
    batch = Batch()
    batch.add(START_S, "presence.alive_us", value=2**53)
    batch.add(START_S + 1, "presence.alive_us", value=1)

    assert open_run(write(tmp_path / "r1", batch)).total("presence.alive_us") == 2**53 + 1


def test_a_held_run_shows_one_moment(tmp_path: Path) -> None:
    """Inside a with block nothing written later is seen; outside everything is."""
    batch = Batch()
    batch.add(START_S, "rest.n", "send")
    with RunWriter.create(tmp_path / "r1", META) as writer:
        writer.write(batch)
        with open_run(tmp_path / "r1") as run:
            before = run.total("rest.n")
            writer.write(batch)
            during = run.total("rest.n")
        after = run.total("rest.n")

    assert (1, 1, 2) == (before, during, after)


def test_a_run_is_held_once(full: Path) -> None:
    """Holding a held run is an error."""
    with open_run(full) as run, pytest.raises(RuntimeError, match="held already"), run:
        pass


def test_frames_are_free_of_object_surprises(full: Path) -> None:
    """Text columns hold plain strings in every pandas release."""
    frame = open_run(full).hist_frame()

    assert {str} == {type(value) for column in ("phase", "metric", "name", "role") for value in frame[column]}


def test_writing_needs_no_pandas() -> None:
    """A run can be written without importing pandas, gevent or Locust."""
    program = (
        "import sys; from loadtest.store import RunWriter; import loadtest.metrics; "
        "print(sorted({'pandas', 'gevent', 'locust'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_reading_patches_nothing() -> None:
    """Reading in a plain notebook imports neither gevent nor Locust."""
    program = "import sys; from loadtest.store import open_run; print(sorted({'gevent', 'locust'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The package gives its public names and no others."""
    import loadtest.store

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = loadtest.store.nothing


def test_a_note_keeps_its_text(tmp_path: Path) -> None:
    """Text of any script comes back as it was."""
    note = Note(START_S * 1_000_000, "annotation", "Überlast – 過負荷", {"wer": "я"})
    frame = open_run(write(tmp_path / "r1", Batch(notes=[note]))).note_frame()

    assert ("Überlast – 過負荷", {"wer": "я"}) == (frame["text"][0], frame["data"][0])


@pytest.mark.parametrize("coarsen", [2, 7, 1_000])
def test_windows_joined_in_bulk_are_those_joined_one_by_one(tmp_path: Path, coarsen: int) -> None:
    """Seeded random store of a ramp, a hold and a drain: each row is the merge of its own windows, to the bit."""
    rng = np.random.default_rng(20_260_101)
    batch = Batch(notes=[phase("ramp", 0), phase("hold", 11), phase("drain", 83), phase("end", 99)])
    for second in rng.permutation(100)[:80].tolist():
        for name, role in (("a", "agent"), ("a", "contact"), ("b", "")):
            hist = batch.hist(START_S + second, "fanout", name, role)
            hist.record_many(rng.integers(-5, 10 ** rng.integers(1, 11), rng.integers(0, 400)))
    run = open_run(write(tmp_path / "r1", batch))
    phases, fine = run.phases(), run.hist_frame()
    expected: dict[tuple[str, str, int], Histogram] = {}
    for row in fine.itertuples(index=False):
        key = (row.name, row.role, phases.label(row.window, coarsen))
        expected.setdefault(key, Histogram()).merge(row.hist)
    coarse = run.hist_frame(coarsen=coarsen)

    assert list(expected) == list(zip(coarse["name"], coarse["role"], coarse["window"], strict=True))
    assert list(expected.values()) == coarse["hist"].tolist()
