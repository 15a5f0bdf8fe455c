"""What clients fetch by themselves: counts of conversations, and a conversation's messages.

Source: ``conversations#meta`` and ``public/api/v1/inboxes/messages#index`` of upstream. Of a conversation's
messages the server keeps the last public one, so that is what it lists.
"""

from __future__ import annotations

from aiohttp import web

from loadtest import api
from loadtest.api import refetching
from loadtest.refserver.access import Access
from loadtest.refserver.exchange import Handler, json_answer, not_found, path_id
from loadtest.refserver.payloads import Payloads
from loadtest.refserver.state import State


class RefetchRest:
    """The handlers of those calls.

    Args:
        state: what is read.
        access: judges who may.
        payloads: how messages are shown.
    """

    def __init__(self, state: State, access: Access, payloads: Payloads) -> None:
        self._state = state
        self._access = access
        self._payloads = payloads

    def handlers(self) -> dict[api.Endpoint, Handler]:
        """A handler for each call."""
        return {
            refetching.AGENT_CONVERSATION_META: self._meta,
            refetching.CONTACT_LIST_MESSAGES: self._messages,
        }

    async def _meta(self, request: web.Request) -> web.Response:
        agent, account_id = self._access.in_account(request)
        status = request.query.get("status", "open")
        seen = [
            one
            for one in self._state.conversations(account_id)
            if status in (one.status, "all")
            and agent.user_id in self._state.staff.audiences.user_ids(account_id, one.contact_inbox.identity.inbox_id)
        ]
        assigned = [one.assignee for one in seen if one.assignee is not None]
        counts = {
            "mine_count": sum(one.user_id == agent.user_id for one in assigned),
            "assigned_count": len(assigned),
            "unassigned_count": len(seen) - len(assigned),
            "all_count": len(seen),
        }
        return json_answer({"meta": counts})

    async def _messages(self, request: web.Request) -> web.Response:
        ids = request.match_info
        place = self._state.place(ids["inbox_identifier"], ids["source_id"])
        if place is None:
            raise not_found()
        contact = place.contact
        conversation = self._state.conversation(contact.account_id, path_id(request, "conversation_id"))
        if conversation is None or conversation.contact is not contact:
            raise not_found()
        last = conversation.last_message
        return json_answer([] if last is None else [self._payloads.message(last)])
