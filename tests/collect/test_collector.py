"""The collectors of a process together: windows, users' time, phases."""

from loadtest.clock import VirtualClock
from loadtest.collect import EndCause, emission_key
from tests.collect.support import ADMIN, BOB, CLEO, CONTACT_1, action, collector


def _sums(batch, metric):
    totals = {}
    for (_, name, _, role), value in batch.counts.items():
        if name == metric:
            totals[role] = totals.get(role, 0) + value
    return totals


def test_connected_time_is_integrated_over_the_hold():
    """Planned and connected user time accrue only in the hold, and follow every change."""
    subject, clock = collector()
    for role in ("agent", "agent", "contact"):
        subject.user_started(role)
    epoch = subject.confirmed(BOB, clock.now_ns())
    subject.confirmed(CONTACT_1, clock.now_ns())
    clock.advance(30)
    subject.hold(clock.now_ns())
    clock.advance(4)
    subject.confirmed(CLEO, clock.now_ns())
    clock.advance(2)
    subject.ended(BOB, epoch, clock.now_ns(), EndCause.BY_PEER)
    clock.advance(1)
    subject.drain(clock.now_ns())
    clock.advance(50)
    batch = subject.collect(clock.now_ns())

    assert _sums(batch, "users.planned_us") == {"agent": 14_000_000, "contact": 7_000_000}
    assert _sums(batch, "users.connected_us") == {"agent": 9_000_000, "contact": 7_000_000}


def test_a_stamp_from_before_the_last_look_counts_no_time_twice():
    """A frame's arrival may be older than a tick between its read and its turn."""
    subject, clock = collector()
    subject.user_started("agent")
    subject.confirmed(BOB, clock.now_ns())
    subject.hold(clock.advance(1))
    read_ns = clock.now_ns()
    clock.advance(3)
    subject.user_started("contact")
    subject.ended(CLEO, subject.confirmed(CLEO, read_ns), read_ns, EndCause.BY_PEER)
    subject.drain(clock.advance(1))

    assert _sums(subject.collect(clock.now_ns()), "users.planned_us") == {"agent": 4_000_000, "contact": 1_000_000}


def test_users_ever_confirmed_are_distinct():
    """A user that reconnects counts once, one that was there when the hold began counts too."""
    subject, clock = collector()
    epoch = subject.confirmed(BOB, clock.now_ns())
    subject.hold(clock.advance(1))
    subject.ended(BOB, epoch, clock.advance(1), EndCause.BY_PEER)
    subject.confirmed(BOB, clock.advance(1))
    subject.confirmed(CONTACT_1, clock.advance(1))
    gauges = {g.name: g.value for g in subject.collect(clock.now_ns()).gauges}

    assert (gauges["users.ever_confirmed.agent"], gauges["users.ever_confirmed.contact"]) == (1, 1)


class Racing(VirtualClock):
    """A clock that moves on by two milliseconds whenever it is read."""

    def now_ns(self):
        return self.advance(0.002)


def test_who_left_by_its_plan_before_the_hold_was_confirmed():
    """A client that goes in the ramp as its scenario says is not missing; one that the peer dropped is."""
    subject, clock = collector()
    for identity, cause in ((BOB, EndCause.BY_US), (CLEO, EndCause.BY_PEER)):
        subject.user_started("agent")
        epoch = subject.confirmed(identity, clock.now_ns())
        subject.ended(identity, epoch, clock.advance(1), cause)
    subject.hold(clock.advance(1))
    gauges = {gauge.name: gauge.value for gauge in subject.collect(clock.advance(1)).gauges}

    assert gauges["users.ever_confirmed.agent"] == 1


def test_what_a_breath_lets_happen_is_of_the_same_batch():
    """A long tick is interrupted between entries; what is counted meanwhile is handed over with it."""
    subject, clock = collector()
    epoch = subject.confirmed(BOB, clock.now_ns())
    clock.advance(60)
    for key in (b"0:1", b"0:2", b"0:3"):
        entry = subject.ledger.open(key, action(clock.now_ns()))
        subject.ledger.written(entry, clock.now_ns())
        subject.ledger.responded(entry, clock.now_ns(), "ok")
        subject.tick(key, epoch, clock.now_ns())
    subject.clock = Racing()
    batch = subject.collect(clock.now_ns(), breathe=lambda: subject.count("cable.reconnects", "", "agent"))

    assert {"agent": 3} == _sums(batch, "cable.reconnects")


def test_two_sockets_of_one_identity_are_one_user():
    """A second tab is no second user, and closing it does not make the user absent."""
    subject, clock = collector()
    first = subject.confirmed(BOB, clock.now_ns())
    subject.confirmed(BOB, clock.advance(1))
    subject.ended(BOB, first, clock.advance(1), EndCause.BY_US)

    assert subject.connected_count == 1


def test_lateness_is_kept_by_due_window_and_judged():
    """Actions taken up late breach the window they were due in."""
    subject, clock = collector()
    due_ns = clock.now_ns()
    for _ in range(10):
        subject.dispatched(due_ns, due_ns + 80_000_000)
    clock.advance(2)
    batch = subject.collect(clock.now_ns())
    lateness = [(key[0], h.n, h.max_us) for key, h in batch.hists.items() if key[1] == "lateness"]

    assert lateness == [(subject.window(due_ns), 10, 80_000)]
    assert [n.data["cause"] for n in batch.notes] == ["lateness"]


def test_a_batch_is_handed_over_once():
    """What was collected is not collected again."""
    subject, clock = collector()
    subject.received_cell("message.created", "agent")[0] += 3
    first = _sums(subject.collect(clock.advance(1)), "delivery.received")
    second = _sums(subject.collect(clock.advance(1)), "delivery.received")

    assert (first, second) == ({"agent": 3}, {})


def test_deliveries_that_were_read_late_mark_the_window_they_were_due_in():
    """They are due at the end of a second and read in the next one, 7 ms after the kernel had them."""
    subject, clock = collector(deadline_s=2.0, window_s=1.0)
    epochs = [subject.confirmed(identity, clock.now_ns()) for identity in (ADMIN, BOB, CLEO, CONTACT_1)]
    clock.advance(60 - clock.wall_ns(clock.now_ns()) % 10**9 / 1e9 - 0.001)
    due = subject.window(clock.now_ns())
    keys = [emission_key(0, n).encode() for n in range(25)]
    for key in keys:
        entry = subject.ledger.open(key, action(clock.now_ns()))
        subject.ledger.written(entry, clock.now_ns())
        subject.ledger.responded(entry, clock.now_ns(), "ok")
    clock.advance(0.008)
    for key in keys:
        for epoch in epochs:
            clock.advance(1e-6)
            subject.read_lags.exact(clock.now_ns(), 7_000_000)
            subject.tick(key, epoch, clock.now_ns(), 7_000_000)
    subject.collect(clock.now_ns())
    clock.advance(10)
    notes = [note for note in subject.collect(clock.now_ns(), final=True).notes if note.kind == "breach"]

    assert [(due, "read_lag")] == [(note.data["window"], note.data["measure"]) for note in notes]
