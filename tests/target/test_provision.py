"""Provisioning on a served installation: what is there afterwards, and that it is the same wherever it was stopped."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.directory import Directory, read_identities, write_identities
from loadtest.errors import TransportError, UsageError
from loadtest.journal import Journal
from loadtest.target.wanted import Wanted
from tests.target.installation import ADMIN, PLATFORM_TOKEN, WANTED, FusedCaller, Installation, KilledError, serving
from tests.target.scripted import OK, scripted

SMALL = Wanted(agents=2, contacts=2, members=2, teams=1)
CALLS = 16
"""More than a fresh account of SMALL takes; a fuse beyond the last call never blows."""


def tag_of(journal: Path) -> str:
    """The journal's tag."""
    opened = Journal.open(journal)
    opened.close()
    return opened.begin.tag


def expected(tag: str, wanted: Wanted) -> dict[str, list[str]]:
    """What an account of its own holds, by kind, as names."""
    numbers = range(1, wanted.contacts + 1)
    return {
        "agents": [f"{tag}-{n}@loadtest.invalid {wanted.role_of(n)}" for n in range(1, wanted.agents + 1)],
        "inboxes": sorted(f"loadtest {tag} inbox {n}" for n in wanted.members_of),
        "teams": sorted(f"loadtest {tag} team {n}" for n in range(1, wanted.teams + 1)),
        "contacts": sorted(f"{tag}-{wanted.agents + n}" for n in numbers),
        "conversations": sorted(f"{tag} contact {n}" for n in numbers) if wanted.conversations else [],
    }


def found(installation: Installation, directory: Directory) -> dict[str, list[str]]:
    """What the account of a directory holds."""
    first = directory.agents[0]
    return installation.inside(first.account_id, first.access_token)


def test_an_account_of_its_own_holds_what_is_wanted(installation: Installation, tmp_path: Path) -> None:
    """One account that bears the tag, and in it everything once, and nothing else."""
    journal = tmp_path / "a.journal"
    directory = installation.provision(journal)
    tag = tag_of(journal)

    assert [directory.agents[0].account_id] == installation.accounts(tag)
    assert expected(tag, WANTED) == found(installation, directory)


def test_the_identities_are_those_of_the_installation(installation: Installation, tmp_path: Path) -> None:
    """Every token opens what it should, and memberships are those the inboxes have."""
    directory = installation.provision(tmp_path / "a.journal")
    admin = directory.agents[0]
    profiles = [installation.get("/api/v1/profile", agent.access_token) for agent in directory.agents]
    contacts = [
        installation.get(f"/public/api/v1/inboxes/{one.inbox_identifier}/contacts/{one.source_id}", "")
        for one in directory.contacts
    ]
    members = {
        inbox_id: installation.members(admin.account_id, inbox_id, admin.access_token)
        for inbox_id in directory.inbox_ids()
    }

    assert [(agent.user_id, agent.pubsub_token) for agent in directory.agents] == [
        (profile["id"], profile["pubsub_token"]) for profile in profiles
    ]
    assert [(one.contact_id, one.pubsub_token) for one in directory.contacts] == [
        (one["id"], one["pubsub_token"]) for one in contacts
    ]
    assert members == {
        inbox_id: [agent.user_id for agent in directory.agents if inbox_id in agent.inbox_ids] for inbox_id in members
    }
    assert all(len(one.conversation_ids) == 1 for one in directory.contacts)


def test_the_identities_can_be_written_and_read(installation: Installation, tmp_path: Path) -> None:
    """They are a run's."""
    directory = installation.provision(tmp_path / "a.journal")
    write_identities(tmp_path / "identities.jsonl", directory)
    read = read_identities(tmp_path / "identities.jsonl")

    assert (directory.agents, directory.contacts) == (read.agents, read.contacts)


def test_conversations_can_be_left_to_the_run(installation: Installation, tmp_path: Path) -> None:
    """Then contacts have none."""
    journal = tmp_path / "a.journal"
    wanted = replace(SMALL, conversations=False)
    directory = installation.provision(journal, wanted)

    assert expected(tag_of(journal), wanted) == found(installation, directory)
    assert all(not one.conversation_ids for one in directory.contacts)


def test_the_same_again_changes_nothing(installation: Installation, tmp_path: Path) -> None:
    """A finished journal gives the same identities, by looking alone."""
    journal = tmp_path / "a.journal"
    first = installation.provision(journal)
    before = journal.read_bytes()
    again = installation.provision(journal)

    assert (first, before) == (again, journal.read_bytes())


def stopped_at(
    installation: Installation, journal: Path, wanted: Wanted, fuse: int, *, after: bool, admin: str
) -> bool:
    """Provision until the call of that number; whether it came that far."""
    caller = installation.caller()
    caller.fuse, caller.after = fuse, after
    try:
        installation.provision(journal, wanted, caller=caller, admin=admin)
    except KilledError:
        return True
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before it was done", "before it was written down"])
def test_wherever_it_is_killed_the_same_command_makes_the_rest(
    installation: Installation, tmp_path: Path, after: bool
) -> None:
    """Killed at each call in turn, once resumed, there is exactly what is wanted, without doubles."""
    kills = 0
    fuses = range(1, CALLS, 1 if after else 3)  # a kill before a call is like one after the call before, but for a line
    for fuse in fuses:
        journal = tmp_path / f"{fuse}.journal"
        kills += stopped_at(installation, journal, SMALL, fuse, after=after, admin="")
        directory = installation.provision(journal, SMALL)
        tag = tag_of(journal)

        assert [directory.agents[0].account_id] == installation.accounts(tag), fuse
        assert expected(tag, SMALL) == found(installation, directory), fuse

    assert kills >= len(fuses) - 1  # or the test has tested nothing


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 24), st.booleans()), max_size=4))
def test_it_may_be_killed_again_and_again(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory, kills: list[tuple[int, bool]]
) -> None:
    """However often and wherever, in the end there is exactly what is wanted."""
    journal = tmp_path_factory.mktemp("killed") / "a.journal"
    for fuse, after in kills:
        stopped_at(installation, journal, SMALL, fuse, after=after, admin="")
    directory = installation.provision(journal, SMALL)

    assert expected(tag_of(journal), SMALL) == found(installation, directory)


def test_in_an_account_that_is_there_only_ours_is_added(installation: Installation, tmp_path: Path) -> None:
    """Killed at each call and resumed, then taken back: what was there before is there again, and nothing else."""
    wanted = replace(SMALL, account_id=ADMIN.account_id)
    before = installation.inside(ADMIN.account_id, ADMIN.access_token)
    for fuse in range(1, CALLS, 2):
        journal = tmp_path / f"{fuse}.journal"
        stopped_at(installation, journal, wanted, fuse, after=bool(fuse % 4 == 1), admin=ADMIN.access_token)
        installation.provision(journal, wanted, admin=ADMIN.access_token)
        during = installation.inside(ADMIN.account_id, ADMIN.access_token)
        ours = expected(tag_of(journal), wanted)
        outcome = installation.take_back(journal, admin=ADMIN.access_token)

        assert {kind: sorted(before[kind] + ours[kind]) for kind in before} == during, fuse
        assert ([], before) == (outcome.left, installation.inside(ADMIN.account_id, ADMIN.access_token)), fuse


def test_agents_who_are_there_can_be_used(installation: Installation, tmp_path: Path) -> None:
    """Then no user is made; they are members of the load's inbox besides their own."""
    journal = tmp_path / "a.journal"
    before = installation.inside(ADMIN.account_id, ADMIN.access_token)
    agents = (ADMIN, replace(ADMIN, user_id=2, access_token="", pubsub_token="p", role="agent", inbox_ids=(1,)))
    wanted = Wanted(2, 2, 2, teams=0, account_id=ADMIN.account_id, given=(ADMIN.user_id, 2))
    directory = installation.provision(journal, wanted, admin=ADMIN.access_token, given=agents)
    ours = directory.contacts[0].inbox_id
    members = installation.members(ADMIN.account_id, ours, ADMIN.access_token)
    outcome = installation.take_back(journal, admin=ADMIN.access_token)

    assert [ADMIN.user_id, 2] == members
    assert [(*ADMIN.inbox_ids, ours), (1, ours)] == [agent.inbox_ids for agent in directory.agents]
    assert ([], before) == (outcome.left, installation.inside(ADMIN.account_id, ADMIN.access_token))


def test_no_token_and_no_password_is_in_the_journal(installation: Installation, tmp_path: Path) -> None:
    """It may be kept where identities may not."""
    journal = tmp_path / "a.journal"
    directory = installation.provision(journal)
    secrets = [PLATFORM_TOKEN, *(one.pubsub_token for one in (*directory.agents, *directory.contacts))]
    secrets += [agent.access_token for agent in directory.agents]
    text = journal.read_text()

    assert not [secret for secret in secrets if secret in text]


def test_a_wrong_platform_token_is_wrong_usage(installation: Installation, tmp_path: Path, monkeypatch) -> None:
    """Nothing was made, and the journal can be gone on with."""
    journal = tmp_path / "a.journal"
    with monkeypatch.context() as patch:
        patch.setattr("tests.target.installation.PLATFORM_TOKEN", "wrong")
        with pytest.raises(UsageError, match="Invalid access_token"):
            installation.provision(journal, SMALL)
    directory = installation.provision(journal, SMALL)

    assert expected(tag_of(journal), SMALL) == found(installation, directory)


def test_a_version_that_lists_no_accounts_leaves_a_doubt(installation: Installation, tmp_path: Path) -> None:
    """Where nobody can tell whether an account was made, one is made, and the doubt is written down and told."""

    class Old(FusedCaller):
        def send(self, call, *, repeatable=None):
            answer = super().send(call, repeatable=repeatable)
            return replace(answer, status=404) if call.endpoint.name == "platform.list_accounts" else answer

    journal = tmp_path / "a.journal"
    assert stopped_at(installation, journal, SMALL, 1, after=True, admin="")
    installation.provision(journal, SMALL, caller=Old(installation.caller()._address, sleep=lambda s: None))
    outcome = installation.take_back(journal)

    assert len(installation.accounts(tag_of(journal))) == 1
    assert ["perhaps account"] == [" ".join(one.split()[:2]) for one in outcome.left]


def test_an_answer_that_never_comes_is_looked_up(installation: Installation, tmp_path: Path) -> None:
    """A creation that was done and not answered is found again without another command."""
    journal = tmp_path / "a.journal"
    lost: list[str] = []

    class Lossy(FusedCaller):
        def send(self, call, *, repeatable=None):
            answer = super().send(call, repeatable=repeatable)
            name = call.endpoint.name
            if call.endpoint.method == "POST" and not repeatable and name not in lost:
                lost.append(name)
                raise self.doubt(call)
            return answer

        @staticmethod
        def doubt(call):
            from loadtest.target.caller import DoubtfulError

            return DoubtfulError("doubtful", call.path, "no answer")

    directory = installation.provision(
        journal, SMALL, caller=Lossy(installation.caller()._address, sleep=lambda s: None)
    )

    assert expected(tag_of(journal), SMALL) == found(installation, directory)
    assert ["platform.create_account", "admin.create_inbox", "admin.create_team", "contact.create_conversation"] == lost


def test_a_rate_limit_is_respected(tmp_path: Path) -> None:
    """Where only some calls a window are let in, provisioning waits, says so, and makes all of it."""
    told: list[str] = []
    with serving(tmp_path, rate_limit=5, rate_period_s=0.2) as limited:
        caller = limited.caller(on_wait=told.append, sleep=lambda seconds: time.sleep(0.05))
        directory = limited.provision(tmp_path / "a.journal", SMALL, caller=caller)

    assert (2, 2) == (len(directory.agents), len(directory.contacts))
    assert "limits the rate (429)" in told[0]


def test_an_installation_of_another_kind_is_an_error(tmp_path: Path) -> None:
    """Somebody else's web server is not taken for one."""
    with scripted(OK) as script, pytest.raises(TransportError, match=r"platform\.create_account"):
        Installation(script.url).provision(tmp_path / "a.journal", SMALL)
