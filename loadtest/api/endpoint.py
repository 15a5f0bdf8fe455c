"""What a REST call is: its address as a template, and the request made of it.

Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from loadtest.directory import Agent


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call's address.

    Attributes:
        name: what the call is called in reports (low cardinality, no ids).
        method: HTTP method.
        path: template with ``{names}`` in braces, as both ``str.format`` and aiohttp's router read them.
        auth: ``agent`` sends a user's access token, ``platform`` the token of a platform app, ``public`` none (the
            path holds the contact's source id).
    """

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    auth: Literal["agent", "platform", "public"]

    def call(
        self,
        ids: Mapping[str, int | str],
        body: Mapping[str, Any] | None = None,
        *,
        agent: Agent | None = None,
        token: str = "",
        query: Mapping[str, int | str] | None = None,
    ) -> Call:
        """A request to this address.

        Args:
            ids: a value for each name in the path.
            body: what is sent as JSON; None sends nothing.
            agent: whose access token is sent along.
            token: sent along where no agent is given.
            query: appended to the path.
        """
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if agent is not None or token:
            headers["api_access_token"] = token if agent is None else agent.access_token
        path = self.path.format(**ids) + (f"?{urlencode(query)}" if query else "")
        return Call(self, path, b"" if body is None else msgspec.json.encode(body), headers)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, ready to send.

    Attributes:
        endpoint: what it is.
        path: the path with its ids filled in, and the query.
        body: JSON, or empty.
        headers: names and values; may hold a secret, so it is left out of ``repr``.
    """

    endpoint: Endpoint
    path: str
    body: bytes
    headers: Mapping[str, str] = field(repr=False)
