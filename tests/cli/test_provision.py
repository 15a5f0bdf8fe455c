"""`loadtest provision` as a user calls it: what it asks for, what it says, and its exit codes."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from loadtest.cli import main
from loadtest.directory import read_identities
from loadtest.journal import Begin, Journal, Made
from tests.target.installation import ADMIN, DIRECTORY, PLATFORM_TOKEN, Installation, serving

SMALL = ("--agents", "2", "--contacts", "2", "--members", "2", "--teams", "1")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A served installation."""
    with serving(tmp_path_factory.mktemp("installation"), contact_expiry_s=0.001) as served:
        yield served


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default names lead into a folder of the test's own, and the platform token stands where it should."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOADTEST_PLATFORM_TOKEN", PLATFORM_TOKEN)
    monkeypatch.delenv("LOADTEST_ADMIN_TOKEN", raising=False)


def provision(*arguments: object) -> int:
    """The exit code of ``loadtest provision``."""
    return main(["provision", *map(str, arguments)])


def secret(name: str, text: str, mode: int = 0o600) -> Path:
    """A file with a secret in it."""
    path = Path(name)
    path.write_text(text + "\n")
    path.chmod(mode)
    return path


def test_from_nothing_to_nothing(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """Identities and journal are written for their owner alone, the next commands are said, and all is taken back."""
    made = provision("--host", installation.url, *SMALL)
    said = capsys.readouterr()
    directory = read_identities("identities.jsonl")
    modes = {stat.S_IMODE(Path(name).stat().st_mode) for name in ("identities.jsonl", "identities.journal")}
    gone = provision("--teardown", "identities.journal")
    told = capsys.readouterr().out

    assert (0, 0, {0o600}) == (made, gone, modes)
    assert (2, 2) == (len(directory.agents), len(directory.contacts))
    assert "locust -f locustfiles/mixed.py" in said.out
    assert "loadtest provision --teardown identities.journal" in said.out
    assert "users 2/2" in said.err
    assert "1 account, 2 contacts, 2 conversations, 1 inbox, 1 team, 2 users" in told
    assert "Nothing is left" in told


def test_no_secret_is_shown(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the platform token nor any that were made."""
    provision("--host", installation.url, *SMALL)
    directory = read_identities("identities.jsonl")
    provision("--teardown", "identities.journal")
    captured = capsys.readouterr()
    secrets = [PLATFORM_TOKEN, *(one.pubsub_token for one in (*directory.agents, *directory.contacts))]
    secrets += [*(one.access_token for one in directory.agents), *(one.source_id for one in directory.contacts)]

    assert not [one for one in secrets if one in captured.out + captured.err]


def test_a_dry_run_changes_nothing(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what would be made, and writes no file."""
    code = provision("--host", installation.url, *SMALL, "--dry-run")
    said = capsys.readouterr().out

    assert (0, []) == (code, list(Path().iterdir()))
    assert "2 users RUN-1@loadtest.invalid" in said
    assert "Nothing was done." in said


def test_the_same_command_goes_on(installation: Installation) -> None:
    """Where it was stopped before the identities were written, it writes them."""
    provision("--host", installation.url, *SMALL)
    first = Path("identities.jsonl").read_bytes()
    Path("identities.jsonl").unlink()
    again = provision("--host", installation.url, *SMALL)
    same = first == Path("identities.jsonl").read_bytes()
    provision("--teardown", "identities.journal")

    assert (0, True) == (again, same)


def test_an_account_in_use_is_listed_and_refused(installation: Installation, capsys, monkeypatch) -> None:
    """Without --i-understand nothing is made; with it, it is, and can be taken back."""
    monkeypatch.setenv("LOADTEST_ADMIN_TOKEN", ADMIN.access_token)
    before = installation.inside(1, ADMIN.access_token)
    refused = provision("--host", installation.url, *SMALL, "--account", 1)
    listed = capsys.readouterr()
    nothing = list(Path().iterdir())
    made = provision("--host", installation.url, *SMALL, "--account", 1, "--i-understand")
    during = installation.inside(1, ADMIN.access_token)
    gone = provision("--teardown", "identities.journal")

    assert (2, [], 0, 0) == (refused, nothing, made, gone)
    assert "3 members, 1 of them an administrator, who sees" in listed.out
    assert "--i-understand" in listed.err
    assert (before, True) == (installation.inside(1, ADMIN.access_token), before != during)


def test_identities_from_access_tokens(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """Agents alone need no platform token, and nothing is made."""
    tokens = secret("tokens", "\n".join(agent.access_token for agent in DIRECTORY.agents))
    code = provision("--host", installation.url, "--from-access-tokens", tokens)
    directory = read_identities("identities.jsonl")

    assert (0, [1, 2, 3]) == (code, [agent.user_id for agent in directory.agents])
    assert "A run needs contacts too" in capsys.readouterr().out
    assert not Path("identities.journal").exists()


def test_contacts_beside_agents_who_are_there(installation: Installation, monkeypatch) -> None:
    """An administrator among the tokens is enough to make an inbox for them."""
    monkeypatch.delenv("LOADTEST_PLATFORM_TOKEN")
    before = installation.inside(1, ADMIN.access_token)
    tokens = secret("tokens", "\n".join(agent.access_token for agent in DIRECTORY.agents))
    there = ("--from-access-tokens", tokens, "--account", 1, "--i-understand", "--contacts", 2, "--teams", 0)
    made = provision("--host", installation.url, *there)
    directory = read_identities("identities.jsonl")
    gone = provision("--teardown", "identities.journal", "--identities", "identities.jsonl")

    assert (0, 0, 3, 2) == (made, gone, len(directory.agents), len(directory.contacts))
    assert before == installation.inside(1, ADMIN.access_token)


def test_what_stays_is_an_exit_code(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """A script learns that something is left."""
    provision("--host", installation.url, *SMALL)
    journal = Path("identities.journal")
    admin = read_identities("identities.jsonl").agents[0]
    call = {"name": "Support", "channel": {"type": "api"}}
    requests.post(
        f"{installation.url}/api/v1/accounts/{admin.account_id}/inboxes",
        json=call,
        headers={"api_access_token": admin.access_token},
        timeout=60,
    )
    code = provision("--teardown", journal)

    assert code == 1
    assert "inboxes: Support" in capsys.readouterr().out


def test_a_runs_things_go_with_an_account_of_its_own(installation: Installation, capsys) -> None:
    """Given with the journal of provisioning, in any order, a run's needs no token and no call of its own."""
    provision("--host", installation.url, *SMALL)
    account_id = read_identities("identities.jsonl").agents[0].account_id
    run = Journal.create("journal.jsonl", Begin("run", "abc123", installation.url, (account_id,)))
    run.append(Made("conversation", f"{account_id}/9", 9, account_id))
    run.close()
    code = provision("--teardown", "journal.jsonl", "identities.journal")
    said = capsys.readouterr().out

    assert (0, 2) == (code, said.count("Nothing is left"))
    assert "journal.jsonl: removed 1 conversation." in said


def test_a_profile_names_the_installation(installation: Installation) -> None:
    """Address and platform token stand in target.toml."""
    secret("platform-token", PLATFORM_TOKEN)
    Path("target.toml").write_text(
        f'[target]\nurl = "{installation.url}"\n\n[secrets]\nplatform_token = {{ file = "platform-token" }}\n'
    )
    made = provision("--target", "target.toml", *SMALL)

    assert (0, 0) == (made, provision("--target", "target.toml", "--teardown", "identities.journal"))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "Give its base URL"),
        (("--host", "http://chat.example.com"), "--allow-plaintext"),
        (("--host", "chat.example.com"), "http:// or https://"),
        (("--host", "URL", "--agents", 0), "--agents"),
        (("--host", "URL", "--contacts", -1), "--contacts"),
        (("--host", "URL", "--identities", "none/identities.jsonl"), "folder"),
        (("--host", "URL", "--requests-per-minute", -1), "--requests-per-minute"),
        (("--host", "URL", "--account", 1), "LOADTEST_ADMIN_TOKEN"),
        (("--host", "URL", "--from-access-tokens", "none"), "none"),
        (("--host", "URL", "--platform-token-file", "none"), "none"),
        (("--teardown", "none"), "none"),
        (("--target", "none"), "none"),
    ],
)
def test_wrong_usage_is_one_line_and_2(installation: Installation, capsys, arguments, what: str) -> None:
    """Said with what to do, and without a traceback; nothing is made."""
    code = provision(*(installation.url if one == "URL" else one for one in arguments))
    said = capsys.readouterr().err

    assert (2, []) == (code, list(Path().iterdir()))
    assert what in said
    assert "Traceback" not in said


@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_a_token_that_everybody_may_read_is_refused(installation: Installation, capsys, mode: int) -> None:
    """With the command that helps."""
    path = secret("token", PLATFORM_TOKEN, mode)

    assert 2 == provision("--host", installation.url, "--platform-token-file", path)
    assert "chmod o-rwx" in capsys.readouterr().err


def test_without_a_platform_token_it_is_said_where_to_get_one(installation: Installation, capsys, monkeypatch) -> None:
    """And where to put it."""
    monkeypatch.delenv("LOADTEST_PLATFORM_TOKEN")

    assert 2 == provision("--host", installation.url)
    assert "/super_admin/platform_apps" in capsys.readouterr().err


def test_identities_are_not_overwritten(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without its journal may hold the only copy of somebody's tokens."""
    Path("identities.jsonl").write_text("something")

    assert 2 == provision("--host", installation.url, *SMALL)
    assert "something" == Path("identities.jsonl").read_text()


def test_a_journal_of_elsewhere_is_refused(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """With another --host a teardown would look in the wrong place."""
    provision("--host", installation.url, *SMALL)
    refused = provision("--teardown", "identities.journal", "--host", "http://127.0.0.1:9")
    said = capsys.readouterr().err

    assert (2, True) == (refused, installation.url in said)
    assert 0 == provision("--teardown", "identities.journal")


def test_ctrl_c_says_how_to_go_on(installation: Installation, capsys, monkeypatch) -> None:
    """With the exit code of an interrupted process, and no traceback."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("loadtest.target.provision.Provisioner.run", interrupted)

    assert 130 == provision("--host", installation.url, *SMALL)
    assert "The same command goes on" in capsys.readouterr().err
