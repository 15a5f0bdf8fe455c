"""From what was done to who is told: events by the table of consequences, audiences by the contract's.

The rule (upstream's ``ActionCableListener``): members of the conversation's inbox and administrators of its account,
each once; where the event goes to contacts, the conversation's own token too, and all its contact's verified sessions
when it is verified. A private note never goes to contacts; typing never to the token that types. What is about a
contact goes to every agent of the account.
"""

from __future__ import annotations

from loadtest.directory import Agent
from loadtest.refserver.consequences import CONSEQUENCES, Actor, Change, Consequence
from loadtest.refserver.dialect import Dialect
from loadtest.refserver.payloads import Payload, Payloads
from loadtest.refserver.presence import Presence
from loadtest.refserver.records import Conversation
from loadtest.refserver.rooms import Broadcast, Rooms, Subscription, account_stream
from loadtest.refserver.state import State


class Publisher:
    """Tells the rooms.

    Args:
        state: who sees what.
        rooms: where subscriptions are.
        presence: who is online.
        payloads: what is told.
        dialect: which version's events and audiences.
    """

    def __init__(self, state: State, rooms: Rooms, presence: Presence, payloads: Payloads, dialect: Dialect) -> None:
        self._staff = state.staff
        self._rooms = rooms
        self._presence = presence
        self._payloads = payloads
        self._dialect = dialect

    def publish(self, change: Change) -> None:
        """Send every event that follows from a change, in order; all are handed to their sockets on return."""
        for consequence in CONSEQUENCES[change.kind]:
            if consequence.event in self._dialect.events and consequence.when(change):
                self._tell(consequence, change)

    def presence_update(self, subscription: Subscription) -> None:
        """An identity asked who is online, by subscribing or by a beat: its own sockets are told, nobody else's."""
        self._rooms.broadcast(self._presence.answer(subscription), (subscription.identity.pubsub_token,))

    def _tell(self, consequence: Consequence, change: Change) -> None:
        data = consequence.payload(self._payloads, change)
        if self._dialect.later_fields:
            self._add_later(consequence, change, data)
        conversation = change.conversation
        broadcast = Broadcast.of(
            consequence.event,
            data,
            change.account_id,
            conversation_id=0 if conversation is None else conversation.display_id,
            inbox_id=0 if conversation is None else conversation.inbox_id,
            text=data.get("content") or data.get("name") or "",  # a message's, or a contact's
            contact_id=0 if conversation is None else conversation.contact.contact_id,
            actor=_named(change.actor),
            private=change.message is not None and change.message.private,
        )
        self._rooms.broadcast(broadcast, self._tokens(consequence.event, change))

    def _add_later(self, consequence: Consequence, change: Change, data: Payload) -> None:
        if change.previous:
            data["previous_changes"] = change.previous
        if isinstance(change.actor, Agent) and not consequence.rebuilt:
            data["performer"] = self._payloads.agent(change.actor, change.account_id)

    def _tokens(self, event: str, change: Change) -> list[str]:
        spec = self._dialect.events[event]
        if spec.scope == "account":
            return self._everybody(change.account_id)
        conversation = change.told_conversation
        tokens = (
            list(self._staff.inbox_tokens(conversation.account_id, conversation.inbox_id)) if spec.to_agents else []
        )
        if spec.to_contacts and not (change.message is not None and change.message.private):
            tokens += self._contacts(conversation)
        if spec.spares_emitter and change.actor is not None:
            tokens = [token for token in tokens if token != change.actor.pubsub_token]
        return tokens

    def _everybody(self, account_id: int) -> list[str]:
        if self._dialect.account_stream:
            return [account_stream(account_id)]
        return list(self._staff.account_tokens(account_id))

    def _contacts(self, conversation: Conversation) -> list[str]:
        place = conversation.contact_inbox
        if place.identity.hmac_verified:
            return [other.pubsub_token for other in place.contact.places if other.identity.hmac_verified]
        return [place.pubsub_token]


def _named(actor: Actor | None) -> str:
    if actor is None:
        return ""
    return f"agent:{actor.user_id}" if isinstance(actor, Agent) else f"contact:{actor.contact.contact_id}"
