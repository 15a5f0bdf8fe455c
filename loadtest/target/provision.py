"""Makes an installation's part that a run needs: an account, agents, inboxes, teams, contacts, conversations.

One step after the other, each written into a journal before and after, so that the same command goes on wherever it
was stopped: what was intended and is not said to be made is looked up by name, address or source id before it is made.
Nothing is made in an account that was there before but by its own administrator's token.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from loadtest import api
from loadtest.api import installed, platform, provisioning
from loadtest.directory import Agent, Contact, Directory
from loadtest.errors import UsageError
from loadtest.journal import DOMAIN, Done, Doubt, Journal, Kind, Made
from loadtest.target.caller import Caller, DoubtfulError
from loadtest.target.progress import Progress
from loadtest.target.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Tokens:
    """Secrets to provision with.

    Attributes:
        platform: the platform app's token; empty where no user or account is made.
        administrator: access token of an administrator of an account that was there before; empty for one of our own.
    """

    platform: str = field(default="", repr=False)
    administrator: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Inbox:
    id: int
    identifier: str


class Provisioner:
    """Makes what is wanted.

    Args:
        caller: sends calls.
        journal: keeps what was made.
        wanted: what is to be there.
        tokens: secrets.
        progress: shown how far it is.
        given: the agents to use in place of new ones, as many as ``wanted.given``.
    """

    def __init__(
        self,
        caller: Caller,
        journal: Journal,
        wanted: Wanted,
        tokens: Tokens,
        progress: Progress,
        given: Sequence[Agent] = (),
    ) -> None:
        self._caller = caller
        self._journal = journal
        self._tag = journal.tag
        self._wanted = wanted
        self._tokens = tokens
        self._progress = progress
        self._given = tuple(given)
        self._told_of_mail = False

    def run(self) -> Directory:
        """Make what is not there yet.

        Returns:
            The identities of all of it.

        Raises:
            UsageError: a token is refused, or something there is not what the journal says.
            TransportError: the installation cannot be reached or refuses; the same command goes on from here.
        """
        account_id = self._wanted.account_id or self._account()
        if self._given:
            staff = list(self._given)
            admin = self._tokens.administrator
        else:
            users = self._users(account_id)
            admin = self._tokens.administrator or users[0].access_token
            self._seats(account_id, users, admin)
            staff = [
                Agent(
                    (account_id,),
                    user.id,
                    self._wanted.role_of(number),
                    (),
                    user.pubsub_token,
                    user.access_token,
                    user.name,
                )
                for number, user in enumerate(users, start=1)
            ]
        inboxes = self._inboxes(account_id, staff, admin)
        self._teams(account_id, staff, admin)
        contacts = self._contacts(account_id, inboxes)
        if not self._journal.is_done:
            self._journal.append(Done())
        return Directory(tuple(self._with_inboxes(staff, inboxes)), tuple(contacts), self._caller.url)

    # -- one thing ---------------------------------------------------------------------------------------------------

    def _ensure(
        self,
        kind: Kind,
        key: int,
        make: Callable[[], int],
        find: Callable[[], int | None] | None = None,
        *,
        account_id: int = 0,
        inbox_id: int = 0,
        contact_id: int = 0,
    ) -> tuple[int, bool]:
        """Make something unless the journal says it was; returns its id and whether that was just now.

        Args:
            kind: what.
            key: its number in the plan.
            make: makes it and returns its id.
            find: its id if it is there; None where making it twice does no harm.
            account_id: where.
            inbox_id: at which inbox.
            contact_id: whose.
        """
        name = str(key)
        known = self._journal.made(kind, name)
        if known is not None:
            return known.id, False
        found: int | None = None
        if not self._journal.intended(kind, name):
            self._journal.intend(kind, name)
        elif find is not None:
            found = find()
        if found is None:
            try:
                found = make()
            except DoubtfulError:
                found = None if find is None else find()
                if found is None:
                    raise
        self._journal.append(Made(kind, name, found, account_id, inbox_id, contact_id))
        return found, True

    # -- account and users -------------------------------------------------------------------------------------------

    def _account(self) -> int:
        name = self._tag.name("account")
        token = self._tokens.platform

        def find() -> int | None:
            answer = self._caller.send(platform.list_accounts(token))
            if answer.status in (404, 405):  # this version has no list
                self._journal.append(Doubt("account", name))
                self._progress.say(
                    f"Whether an account {name!r} was made when this was stopped cannot be told: this version lists no "
                    "accounts. If one of that name is in the super admin console besides the one made now, remove it "
                    "there; it is empty"
                )
                return None
            return next((one.id for one in answer.read(list[installed.Account]) if one.name == name), None)

        def make() -> int:
            return self._caller.get(platform.create_account(token, name, self._tag.text), installed.Account).id

        self._progress.stage("account", 1)
        account_id, _ = self._ensure("account", 1, make, find)
        self._progress.step()
        return account_id

    def _users(self, account_id: int) -> list[installed.User]:
        self._progress.stage("users", self._wanted.agents)
        users = []
        for number in range(1, self._wanted.agents + 1):
            users.append(self._user(number, account_id))
            self._progress.step()
        return users

    def _user(self, number: int, account_id: int) -> installed.User:
        token, email = self._tokens.platform, self._tag.email(number)
        made: list[installed.User] = []

        def make() -> int:
            # Upstream wants an upper and a lower case letter, a digit and a special character.
            password = f"{secrets.token_urlsafe(24)}aA1!"
            call = platform.create_user(token, f"{self._tag.text} agent {number}", email, password, self._tag.text)
            user = self._caller.get(call, installed.User, repeatable=True)
            if {one.id for one in user.accounts} - {account_id}:
                raise UsageError(
                    f"user {user.id} has the address {email} and belongs to other accounts",
                    where="provision",
                    remedy="Somebody else uses this journal's tag: begin anew with another --journal",
                )
            made.append(user)
            return user.id

        user_id, _ = self._ensure("user", number, make)
        return made[0] if made else self._caller.get(platform.show_user(token, user_id), installed.User)

    def _seats(self, account_id: int, users: Sequence[installed.User], admin: str) -> None:
        """Let the users work in the account, and keep their mailboxes, which are nowhere, from being written to."""
        self._progress.stage("seats", len(users))
        for number, user in enumerate(users, start=1):
            self._ensure("seat", number, partial(self._seat, account_id, user, number, admin), account_id=account_id)
            self._progress.step()

    def _seat(self, account_id: int, user: installed.User, number: int, admin: str) -> int:
        role = self._wanted.role_of(number)
        if self._wanted.own_account:
            join = platform.join_account(self._tokens.platform, account_id, user.id, role)
            self._caller.do(join, repeatable=True)
        elif not self._has_seat(account_id, user.id, admin):
            try:
                self._caller.do(provisioning.add_agent(admin, account_id, user.name, user.email, role))
            except DoubtfulError:
                if not self._has_seat(account_id, user.id, admin):
                    raise
        quiet = self._caller.send(provisioning.quiet_notifications(user.access_token, account_id))
        if not quiet.is_ok and not self._told_of_mail:
            self._told_of_mail = True
            self._progress.say(
                f"This version does not let agents turn notifications off ({quiet.status}): it may write mails to "
                f"addresses at {DOMAIN}, which nobody gets"
            )
        return user.id

    def _has_seat(self, account_id: int, user_id: int, admin: str) -> bool:
        agents = self._caller.get(provisioning.list_agents(admin, account_id), list[installed.Colleague])
        return any(agent.id == user_id for agent in agents)

    # -- inboxes and teams -------------------------------------------------------------------------------------------

    def _inboxes(self, account_id: int, staff: Sequence[Agent], admin: str) -> dict[int, _Inbox]:
        self._progress.stage("inboxes", self._wanted.inbox_count)
        inboxes = {}
        for number, members in self._wanted.members_of.items():
            inbox = inboxes[number] = self._inbox(account_id, number, admin)
            user_ids = [staff[member - 1].user_id for member in members]

            def fill(inbox_id: int = inbox.id, user_ids: Sequence[int] = user_ids) -> int:
                call = provisioning.set_inbox_members(admin, account_id, inbox_id, user_ids)
                self._caller.do(call, repeatable=True)
                return inbox_id

            self._ensure("members", number, fill, account_id=account_id)
            self._progress.step()
        return inboxes

    def _inbox(self, account_id: int, number: int, admin: str) -> _Inbox:
        name = self._tag.name(f"inbox {number}")
        seen: dict[int, installed.Inbox] = {}

        def find() -> int | None:
            found = self._caller.get(provisioning.list_inboxes(admin, account_id), installed.Inboxes).payload
            seen.update({inbox.id: inbox for inbox in found})
            return next((inbox.id for inbox in found if inbox.name == name), None)

        def make() -> int:
            inbox = self._caller.get(provisioning.create_api_inbox(admin, account_id, name), installed.Inbox)
            seen[inbox.id] = inbox
            return inbox.id

        inbox_id, _ = self._ensure("inbox", number, make, find, account_id=account_id)
        inbox = seen.get(inbox_id)
        if inbox is None or inbox.inbox_identifier is None:
            inbox = self._caller.get(provisioning.show_inbox(admin, account_id, inbox_id), installed.Inbox)
        if inbox.inbox_identifier is None:
            raise UsageError(
                f"inbox {inbox_id} has no public identifier",
                where=f"account {account_id}",
                remedy="An API inbox is needed, whose identifier the administrator's token can see",
            )
        return _Inbox(inbox_id, inbox.inbox_identifier)

    def _teams(self, account_id: int, staff: Sequence[Agent], admin: str) -> None:
        self._progress.stage("teams", self._wanted.teams)
        user_ids = [agent.user_id for agent in staff]
        for number in range(1, self._wanted.teams + 1):
            name = self._tag.name(f"team {number}")

            def find(name: str = name) -> int | None:
                teams = self._caller.get(provisioning.list_teams(admin, account_id), list[installed.Team])
                return next((team.id for team in teams if team.name.lower() == name), None)

            def make(name: str = name) -> int:
                return self._caller.get(provisioning.create_team(admin, account_id, name), installed.Team).id

            team_id, _ = self._ensure("team", number, make, find, account_id=account_id)

            def fill(team_id: int = team_id) -> int:
                call = provisioning.add_team_members(admin, account_id, team_id, user_ids)
                self._caller.do(call, repeatable=True)
                return team_id

            self._ensure("team_members", number, fill, account_id=account_id)
            self._progress.step()

    def _with_inboxes(self, staff: Sequence[Agent], inboxes: dict[int, _Inbox]) -> list[Agent]:
        """The agents with the inboxes they are members of, those they had before included."""
        found = []
        for number, agent in enumerate(staff, start=1):
            ids = [inboxes[inbox].id for inbox, members in self._wanted.members_of.items() if number in members]
            more = tuple(one for one in ids if one not in agent.inbox_ids)
            found.append(replace(agent, inbox_ids=(*agent.inbox_ids, *more)))
        return found

    # -- contacts ----------------------------------------------------------------------------------------------------

    def _contacts(self, account_id: int, inboxes: dict[int, _Inbox]) -> list[Contact]:
        self._progress.stage("contacts", self._wanted.contacts)
        contacts = []
        for number in range(1, self._wanted.contacts + 1):
            contact = self._contact(account_id, inboxes[self._wanted.inbox_of[number]], number)
            contacts.append(self._conversing(contact, number) if self._wanted.conversations else contact)
            self._progress.step()
        return contacts

    def _contact(self, account_id: int, inbox: _Inbox, number: int) -> Contact:
        tag = self._tag
        nth = self._wanted.agents + number  # agents have the numbers before
        source_id, name = tag.source_id(nth), f"{tag.text} contact {number}"
        made: list[installed.OwnContact] = []

        def make() -> int:
            call = provisioning.register_contact(
                inbox.identifier, source_id, name, tag.email(nth), tag.identifier(nth), tag.text
            )
            made.append(self._caller.get(call, installed.OwnContact, repeatable=True))
            return made[0].id

        contact_id, _ = self._ensure("contact", number, make, account_id=account_id, inbox_id=inbox.id)
        own = (
            made[0]
            if made
            else self._caller.get(provisioning.show_own_contact(inbox.identifier, source_id), installed.OwnContact)
        )
        return Contact(
            account_id=account_id,
            contact_id=contact_id,
            inbox_id=inbox.id,
            source_id=source_id,
            pubsub_token=own.pubsub_token,
            inbox_identifier=inbox.identifier,
            name=name,
        )

    def _conversing(self, contact: Contact, number: int) -> Contact:
        """The contact with its conversation, the only one it can have."""
        identifier = contact.inbox_identifier or ""

        def find() -> int | None:
            mine = provisioning.list_own_conversations(identifier, contact.source_id)
            return next((one.id for one in self._caller.get(mine, list[installed.Numbered])), None)

        def make() -> int:
            call = api.contact_create_conversation(contact, self._tag.text)
            return self._caller.get(call, installed.Numbered).id

        display_id, _ = self._ensure(
            "conversation",
            number,
            make,
            find,
            account_id=contact.account_id,
            inbox_id=contact.inbox_id,
            contact_id=contact.contact_id,
        )
        return replace(contact, conversation_ids=(display_id,))
