"""Who and what is in an account that was there before: people and machines that a load in it would reach.

Only looks. Members are told of what happens in the run's inbox where they are administrators, and of its contacts in
any case; webhooks, bots and rules act upon it.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.api import installed, provisioning
from loadtest.nouns import many, noun
from loadtest.target.caller import Answer, Caller


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is in an account.

    Attributes:
        account_id: the account.
        members: who works there.
        webhooks: addresses that are told of everything.
        bots: bots that may answer.
        rules: active automation rules.
        greetings: inboxes that greet.
        unseen: what could not be looked at, with the reason.
    """

    account_id: int
    members: tuple[installed.Colleague, ...]
    webhooks: tuple[installed.Webhook, ...]
    bots: tuple[installed.Bot, ...]
    rules: tuple[installed.Rule, ...]
    greetings: tuple[installed.Inbox, ...]
    unseen: tuple[str, ...]

    def lines(self) -> list[str]:
        """The same to be read."""
        admins = [one for one in self.members if one.role == "administrator"]
        found = [
            f"Account {self.account_id} is in use:",
            f"  {many(len(self.members), 'member')}, {len(admins)} of them "
            f"{noun(len(admins), 'an administrator, who sees', 'administrators, who see')} every conversation of the "
            "load; all members see its contacts",
            *(f"    {one.role}: {one.name} <{one.email}>" for one in self.members),
            f"  {many(len(self.webhooks), 'webhook')}, told of every message, conversation and contact",
            *(f"    {one.url}" for one in self.webhooks),
            f"  {many(len(self.bots), 'agent bot')}",
            *(f"    {one.name}" for one in self.bots),
            f"  {many(len(self.rules), 'active automation rule')}, acting on the load's conversations too",
            *(f"    {one.name}" for one in self.rules),
            f"  {many(len(self.greetings), 'inbox that greets', 'inboxes that greet')} (the load has inboxes of "
            "its own, without a greeting)",
            *(f"    {one.name}: {one.greeting_message or ''}" for one in self.greetings),
        ]
        return found + [f"  could not be seen: {one}" for one in self.unseen]


def take_inventory(caller: Caller, token: str, account_id: int) -> Inventory:
    """Look at an account.

    Args:
        caller: sends calls.
        token: access token of an administrator.
        account_id: the account.

    Raises:
        UsageError: the token is refused for the account's members and inboxes.
        TransportError: the installation cannot be reached.
    """
    unseen: list[str] = []

    def seen(answer: Answer) -> bool:
        if not answer.is_ok:
            unseen.append(f"{answer.call.endpoint.name.partition('.')[2]} ({answer.status})")
        return answer.is_ok

    members = caller.get(provisioning.list_agents(token, account_id), list[installed.Colleague])
    inboxes = caller.get(provisioning.list_inboxes(token, account_id), installed.Inboxes).payload
    webhooks = caller.send(provisioning.list_webhooks(token, account_id))
    bots = caller.send(provisioning.list_agent_bots(token, account_id))
    rules = caller.send(provisioning.list_automation_rules(token, account_id))
    return Inventory(
        account_id=account_id,
        members=tuple(members),
        webhooks=tuple(webhooks.read(installed.Webhooks).payload.webhooks) if seen(webhooks) else (),
        bots=tuple(bots.read(list[installed.Bot])) if seen(bots) else (),
        rules=tuple(one for one in rules.read(installed.Rules).payload if one.active) if seen(rules) else (),
        greetings=tuple(inbox for inbox in inboxes if inbox.greeting_enabled),
        unseen=tuple(unseen),
    )
