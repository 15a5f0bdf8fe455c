"""The application calls that set an account up: who works in it, its inboxes and teams, and its contacts.

Source: ``config/routes.rb`` and ``app/controllers/api/v1/accounts`` of Chatwoot 4.12; the contacts' calls are those of
its public API. Sent with an administrator's access token where nothing else is said. None causes an event of the
contract but :func:`register_contact`, which causes contact.created.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadtest.api.calls import AGENT_LIST_TEAMS, TAG_KEY
from loadtest.api.endpoint import Call, Endpoint
from loadtest.api.platform import UserRole

_ACCOUNT = "/api/v1/accounts/{account_id}"
_INBOX = _ACCOUNT + "/inboxes/{inbox_id}"
_TEAM = _ACCOUNT + "/teams/{team_id}"
_CONTACTS = "/public/api/v1/inboxes/{inbox_identifier}/contacts"

OWN_PROFILE = Endpoint("agent.profile", "GET", "/api/v1/profile", "agent")
QUIET_NOTIFICATIONS = Endpoint("agent.quiet_notifications", "PATCH", _ACCOUNT + "/notification_settings", "agent")
LIST_AGENTS = Endpoint("admin.list_agents", "GET", _ACCOUNT + "/agents", "agent")
ADD_AGENT = Endpoint("admin.add_agent", "POST", _ACCOUNT + "/agents", "agent")
REMOVE_AGENT = Endpoint("admin.remove_agent", "DELETE", _ACCOUNT + "/agents/{user_id}", "agent")
LIST_INBOXES = Endpoint("admin.list_inboxes", "GET", _ACCOUNT + "/inboxes", "agent")
CREATE_INBOX = Endpoint("admin.create_inbox", "POST", _ACCOUNT + "/inboxes", "agent")
SHOW_INBOX = Endpoint("admin.show_inbox", "GET", _INBOX, "agent")
DELETE_INBOX = Endpoint("admin.delete_inbox", "DELETE", _INBOX, "agent")
SET_INBOX_MEMBERS = Endpoint("admin.set_inbox_members", "POST", _ACCOUNT + "/inbox_members", "agent")
LIST_INBOX_MEMBERS = Endpoint("admin.list_inbox_members", "GET", _ACCOUNT + "/inbox_members/{inbox_id}", "agent")
CREATE_TEAM = Endpoint("admin.create_team", "POST", _ACCOUNT + "/teams", "agent")
SHOW_TEAM = Endpoint("admin.show_team", "GET", _TEAM, "agent")
DELETE_TEAM = Endpoint("admin.delete_team", "DELETE", _TEAM, "agent")
ADD_TEAM_MEMBERS = Endpoint("admin.add_team_members", "POST", _TEAM + "/team_members", "agent")
LIST_WEBHOOKS = Endpoint("admin.list_webhooks", "GET", _ACCOUNT + "/webhooks", "agent")
LIST_AGENT_BOTS = Endpoint("admin.list_agent_bots", "GET", _ACCOUNT + "/agent_bots", "agent")
LIST_AUTOMATION_RULES = Endpoint("admin.list_automation_rules", "GET", _ACCOUNT + "/automation_rules", "agent")
REGISTER_CONTACT = Endpoint("contact.register", "POST", _CONTACTS, "public")
SHOW_OWN_CONTACT = Endpoint("contact.show", "GET", _CONTACTS + "/{source_id}", "public")
LIST_OWN_CONVERSATIONS = Endpoint(
    "contact.list_conversations", "GET", _CONTACTS + "/{source_id}/conversations", "public"
)

ENDPOINTS: tuple[Endpoint, ...] = (
    OWN_PROFILE,
    QUIET_NOTIFICATIONS,
    LIST_AGENTS,
    ADD_AGENT,
    REMOVE_AGENT,
    LIST_INBOXES,
    CREATE_INBOX,
    SHOW_INBOX,
    DELETE_INBOX,
    SET_INBOX_MEMBERS,
    LIST_INBOX_MEMBERS,
    CREATE_TEAM,
    SHOW_TEAM,
    DELETE_TEAM,
    ADD_TEAM_MEMBERS,
    LIST_WEBHOOKS,
    LIST_AGENT_BOTS,
    LIST_AUTOMATION_RULES,
    REGISTER_CONTACT,
    SHOW_OWN_CONTACT,
    LIST_OWN_CONVERSATIONS,
)


# -- users -----------------------------------------------------------------------------------------------------------


def own_profile(token: str) -> Call:
    """Who a token belongs to, with its pubsub token and accounts; any user may ask."""
    return OWN_PROFILE.call({}, token=token)


def quiet_notifications(token: str, account_id: int) -> Call:
    """Let the token's user get no mail and no push messages: upstream mails every assignment by default."""
    flags: dict[str, list[str]] = {"selected_email_flags": [], "selected_push_flags": []}
    return QUIET_NOTIFICATIONS.call({"account_id": account_id}, {"notification_settings": flags}, token=token)


def list_agents(token: str, account_id: int) -> Call:
    """Who works in the account; any agent may ask."""
    return LIST_AGENTS.call({"account_id": account_id}, token=token)


def add_agent(token: str, account_id: int, name: str, email: str, role: UserRole) -> Call:
    """Let a user work in the account, by address; somebody who is no user yet is made one and told by mail."""
    return ADD_AGENT.call({"account_id": account_id}, {"name": name, "email": email, "role": role}, token=token)


def remove_agent(token: str, account_id: int, user_id: int) -> Call:
    """Let a user work in the account no more; a user without any account is removed later, in a job."""
    return REMOVE_AGENT.call({"account_id": account_id, "user_id": user_id}, token=token)


# -- inboxes ---------------------------------------------------------------------------------------------------------


def list_inboxes(token: str, account_id: int) -> Call:
    """The inboxes that the token's user may see: an administrator all, an agent its own."""
    return LIST_INBOXES.call({"account_id": account_id}, token=token)


def create_api_inbox(token: str, account_id: int, name: str) -> Call:
    """An API inbox without a webhook, a greeting or assignment by the server, which would act between the load."""
    body: dict[str, Any] = {
        "name": name,
        "greeting_enabled": False,
        "enable_auto_assignment": False,
        "channel": {"type": "api", "webhook_url": ""},
    }
    return CREATE_INBOX.call({"account_id": account_id}, body, token=token)


def show_inbox(token: str, account_id: int, inbox_id: int) -> Call:
    """What the inbox is called, and its public identifier."""
    return SHOW_INBOX.call({"account_id": account_id, "inbox_id": inbox_id}, token=token)


def delete_inbox(token: str, account_id: int, inbox_id: int) -> Call:
    """Remove the inbox with its conversations; upstream does so later, in a job."""
    return DELETE_INBOX.call({"account_id": account_id, "inbox_id": inbox_id}, token=token)


def set_inbox_members(token: str, account_id: int, inbox_id: int, user_ids: Sequence[int]) -> Call:
    """The inbox's members, all of them: old versions remove whom the list leaves out, new ones only add."""
    body = {"inbox_id": inbox_id, "user_ids": list(user_ids)}
    return SET_INBOX_MEMBERS.call({"account_id": account_id}, body, token=token)


def list_inbox_members(token: str, account_id: int, inbox_id: int) -> Call:
    """Who is a member of the inbox."""
    return LIST_INBOX_MEMBERS.call({"account_id": account_id, "inbox_id": inbox_id}, token=token)


# -- teams, and what else acts in an account -------------------------------------------------------------------------


def list_teams(token: str, account_id: int) -> Call:
    """The account's teams; any agent may ask."""
    return AGENT_LIST_TEAMS.call({"account_id": account_id}, token=token)


def create_team(token: str, account_id: int, name: str) -> Call:
    """A team whose conversations the server assigns to nobody; upstream writes its name in lower case."""
    return CREATE_TEAM.call({"account_id": account_id}, {"name": name, "allow_auto_assign": False}, token=token)


def show_team(token: str, account_id: int, team_id: int) -> Call:
    """What the team is called."""
    return SHOW_TEAM.call({"account_id": account_id, "team_id": team_id}, token=token)


def delete_team(token: str, account_id: int, team_id: int) -> Call:
    """Remove the team."""
    return DELETE_TEAM.call({"account_id": account_id, "team_id": team_id}, token=token)


def add_team_members(token: str, account_id: int, team_id: int, user_ids: Sequence[int]) -> Call:
    """Let users be of the team; those who are stay."""
    return ADD_TEAM_MEMBERS.call(
        {"account_id": account_id, "team_id": team_id}, {"user_ids": list(user_ids)}, token=token
    )


def list_webhooks(token: str, account_id: int) -> Call:
    """Addresses that are told what happens in the account."""
    return LIST_WEBHOOKS.call({"account_id": account_id}, token=token)


def list_agent_bots(token: str, account_id: int) -> Call:
    """Bots that may answer in the account."""
    return LIST_AGENT_BOTS.call({"account_id": account_id}, token=token)


def list_automation_rules(token: str, account_id: int) -> Call:
    """Rules by which the account acts of itself."""
    return LIST_AUTOMATION_RULES.call({"account_id": account_id}, token=token)


# -- contacts of their own accord ------------------------------------------------------------------------------------


def register_contact(inbox_identifier: str, source_id: str, name: str, email: str, identifier: str, tag: str) -> Call:
    """A contact at an API inbox, without any token; the one of that source id where there is one already.

    Args:
        inbox_identifier: public identifier of the inbox.
        source_id: the contact's name there; who knows it can write as the contact.
        name: how it is shown.
        email: its address.
        identifier: the customer's own id; a contact of the account that has it is taken instead of a new one.
        tag: kept as its custom attribute.
    """
    body = {
        "source_id": source_id,
        "identifier": identifier,
        "email": email,
        "name": name,
        "custom_attributes": {TAG_KEY: tag},
    }
    return REGISTER_CONTACT.call({"inbox_identifier": inbox_identifier}, body)


def show_own_contact(inbox_identifier: str, source_id: str) -> Call:
    """The contact of a source id, with its pubsub token; 404 where there is none."""
    return SHOW_OWN_CONTACT.call({"inbox_identifier": inbox_identifier, "source_id": source_id})


def list_own_conversations(inbox_identifier: str, source_id: str) -> Call:
    """The contact's conversations at the inbox."""
    return LIST_OWN_CONVERSATIONS.call({"inbox_identifier": inbox_identifier, "source_id": source_id})
