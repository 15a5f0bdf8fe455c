"""Our own samples of newer events have the fields and types of what the reference server sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from loadtest import api
from loadtest.contract import EVENTS, events_of
from loadtest.contract.sample_frames import sample_frame
from tests.refserver.site import ADMIN, CONTACT, MEMBER, OTHER, QUIET, Site, on_site

CURRENT = replace(QUIET, dialect="current")
SENT = {"conversation.updated", "first.reply.created", "contact.merged", "contact.deleted"}
"""Newer events that the reference server sends at least."""


def skeleton(value: Any) -> Any:
    """A value's keys and types; of a list its first element."""
    if isinstance(value, dict):
        return {key: skeleton(item) for key, item in value.items()}
    if isinstance(value, list):
        return [skeleton(item) for item in value[:1]]
    return type(value).__name__


def differences(one: Any, other: Any, path: str = "data") -> list[str]:
    """Where two skeletons differ; null, a free object without content and an empty list agree with anything."""
    if "NoneType" in (one, other) or one in ({}, []) or other in ({}, []):
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        found = [f"{path}.{key}" for key in one.keys() ^ other.keys()]
        return found + [
            d for key in one.keys() & other.keys() for d in differences(one[key], other[key], f"{path}.{key}")
        ]
    if isinstance(one, list) and isinstance(other, list):
        return differences(one[0], other[0], f"{path}[0]")
    return [] if one == other else [f"{path}: {one}, {other}"]


def test_samples_of_newer_events_are_as_the_reference_server_sends_them() -> None:
    """Each newer event that a day's work causes is laid out as its sample."""

    async def scenario(site: Site) -> list[Any]:
        listener = await site.listen(ADMIN)
        await site.done(api.contact_send_message(CONTACT, 3, "hi", "e1"))
        await site.done(api.agent_send_message(MEMBER, 1, 3, "hello", "e2"))
        await site.done(api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id))
        await site.done(api.agent_assign_team(MEMBER, 1, 3, 1))
        await site.done(api.agent_merge_contacts(ADMIN, 1, OTHER.contact_id, CONTACT.contact_id))
        return await listener.frames()

    frames = on_site(scenario, CURRENT)
    sent = {frame["message"]["event"]: frame["message"]["data"] for frame in frames}
    newer = {event: data for event, data in sent.items() if event not in EVENTS}
    samples = {event: sample_frame(events_of("current")[event]) or {} for event in newer}

    assert SENT <= newer.keys()
    assert {event: [] for event in newer} == {
        event: differences(skeleton(samples[event]["message"]["data"]), skeleton(data)) for event, data in newer.items()
    }
