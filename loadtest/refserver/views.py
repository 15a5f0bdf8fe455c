"""How records are shown in answers to the application and platform APIs, with upstream's fields (``app/views``)."""

from __future__ import annotations

from typing import Any

from loadtest.directory import Agent
from loadtest.refserver.accounts import Account, Inbox
from loadtest.refserver.payloads import Payload, Payloads
from loadtest.refserver.presence import Presence
from loadtest.refserver.records import ContactRecord, Conversation, Team
from loadtest.refserver.staff import User


class Views:
    """Views of one dialect.

    Args:
        payloads: how things are shown in events.
        presence: how agents are shown.
    """

    def __init__(self, payloads: Payloads, presence: Presence) -> None:
        self._payloads = payloads
        self._presence = presence

    def agent(self, agent: Agent, account_id: int) -> Payload:
        """An agent, as it is assigned."""
        shown = self._payloads.agent(agent, account_id)
        names = ("id", "name", "available_name", "availability_status")
        return {**{name: shown[name] for name in names}, "account_id": account_id, "role": agent.role}

    def colleague(self, user: User, account_id: int) -> Payload:
        """An agent, as the account's agents are listed."""
        return {**self.agent(user.agent, account_id), "email": user.email, "confirmed": True, "auto_offline": True}

    def profile(self, user: User) -> Payload:
        """A user, as its own profile shows it."""
        agent = user.agent
        accounts = [
            {
                "id": account_id,
                "role": agent.role,
                "availability": self._presence.chosen(account_id, agent.user_id),
                "availability_status": self._presence.availability(account_id, agent.user_id),
            }
            for account_id in agent.account_ids
        ]
        return {
            "id": agent.user_id,
            "name": agent.name,
            "email": user.email,
            "pubsub_token": agent.pubsub_token,
            "access_token": agent.access_token,
            "accounts": accounts,
        }

    def contact(self, contact: ContactRecord) -> Payload:
        """A contact, with its places."""
        shown = self._payloads.contact(contact)
        names = ("id", "name", "email", "phone_number", "identifier", "thumbnail")
        return {
            **{name: shown[name] for name in names},
            "additional_attributes": contact.additional_attributes,
            "custom_attributes": contact.custom_attributes,
            "contact_inboxes": [
                {"source_id": place.identity.source_id, "inbox": {"id": place.identity.inbox_id}}
                for place in contact.places
            ],
        }

    def conversation(self, conversation: Conversation) -> Payload:
        """A conversation, in any dialect with what the REST API has."""
        shown = self._payloads.conversation(conversation)
        return {
            **shown,
            "uuid": conversation.uuid,
            "account_id": conversation.account_id,
            "labels": conversation.labels,
            "custom_attributes": conversation.custom_attributes,
        }


def team(team: Team) -> Payload:
    """A team."""
    return {
        "id": team.team_id,
        "name": team.name,
        "description": None,
        "allow_auto_assign": False,
        "account_id": team.account_id,
        "is_member": False,
    }


def inbox(inbox: Inbox) -> Payload:
    """An inbox."""
    is_api = inbox.identifier is not None
    shown: Payload = {
        "id": inbox.inbox_id,
        "name": inbox.name,
        "channel_type": "Channel::Api" if is_api else "Channel::WebWidget",
        "greeting_enabled": False,
        "greeting_message": None,
        "enable_auto_assignment": True,
        "website_token": inbox.website_token,
        **inbox.settings,
    }
    if is_api:
        shown["inbox_identifier"] = inbox.identifier
    return shown


def account(account: Account) -> Payload:
    """An account of the platform API."""
    return {
        "id": account.account_id,
        "name": account.name,
        "locale": "en",
        "status": "active",
        "custom_attributes": account.custom_attributes,
    }


def user(user: User) -> Payload:
    """A user of the platform API, secrets included."""
    agent = user.agent
    shown: dict[str, Any] = {
        "access_token": agent.access_token,
        "available_name": agent.name,
        "confirmed": True,
        "email": user.email,
        "id": agent.user_id,
        "name": agent.name,
        "provider": "email",
        "pubsub_token": agent.pubsub_token,
        "uid": user.email,
        "accounts": [{"id": account_id, "role": agent.role} for account_id in agent.account_ids],
    }
    if user.custom_attributes:
        shown["custom_attributes"] = user.custom_attributes
    return shown


def account_user(user: User, account_id: int) -> Payload:
    """A user's place in an account."""
    return {"account_id": account_id, "user_id": user.agent.user_id, "role": user.agent.role}
