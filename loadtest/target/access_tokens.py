"""Agents who are there already, by their access tokens: who they are, and what they see.

A file of tokens, one a line; blank lines and lines that begin with ``#`` are passed over. Nothing is changed: each
token is asked for its profile and for the inboxes its user sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loadtest.api import installed, provisioning
from loadtest.directory import Agent
from loadtest.directory.secret_files import refuse_world_readable
from loadtest.errors import UsageError
from loadtest.target.caller import Caller
from loadtest.target.progress import Progress


def read_tokens(path: Path) -> list[str]:
    """Read a file of access tokens.

    Raises:
        UsageError: it cannot be read, everybody may read it, it holds none, or one twice; no error quotes one.
    """
    try:
        with path.open("rb") as handle:
            refuse_world_readable(handle, path)
            lines = handle.read().decode().splitlines()
    except OSError as error:
        raise UsageError(
            f"the file of access tokens cannot be read: {error.strerror or error}",
            where=str(path),
            remedy="Give a file with one access token a line",
        ) from error
    except UnicodeDecodeError:
        raise UsageError("not text", where=str(path), remedy="Give a file with one access token a line") from None
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        token = line.strip()
        if not token or token.startswith("#"):
            continue
        if not token.isprintable() or " " in token:
            raise UsageError("no access token", where=f"{path}:{number}", remedy="Write one token a line, nothing else")
        if seen.setdefault(token, number) != number:
            raise UsageError(
                f"the token of line {seen[token]} again",
                where=f"{path}:{number}",
                remedy="Each token is one agent: remove one of the two lines",
            )
    if not seen:
        raise UsageError("no token in it", where=str(path), remedy="Write one access token a line")
    return list(seen)


def look_up(caller: Caller, tokens: Sequence[str], progress: Progress, account_id: int = 0) -> list[Agent]:
    """Ask who the tokens' users are.

    Args:
        caller: sends calls.
        tokens: access tokens.
        progress: shown how far it is.
        account_id: take them as agents of this account; 0 takes each user's first one.

    Raises:
        UsageError: a token is refused (named by its place in the list), belongs to a user twice or to one who is not of
            the account.
    """
    progress.stage("profiles", len(tokens))
    agents: dict[int, Agent] = {}
    for number, token in enumerate(tokens, start=1):
        agent = _agent(caller, token, number, account_id)
        if agent.user_id in agents:
            raise UsageError(
                f"token {number} belongs to user {agent.user_id}, as an earlier one does",
                where="--from-access-tokens",
                remedy="Give one token a user",
            )
        agents[agent.user_id] = agent
        progress.step()
    return list(agents.values())


def _agent(caller: Caller, token: str, number: int, account_id: int) -> Agent:
    try:
        user = caller.get(provisioning.own_profile(token), installed.User)
    except UsageError as error:
        raise UsageError(f"token {number}: {error.what}", where="--from-access-tokens", remedy=error.remedy) from None
    places = {place.id: place.role for place in user.accounts}
    chosen = account_id or next(iter(places), 0)
    if chosen not in places:
        what = f"is not of account {account_id}" if account_id else "belongs to no account"
        raise UsageError(
            f"token {number}: user {user.id} {what}",
            where="--from-access-tokens",
            remedy="Remove the token, or let the user join the account",
        )
    inboxes = caller.get(provisioning.list_inboxes(token, chosen), installed.Inboxes).payload
    return Agent(
        account_ids=(chosen, *(one for one in places if one != chosen)),
        user_id=user.id,
        role="administrator" if places[chosen] == "administrator" else "agent",
        inbox_ids=tuple(inbox.id for inbox in inboxes),
        pubsub_token=user.pubsub_token,
        access_token=token,
        name=user.name,
    )
