"""OneChat's REST calls as values: the one place that knows their methods, paths and bodies.

Users send them, the reference server routes by the same :class:`Endpoint` templates, provisioning uses them too.
Paths and bodies are those of upstream's public and application APIs (``config/routes.rb`` of Chatwoot 4.12 and the
controllers' permitted parameters). Each function says which event it causes; presence.update has no call, its cause is
a beat on the socket. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from loadtest.api.endpoint import Call, Endpoint
from loadtest.directory import Agent, Contact
from loadtest.errors import UsageError

Status = Literal["open", "resolved", "pending"]
Availability = Literal["online", "busy", "offline"]
ContentType = Literal["text", "input_email"]

TAG_KEY = "loadtest"
"""The custom attribute by which a conversation tells who made it."""

_CONTACT = "/public/api/v1/inboxes/{inbox_identifier}/contacts/{source_id}"
_CONTACTS_CONVERSATION = _CONTACT + "/conversations/{conversation_id}"
_ACCOUNT = "/api/v1/accounts/{account_id}"
_CONVERSATION = _ACCOUNT + "/conversations/{conversation_id}"


CONTACT_CREATE_CONVERSATION = Endpoint("contact.create_conversation", "POST", _CONTACT + "/conversations", "public")
CONTACT_SEND_MESSAGE = Endpoint("contact.send_message", "POST", _CONTACTS_CONVERSATION + "/messages", "public")
CONTACT_UPDATE_MESSAGE = Endpoint(
    "contact.update_message", "PATCH", _CONTACTS_CONVERSATION + "/messages/{message_id}", "public"
)
CONTACT_TOGGLE_TYPING = Endpoint("contact.toggle_typing", "POST", _CONTACTS_CONVERSATION + "/toggle_typing", "public")
CONTACT_UPDATE_LAST_SEEN = Endpoint(
    "contact.update_last_seen", "POST", _CONTACTS_CONVERSATION + "/update_last_seen", "public"
)
AGENT_SEND_MESSAGE = Endpoint("agent.send_message", "POST", _CONVERSATION + "/messages", "agent")
AGENT_TOGGLE_TYPING = Endpoint("agent.toggle_typing", "POST", _CONVERSATION + "/toggle_typing_status", "agent")
AGENT_UPDATE_LAST_SEEN = Endpoint("agent.update_last_seen", "POST", _CONVERSATION + "/update_last_seen", "agent")
AGENT_TOGGLE_STATUS = Endpoint("agent.toggle_status", "POST", _CONVERSATION + "/toggle_status", "agent")
AGENT_ASSIGN_AGENT = Endpoint("agent.assign_agent", "POST", _CONVERSATION + "/assignments", "agent")
AGENT_ASSIGN_TEAM = Endpoint("agent.assign_team", "POST", _CONVERSATION + "/assignments", "agent")
AGENT_LIST_TEAMS = Endpoint("agent.list_teams", "GET", _ACCOUNT + "/teams", "agent")
AGENT_CREATE_CONTACT = Endpoint("agent.create_contact", "POST", _ACCOUNT + "/contacts", "agent")
AGENT_UPDATE_CONTACT = Endpoint("agent.update_contact", "PUT", _ACCOUNT + "/contacts/{contact_id}", "agent")
AGENT_MERGE_CONTACTS = Endpoint("agent.merge_contacts", "POST", _ACCOUNT + "/actions/contact_merge", "agent")
AGENT_SET_AVAILABILITY = Endpoint("agent.set_availability", "POST", "/api/v1/profile/availability", "agent")

ENDPOINTS: tuple[Endpoint, ...] = (
    CONTACT_CREATE_CONVERSATION,
    CONTACT_SEND_MESSAGE,
    CONTACT_UPDATE_MESSAGE,
    CONTACT_TOGGLE_TYPING,
    CONTACT_UPDATE_LAST_SEEN,
    AGENT_SEND_MESSAGE,
    AGENT_TOGGLE_TYPING,
    AGENT_UPDATE_LAST_SEEN,
    AGENT_TOGGLE_STATUS,
    AGENT_ASSIGN_AGENT,
    AGENT_ASSIGN_TEAM,
    AGENT_LIST_TEAMS,
    AGENT_CREATE_CONTACT,
    AGENT_UPDATE_CONTACT,
    AGENT_MERGE_CONTACTS,
    AGENT_SET_AVAILABILITY,
)
"""All of them; two share a method and a path, and differ in their body."""


def contact_create_conversation(contact: Contact, tag: str = "") -> Call:
    """The contact opens a conversation (causes conversation.created).

    Args:
        contact: who opens it.
        tag: kept as its custom attribute :data:`TAG_KEY`, so that it can be told whose it is; empty for none.
    """
    return CONTACT_CREATE_CONVERSATION.call(_contact_ids(contact), {"custom_attributes": {TAG_KEY: tag} if tag else {}})


def contact_send_message(contact: Contact, conversation_id: int, content: str, echo_id: str) -> Call:
    """The contact writes a message (causes message.created)."""
    ids = _contact_ids(contact, conversation_id=conversation_id)
    return CONTACT_SEND_MESSAGE.call(ids, {"content": content, "echo_id": echo_id})


def contact_update_message(contact: Contact, conversation_id: int, message_id: int, email: str) -> Call:
    """The contact fills in the address that an ``input_email`` message asks for (causes message.updated).

    The body is what upstream's public API permits. Upstream keeps it as ``submitted_values``; the ``submitted_email``
    of the document's sample is what the widget's own API makes of the same answer.

    Args:
        contact: who answers.
        conversation_id: display id of its conversation.
        message_id: a message of content type ``input_email`` there, as :func:`agent_send_message` can write one.
        email: the answer.
    """
    ids = _contact_ids(contact, conversation_id=conversation_id, message_id=message_id)
    answer = {"name": "email", "title": "Email", "value": email}
    return CONTACT_UPDATE_MESSAGE.call(ids, {"submitted_values": [answer]})


def contact_toggle_typing(contact: Contact, conversation_id: int, *, typing: bool) -> Call:
    """The contact starts or stops typing (causes conversation.typing_on or typing_off)."""
    ids = _contact_ids(contact, conversation_id=conversation_id)
    return CONTACT_TOGGLE_TYPING.call(ids, {"typing_status": "on" if typing else "off"})


def contact_update_last_seen(contact: Contact, conversation_id: int) -> Call:
    """The contact has read the conversation (causes conversation.read)."""
    return CONTACT_UPDATE_LAST_SEEN.call(_contact_ids(contact, conversation_id=conversation_id), {})


def agent_send_message(
    agent: Agent,
    account_id: int,
    conversation_id: int,
    content: str,
    echo_id: str,
    *,
    private: bool = False,
    content_type: ContentType | None = None,
) -> Call:
    """The agent writes a message, or a private note that contacts must not see (causes message.created).

    Args:
        agent: who writes.
        account_id: the conversation's account.
        conversation_id: its display id.
        content: the text.
        echo_id: comes back in the event.
        private: whether it is a note.
        content_type: ``input_email`` asks the contact for an address, see :func:`contact_update_message`.
    """
    body = {"content": content, "message_type": "outgoing", "private": private, "echo_id": echo_id}
    if content_type is not None:
        body["content_type"] = content_type
    return AGENT_SEND_MESSAGE.call(_ids(account_id, conversation_id), body, agent=agent)


def agent_toggle_typing(agent: Agent, account_id: int, conversation_id: int, *, typing: bool) -> Call:
    """The agent starts or stops typing (causes conversation.typing_on or typing_off)."""
    body = {"typing_status": "on" if typing else "off", "is_private": False}
    return AGENT_TOGGLE_TYPING.call(_ids(account_id, conversation_id), body, agent=agent)


def agent_update_last_seen(agent: Agent, account_id: int, conversation_id: int) -> Call:
    """The agent has read the conversation (causes no event)."""
    return AGENT_UPDATE_LAST_SEEN.call(_ids(account_id, conversation_id), {}, agent=agent)


def agent_toggle_status(agent: Agent, account_id: int, conversation_id: int, status: Status) -> Call:
    """The agent gives the conversation a status (causes conversation.status_changed, if it is another one)."""
    return AGENT_TOGGLE_STATUS.call(_ids(account_id, conversation_id), {"status": status}, agent=agent)


def agent_assign_agent(agent: Agent, account_id: int, conversation_id: int, assignee_id: int | None) -> Call:
    """The agent assigns the conversation to a user, or to nobody (causes assignee.changed, if it is another one)."""
    return AGENT_ASSIGN_AGENT.call(_ids(account_id, conversation_id), {"assignee_id": assignee_id or 0}, agent=agent)


def agent_assign_team(agent: Agent, account_id: int, conversation_id: int, team_id: int | None) -> Call:
    """The agent assigns the conversation to a team, or to none (causes team.changed, if it is another one)."""
    return AGENT_ASSIGN_TEAM.call(_ids(account_id, conversation_id), {"team_id": team_id or 0}, agent=agent)


def agent_list_teams(agent: Agent, account_id: int) -> Call:
    """The teams of the account, to know an id for :func:`agent_assign_team` (causes no event)."""
    return AGENT_LIST_TEAMS.call(_ids(account_id), agent=agent)


def agent_create_contact(
    agent: Agent, account_id: int, inbox_id: int, name: str, *, email: str | None = None, identifier: str | None = None
) -> Call:
    """The agent makes a contact with a place at an inbox (causes contact.created).

    Args:
        agent: who makes it.
        account_id: the account.
        inbox_id: where the contact can write from then on, by the source id of the answer.
        name: how it is shown.
        email: no other contact of the account may have it.
        identifier: no other contact of the account may have it.
    """
    body: dict[str, Any] = {"inbox_id": inbox_id, "name": name}
    if email is not None:
        body["email"] = email
    if identifier is not None:
        body["identifier"] = identifier
    return AGENT_CREATE_CONTACT.call(_ids(account_id), body, agent=agent)


def agent_update_contact(agent: Agent, account_id: int, contact_id: int, attributes: Mapping[str, Any]) -> Call:
    """The agent changes a contact's data (causes contact.updated, also where nothing is different).

    Args:
        agent: who changes it.
        account_id: the account.
        contact_id: the contact.
        attributes: any of ``name``, ``email``, ``phone_number``, ``identifier``, ``custom_attributes``.
    """
    return AGENT_UPDATE_CONTACT.call(_ids(account_id, contact_id=contact_id), dict(attributes), agent=agent)


def agent_merge_contacts(agent: Agent, account_id: int, base_contact_id: int, mergee_contact_id: int) -> Call:
    """The agent merges two contacts (causes conversation.contact_changed for each conversation of the second).

    Args:
        agent: who merges.
        account_id: the account of both.
        base_contact_id: the contact that stays.
        mergee_contact_id: the contact that is no more afterwards; its conversations go to the other.
    """
    body = {"base_contact_id": base_contact_id, "mergee_contact_id": mergee_contact_id}
    return AGENT_MERGE_CONTACTS.call(_ids(account_id), body, agent=agent)


def agent_set_availability(agent: Agent, account_id: int, availability: Availability) -> Call:
    """The agent chooses how it is shown while online (causes no event; the next presence.update tells it)."""
    body = {"profile": {"account_id": account_id, "availability": availability}}
    return AGENT_SET_AVAILABILITY.call({}, body, agent=agent)


def _contact_ids(contact: Contact, **ids: int) -> dict[str, int | str]:
    if contact.inbox_identifier is None:
        raise UsageError(
            f"contact {contact.contact_id} has no inbox_identifier",
            where="identities",
            remedy="Contacts act through the public API, which needs an API inbox: give inbox_identifier",
        )
    return {"inbox_identifier": contact.inbox_identifier, "source_id": contact.source_id, **ids}


def _ids(account_id: int, conversation_id: int | None = None, **ids: int) -> dict[str, int | str]:
    if conversation_id is not None:
        ids["conversation_id"] = conversation_id
    return {"account_id": account_id, **ids}
