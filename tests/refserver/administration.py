"""A platform app's and an administrator's calls at a served installation, for the tests of their handlers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from loadtest.api import Call
from tests.refserver.site import QUIET, Site, serving

_T = TypeVar("_T")

PLATFORM = "canary-platform-token"


def on_platform(folder: Path, scenario: Callable[[Site], Awaitable[_T]]) -> _T:
    """Play a scenario against a server that has a platform app."""
    token = folder / "platform-token"
    token.write_text(PLATFORM)
    token.chmod(0o600)

    async def run() -> _T:
        async with serving(replace(QUIET, platform_token_path=str(token))) as site:
            return await scenario(site)

    return asyncio.run(run())


async def answered(site: Site, call: Call) -> tuple[int, Any]:
    """The status of a call, and its decoded answer; None where it is empty."""
    status, body = await site.send(call)
    return status, json.loads(body) if body else None


async def done(site: Site, call: Call) -> Any:
    """The decoded answer to a call that must succeed."""
    status, answer = await answered(site, call)
    assert status == 200, answer
    return answer
