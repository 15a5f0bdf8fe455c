"""The rows about delays: a truthful run agrees; an instrument, a log or a server that is off is found out."""

import msgspec
import numpy as np
import pytest

from loadtest.collect.delivery_log import Delivery
from loadtest.drive import judges_delay
from loadtest.metrics import Batch
from tests.drive.runs import MESSAGE, START_S, WINDOW, evidence, line, note
from tests.store.runs import closing, phase

HOLD_US = 100_000
MESSAGES, WINDOWS = 480, 12
FIGURES = ["p50 from due", "p99 from due", "p50 from send", "p99 from send"]


def delayed(tmp_path, *notes, error_us=0, stretch=1.0, lied_us=0, unreported_us=0, stamped=True, free=True, logged=1):
    """Twelve windows of messages with two copies each: agents' are held in the first half, contacts' in the second.

    Args:
        tmp_path: for its files.
        notes: of the run.
        error_us: the instrument adds so much to what was held.
        stretch: it multiplies all latencies by so much.
        lied_us: the server logs holds longer by so much than they were.
        unreported_us: the log of deliveries says so much less than what was reported.
        stamped: whether the kernel stamped the arrivals.
        free: whether each message has a copy that was not held.
        logged: every so many-th delivery is in the log.
    """
    rng = np.random.default_rng(11)
    batch, lines, log = Batch(), [], []
    batch.notes += [*notes, phase("hold", 0.5), phase("drain", WINDOWS + 1.5)]
    for number in range(MESSAGES):
        window, mark = 1 + number * WINDOWS // MESSAGES, f"{number:08d}"
        due_us = round((START_S + window + 0.5) * 1_000_000)
        way_us, sent_us = round(rng.lognormal(7.5, 0.6)), 700
        batch.closings.append(closing(mark, due_us=due_us))
        for role in ("agent", "contact"):
            is_held = not free or (role == "agent") == (window <= WINDOWS // 2)
            arrival_us = way_us + sent_us + (HOLD_US if is_held else 0)
            latency_us = round((arrival_us + rng.exponential(900)) * stretch) + (error_us if is_held else 0)
            batch.hist(WINDOW + window, "fanout", MESSAGE, role).record(latency_us)
            log.append(
                Delivery(
                    MESSAGE,
                    mark,
                    f"{role}:1",
                    due_us,
                    sent_us,
                    latency_us - unreported_us,
                    round(arrival_us * stretch) + (error_us if is_held else 0) if stamped else None,
                )
            )
            if is_held:
                lines.append(line("delay", mark, role, receiver=f"{role}:1", held_us=HOLD_US + lied_us))
    found = evidence(tmp_path, batch, lines)
    path = judges_delay.log_path(found.run.folder)
    path.with_name(f"{path.name}.local").write_bytes(msgspec.json.Encoder().encode_lines(log[::logged]))
    return found


def wrong(comparisons):
    """The names of the figures that do not agree."""
    return [one.what for one in comparisons if one.ok is False]


def figures(comparisons):
    """The figures by name."""
    return {one.what: one for one in comparisons}


def test_a_delay_is_recovered_message_by_message(tmp_path):
    """100 ms come back as 100 ms at both percentiles, from due and from send, of both roles' deliveries."""
    found = judges_delay.delay(delayed(tmp_path))

    assert not wrong(found)
    assert FIGURES == [one.what for one in found[:4]]
    assert [100.0] * 4 == pytest.approx([one.recovered for one in found[:4]], abs=0.2)
    assert (MESSAGES, MESSAGES) == tuple(
        figures(found)[what].recovered for what in ("held", "of them stamped by the kernel")
    )


@pytest.mark.parametrize(
    "off",
    [{"error_us": 1_500}, {"error_us": -1_500}, {"stretch": 1.02}, {"lied_us": 2_000}, {"lied_us": -2_000}],
    ids=str,
)
def test_an_instrument_or_a_server_that_is_off_is_found_out(tmp_path, off):
    """Whether latencies of what was held are off, all of them are stretched, or holds were not as they were logged."""
    assert FIGURES == wrong(judges_delay.delay(delayed(tmp_path, **off)))


@pytest.mark.parametrize("off", [{"unreported_us": 1_000}, {"logged": 2}], ids=str)
def test_what_is_judged_is_what_is_reported(tmp_path, off):
    """A log of deliveries that is not the run's histogram proves nothing of the run's figures."""
    assert "reported other than logged" in wrong(judges_delay.delay(delayed(tmp_path, **off)))


def test_without_the_kernels_stamps_it_cannot_be_told(tmp_path):
    """Undecided, neither right nor wrong."""
    found = judges_delay.delay(delayed(tmp_path, stamped=False))

    assert not wrong(found)
    assert [False, False] == [figures(found)[f"p50 from {start}"].decided for start in ("due", "send")]


def test_a_row_without_its_fault_is_wrong(tmp_path):
    """No delivery was held, so none was recovered."""
    found = delayed(tmp_path)
    none = type(found)(found.run, type(found.truth)("", 0, (), whole=True), found.summary)

    assert {"p50 from due", "p50 from send"} <= set(wrong(judges_delay.delay(none)))


def test_a_message_that_was_held_for_all_has_no_floor(tmp_path):
    """Nothing says what it would have taken."""
    found = judges_delay.delay(delayed(tmp_path, free=False))

    assert not figures(found)["p50 from due"].decided


def test_windows_of_an_unfit_generator_are_left_out(tmp_path):
    """As in any verdict, unless too little is left."""
    (one, most) = (
        [note("breach", second + 1.0, window=WINDOW + second) for second in seconds]
        for seconds in ((4,), range(1, WINDOWS))
    )

    assert "440 deliveries" in judges_delay.delay(delayed(tmp_path / "one", *one))[0].note
    assert "480 deliveries" in judges_delay.delay(delayed(tmp_path / "most", *most))[0].note


def test_the_curve_is_that_of_what_was_held(tmp_path):
    """From the send, beside what it must be."""
    curve = judges_delay.delay_curve(delayed(tmp_path))

    assert curve.expected_ms == pytest.approx(curve.measured_ms, rel=0.005)
    assert min(curve.measured_ms) > 100
