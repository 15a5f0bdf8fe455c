"""What people do reaches exactly those whom the contract names: every act against the reference server."""

import itertools

import gevent
import pytest

from loadtest.distributed.creations import NOTE
from loadtest.plan import ACTS, Step
from loadtest.users.acts import Acts, outcome
from loadtest.users.scene import Conversation, Moment, Scene
from loadtest.users.session import Session
from tests.users.conftest import POPULATION, eventually

#: what each act's own events are, beside the messages that carry marks
EVENTS = {
    "read": {"conversation.read": 1},
    "status": {"conversation.status_changed": 2},
    "assign": {"assignee.changed": 1},
    "team": {"team.changed": 1},
    "email": {"message.created": 1, "message.updated": 1},
    "contact_update": {"contact.updated": 1},
    "contact_create": {"contact.created": 1},
    "conversation": {"conversation.created": 1},
    "note": {"message.created": 1},
}


_emitters = itertools.count()


@pytest.fixture
def stage(launch, directory, server):
    """A fleet with everybody confirmed for a while, its acts, and a contact's conversation."""
    fleet = launch(server.url, directory, emit_rate=0.0, dialect="seed", deadline_s=60.0)
    people = fleet.collector.people
    visits = [
        gevent.spawn(Session(fleet, number, who).visit, None)
        for number, who in enumerate([*people.agents, *people.contacts])
    ]
    eventually(lambda: fleet.chat.ready_count == POPULATION.contacts)
    # a delivery is required of who was confirmed half a second before the send
    confirmed_ns = fleet.clock.now_ns()
    eventually(lambda: fleet.clock.now_ns() - confirmed_ns > 600_000_000)
    acts = Acts(fleet, emitter=next(_emitters))  # names of contacts made are unique at the server
    contact = people.contacts[0]
    _, number = acts.open_conversation(contact, len(people.agents), now(fleet))
    assert number is not None
    agent = people.agents[int(people.inbox_agents(contact.account_id, contact.inbox_id)[0])]
    settle(fleet)
    fleet.tick(final=True)  # the books of what made the stage are closed
    launch.batch.closings.clear()
    launch.batch.counts.clear()
    yield fleet, acts, Scene(Conversation(contact, len(people.agents), number), agent)
    gevent.killall(visits)


def now(fleet):
    """This moment, as one at which something is due."""
    return Moment(fleet.clock.now_ns(), fleet.clock.now_ns())


def settle(fleet):
    """Wait until everybody required has every emission so far."""
    ledger = fleet.collector.ledger
    eventually(lambda: all(e.is_complete for e in list(ledger._open.values()) if _required(ledger, e)))


def _required(ledger, entry):
    if entry.required is None and entry.status:
        ledger._judge.require(entry)
    return entry.status != "void" and not entry.action.perhaps


def play(fleet, acts, scene, act):
    """All steps of an act, each once the one before has reached everybody."""
    done = []
    for at_s, kind, role in ACTS[act]:
        rested_ns = fleet.clock.now_ns()
        eventually(lambda since_ns=rested_ns: fleet.clock.now_ns() - since_ns > 400_000_000)
        done.append(acts.perform(Step(at_s, kind, role, act), scene, 3, now(fleet)))
        settle(fleet)
    return done


def balance(fleet, launch):
    """What the books say once they are closed: by event, emitted and the columns that must be zero."""
    fleet.tick(final=True)
    rows = {}
    for closing in launch.batch.closings:
        row = rows.setdefault(closing.event, [0, 0, 0])
        row[0] += closing.emitted
        row[1] += closing.expected
        row[2] += closing.leaked + closing.lost + closing.duplicated + len(fleet.collector.ledger.entries)
    return rows


@pytest.mark.parametrize("act", sorted(EVENTS))
def test_an_act_causes_its_events(stage, launch, act):
    """Each step is done, emits what the contract says, and is expected by everybody it names."""
    fleet, acts, scene = stage
    done = play(fleet, acts, scene, act)
    rows = balance(fleet, launch)

    assert all(done)
    assert EVENTS[act].items() <= {event: row[0] for event, row in rows.items() if row[0]}.items()
    assert not set(rows) - set(EVENTS[act]) - {"contact.updated"}
    assert all(expected > 0 and wrong == 0 for _, expected, wrong in rows.values())


def test_a_private_note_is_expected_by_agents_alone(stage, launch):
    """The contact whose conversation it is in must not see it."""
    fleet, acts, scene = stage
    play(fleet, acts, scene, "note")
    fleet.tick(final=True)
    roles = {closing.role for closing in launch.batch.closings if closing.expected or closing.leaked}

    assert {"agent"} == roles


def test_a_merge_moves_a_conversation_of_the_runs_own_contacts(stage, launch):
    """The first contact made becomes the base; the second one is merged into it."""
    fleet, acts, scene = stage
    first = play(fleet, acts, scene, "merge")
    second = play(fleet, acts, Scene(scene.conversation, scene.agent), "merge")
    rows = balance(fleet, launch)

    assert all(first + second)
    assert {"contact.created": 2, "conversation.created": 2, "conversation.contact_changed": 1} == {
        event: row[0] for event, row in rows.items() if row[0] and event != "contact.updated"
    }


def test_what_an_act_makes_is_noted(stage, launch):
    """Each contact and conversation, by its id and where it is, so that a run can be taken back."""
    fleet, acts, scene = stage
    launch.batch.notes.clear()
    play(fleet, acts, scene, "merge")
    fleet.tick(final=True)
    made = [note.data for note in launch.batch.notes if note.kind == NOTE]
    contact = scene.created
    place = {"account_id": contact.account_id, "inbox_id": contact.inbox_id, "contact_id": contact.contact_id}

    assert [
        {"kind": "contact", "id": contact.contact_id, **place},
        {"kind": "conversation", "id": scene.opened, **place},
    ] == made


def test_typing_is_told_to_everybody_but_who_types(stage, launch):
    """An agent's typing is expected by the other agents and the contact, the contact's by agents only."""
    fleet, acts, scene = stage
    agents = acts.typing(scene.conversation, scene.agent, now(fleet), on=True)
    contacts = acts.typing(scene.conversation, scene.conversation.contact, now(fleet), on=True)
    settle(fleet)
    rows = balance(fleet, launch)

    assert agents
    assert contacts
    assert {"conversation.typing_on": [2, POPULATION.members + POPULATION.agents, 0]} == rows


def test_a_subject_that_is_not_free_is_left_alone(stage):
    """The same typing twice at once cannot be told apart, so the second is not sent."""
    fleet, acts, scene = stage
    contact = scene.conversation.contact
    first = acts.typing(scene.conversation, contact, now(fleet), on=True)
    free = acts.may_type(scene.conversation, contact, fleet.clock.now_ns(), on=True)
    second = acts.typing(scene.conversation, contact, now(fleet), on=True)

    assert (True, False, False) == (first, free, second)


def test_an_answer_without_the_message_it_answers_is_not_given(stage):
    """A later step of an act whose earlier one failed is dropped."""
    fleet, acts, scene = stage

    assert acts.perform(Step(0.0, "give_email", "contact", "email"), scene, 1, now(fleet)) is False


def step(kind, act="status"):
    """A step of an act."""
    return Step(0.0, kind, "agent", act)


def test_who_opens_a_conversation_may_be_assigned_to_it(stage):
    """So the next assignment may change nothing, and no event is owed for it; after it the assignee is known again."""
    fleet, acts, scene = stage
    play(fleet, acts, scene, "status")
    moved = set(scene.conversation.moved)
    play(fleet, acts, scene, "assign")

    assert ({"assignee"}, set()) == (moved, scene.conversation.moved)


def test_what_was_not_resolved_is_not_reopened(stage):
    """An open conversation's status does not change, so nothing would follow: an act without its first step is none."""
    fleet, acts, scene = stage

    assert acts.perform(step("reopen"), scene, 1, now(fleet)) is False


def test_a_contacts_message_reopens_what_an_act_left_resolved(stage, launch):
    """Each change of the status is awaited, the message's as well, and none is claimed where nothing changes."""
    fleet, acts, scene = stage
    resolved = acts.perform(step("resolve"), scene, 1, now(fleet))
    settle(fleet)
    again = acts.perform(step("resolve"), scene, 2, now(fleet))
    acts.message(scene.conversation, scene.conversation.contact, now(fleet), 3)
    settle(fleet)
    reopened = acts.perform(step("reopen"), scene, 3, now(fleet))
    rows = balance(fleet, launch)

    assert [True, False, False] == [resolved, again, reopened]
    assert 2 == rows["conversation.status_changed"][0]
    assert rows["conversation.status_changed"][1] > 0 == rows["conversation.status_changed"][2]


@pytest.mark.parametrize("kind", ["resolve", "assign"])
def test_what_a_call_left_in_doubt_is_not_changed_again(scripted, launch, directory, kind):
    """A call without an answer may have been done or not: whether a second one changes anything nobody can tell."""
    fleet = launch(scripted.url("500"), directory, emit_rate=0.0, dialect="seed")
    people = fleet.collector.people
    scene = Scene(Conversation(people.contacts[0], len(people.agents), 7), people.agents[0])
    acts = Acts(fleet, emitter=next(_emitters))
    tried = [acts.perform(step(kind, "status" if kind == "resolve" else kind), scene, n, now(fleet)) for n in (1, 2)]

    assert [True, False] == tried
    assert 1 == launch.total("rest.n")


def test_a_target_without_teams_is_told(scripted, launch, directory):
    """An empty list of teams is something that the target lacks, not an event that failed to come."""
    fleet = launch(scripted.url("no-id"), directory, emit_rate=0.0, dialect="seed")
    people = fleet.collector.people
    scene = Scene(Conversation(people.contacts[0], len(people.agents), 7), people.agents[0])
    acts = Acts(fleet, emitter=next(_emitters))
    tried = acts.perform(step("team", "team"), scene, 1, now(fleet))
    told = [note.data["cause"] for note in fleet.collector.batch.notes if note.kind == "not_driven"]

    assert (False, ["agent.assign_team"]) == (tried, told)
    assert not acts.abilities.can_take(step("team", "team"))


def test_a_target_without_the_route_is_told(scripted, launch, directory):
    """Three refusals from the first one on, and the contact's reading is left alone."""
    fleet = launch(scripted.url("404"), directory, emit_rate=0.0, dialect="seed")
    people = fleet.collector.people
    acts = Acts(fleet, emitter=next(_emitters))
    read = Step(0.0, "read", "contact", "read")
    for n in range(3):
        scene = Scene(Conversation(people.contacts[0], len(people.agents), 7 + n), people.agents[0])
        acts.perform(read, scene, n, now(fleet))
    told = [note.data["cause"] for note in fleet.collector.batch.notes if note.kind == "not_driven"]

    assert (False, ["contact.update_last_seen"]) == (acts.abilities.can_take(read), told)


def test_a_refused_call_emits_nothing(stage, launch):
    """A conversation that does not exist answers 404: nothing is expected of it."""
    fleet, acts, scene = stage
    nowhere = Conversation(scene.conversation.contact, -1, 999_999)
    reply = acts.message(nowhere, scene.conversation.contact, now(fleet), 0)
    fleet.tick(final=True)

    assert "void" == outcome(reply)
    assert {"contact.send_message": 1} == launch.names("emission.void")
    assert not [c for c in launch.batch.closings if c.emitted or c.expected]
