"""The truth file: one JSON object a line for every fault that was applied, written while the server runs.

The first line is the header and the last one says how many stand between, so that a reader knows whether the file is
whole. Lines are handed over without waiting; a thread encodes and writes them several times a second, so that neither a
slow disk nor the encoding holds a delivery up.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from loadtest.errors import UsageError

SCHEMA = 1
FLUSH_S = 0.2
QUEUE_LIMIT = 2_000_000
"""Lines that may wait for the disk, about 300 B each; beyond that the truth could not be kept."""


class TruthLine(msgspec.Struct, omit_defaults=True):
    """One line. The first six keys are always written, the others where they are not empty.

    Attributes:
        t: when the fault took effect, Unix seconds to the microsecond.
        kind: of fault, as in the grammar; ``header`` and ``end`` for the first line and the last, ``window`` for the
            beginning and end of what lasts.
        event: of the delivery.
        mark: key of the emission's mark, as in closing records; empty where it has none.
        receiver: ``agent:7`` or ``contact:11``.
        held_us: how long it was really held, from the broadcast (or the moment it was due) to the socket.
        role: the receiver's; of a REST call, the caller's.
        account: its account.
        conversation: display id.
        emission: what decisions are hashed from; the mark's key, or account, conversation, actor and ordinal.
        run: the mark's run tag.
        planned_us: how long it was meant to be held.
        overtaken_by: emissions handed to the same socket while this one waited to be overtaken.
        sure: whether the last of them began after this one was answered, for certain.
        why: for a delay, ``reorder`` when it waited to be overtaken and was not.
        call: name of the REST call.
        sockets: how many were affected.
        bytes: leaked so far.
        stale: whether a frozen view differed from the true one.
        fault: of a ``window``, its kind.
        term: of a ``window``, as it was written.
        state: of a ``window``, ``begin`` or ``end``.
        schema: of the file, in the header.
        faults: the specification, in the header.
        seed: in the header.
        lines: how many stand between the first line and the last, in the last.
        unsent: frames still held when the server ended, in the last.
    """

    t: float
    kind: str
    event: str
    mark: str
    receiver: str
    held_us: int
    role: str = ""
    account: int = 0
    conversation: int = 0
    emission: str = ""
    run: str = ""
    planned_us: int = 0
    overtaken_by: Sequence[dict[str, str]] = ()
    sure: bool = False
    why: str = ""
    call: str = ""
    sockets: int = 0
    bytes: int = 0
    stale: bool = False
    fault: str = ""
    term: str = ""
    state: str = ""
    schema: int = 0
    faults: str = ""
    seed: int = 0
    lines: int = 0
    unsent: int = 0


def line(wall_ns: int, kind: str, *, receiver: str = "", held_us: int = 0, **values: Any) -> TruthLine:
    """A line about something that is no delivery.

    Args:
        wall_ns: when it took effect, Unix nanoseconds.
        kind: of fault.
        receiver: whom it concerns.
        held_us: how long something was held.
        values: further keys of :class:`TruthLine`.
    """
    return TruthLine(wall_ns // 1000 / 1e6, kind, "", "", receiver, held_us, **values)


class TruthLog:
    """Where truth goes while the server runs; without a path, nowhere.

    Args:
        path: the file, made anew when it is opened; None for none.

    Attributes:
        on_failure: called, by another thread, as soon as lines cannot be written; :meth:`check` says why.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._lines: deque[TruthLine] = deque()
        self._count = 0
        self._failed = ""
        self._wake = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None
        self.on_failure: Callable[[], object] = lambda: None

    @property
    def is_kept(self) -> bool:
        """Whether anybody wants to know."""
        return self._thread is not None

    def open(self, wall_ns: int, faults: str, seed: int) -> None:
        """Begin to write, with the header.

        Raises:
            UsageError: the file cannot be made.
        """
        if self._path is None:
            return
        try:
            self._file = Path(self._path).open("wb")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise _unwritable(self._path, error.strerror or str(error)) from error
        self._lines.append(line(wall_ns, "header", schema=SCHEMA, faults=faults, seed=seed))
        self._thread = threading.Thread(target=self._write_all, name="truth", daemon=True)
        self._thread.start()

    def add(self, entry: TruthLine) -> None:
        """Hand a line over; returns at once."""
        if self._thread is not None:
            self._lines.append(entry)
            self._count += 1
            if len(self._lines) > QUEUE_LIMIT and not self._failed:
                self._failed = f"{QUEUE_LIMIT} lines wait for the disk"
                self._wake.set()

    def check(self) -> None:
        """Do nothing while all lines can be written.

        Raises:
            UsageError: they cannot.
        """
        if self._failed:
            raise _unwritable(str(self._path), self._failed)

    def close(self, wall_ns: int, unsent: int = 0) -> None:
        """Write what is left and the last line; the file is whole on return.

        Args:
            wall_ns: Unix time in nanoseconds.
            unsent: frames that are still held.

        Raises:
            UsageError: not all lines could be written.
        """
        if self._thread is None:
            return
        self._lines.append(line(wall_ns, "end", lines=self._count, unsent=unsent))
        self._ending = True
        self._wake.set()
        self._thread.join()
        self._thread = None
        try:
            self._file.close()
        except OSError as error:
            self._failed = self._failed or error.strerror or str(error)
        self.check()

    def _write_all(self) -> None:
        encode = msgspec.json.Encoder().encode_lines
        waiting = self._lines
        while not self._failed:
            ending = self._ending  # read before the lines are, which are all there once it is set
            try:
                while waiting:
                    self._file.write(encode([waiting.popleft() for _ in range(min(len(waiting), 1000))]))
                self._file.flush()
            except OSError as error:
                self._failed = error.strerror or str(error)
            if ending:
                return
            self._wake.wait(FLUSH_S)
        waiting.clear()
        self.on_failure()


@dataclass(frozen=True, slots=True)
class Truth:
    """What a truth file holds.

    Attributes:
        faults: the specification.
        seed: what decided.
        lines: one for every fault applied, and the windows, in their order.
        whole: whether the server came to write its last line, and none is missing.
        unsent: frames still held when it ended.
    """

    faults: str
    seed: int
    lines: tuple[TruthLine, ...]
    whole: bool
    unsent: int = 0


def read_truth(path: Path | str) -> Truth:
    """Read a truth file; one that ends in the middle of a line is read up to there.

    Raises:
        UsageError: it cannot be read, or is no truth file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"it cannot be read: {error.strerror}", where=str(path), remedy="Give a file that --truth wrote"
        ) from error
    decode = msgspec.json.Decoder(TruthLine).decode
    lines: list[TruthLine] = []
    for number, text in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            lines.append(decode(text))
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"this is no line of a truth file: {error}", where=f"{path}:{number}", remedy="Give what --truth wrote"
            ) from error
    if not lines or lines[0].kind != "header" or lines[0].schema != SCHEMA:
        raise UsageError(
            f"it does not begin with a header of schema {SCHEMA}",
            where=str(path),
            remedy="Give a file that --truth of this version wrote",
        )
    header, last = lines[0], lines[-1]
    ended = last.kind == "end"
    between = tuple(lines[1 : -1 if ended else None])
    return Truth(header.faults, header.seed, between, ended and last.lines == len(between), last.unsent)


def _unwritable(path: str, why: str) -> UsageError:
    return UsageError(f"{path} cannot be written: {why}", where="--truth", remedy="Give a file in a folder with space")
