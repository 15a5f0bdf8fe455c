"""The server's table of consequences against the contract's: it sends what the contract foresees, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from loadtest import api
from loadtest.api import Call
from loadtest.contract import Checker, Recipient, consequences, events_of
from loadtest.directory import Agent
from loadtest.refserver.consequences import CONSEQUENCES, Change
from tests.refserver.site import ADMIN, BOTH, CONTACT, EVERYBODY, MEMBER, OTHER, QUIET, identifier, serving

RESOLVED = api.agent_toggle_status(ADMIN, 1, 3, "resolved")
QUESTION = api.agent_send_message(MEMBER, 1, 3, "Your address?", "q", content_type="input_email")

#: call, its variant in the contract, what must be so before.
CAUSES: tuple[tuple[Call, str, tuple[Call, ...]], ...] = (
    (api.contact_create_conversation(CONTACT), "", ()),
    (api.contact_send_message(CONTACT, 3, "hi", "e"), "", ()),
    (api.contact_send_message(CONTACT, 3, "hi", "e"), "", (QUESTION,)),
    (api.contact_send_message(CONTACT, 3, "hi", "e"), "", (RESOLVED,)),
    (api.contact_update_message(CONTACT, 3, 1, "jane@acme.inc"), "", (QUESTION,)),
    (api.contact_toggle_typing(CONTACT, 3, typing=True), "on", ()),
    (api.contact_toggle_typing(CONTACT, 3, typing=False), "off", ()),
    (api.contact_update_last_seen(CONTACT, 3), "", ()),
    (api.agent_send_message(MEMBER, 1, 3, "hi", "e"), "public", ()),
    (api.agent_send_message(MEMBER, 1, 3, "hi", "e", private=True), "private", ()),
    (api.agent_toggle_typing(MEMBER, 1, 3, typing=True), "on", ()),
    (api.agent_toggle_typing(MEMBER, 1, 3, typing=False), "off", ()),
    (api.agent_update_last_seen(MEMBER, 1, 3), "", ()),
    (api.agent_toggle_status(MEMBER, 1, 3, "resolved"), "", ()),
    (api.agent_toggle_status(MEMBER, 1, 3, "open"), "", (RESOLVED,)),
    (api.agent_assign_agent(MEMBER, 1, 3, 1), "", ()),
    (api.agent_assign_team(MEMBER, 1, 3, 1), "", ()),
    (api.agent_create_contact(MEMBER, 1, 5, "Nora"), "", ()),
    (api.agent_update_contact(MEMBER, 1, 10, {"email": "jane@acme.inc"}), "", ()),
    (api.agent_merge_contacts(ADMIN, 1, OTHER.contact_id, CONTACT.contact_id), "", ()),
)
IDS = [f"{number} {call.endpoint.name} {choice}" for number, (call, choice, _) in enumerate(CAUSES)]
EVENTLESS = {"agent.list_teams", "agent.set_availability"}


async def frames_of(call: Call, before: tuple[Call, ...], dialect: str) -> dict[str, list[Any]]:
    """The frames everybody received of a call."""
    async with serving(replace(QUIET, dialect=dialect)) as site:
        for earlier in before:
            await site.done(earlier)
        listeners = {
            name: await site.listen(person, 1 if person is BOTH else None) for name, person in EVERYBODY.items()
        }
        await site.done(call)
        return {name: await listener.frames() for name, listener in listeners.items()}


@pytest.mark.parametrize("dialect", ["seed", "current"])
@pytest.mark.parametrize(("call", "choice", "before"), CAUSES, ids=IDS)
def test_what_follows_is_what_the_contract_foresees(
    call: Call, choice: str, before: tuple[Call, ...], dialect: Any
) -> None:
    """An administrator hears each event that always follows, within its count, and none that never follows."""
    frames = asyncio.run(frames_of(call, before, dialect))
    heard = [frame["message"]["event"] for frame in frames["admin"]]
    foreseen = {one.event: one for one in consequences(call.endpoint.name, dialect, choice=choice)}
    wrong = [
        (event, heard.count(event))
        for event, one in foreseen.items()
        if heard.count(event) < one.least or (one.most is not None and heard.count(event) > one.most)
    ]

    assert ([], set()) == (wrong, set(heard) - set(foreseen))


@pytest.mark.parametrize("dialect", ["seed", "current"])
@pytest.mark.parametrize(("call", "choice", "before"), CAUSES, ids=IDS)
def test_no_frame_breaks_the_contract(call: Call, choice: str, before: tuple[Call, ...], dialect: Any) -> None:
    """The checker finds nothing wrong in any frame that anybody receives: fields, types, audience, identities."""
    checker = Checker(dialect)
    found = [
        violation
        for name, frames in asyncio.run(frames_of(call, before, dialect)).items()
        for frame in frames
        for violation in checker.check_frame(frame, recipient(name))
    ]

    assert [] == found


def recipient(name: str) -> Recipient:
    """Who received, as the checker wants to know it."""
    who = EVERYBODY[name]
    if isinstance(who, Agent):
        inbox_ids = None if who.role == "administrator" else who.inbox_ids
        named = identifier(who, 1 if who is BOTH else None)
        return Recipient("agent", who.account_ids, who.user_id, inbox_ids, identifier=named)
    # Of the two that are merged each may be called by the other's id.
    ids = frozenset({10, 11}) if who.account_id == 1 else frozenset({who.contact_id})
    return Recipient("contact", (who.account_id,), contact_ids=ids, identifier=identifier(who))


def test_every_call_is_caused_here() -> None:
    """Each call that the contract or the toolkit knows is held against the contract."""
    assert {endpoint.name for endpoint in api.ENDPOINTS} - EVENTLESS == {call.endpoint.name for call, _, _ in CAUSES}


def test_every_event_told_is_in_the_contract() -> None:
    """The table names no event that the newest dialect does not know."""
    told = {consequence.event for follow in CONSEQUENCES.values() for consequence in follow}

    assert set() == told - set(events_of("current"))


@pytest.mark.parametrize("part", ["told_conversation", "told_message", "told_contact"])
def test_a_change_without_its_subject_is_an_error(part: str) -> None:
    """An event about nothing is a mistake of the server's own, and said so."""
    with pytest.raises(ValueError, match="contact_created without a"):
        getattr(Change("contact_created", None), part)
