"""The open loop: actions leave when they are due, whatever the target does, and every one is accounted for."""

from dataclasses import dataclass

import pytest

from loadtest.clock import NS_PER_S, SystemClock
from loadtest.collect import Collector, CollectorSettings
from loadtest.directory import Agent, Contact, Directory
from loadtest.plan import Pacer, Talk
from loadtest.rest import RestClient
from loadtest.users import FleetSettings
from loadtest.users.chat import Chat
from tests.users.conftest import eventually

MEMBER = Agent((1,), 1, "agent", (5,), "p1", "a1")
OUTSIDER = Agent((1,), 2, "agent", (6,), "p2", "a2")
REGULAR = Contact(1, 10, 5, "s-10", "c-10", "inbox-5", conversation_ids=(3,))
NEWCOMER = Contact(1, 11, 5, "s-11", "c-11", "inbox-5")
DIRECTORY = Directory((MEMBER, OUTSIDER), (REGULAR, NEWCOMER))
MEMBERS, OUTSIDERS, REGULARS, NEWCOMERS = range(4)  # their numbers

TALK = Talk(think_s=0.0, typing_s=0.0)
STATUS = 5  # place of the status in an announcement


@dataclass
class Speaker:
    """A session that stands."""

    identity: int
    role: str


@dataclass
class Crew:
    """What a process's users share, without cables."""

    clock: SystemClock
    collector: Collector
    rest: RestClient
    settings: FleetSettings

    def dropped(self, why):
        """Actions dropped for a reason."""
        counts = self.collector.batch.counts
        return sum(n for (_, metric, name, _), n in counts.items() if (metric, name) == ("generator.dropped", why))

    def errors(self):
        """Failed calls by call and kind."""
        counts = self.collector.batch.counts
        return {(name, kind) for (_, metric, name, kind) in counts if metric == "rest.error"}

    @property
    def statuses(self):
        """What became of the emissions so far."""
        return [plain[STATUS] for plain in self.collector.ledger.announcements]


@pytest.fixture
def crew_for():
    """Makes a crew whose REST calls go to a base URL."""
    crews = []

    def make(url, connections=64, timeout_s=60.0):
        clock, settings = SystemClock(), FleetSettings("abc123", rest_connections=connections)
        rest = RestClient(url, connections=connections, timeout_s=timeout_s)
        crews.append(
            Crew(clock, Collector(DIRECTORY, clock, CollectorSettings("abc123", dialect="seed")), rest, settings)
        )
        return crews[-1]

    yield make
    for crew in crews:
        crew.rest.close()


@pytest.fixture
def chat_of():
    """Makes a chat with agents and contacts online; it is abandoned after the test."""
    chats = []

    def make(crew, rate_per_s=100.0, talk=TALK, online=(MEMBERS, REGULARS)):
        chats.append(Chat(crew, Pacer(rate_per_s), talk, emitter=0))
        for identity in online:
            chats[-1].online(Speaker(identity, "agent" if identity < REGULARS else "contact"))
        return chats[-1]

    yield make
    for chat in chats:
        chat.abandon()
        chat.stop()


def test_a_stalled_target_holds_nothing_back(crew_for, chat_of, scripted):
    """Actions leave when they are due although none before them was answered."""
    crew = crew_for(scripted.url("hold"))
    chat = chat_of(crew)
    chat.start(crew.clock.now_ns())

    arrived = scripted.seen(40)

    assert len(arrived) >= 40
    assert not crew.statuses


def test_the_rate_can_change_while_the_plan_goes_on(crew_for, chat_of, scripted):
    """A plan that would not have said anything for minutes talks at once after the change."""
    crew = crew_for(scripted.url("200"))
    chat = chat_of(crew, rate_per_s=0.001)
    chat.start(crew.clock.now_ns())
    chat.change_rate(0.1, 200.0)

    assert len(scripted.seen(20)) >= 20


def test_what_exceeds_the_bound_is_dropped(crew_for, chat_of, scripted):
    """A full pool drops further actions and counts them, and keeps its size."""
    crew = crew_for(scripted.url("hold"), connections=1)
    chat = chat_of(crew, rate_per_s=2000.0)
    chat.start(crew.clock.now_ns())

    eventually(lambda: crew.dropped("too_many_in_flight") >= 10)

    assert 2 * 1 + 64 == chat.in_flight


@pytest.mark.parametrize(
    ("script", "expected"), [("200", "ok"), ("201", "ok"), ("302", "void"), ("404", "void"), ("422", "void")]
)
def test_an_answer_settles_the_emission(crew_for, chat_of, scripted, script, expected):
    """2xx confirms an emission, any other answer of the target's own below 500 voids it."""
    crew = crew_for(scripted.url(script))
    chat_of(crew).start(crew.clock.now_ns())

    eventually(lambda: len(crew.statuses) >= 4)

    assert {expected} == set(crew.statuses)


@pytest.mark.parametrize(("script", "kind"), [("500", "500"), ("503", "503"), ("reset", "reset")])
def test_no_answer_leaves_the_emission_uncertain(crew_for, chat_of, scripted, script, kind):
    """A 5xx or a reset says neither that the message was made nor that it was not."""
    crew = crew_for(scripted.url(script))
    chat_of(crew).start(crew.clock.now_ns())

    eventually(lambda: len(crew.statuses) >= 4)

    assert {"uncertain"} == set(crew.statuses)
    assert {("contact.send_message", kind), ("agent.send_message", kind)} == crew.errors()


def test_a_timeout_leaves_the_emission_uncertain(crew_for, chat_of, scripted):
    """A call without an answer in time may have arrived."""
    crew = crew_for(scripted.url("hold"), timeout_s=1.0)
    chat_of(crew).start(crew.clock.now_ns())

    eventually(lambda: len(crew.statuses) >= 4)

    assert {"uncertain"} == set(crew.statuses)


def test_what_never_left_was_not_emitted(crew_for, chat_of, refused_port):
    """Where nothing listens, no emission awaits deliveries."""
    crew = crew_for(f"http://127.0.0.1:{refused_port}")
    chat_of(crew).start(crew.clock.now_ns())

    eventually(lambda: len(crew.statuses) >= 4)

    assert {"void"} == set(crew.statuses)


def test_nothing_is_sent_twice(crew_for, chat_of, scripted):
    """A POST that failed is not sent again: every message that arrived is another."""
    crew = crew_for(scripted.url("reset"))
    chat = chat_of(crew)
    chat.start(crew.clock.now_ns())
    eventually(lambda: len(crew.statuses) >= 20)
    chat.stop()
    eventually(lambda: not chat.in_flight)

    echoes = [what["body"]["echo_id"] for what in scripted.seen()]

    assert len(set(echoes)) == len(echoes) == len(crew.statuses)


def test_a_message_carries_its_mark_first(crew_for, chat_of, scripted):
    """A content starts with the mark of this run, in the conversation the contact has."""
    crew = crew_for(scripted.url("200"))
    chat_of(crew).start(crew.clock.now_ns())

    first = scripted.seen(1)[0]

    assert "abc123" in first["body"]["content"].split()[0]
    assert "/conversations/3/messages" in "/" + first["path"]


def test_a_contact_without_a_conversation_opens_one(crew_for, chat_of, scripted):
    """A newcomer is awaited until its conversation is there, and then writes into it."""
    crew = crew_for(scripted.url("ok"))
    chat = chat_of(crew, online=(MEMBERS, NEWCOMERS))
    before = chat.awaited_count, chat.ready_count
    eventually(lambda: chat.ready_count)
    chat.start(crew.clock.now_ns())

    opened, written = scripted.seen(2)[:2]

    assert ((1, 0), 0) == (before, chat.awaited_count)
    assert opened["path"].endswith("/s-11/conversations")
    assert written["path"].endswith("/conversations/101/messages")


def test_a_refused_conversation_is_asked_for_again(crew_for, chat_of, scripted):
    """A target that fails once does not leave a contact mute for the whole run."""
    crew = crew_for(scripted.url("once-500"))
    chat = chat_of(crew, online=(NEWCOMERS,))

    eventually(lambda: chat.ready_count)

    assert 2 == len(scripted.seen())


def test_an_opened_conversation_that_was_not_answered_is_not_opened_twice(crew_for, chat_of, scripted):
    """A POST that may have arrived is not resent, and its contact is awaited no longer."""
    crew = crew_for(scripted.url("reset"))
    chat = chat_of(crew, online=(NEWCOMERS,))

    eventually(lambda: not chat.awaited_count)

    assert (1, 0) == (len(scripted.seen()), chat.ready_count)


def test_an_answer_without_an_id_is_noted(crew_for, chat_of, scripted):
    """What cannot be read is said on the time line."""
    crew = crew_for(scripted.url("no-id"))
    chat = chat_of(crew, online=(NEWCOMERS,))

    eventually(lambda: not chat.awaited_count)

    assert ["error"] == [note.kind for note in crew.collector.batch.notes]


def test_a_contact_that_comes_back_while_it_opens_opens_one_conversation(crew_for, chat_of, scripted):
    """A reconnect during the call that opens a conversation sends no second one."""
    crew = crew_for(scripted.url("hold"))
    chat = chat_of(crew, online=())
    for _ in range(2):
        session = Speaker(NEWCOMERS, "contact")
        chat.online(session)
        scripted.seen(1)
        chat.offline(session)
    chat.online(Speaker(NEWCOMERS, "contact"))
    scripted.go()
    eventually(lambda: chat.ready_count)

    assert 1 == len(scripted.seen())


@pytest.mark.parametrize("online", [(), (MEMBERS,), (OUTSIDERS,)])
def test_without_a_contact_everything_is_dropped(crew_for, chat_of, scripted, online):
    """An action that nobody is there for is counted, not delayed and not sent."""
    crew = crew_for(scripted.url("200"))
    chat_of(crew, online=online).start(crew.clock.now_ns())

    eventually(lambda: crew.dropped("nobody_there") >= 4)

    assert not scripted.seen()


def test_only_members_of_the_inbox_answer(crew_for, chat_of, scripted):
    """Where no member is online the question goes out and the answer is dropped."""
    crew = crew_for(scripted.url("200"))
    chat_of(crew, online=(OUTSIDERS, REGULARS)).start(crew.clock.now_ns())

    eventually(lambda: crew.dropped("nobody_there") >= 4)

    assert all(what["path"].startswith("public/") for what in scripted.seen(1))


def test_who_left_says_nothing(crew_for, chat_of, scripted):
    """A contact that went offline is no one's partner."""
    crew = crew_for(scripted.url("200"))
    chat = chat_of(crew, online=(MEMBERS,))
    session = Speaker(REGULARS, "contact")
    chat.online(session)
    chat.offline(session)
    chat.start(crew.clock.now_ns())

    eventually(lambda: crew.dropped("nobody_there") >= 4)

    assert not scripted.seen()


def test_a_session_that_was_replaced_takes_nobody_offline(crew_for, chat_of, scripted):
    """The late end of an old session does not end its successor."""
    crew = crew_for(scripted.url("200"))
    chat = chat_of(crew, online=())
    old, new = Speaker(REGULARS, "contact"), Speaker(REGULARS, "contact")
    chat.online(old)
    chat.online(new)
    chat.offline(old)

    assert 1 == chat.ready_count


def test_typing_surrounds_each_message(crew_for, chat_of, scripted):
    """With typing, question and answer each come between an on and an off."""
    crew = crew_for(scripted.url("200"))
    first_due_ns = round(Pacer(0.001).due_s(0) * NS_PER_S)
    chat = chat_of(crew, rate_per_s=0.001, talk=Talk(think_s=0.3, typing_s=0.1))
    chat.start(crew.clock.now_ns() - first_due_ns)

    arrived = sorted(
        (what["path"].split("/")[0], what["body"].get("typing_status", "message")) for what in scripted.seen(6)[:6]
    )

    assert [(who, what) for who in ("api", "public") for what in ("message", "off", "on")] == arrived


def test_the_end_of_the_hold_ends_the_plan(crew_for, chat_of, scripted):
    """After the stop nothing that was planned leaves, and stopping waits for nothing that is due later."""
    crew = crew_for(scripted.url("200"))
    chat = chat_of(crew)
    chat.start(crew.clock.now_ns() + 3600 * NS_PER_S)
    chat.stop()

    assert (0, []) == (chat.in_flight, scripted.seen())


def test_what_is_under_way_goes_on_after_the_stop(crew_for, chat_of, scripted):
    """Stopping cuts no call; its answer still settles its emission."""
    crew = crew_for(scripted.url("hold"))
    chat = chat_of(crew)
    chat.start(crew.clock.now_ns())
    scripted.seen(4)
    chat.stop()
    under_way = chat.in_flight
    scripted.go()
    eventually(lambda: not chat.in_flight)

    assert ["ok"] * under_way == crew.statuses


def test_an_abandoned_call_is_never_settled(crew_for, chat_of, scripted):
    """Abandoning ends what is under way; the ledger closes it as uncertain at the end of the run."""
    crew = crew_for(scripted.url("hold"))
    chat = chat_of(crew)
    chat.start(crew.clock.now_ns())
    scripted.seen(4)
    chat.stop()
    opened = crew.collector.ledger.open_count
    chat.abandon()
    batch = crew.collector.collect(crew.clock.now_ns(), final=True)

    assert (0, 0) == (chat.in_flight, crew.collector.ledger.open_count)
    assert opened == sum(n for (_, metric, _, _), n in batch.counts.items() if metric == "emission.uncertain")
