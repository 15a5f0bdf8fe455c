"""Taking back: everything of ours wherever it is stopped, and nothing of anybody else's."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import connect

from loadtest.directory import Agent, Contact, Directory
from loadtest.errors import UsageError
from loadtest.journal import Begin, Journal, Made
from loadtest.target.wanted import Wanted
from tests.target.installation import ADMIN, DIRECTORY, PLATFORM_TOKEN, Installation, KilledError, serving

SMALL = Wanted(agents=2, contacts=2, members=2, teams=1)
TINY = Wanted(agents=1, contacts=1, members=1, teams=1)
THERE = replace(TINY, account_id=ADMIN.account_id)


def journalled(path: Path) -> Journal:
    """The journal, read and closed."""
    journal = Journal.open(path)
    journal.close()
    return journal


def users_left(installation: Installation, journal: Path) -> list[int]:
    """Users of the journal who are still there."""
    ids = [one.id for one in journalled(journal).ever_made("user")]
    return [one for one in ids if installation.get(f"/platform/api/v1/users/{one}", PLATFORM_TOKEN) is not None]


def post(installation: Installation, path: str, body: dict[str, Any], token: str = "") -> Any:
    """POST JSON that must succeed."""
    answer = requests.post(installation.url + path, json=body, headers={"api_access_token": token}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def visitor(installation: Installation, directory: Directory, email: str = "jane@acme.inc") -> int:
    """A real contact comes to an inbox of ours and opens a conversation."""
    base = f"/public/api/v1/inboxes/{directory.contacts[0].inbox_identifier}/contacts"
    contact = post(installation, base, {"source_id": f"real-{email}", "email": email, "name": "Jane"})
    post(installation, f"{base}/real-{email}/conversations", {})
    return int(contact["id"])


def test_an_account_of_its_own_goes_with_all_in_it(installation: Installation, tmp_path: Path) -> None:
    """Nothing is left that bears the tag: no account, no user; and it is said what went."""
    journal = tmp_path / "a.journal"
    installation.provision(journal, SMALL)
    outcome = installation.take_back(journal)

    assert ([], []) == (installation.accounts(journalled(journal).begin.tag), users_left(installation, journal))
    assert {"account": 1, "user": 2, "inbox": 1, "team": 1, "contact": 2, "conversation": 2} == dict(outcome.removed)
    assert ([], True) == (outcome.left, journalled(journal).is_ended)


def test_what_a_run_made_in_an_account_of_its_own_goes_too(installation: Installation, tmp_path: Path) -> None:
    """Its contacts bear another tag, and are known by their domain."""
    journal = tmp_path / "a.journal"
    directory = installation.provision(journal, SMALL)
    visitor(installation, directory, "abc123-0-1-2@loadtest.invalid")
    outcome = installation.take_back(journal)

    assert ([], []) == (outcome.left, installation.accounts(journalled(journal).begin.tag))


@pytest.mark.parametrize("after", [False, True], ids=["before it was done", "before it was written down"])
def test_wherever_it_is_killed_the_same_command_takes_the_rest(
    installation: Installation, tmp_path: Path, after: bool
) -> None:
    """Killed at each call in turn and run again, nothing is left."""
    step = 1 if after else 3  # a kill before a call is like one after the call before, but for the line between them
    fuse, killed = 0, True
    while killed:
        fuse += step
        journal = tmp_path / f"{fuse}.journal"
        installation.provision(journal, TINY)
        caller = installation.caller()
        caller.fuse, caller.after = fuse, after
        try:
            installation.take_back(journal, caller=caller)
            killed = False
        except KilledError:
            installation.take_back(journal)

        assert [] == installation.accounts(journalled(journal).begin.tag), fuse
        assert [] == users_left(installation, journal), fuse

    assert fuse > 5


def test_what_was_made_and_not_written_down_goes_too(installation: Installation, tmp_path: Path) -> None:
    """Provisioning killed at each call, right after it was done, leaves nothing that a teardown does not find."""
    before = installation.inside(ADMIN.account_id, ADMIN.access_token)
    for wanted, admin in ((TINY, ""), (THERE, ADMIN.access_token)):
        for fuse in range(1, 11):
            journal = tmp_path / f"{wanted.account_id}-{fuse}.journal"
            caller = installation.caller()
            caller.fuse, caller.after = fuse, True
            with pytest.raises(KilledError):
                installation.provision(journal, wanted, caller=caller, admin=admin)
            outcome = installation.take_back(journal, admin=admin)

            assert [] == outcome.left, (wanted, fuse)
            assert [] == installation.accounts(journalled(journal).begin.tag), fuse
            assert [] == users_left(installation, journal), fuse
            assert before == installation.inside(ADMIN.account_id, ADMIN.access_token), fuse


def test_an_account_that_somebody_else_uses_stays(installation: Installation, tmp_path: Path) -> None:
    """A real contact in our account keeps it there, with the contact's conversation and its inbox; ours goes."""
    journal = tmp_path / "a.journal"
    directory = installation.provision(journal, SMALL)
    admin, tag = directory.agents[0], journalled(journal).begin.tag
    guest = post(
        installation,
        "/platform/api/v1/users",
        {"name": "Guest", "email": f"guest-{tag}@acme.inc", "password": "Password1!"},
        PLATFORM_TOKEN,
    )
    seat = {"user_id": guest["id"], "role": "administrator"}
    post(installation, f"/platform/api/v1/accounts/{admin.account_id}/account_users", seat, PLATFORM_TOKEN)
    visitor(installation, directory)
    outcome = installation.take_back(journal)
    inside = installation.inside(admin.account_id, guest["access_token"])

    assert inside == {
        "agents": [f"guest-{tag}@acme.inc administrator"],
        "inboxes": [f"loadtest {tag} inbox 1"],
        "teams": [],
        "contacts": ["Jane"],
        "conversations": ["Jane"],
    }
    assert ["account", "inbox"] == sorted(one.split()[0] for one in outcome.left)
    assert not journalled(journal).is_ended


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("account", "/platform/api/v1/accounts/{account}"),
        ("user", "/platform/api/v1/users/{user}"),
        ("inbox", "/api/v1/accounts/1/inboxes/1"),
        ("team", "/api/v1/accounts/1/teams/1"),
        ("contact", "/api/v1/accounts/1/contacts/1"),
        ("conversation", "/api/v1/accounts/1/conversations/{conversation}"),
        ("seat", "/api/v1/accounts/1/inbox_members/1"),
    ],
)
def test_what_bears_no_tag_stays_though_it_is_listed(
    installation: Installation, tmp_path: Path, kind: Any, path: str
) -> None:
    """A journal that lists somebody else's thing removes nothing of it, and says so."""
    token = ADMIN.access_token if path.startswith("/api") else PLATFORM_TOKEN
    theirs = DIRECTORY.contacts[0]
    base = f"/public/api/v1/inboxes/{theirs.inbox_identifier}/contacts/{theirs.source_id}/conversations"
    ids = {
        "account": post(installation, "/platform/api/v1/accounts", {"name": "Acme"}, PLATFORM_TOKEN)["id"],
        "user": post(
            installation,
            "/platform/api/v1/users",
            {"name": "U", "email": "u@acme.inc", "password": "Password1!"},
            PLATFORM_TOKEN,
        )["id"],
        "conversation": post(installation, base, {})["id"],
        "seat": DIRECTORY.agents[1].user_id,
    }
    look = path.format(**ids)
    before = installation.get(look, token)
    journal = Journal.create(tmp_path / "a.journal", Begin("provision", "ltabc123", installation.url, (1,)))
    journal.append(Made(kind, "1", ids.get(kind, 1), 0 if kind in ("account", "user") else 1))
    journal.close()
    outcome = installation.take_back(tmp_path / "a.journal", admin=ADMIN.access_token)

    assert before is not None
    assert before == installation.get(look, token)
    assert ([kind], {}) == ([one.split()[0] for one in outcome.left], dict(outcome.removed))


def test_a_dry_run_removes_nothing(installation: Installation, tmp_path: Path) -> None:
    """It says what would go, and the journal is as it was."""
    journal = tmp_path / "a.journal"
    installation.provision(journal, SMALL)
    before = journal.read_bytes()
    would = installation.take_back(journal, dry_run=True)
    there = installation.accounts(journalled(journal).begin.tag)
    unchanged = before == journal.read_bytes()
    did = installation.take_back(journal)

    assert (1, True, did.removed) == (len(there), unchanged, would.removed)


def test_once_more_is_nothing(installation: Installation, tmp_path: Path) -> None:
    """A journal that was taken back needs no token and no call."""
    journal = tmp_path / "a.journal"
    installation.provision(journal, SMALL)
    installation.take_back(journal)
    caller = installation.caller()
    outcome = installation.take_back(journal, caller=caller)

    assert (0, {}) == (caller.sent, dict(outcome.removed))


def subscribed(installation: Installation, who: Agent | Contact) -> None:
    """Be online for as long as the server says."""
    with connect(installation.url.replace("http", "ws") + "/cable", proxy=None) as socket:
        identifier = json.dumps({"channel": "RoomChannel", "pubsub_token": who.pubsub_token})
        socket.send(json.dumps({"command": "subscribe", "identifier": identifier}))
        while "presence.update" not in str(socket.recv(timeout=60)):
            pass


def test_a_contact_that_is_online_is_waited_for(tmp_path: Path) -> None:
    """It goes as soon as its presence has expired."""
    with serving(tmp_path, contact_expiry_s=1.0) as installation:
        directory = installation.provision(tmp_path / "a.journal", THERE, admin=ADMIN.access_token)
        subscribed(installation, directory.contacts[0])
        outcome = installation.take_back(
            tmp_path / "a.journal", admin=ADMIN.access_token, online_wait_s=10_000, sleep=lambda s: time.sleep(0.05)
        )

    assert (1, []) == (outcome.removed["contact"], outcome.left)


def test_a_contact_that_stays_online_stays(tmp_path: Path) -> None:
    """It is said which and why, and the next command tries again."""
    with serving(tmp_path, contact_expiry_s=3600.0) as installation:
        journal = tmp_path / "a.journal"
        directory = installation.provision(journal, THERE, admin=ADMIN.access_token)
        subscribed(installation, directory.contacts[0])
        first = installation.take_back(journal, admin=ADMIN.access_token)
        again = installation.take_back(journal, admin=ADMIN.access_token)

    assert (0, 0) == (first.removed["contact"], again.removed["contact"])
    assert [f"contact {directory.contacts[0].contact_id}: it is online"] == [
        one.partition(": end")[0] for one in again.left if one.startswith("contact")
    ]


def test_a_run_is_taken_back_by_its_own_journal(installation: Installation, tmp_path: Path) -> None:
    """What it lists, and the contacts under its tag that a kill kept from being listed; nobody else's."""
    before = installation.inside(ADMIN.account_id, ADMIN.access_token)
    contacts = "/api/v1/accounts/1/contacts"

    def make(name: str) -> int:
        body = {"inbox_id": 1, "name": name, "identifier": name, "email": f"{name}@loadtest.invalid"}
        return int(post(installation, contacts, body, ADMIN.access_token)["payload"]["contact"]["id"])

    listed, _unlisted, others = make("zyx987-0-1-1"), make("zyx987-0-1-2"), make("wvu654-0-1-1")
    theirs = DIRECTORY.contacts[0]
    base = f"/public/api/v1/inboxes/{theirs.inbox_identifier}/contacts/{theirs.source_id}/conversations"
    talk = post(installation, base, {"custom_attributes": {"loadtest": "zyx987"}})["id"]
    journal = Journal.create(tmp_path / "journal.jsonl", Begin("run", "zyx987", installation.url, (1,)))
    journal.append(Made("contact", "1/1", listed, 1), Made("conversation", "1/2", talk, 1, 1, theirs.contact_id))
    journal.close()
    outcome = installation.take_back(tmp_path / "journal.jsonl", admin=ADMIN.access_token)
    after = installation.inside(ADMIN.account_id, ADMIN.access_token)
    requests.delete(
        f"{installation.url}{contacts}/{others}", headers={"api_access_token": ADMIN.access_token}, timeout=60
    )

    assert ({"contact": 2, "conversation": 1}, []) == (dict(outcome.removed), outcome.left)
    assert {**before, "contacts": sorted([*before["contacts"], "wvu654-0-1-1"])} == after


def test_a_missing_token_is_wrong_usage(installation: Installation, tmp_path: Path) -> None:
    """The error says which."""
    Journal.create(tmp_path / "a.journal", Begin("run", "zyx987", installation.url, (1,))).close()

    with pytest.raises(UsageError, match="LOADTEST_ADMIN_TOKEN"):
        installation.take_back(tmp_path / "a.journal")
