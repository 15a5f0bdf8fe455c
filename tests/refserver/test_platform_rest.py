"""The platform API: what a platform app makes, sees and removes, and what it may not touch."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.api import Call, platform
from tests.refserver.administration import PLATFORM, answered, done, on_platform
from tests.refserver.site import ADMIN, MEMBER, Site


def test_an_account_is_made_listed_and_removed(tmp_path: Path) -> None:
    """With its name and attributes; accounts that others made are not listed."""

    async def scenario(site: Site):
        made = await done(site, platform.create_account(PLATFORM, "Acme", "tag"))
        shown = await done(site, platform.show_account(PLATFORM, made["id"]))
        listed = await done(site, platform.list_accounts(PLATFORM))
        await site.done(platform.delete_account(PLATFORM, made["id"]))
        gone, _ = await answered(site, platform.show_account(PLATFORM, made["id"]))
        return made, shown, listed, gone

    made, shown, listed, gone = on_platform(tmp_path, scenario)

    assert ("Acme", {"loadtest": "tag"}) == (made["name"], made["custom_attributes"])
    assert (made, [made], 404) == (shown, listed, gone)


def test_a_user_is_made_with_tokens_that_work(tmp_path: Path) -> None:
    """Its access token opens its own profile; without an account it sees nothing else."""

    async def scenario(site: Site):
        made = await done(site, platform.create_user(PLATFORM, "Eve", "eve@acme.inc", "Password1!", "tag"))
        headers = {"api_access_token": made["access_token"]}
        async with site.http.get(site.server.url + "/api/v1/profile", headers=headers) as answer:
            profile = await answer.json()
        return made, profile

    made, profile = on_platform(tmp_path, scenario)

    assert (made["id"], made["pubsub_token"], []) == (profile["id"], profile["pubsub_token"], profile["accounts"])


def test_a_user_of_the_same_address_is_the_same(tmp_path: Path) -> None:
    """Making one again answers with the one there is, in any case of letters."""

    async def scenario(site: Site):
        first = await done(site, platform.create_user(PLATFORM, "Eve", "eve@acme.inc", "Password1!", "tag"))
        again = await done(site, platform.create_user(PLATFORM, "Eva", "EVE@acme.inc", "Password2!", "other"))
        return first, again

    first, again = on_platform(tmp_path, scenario)

    assert first == again


def test_a_seat_is_given_changed_and_taken(tmp_path: Path) -> None:
    """A user joins an account, gets another role by joining again, and leaves."""

    async def scenario(site: Site):
        account = (await done(site, platform.create_account(PLATFORM, "Acme", "tag")))["id"]
        user = (await done(site, platform.create_user(PLATFORM, "Eve", "eve@acme.inc", "Password1!", "tag")))["id"]
        seats = []
        for call in (
            platform.join_account(PLATFORM, account, user, "agent"),
            platform.join_account(PLATFORM, account, user, "administrator"),
            platform.leave_account(PLATFORM, account, user),
            platform.leave_account(PLATFORM, account, user),
        ):
            await site.done(call)
            seats.append([one["role"] for one in await done(site, platform.list_account_users(PLATFORM, account))])
        return seats

    assert [["agent"], ["administrator"], [], []] == on_platform(tmp_path, scenario)


def test_an_account_takes_its_seats_with_it(tmp_path: Path) -> None:
    """Its users stay, without it; a removed user's token opens nothing."""

    async def scenario(site: Site):
        account = (await done(site, platform.create_account(PLATFORM, "Acme", "tag")))["id"]
        user = await done(site, platform.create_user(PLATFORM, "Eve", "eve@acme.inc", "Password1!", "tag"))
        await site.done(platform.join_account(PLATFORM, account, user["id"], "agent"))
        await site.done(platform.delete_account(PLATFORM, account))
        left = (await done(site, platform.show_user(PLATFORM, user["id"])))["accounts"]
        await site.done(platform.delete_user(PLATFORM, user["id"]))
        headers = {"api_access_token": user["access_token"]}
        async with site.http.get(site.server.url + "/api/v1/profile", headers=headers) as answer:
            return left, answer.status

    assert ([], 401) == on_platform(tmp_path, scenario)


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (platform.list_accounts("wrong"), 401),
        (platform.list_accounts(""), 401),
        (platform.list_accounts(ADMIN.access_token), 401),
        (platform.show_account(PLATFORM, 1), 401),  # somebody else's
        (platform.delete_account(PLATFORM, 1), 401),
        (platform.delete_user(PLATFORM, MEMBER.user_id), 401),
        (platform.show_account(PLATFORM, 99), 404),
        (platform.show_user(PLATFORM, 99), 404),
        (platform.join_account(PLATFORM, 1, MEMBER.user_id, "administrator"), 401),
        (platform.create_user(PLATFORM, "Eve", "eve", "Password1!", "tag"), 422),
        (platform.create_user(PLATFORM, "Eve", "eve@acme.inc", "x", "tag"), 422),
    ],
)
def test_refusals_are_upstreams(tmp_path: Path, call: Call, status: int) -> None:
    """A wrong token and what the app did not make are 401, what is not there 404, what cannot be 422."""
    got, _ = on_platform(tmp_path, lambda site: answered(site, call))

    assert status == got


def test_without_a_platform_app_there_is_no_platform_api(tmp_path: Path) -> None:
    """An empty token opens nothing either."""
    from tests.refserver.site import on_site

    assert [401, 401] == [
        on_site(lambda site, t=token: answered(site, platform.list_accounts(t)))[0] for token in ("", PLATFORM)
    ]
