"""Whose is what in an account that a journal made: looks through all of it for what somebody else put there.

Ours is what the journal lists, and every contact whose address is at the domain under which all load tests make theirs
(runs make contacts of their own). At most three examples of a kind are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadtest.api import installed, platform, provisioning, records
from loadtest.journal import DOMAIN, Journal
from loadtest.target.caller import Caller
from loadtest.target.inventory import take_inventory
from loadtest.target.progress import Progress

_EXAMPLES = 3


class Belongings:
    """Looks through one account.

    Args:
        caller: sends calls.
        journal: what is ours.
        account_id: the account.
        progress: shown how far it is.
    """

    def __init__(self, caller: Caller, journal: Journal, account_id: int, progress: Progress) -> None:
        self._caller = caller
        self._journal = journal
        self._account_id = account_id
        self._progress = progress

    def foreign(self, platform_token: str, admin: str) -> list[str]:
        """What in the account is not ours, a sentence a kind.

        Args:
            platform_token: the platform app's.
            admin: access token of an administrator of the account; empty where the account has none.
        """
        ours = {one.id for one in self._journal.ever_made("user")}
        users = self._caller.get(
            platform.list_account_users(platform_token, self._account_id), list[installed.AccountUser]
        )
        strangers = [f"user {one.user_id}" for one in users if one.user_id not in ours]
        if not users:
            return []  # nobody could have put anything there
        if not admin or strangers == [f"user {one.user_id}" for one in users]:
            return [_some("members", strangers or ["an administrator we know nothing of"])]
        inventory = take_inventory(self._caller, admin, self._account_id)
        return [
            _some(kind, found)
            for kind, found in (
                ("members", strangers),
                ("webhooks", [one.url for one in inventory.webhooks]),
                ("bots", [one.name for one in inventory.bots]),
                ("automation rules", [one.name for one in inventory.rules]),
                ("inboxes", self._foreign_inboxes(admin)),
                ("contacts", self._foreign_contacts(admin)),
                ("conversations", self.foreign_conversations(admin)),
            )
            if found
        ]

    def _foreign_inboxes(self, admin: str) -> list[str]:
        inboxes = self._caller.get(provisioning.list_inboxes(admin, self._account_id), installed.Inboxes).payload
        ours = {one.id for one in self._journal.ever_made("inbox")}
        # A kill may have fallen between a creation and its line.
        unsettled = {self._journal.tag.name(f"inbox {key}") for key in self._journal.pending("inbox")}
        return [one.name for one in inboxes if one.id not in ours and one.name not in unsettled]

    def _foreign_contacts(self, admin: str) -> list[str]:
        return [f"contact {one.id}" for one in self._people(admin) if not is_of_a_load_test(one)]

    def foreign_conversations(self, admin: str, inbox_id: int = 0) -> list[str]:
        """Conversations with somebody who is not ours, in the account or in one inbox of it."""
        return [
            f"conversation {one.id}"
            for one in self._talks(admin, inbox_id)
            if one.meta.sender is None or not is_of_a_load_test(one.meta.sender)
        ]

    def _people(self, admin: str) -> Iterator[installed.Person]:
        self._progress.stage("looking through contacts", 0)
        page = 1
        while found := self._caller.get(
            records.list_contacts(admin, self._account_id, page), installed.PersonPage
        ).payload:
            yield from found
            self._progress.step(len(found))
            page += 1

    def _talks(self, admin: str, inbox_id: int) -> Iterator[installed.Talk]:
        self._progress.stage("looking through conversations", 0)
        page = 1
        while found := self._caller.get(
            records.list_conversations(admin, self._account_id, page, inbox_id), installed.TalkPage
        ).data.payload:
            yield from found
            self._progress.step(len(found))
            page += 1


def is_of_a_load_test(person: installed.Person) -> bool:
    """Whether a contact was made by a load test, this one or another."""
    return (person.email or "").lower().endswith(f"@{DOMAIN}")


def _some(kind: str, found: Sequence[str]) -> str:
    shown = ", ".join(found[:_EXAMPLES])
    return f"{kind}: {shown}{f' and {len(found) - _EXAMPLES} more' if len(found) > _EXAMPLES else ''}"
