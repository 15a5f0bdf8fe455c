"""What collectors measure in a while: the one value that travels from a worker to the master and into the store.

A batch holds deltas. Merging batches is exact and may be done in any order and grouping, so workers may report when
they like and late reports still count where they belong.
Nothing in it is per delivery: histograms and counts by window, a closing per emission and worker, a few moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final

import numpy as np

from loadtest.metrics import bulk
from loadtest.metrics.histogram import Histogram

Key = tuple[int, str, str, str]
"""(window, metric, name, role): where a histogram or a count belongs."""

_VERSION: Final = 2


@dataclass(slots=True)
class Closing:
    """The account of one emission, for one event and one receiver role, by one worker.

    A correction that comes later is a further closing whose counts are deltas.

    Attributes:
        mark: the emission's mark.
        event: the event's name on the wire.
        role: the receivers' role.
        worker: who counted.
        account_id: account of the conversation.
        conversation_id: the conversation.
        inbox_id: inbox of the conversation.
        actor_role: role of the user that acted.
        actor_id: id of the user that acted.
        due_us: when the plan made the action due, Unix microseconds.
        lateness_us: dispatched - due.
        rest_wait_us: written - dispatched.
        response_us: response - written; None when no response came.
        status: ``ok`` (2xx), ``void`` (4xx) or ``uncertain`` (timeout, reset, 5xx).
        emitted: 1 on exactly one row of an emission, the emitter's own, else 0.
        expected: deliveries to subscriptions that stood at the send; each ends as exactly one of delivered, late, lost,
            cut_by_peer, cut_by_us or undetermined.
        delivered: arrived before the deadline.
        late: arrived after the deadline.
        lost: never arrived.
        duplicated: further copies.
        reordered: first copies that arrived after one whose action began after this one's response.
        leaked: arrivals at somebody who was never allowed to see them.
        cut_by_peer: the receiver's epoch was ended by the peer.
        cut_by_us: the receiver's epoch was ended by this tool.
        away: people of the audience without a subscription at the send: nothing is expected for them.
        undetermined: what cannot be told.
        first_us: arrival - due at the first receiver of this role; None when there was none.
        last_us: arrival - due at the last receiver of this role; None when there was none.
    """

    mark: str
    event: str
    role: str
    worker: str
    account_id: int
    conversation_id: int
    inbox_id: int
    actor_role: str
    actor_id: int
    due_us: int
    lateness_us: int
    rest_wait_us: int
    response_us: int | None
    status: str
    emitted: int
    expected: int
    delivered: int
    late: int
    lost: int
    duplicated: int
    reordered: int
    leaked: int
    cut_by_peer: int
    cut_by_us: int
    away: int
    undetermined: int
    first_us: int | None
    last_us: int | None


@dataclass(slots=True)
class Doubt:
    """What a worker's account of an emission would be if there was one; whether there was, only all workers know.

    An emission whose POST has no clear answer was made if anybody received it, whoever that is. A worker that received
    nothing cannot tell, so it says what it would have to say, and the process that hears all of them decides.

    Attributes:
        call: the REST call that may have emitted; empty for an event that only perhaps follows from its call.
        closing: the account, of somebody who received nothing.
    """

    call: str
    closing: Closing


@dataclass(slots=True)
class Note:
    """A moment on the time line.

    Attributes:
        at_us: Unix microseconds.
        kind: ``phase``, ``breach``, ``disconnect``, ``annotation``, ``violation`` or ``error``.
        text: for people.
        data: for programs: plain values by name.
    """

    at_us: int
    kind: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Gauge:
    """A level at a moment, as one worker saw it.

    Attributes:
        at_us: Unix microseconds.
        name: what is measured, such as ``users.connected.agent``.
        worker: who measured.
        value: the level.
    """

    at_us: int
    name: str
    worker: str
    value: float


CLOSING_FIELDS: Final = tuple(f.name for f in fields(Closing))
_CLOSING_TYPES: Final = tuple(
    {"str": (str,), "int": (int,), "int | None": (int, type(None))}[str(f.type)] for f in fields(Closing)
)
_closing_row = attrgetter(*CLOSING_FIELDS)


@dataclass(slots=True)
class Batch:
    """Deltas of everything that is measured.

    Attributes:
        hists: latencies in microseconds by key.
        counts: sums by key; whole numbers merge exactly.
        closings: accounts of emissions, in no order that means anything.
        notes: moments, in no order that means anything.
        gauges: levels, in no order that means anything.
        doubts: accounts of emissions that perhaps were none, to be decided by who hears all workers.
    """

    hists: dict[Key, Histogram] = field(default_factory=dict)
    counts: dict[Key, int | float] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    gauges: list[Gauge] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)

    def hist(self, window: int, metric: str, name: str = "", role: str = "") -> Histogram:
        """The histogram of a key, made when it is first asked for."""
        key = (window, metric, name, role)
        found = self.hists.get(key)
        if found is None:
            found = self.hists[key] = Histogram()
        return found

    def add(self, window: int, metric: str, name: str = "", role: str = "", value: int | float = 1) -> None:
        """Add ``value`` to the count of a key."""
        key = (window, metric, name, role)
        self.counts[key] = self.counts.get(key, 0) + value

    def merge(self, other: Batch) -> None:
        """Add everything of another batch; the other stays as it is and nothing is shared with it but the rows."""
        for key, hist in other.hists.items():
            found = self.hists.get(key)
            if found is None:
                self.hists[key] = hist.copy()
            else:
                found.merge(hist)
        for key, value in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + value
        self.closings += other.closings
        self.notes += other.notes
        self.gauges += other.gauges
        self.doubts += other.doubts

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.hists or self.counts or self.closings or self.notes or self.gauges or self.doubts)

    def to_plain(self) -> dict[str, Any]:
        """The batch in plain types only, which msgpack packs even with ``strict_types``.

        Raises:
            TypeError: something in it is not a plain value.
        """
        return {
            "version": _VERSION,
            "hists": [[*map(plain, key), hist.to_bytes()] for key, hist in self.hists.items()],
            "counts": [[*map(plain, key), plain(value)] for key, value in self.counts.items()],
            "closings": [[plain(value) for value in _closing_row(closing)] for closing in self.closings],
            "notes": [[plain(note.at_us), plain(note.kind), plain(note.text), plain(note.data)] for note in self.notes],
            "gauges": [
                [plain(gauge.at_us), plain(gauge.name), plain(gauge.worker), plain(gauge.value)]
                for gauge in self.gauges
            ],
            "doubts": [[plain(doubt.call), *map(plain, _closing_row(doubt.closing))] for doubt in self.doubts],
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Batch:
        """The batch that :meth:`to_plain` wrote; a key that is there twice is merged.

        Raises:
            ValueError: it is not a batch, or one of another version; the text says what does not fit.
        """
        if not isinstance(data, Mapping) or data.get("version") != _VERSION:
            raise ValueError(f"not a batch of version {_VERSION}: the workers must run the same release as the master")
        batch = cls()
        hists = _rows(data, "hists", (*_KEY_TYPES, (bytes,)))
        decoded = bulk.decode_many([row[4] for row in hists])
        for (window, metric, name, role, _), hist in zip(hists, decoded, strict=True):
            batch.hist(window, metric, name, role).merge(hist)
        for window, metric, name, role, value in _rows(data, "counts", (*_KEY_TYPES, (int, float))):
            batch.add(window, metric, name, role, value)
        batch.closings = [Closing(*row) for row in _rows(data, "closings", _CLOSING_TYPES)]
        batch.notes = [Note(*row) for row in _rows(data, "notes", ((int,), (str,), (str,), (dict,)))]
        batch.gauges = [Gauge(*row) for row in _rows(data, "gauges", ((int,), (str,), (str,), (int, float)))]
        batch.doubts = [Doubt(row[0], Closing(*row[1:])) for row in _rows(data, "doubts", ((str,), *_CLOSING_TYPES))]
        return batch


_KEY_TYPES: Final = ((int,), (str,), (str,), (str,))


def _rows(data: Mapping[str, Any], part: str, types: tuple[tuple[type, ...], ...]) -> list[list[Any]]:
    """The rows of one part, each checked for its length and types."""
    rows = data.get(part)
    if not isinstance(rows, list):
        raise ValueError(f"not a batch: {part!r} must be a list, got {type(rows).__name__}")  # noqa: TRY004 - input
    for row in rows:
        if not isinstance(row, list) or len(row) != len(types):
            raise ValueError(f"not a batch: a row of {part!r} must be a list of {len(types)}")
        for place, (value, allowed) in enumerate(zip(row, types, strict=True)):
            if not isinstance(value, allowed):
                got = type(value).__name__
                raise ValueError(f"not a batch: a row of {part!r} holds a {got} at place {place}")  # noqa: TRY004 - input
    return rows


def plain(value: Any) -> Any:
    """A value in plain types only: numpy scalars and subclasses (enumerations) become what they stand for.

    Raises:
        TypeError: the value is not made of plain values; nothing is stored that nobody thought of.
    """
    kind = type(value)
    if kind in (int, str, float, bytes, bool) or value is None:
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise TypeError(f"not a plain value: {kind.__module__}.{kind.__qualname__}")
