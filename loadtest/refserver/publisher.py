"""From what happened to who is told: one method an event, the audience read from the dialect's table.

The rule (upstream's ``ActionCableListener``): members of the conversation's inbox and administrators of its account,
each once; where the event goes to contacts, the contact's token too, and all its verified sessions when the
conversation's own is verified. A private note never goes to contacts; typing never to the token that types.
"""

from __future__ import annotations

from loadtest.directory import Agent, Audiences, Contact, Directory
from loadtest.refserver.dialect import Dialect
from loadtest.refserver.payloads import Payload, conversation_payload, message_payload, person_payload
from loadtest.refserver.presence import Presence
from loadtest.refserver.rooms import Broadcast, Rooms, Subscription
from loadtest.refserver.state import Conversation, Message


class Publisher:
    """Tells the rooms.

    Args:
        directory: who sees what.
        rooms: where subscriptions are.
        presence: who is online.
        dialect: which version's audiences and fields.
    """

    def __init__(self, directory: Directory, rooms: Rooms, presence: Presence, dialect: Dialect) -> None:
        self._rooms = rooms
        self._presence = presence
        self._dialect = dialect
        self._audiences = Audiences(directory.agents)
        self._token_of = {agent.user_id: agent.pubsub_token for agent in directory.agents}
        self._agent_tokens: dict[tuple[int, int], tuple[str, ...]] = {}
        self._verified: dict[tuple[int, int], list[str]] = {}
        for contact in directory.contacts:
            if contact.hmac_verified:
                self._verified.setdefault((contact.account_id, contact.contact_id), []).append(contact.pubsub_token)

    def conversation_created(self, conversation: Conversation) -> None:
        """A conversation was opened."""
        self._publish(
            "conversation.created",
            {**self._conversation(conversation), "account_id": conversation.account_id},
            conversation,
        )

    def message_created(self, message: Message) -> None:
        """A message, or a private note, was written."""
        self._publish(
            "message.created",
            message_payload(message, self._presence.availability, self._dialect.outgoing_content_type),
            message.conversation,
            private=message.private,
            text=message.content,
        )

    def typing(self, conversation: Conversation, emitter: Agent | Contact, *, typing: bool) -> None:
        """Somebody started or stopped typing."""
        self._publish(
            "conversation.typing_on" if typing else "conversation.typing_off",
            {
                "conversation": self._conversation(conversation),
                "user": person_payload(emitter, conversation.account_id, self._presence.availability),
                "account_id": conversation.account_id,
            },
            conversation,
            but=emitter.pubsub_token,
        )

    def presence_update(self, subscription: Subscription) -> None:
        """An identity asked who is online, by subscribing or by a beat: its own sockets are told, nobody else's."""
        self._rooms.broadcast(
            self._presence.update(subscription.account_id, subscription.role), (subscription.identity.pubsub_token,)
        )

    def _publish(
        self,
        event: str,
        data: Payload,
        conversation: Conversation,
        *,
        private: bool = False,
        but: str | None = None,
        text: str = "",
    ) -> None:
        spec = self._dialect.events[event]
        tokens: list[str] = []
        if spec.to_agents:
            tokens += self._agents(conversation.account_id, conversation.inbox_id)
        if spec.to_contacts and not private:
            tokens += self._contacts(conversation.contact)
        if but in tokens:
            tokens.remove(but)
        broadcast = Broadcast.of(
            event,
            data,
            conversation.account_id,
            conversation_id=conversation.display_id,
            inbox_id=conversation.inbox_id,
            text=text,
        )
        self._rooms.broadcast(broadcast, tokens)

    def _conversation(self, conversation: Conversation) -> Payload:
        return conversation_payload(conversation, self._presence.availability, self._dialect.outgoing_content_type)

    def _agents(self, account_id: int, inbox_id: int) -> tuple[str, ...]:
        key = (account_id, inbox_id)
        tokens = self._agent_tokens.get(key)
        if tokens is None:
            user_ids = sorted(self._audiences.user_ids(account_id, inbox_id))
            tokens = self._agent_tokens[key] = tuple(self._token_of[user_id] for user_id in user_ids)
        return tokens

    def _contacts(self, contact: Contact) -> list[str]:
        if contact.hmac_verified:
            return self._verified[contact.account_id, contact.contact_id]
        return [contact.pubsub_token]
