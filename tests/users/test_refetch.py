"""Clients that fetch by themselves: after a reconnect, and counts, debounced as the dashboard does."""

import gevent
import pytest
from gevent.event import Event

from loadtest.clock import NS_PER_S, VirtualClock
from loadtest.directory import Agent, Contact
from loadtest.users.refetch import Refetcher, debounce_s
from loadtest.users.session import Session
from tests.users.conftest import eventually

AGENT = Agent((1,), 2, "agent", (3,), "p", "a")
CONTACT = Contact(1, 4, 3, "s", "c", inbox_identifier="i")


class Counting:
    """A receiver, as far as it counts."""

    def __init__(self, recounts=0):
        self.recounts = recounts


class Sent:
    """Keeps what was fetched, by name and path, and answers with so many conversations."""

    def __init__(self, conversations=0):
        self.paths = []
        self.came = Event()
        self.conversations = conversations

    def fetch(self, call, moment):
        self.paths.append((call.endpoint.name, call.path))
        self.came.set()
        return b'{"meta":{"all_count":%d}}' % self.conversations

    def names(self):
        """Names of the calls, once all that were begun are done."""
        gevent.sleep(0)
        gevent.sleep(0)
        return [name for name, _ in self.paths]


@pytest.fixture
def client():
    """A refetcher with a clock that stands still, what it sent, and a receiver that counts."""
    clock = VirtualClock()
    clock.advance(100)

    def make(mode, conversations=0):
        sent = Sent(conversations)
        return Refetcher(mode, clock, sent), sent, Counting(), clock

    return make


@pytest.mark.parametrize(
    ("mode", "who", "number", "expected"),
    [
        ("reconnect", AGENT, None, ["agent.refetch_conversations"]),
        ("all", CONTACT, 5, ["contact.list_messages"]),
        ("reconnect", CONTACT, None, []),
        ("meta", AGENT, None, []),
        ("none", AGENT, None, []),
    ],
)
def test_who_comes_back_fetches_what_was_missed(client, mode, who, number, expected):
    """Dashboard and widget each their own, where asked for."""
    refetcher, sent, receiver, clock = client(mode)
    refetcher.subscribed(who, receiver, clock.now_ns() - 12 * NS_PER_S, number)

    assert expected == sent.names()


def test_the_time_away_is_asked_for(client):
    """From the loss to the confirm, with the dashboard's slack."""
    refetcher, sent, receiver, clock = client("reconnect")
    refetcher.subscribed(AGENT, receiver, clock.now_ns() - 12 * NS_PER_S, None)
    sent.names()

    assert "updated_within=27" in sent.paths[0][1]


def test_who_comes_of_its_own_accord_missed_nothing(client):
    """A first visit, or one after leaving, fetches nothing."""
    refetcher, sent, receiver, _ = client("all")
    refetcher.subscribed(AGENT, receiver, None, None)

    assert [] == sent.names()


@pytest.mark.parametrize(
    ("conversations", "expected"), [(0, (0.5, 1.5)), (100, (0.5, 1.5)), (101, (5, 10)), (5001, (10, 20))]
)
def test_larger_accounts_wait_longer(conversations, expected):
    """As the dashboard's three debouncers."""
    assert expected == debounce_s(conversations)


def look(refetcher, clock, seconds):
    """Let so many quarters of a second pass, looking at each."""
    for _ in range(round(4 * seconds)):
        clock.advance(0.25)
        refetcher.look(clock.now_ns())


def test_counts_are_fetched_after_quiet(client):
    """One call for a burst of events, half a second after the last."""
    refetcher, sent, receiver, clock = client("meta")
    refetcher.subscribed(AGENT, receiver, None, None)
    look(refetcher, clock, 2)
    assert [] == sent.names()
    receiver.recounts += 5
    look(refetcher, clock, 0.5)
    assert [] == sent.names()
    look(refetcher, clock, 5)

    assert ["agent.conversation_meta"] == sent.names()


def test_counts_are_fetched_although_it_never_gets_quiet(client):
    """1.5 s after the first event at the latest: two thirds of a call a second under steady events."""
    refetcher, sent, receiver, clock = client("meta")
    refetcher.subscribed(AGENT, receiver, None, None)
    for _ in range(60):
        receiver.recounts += 1
        look(refetcher, clock, 0.25)

    assert 7 <= len(sent.names()) <= 10


def test_a_large_account_is_asked_less(client):
    """The answer of a call sets the pace of the next."""
    refetcher, sent, receiver, clock = client("meta", conversations=6000)
    refetcher.subscribed(AGENT, receiver, None, None)
    for _ in range(240):
        receiver.recounts += 1
        look(refetcher, clock, 0.25)
        sent.names()

    assert 3 <= len(sent.names()) <= 4


def test_who_is_gone_asks_nothing(client):
    """A page that was closed shows no counts; neither does a contact's widget."""
    refetcher, sent, receiver, clock = client("meta")
    refetcher.subscribed(AGENT, receiver, None, None)
    refetcher.subscribed(CONTACT, Counting(9), None, 1)
    receiver.recounts += 1
    refetcher.gone(receiver)
    refetcher.gone(receiver)
    look(refetcher, clock, 3)

    assert [] == sent.names()


@pytest.mark.parametrize(("mode", "expected"), [("none", True), ("reconnect", True), ("meta", False), ("all", False)])
def test_only_counts_need_a_loop(client, mode, expected):
    """What nobody asked for costs nothing."""
    assert expected == client(mode)[0].is_idle


def test_a_fleet_fetches(launch, directory, server):
    """On the reference server: a dashboard fetches counts when a conversation is opened, and the call succeeds."""
    fleet = launch(server.url, directory, refetch="meta")
    people = fleet.collector.people
    contact = len(people.agents)
    agents = [gevent.spawn(Session(fleet, n, who).visit, None) for n, who in enumerate(people.agents)]
    eventually(lambda: fleet.collector.connected_count == contact)
    visiting = gevent.spawn(Session(fleet, contact, people.contacts[0]).visit, None)
    eventually(lambda: launch.total("rest.n", "agent.conversation_meta"))
    gevent.killall([*agents, visiting])

    assert not launch.total("rest.error", "agent.conversation_meta")
