"""The REST calls exactly as the toolkit makes them, and the health checks."""

from __future__ import annotations

import json
import re

import pytest

from loadtest import api
from loadtest.api import Call
from loadtest.refserver.rest import ENDPOINTS
from tests.refserver.site import ADMIN, CONTACT, MEMBER, OTHER, Site, on_site

QUESTION = api.agent_send_message(MEMBER, 1, 3, "Your address?", "q", content_type="input_email")
CALLS = (
    api.contact_create_conversation(CONTACT),
    api.contact_send_message(CONTACT, 3, "hi", "e-1"),
    api.contact_update_message(CONTACT, 3, 1, "jane@acme.inc"),
    api.contact_toggle_typing(CONTACT, 3, typing=True),
    api.contact_update_last_seen(CONTACT, 3),
    api.agent_send_message(MEMBER, 1, 3, "hi", "e-1"),
    api.agent_toggle_typing(MEMBER, 1, 3, typing=False),
    api.agent_update_last_seen(MEMBER, 1, 3),
    api.agent_toggle_status(MEMBER, 1, 3, "pending"),
    api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id),
    api.agent_assign_team(MEMBER, 1, 3, 1),
    api.agent_list_teams(MEMBER, 1),
    api.agent_create_contact(MEMBER, 1, 5, "Nora", email="nora@acme.inc"),
    api.agent_update_contact(MEMBER, 1, CONTACT.contact_id, {"name": "Cleo"}),
    api.agent_merge_contacts(MEMBER, 1, OTHER.contact_id, CONTACT.contact_id),
    api.agent_set_availability(MEMBER, 1, "busy"),
)


def test_every_endpoint_of_a_run_is_served() -> None:
    """There is a call in this test for each endpoint that a run's users call."""
    assert set(api.ENDPOINTS) == {call.endpoint for call in CALLS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_endpoint_of_the_toolkit_has_a_route(endpoint: api.Endpoint) -> None:
    """A call with no token and ids that are not there is answered by its own handler, in JSON."""
    ids = dict.fromkeys(re.findall(r"\{(\w+)\}", endpoint.path), 99)

    async def scenario(site: Site) -> tuple[int, bytes]:
        return await site.send(endpoint.call(ids, {}))

    status, body = on_site(scenario)

    assert status in (400, 401, 404, 422)
    assert {"error", "errors"} & set(json.loads(body))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.endpoint.name)
def test_the_toolkits_calls_succeed(call: Call) -> None:
    """Each call, exactly as the toolkit builds it, is answered with 200."""

    async def scenario(site: Site) -> int:
        await site.done(QUESTION)
        status, _ = await site.send(call)
        return status

    assert on_site(scenario) == 200


def test_the_toolkit_reads_every_answer_it_needs() -> None:
    """The toolkit's own parsers find in the answers what was made, set and assigned."""

    async def scenario(site: Site) -> list[object]:
        conversation_id = api.parse_created(await site.done(api.contact_create_conversation(CONTACT))).id
        question = api.parse_created(await site.done(QUESTION))
        status = api.parse_status(await site.done(api.agent_toggle_status(MEMBER, 1, 3, "resolved")))
        teams = api.parse_teams(await site.done(api.agent_list_teams(MEMBER, 1)))
        assigned = [
            api.parse_assigned(await site.done(call))
            for call in (
                api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id),
                api.agent_assign_agent(MEMBER, 1, 3, None),
                api.agent_assign_team(MEMBER, 1, 3, teams[0]),
                api.agent_assign_team(MEMBER, 1, 3, None),
            )
        ]
        made = api.parse_contact(await site.done(api.agent_create_contact(MEMBER, 1, 5, "Nora")))
        found = site.server.state.place("inbox-5", made.source_id or "")
        return [
            conversation_id,
            (question.id, question.conversation_id),
            status,
            teams,
            assigned,
            found is not None and found.contact.contact_id == made.contact_id,
        ]

    assert [5, (1, 3), "resolved", (1, 2), [1, None, 1, None], True] == on_site(scenario)


@pytest.mark.parametrize(("path", "key"), [("/api", "queue_services"), ("/health", "status")])
def test_health_is_answered(path: str, key: str) -> None:
    """The two health checks of upstream answer with JSON."""
    status, text = on_site(lambda site: site.get(path))

    assert (status, key in json.loads(text)) == (200, True)
