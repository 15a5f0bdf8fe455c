"""The log of deliveries: what goes into the histograms, one by one."""

import numpy as np

from loadtest.clock import NS_PER_MS
from loadtest.collect.delivery_log import read_deliveries
from loadtest.metrics import Histogram
from tests.collect.support import ADMIN, BOB, CONTACT_1, action, collector

KEY = b"0000000a"


def logged(tmp_path, *, late=False):
    """A contact's message that is read after 5, 7 and 9 ms, of which the kernel stamped the last; what was recorded."""
    path = tmp_path / "log"
    subject, clock = collector(delivery_log=str(path), deadline_s=1.0)
    epochs = [subject.confirmed(identity, clock.now_ns()) for identity in (ADMIN, BOB, CONTACT_1)]
    due_ns = clock.advance(2)
    entry = subject.ledger.open(KEY, action(due_ns))
    subject.ledger.written(entry, due_ns + 2 * NS_PER_MS)
    subject.ledger.responded(entry, due_ns + 4 * NS_PER_MS, "ok")
    for epoch, after_ms in zip(epochs, (5, 7, 9), strict=True):
        if late and after_ms == 9:
            subject.collect(clock.advance(1.5))
        lag_ns = 2 * NS_PER_MS if after_ms == 9 else -1
        subject.tick(KEY, epoch, due_ns + after_ms * NS_PER_MS, lag_ns)
    batches = [subject.collect(clock.advance(1)), subject.collect(clock.advance(3), final=True)]
    subject.close()
    return read_deliveries([path]), batches, subject.clock.wall_ns(due_ns) // 1_000


def test_every_latency_is_logged_with_its_message_and_receiver(tmp_path):
    """Due, sent, read, and where the kernel said so when it arrived."""
    lines, _, due_us = logged(tmp_path)

    assert [("agent:1", 5_000, None), ("agent:2", 7_000, None), ("contact:1", 9_000, 7_000)] == [
        (line.receiver, line.latency, line.arrival) for line in lines
    ]
    assert {("message.created", "0000000a", due_us, 2_000)} == {
        (line.event, line.mark, line.due, line.sent) for line in lines
    }


def test_the_log_makes_the_histograms(tmp_path):
    """Late deliveries too: what is in one is in the other."""
    lines, batches, _ = logged(tmp_path, late=True)
    reported, from_log = Histogram(), Histogram()
    for batch in batches:
        for (_, metric, _, _), hist in batch.hists.items():
            if metric == "fanout":
                reported.merge(hist)
    from_log.record_many(np.array([line.latency for line in lines if line.receiver == "contact:1"]))

    assert from_log == reported
    assert 3 == len(lines)
