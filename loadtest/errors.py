"""Every exception of the toolkit, split by whose fault it is.

    LoadtestError
    ├── UsageError           yours: an option, a file, an address; exit code 2
    ├── CableProtocolError   the peer sent something that is not Action Cable
    ├── ContractViolation    the peer sent Action Cable that breaks OneChat's event contract
    ├── TransportError       the network, or a handshake that was refused
    └── GeneratorError       this tool failed or was the bottleneck; exit code 4

An error says three things: what was wrong, where, and what to do.
Errors carry data in fields and build their text late, so that callers count by field and never parse text.
"""

from __future__ import annotations

from functools import partial
from typing import Any


class LoadtestError(Exception):
    """Base of all errors raised by the toolkit."""


class UsageError(LoadtestError):
    """Something the caller gave is wrong.

    Args:
        what: what was wrong, in a sentence without a full stop.
        where: the option, file and line, or key at fault; may be empty.
        remedy: what to do about it, as an instruction; may be empty.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self.what, where=self.where, remedy=self.remedy), ()

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.remedy}" if self.remedy else text


class CableProtocolError(LoadtestError):
    """The peer sent something that is not the Action Cable protocol.

    Args:
        kind: a short stable name to count by, such as ``not_json`` or ``unknown_type``.
        detail: what was seen, never longer than a line and never holding a token.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"cable protocol: {self.kind}" + (f" ({self.detail})" if self.detail else "")


class ContractViolation(LoadtestError):  # noqa: N818 - the name says what happened
    """The peer sent an event that the contract forbids.

    Args:
        kind: a short stable name to count by, such as ``wrong_audience``.
        event: the event's name on the wire.
        detail: what was seen, holding keys, types and ids only.
    """

    def __init__(self, kind: str, event: str, detail: str = "") -> None:
        super().__init__(kind, event, detail)
        self.kind = kind
        self.event = event
        self.detail = detail

    def __str__(self) -> str:
        return f"contract: {self.kind} in {self.event}" + (f" ({self.detail})" if self.detail else "")


class TransportError(LoadtestError):
    """The network failed, or the peer refused the connection.

    Args:
        kind: a short stable name to count by: ``dns``, ``refused``, ``timeout``, ``reset``, ``tls``,
            ``http_404`` (any HTTP status), ``subprotocol``, ``handshake``, ``closed``.
        where: the address spoken to, without query or token.
        detail: the system's or library's own words.
    """

    def __init__(self, kind: str, where: str = "", detail: str = "") -> None:
        super().__init__(kind, where, detail)
        self.kind = kind
        self.where = where
        self.detail = detail

    def __str__(self) -> str:
        text = f"{self.where}: {self.kind}" if self.where else self.kind
        return text + (f" ({self.detail})" if self.detail else "")


class GeneratorError(LoadtestError):
    """This tool failed, or was itself the bottleneck.

    Args:
        what: what happened, in a sentence without a full stop.
        remedy: what to do about it; may be empty.
    """

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self.what, remedy=self.remedy), ()

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what
