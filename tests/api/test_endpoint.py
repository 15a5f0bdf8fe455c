"""An address and a request made of it."""

from __future__ import annotations

from loadtest.api import Endpoint
from loadtest.directory import Agent

AGENT = Agent((3,), 5, "agent", (7,), "pub-a", "secret-access")
THINGS = Endpoint("agent.things", "PUT", "/api/{account_id}/things/{thing}", "agent")


def test_ids_stand_in_the_path() -> None:
    """Each name of the template is filled in."""
    assert THINGS.call({"account_id": 3, "thing": "x"}, {}).path == "/api/3/things/x"


def test_a_body_is_json_and_said_to_be() -> None:
    """Without the header Rails reads no JSON body."""
    call = THINGS.call({"account_id": 3, "thing": 1}, {"name": "é"})

    assert (call.body, call.headers["Content-Type"]) == ('{"name":"é"}'.encode(), "application/json")


def test_no_body_is_nothing() -> None:
    """A call without a body sends none and claims none."""
    call = THINGS.call({"account_id": 3, "thing": 1})

    assert (call.body, {"Accept": "application/json"}) == (b"", call.headers)


def test_a_token_is_sent_and_not_shown() -> None:
    """The token stands in the header alone, and in no log of the call."""
    call = THINGS.call({"account_id": 3, "thing": 1}, agent=AGENT)

    assert (call.headers["api_access_token"], AGENT.access_token in repr(call)) == (AGENT.access_token, False)


def test_a_token_can_be_sent_without_an_agent() -> None:
    """A platform app's, or that of somebody who is no identity of the run; an agent's goes first."""
    endpoint = Endpoint("x", "GET", "/x", "platform")

    assert endpoint.call({}, token="t").headers["api_access_token"] == "t"
    assert "api_access_token" not in endpoint.call({}).headers


def test_a_query_follows_the_path() -> None:
    """With its values escaped."""
    assert (
        Endpoint("x", "GET", "/x/{id}", "agent").call({"id": 1}, query={"q": "a b", "page": 2}).path
        == "/x/1?q=a+b&page=2"
    )
