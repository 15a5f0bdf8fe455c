"""Calls and the ledger entries of what follows from them."""

import pytest

from loadtest import api
from loadtest.rest import Reply
from loadtest.users.emitting import Emitting, outcome
from loadtest.users.scene import Conversation, Moment


@pytest.fixture
def office(launch, directory, scripted):
    """What sends a contact's calls to a server that answers as a script says, and the contact's conversation."""

    def made(script):
        fleet = launch(scripted.url(script), directory, emit_rate=0.0, dialect="seed")
        contact = fleet.collector.people.contacts[0]
        return fleet, Emitting(fleet), Conversation(contact, len(fleet.collector.people.agents), 7)

    return made


def now(fleet):
    """This moment, as one at which something is due."""
    return Moment(fleet.clock.now_ns(), fleet.clock.now_ns())


def parts(fleet, launch):
    """What was counted so far: handed over, and not yet."""
    return launch.batch, fleet.collector.batch


def read(where):
    """The contact's reading of its conversation, from which ``conversation.read`` follows."""
    return api.contact_update_last_seen(where.contact, where.number)


@pytest.mark.parametrize(
    ("sent", "status", "expected"),
    [
        (False, None, "void"),
        (True, None, "uncertain"),
        (True, 500, "uncertain"),
        (True, 404, "void"),
        (True, 302, "void"),
        (True, 204, "ok"),
    ],
)
def test_an_answer_says_whether_something_was_emitted(sent, status, expected):
    """What never left emitted nothing, what has no answer or the target's own error may have."""
    reply = Reply(written_ns=1, responded_ns=None, status=status, body=b"", error=None, sent=sent)

    assert expected == outcome(reply)


@pytest.mark.parametrize(("script", "failed"), [("404", "404"), ("500", "500")])
def test_a_call_is_counted_with_what_failed(office, launch, script, failed):
    """Under its own name, once, and its time with it."""
    fleet, emitting, where = office(script)
    emitting.send(read(where), now(fleet))

    assert {"contact.update_last_seen": 1} == launch.names("rest.n")
    assert 1 == launch.total("rest.error", "contact.update_last_seen")
    assert [failed] == [key[3] for part in parts(fleet, launch) for key in part.counts if key[1] == "rest.error"]
    assert 1 == sum(hist.n for part in parts(fleet, launch) for key, hist in part.hists.items() if key[1] == "rest")


def test_an_event_is_awaited_under_its_subject(office):
    """The entry is open once the call was sent, and knows what the answer said."""
    fleet, emitting, where = office("500")
    reply = emitting.emit(read(where), where, where.contact, now(fleet))
    entries = list(fleet.collector.ledger.entries.values())

    assert "uncertain" == outcome(reply)
    assert [("conversation.read", 7)] == [(e.action.event, e.action.conversation_id) for e in entries]


def test_a_call_whose_subject_is_not_free_is_not_sent(office):
    """Two readings at once could not be told apart."""
    fleet, emitting, where = office("500")
    first = emitting.emit(read(where), where, where.contact, now(fleet))
    second = emitting.emit(read(where), where, where.contact, now(fleet))

    assert first is not None
    assert second is None
    assert 0 == where.under_way


def test_an_answer_that_names_no_subject_claims_nothing(office, launch):
    """What cannot be matched is not expected of anybody."""
    fleet, emitting, where = office("no-id")

    def bind(body):
        raise ValueError("no id")

    emitting.perform(read(where), [], where, now(fleet), bind)
    told = [note.text for part in parts(fleet, launch) for note in part.notes if note.kind == "error"]

    assert ["contact.update_last_seen: no id"] == told
