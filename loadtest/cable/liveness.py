"""When a client takes its connection for dead, and when it comes back: pure policies.

Source: ``connection_monitor.js`` of ``@rails/actioncable`` 8.1.400 (policy ``official``) and 6.1.3, which upstream's
dashboard and widget ship (policy ``chatwoot``).
Both clients poll: they look at intervals whether the connection has been silent for more than 6 s, and only then reopen
it; a closed socket alone wakes nobody. Hence the delay after a loss depends on where in its poll interval a client
stood and on when it last heard the server, and both are drawn here from what they are in a steady state.
A tool that reconnects at once makes a harder herd than real clients do.

Two more things tell the two clients apart. For today's any frame is a sign of life, for 6.1.3 only a ping is
(``recordPing``). And today's repeats a subscribe command every 500 ms until it is answered
(``subscription_guarantor.js``, new in 7.0), 6.1.3 asks once.
Neither asks again on a new connection for a subscription that the server passed over in silence; here that is done
after the confirm timeout, because there is nothing else that could help (Rails ignores the repeated command), and
since a real user would reload the page.

A server that says ``reconnect: false`` ends all policies: it is the caller's to ask none of them then.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from loadtest.errors import UsageError

PING_INTERVAL_S = 3.0
"""Rails' beat (``BEAT_INTERVAL`` in ``lib/action_cable/server/connections.rb``)."""

STALE_AFTER_S = 6.0
"""Silence after which official clients call a connection stale: two beats (``staleThreshold``)."""

SUBSCRIBE_AGAIN_S = 0.5
"""How often the official client repeats a subscribe command that nobody answers (``subscription_guarantor.js``)."""

IMMEDIATE_PAUSE_S = 0.1
"""Pause of the policy ``immediate`` before a second attempt and later ones, so that no client spins."""

REOPEN_PAUSE_S = 0.5
"""Pause between closing a socket that is still open and opening the next (``reopenDelay`` in ``connection.js``)."""


class Uniform(Protocol):
    """A source of numbers, such as :class:`random.Random`."""

    def random(self) -> float:
        """The next one, uniform in [0, 1)."""


def official_poll_s(attempts: int, rng: Uniform) -> float:
    """The poll interval of today's official client after so many attempts.

    ``6 * 1.15^min(n, 10) * (1 + jitter)`` seconds, jitter uniform below 1 for n = 0, else below 0.15:
    6 to 12 s, 6.9 to 7.9 s, 7.9 to 9.1 s, ... at last 24.3 to 27.9 s.
    """
    jitter = rng.random() * (1.0 if attempts == 0 else 0.15)
    return STALE_AFTER_S * 1.15 ** min(attempts, 10) * (1 + jitter)


def chatwoot_poll_s(attempts: int) -> float:
    """The poll interval of the official client 6.1.3 after so many attempts.

    ``clamp(5 * ln(n + 1), 3, 30)`` seconds, rounded to milliseconds as there, without jitter.
    """
    return round(min(30.0, max(3.0, 5 * math.log(attempts + 1))), 3)


def _first_reopen_s(poll_s: float, silent_s: float, interval_s: Callable[[int], float]) -> float:
    """Let a monitor poll after its socket closed, until it reopens.

    A poll that finds the connection stale counts an attempt, but reopens only if the socket closed 6 s ago or earlier
    (``disconnectedRecently``); the count lengthens the next interval.

    Args:
        poll_s: from the close to the next poll.
        silent_s: from the last frame to the close.
        interval_s: gives the interval after a poll from the attempts counted.
    """
    attempts = 0
    at_s = poll_s
    while True:
        if at_s + silent_s > STALE_AFTER_S:
            attempts += 1
            if at_s >= STALE_AFTER_S:
                return at_s
        at_s += interval_s(attempts)


def _official(attempt: int, rng: Uniform, socket_closed: bool) -> float:
    pause_s = 0.0 if socket_closed else REOPEN_PAUSE_S
    if attempt > 0:
        return official_poll_s(attempt, rng) + pause_s
    # The interval that a random moment falls into is the longer the likelier: density proportional to length.
    shortest_s, longest_s = STALE_AFTER_S, 2 * STALE_AFTER_S
    interval_s = math.sqrt(shortest_s**2 + rng.random() * (longest_s**2 - shortest_s**2))
    poll_s = interval_s * rng.random()
    if not socket_closed:
        return poll_s + pause_s
    return _first_reopen_s(poll_s, rng.random() * PING_INTERVAL_S, lambda n: official_poll_s(n, rng))


def _chatwoot(attempt: int, rng: Uniform, socket_closed: bool) -> float:
    pause_s = 0.0 if socket_closed else REOPEN_PAUSE_S
    if attempt > 0:
        return chatwoot_poll_s(attempt) + pause_s
    poll_s = chatwoot_poll_s(0) * rng.random()
    if not socket_closed:
        return poll_s + pause_s
    return _first_reopen_s(poll_s, rng.random() * PING_INTERVAL_S, chatwoot_poll_s)


def _immediate(attempt: int, rng: Uniform, socket_closed: bool) -> float:
    return IMMEDIATE_PAUSE_S if attempt else 0.0


def _no_jitter(attempt: int, rng: Uniform, socket_closed: bool) -> float:
    poll_s = STALE_AFTER_S * float(1.15 ** min(attempt, 10))
    return poll_s + (0.0 if socket_closed else REOPEN_PAUSE_S)


def _none(attempt: int, rng: Uniform, socket_closed: bool) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How long a client that lost its connection stays away.

    ``official``: ``@rails/actioncable`` from 7.0 on; after a server's restart its first attempts come 6.0 to 17.9 s
    later, half of them after 10.6 s. Differs from the client in one point: a first poll that only counted (because the
    socket had closed less than 6 s ago) leaves the client's count one ahead in the attempts that follow, 15 % longer;
    here attempt n has counted n.

    ``chatwoot``: the client 6.1.3; after a mass drop all come back within 6 to 9.5 s, a herd.

    ``immediate``: no real client; the hardest herd. Only a first attempt is immediate, later ones are
    :data:`IMMEDIATE_PAUSE_S` apart.

    ``no-jitter``: no real client; the official back-off without its jitter, so that whoever is lost together comes
    back together, 6 s later.

    ``none``: what is lost stays lost.

    Attributes:
        name: what the policy is called on the command line.
        draw: draws a delay from (attempt, source, whether the socket is closed); see :meth:`delay_s`.
        subscribe_again_s: how often a subscribe command is repeated until it is answered; None for never.
        only_pings_count: whether only a ping is a sign of life, and no other frame.
    """

    name: str
    draw: Callable[[int, Uniform, bool], float | None] = field(repr=False)
    subscribe_again_s: float | None = None
    only_pings_count: bool = False

    def delay_s(self, attempt: int, rng: Uniform, *, socket_closed: bool) -> float | None:
        """The wait before an attempt to connect.

        Args:
            attempt: attempts made since the last welcome: 0 for the first one after a connection was lost.
            rng: source of the jitter.
            socket_closed: False where the socket is still open but stale (it has been silent for
                :data:`STALE_AFTER_S`), so that it has to be closed first.

        Returns:
            Seconds: for attempt 0 from the loss (from the moment of staleness where the socket is open), for later ones
            from the start of the attempt before. None to stay away.
        """
        return self.draw(attempt, rng, socket_closed)


RECONNECT_POLICIES: dict[str, ReconnectPolicy] = {
    policy.name: policy
    for policy in (
        ReconnectPolicy("official", _official, subscribe_again_s=SUBSCRIBE_AGAIN_S),
        ReconnectPolicy("chatwoot", _chatwoot, only_pings_count=True),
        ReconnectPolicy("immediate", _immediate),
        ReconnectPolicy("no-jitter", _no_jitter, subscribe_again_s=SUBSCRIBE_AGAIN_S),
        ReconnectPolicy("none", _none),
    )
}
"""Every policy by its name."""


def reconnect_policy(name: str) -> ReconnectPolicy:
    """The policy of that name.

    Raises:
        UsageError: there is none.
    """
    policy = RECONNECT_POLICIES.get(name)
    if policy is None:
        raise UsageError(
            f"unknown reconnect policy {name!r}",
            where="--reconnect",
            remedy=f"Give one of {', '.join(RECONNECT_POLICIES)}",
        )
    return policy
