"""How records are shown: with upstream's fields, and secrets only where upstream shows them."""

from __future__ import annotations

import pytest

from loadtest.clock import SystemClock
from loadtest.refserver import views
from loadtest.refserver.accounts import Account, Inbox
from loadtest.refserver.dialect import DIALECTS
from loadtest.refserver.payloads import Payloads
from loadtest.refserver.presence import Presence
from loadtest.refserver.records import Team
from loadtest.refserver.staff import User
from loadtest.refserver.state import State
from tests.refserver.site import DIRECTORY, MEMBER

USER = User(MEMBER, "max@acme.inc", {"a": 1})


def shown_by(dialect: str) -> views.Views:
    """Views of a dialect, with nobody online."""
    presence = Presence(SystemClock(), 60, 60)
    return views.Views(Payloads(DIALECTS[dialect], presence.availability), presence)


def test_a_colleague_is_shown_without_secrets() -> None:
    """Everybody of the account may look."""
    shown = shown_by("seed").colleague(USER, 1)

    assert (2, "Max", "max@acme.inc", "agent") == tuple(shown[key] for key in ("id", "name", "email", "role"))
    assert not {MEMBER.access_token, MEMBER.pubsub_token} & {str(value) for value in shown.values()}


@pytest.mark.parametrize("shown", [views.user(USER), shown_by("seed").profile(USER)], ids=["platform", "profile"])
def test_a_user_is_shown_with_its_secrets(shown) -> None:
    """To the platform app and to itself."""
    assert (MEMBER.access_token, MEMBER.pubsub_token) == (shown["access_token"], shown["pubsub_token"])
    assert [1] == [account["id"] for account in shown["accounts"]]


@pytest.mark.parametrize("dialect", ["seed", "current"])
def test_a_conversation_is_shown_with_its_attributes(dialect: str) -> None:
    """By REST in every dialect, whatever the dialect's events hold."""
    state = State(DIRECTORY, lambda: 0)
    conversation = state.conversation(1, 3)
    assert conversation is not None
    conversation.custom_attributes["loadtest"] = "tag"
    shown = shown_by(dialect).conversation(conversation)

    assert (3, 1, {"loadtest": "tag"}, []) == tuple(
        shown[key] for key in ("id", "account_id", "custom_attributes", "labels")
    )


def test_only_an_api_inbox_shows_an_identifier() -> None:
    """A widget's has a token."""
    api, widget = views.inbox(Inbox(1, 1, "a", "ident")), views.inbox(Inbox(2, 1, "b", None, "w"))

    assert ("ident", "Channel::Api") == (api["inbox_identifier"], api["channel_type"])
    assert (False, "w", "Channel::WebWidget") == (
        "inbox_identifier" in widget,
        widget["website_token"],
        widget["channel_type"],
    )


def test_the_rest_is_shown_by_id_and_name() -> None:
    """Teams, accounts and seats."""
    assert (4, "t") == tuple(views.team(Team(4, 1, "t"))[key] for key in ("id", "name"))
    assert (1, "Acme", {}) == tuple(
        views.account(Account(1, "Acme"))[key] for key in ("id", "name", "custom_attributes")
    )
    assert {"account_id": 1, "user_id": 2, "role": "agent"} == views.account_user(USER, 1)
