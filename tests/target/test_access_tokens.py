"""Agents by their access tokens: who they are, and what is said of tokens that are no good."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.target.access_tokens import look_up, read_tokens
from loadtest.target.progress import Silence
from tests.target.installation import ADMIN, DIRECTORY, Installation


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    """A file of tokens."""
    path = folder / "tokens"
    path.write_text(text)
    path.chmod(mode)
    return path


def looked_up(installation: Installation, tokens: list[str], account_id: int = 0):
    """Who they are."""
    caller = installation.caller()
    try:
        return look_up(caller, tokens, Silence(), account_id)
    finally:
        caller.close()


def test_tokens_are_read_line_by_line(tmp_path: Path) -> None:
    """Comments and blank lines are passed over."""
    assert ["one", "two"] == read_tokens(written(tmp_path, "# agents\none\n\n  two  \n"))


@pytest.mark.parametrize(
    ("text", "mode", "what"),
    [
        ("", 0o600, "no token"),
        ("# none\n", 0o600, "no token"),
        ("canary\ncanary\n", 0o600, "the token of line 1 again"),
        ("canary canary\n", 0o600, "no access token"),
        ("canary\n", 0o604, "chmod"),
    ],
)
def test_an_unusable_file_is_wrong_usage(tmp_path: Path, text: str, mode: int, what: str) -> None:
    """Said with the line, and without the token."""
    with pytest.raises(UsageError, match=what) as raised:
        read_tokens(written(tmp_path, text, mode))

    assert "canary" not in str(raised.value)


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    """Said with its name."""
    with pytest.raises(UsageError, match="none"):
        read_tokens(tmp_path / "none")


def test_their_owners_are_asked_for(installation: Installation) -> None:
    """Ids, roles and memberships are those of the installation, which is left as it is."""
    agents = looked_up(installation, [agent.access_token for agent in DIRECTORY.agents], ADMIN.account_id)
    shown = [(agent.user_id, agent.role, agent.pubsub_token) for agent in agents]

    assert [(agent.user_id, agent.role, agent.pubsub_token) for agent in DIRECTORY.agents] == shown
    assert [agent.inbox_ids for agent in DIRECTORY.agents] == [agent.inbox_ids for agent in agents]


@pytest.mark.parametrize(
    ("tokens", "account_id", "what"),
    [
        (["canary"], 0, "token 1: .*Invalid Access Token"),
        ([ADMIN.access_token, "canary"], 0, "token 2"),
        ([ADMIN.access_token], 9, "is not of account 9"),
        ([ADMIN.access_token, ADMIN.access_token], 0, "as an earlier one does"),
    ],
)
def test_a_token_that_is_no_good_is_named_by_its_place(
    installation: Installation, tokens: list[str], account_id: int, what: str
) -> None:
    """Never by itself."""
    with pytest.raises(UsageError, match=what) as raised:
        looked_up(installation, tokens, account_id)

    assert not [token for token in tokens if token in str(raised.value)]
