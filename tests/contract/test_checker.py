"""The checker against the document: every sample passes, and each change that breaks the contract is told exactly.

What may be absent and what may be null is written down here a second time, by hand, and not taken from the table.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.contract import EVENTS, Checker, DialectName, Recipient, events_of
from loadtest.contract.conformance import type_name
from loadtest.errors import ContractViolation
from tests.contract.document import (
    Place,
    at,
    data_of,
    dotted,
    events,
    modern,
    places,
    sample,
    with_value,
    without,
)

AGENT = Recipient("agent", frozenset({1}), user_id=2, inbox_ids=frozenset({1}))
CONTACT = Recipient("contact", frozenset({1}), contact_ids=frozenset({1, 10, 12}), conversation_ids={7, 8, 9})
CHECKERS: dict[DialectName, Checker] = {"seed": Checker("seed"), "current": Checker("current"), "auto": Checker("auto")}

TO_CONTACTS = [event for event in events() if EVENTS[event].to_contacts]

# Contents that the contract leaves open: what applications and channels keep with a record, and ids that are keys.
OPEN = re.compile(
    r"(custom_attributes|content_attributes|external_source_ids|sender\.additional_attributes)\."
    r"|^data\.(users|contacts)\."
)
MAY_BE_ABSENT = re.compile(r"\.meta\.assignee$")
MAY_BE_NULL = re.compile(
    r"\.(email|identifier|phone_number|custom_attributes|content_attributes|external_source_ids|content|content_type"
    r"|sender_type|sender_id|hmac_verified|contact_inbox|referer|availability_status|assignee)$"
    r"|(?<!contact_inbox)\.source_id$|initiated_at\.timestamp$"
)
NULL_AT_CONTACTS = ("name", "additional_attributes")
NUMBER_OR_TEXT = re.compile(r"(?<!contact_inbox)\.updated_at$")
OTHERS: list[Any] = ["text", 7, 1.5, True, {}, [], None]


def told(violations: list[ContractViolation]) -> list[tuple[str, str]]:
    """Kinds and places of violations."""
    return [(violation.kind, violation.detail.split(":")[0]) for violation in violations]


def may_be_null(event: str, data: Any, place: Place) -> bool:
    """Whether null is right at a place of a sample, by hand."""
    if place == ("id",) and event in ("assignee.changed", "team.changed"):
        return True  # before the id was loaded
    if place[-1] in NULL_AT_CONTACTS:
        return at(data, place[:-1]).get("type") == "contact"
    return bool(MAY_BE_NULL.search(dotted(place)))


@pytest.mark.parametrize("event", events())
@pytest.mark.parametrize("dialect", ["seed", "auto"])
def test_each_sample_passes_at_an_agent(event: str, dialect: DialectName) -> None:
    """What the document shows breaks nothing, in its own dialect and where the version is unknown."""
    assert not CHECKERS[dialect].check_frame(sample(event), AGENT)


@pytest.mark.parametrize("event", TO_CONTACTS)
def test_each_sample_for_contacts_passes_at_its_contact(event: str) -> None:
    """The contact concerned receives what the document says; typing only while an agent types."""
    data = data_of(event)
    if "user" in data:
        data["user"] = data["conversation"]["meta"]["assignee"]

    assert not CHECKERS["seed"].check(event, data, CONTACT)


@pytest.mark.parametrize("event", events())
@pytest.mark.parametrize("dialect", ["seed", "current", "auto"])
def test_what_a_current_server_sends_passes(event: str, dialect: DialectName) -> None:
    """Further fields never break anything; a field that newer versions dropped is missed by the seed alone."""
    found = told(CHECKERS[dialect].check(event, modern(event), AGENT))
    expected = {"missing_field"} if dialect == "seed" and "pubsub_token" in str(places(data_of(event))) else set()

    assert expected == {kind for kind, _ in found}
    assert all(path.endswith(".pubsub_token") for _, path in found)


def test_the_documents_frame_is_not_a_current_servers() -> None:
    """Where the server is known to be current, what it must send is missed."""
    found = told(CHECKERS["current"].check("message.created", data_of("message.created"), AGENT))

    assert ("missing_field", "data.processed_message_content") in found


@pytest.mark.parametrize("event", events())
def test_each_dropped_field_is_reported_exactly(event: str) -> None:
    """Each field of a sample that is taken out is reported as missing, and nothing else is; optional ones are not."""
    data = data_of(event)
    expected, actual = {}, {}
    for place in places(data):
        path = dotted(place)
        optional = OPEN.search(path) or MAY_BE_ABSENT.search(path)
        expected[path] = [] if optional else [("missing_field", path)]
        actual[path] = told(CHECKERS["seed"].check(event, without(data, place), AGENT))

    assert expected == actual


@pytest.mark.parametrize("event", events())
def test_each_retyped_field_is_reported_exactly(event: str) -> None:
    """Each field of a sample, given a value of any other JSON type, is reported, and nothing else is."""
    data = data_of(event)
    expected, actual = {}, {}
    for place in places(data):
        path, value = dotted(place), at(data, place)
        named = re.sub(r"^data\.(users|contacts)\.1$", r"data.\1.*", path)
        if OPEN.search(path) and named == path:
            continue
        # Where a sample holds null, nothing in it says which other types are right; an array never is.
        for other in [[]] if value is None else [one for one in OTHERS if type_name(one) != type_name(value)]:
            right = (other is None and may_be_null(event, data, place)) or (
                type(other) in (int, float) and NUMBER_OR_TEXT.search(path)
            )
            mutation = f"{path}: {type_name(other)}"
            expected[mutation] = [] if right else [("wrong_type", named)]
            actual[mutation] = told(CHECKERS["seed"].check(event, with_value(data, place, other), AGENT))

    assert expected == actual


@pytest.mark.parametrize("channel", ["Channel::Api", "Channel::Email", "Channel::WebWidget"])
def test_a_conversation_without_a_visit_passes(channel: str) -> None:
    """An API inbox has no browser, referer or initiated_at, nor has what an agent opened on a website's inbox."""
    data = data_of("conversation.created") | {"channel": channel, "additional_attributes": {}}

    assert not CHECKERS["seed"].check("conversation.created", data, AGENT)


def test_an_unassigned_conversation_passes() -> None:
    """An open conversation may have no assignee."""
    data = data_of("conversation.created")
    data["meta"]["assignee"] = None

    assert not CHECKERS["seed"].check("conversation.created", data, AGENT)


def test_an_assignee_that_is_announced_is_required() -> None:
    """Where a current server says what the assignee is, there is one."""
    data = without(modern("conversation.created"), ("meta", "assignee"))

    assert [("missing_field", "data.meta.assignee")] == told(
        CHECKERS["current"].check("conversation.created", data, AGENT)
    )


def test_a_current_assignment_has_its_id() -> None:
    """The id is null in the document's assignee.changed; where payloads are read anew it cannot be."""
    data = modern("assignee.changed") | {"id": None}

    assert [[], [("wrong_type", "data.id")]] == [
        told(CHECKERS["auto"].check("assignee.changed", data, AGENT)),
        told(CHECKERS["current"].check("assignee.changed", data, AGENT)),
    ]


def test_a_bots_message_passes() -> None:
    """A sender that is neither user nor contact needs an id and a type only."""
    data = data_of("message.created") | {
        "sender_type": "AgentBot",
        "sender": {"id": 3, "name": "B", "type": "agent_bot"},
    }

    assert not CHECKERS["seed"].check("message.created", data, AGENT)


# -- audience ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [event for event in events() if event not in TO_CONTACTS])
def test_what_is_for_agents_alone_is_wrong_at_a_contact(event: str) -> None:
    """An audience widened to contacts is reported, once."""
    violations = CHECKERS["seed"].check(event, data_of(event), CONTACT)

    assert ["wrong_audience"] == [violation.kind for violation in violations]


def test_what_some_version_allows_is_tolerated() -> None:
    """A contact's own conversation.created breaks the document's rule; of an unknown server it is worth a warning."""
    data = data_of("conversation.created")
    event = "conversation.created"

    assert [True, False] == [bool(CHECKERS[dialect].check(event, data, CONTACT)) for dialect in ("seed", "auto")]
    assert [False, True, False] == [CHECKERS[d].tolerates(event, "contact") for d in ("seed", "auto", "current")]


@pytest.mark.parametrize("event", [e for e in events() if EVENTS[e].scope == "conversation"])
def test_an_agent_outside_the_inbox_receives_nothing_of_it(event: str) -> None:
    """An audience widened to agents who are no members of the inbox is reported."""
    outsider = replace(AGENT, inbox_ids=frozenset({2}))

    assert [("wrong_audience", "inbox 1 is none of the agent's")] == told(
        CHECKERS["seed"].check(event, data_of(event), outsider)
    )


@pytest.mark.parametrize("event", events())
def test_an_agent_whose_inboxes_are_unknown_is_accused_of_nothing(event: str) -> None:
    """Unknown membership makes no claim; an administrator sees all."""
    assert not CHECKERS["seed"].check(event, data_of(event), replace(AGENT, inbox_ids=None))


@pytest.mark.parametrize("event", ["contact.created", "contact.updated"])
def test_contacts_events_need_no_inbox(event: str) -> None:
    """What goes to the account goes to agents of any inbox."""
    assert not CHECKERS["seed"].check(event, data_of(event), replace(AGENT, inbox_ids=frozenset()))


@pytest.mark.parametrize("event", events())
def test_a_foreign_account_is_reported(event: str) -> None:
    """An event of an account that the receiver does not belong to is reported, once."""
    elsewhere = replace(AGENT, account_ids=frozenset({2}))

    assert [("wrong_account", "account 1 is none of the receiver's")] == told(
        CHECKERS["seed"].check(event, data_of(event), elsewhere)
    )


@pytest.mark.parametrize("event", events())
def test_all_accounts_of_a_token_are_right(event: str) -> None:
    """An agent of several accounts receives the events of all of them on one socket."""
    both = replace(AGENT, account_ids=frozenset({1, 2}))

    assert not CHECKERS["seed"].check(event, data_of(event), both)


@pytest.mark.parametrize("event", ["message.created", "conversation.status_changed", "conversation.typing_on"])
def test_a_foreign_conversation_at_a_contact_is_reported(event: str) -> None:
    """A contact receives its own conversations only, known by the conversation's id and by its contact."""
    stranger = Recipient("contact", frozenset({1}), contact_ids=frozenset({99}), conversation_ids={99})

    kinds = {violation.kind for violation in CHECKERS["seed"].check(event, data_of(event), stranger)}

    assert {"wrong_audience"} == kinds


def test_a_merged_contacts_conversation_is_its_own() -> None:
    """While contacts are merged, either of the two ids in a conversation makes it the receiver's."""
    data = data_of("conversation.contact_changed")
    merged = replace(CONTACT, contact_ids=frozenset({13}))

    assert not CHECKERS["seed"].check("conversation.status_changed", data, merged)


@pytest.mark.parametrize(
    ("change", "place"),
    [({"private": True}, "data"), ({"content": "lp:abc123:00000001:1627060394771000:hi"}, "data")],
)
def test_a_private_note_at_a_contact_is_reported(change: dict[str, Any], place: str) -> None:
    """A private note is told by its flag or by our mark."""
    data = data_of("message.created") | change

    assert [("private_to_contact", place)] == told(CHECKERS["seed"].check("message.created", data, CONTACT))


def test_a_private_note_inside_a_conversation_is_reported() -> None:
    """So is one that hides among a conversation's messages."""
    data = data_of("conversation.status_changed")
    data["messages"][0]["private"] = True

    assert [("private_to_contact", "data.messages[0]")] == told(
        CHECKERS["seed"].check("conversation.status_changed", data, CONTACT)
    )


def test_a_private_note_at_an_agent_is_right() -> None:
    """Agents see private notes."""
    data = data_of("message.created") | {"private": True}

    assert not CHECKERS["seed"].check("message.created", data, AGENT)


def test_an_activity_message_at_a_contact_is_reported() -> None:
    """Activity messages are for agents."""
    data = data_of("message.updated") | {"message_type": 2}

    assert ["wrong_audience"] == [v.kind for v in CHECKERS["seed"].check("message.updated", data, CONTACT)]


def test_typing_told_to_the_agent_who_types_is_reported() -> None:
    """Whoever types is spared."""
    data = data_of("conversation.typing_on")
    data["user"] = data["conversation"]["meta"]["assignee"]

    assert ["wrong_audience"] == [
        v.kind for v in CHECKERS["seed"].check("conversation.typing_on", data, replace(AGENT, user_id=1))
    ]


@pytest.mark.parametrize(("verified", "expected"), [(False, ["wrong_audience"]), (True, [])])
def test_typing_told_to_the_contact_who_types_is_reported(verified: bool, expected: list[str]) -> None:
    """A contact's typing reaches no contact, but for other verified sessions of its own."""
    data = data_of("conversation.typing_on")
    data["conversation"]["contact_inbox"]["hmac_verified"] = verified

    assert expected == [v.kind for v in CHECKERS["seed"].check("conversation.typing_on", data, CONTACT)]


# -- presence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contacts", "expected"),
    [(None, 0), ({}, 0), ({"10": "online"}, 0), ({"11": "online"}, 1), ({"10": "online", "11": "online"}, 1)],
)
def test_a_contact_is_told_of_no_other_contact(contacts: dict[str, str] | None, expected: int) -> None:
    """Presence to contacts has no contacts, or the receiver alone."""
    data = {"account_id": 1, "users": {"1": "online"}} | ({} if contacts is None else {"contacts": contacts})

    violations = CHECKERS["seed"].check("presence.update", data, CONTACT)

    assert ["contact_in_contact_presence"] * expected == [violation.kind for violation in violations]


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (2, 1)])
def test_a_contact_of_unknown_id_is_told_of_one_contact_at_most(count: int, expected: int) -> None:
    """Where nobody knows the receiver's id, a single contact may be itself."""
    data = {"account_id": 1, "users": {}, "contacts": {str(n): "online" for n in range(count)}}

    assert expected == len(CHECKERS["seed"].check("presence.update", data, Recipient("contact", frozenset({1}))))


def test_a_notification_for_another_user_is_reported() -> None:
    """Notifications are for one user."""
    user = {"id": 9, "name": "", "available_name": "", "avatar_url": "", "type": "user", "availability_status": None}
    notification = {
        "id": 1,
        "notification_type": "conversation_assignment",
        "primary_actor_type": "Conversation",
        "primary_actor_id": 1,
        "read_at": None,
        "user": user | {"thumbnail": ""},
        "created_at": 1,
        "account_id": 1,
    }
    data = {"notification": notification, "unread_count": 1, "count": 1, "account_id": 1}

    assert ["wrong_audience"] == [v.kind for v in CHECKERS["current"].check("notification.created", data, AGENT)]


# -- frames -----------------------------------------------------------------------------------------------------------


def test_another_identifier_is_reported_without_it() -> None:
    """The identifier must be the subscription's; as it holds a token, only its length is told."""
    frame = sample("contact.created")
    own = replace(AGENT, identifier="{}")

    violation = CHECKERS["seed"].check_frame(frame, own)[0]

    assert ("wrong_identifier", "identifier: string(75), not the subscription's") == (violation.kind, violation.detail)


def test_the_own_identifier_is_right() -> None:
    """An identifier that is the subscription's byte for byte passes."""
    frame = sample("contact.created")

    assert not CHECKERS["seed"].check_frame(frame, replace(AGENT, identifier=frame["identifier"]))


@pytest.mark.parametrize(
    "frame", [None, [], {}, {"message": 1}, {"message": {}}, {"message": {"event": 7}}, {"message": {"event": None}}]
)
def test_a_frame_without_an_event_is_reported(frame: object) -> None:
    """Whatever carries no named event is one violation."""
    assert ["no_event"] == [violation.kind for violation in CHECKERS["seed"].check_frame(frame, AGENT)]


@pytest.mark.parametrize("data", [None, [], "text"])
def test_an_event_without_a_payload_is_reported(data: object) -> None:
    """A payload is an object."""
    assert [("wrong_type", "data")] == told(CHECKERS["seed"].check("message.created", data, AGENT))


def test_an_unknown_event_is_no_violation() -> None:
    """What the dialect does not know is counted elsewhere and is no error."""
    assert not CHECKERS["seed"].check("conversation.updated", {}, CONTACT)


def test_a_recipient_keeps_its_identifier_to_itself() -> None:
    """The token in the identifier does not get into logs by way of repr."""
    assert "secret" not in repr(replace(AGENT, identifier="secret"))


@pytest.mark.parametrize("event", events())
def test_details_hold_no_value_of_the_payload(event: str) -> None:
    """Whatever strings are in a payload, no violation repeats one."""
    data = data_of(event)
    for place in places(data):
        if isinstance(at(data, place), str | int | None):
            data = with_value(data, place, f"secret {place[-1]}@" if at(data, place) is not None else {"secret": 1})

    details = "".join(violation.detail for violation in CHECKERS["seed"].check(event, data, CONTACT))

    assert "secret" not in details
    assert details


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["meta", "sender", "messages", "contact_inbox", "conversation", "user", "type", "id", "users"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(event=st.sampled_from(sorted(events_of("auto"))), data=json_values, role=st.sampled_from([AGENT, CONTACT]))
def test_any_payload_is_judged(event: str, data: object, role: Recipient) -> None:
    """No JSON value, however wrong, is more than violations."""
    violations = CHECKERS["auto"].check(event, data, role)

    assert all(violation.event == event for violation in violations)


@given(json_values)
def test_any_frame_is_judged(frame: object) -> None:
    """No frame, however wrong, is more than violations."""
    assert ["no_event"] == [violation.kind for violation in CHECKERS["auto"].check_frame(frame, AGENT)]
