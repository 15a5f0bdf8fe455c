"""Who calls: the token in the header ``api_access_token``, and what it opens.

Source: ``app/controllers/concerns/access_token_auth_helper.rb`` and ``platform_controller.rb`` of upstream: 401 for a
missing or wrong token, a foreign account, an inbox the agent is no member of, and what only administrators may do; 404
for what does not exist. A platform app may touch only the accounts and users it made itself; there is one app here.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from aiohttp import web

from loadtest.directory import Agent
from loadtest.refserver.accounts import Account
from loadtest.refserver.exchange import Refused, not_found, path_id
from loadtest.refserver.records import Conversation
from loadtest.refserver.staff import User
from loadtest.refserver.state import State


class Access:
    """Judges who may.

    Args:
        state: who there is.
        platform_token: of the platform app; None where there is none.
    """

    def __init__(self, state: State, platform_token: str | None = None) -> None:
        self._state = state
        self._platform_token = platform_token
        self._made_accounts: set[int] = set()
        self._made_users: set[int] = set()

    # -- agents ------------------------------------------------------------------------------------------------------

    def agent(self, request: web.Request) -> Agent:
        """The user whose token was sent."""
        token = _token(request)
        if not token:
            raise Refused(401, {"errors": ["You need to sign in or sign up before continuing."]})
        agent = self._state.staff.by_access_token.get(token)
        if agent is None:
            raise Refused(401, {"error": "Invalid Access Token"})
        return agent

    def in_account(self, request: web.Request) -> tuple[Agent, int]:
        """The agent and the account of the path, to which it belongs."""
        agent = self.agent(request)
        account_id = path_id(request, "account_id")
        if not self._state.has_account(account_id):
            raise not_found()
        check_account(agent, account_id)
        return agent, account_id

    def administrator(self, request: web.Request) -> tuple[Agent, Account]:
        """The administrator and the account of the path."""
        agent, account_id = self.in_account(request)
        if agent.role != "administrator":
            raise not_allowed()
        account = self._state.accounts.account(account_id)
        if account is None:
            raise not_found()
        return agent, account

    def in_conversation(self, request: web.Request) -> tuple[Agent, Conversation]:
        """The agent and the conversation of the path, which it sees."""
        agent, account_id = self.in_account(request)
        conversation = self._state.conversation(account_id, path_id(request, "conversation_id"))
        if conversation is None:
            raise not_found()
        if agent.user_id not in self._state.staff.audiences.user_ids(account_id, conversation.inbox_id):
            raise not_allowed()
        return agent, conversation

    # -- the platform app --------------------------------------------------------------------------------------------

    def platform(self, request: web.Request) -> None:
        """Make sure the platform app calls."""
        token = _token(request)
        if self._platform_token is None or not hmac.compare_digest(token.encode(), self._platform_token.encode()):
            raise Refused(401, {"error": "Invalid access_token"})

    def note_account(self, account: Account) -> None:
        """The platform app made this account."""
        self._made_accounts.add(account.account_id)

    def note_user(self, user: User) -> None:
        """The platform app made this user."""
        self._made_users.add(user.agent.user_id)

    def platform_accounts(self) -> Sequence[Account]:
        """The accounts the platform app made."""
        return [one for one in self._state.accounts.accounts() if one.account_id in self._made_accounts]

    def platform_account(self, request: web.Request) -> Account:
        """The account of the path, which the calling platform app made."""
        self.platform(request)
        account = self._state.accounts.account(path_id(request, "account_id"))
        if account is None:
            raise not_found()
        if account.account_id not in self._made_accounts:
            raise _not_permissible()
        return account

    def platform_user(self, request: web.Request) -> User:
        """The user of the path, whom the calling platform app made."""
        self.platform(request)
        user = self._state.staff.user(path_id(request, "user_id"))
        if user is None:
            raise not_found()
        if user.agent.user_id not in self._made_users:
            raise _not_permissible()
        return user


def check_account(agent: Agent, account_id: int) -> None:
    """Make sure the agent belongs to the account.

    Raises:
        Refused: it does not.
    """
    if account_id not in agent.account_ids:
        raise Refused(401, {"error": "You are not authorized to access this account"})


def not_allowed() -> Refused:
    """401, for what is there and not for this user."""
    return Refused(401, {"error": "You are not authorized to do this action"})


def _not_permissible() -> Refused:
    return Refused(401, {"error": "Non permissible resource"})


def _token(request: web.Request) -> str:
    # Rack folds underscores and dashes of header names into one key.
    return request.headers.get("api_access_token") or request.headers.get("api-access-token") or ""
