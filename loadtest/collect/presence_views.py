"""What a presence.update says, as bits: one place a person of the account, one bit array a status.

A frame of thousands of people comes to each observer every few seconds, and hardly differs from the one before. So a
frame is decoded by type, held against the newest one of its kind, and only names that differ are looked up; frames of
the same bytes are one value. Bit arrays are Python's whole numbers: they cannot change, so that views share them, and
are cut and counted faster than anything else this language has.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

_KEPT_FRAMES = 16


class _Data(msgspec.Struct):
    account_id: Any = None
    users: dict[str, str] = {}
    contacts: dict[str, str] | None = None


class _Brief(msgspec.Struct):
    account_id: Any = None
    contacts: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(_Data).decode
_decode_brief = msgspec.json.Decoder(_Brief).decode
_NO_CONTACTS = frozenset({b"", b"{}", b"null"})


class Roster:
    """Who is simulated in one account, by place: agents first, contacts after them.

    Args:
        agents: (identity, user id) of its agents; identities below 0 are simulated elsewhere.
        contacts: (identity, contact id) of its contacts.
    """

    def __init__(self, agents: Sequence[tuple[int, int]], contacts: Sequence[tuple[int, int]]) -> None:
        self.agents = len(agents)
        self.members = [number for number, _ in (*agents, *contacts)]
        self.size = len(self.members)
        self.place = {number: place for place, number in enumerate(self.members)}
        self.users = {str(user_id): place for place, (_, user_id) in enumerate(agents)}
        self.contacts = {str(contact_id): self.agents + n for n, (_, contact_id) in enumerate(contacts)}
        agent_bits = (1 << self.agents) - 1
        #: bits of the agents, and of the contacts
        self.of_role = (agent_bits, ((1 << self.size) - 1) ^ agent_bits)
        self._bytes = (self.size + 7) // 8

    def named(self, role: int, its_id: int) -> int | None:
        """The place of somebody by role, as an index of the roles, and OneChat's id; None for who is not simulated."""
        return (self.contacts if role else self.users).get(str(its_id))

    def places(self, bits: int) -> NDArray[np.intp]:
        """The places whose bits are set, ascending; shape (n,)."""
        if not bits:
            return np.empty(0, dtype=np.intp)
        packed = np.frombuffer(bits.to_bytes(self._bytes, "little"), dtype=np.uint8)
        return np.flatnonzero(np.unpackbits(packed, bitorder="little"))

    def bits(self, mask: NDArray[np.bool_]) -> int:
        """The bit array of a mask over the places."""
        return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


@dataclass(frozen=True, slots=True)
class Told:
    """What one frame says; the same frame is the same object.

    Attributes:
        online: bits of those shown as online.
        busy: bits of those shown as busy.
        offline: bits of those listed as offline.
        others: how many contacts it lists, or 1 where they were not counted.
        account_id: the account it names, whatever that is.
    """

    online: int
    busy: int
    offline: int
    others: int = 0
    account_id: Any = None

    @property
    def shown(self) -> int:
        """Bits of those shown as there: online or busy."""
        return self.online | self.busy


@dataclass(slots=True)
class View:
    """What one observer was last told.

    Attributes:
        role: of the observer, as an index of the roles.
        place: of the observer among the targets.
        shown: bits of those it was told are there.
        busy: bits of those it was told are busy.
        known: bits of living targets it was told of since they came.
        ideal: bits of those an ideal server would have told it at its last request.
        excused: bits of those of whom it was told while they were overdue.
        unclocked: bits of those whose reappearance tells nothing, since it was not the server that lost them.
        followed: bits of the gone whose absence it could notice.
        made_ns: when it was told.
        asked_excused: bits of those overdue when it asked last.
        began_ns: start of each target's last mistake.
        noticed_ns: since when each followed absence is shown as such, or never.
        beats_ns: beat of each target behind the view.
    """

    role: int
    place: int
    shown: int
    busy: int
    known: int
    ideal: int
    excused: int
    made_ns: int
    began_ns: NDArray[np.int64]
    noticed_ns: NDArray[np.int64]
    beats_ns: NDArray[np.int64]
    unclocked: int = 0
    followed: int = 0
    asked_excused: int = 0


class Reader:
    """Turns the data of presence.update frames of one account into bits.

    Args:
        roster: who is simulated in the account.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._kept: OrderedDict[bytes, Told] = OrderedDict()
        self._users: Mapping[str, str] = {}  # of the newest frame
        self._contacts: Mapping[str, str] = {}
        self._bits = (0, 0, 0)  # online, busy, offline

    def read(self, data: bytes) -> Told:
        """Read a frame's ``data``.

        Raises:
            msgspec.MsgspecError: it is no presence data.
        """
        found = self._kept.get(data)
        if found is not None:
            return found
        read = _decode(data)
        told = self._newest(read)
        self._kept[data] = told
        if len(self._kept) > _KEPT_FRAMES:
            self._kept.popitem(last=False)
        return told

    def _newest(self, read: _Data) -> Told:
        users, contacts = read.users, read.contacts
        changes = list(_changes(users, self._users, self._roster.users))
        self._users = users
        if contacts is not None:
            changes += _changes(contacts, self._contacts, self._roster.contacts)
            self._contacts = contacts
        online, busy, offline = self._bits
        for place, status in changes:
            bit = 1 << place
            online, busy, offline = online & ~bit, busy & ~bit, offline & ~bit
            if status == "online":
                online |= bit
            elif status == "busy":
                busy |= bit
            elif status is not None:
                offline |= bit
        self._bits = (online, busy, offline)
        if contacts is not None:
            return Told(online, busy, offline, len(contacts), read.account_id)
        keep = self._roster.of_role[0]
        return Told(online & keep, busy & keep, offline & keep, 0, read.account_id)


def glance(data: bytes) -> Told:
    """Read no more of a frame's data than whom it is about: for an observer who is not followed.

    Raises:
        msgspec.MsgspecError: it is no presence data.
    """
    brief = _decode_brief(data)
    return Told(0, 0, 0, int(bytes(brief.contacts).strip() not in _NO_CONTACTS), brief.account_id)


def _changes(
    new: Mapping[str, str], old: Mapping[str, str], places: Mapping[str, int]
) -> Iterator[tuple[int, str | None]]:
    """(place, status now) of everybody simulated whose status differs; None for who is listed no more."""
    if new == old:
        return
    for name in {name for name, _ in new.items() ^ old.items()}:
        place = places.get(name)
        if place is not None:
            yield place, new.get(name)
