"""The mutation proof: whatever the reference server does wrong, checker and ledger report exactly that.

Each fault is laid over the server's deliveries, the events are caused through REST (presence by a beat), and what
arrives at plain sockets is fed into real receivers, whose books are opened as a run's users open them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from loadtest.collect.subjects import MARKED, events_by_state, tracked_events
from loadtest.contract import EVENTS
from loadtest.refserver.rooms import Broadcast, Subscription, deliver_now
from tests.calibration.hall import Found, Hall, Person, data_of, in_hall, misdirected, send_data
from tests.calibration.mutations import mutations, spoilt
from tests.refserver.site import CONTACT, EVERYBODY, MEMBER

Spoil = Callable[[Broadcast, list[Subscription]], int]
PRESENCE = "presence.update"
SPOKEN = [("seed", "seed"), ("seed", "auto"), ("current", "current"), ("current", "auto")]
AGENTS_ONLY = {
    "outsider": {"wrong_audience"},
    "stranger": {"wrong_account"},
    "contact": {"wrong_audience"},
    "other": {"wrong_audience"},
    "foreign": {"wrong_audience", "wrong_account"},
}
BOTH_ROLES = {
    "outsider": {"wrong_audience"},
    "stranger": {"wrong_account"},
    "other": {"wrong_audience"},
    "foreign": {"wrong_account"},
}
OF_THE_ACCOUNT = {name: kinds for name, kinds in AGENTS_ONLY.items() if name != "outsider"}
TYPING = {**BOTH_ROLES, "member": {"wrong_audience"}}
#: by event, who must not see it, and what the checker calls it
INTRUDERS: dict[str, dict[str, set[str]]] = {
    "conversation.created": AGENTS_ONLY,
    "conversation.read": AGENTS_ONLY,
    MARKED: BOTH_ROLES,
    "message.updated": BOTH_ROLES,
    "conversation.status_changed": BOTH_ROLES,
    "conversation.typing_on": TYPING,
    "conversation.typing_off": TYPING,
    "assignee.changed": AGENTS_ONLY,
    "team.changed": AGENTS_ONLY,
    "conversation.contact_changed": AGENTS_ONLY,
    "contact.created": OF_THE_ACCOUNT,
    "contact.updated": OF_THE_ACCOUNT,
    PRESENCE: {
        "stranger": {"wrong_account"},
        "contact": {"contact_in_contact_presence"},
        "foreign": {"wrong_account"},
    },
}
NEWER = {**INTRUDERS, "conversation.created": BOTH_ROLES}


def accounted(event: str, dialect: str) -> bool:
    """Whether each delivery of an event is in the books."""
    return event == MARKED or event in tracked_events(dialect)


def role_of(name: str) -> str:
    """The role of somebody of the site."""
    return "contact" if EVERYBODY[name] in (CONTACT, EVERYBODY["other"], EVERYBODY["foreign"]) else "agent"


def widened(hall: Hall, name: str) -> Spoil:
    """Deliver to somebody more."""
    return lambda broadcast, audience: deliver_now(broadcast, [*audience, hall.ears[name].subscription])


def narrowed(hall: Hall, name: str) -> Spoil:
    """Deliver to all but somebody."""
    missing = hall.ears[name].subscription
    return lambda broadcast, audience: deliver_now(broadcast, [one for one in audience if one is not missing])


def told_otherwise(hall: Hall, name: str, change: Callable[[Any], Any]) -> Spoil:
    """Deliver a changed payload to somebody, as it is to all others."""
    changed = hall.ears[name].subscription

    def spoil(broadcast: Broadcast, audience: list[Subscription]) -> int:
        data = change(data_of(broadcast))
        return sum(
            send_data(one, broadcast.event, data) if one is changed else one.send(broadcast.suffix) for one in audience
        )

    return spoil


async def observed(
    hall: Hall, event: str, dialect: str, spoil: Spoil, actor: Person | None = None, *, private: bool = False
) -> Found:
    """What is reported of an event that is spoilt."""
    cause = await hall.cause(event, actor, private=private)
    with hall.saboteur.armed(event, spoil):
        found = await hall.observe(cause, dialect)
    assert hall.saboteur.hits == 1
    return found


def reported(found: Found) -> tuple[dict[tuple[str, str, str], int], dict[tuple[str, str, str], int]]:
    """The violations, and what the ledger says beside that all is well."""
    return found.violations, found.ledger


@pytest.mark.parametrize(("speaks", "dialect"), SPOKEN)
def test_without_a_fault_nothing_is_reported(speaks: str, dialect: str) -> None:
    """Every event, by an agent's act and a contact's, is delivered as the contract says, and nobody complains."""

    async def scenario(hall: Hall) -> list[tuple[str, Found]]:
        return [
            (event, await hall.observe(await hall.cause(event, actor), dialect))
            for event in EVENTS
            for actor in (None, CONTACT)
        ]

    played = in_hall(scenario, speaks)
    reports = {event: reported(found) for event, found in played if reported(found) != ({}, {})}
    unheard = {event for event, found in played if accounted(event, dialect) and not found.emitted.get(event)}

    assert (reports, unheard) == ({}, set())


@pytest.mark.parametrize("dialect", ["seed", "current"])
@pytest.mark.parametrize("event", EVENTS)
def test_one_socket_too_many(event: str, dialect: str) -> None:
    """A socket that must not see an event is a leak, and a violation of the kind that the payload shows."""
    intruders = (INTRUDERS if dialect == "seed" else NEWER)[event]

    async def scenario(hall: Hall) -> dict[str, Any]:
        return {name: reported(await observed(hall, event, dialect, widened(hall, name))) for name in intruders}

    expected = {
        name: (
            {(kind, event, role_of(name)): 1 for kind in kinds},
            {("leaked", event, role_of(name)): 1} if event != PRESENCE else {},
        )
        for name, kinds in intruders.items()
    }

    assert expected == in_hall(scenario, dialect)


@pytest.mark.parametrize("event", ["message.created", "conversation.typing_on", "conversation.typing_off"])
def test_a_contacts_act_shown_to_another_contact(event: str) -> None:
    """What a contact writes or types shows on another contact's socket whose it is."""
    found = in_hall(lambda hall: observed(hall, event, "seed", widened(hall, "other"), CONTACT))

    assert ({("wrong_audience", event, "contact"): 1}, {("leaked", event, "contact"): 1}) == reported(found)


def test_a_contacts_own_typing_is_not_told_to_it() -> None:
    """Who types is not told so."""
    event = "conversation.typing_on"
    found = in_hall(lambda hall: observed(hall, event, "seed", widened(hall, "contact"), CONTACT))

    assert ({("wrong_audience", event, "contact"): 1}, {("leaked", event, "contact"): 1}) == reported(found)


@pytest.mark.parametrize("dialect", ["seed", "current"])
@pytest.mark.parametrize("event", [event for event in EVENTS if event != PRESENCE])
def test_one_socket_too_few(event: str, dialect: str) -> None:
    """A socket that an event does not reach is one lost delivery, where deliveries of the event are in the books."""
    names = ["admin", "both", *(["contact"] if EVENTS[event].to_contacts else [])]

    async def scenario(hall: Hall) -> dict[str, Any]:
        return {name: reported(await observed(hall, event, dialect, narrowed(hall, name))) for name in names}

    lost = accounted(event, dialect)
    expected = {name: ({}, {("lost", event, role_of(name)): 1} if lost else {}) for name in names}

    assert expected == in_hall(scenario, dialect)


@pytest.mark.parametrize("name", ["member", "contact"])
def test_a_beat_that_is_not_answered(name: str) -> None:
    """A presence.update that does not come is a lost delivery of the beat that asked for it."""
    found = in_hall(lambda hall: observed(hall, PRESENCE, "seed", narrowed(hall, name), EVERYBODY[name]))

    assert ({}, {("lost", PRESENCE, role_of(name)): 1}) == reported(found)


@pytest.mark.parametrize("dialect", ["seed", "auto", "current"])
def test_a_private_note_told_to_the_contact(dialect: str) -> None:
    """An agent's note on the contact's socket is a leak, and is called what it is."""
    spoken = "current" if dialect == "current" else "seed"
    found = in_hall(
        lambda hall: observed(hall, MARKED, dialect, widened(hall, "contact"), private=True),
        spoken,
    )

    assert ({("private_to_contact", MARKED, "contact"): 1}, {("leaked", MARKED, "contact"): 1}) == reported(found)


def test_a_private_note_inside_a_conversation() -> None:
    """A note among the messages of a conversation that the contact is told of is found there."""
    event = "conversation.status_changed"

    async def scenario(hall: Hall) -> Found:
        for private in (False, True):
            await hall.observe(await hall.cause(MARKED, private=private), "seed")

        def with_note(data: Any) -> Any:
            data["messages"] = [{**message, "private": True} for message in data["messages"][-1:]]
            return data

        return await observed(hall, event, "seed", told_otherwise(hall, "contact", with_note))

    assert ({("private_to_contact", event, "contact"): 1}, {}) == reported(in_hall(scenario))


@pytest.mark.parametrize(("contacts", "expected"), [(("11",), 1), (("10", "11"), 1), (("10",), 0)])
def test_contacts_in_a_contacts_presence(contacts: tuple[str, ...], expected: int) -> None:
    """A contact may be told of itself and of no other contact."""

    def spoilt_for(hall: Hall) -> Spoil:
        online = dict.fromkeys(contacts, "online")
        return told_otherwise(hall, "contact", lambda data: {**data, "contacts": online})

    found = in_hall(lambda hall: observed(hall, PRESENCE, "seed", spoilt_for(hall), CONTACT))
    violations = {("contact_in_contact_presence", PRESENCE, "contact"): 1} if expected else {}

    assert (violations, {}) == reported(found)


def test_a_frame_under_anothers_identifier() -> None:
    """A frame that names another subscription than the socket's is called so, and is no delivery."""

    def spoil(hall: Hall) -> Spoil:
        admin, both = hall.ears["admin"].subscription, hall.ears["both"].subscription

        def deliver(broadcast: Broadcast, audience: list[Subscription]) -> int:
            others = [one for one in audience if one is not both]
            return deliver_now(broadcast, others) + misdirected(both, admin, broadcast)

        return deliver

    found = in_hall(lambda hall: observed(hall, MARKED, "seed", spoil(hall)))

    ledger = {("lost", MARKED, "agent"): 1, ("cable.protocol_error", "unknown_identifier", "agent"): 1}

    assert ({("wrong_identifier", MARKED, "agent"): 1}, ledger) == reported(found)


@pytest.mark.parametrize("dialect", ["seed", "current"])
@pytest.mark.parametrize("event", EVENTS)
def test_every_field_dropped_or_retyped(event: str, dialect: str) -> None:
    """Each required field dropped, and each field of another type, is reported by its path on the socket it came to."""

    async def scenario(hall: Hall) -> tuple[int, list[Any], list[Any]]:
        todo = None
        planted, expected, seen = 0, [], []
        while todo is None or todo:
            cause = await hall.cause(event, MEMBER)
            faults: list[Any] = []

            def spoil(broadcast: Broadcast, audience: list[Subscription], faults: list[Any] = faults) -> int:
                nonlocal todo
                data = data_of(broadcast)
                if todo is None:
                    todo = mutations(event, data, dialect)
                handed = 0
                for one in audience:
                    fault = todo.pop() if todo else None
                    if fault is None:
                        handed += one.send(broadcast.suffix)
                    else:
                        faults.append((fault, one.role))
                        handed += send_data(one, event, spoilt(data, fault))
                return handed

            with hall.saboteur.armed(event, spoil):
                found = await hall.observe(cause, dialect)
            planted += len(faults)
            details = Counter(f"contract: {fault.kind} in {event} ({fault.detail})" for fault, _ in faults)
            ledger: Counter[tuple[str, str, str]] = Counter()
            if accounted(event, dialect) or event == PRESENCE:
                ledger.update(("lost", event, role) for fault, role in faults if fault.unmatched)
            if event in events_by_state(dialect):  # one that shows another state is another's
                others = [role for fault, role in faults if fault.path == ("status",)]
                ledger.update((column, event, role) for role in others for column in ("lost", "foreign"))
            if event == MARKED:  # a text without our mark might be anybody's
                ledger.update(("foreign", event, role) for fault, role in faults if fault.unmarked)
            if (details, dict(ledger)) != (found.details, found.ledger):
                expected.append((details, dict(ledger)))
                seen.append((found.details, found.ledger))
        return planted, expected, seen

    planted, expected, seen = in_hall(scenario, dialect, copies=1 if event == PRESENCE else 3)

    assert planted > 5
    assert expected == seen
