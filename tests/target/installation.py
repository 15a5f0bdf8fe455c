"""A reference server in a process of its own to provision on, plain looks at what is there, and ways to be stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from loadtest.api import Call
from loadtest.directory import Agent, Directory, Population, generate
from loadtest.journal import Journal
from loadtest.refserver import ServerSettings, start_child
from loadtest.target.caller import Address, Answer, Caller
from loadtest.target.progress import Silence
from loadtest.target.provision import Provisioner, Tokens
from loadtest.target.resuming import open_journal
from loadtest.target.teardown import Keys, Outcome, Teardown
from loadtest.target.wanted import Wanted

PLATFORM_TOKEN = "canary-platform-token"
POPULATION = Population(agents=3, contacts=4, members=2)
DIRECTORY = generate(POPULATION)
ADMIN = DIRECTORY.agents[0]
WANTED = Wanted(agents=3, contacts=4, members=2, teams=1)
START_S = 60.0


class KilledError(BaseException):
    """Where SIGKILL would strike: nothing of ours is run afterwards."""


class FusedCaller(Caller):
    """A caller that dies at one of its calls.

    Attributes:
        fuse: the number of the call, from 1; 0 for never.
        after: whether the installation still does what is asked.
    """

    fuse = 0
    after = False
    sent = 0

    def send(self, call: Call, *, repeatable: bool | None = None) -> Answer:
        """Send, or die."""
        self.sent += 1
        if self.sent == self.fuse and not self.after:
            raise KilledError
        answer = super().send(call, repeatable=repeatable)
        if self.sent == self.fuse:
            raise KilledError
        return answer


@dataclass
class Installation:
    """A served installation.

    Attributes:
        url: its base URL.
    """

    url: str

    def get(self, path: str, token: str) -> Any:
        """GET JSON; None for 404."""
        answer = requests.get(self.url + path, headers={"api_access_token": token}, timeout=START_S)
        return None if answer.status_code == 404 else answer.json()

    def caller(self, **options: Any) -> FusedCaller:
        """A caller that does not really wait."""
        return FusedCaller(Address(self.url), **{"sleep": lambda seconds: None} | options)

    def accounts(self, tag: str) -> list[int]:
        """Accounts that bear a tag."""
        found = self.get("/platform/api/v1/accounts", PLATFORM_TOKEN)
        return [one["id"] for one in found if tag in one["name"]]

    def inside(self, account_id: int, token: str) -> dict[str, list[str]]:
        """Everything in an account, by kind, as names with duplicates, sorted."""
        base = f"/api/v1/accounts/{account_id}"
        contacts = self._pages(lambda page: self.get(f"{base}/contacts?page={page}", token)["payload"])
        talks = self._pages(
            lambda page: self.get(f"{base}/conversations?status=all&page={page}", token)["data"]["payload"]
        )
        return {
            "agents": sorted(f"{one['email']} {one['role']}" for one in self.get(f"{base}/agents", token)),
            "inboxes": sorted(one["name"] for one in self.get(f"{base}/inboxes", token)["payload"]),
            "teams": sorted(one["name"] for one in self.get(f"{base}/teams", token)),
            "contacts": sorted(str(one["identifier"] or one["name"]) for one in contacts),
            "conversations": sorted(str(one["meta"]["sender"]["name"]) for one in talks),
        }

    @staticmethod
    def _pages(page: Callable[[int], list[Any]]) -> list[Any]:
        found: list[Any] = []
        for number in range(1, 1000):
            more = page(number)
            if not more:
                return found
            found += more
        raise AssertionError("pages without end")

    def members(self, account_id: int, inbox_id: int, token: str) -> list[int]:
        """User ids of an inbox's members."""
        answer = self.get(f"/api/v1/accounts/{account_id}/inbox_members/{inbox_id}", token)
        return sorted(one["id"] for one in answer["payload"])

    def provision(
        self,
        journal: Path,
        wanted: Wanted = WANTED,
        *,
        admin: str = "",
        caller: FusedCaller | None = None,
        given: tuple[Agent, ...] = (),
    ) -> Directory:
        """Provision by a journal, from the beginning or from where it was stopped."""
        caller = self.caller() if caller is None else caller
        with opened(lambda: open_journal(journal, wanted, self.url)) as opened_journal:
            tokens = Tokens(PLATFORM_TOKEN, admin)
            return Provisioner(caller, opened_journal, wanted, tokens, Silence(), given).run()

    def take_back(
        self, journal: Path, *, admin: str = "", caller: FusedCaller | None = None, **options: Any
    ) -> Outcome:
        """Take a journal back."""
        caller = self.caller() if caller is None else caller
        with opened(lambda: Journal.open(journal)) as opened_journal:
            keys = Keys(PLATFORM_TOKEN, admin)
            return Teardown(caller, opened_journal, keys, Silence(), **{"sleep": lambda s: None} | options).run()


@contextmanager
def opened(opener: Callable[[], Journal]) -> Iterator[Journal]:
    """A journal that is closed afterwards, as the end of its process would."""
    journal = opener()
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Installation]:
    """Serve an installation with account 1 of :data:`DIRECTORY` and a platform app."""
    token = folder / "platform-token"
    token.write_text(PLATFORM_TOKEN + "\n")
    token.chmod(0o600)
    child = start_child(
        ServerSettings(**{"population": POPULATION, "platform_token_path": str(token)} | settings), START_S
    )
    try:
        yield Installation(child.url)
    finally:
        child.stop()
