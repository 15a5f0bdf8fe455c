"""The limit on requests: fixed windows by address, upgrades included."""

from __future__ import annotations

from dataclasses import replace

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from loadtest.refserver.throttle import Throttle
from tests.refserver.site import QUIET, Site, on_site

SECOND = 1_000_000_000


def test_so_many_pass_in_a_window() -> None:
    """What is beyond learns when the next window begins, and passes then; each address has its own count."""
    now_ns = 120 * SECOND + SECOND // 2
    throttle = Throttle(2, 60.0, lambda: now_ns)
    first = [throttle.retry_after_s("a"), throttle.retry_after_s("a"), throttle.retry_after_s("a")]
    other = throttle.retry_after_s("b")
    now_ns = 180 * SECOND

    assert ([None, None, 60], None, None) == (first, other, throttle.retry_after_s("a"))


def test_beyond_the_limit_is_429() -> None:
    """For REST, with Retry-After, and for an upgrade of the cable."""

    async def scenario(site: Site) -> tuple[list[int], str, int]:
        statuses = []
        for _ in range(3):
            async with site.http.get(site.server.url + "/health") as answer:
                statuses.append(answer.status)
                retry_after = answer.headers.get("Retry-After", "")
        try:
            async with connect(site.server.cable_url, proxy=None):
                upgrade = 101
        except InvalidStatus as refused:
            upgrade = refused.response.status_code
        return statuses, retry_after, upgrade

    statuses, retry_after, upgrade = on_site(scenario, replace(QUIET, rate_limit=2, rate_period_s=1e6))

    assert ([200, 200, 429], 429) == (statuses, upgrade)
    assert 0 < int(retry_after) <= 1e6


def test_without_a_limit_nobody_is_refused() -> None:
    """As it is by default."""

    async def scenario(site: Site) -> set[int]:
        return {(await site.get("/health"))[0] for _ in range(50)}

    assert {200} == on_site(scenario)
