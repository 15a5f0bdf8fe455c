"""Run with a copied package whose table has one more event; prints as JSON what has learnt of it."""

import asyncio
import json

import aiohttp

from loadtest.api import contact_send_message
from loadtest.cli.events import as_json, table
from loadtest.collect.people import People
from loadtest.contract import Checker, Recipient, events_of
from loadtest.contract.asyncapi import asyncapi_document
from loadtest.directory import Agent, Contact, Directory
from loadtest.refserver import ServerSettings
from loadtest.refserver.consequences import CONSEQUENCES, Consequence
from loadtest.refserver.rooms import Subscription
from loadtest.refserver.server import ReferenceServer

EVENT = "message.starred"
MEMBER = Agent((1,), 2, "agent", (5,), "p-member", "a-member", "Max")
OUTSIDER = Agent((1,), 3, "agent", (6,), "p-outsider", "a-outsider", "Oda")
CONTACT = Contact(1, 10, 5, "s-10", "c-10", "inbox-5", conversation_ids=(3,), name="Cleo")
DIRECTORY = Directory((MEMBER, OUTSIDER), (CONTACT,))
RECIPIENTS = {
    "agent": Recipient("agent", (1,), user_id=2, inbox_ids=frozenset({5})),
    "outsider": Recipient("agent", (1,), user_id=3, inbox_ids=frozenset({6})),
    "contact": Recipient("contact", (1,), contact_ids=frozenset({10})),
}


class Nowhere:
    """A connection that takes everything."""

    def write(self, frame: bytes) -> bool:
        return True


async def told() -> dict[str, list[str]]:
    """Whom the reference server tells of the events that a message causes, by event."""
    heard: dict[str, list[str]] = {}

    def deliver(broadcast, audience):
        heard[broadcast.event] = [subscription.identity.name for subscription in audience]
        return len(audience)

    (created,) = CONSEQUENCES["message_created"][:1]
    CONSEQUENCES["message_created"] += (Consequence(EVENT, created.payload),)
    async with ReferenceServer(ServerSettings(port=0), DIRECTORY, deliver=deliver) as server:
        for who in (MEMBER, OUTSIDER, CONTACT):
            server.rooms.join(Subscription(who.name, who, 1, Nowhere()))
        call = contact_send_message(CONTACT, 3, "hi", "e")
        async with (
            aiohttp.ClientSession() as http,
            http.post(server.url + call.path, data=call.body, headers=call.headers) as answer,
        ):
            assert answer.status == 200
    return heard


def learnt() -> dict[str, object]:
    """What everything that is derived from the table says of the event."""
    spec = events_of("seed")[EVENT]
    document = asyncapi_document("seed")
    message = document["components"]["messages"]["MessageStarred"]
    sample = message["examples"][0]["payload"]["message"]["data"]
    checker = Checker("seed")
    people = People(DIRECTORY)
    return {
        "violations": {
            name: [violation.kind for violation in checker.check(EVENT, sample, who)]
            for name, who in RECIPIENTS.items()
        },
        "without content": [
            violation.detail for violation in checker.check(EVENT, sample | {"content": 7}, RECIPIENTS["agent"])
        ],
        "listed": as_json(spec)["for"] in table([spec]),
        "sent": "sendMessageStarred" in document["operations"],
        "audience": people.audience(spec, 1, 5, 10).tolist(),
        "told": asyncio.run(told())[EVENT],
    }


if __name__ == "__main__":
    print(json.dumps(learnt()))
