"""Latencies are taken once for every required receiver, whatever else arrived."""

import pytest

from loadtest.clock import NS_PER_US
from loadtest.collect import emission_key
from tests.collect.support import BOB, CLEO, action, balance, collector

KEY = emission_key(0, 1).encode()


def test_a_duplicate_does_not_hide_a_slow_receivers_latency():
    """An entry with as many copies as receivers still waits for the receiver that has none."""
    subject, clock = collector()
    epochs = {identity: subject.confirmed(identity, clock.now_ns()) for identity in (BOB, CLEO)}
    clock.advance(60)
    entry = subject.ledger.open(KEY, action(clock.now_ns()))
    subject.ledger.written(entry, clock.now_ns())
    subject.ledger.responded(entry, clock.now_ns() + 1, "ok")
    for _ in range(2):
        subject.tick(KEY, epochs[BOB], clock.now_ns() + 1_000_000)
    first = subject.collect(clock.advance(1))
    subject.tick(KEY, epochs[CLEO], clock.now_ns())
    clock.advance(11)
    first.merge(subject.collect(clock.now_ns()))
    latencies = [h.n for key, h in first.hists.items() if key[1] == "fanout"]
    found = balance(first)

    assert (sum(latencies), found["delivered", "agent"], found["duplicated", "agent"]) == (2, 2, 1)


def test_overtaking_is_judged_by_happens_before():
    """Two POSTs that overlapped have no order to keep; two that did not have one."""
    subject, clock = collector()
    epoch = subject.confirmed(BOB, clock.now_ns())
    clock.advance(60)
    keys = [emission_key(0, n).encode() for n in range(3)]
    sent_ms, answered_ms = (0, 5, 20), (10, 15, 30)
    entries = []
    for key, sent, answered in zip(keys, sent_ms, answered_ms, strict=True):
        entry = subject.ledger.open(key, action(clock.now_ns()))
        subject.ledger.written(entry, clock.now_ns() + sent * 1_000_000)
        subject.ledger.responded(entry, clock.now_ns() + answered * 1_000_000, "ok")
        entries.append(entry)
    for key, arrived in ((keys[2], 40), (keys[1], 41), (keys[0], 42)):
        subject.tick(key, epoch, clock.now_ns() + arrived * 1_000_000)
    clock.advance(11)

    assert balance(subject.collect(clock.now_ns()))["reordered", "agent"] == 2


def test_latency_at_the_kernels_arrival_leaves_out_our_own_lag():
    """Where it is known how long the kernel had held a delivery, its latency up to then is told beside the other."""
    subject, clock = collector()
    epochs = {identity: subject.confirmed(identity, clock.now_ns()) for identity in (BOB, CLEO)}
    clock.advance(60)
    entry = subject.ledger.open(KEY, action(clock.now_ns()))
    subject.ledger.written(entry, clock.now_ns())
    subject.ledger.responded(entry, clock.now_ns() + 1, "ok")
    subject.tick(KEY, epochs[BOB], clock.now_ns() + 9_000_000, 2_000_000)
    subject.tick(KEY, epochs[CLEO], clock.now_ns() + 9_000_000)
    batch = subject.collect(clock.advance(11))
    found = {key[1]: (h.n, h.max_us) for key, h in batch.hists.items() if key[1] in ("fanout", "fanout_arrival")}

    assert found == {"fanout": (2, 9000), "fanout_arrival": (1, 7000)}


def latencies_of(early_us, *, emitter_us=0, receiver_us=0):
    """Of an emission that two sockets saw so long before its time: (in range, least, out of range), and of its last.

    The clocks of its emitter, another worker, and of the receivers may be so far from the run's time.
    """
    subject, clock = collector(workers=2)
    epochs = {identity: subject.confirmed(identity, clock.now_ns()) for identity in (BOB, CLEO)}
    emitter, its_clock = collector(workers=2)
    its_clock.bound_ns, clock.bound_ns = emitter_us * NS_PER_US, receiver_us * NS_PER_US
    at_ns = clock.advance(60)
    its_clock.advance(60)
    entry = emitter.ledger.open(KEY, action(at_ns))
    emitter.ledger.written(entry, at_ns)
    emitter.ledger.responded(entry, at_ns, "ok")
    subject.ledger.announce(emitter.ledger.announcements[0])
    clock.bound_ns = 0  # what is found later of the clocks makes no stamp of before better
    for identity, early in zip((BOB, CLEO), early_us, strict=True):
        subject.tick(KEY, epochs[identity], at_ns - early * NS_PER_US)
    batch = subject.collect(clock.advance(20))
    found = {(h.n, h.min_us, h.underflow) for key, h in batch.hists.items() if key[1] in ("fanout", "fanout_sent")}
    (closing,) = (one for one in batch.closings if one.last_us is not None)
    return found, (closing.first_us, closing.last_us)


@pytest.mark.parametrize("bounds", [{"emitter_us": 200}, {"receiver_us": 200}, {"emitter_us": 150, "receiver_us": 50}])
def test_what_came_before_its_time_within_the_clocks_error_came_at_once(bounds):
    """Whichever of the two workers' clocks is the doubtful one; below that is a defect, counted as one."""
    assert latencies_of((199, 200), **bounds) == ({(2, 0, 0)}, (0, 0))
    assert latencies_of((200, 201), **bounds) == ({(1, 0, 1)}, (-201, 0))


def test_what_a_worker_emitted_itself_cannot_come_before_its_time():
    """Whatever its clock is off the run's by, it is one clock that stamped both."""
    subject, clock = collector()
    clock.bound_ns = 100_000
    epochs = {identity: subject.confirmed(identity, clock.now_ns()) for identity in (BOB, CLEO)}
    clock.advance(60)
    entry = subject.ledger.open(KEY, action(clock.now_ns()))
    subject.ledger.written(entry, clock.now_ns())
    subject.ledger.responded(entry, clock.now_ns() + 1, "ok")
    subject.tick(KEY, epochs[BOB], clock.now_ns())
    subject.tick(KEY, epochs[CLEO], clock.now_ns() - 1_000)
    batch = subject.collect(clock.advance(11))
    found = {(h.n, h.min_us, h.underflow) for key, h in batch.hists.items() if key[1] == "fanout"}

    assert found == {(1, 0, 1)}
