"""What rows are judged by: each judge agrees with a truthful run, and finds one out that is not."""

import numpy as np
import pytest

from loadtest.drive import judges
from loadtest.metrics import Batch
from tests.drive.runs import MESSAGE, START_S, WINDOW, evidence, line, note
from tests.store.runs import closing, phase

COLUMNS = {"lost": "loss", "duplicated": "dup", "leaked": "leak", "reordered": "reorder"}


def due(second):
    """When something is due, in Unix microseconds."""
    return round((START_S + second) * 1_000_000)


def wrong(comparisons):
    """The names of the figures that do not agree."""
    return [one.what for one in comparisons if one.ok is False]


@pytest.mark.parametrize(("column", "kind"), COLUMNS.items())
def test_a_count_agrees_with_the_same_fault(tmp_path, column, kind):
    """One fault injected, the same one found: all agree."""
    batch = Batch()
    batch.closings.append(closing("0000000a", **{column: 1}))

    assert not wrong(judges.counts(evidence(tmp_path, batch, [line(kind, "0000000a", sure=True)])))


@pytest.mark.parametrize("column", COLUMNS)
def test_an_invented_fault_is_found_out(tmp_path, column):
    """A fault found where none was injected is wrong in its column alone."""
    batch = Batch()
    batch.closings.append(closing("0000000a", **{column: 1}))

    assert [column] == wrong(judges.counts(evidence(tmp_path, batch)))


@pytest.mark.parametrize(("column", "kind"), COLUMNS.items())
def test_a_missed_fault_is_found_out(tmp_path, column, kind):
    """A fault injected that nobody found is wrong in its column alone."""
    batch = Batch()
    batch.closings.append(closing("0000000a"))

    assert [column] == wrong(judges.counts(evidence(tmp_path, batch, [line(kind, "0000000a", sure=True)])))


def undecided(comparisons):
    """The names of the figures that nothing decides."""
    return [one.what for one in comparisons if not one.decided]


def test_a_row_whose_faults_struck_nobody_shows_nothing(tmp_path):
    """None injected and none found is no recovery; of a row without faults it is the floor."""
    batch = Batch()
    batch.closings.append(closing("0000000a"))
    found = evidence(tmp_path, batch)

    assert ["faults"] == undecided(judges.faults(found))
    assert not undecided(judges.floor(found))
    assert ["faults"] == undecided(judges.unconfirmed(found))
    assert ["faults", "faults"] == undecided(judges.disconnects(found))


def test_a_row_with_a_fault_is_decided(tmp_path):
    """One is enough."""
    batch = Batch()
    batch.closings.append(closing("0000000a", lost=1))

    assert not undecided(judges.faults(evidence(tmp_path, batch, [line("loss", "0000000a")])))


def test_undetermined_deliveries_are_wrong(tmp_path):
    """Every delivery must be accounted for."""
    batch = Batch()
    batch.closings.append(closing("0000000a", undetermined=1))

    assert ["undetermined"] == wrong(judges.counts(evidence(tmp_path, batch)))


def test_the_floor_is_shown_to_p999(tmp_path):
    """From the due time and from the send."""
    batch = Batch()
    for metric in ("fanout", "fanout_sent"):
        batch.hist(WINDOW, metric, MESSAGE, "agent").record_many(np.arange(1, 5001))
    shown = {one.what: one.recovered for one in judges.floor(evidence(tmp_path, batch))}

    assert 4.995 == pytest.approx(shown["p99.9 from due"], rel=0.002)
    assert 2.5 == pytest.approx(shown["p50 from send"], rel=0.002)


def held_up(error_us=0, hold_us=5_000_000):
    """A run with a window of 400 deliveries held for so long, one without, and an instrument that is off by so much."""
    floor = np.random.default_rng(5).lognormal(7, 0.3, 400).astype(np.int64)
    batch, lines = Batch(), []
    batch.notes += [phase("hold", 0.5), phase("drain", 3.5)]
    for window, held in ((1, 0), (2, hold_us)):
        mark = f"{window:08d}"
        batch.closings.append(closing(mark, due_us=due(window + 0.5)))
        for metric in ("fanout", "fanout_sent"):
            off_us = error_us if held else 0
            batch.hist(WINDOW + window, metric, MESSAGE, "agent").record_many(floor + held + off_us)
        lines += [line("stall", mark, held_us=held) for _ in floor if held]
    for state, second in (("begin", 2.0), ("end", 7.0)):
        lines.append(line("window", fault="stall", state=state, t=START_S + second))
    return batch, lines


def test_a_stall_of_deliveries_must_have_happened(tmp_path):
    """A row without its fault proves nothing."""
    assert ["stall of deliveries"] == wrong(judges.delivery_stall(evidence(tmp_path, Batch())))


def test_a_stall_of_deliveries_shows_from_due_and_from_send(tmp_path):
    """Both percentiles, from both times, and alike."""
    batch, lines = held_up()
    found = judges.delivery_stall(evidence(tmp_path, batch, lines))

    assert not wrong(found)
    assert "from send as from due, p99" in [one.what for one in found]
    assert judges.stall_curve(evidence(tmp_path / "again", batch, lines)).expected_ms


def test_a_stall_that_is_recovered_too_long_is_found_out(tmp_path):
    """The tolerance is 1 %, of 5 s."""
    found = judges.delivery_stall(evidence(tmp_path, *held_up(error_us=80_000)))

    assert ["p50 from due", "p99 from due", "p50 from send", "p99 from send"] == wrong(found)


def stalled(tmp_path, waits_s):
    """A run with one connection whose answers stand still from 5 s to 10 s, and messages that waited so long."""
    times = np.arange(0.05, 15, 0.1)
    batch = Batch()
    for number, second in enumerate(times):
        batch.closings.append(closing(f"{number:08d}", due_us=due(second)))
        window = WINDOW + int(second)
        batch.hist(window, "fanout", MESSAGE, "agent").record(round(waits_s(second) * 1e6) + 1_000)
        batch.hist(window, "fanout_sent", MESSAGE, "agent").record(1_000)
    lines = [line("window", fault="rest-stall", state=state, t=START_S + t) for state, t in (("begin", 5), ("end", 10))]
    lines.append(line("rest-stall", call="contact.send_message", held_us=4_940_000, t=START_S + 10.0))
    return evidence(tmp_path, batch, lines, rest={"agent.send_message": {"p50_ms": 1.0}})


def test_a_stall_of_answers_is_as_theory_says(tmp_path):
    """Whoever is due in the stall waits for its end; from the send nothing shows."""
    found = judges.rest_stall(stalled(tmp_path, lambda t: max(0.0, 10 - t) if t > 5.06 else 0.0))

    assert not wrong(found)
    assert 4_700 < found[0].injected < 4_900


def test_coordinated_omission_is_found_out(tmp_path):
    """An instrument that starts its clock at the send would report a p99 of a millisecond."""
    found = judges.rest_stall(stalled(tmp_path, lambda t: 0.0))

    assert ["p99 from due"] == wrong(found)


def test_a_stall_of_answers_must_have_happened(tmp_path):
    """A row without its fault proves nothing."""
    assert ["stall of answers"] == wrong(judges.rest_stall(evidence(tmp_path, Batch())))


def pinged(tmp_path, gaps_us, lost):
    """A run of contacts with these gaps, and agents whose longest was 4 s as the server says."""
    batch = Batch()
    batch.hist(WINDOW, "ping_gap", "", "contact").record_many(np.array(gaps_us))
    batch.hist(WINDOW, "ping_gap", "", "agent").record(4_010_000)
    lines = [line("ping-loss", role="contact")] * lost
    lines += [line("ping-delay", t=START_S + t) for t in (3.0, 6.0, 10.0)]
    return evidence(tmp_path, batch, lines)


def test_lost_and_late_pings_are_counted_by_gaps(tmp_path):
    """Two beats in a gap are one lost ping; the longest gap is that of the beats."""
    assert not wrong(judges.pings(pinged(tmp_path, [3_000_000, 6_000_000, 9_010_000], 3)))


def test_a_ping_too_many_is_wrong(tmp_path):
    """One that was lost and left no gap was not found."""
    assert ["lost pings"] == wrong(judges.pings(pinged(tmp_path, [3_000_000, 6_000_000], 2)))


def silenced(tmp_path, found_s):
    """A run whose pub/sub side dies at 4 s and is found dead then."""
    batch = Batch()
    batch.notes += [note("phase", 0.0, phase="ramp"), note("deaf", found_s, agent=20, contact=1)]
    batch.add(WINDOW, "cable.deaf", "", "agent", 20)
    return evidence(tmp_path, batch, [line("window", fault="deaf", state="begin", t=START_S + 4.0)])


def test_a_dead_pub_sub_side_is_found_in_time(tmp_path):
    """Within the canary's period, the deadline, and the second in which books are closed."""
    found = judges.deaf(silenced(tmp_path, 12.0))

    assert not wrong(found)
    assert 8.0 == found[0].recovered


def test_one_that_is_found_late_or_never_is_wrong(tmp_path):
    """Later than that is too late, and never is later still."""
    assert ["found after"] == wrong(judges.deaf(silenced(tmp_path, 30.0)))
    assert ["death of the pub/sub side"] == wrong(judges.deaf(evidence(tmp_path / "never", Batch())))


def test_silence_after_a_subscribe_is_counted_by_role(tmp_path):
    """An unconfirmed contact is not made up for by an agent."""
    batch = Batch()
    batch.add(WINDOW, "cable.unconfirmed", "", "contact", 1)

    assert not wrong(judges.unconfirmed(evidence(tmp_path / "a", batch, [line("unconfirmed", role="contact")])))
    assert ["unconfirmed"] == wrong(judges.unconfirmed(evidence(tmp_path / "b", batch, [line("unconfirmed")])))


def test_disconnects_are_told_apart_by_how_they_came(tmp_path):
    """Without a frame is 1006, with one its reason."""
    batch = Batch()
    batch.add(WINDOW, "cable.disconnects", "1006", "agent", 1)
    batch.add(WINDOW, "cable.disconnects", "server_restart", "contact", 1)
    lines = [line("cut"), line("disconnect", role="contact")]

    assert not wrong(judges.disconnects(evidence(tmp_path / "a", batch, lines)))
    assert ["cut without a frame", "told to disconnect"] == wrong(judges.disconnects(evidence(tmp_path / "b", batch)))
