"""Takes back what a journal lists, and nothing else.

Each thing is read back first: it goes only if it bears the journal's tag. An account of our own goes as a whole, but
only after everybody and everything in it was looked through; where somebody has put something of theirs into it, the
account stays, and what is ours goes one by one. What was intended and is not said to be made is looked up, so that a
creation that a kill cut short goes too. Upstream removes no contact that is online, for 90 s after its last beat, and
removes accounts, users and inboxes later, in a job of its own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from loadtest.api import TAG_KEY, Call, installed, platform, provisioning, records
from loadtest.errors import UsageError
from loadtest.journal import Ended, Journal, Kind, Made
from loadtest.nouns import many
from loadtest.target.belongings import Belongings
from loadtest.target.caller import Answer, Caller, refusal
from loadtest.target.progress import Progress
from loadtest.target.unsettled import settle, settle_account

ONLINE_WAIT_S = 150.0
"""Longer than upstream's 90 s of a contact's presence."""

_ONLINE_PAUSE_S = 5.0
_GONE_WAIT_S = 30.0
_GONE_PAUSE_S = 1.0
_ONLINE = 422


@dataclass(frozen=True, slots=True)
class Keys:
    """Tokens to take back with.

    Attributes:
        platform: the platform app's token; empty where no account or user was made.
        administrator: access token of an administrator of the accounts that were there before; empty for none.
        administrators: such tokens by account, as an identities file has them.
    """

    platform: str = field(default="", repr=False)
    administrator: str = field(default="", repr=False)
    administrators: Mapping[int, str] = field(default_factory=dict, repr=False)

    def of(self, account_id: int) -> str:
        """A token that may remove things from an account.

        Raises:
            UsageError: there is none.
        """
        token = self.administrators.get(account_id) or self.administrator
        if not token:
            raise UsageError(
                f"no token of an administrator of account {account_id}",
                where="--teardown",
                remedy="Set LOADTEST_ADMIN_TOKEN or --admin-token-file, or give --identities with an administrator",
            )
        return token


@dataclass(slots=True)
class Outcome:
    """What became of a journal.

    Attributes:
        removed: how many of each kind were removed, or would be.
        absent: how many were not there any more.
        left: what stays, each with the reason.
        later: what the installation still has to remove by itself.
        accounts: accounts that went as a whole.
    """

    removed: Counter[str] = field(default_factory=Counter)
    absent: int = 0
    left: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    accounts: set[int] = field(default_factory=set)


class Teardown:
    """Takes one journal back.

    Args:
        caller: sends calls.
        journal: what was made.
        keys: tokens.
        progress: shown how far it is.
        dry_run: only look.
        gone_accounts: accounts that went as a whole already.
        online_wait_s: how long to wait for contacts to go offline, in seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        caller: Caller,
        journal: Journal,
        keys: Keys,
        progress: Progress,
        *,
        dry_run: bool = False,
        gone_accounts: Iterable[int] = (),
        online_wait_s: float = ONLINE_WAIT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._caller = caller
        self._journal = journal
        self._tag = journal.tag
        self._keys = keys
        self._progress = progress
        self._dry_run = dry_run
        self._online_wait_s = online_wait_s
        self._sleep = sleep
        self.outcome = Outcome(accounts=set(gone_accounts))

    def run(self) -> Outcome:
        """Take back what is there.

        Raises:
            UsageError: a token is missing or refused.
            TransportError: the installation cannot be reached; the same command goes on from here.
        """
        journal = self._journal
        if journal.is_ended:
            self._progress.say(f"{journal.path}: all of it was taken back already")
            return self.outcome
        doubts = [] if self._dry_run else settle(self._caller, journal, self._keys.platform)
        for doubt in (*(f"{one.kind} {one.name!r}" for one in journal.doubts), *doubts):
            self.outcome.left.append(f"perhaps {doubt}: whether it was made cannot be told")
        for account in journal.all_made("account"):
            self._account(account)
        for account_id in journal.begin.account_ids:
            if account_id not in self.outcome.accounts:
                self._one_by_one(account_id, self._keys.of(account_id), seats=True)
        self._users()
        for account_id in self.outcome.accounts:
            self._went_along(account_id)
        if not self.outcome.left and not self._dry_run:
            journal.append(Ended())
        return self.outcome

    def _keys_of(self, account_id: int) -> str:
        """An administrator's token; that of an account of our own is its first user's, and empty before it has one."""
        if all(one.id != account_id for one in self._journal.ever_made("account")):
            return self._keys.of(account_id)
        first = self._journal.made("user", "1")
        user = (
            None
            if first is None
            else self._caller.find(platform.show_user(self._keys.platform, first.id), installed.User)
        )
        return "" if user is None else user.access_token

    # -- an account of our own ---------------------------------------------------------------------------------------

    def _account(self, account: Made) -> None:
        token = self._keys.platform
        found = self._caller.find(platform.show_account(token, account.id), installed.Account)
        if found is None:
            self._absent(account)
            self.outcome.accounts.add(account.id)
            return
        if not self._tag.is_in_name(found.name):
            self._stays(account, f"it is called {found.name!r}, which bears no tag of this journal")
            return
        admin = self._keys_of(account.id)
        belongings = Belongings(self._caller, self._journal, account.id, self._progress)
        foreign = belongings.foreign(token, admin)
        if foreign:
            self._stays(account, f"not all in it is ours: {'; '.join(foreign)}")
            if admin:
                self._one_by_one(account.id, admin, seats=False)
            return
        self._progress.stage("account", 1)
        if self._remove(account, platform.delete_account(token, account.id)):
            self.outcome.accounts.add(account.id)
            self._await_absence(platform.show_account(token, account.id), f"account {account.id}")
        self._progress.step()

    def _await_absence(self, look: Call, what: str) -> None:
        if self._dry_run:
            return
        waited_s = 0.0
        while self._caller.send(look).status != 404:
            if waited_s >= _GONE_WAIT_S:
                self.outcome.later.append(what)
                return
            self._sleep(_GONE_PAUSE_S)
            waited_s += _GONE_PAUSE_S

    def _went_along(self, account_id: int) -> None:
        """Say of what was in an account that it went with it."""
        kinds: tuple[Kind, ...] = ("seat", "inbox", "members", "team", "team_members", "contact", "conversation")
        along = [one for kind in kinds for one in self._journal.all_made(kind) if one.account_id == account_id]
        for one in along:
            if one.kind not in ("seat", "members", "team_members"):
                self.outcome.removed[one.kind] += 1
        if along and not self._dry_run:
            self._journal.all_gone(along)

    # -- one by one --------------------------------------------------------------------------------------------------

    def _one_by_one(self, account_id: int, admin: str, *, seats: bool) -> None:
        """Remove what is ours from an account that stays."""
        if not self._dry_run:
            settle_account(self._caller, self._journal, account_id, admin, seats=seats)
        self._contacts(account_id, admin)
        self._conversations(account_id, admin)
        self._teams(account_id, admin)
        self._inboxes(account_id, admin)
        if seats:
            self._seats(account_id, admin)

    def _in(self, account_id: int, kind: Kind) -> list[Made]:
        return [one for one in self._journal.all_made(kind) if one.account_id == account_id]

    def _contacts(self, account_id: int, admin: str) -> None:
        """Contacts go with their conversations; one that is online is tried again until it is not."""
        contacts = self._in(account_id, "contact")
        self._progress.stage("contacts", len(contacts))
        online = [one for one in contacts if not self._contact(one, admin)]
        waited_s = 0.0
        if online:
            self._progress.say(
                f"{many(len(online), 'contact is', 'contacts are')} online, and none is removed until its presence has "
                f"expired (90 s after its last beat, unless the installation has another): waiting up to "
                f"{self._online_wait_s:g} s"
            )
        while online and waited_s < self._online_wait_s:
            self._sleep(_ONLINE_PAUSE_S)
            waited_s += _ONLINE_PAUSE_S
            online = [one for one in online if not self._contact(one, admin)]
        for one in online:
            self._stays(one, "it is online: end what keeps it connected, and run the same command again")

    def _contact(self, one: Made, admin: str) -> bool:
        """Remove a contact; False when it is online."""
        shown = self._caller.find(records.show_contact(admin, one.account_id, one.id), installed.PersonAnswer)
        if shown is None:
            self._absent(one)
        elif not self._is_ours(shown.payload):
            self._stays(one, "its address and identifier bear no tag of this journal")
        elif not self._remove(one, records.delete_contact(admin, one.account_id, one.id), unless=_ONLINE):
            return False
        self._progress.step()
        return True

    def _is_ours(self, person: installed.Person) -> bool:
        identifier = person.identifier or ""
        return self._tag.is_in_address(person.email) or identifier.startswith(f"{self._tag.text}-")

    def _conversations(self, account_id: int, admin: str) -> None:
        contacts_left = {one.id for one in self._in(account_id, "contact")}
        conversations = self._in(account_id, "conversation")
        self._progress.stage("conversations", len(conversations))
        ours = {one.id for one in self._journal.ever_made("contact") if one.account_id == account_id}
        for one in conversations:
            if one.contact_id in ours and one.contact_id not in contacts_left and not self._dry_run:
                self.outcome.removed["conversation"] += 1
                self._journal.gone(one)  # with its contact
            else:
                self._conversation(one, admin)
            self._progress.step()

    def _conversation(self, one: Made, admin: str) -> None:
        look = records.show_conversation(admin, one.account_id, one.id)
        shown = self._caller.find(look, installed.Talk)
        if shown is None:
            self._absent(one)
            return
        sender = shown.meta.sender
        is_tagged = (shown.custom_attributes or {}).get(TAG_KEY) == self._tag.text
        if not is_tagged and not (sender is not None and self._is_ours(sender)):
            self._stays(one, "neither it nor its contact bears a tag of this journal")
        elif not self._remove(one, records.delete_conversation(admin, one.account_id, one.id), unless=404):
            self._stays(one, "this version cannot remove a conversation without its contact")

    def _teams(self, account_id: int, admin: str) -> None:
        for one in self._in(account_id, "team"):
            shown = self._caller.find(provisioning.show_team(admin, account_id, one.id), installed.Team)
            if shown is None:
                self._absent(one)
            elif not self._tag.is_in_name(shown.name):
                self._stays(one, f"it is called {shown.name!r}, which bears no tag of this journal")
            else:
                self._remove(one, provisioning.delete_team(admin, account_id, one.id))

    def _inboxes(self, account_id: int, admin: str) -> None:
        belongings = Belongings(self._caller, self._journal, account_id, self._progress)
        for one in self._in(account_id, "inbox"):
            shown = self._caller.find(provisioning.show_inbox(admin, account_id, one.id), installed.Inbox)
            if shown is None:
                self._absent(one)
            elif not self._tag.is_in_name(shown.name):
                self._stays(one, f"it is called {shown.name!r}, which bears no tag of this journal")
            elif foreign := belongings.foreign_conversations(admin, one.id):
                self._stays(one, f"somebody else writes there: {'; '.join(foreign)}")
            else:
                self._remove(one, provisioning.delete_inbox(admin, account_id, one.id))

    def _seats(self, account_id: int, admin: str) -> None:
        agents = self._caller.get(provisioning.list_agents(admin, account_id), list[installed.Colleague])
        emails = {agent.id: agent.email for agent in agents}
        for one in self._in(account_id, "seat"):
            if one.id not in emails:
                self._absent(one)
            elif not self._tag.is_in_address(emails[one.id]):
                self._stays(one, f"the user has the address {emails[one.id]!r}, which bears no tag of this journal")
            else:
                self._remove(one, provisioning.remove_agent(admin, account_id, one.id))

    def _users(self) -> None:
        token = self._keys.platform
        users = self._journal.all_made("user")
        accounts = {one.id for one in self._journal.ever_made("account")} | set(self._journal.begin.account_ids)
        self._progress.stage("users", len(users))
        for one in users:
            shown = self._caller.find(platform.show_user(token, one.id), installed.User)
            if shown is None:
                self._absent(one)
            elif not self._tag.is_in_address(shown.email):
                self._stays(one, f"it has the address {shown.email!r}, which bears no tag of this journal")
            elif others := sorted({place.id for place in shown.accounts} - accounts):
                self._stays(one, f"somebody let it into account {others[0]}")
            else:
                self._remove(one, platform.delete_user(token, one.id))
            self._progress.step()

    # -- keeping books -----------------------------------------------------------------------------------------------

    def _remove(self, one: Made, call: Call, *, unless: int | None = None) -> bool:
        """Remove something that was found to be ours; False when the answer is ``unless``."""
        if not self._dry_run:
            answer: Answer = self._caller.send(call)
            if answer.status == unless:
                return False
            if not answer.is_ok and answer.status != 404:
                raise refusal(answer)
            self._journal.gone(one)
        self.outcome.removed[one.kind] += 1
        return True

    def _absent(self, one: Made) -> None:
        self.outcome.absent += 1
        if not self._dry_run:
            self._journal.gone(one)

    def _stays(self, one: Made, why: str) -> None:
        self.outcome.left.append(f"{one.kind} {one.id}: {why}")
