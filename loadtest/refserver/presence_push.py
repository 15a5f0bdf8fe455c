"""The push variant of presence: an account's people are told as soon as its presence changes.

No version of upstream does so; forks and other servers do. What changes within a moment is told in one frame, so that
a crowd that arrives at once does not tell itself of each of its members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from loadtest.directory import Role
from loadtest.refserver.presence import Presence
from loadtest.refserver.rooms import Broadcast, Rooms

PERIOD_S = 0.05
"""How often is looked for changes: the most that a push is late."""

_ROLES: tuple[Role, Role] = ("agent", "contact")


class PresencePush:
    """Tells everybody of what changed.

    Args:
        presence: who is online.
        rooms: where everybody is.
        account_ids: the accounts looked at.
    """

    def __init__(self, presence: Presence, rooms: Rooms, account_ids: Iterable[int]) -> None:
        self._presence = presence
        self._rooms = rooms
        self._told = {(account_id, role): (0, 0) for account_id in account_ids for role in _ROLES}

    async def run(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            self.look()

    def look(self) -> None:
        """Tell everybody for whom something has changed since the last look."""
        changed = set()
        for key, told in self._told.items():
            version = self._presence.version(*key)
            if version != told:
                self._told[key] = version
                changed.add(key)
        if not changed:
            return
        tokens: dict[int, tuple[Broadcast, dict[str, None]]] = {}  # a token hears once, however many sockets it has
        for subscription in self._rooms.everybody():
            if (subscription.account_id, subscription.role) in changed:
                broadcast = self._presence.answer(subscription)
                tokens.setdefault(id(broadcast), (broadcast, {}))[1][subscription.identity.pubsub_token] = None
        for broadcast, audience in tokens.values():
            self._rooms.broadcast(broadcast, audience)
