"""Bodies, ids and refusals, as every call has them."""

from __future__ import annotations

import pytest

from loadtest.refserver.exchange import Refused, not_found, taken
from loadtest.refserver.state import TakenError
from tests.refserver.site import ADMIN, AGENT_MESSAGES, MEMBER, MESSAGES, Site, on_site


def test_a_body_that_is_no_json_is_refused() -> None:
    """A body that is no JSON is 400, and the server goes on."""

    async def scenario(site: Site) -> list[int]:
        statuses = []
        for body in (b"{", b"\xff", b'{"x":' + b"[" * 100_000, b'{"content":"ok"}'):
            async with site.http.post(site.server.url + MESSAGES, data=body) as response:
                statuses.append(response.status)
        return statuses

    assert on_site(scenario) == [400, 400, 400, 200]


@pytest.mark.parametrize("body", [{"content": 1}, {}, []])
def test_json_of_another_shape_is_refused(body: object) -> None:
    """A body that is JSON but not what the call takes is 422."""
    status, answer = on_site(lambda site: site.post(MESSAGES, body))

    assert (status, "error" in answer) == (422, True)


@pytest.mark.parametrize("account", ["9", "one", "9" * 5000, "١"])
def test_an_id_that_cannot_be_is_not_found(account: str) -> None:
    """Whatever stands where an id should is 404, unless it is one that exists; nobody is told anything."""

    async def scenario(site: Site) -> tuple[int, list[str]]:
        listener = await site.listen(ADMIN)
        status, _ = await site.post(AGENT_MESSAGES.replace("/1/", f"/{account}/"), {"content": "x"}, MEMBER)
        return status, await listener.events()

    assert on_site(scenario) == (404, [])


def test_a_refusal_says_what_is_answered() -> None:
    """A refusal carries the status and the body."""
    refused = not_found()

    assert isinstance(refused, Refused)
    assert (404, {"error": "Resource could not be found"}) == (refused.status, refused.body)


def test_what_another_has_is_refused_by_name() -> None:
    """With upstream's words, and the attribute it is."""
    refused = taken(TakenError("phone_number"))

    assert (422, "Phone number has already been taken", ["phone_number"]) == (
        refused.status,
        refused.body["error"],
        refused.body["attributes"],
    )
