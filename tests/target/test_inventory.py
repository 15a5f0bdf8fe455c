"""What is in an account, told before anything is done in it."""

from __future__ import annotations

import json

import pytest

from loadtest.errors import UsageError
from loadtest.target.caller import Address, Caller
from loadtest.target.inventory import take_inventory
from tests.target.installation import ADMIN, Installation
from tests.target.scripted import Answer, scripted


def answer(content: object) -> Answer:
    """An answer in JSON."""
    return 200, {}, json.dumps(content).encode()


MEMBERS = answer([{"id": 1, "name": "Ada", "email": "ada@acme.inc", "role": "administrator"}])
INBOXES = answer(
    {
        "payload": [
            {"id": 1, "name": "Web", "greeting_enabled": True, "greeting_message": "Hello there"},
            {"id": 2, "name": "Mail", "greeting_enabled": False},
        ]
    }
)
WEBHOOKS = answer({"payload": {"webhooks": [{"id": 1, "url": "https://crm.acme.inc/hook"}]}})
BOTS = answer([{"id": 1, "name": "Robo"}])
RULES = answer(
    {"payload": [{"id": 1, "name": "Assign VIPs", "active": True}, {"id": 2, "name": "Old", "active": False}]}
)


def lines(*answers: Answer) -> str:
    """The inventory of an account that answers so."""
    with scripted(*answers) as script:
        caller = Caller(Address(script.url), sleep=lambda seconds: None)
        try:
            return "\n".join(take_inventory(caller, "token", 7).lines())
        finally:
            caller.close()


def test_everything_that_would_notice_is_listed() -> None:
    """People, webhooks, bots, active rules and greetings, by name."""
    text = lines(MEMBERS, INBOXES, WEBHOOKS, BOTS, RULES)

    assert [
        name
        for name in ("Account 7", "ada@acme.inc", "crm.acme.inc", "Robo", "Assign VIPs", "Hello there", "Old", "Mail")
        if name in text
    ] == ["Account 7", "ada@acme.inc", "crm.acme.inc", "Robo", "Assign VIPs", "Hello there"]


def test_what_cannot_be_looked_at_is_said() -> None:
    """A version without bots, or a token that may not see rules, is no reason to be silent about it."""
    text = lines(MEMBERS, INBOXES, WEBHOOKS, (404, {}, b""), (401, {}, b""))

    assert "could not be seen: list_agent_bots (404)" in text
    assert "could not be seen: list_automation_rules (401)" in text


def test_the_reference_servers_account_can_be_listed(installation: Installation) -> None:
    """The same calls on a served installation."""
    caller = installation.caller()
    inventory = take_inventory(caller, ADMIN.access_token, ADMIN.account_id)
    caller.close()

    assert (3, 0, 0, 0, 0, ()) == (
        len(inventory.members),
        len(inventory.webhooks),
        len(inventory.bots),
        len(inventory.rules),
        len(inventory.greetings),
        inventory.unseen,
    )


def test_a_refused_token_is_wrong_usage(installation: Installation) -> None:
    """Without members there is no inventory."""
    caller = installation.caller()
    with pytest.raises(UsageError, match="Invalid Access Token"):
        take_inventory(caller, "wrong", ADMIN.account_id)
    caller.close()
