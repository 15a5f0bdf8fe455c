"""Latencies are taken once for every required receiver, whatever else arrived."""

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


def test_what_came_before_its_time_within_the_clocks_error_came_at_once():
    """Clocks of two workers that agree to 0.1 ms each may show -0.2 ms; below that is a defect, counted as one."""
    subject, clock = collector()
    clock.bound_ns = 100_000
    epochs = {identity: subject.confirmed(identity, clock.now_ns()) for identity in (BOB, CLEO)}
    clock.advance(60)
    entry = subject.ledger.open(KEY, action(clock.now_ns()))
    subject.ledger.written(entry, clock.now_ns())
    subject.ledger.responded(entry, clock.now_ns() + 1, "ok")
    subject.tick(KEY, epochs[BOB], clock.now_ns() - 200_000)
    subject.tick(KEY, epochs[CLEO], clock.now_ns() - 300_000)
    batch = subject.collect(clock.advance(11))
    found = {(h.n, h.min_us, h.underflow) for key, h in batch.hists.items() if key[1] == "fanout"}

    assert found == {(1, 0, 1)}
