"""The keeper: what several workers told becomes one run, and a store that fails for a while loses nothing."""

import os
import sqlite3
from contextlib import closing as closed
from contextlib import suppress

import pytest

from loadtest.distributed import RunKeeper
from loadtest.distributed import keeper as module
from loadtest.distributed.creations import FILE, NOTE, created
from loadtest.errors import GeneratorError, UsageError
from loadtest.journal import Begin, Journal
from loadtest.metrics import Batch, Closing, Gauge, Note
from loadtest.store import open_run

DUE_US = 1_700_000_000_500_000
WINDOW = 1_700_000_000
META = {"run_id": "run", "started_at": "2023-11-14T22:13:20.000+00:00", "window_s": 1.0}


def row(mark="00000001", role="agent", worker="w1", **changes):
    """A closing in which everything expected was delivered."""
    fields = {
        "event": "message.created",
        "actor_role": "contact",
        "status": "ok",
        "due_us": DUE_US,
        "response_us": 1000,
        "first_us": 1000,
        "last_us": 2000,
        "expected": 3,
        "delivered": 3,
        "mark": mark,
        "role": role,
        "worker": worker,
        **changes,
    }
    return Closing(**{**dict.fromkeys(set(Closing.__slots__) - set(fields), 0), **fields})


def told(*closings):
    """A batch with closings."""
    return Batch(closings=list(closings))


@pytest.fixture
def trouble():
    """What the keeper said of its store."""
    return []


@pytest.fixture
def keeper(tmp_path, trouble):
    """A keeper with a store of its own."""
    made = RunKeeper(tmp_path / "run", META, 1.0, trouble.append)
    made._pool.spawn(made._writer._connection.execute, "PRAGMA busy_timeout = 0").get()
    yield made
    with suppress(GeneratorError, sqlite3.ProgrammingError):  # a test may have closed it
        made.close()


@pytest.fixture
def block(keeper):
    """Another process's hold on the file: nobody can write it until it is let go."""
    with closed(sqlite3.connect(keeper.folder / "run.sqlite", isolation_level=None)) as other:
        yield lambda held: other.execute("BEGIN IMMEDIATE" if held else "ROLLBACK")


def finished(keeper):
    """The run as a report finds it."""
    keeper.close()
    return open_run(keeper.folder)


def lasts(keeper):
    """Slowest receivers by (window, event, role): how many and the sum in microseconds."""
    frame = finished(keeper).hist_frame(["fanout_last"])
    return {(r.window, r.name, r.role): (r.hist.n, r.hist.sum_us) for r in frame.itertuples()}


def test_a_run_can_be_gone_on_with(tmp_path, trouble):
    """A second keeper adds to the store of the first; without being told to it refuses the folder."""
    first = RunKeeper(tmp_path / "again", META, 1.0, trouble.append)
    first.take(told(row()))
    first.close()
    with pytest.raises(UsageError):
        RunKeeper(tmp_path / "again", META, 1.0, trouble.append)
    second = RunKeeper(tmp_path / "again", {**META, "run_id": "other"}, 1.0, trouble.append, resume=True)
    second.take(told(row(mark="00000002")))
    second.close()
    run = open_run(tmp_path / "again")

    assert len(run.closing_frame()) == 2
    assert run.meta["run_id"] == "run"
    assert not trouble


def test_the_last_receiver_may_sit_in_any_worker(keeper):
    """The slowest of all workers counts, once an emission and role."""
    keeper.take(told(row(worker="w1", last_us=2000), row(worker="w1", role="contact", last_us=700)))
    keeper.take(told(row(worker="w2", last_us=9000)))
    keeper.take(told(row(worker="w3", last_us=None, first_us=None, expected=0, delivered=0)))

    assert {(WINDOW, "message.created", "agent"): (1, 9000), (WINDOW, "message.created", "contact"): (1, 700)} == lasts(
        keeper
    )


@pytest.mark.parametrize("what", ["lost", "undetermined", "cut_by_peer"])
def test_an_incomplete_emission_has_no_last_receiver(keeper, what):
    """Where a worker misses a delivery, no maximum of the others stands for the whole; other roles are whole."""
    keeper.take(told(row(worker="w1"), row(worker="w1", role="contact")))
    keeper.take(told(row(worker="w2", delivered=2, **{what: 1})))

    assert {(WINDOW, "message.created", "contact"): (1, 2000)} == lasts(keeper)


def test_what_we_cut_or_sent_away_leaves_it_complete(keeper):
    """Receivers that left by the plan are nobody's last."""
    keeper.take(told(row(delivered=1, cut_by_us=1, away=1, last_us=4000)))

    assert {(WINDOW, "message.created", "agent"): (1, 4000)} == lasts(keeper)


def test_a_late_correction_is_not_a_second_emission(keeper):
    """A delivery that came after its loss was booked adds no slowest receiver of its own."""
    keeper.take(told(row(delivered=2, lost=1)))
    keeper.flush(final=True)
    keeper.take(told(row(expected=0, delivered=0, late=1, lost=-1, last_us=15_000_000)))

    assert not lasts(keeper)


def test_an_emission_waits_for_all_workers(keeper, monkeypatch):
    """A flush in the run leaves a young emission open for the workers that have not told theirs."""
    monkeypatch.setattr(module, "_LAST_WAIT_S", 3600.0)
    keeper.take(told(row(worker="w1", last_us=2000)))
    keeper.flush()
    keeper.take(told(row(worker="w2", last_us=8000)))

    assert {(WINDOW, "message.created", "agent"): (1, 8000)} == lasts(keeper)


def test_an_emission_is_drawn_when_it_has_waited(keeper, monkeypatch):
    """The run need not end for its slowest receivers to be known."""
    monkeypatch.setattr(module, "_LAST_WAIT_S", 0.0)
    keeper.take(told(row(last_us=2000)))
    keeper.flush()

    assert 1 == open_run(keeper.folder).merged("fanout_last").n


def test_two_emissions_have_their_own(keeper):
    """Two marks are two emissions, in the windows of their due times."""
    keeper.take(told(row("00000001", last_us=1000), row("00000002", due_us=DUE_US + 1_000_000, last_us=3000)))

    assert {
        (WINDOW, "message.created", "agent"): (1, 1000),
        (WINDOW + 1, "message.created", "agent"): (1, 3000),
    } == lasts(keeper)


def test_deliveries_are_counted(keeper):
    """What arrived, in time or late, over all workers."""
    keeper.take(told(row(delivered=3)))
    keeper.take(told(row(delivered=1, late=2)))

    assert (6, 2) == (keeper.deliveries, keeper.received)


def test_gauges_total_the_newest_of_each_worker(keeper):
    """A level is the sum of every worker's last word."""
    for worker, value in (("w1", 5.0), ("w2", 7.0), ("w1", 2.0)):
        keeper.take(Batch(gauges=[Gauge(1, "users.connected.agent", worker, value)]))

    assert (9.0, 0) == (keeper.total("users.connected.agent"), keeper.total("users.connected.contact"))


def test_what_was_taken_is_in_the_run(keeper):
    """Counts, gauges, notes and facts of the run reach the file."""
    batch = Batch()
    batch.add(WINDOW, "rest.n", "agent.send_message", "", 5)
    keeper.take(batch)
    keeper.gauge("target.rss_bytes", 7.0)
    keeper.note("phase", "hold", {"phase": "hold"})
    keeper.set_meta(interrupted=True)
    run = finished(keeper)

    assert (5, True) == (run.total("rest.n"), run.meta["interrupted"])
    assert [7.0] == list(run.gauge_frame().value)
    assert [("phase", "hold", {"phase": "hold"})] == [(n.kind, n.text, n.data) for n in run.note_frame().itertuples()]


def test_a_run_can_be_read_while_it_goes_on(keeper):
    """Every flush is readable at once."""
    batch = Batch()
    batch.add(WINDOW, "rest.n", "agent.send_message")
    keeper.take(batch)
    keeper.flush()

    assert 1 == open_run(keeper.folder).total("rest.n")


def test_a_run_is_never_overwritten(keeper, trouble):
    """A second run of the same name is refused."""
    with pytest.raises(UsageError, match="never overwritten"):
        RunKeeper(keeper.folder, META, 1.0, trouble.append)


def test_a_store_that_fails_for_a_while_loses_and_doubles_nothing(keeper, trouble, block):
    """The failure is said once; what came meanwhile is written once when the file can be written again."""
    for held in (False, True, True, True, False, False):
        if held and not trouble:
            block(True)
        elif not held and trouble:
            block(False)
            trouble.clear()
        batch = Batch()
        batch.add(WINDOW, "rest.n", "agent.send_message")
        batch.hist(WINDOW, "rest", "agent.send_message").record(1000)
        batch.closings.append(row())
        keeper.take(batch)
        keeper.flush()
        if held:
            assert 1 == len(trouble)
    run = finished(keeper)

    assert (6, 6, 18) == (run.total("rest.n"), run.merged("rest").n, int(run.closing_frame().delivered.sum()))
    assert not trouble


def test_what_was_held_back_is_written_without_further_news(keeper, trouble, block):
    """A flush with nothing new tries again what could not be written."""
    batch = Batch()
    batch.add(WINDOW, "rest.n", "agent.send_message")
    keeper.take(batch)
    block(True)
    keeper.flush()
    block(False)
    keeper.flush()

    assert 1 == open_run(keeper.folder).total("rest.n")
    assert 1 == len(trouble)


def test_facts_of_the_run_are_tried_again(keeper, trouble, block):
    """What is known of a run is not lost to a moment's lock; the newest word counts."""
    block(True)
    keeper.set_meta(interrupted=False, target_lost=True)
    keeper.set_meta(interrupted=True)
    block(False)
    meta = finished(keeper).meta

    assert (True, True) == (meta["interrupted"], meta["target_lost"])
    assert 1 == len(trouble)


def test_a_new_failure_after_a_good_write_is_said_again(keeper, trouble, block):
    """Two outages are two."""
    for held in (True, False, True):
        block(held)
        keeper.note("annotation", "x")
        keeper.flush()
    block(False)

    assert 2 == len(trouble)


@pytest.mark.parametrize("what", [lambda keeper: keeper.note("annotation", "x"), lambda keeper: keeper.set_meta(a=1)])
def test_a_store_that_stays_unwritable_fails_the_end(keeper, block, what):
    """What could not be written to the end is an error, which says what to do."""
    block(True)
    what(keeper)

    with pytest.raises(GeneratorError, match="--report-dir"):
        keeper.close()


def test_a_failing_store_prints_no_traceback(keeper, block, capfd):
    """The failure is the taker's to say, in a line."""
    block(True)
    keeper.note("annotation", "x")
    keeper.flush()
    block(False)

    assert ("", "") == capfd.readouterr()


def made():
    """A batch in which a contact was made."""
    return Batch(notes=[Note(DUE_US, NOTE, "", created("contact", 9, 1, 5, 9))])


def test_what_a_run_makes_is_journalled_beside_its_store(tmp_path, trouble):
    """And is no part of the run's time line."""
    begin = Begin("run", "abc123", "https://chat.example.com", (1,))
    keeper = RunKeeper(tmp_path / "run", META, 1.0, trouble.append, begin)
    keeper.take(made())
    keeper.flush()
    run = finished(keeper)
    journal = Journal.open(keeper.folder / FILE)
    journal.close()

    assert (begin, [9], []) == (journal.begin, [one.id for one in journal.all_made("contact")], trouble)
    assert NOTE not in set(run.note_frame()["kind"])


def test_what_goes_with_its_target_is_not_journalled(keeper):
    """The embedded server ends with the run."""
    keeper.take(made())
    run = finished(keeper)

    assert not (keeper.folder / FILE).exists()
    assert NOTE not in set(run.note_frame()["kind"])


def test_a_journal_that_cannot_be_written_is_told_once(tmp_path, trouble):
    """What it should hold is kept for later, and the store goes on."""
    keeper = RunKeeper(tmp_path / "run", META, 1.0, trouble.append, Begin("run", "abc123", "https://chat.example.com"))
    journal = keeper._creations._journal
    good, full = os.dup(journal._descriptor), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._descriptor)
    for _ in range(3):
        keeper.take(made())
        keeper.flush()
    told_once = len(trouble)
    os.dup2(good, journal._descriptor)
    finished(keeper)
    os.close(good)
    os.close(full)

    assert (1, 3) == (told_once, (keeper.folder / FILE).read_bytes().count(b'"made"'))


def test_a_subject_that_recurs_is_another_emission(keeper):
    """What carries no mark is told apart by its due time, however soon it comes again."""
    mark = "conversation.typing_on|1|100|contact:1"
    keeper.take(told(row(mark=mark, last_us=1000), row(mark=mark, due_us=row().due_us + 1, last_us=3000)))

    assert {(WINDOW, "message.created", "agent"): (2, 4000)} == lasts(keeper)
