"""What a process must know to simulate its users."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Reconnect = Literal["official", "chatwoot", "immediate", "none"]


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """Options of the run, as every process gets them.

    Attributes:
        run_tag: the run's 6 characters in marks.
        seed: of everything that is drawn.
        heartbeat_s: time between two presence beats of a socket.
        emit_rate: messages a second of the whole fleet.
        think_s: mean time from a question to its answer.
        typing_s: how long somebody types before sending; 0 for no typing.
        mix: further acts per exchange, as ``ACT=RATE,...``.
        stay_s: mean visit of a contact; 0 means contacts stay.
        away_s: mean pause between two visits.
        deadline_s: how long a delivery may take.
        window_s: length of a window.
        client: handshake as the ``official`` JavaScript client makes it, or as the ``seed``'s snippet does.
        reconnect: back-off after a lost connection.
        cable_path: path of the cable under the base URL.
        ca_file: PEM file of a private CA, or None for the system's.
        dialect: whose audience rules hold.
        agent_expiry_s: the target's presence expiry for agents, None when not known.
        contact_expiry_s: the same for contacts.
        rest_connections: size of the REST connection pool of a process.
        rest_timeout_s: bound on one REST call.
        confirm_timeout_s: silence after a subscribe that counts as unconfirmed.
        connect_timeout_s: bound on one handshake.
        stale_after_s: silence after which a client gives a connection up.
        close_timeout_s: bound on one close handshake.
        connects_at_once: handshakes in flight at most.
    """

    run_tag: str
    seed: int = 0
    heartbeat_s: float = 30.0
    emit_rate: float = 1.0
    think_s: float = 2.0
    typing_s: float = 1.0
    mix: str = ""
    stay_s: float = 0.0
    away_s: float = 5.0
    deadline_s: float = 10.0
    window_s: float = 1.0
    client: Literal["official", "seed"] = "official"
    reconnect: Reconnect = "official"
    cable_path: str = "/cable"
    ca_file: str | None = None
    dialect: Literal["auto", "seed", "current"] = "auto"
    agent_expiry_s: float | None = None
    contact_expiry_s: float | None = None
    rest_connections: int = 64
    rest_timeout_s: float = 10.0
    confirm_timeout_s: float = 10.0
    connect_timeout_s: float = 10.0
    stale_after_s: float = 6.0
    close_timeout_s: float = 2.0
    connects_at_once: int = 64

    def to_plain(self) -> dict[str, Any]:
        """Plain types, for Locust's messages."""
        return asdict(self)

    @staticmethod
    def from_plain(plain: dict[str, Any]) -> FleetSettings:
        """The inverse of :meth:`to_plain`."""
        return FleetSettings(**plain)
