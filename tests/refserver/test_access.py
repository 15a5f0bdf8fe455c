"""Who may: judged by the token, for agents, administrators and the platform app."""

from __future__ import annotations

import pytest

from loadtest.directory import Directory
from loadtest.refserver.access import Access, check_account
from loadtest.refserver.exchange import Refused
from loadtest.refserver.state import State
from tests.refserver.site import ADMIN, BOTH, MEMBER


class _Request:
    """As much of a request as is looked at."""

    def __init__(self, token: str, **ids: str) -> None:
        self.headers = {"api_access_token": token} if token else {}
        self.match_info = ids


def access(token: str | None = "platform") -> tuple[Access, State]:
    """Who may at a small installation."""
    state = State(Directory((ADMIN, MEMBER, BOTH), ()), lambda: 0)
    return Access(state, token), state


def refused(call, *arguments) -> int:
    """With which status a call is refused."""
    with pytest.raises(Refused) as raised:
        call(*arguments)
    return raised.value.status


def test_an_agent_is_known_by_its_token() -> None:
    """A missing and a wrong one are refused."""
    judge, _ = access()

    assert MEMBER == judge.agent(_Request(MEMBER.access_token))  # type: ignore[arg-type]
    assert [401, 401] == [refused(judge.agent, _Request(token)) for token in ("", "wrong")]


def test_an_account_is_for_its_members() -> None:
    """Somebody of several may enter each."""
    check_account(BOTH, 2)

    assert 401 == refused(check_account, MEMBER, 2)


def test_administration_is_for_administrators() -> None:
    """Of that account."""
    judge, state = access()
    agent, account = judge.administrator(_Request(ADMIN.access_token, account_id="1"))  # type: ignore[arg-type]

    assert (ADMIN, state.accounts.account(1)) == (agent, account)
    assert [401, 401, 404] == [
        refused(judge.administrator, _Request(token, account_id=account_id))
        for token, account_id in ((MEMBER.access_token, "1"), (ADMIN.access_token, "2"), (ADMIN.access_token, "9"))
    ]


def test_the_platform_app_touches_only_what_it_made() -> None:
    """Accounts and users of others are refused, also under the right token."""
    judge, state = access()
    account = state.accounts.create_account("Acme", {})
    user = state.staff.hire("Eve", "eve@acme.inc", {})
    before = [
        refused(judge.platform_account, _Request("platform", account_id=str(account.account_id))),
        refused(judge.platform_user, _Request("platform", user_id=str(user.agent.user_id))),
    ]
    judge.note_account(account)
    judge.note_user(user)

    assert [401, 401] == before
    assert account is judge.platform_account(_Request("platform", account_id=str(account.account_id)))  # type: ignore[arg-type]
    assert user is judge.platform_user(_Request("platform", user_id=str(user.agent.user_id)))  # type: ignore[arg-type]
    assert [account] == judge.platform_accounts()


@pytest.mark.parametrize(("there", "sent"), [(None, ""), (None, "platform"), ("platform", ""), ("platform", "wrong")])
def test_the_platform_token_has_to_be_right(there: str | None, sent: str) -> None:
    """Where there is no platform app, no token is."""
    judge, _ = access(there)

    assert 401 == refused(judge.platform, _Request(sent))
