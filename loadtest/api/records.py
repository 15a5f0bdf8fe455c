"""The application calls that look at an account's contacts and conversations and remove them.

Source: ``app/controllers/api/v1/accounts/{contacts,conversations}_controller.rb`` of Chatwoot 4.12. Pages count from 1.
Removing wants an administrator; a contact that is online cannot be removed (422), and removing a conversation came
with version 4 (older ones answer 404 although there is one).
"""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.api.endpoint import Call, Endpoint

CONTACTS_PER_PAGE = 15
CONVERSATIONS_PER_PAGE = 25

_ACCOUNT = "/api/v1/accounts/{account_id}"
_CONTACT = _ACCOUNT + "/contacts/{contact_id}"
_CONVERSATION = _ACCOUNT + "/conversations/{conversation_id}"

LIST_CONTACTS = Endpoint("admin.list_contacts", "GET", _ACCOUNT + "/contacts", "agent")
SEARCH_CONTACTS = Endpoint("admin.search_contacts", "GET", _ACCOUNT + "/contacts/search", "agent")
LIST_ACTIVE_CONTACTS = Endpoint("admin.list_active_contacts", "GET", _ACCOUNT + "/contacts/active", "agent")
SHOW_CONTACT = Endpoint("admin.show_contact", "GET", _CONTACT, "agent")
DELETE_CONTACT = Endpoint("admin.delete_contact", "DELETE", _CONTACT, "agent")
LIST_CONVERSATIONS = Endpoint("admin.list_conversations", "GET", _ACCOUNT + "/conversations", "agent")
SHOW_CONVERSATION = Endpoint("admin.show_conversation", "GET", _CONVERSATION, "agent")
DELETE_CONVERSATION = Endpoint("admin.delete_conversation", "DELETE", _CONVERSATION, "agent")
LIST_LABELS = Endpoint("agent.list_labels", "GET", _CONVERSATION + "/labels", "agent")
SET_LABELS = Endpoint("agent.set_labels", "POST", _CONVERSATION + "/labels", "agent")

ENDPOINTS: tuple[Endpoint, ...] = (
    LIST_CONTACTS,
    SEARCH_CONTACTS,  # before the contact's own: "search" is no contact's id, nor is "active"
    LIST_ACTIVE_CONTACTS,
    SHOW_CONTACT,
    DELETE_CONTACT,
    LIST_CONVERSATIONS,
    SHOW_CONVERSATION,
    DELETE_CONVERSATION,
    LIST_LABELS,
    SET_LABELS,
)


def list_contacts(token: str, account_id: int, page: int) -> Call:
    """A page of the account's contacts that have an address, a number or an identifier."""
    return LIST_CONTACTS.call({"account_id": account_id}, token=token, query={"page": page, "sort": "name"})


def search_contacts(token: str, account_id: int, text: str, page: int) -> Call:
    """A page of the contacts whose name, address, number or identifier holds a text; upstream allows 100 a minute."""
    return SEARCH_CONTACTS.call(
        {"account_id": account_id}, token=token, query={"q": text, "page": page, "sort": "name"}
    )


def list_active_contacts(token: str, account_id: int, page: int) -> Call:
    """A page of the contacts that are online."""
    return LIST_ACTIVE_CONTACTS.call({"account_id": account_id}, token=token, query={"page": page})


def show_contact(token: str, account_id: int, contact_id: int) -> Call:
    """A contact with its address, identifier and attributes."""
    return SHOW_CONTACT.call({"account_id": account_id, "contact_id": contact_id}, token=token)


def delete_contact(token: str, account_id: int, contact_id: int) -> Call:
    """Remove a contact with its conversations; 422 while it is online."""
    return DELETE_CONTACT.call({"account_id": account_id, "contact_id": contact_id}, token=token)


def list_conversations(token: str, account_id: int, page: int, inbox_id: int = 0) -> Call:
    """A page of the account's conversations of any status and anybody's, or of those of one inbox."""
    query: dict[str, int | str] = {"status": "all", "assignee_type": "all", "page": page}
    if inbox_id:
        query["inbox_id"] = inbox_id
    return LIST_CONVERSATIONS.call({"account_id": account_id}, token=token, query=query)


def show_conversation(token: str, account_id: int, conversation_id: int) -> Call:
    """A conversation with its contact and custom attributes."""
    return SHOW_CONVERSATION.call({"account_id": account_id, "conversation_id": conversation_id}, token=token)


def delete_conversation(token: str, account_id: int, conversation_id: int) -> Call:
    """Remove a conversation."""
    return DELETE_CONVERSATION.call({"account_id": account_id, "conversation_id": conversation_id}, token=token)


def list_labels(token: str, account_id: int, conversation_id: int) -> Call:
    """A conversation's labels."""
    return LIST_LABELS.call({"account_id": account_id, "conversation_id": conversation_id}, token=token)


def set_labels(token: str, account_id: int, conversation_id: int, labels: Sequence[str]) -> Call:
    """Give a conversation these labels and no others (causes conversation.updated where they are other ones)."""
    ids = {"account_id": account_id, "conversation_id": conversation_id}
    return SET_LABELS.call(ids, {"labels": list(labels)}, token=token)
