"""What a journal says was going to be made and not that it was: looked up, and written down where it is there.

A kill can fall between a creation and its line. A user is asked for by making it again, which answers with the one
that has the address; so a user that was not made is, and is removed like the others.
"""

from __future__ import annotations

import secrets

from loadtest.api import installed, platform, provisioning, records
from loadtest.errors import UsageError
from loadtest.journal import Journal, Kind, Made
from loadtest.target.caller import Caller

_SEARCH_PAGES = 10_000


def settle(caller: Caller, journal: Journal, platform_token: str) -> list[str]:
    """Look up unsettled accounts and users.

    Args:
        caller: sends calls.
        journal: gets a ``made`` for everything that is found.
        platform_token: the platform app's token, or empty.

    Returns:
        What may be there and cannot be looked up, in words.
    """
    doubts = _account(caller, journal, platform_token) if journal.pending("account") else []
    for key in journal.pending("user"):
        _user(caller, journal, platform_token, key)
    return doubts


def settle_account(caller: Caller, journal: Journal, account_id: int, admin: str, *, seats: bool) -> None:
    """Look up what is unsettled in an account that stays.

    Args:
        caller: sends calls.
        journal: gets a ``made`` for everything that is found.
        account_id: the account.
        admin: an administrator's token of it.
        seats: whether places of users in the account matter.
    """
    _named(caller, journal, account_id, admin)
    if seats:
        _seats(caller, journal, account_id, admin)
    _contacts(caller, journal, account_id, admin)


def _account(caller: Caller, journal: Journal, token: str) -> list[str]:
    name = journal.tag.name("account")
    answer = caller.send(platform.list_accounts(token))
    if answer.status in (404, 405):
        return [f"account {name!r}"]
    for found in answer.read(list[installed.Account]):
        if found.name == name:
            journal.append(Made("account", "1", found.id))
    return []


def _user(caller: Caller, journal: Journal, token: str, key: str) -> None:
    tag = journal.tag
    password = f"{secrets.token_urlsafe(24)}aA1!"
    call = platform.create_user(token, f"{tag.text} agent {key}", tag.email(int(key)), password, tag.text)
    journal.append(Made("user", key, caller.get(call, installed.User, repeatable=True).id))


def _named(caller: Caller, journal: Journal, account_id: int, admin: str) -> None:
    if inboxes := journal.pending("inbox"):
        found = caller.get(provisioning.list_inboxes(admin, account_id), installed.Inboxes).payload
        _note(journal, "inbox", account_id, {one.name.lower(): one.id for one in found}, inboxes)
    if teams := journal.pending("team"):
        listed = caller.get(provisioning.list_teams(admin, account_id), list[installed.Team])
        _note(journal, "team", account_id, {one.name.lower(): one.id for one in listed}, teams)


def _note(journal: Journal, kind: Kind, account_id: int, ids: dict[str, int], keys: list[str]) -> None:
    for key in keys:
        found = ids.get(journal.tag.name(f"{kind} {key}").lower())
        if found is not None:
            journal.append(Made(kind, key, found, account_id))


def _seats(caller: Caller, journal: Journal, account_id: int, admin: str) -> None:
    if pending := journal.pending("seat"):
        agents = caller.get(provisioning.list_agents(admin, account_id), list[installed.Colleague])
        there = {agent.id for agent in agents}
        for key in pending:
            user = journal.made("user", key)
            if user is not None and user.id in there:
                journal.append(Made("seat", key, user.id, account_id))


def _contacts(caller: Caller, journal: Journal, account_id: int, admin: str) -> None:
    """A journal lists all contacts that bear its tag: what is not listed by id was made and not written down."""
    if journal.begin.maker == "provision" and not journal.pending("contact"):
        return
    known = {one.id for one in journal.ever_made("contact") if one.account_id == account_id}
    for page in range(1, _SEARCH_PAGES):
        call = records.search_contacts(admin, account_id, f"{journal.begin.tag}-", page)
        found = caller.get(call, installed.PersonPage).payload
        if not found:
            return
        fresh = [one for one in found if one.id not in known and journal.tag.is_in_address(one.email)]
        known.update(one.id for one in fresh)
        if fresh:
            journal.append(*(Made("contact", f"found {one.id}", one.id, account_id) for one in fresh))
    raise UsageError("the search for contacts does not end", where=f"account {account_id}")
