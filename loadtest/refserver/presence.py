"""Who is online: beats that expire, read only when somebody asks.

The rule is upstream's ``OnlineStatusTracker``: a beat counts for a fixed time after it, agents and contacts each
their own; leaving changes nothing, only expiry does. Upstream compares whole Unix seconds, which ``whole_seconds`` does
here; else beats are kept to the nanosecond, so that the truth a presence measurement is judged by has no rounding in
it. A beat that is exactly as old as the expiry still counts, as upstream's ``>=`` has it.
"""

from __future__ import annotations

from typing import Literal

from loadtest.clock import NS_PER_S, Clock
from loadtest.directory import Role
from loadtest.refserver.frames import message_suffix
from loadtest.refserver.rooms import Broadcast, Subscription

Status = Literal["online", "busy", "offline"]


class Online:
    """The beats of one role in one account, oldest first.

    Args:
        clock: monotonic time.
        expiry_s: how long a beat counts, in seconds.
    """

    __slots__ = ("_beats", "_clock", "_expiry_ns", "_statuses", "version", "whole_seconds")

    def __init__(self, clock: Clock, expiry_s: float) -> None:
        self._clock = clock
        self._expiry_ns = round(expiry_s * NS_PER_S)
        self._beats: dict[int, int] = {}
        self._statuses: dict[int, Status] = {}
        self.version = 0  # moves whenever what would be told changes
        self.whole_seconds = False

    def beat(self, identity_id: int) -> None:
        self.expire()
        if self._beats.pop(identity_id, None) is None:
            self.version += 1
        self._beats[identity_id] = self._clock.now_ns()  # always last, so the dict stays ordered by time

    def expire(self) -> None:
        now_ns = self._clock.now_ns()
        if self.whole_seconds:
            wall_ns = self._clock.wall_ns(now_ns)
            now_ns -= wall_ns % NS_PER_S
        horizon = now_ns - self._expiry_ns - self._grace_ns()
        while self._beats:
            oldest = next(iter(self._beats))
            if self._beats[oldest] >= horizon:
                return
            self._expired(oldest, self._beats.pop(oldest))

    def _grace_ns(self) -> int:
        """How much longer than it should a beat counts."""
        return 0

    def _expired(self, identity_id: int, beat_ns: int) -> None:
        """Somebody's last beat counts no more."""
        self.version += 1

    def set_status(self, identity_id: int, status: Status) -> None:
        self._statuses[identity_id] = status
        self.version += 1

    def status(self, identity_id: int) -> Status:
        self.expire()
        return self.chosen(identity_id) if identity_id in self._beats else "offline"

    def chosen(self, identity_id: int) -> Status:
        return self._statuses.get(identity_id, "online")

    def told(self) -> dict[str, Status]:
        return {str(identity_id): self.chosen(identity_id) for identity_id in self._beats}


class Presence:
    """Presence of all accounts.

    Args:
        clock: monotonic time.
        agent_expiry_s: how long an agent's beat counts, in seconds.
        contact_expiry_s: how long a contact's beat counts, in seconds.

    Attributes:
        whole_seconds: compare whole Unix seconds, as upstream does; to be set before the first beat.
    """

    def __init__(self, clock: Clock, agent_expiry_s: float, contact_expiry_s: float) -> None:
        self._clock = clock
        self.whole_seconds = False
        self._expiry_s: dict[Role, float] = {"agent": agent_expiry_s, "contact": contact_expiry_s}
        self._online: dict[tuple[int, Role], Online] = {}
        self._encoded: dict[tuple[int, Role], tuple[tuple[int, int], Broadcast]] = {}

    def beat(self, account_id: int, role: Role, identity_id: int) -> None:
        """Somebody subscribed, or sent ``update_presence``."""
        self._of(account_id, role).beat(identity_id)

    def set_status(self, account_id: int, user_id: int, status: Status) -> None:
        """An agent chose how to be shown while online; nobody is told before asking."""
        self._of(account_id, "agent").set_status(user_id, status)

    def chosen(self, account_id: int, user_id: int) -> Status:
        """How an agent is shown while it is online."""
        return self._of(account_id, "agent").chosen(user_id)

    def availability(self, account_id: int, user_id: int) -> Status:
        """How an agent is shown right now."""
        return self._of(account_id, "agent").status(user_id)

    def is_online(self, account_id: int, role: Role, identity_id: int) -> bool:
        """Whether somebody's last beat still counts."""
        return self._of(account_id, role).status(identity_id) != "offline"

    def answer(self, subscription: Subscription) -> Broadcast:
        """The presence.update that answers a subscription's beat."""
        return self.update(subscription.account_id, subscription.role)

    def update(self, account_id: int, role: Role) -> Broadcast:
        """The presence.update an identity of this role is told: the account's users, and contacts only to agents.

        Encoded again only when what it tells has changed.
        """
        users, contacts = self._of(account_id, "agent"), self._of(account_id, "contact")
        version = self.version(account_id, role)
        cached = self._encoded.get((account_id, role))
        if cached is not None and cached[0] == version:
            return cached[1]
        data: dict[str, object] = {"account_id": account_id, "users": users.told()}
        if role == "agent":
            data["contacts"] = contacts.told()
        broadcast = Broadcast("presence.update", message_suffix("presence.update", data), account_id)
        self._encoded[account_id, role] = (version, broadcast)
        return broadcast

    def version(self, account_id: int, role: Role) -> tuple[int, int]:
        """What moves whenever an identity of this role would be told something new."""
        users, contacts = self._of(account_id, "agent"), self._of(account_id, "contact")
        users.expire()
        contacts.expire()
        return users.version, contacts.version if role == "agent" else 0

    def _of(self, account_id: int, role: Role) -> Online:
        key = (account_id, role)
        found = self._online.get(key)
        if found is None:
            found = self._online[key] = self._new(account_id, role, self._expiry_s[role])
            found.whole_seconds = self.whole_seconds
        return found

    def _new(self, account_id: int, role: Role, expiry_s: float) -> Online:
        return Online(self._clock, expiry_s)
