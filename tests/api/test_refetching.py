"""What clients fetch by themselves: paths and answers as upstream has them."""

import pytest

from loadtest.api import records, refetching
from loadtest.directory import Agent, Contact

AGENT = Agent((1,), 2, "agent", (3,), "p", "a")
CONTACT = Contact(1, 4, 3, "s", "c", inbox_identifier="i")


def test_the_dashboard_asks_for_what_changed_while_it_was_away():
    """The time it was away and 15 s more; the route is the list's."""
    call = refetching.agent_refetch_conversations(AGENT, 1, 12.4)

    assert call.path.startswith("/api/v1/accounts/1/conversations?")
    assert "updated_within=27" in call.path
    assert call.headers["api_access_token"] == "a"
    assert (call.endpoint.method, call.endpoint.path) == (
        records.LIST_CONVERSATIONS.method,
        records.LIST_CONVERSATIONS.path,
    )


def test_the_dashboard_asks_for_counts():
    """Of the open conversations of its account."""
    assert refetching.agent_conversation_meta(AGENT, 1).path == "/api/v1/accounts/1/conversations/meta?status=open"


def test_the_widget_asks_for_messages():
    """By the contact's public address, without a token."""
    call = refetching.contact_list_messages(CONTACT, 5)

    assert call.path == "/public/api/v1/inboxes/i/contacts/s/conversations/5/messages"
    assert "api_access_token" not in call.headers


def test_the_number_of_conversations_is_read():
    """From the counts beside the others."""
    assert refetching.parse_all_count(b'{"meta":{"mine_count":1,"all_count":7}}') == 7


@pytest.mark.parametrize("body", [b"", b"[]", b'{"meta":{}}', b'{"meta":{"all_count":"7"}}'])
def test_an_answer_without_it_is_refused(body):
    """Another server's answer."""
    with pytest.raises(ValueError, match="all_count"):
        refetching.parse_all_count(body)
