"""Messages between master and workers: identities dealt without overlap, batches in parts, all of it plain."""

from hypothesis import given
from hypothesis import strategies as st
from locust.rpc.protocol import Message

from loadtest.directory import Directory, Population, generate
from loadtest.distributed import messages
from loadtest.metrics import Batch, Closing, Gauge, Note

LIMIT_BYTES = 100 * 1024

quotas = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=6)
populations = st.builds(Population, st.integers(1, 40), st.integers(0, 40), st.integers(1, 5))


def sent(kind, data):
    """What arrives of a message at the other end of Locust's channel."""
    return Message.unserialize(Message(kind, data, "worker_1").serialize()).data


def size_of(kind, data):
    """Bytes of a message on the wire."""
    return len(Message(kind, data, "worker_1").serialize())


def closing(number, **changes):
    """A closing with the widest values that a run has."""
    fields = {
        "mark": f"{number:08d}",
        "event": "conversation.status_changed",
        "role": "contact",
        "worker": "some-long-host-name.example.com_0123456789abcdef0123456789abcdef",
        "actor_role": "contact",
        "status": "uncertain",
        "due_us": 1_700_000_000_000_000 + number,
        "response_us": 9_999_999,
        "first_us": 1_234_567,
        "last_us": 9_999_999,
    }
    numbers = {name: 1_000_000 for name in Closing.__slots__ if name not in fields}
    return Closing(**{**fields, **numbers, **changes})


def big_batch(closings=2000, hists=300, spread_us=3_000_000, values=3000, windows=200):
    """What a worker hands over after a stall: many windows, wide histograms, thousands of closings."""
    batch = Batch()
    for number in range(hists):
        hist = batch.hist(number % windows, "fanout", f"event.{number}", "agent")
        for value in range(values):
            hist.record(value * (spread_us // values) + number)
    for window in range(windows):
        for name in ("expected", "delivered", "lost", "late", "cut_by_us", "cut_by_peer", "away"):
            for role in ("agent", "contact"):
                batch.add(window, f"delivery.{name}", "conversation.status_changed", role, 10**9)
    batch.closings = [closing(number) for number in range(closings)]
    batch.notes = [Note(1, "breach", "text " * 20, {"window": n, "remedy": "x" * 100}) for n in range(300)]
    batch.gauges = [Gauge(1, "users.connected.agent", "worker", float(n)) for n in range(3000)]
    return batch


def joined(parts):
    """The batch that a master makes of parts."""
    whole = Batch()
    for part in parts:
        whole.merge(Batch.from_plain(sent(messages.BATCH, part)))
    return whole


@given(populations, quotas)
def test_no_identity_is_dealt_twice(population, given_):
    """Every identity goes to one worker at most, and no worker gets more than its quota."""
    directory = generate(population)

    hands = messages.deal(directory, given_)

    agents = [agent.user_id for hand in hands for agent in hand.agents]
    contacts = [contact.contact_id for hand in hands for contact in hand.contacts]
    assert len(set(agents)) == len(agents) == min(len(directory.agents), sum(q[0] for q in given_))
    assert len(set(contacts)) == len(contacts) == min(len(directory.contacts), sum(q[1] for q in given_))
    assert all(len(h.agents) <= q[0] and len(h.contacts) <= q[1] for h, q in zip(hands, given_, strict=True))


@given(populations, quotas)
def test_enough_identities_fill_every_quota(population, given_):
    """Where there are enough, each worker gets exactly what it will simulate."""
    enough = Population(max(1, sum(q[0] for q in given_)), sum(q[1] for q in given_), population.members)

    hands = messages.deal(generate(enough), given_)

    assert given_ == [(len(hand.agents), len(hand.contacts)) for hand in hands]


def test_neighbours_are_spread():
    """Identities are dealt in turn, so that an inbox's members sit in different workers."""
    directory = generate(Population(6, 3, 3))

    hands = messages.deal(directory, [(2, 1)] * 3)

    assert [[1, 4], [2, 5], [3, 6]] == [[agent.user_id for agent in hand.agents] for hand in hands]


def test_a_worker_deals_the_same_hand_as_the_master():
    """A worker that makes the embedded server's directory itself gets the same identities."""
    assert messages.deal(generate(Population(9, 4, 3), 7), [(5, 2), (4, 2)]) == messages.deal(
        generate(Population(9, 4, 3), 7), [[5, 2], [4, 2]]
    )


@given(populations)
def test_a_directory_survives_the_way(population):
    """Identities arrive as they were sent, tuples and tokens included."""
    directory = generate(population)

    assert directory == _arrived(directory)


def test_an_empty_directory_survives_the_way():
    """A worker with nothing to simulate is told so."""
    empty = Directory((), ())

    assert empty == _arrived(empty)


def _arrived(directory):
    setup = None
    for part in messages.setup_parts({}, agents=directory.agents, contacts=directory.contacts):
        setup = messages.join_setup(setup, sent(messages.SETUP, part))
    return messages.directory_of(setup["rows"], directory.source)


def test_every_part_of_a_big_batch_is_small():
    """What piled up in a stall travels in messages below 100 KiB, so that heartbeats get through."""
    sizes = [size_of(messages.BATCH, part) for part in messages.batch_parts(big_batch())]

    assert max(sizes) < LIMIT_BYTES
    assert len(sizes) > 1


def test_the_parts_are_the_batch():
    """The master's merge of the parts, through Locust's serialisation, is what the worker had."""
    batch = big_batch(closings=600, hists=80, values=2000)

    assert batch == joined(messages.batch_parts(batch))


def test_a_common_batch_is_one_message():
    """A second of an ordinary run is sent at once."""
    batch = big_batch(closings=50, hists=10, values=50, windows=2)
    batch.notes.clear()
    batch.gauges = batch.gauges[:10]

    assert 1 == len(list(messages.batch_parts(batch)))


def test_an_empty_batch_is_a_message_too():
    """The master hears of a worker that has nothing to tell."""
    assert [Batch()] == [Batch.from_plain(part) for part in messages.batch_parts(Batch())]


def test_sending_changes_nothing():
    """The batch stays whole: the worker feeds its own statistics with it."""
    batch = big_batch(closings=600, hists=80, values=100)
    before = Batch()
    before.merge(batch)
    list(messages.batch_parts(batch))

    assert before == batch


@given(
    st.lists(st.lists(st.integers().filter(lambda n: abs(n) < 2**62) | st.text(max_size=300), max_size=15), max_size=60)
)
def test_announcements_arrive_in_order(announcements):
    """The parts, one after the other, are the list."""
    parts = list(messages.announcement_parts(announcements))

    assert announcements == [row for part in parts for row in sent(messages.ANNOUNCE, {"emissions": part})["emissions"]]
    assert all(parts)


def test_every_part_of_many_announcements_is_small():
    """Announcements that piled up travel in messages below 100 KiB."""
    row = [
        b"00000001",
        *[1_700_000_000_000_000] * 4,
        "uncertain",
        "conversation.status_changed",
        "x" * 40,
        *[10**9] * 6,
    ]
    sizes = [
        size_of(messages.ANNOUNCE, {"emissions": part})
        for part in messages.announcement_parts([row for _ in range(5000)])
    ]

    assert max(sizes) < LIMIT_BYTES
    assert len(sizes) > 1
