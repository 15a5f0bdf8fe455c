"""A worker's setup, sent in parts through Locust's serialisation and read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.rpc.protocol import Message

from loadtest.directory import Directory, Population, generate
from loadtest.distributed import messages
from loadtest.plugin import setups
from loadtest.users import FleetSettings
from loadtest.users.ensemble import ensemble_of

LIMIT_BYTES = 100 * 1024
COMMON = {"host": "http://127.0.0.1:3000", "settings": FleetSettings("abc123").to_plain(), "source": "file"}
QUOTAS = [(5, 2), (4, 2)]


def arrived(parts):
    """What a worker has of a setup once all its messages came, and the largest of them in bytes."""
    setup, largest = None, 0
    for part in parts:
        raw = Message(messages.SETUP, part, "worker").serialize()
        largest = max(largest, len(raw))
        setup = messages.join_setup(setup, Message.unserialize(raw).data)
    assert setup is not None
    assert setup["last"]
    assert FleetSettings("abc123") == FleetSettings.from_plain(setup["settings"])
    return setup, largest


@pytest.mark.parametrize("share", [0, 1])
def test_made_up_identities_need_not_travel(share):
    """A worker makes them itself, and gets what it would have been sent."""
    population = Population(9, 4, 3)
    whole = generate(population, 0)
    sent, _ = arrived(setups.of_directory(COMMON, Directory(whole.agents, whole.contacts, "file"), share, QUOTAS))
    numbers, size = arrived(setups.of_population(COMMON, population, share, QUOTAS))
    directory, ensemble = setups.read(numbers, 0)

    assert size < 2048
    assert ((directory.agents, directory.contacts), ensemble) == (
        (setups.read(sent, 0)[0].agents, setups.read(sent, 0)[0].contacts),
        setups.read(sent, 0)[1],
    )


@given(st.builds(Population, st.integers(1, 30), st.integers(0, 30), st.integers(1, 5)))
def test_sent_identities_arrive_as_they_were(population):
    """Tokens, tuples and places included."""
    whole = generate(population)
    quotas = [(len(whole.agents[n::2]), len(whole.contacts[n::2])) for n in range(2)]
    hands = messages.deal(whole, quotas)
    for share in range(2):
        setup, _ = arrived(setups.of_directory({**COMMON, "source": whole.source}, whole, share, quotas))

        assert (hands[share], ensemble_of(whole, hands, share)) == setups.read(setup, 0)


@pytest.mark.parametrize("quotas", [[(5000, 5000)], [(2500, 2500), (2500, 2500)]], ids=["one worker", "two workers"])
def test_ten_thousand_identities_travel_in_small_messages(quotas):
    """Below 100 KiB each, as all messages, so that heartbeats get through; and everybody arrives, once."""
    whole = generate(Population(5000, 5000, 20))
    hands, sizes = [], []
    for share in range(len(quotas)):
        setup, largest = arrived(setups.of_directory(COMMON, whole, share, quotas))
        hands.append(setups.read(setup, 0)[0])
        sizes.append(largest)

    assert max(sizes) < LIMIT_BYTES
    assert sorted(a.user_id for hand in hands for a in hand.agents) == [a.user_id for a in whole.agents]
    assert sorted(c.contact_id for hand in hands for c in hand.contacts) == [c.contact_id for c in whole.contacts]
    assert set(hands[0].agents) <= set(whole.agents)


def test_a_late_worker_simulates_unused_identities_and_has_no_part_in_the_plan():
    """It gets what nobody was dealt, and no exchange is its own."""
    unused = generate(Population(2, 1, 2))
    setup, _ = arrived(setups.of_late(COMMON, unused, 3))
    directory, ensemble = setups.read(setup, 0)

    assert (unused.agents, unused.contacts) == (directory.agents, directory.contacts)
    assert (3, 4, ()) == (ensemble.share, ensemble.shares, ensemble.places)
    assert all(ensemble.contact_of(0, slot) is None for slot in range(100))


def test_a_late_worker_without_unused_identities_has_nobody():
    """Its users idle."""
    directory, _ = setups.read(arrived(setups.of_late(COMMON, Directory((), ()), 3))[0], 0)

    assert ((), ()) == (directory.agents, directory.contacts)


def test_a_setup_whose_beginning_was_missed_is_none():
    """What belongs to an earlier test is passed over."""
    _, *rest = setups.of_directory(COMMON, generate(Population(9, 4, 3)), 0, QUOTAS)

    assert messages.join_setup(None, rest[0]) is None
