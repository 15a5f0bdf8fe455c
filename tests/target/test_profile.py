"""target.toml: what is read, what is refused, and that it holds no secret."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.directory import Directory, Population, generate
from loadtest.errors import UsageError
from loadtest.target.profile import KEYS, read_profile

URL = '[target]\nurl = "https://chat.example.com"\n'


def profile(folder: Path, text: str) -> Path:
    """A file with this text."""
    path = folder / "target.toml"
    path.write_text(text, encoding="utf-8")
    return path


def error(folder: Path, text: str) -> str:
    """What is said of it."""
    with pytest.raises(UsageError) as caught:
        read_profile(profile(folder, text))
    return str(caught.value)


FULL = (
    URL
    + """
cable_path = "/ws"
origin = ""
subprotocols = []
dialect = "current"
ca_file = "ca.pem"
allow_plaintext = true
auth_header = "api-access-token"
rest_timeout_s = 5
[people]
identities = "/etc/identities.jsonl"
accounts = [1, 2]
inboxes = [3]
[presence]
heartbeat_s = 15
agent_expiry_s = 20
contact_expiry_s = 90.5
[limits]
max_users = 200
max_emit_rate = 2.5
requests_per_minute = 3000
conversation_messages_per_minute = 200
[headers]
X-Gate = "staging"
[secrets]
platform_token = { env = "CHAT_PLATFORM" }
"""
)


def test_every_key_is_read(tmp_path: Path) -> None:
    """With a value each, all keys are known; options of a run are under their names."""
    read = read_profile(profile(tmp_path, FULL))

    assert set(read.values) == {key for key in KEYS if "*" not in key}
    assert read.options() == {
        "host": "https://chat.example.com",
        "cable_path": "/ws",
        "origin": "",
        "dialect": "current",
        "ca_file": str(tmp_path / "ca.pem"),
        "allow_plaintext": True,
        "auth_header": "api-access-token",
        "rest_timeout": 5.0,
        "identities": "/etc/identities.jsonl",
        "heartbeat": 15.0,
        "agent_expiry": 20.0,
        "contact_expiry": 90.5,
        "max_users": 200,
        "max_emit_rate": 2.5,
    }
    assert (read.get("target.subprotocols"), read.get("limits.requests_per_minute")) == ((), 3000)
    assert read.read_headers() == (("X-Gate", "staging"),)


def test_what_is_not_said_stays_open(tmp_path: Path) -> None:
    """The URL alone is a profile."""
    read = read_profile(profile(tmp_path, URL))

    assert ({"host": read.url}, None) == (read.options(), read.get("target.origin"))


def test_every_key_is_documented_in_the_template() -> None:
    """``loadtest init`` writes a file that names all keys, and no other."""
    text = resources.files("loadtest.cli").joinpath("templates", "target.toml").read_text(encoding="utf-8")
    table, named = "", set()
    for line in text.splitlines():
        if line.startswith("["):
            table = line.strip("[]")
        elif line.startswith("# ") and " = " in line and " " not in line[2:].partition(" = ")[0]:
            named.add(f"{table}.{line[2:].partition(' = ')[0]}")

    assert {key for key in KEYS if "*" not in key} == {n for n in named if not n.startswith("headers.")}
    assert any(name.startswith("headers.") for name in named)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[target]\nurl = "https://x"\norigins = "y"', "unknown key target.origins"),
        ('[target]\nurl = "https://x"\norigins = "y"', "Did you mean [target] origin?"),
        (URL + "[limit]\nmax_users = 3", "Did you mean [limits] max_users?"),
        (URL + "[presence]\nagent_expiry = 3", "Did you mean [presence] agent_expiry_s?"),
        ('url = "https://x"', "Did you mean [target] url?"),
        (URL + "[zoo]\nzebra = 1", "The tables are"),
        ("", "names no installation"),
        ("[target", "no TOML"),
        ("[target]\nurl = 3", "target.url: not a text"),
        ('[target]\nurl = "https://me:pw@x"', "a user and a password in the URL"),
        (URL + 'dialect = "klingon"', "no dialect"),
        (URL + 'allow_plaintext = "yes"', "neither true nor false"),
        (URL + 'auth_header = "api access"', "no name of a header"),
        (URL + 'rest_timeout_s = "5"', "not a number above 0"),
        (URL + "rest_timeout_s = 0", "not a number above 0"),
        (URL + "rest_timeout_s = true", "not a number above 0"),
        (URL + "[limits]\nmax_users = 1.5", "not a whole number"),
        (URL + "[people]\naccounts = []", "not a list of ids"),
        (URL + "[people]\naccounts = [0]", "not a whole number above 0"),
        (URL + 'subprotocols = "actioncable-v1-json"', "not a list of texts"),
        (URL + '[headers]\n"X Gate" = "a"', "no name of a header"),
        (URL + '[headers]\nX-Gate = "a\\nb"', "not a text"),
        (URL + '[headers]\nAuthorization = "Bearer s3cret"', "a secret does not belong into the profile"),
        (URL + '[secrets]\nplatform_token = "s3cret"', "a secret does not belong into the profile"),
        (URL + '[secrets]\nplatform_token = { envv = "X" }', "neither an environment variable nor a file"),
        (URL + '[secrets]\nplatform_token = { env = "X", file = "y" }', "neither an environment variable nor a file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    """File, key, and what to do; a secret is never quoted."""
    told = error(tmp_path, text)

    assert says in told
    assert str(tmp_path / "target.toml") in told
    assert "s3cret" not in told
    assert "pw@" not in told


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The file cannot be read."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_profile(tmp_path / "none.toml")


@given(st.binary(max_size=200))
def test_whatever_bytes_it_holds_the_error_is_ours(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """A profile is read or refused, never a traceback."""
    path = tmp_path_factory.mktemp("profile") / "target.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        read_profile(path)


def test_secrets_come_from_where_the_profile_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable, or a file beside the profile that only its owner may read."""
    monkeypatch.setenv("CHAT_PLATFORM", "from-env\n")
    token = tmp_path / "token"
    token.write_text("from-file\n")
    token.chmod(0o600)
    by_env = read_profile(profile(tmp_path, URL + '[secrets]\nplatform_token = { env = "CHAT_PLATFORM" }'))
    by_file = read_profile(profile(tmp_path, URL + '[secrets]\nplatform_token = { file = "token" }'))
    monkeypatch.setenv("LOADTEST_PLATFORM_TOKEN", "by-default")
    by_default = read_profile(profile(tmp_path, URL))

    assert ("from-env", "from-file", "by-default") == tuple(
        read.platform_token() for read in (by_env, by_file, by_default)
    )


def test_a_secret_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable's name is told, and the key that wants it."""
    monkeypatch.delenv("CHAT_GATE", raising=False)
    read = read_profile(profile(tmp_path, URL + '[headers]\nAuthorization = { env = "CHAT_GATE" }'))
    with pytest.raises(UsageError, match="CHAT_GATE is not set") as caught:
        read.read_headers()

    assert "headers.Authorization" in caught.value.where


def test_a_secrets_file_for_everybody_is_refused(tmp_path: Path) -> None:
    """As the identities file is."""
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "token").chmod(0o644)
    read = read_profile(profile(tmp_path, URL + '[secrets]\nplatform_token = { file = "token" }'))
    with pytest.raises(UsageError, match="chmod o-rwx"):
        read.platform_token()


def test_accounts_and_inboxes_choose_identities(tmp_path: Path) -> None:
    """Only those of the accounts and inboxes that are named, with the agents that see one of them."""
    directory = generate(Population(agents=12, contacts=12, members=3, accounts=2))
    inbox = directory.contacts[0].inbox_id
    by_account = read_profile(profile(tmp_path, URL + "[people]\naccounts = [2]")).select(directory)
    by_inbox = read_profile(profile(tmp_path, URL + f"[people]\ninboxes = [{inbox}]")).select(directory)
    everybody = read_profile(profile(tmp_path, URL)).select(directory)

    assert (2,) == Directory(by_account.agents, by_account.contacts).account_ids()
    assert {inbox} == {contact.inbox_id for contact in by_inbox.contacts}
    assert all(inbox in agent.inbox_ids or agent.role == "administrator" for agent in by_inbox.agents)
    assert (directory.agents, directory.contacts) == (everybody.agents, everybody.contacts)
