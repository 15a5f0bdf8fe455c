"""REST calls that real clients make by themselves (``--refetch``); off by default, since they are load of their own.

``reconnect``: whose connection was lost fetches, once it is subscribed again, what it missed: the dashboard its
conversations of the time it was away and 15 s more, the widget the messages of its conversation.

``meta``: the dashboard shows how many conversations there are, and fetches the counts whenever an event may have
changed them: half a second after the last such event, but 1.5 s after the first at the latest; with more than 100
conversations after 5 s (10 s), with more than 5,000 after 10 s (20 s). Upstream allows 30 of these calls a minute and
user, and answers 429 beyond.

Source: ``ReconnectService.js``, ``conversationStats.js`` and ``actionCable.js`` of upstream's dashboard and widget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import gevent
from gevent.pool import Pool

from loadtest.api import Call, refetching
from loadtest.clock import NS_PER_S, Clock
from loadtest.collect import Receiver
from loadtest.directory import Agent, Contact
from loadtest.users.scene import Moment
from loadtest.users.settings import Refetch

_LOOK_S = 0.25
_AT_ONCE = 1024

#: more conversations than this -> seconds of quiet before the counts are fetched, and after the first event at most
_DEBOUNCE: tuple[tuple[int, float, float], ...] = ((5_000, 10.0, 20.0), (100, 5.0, 10.0), (-1, 0.5, 1.5))


def debounce_s(conversations: int) -> tuple[float, float]:
    """How long the dashboard waits for quiet, and at most, with so many conversations."""
    return next((quiet_s, most_s) for above, quiet_s, most_s in _DEBOUNCE if conversations > above)


class Sender(Protocol):
    """Sends a call and counts it."""

    def fetch(self, call: Call, moment: Moment) -> bytes | None:
        """The answer's body, or None where it was refused or did not come."""


@dataclass(slots=True)
class _Dashboard:
    """An agent's page.

    Attributes:
        agent: whose.
        receiver: counts the events that change counts.
        seen: how many of them were seen.
        first_ns: when the first came that no fetch has followed yet; 0 for none.
        last_ns: when the last came.
        conversations: how many there were at the last fetch.
    """

    agent: Agent
    receiver: Receiver
    seen: int
    first_ns: int = 0
    last_ns: int = 0
    conversations: int = 0


class Refetcher:
    """The clients of one process, as far as they fetch by themselves.

    Args:
        mode: what is fetched.
        clock: what measures.
        sender: sends calls.
    """

    def __init__(self, mode: Refetch, clock: Clock, sender: Sender) -> None:
        self._after_reconnect = mode in ("reconnect", "all")
        self._counts = mode in ("meta", "all")
        self._clock = clock
        self._sender = sender
        self._pool = Pool(_AT_ONCE)
        self._dashboards: dict[Receiver, _Dashboard] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ever fetched for counts, so that :meth:`run` is not needed."""
        return not self._counts

    def subscribed(self, who: Agent | Contact, receiver: Receiver, lost_ns: int | None, number: int | None) -> None:
        """Somebody is subscribed.

        Args:
            who: the identity.
            receiver: its socket's.
            lost_ns: monotonic time at which its connection before was lost; None where it comes of its own accord.
            number: a contact's conversation, or None.
        """
        if self._counts and isinstance(who, Agent):
            self._dashboards[receiver] = _Dashboard(who, receiver, receiver.recounts)
        if self._after_reconnect and lost_ns is not None:
            now_ns = self._clock.now_ns()
            if isinstance(who, Agent):
                away_s = (now_ns - lost_ns) / NS_PER_S
                self._fetch(refetching.agent_refetch_conversations(who, who.account_id, away_s), now_ns)
            elif number is not None:
                self._fetch(refetching.contact_list_messages(who, number), now_ns)

    def gone(self, receiver: Receiver) -> None:
        """Its socket has ended."""
        self._dashboards.pop(receiver, None)

    def run(self) -> None:
        """Fetch counts as they fall due; runs until its greenlet is killed."""
        while True:
            gevent.sleep(_LOOK_S)
            self.look(self._clock.now_ns())

    def look(self, now_ns: int) -> None:
        """Fetch for every page whose quiet, or whose patience, is over."""
        for page in list(self._dashboards.values()):
            seen = page.receiver.recounts
            if seen != page.seen:
                page.seen, page.last_ns = seen, now_ns
                page.first_ns = page.first_ns or now_ns
            if page.first_ns:
                quiet_s, most_s = debounce_s(page.conversations)
                if now_ns - page.last_ns >= quiet_s * NS_PER_S or now_ns - page.first_ns >= most_s * NS_PER_S:
                    page.first_ns = 0
                    self._fetch(refetching.agent_conversation_meta(page.agent, page.agent.account_id), now_ns, page)

    def close(self) -> None:
        """Fetch no more."""
        self._counts = self._after_reconnect = False
        self._pool.kill()

    def _fetch(self, call: Call, due_ns: int, page: _Dashboard | None = None) -> None:
        if self._pool.full():  # a target that answers nobody any more; what waits is enough
            return
        self._pool.spawn(self._carry_out, call, Moment(due_ns, due_ns), page)

    def _carry_out(self, call: Call, moment: Moment, page: _Dashboard | None) -> None:
        body = self._sender.fetch(call, moment)
        if page is not None and body is not None:
            try:
                page.conversations = refetching.parse_all_count(body)
            except ValueError:  # another server's answer; the page keeps what it knew
                return
