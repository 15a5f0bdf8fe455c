"""What a process must know to simulate its users."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from loadtest.transport.address import cable_endpoint
from loadtest.transport.interface import Endpoint

Reconnect = Literal["official", "chatwoot", "immediate", "no-jitter", "none"]
Refetch = Literal["none", "reconnect", "meta", "all"]


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """Options of the run, as every process gets them.

    Attributes:
        run_tag: the run's 6 characters in marks.
        seed: of everything that is drawn.
        heartbeat_s: time between two presence beats of a socket.
        emit_rate: messages a second of the whole fleet.
        connect_rate: users of the whole fleet that first connect, a second; 0 for as they come.
        emissions: how many messages the whole fleet sends; 0 for as many as there is time for.
        think_s: mean time from a question to its answer.
        typing_s: how long somebody types before sending; 0 for no typing.
        mix: further acts per exchange, as ``ACT=RATE,...``.
        load_profile: how much of rate and users is offered when, see :mod:`loadtest.plan.load_profile`.
        storm: sockets that are dropped in bulk, see :mod:`loadtest.plan.storm`.
        slow_readers: further sockets that do not keep up, see there.
        plan_began_s: seconds of the plan that an earlier part of the run has played.
        canary_s: silence of an inbox after which a contact speaks up there; 0 for never.
        stay_s: mean visit of a contact; 0 means contacts stay.
        away_s: mean pause between two visits.
        deadline_s: how long a delivery may take.
        window_s: length of a window.
        client: handshake as the ``official`` JavaScript client makes it, or as the ``seed``'s snippet does.
        reconnect: back-off after a lost connection.
        cable_path: path of the cable under the base URL.
        ca_file: PEM file of a private CA, or None for the system's.
        origin: sent as the Origin instead of the target's own; empty sends none, None leaves it to ``client``.
        subprotocols: offered instead of those of ``client``, where not None.
        auth_header: name of the header of agents' access tokens; empty for upstream's.
        headers: sent with every request and upgrade; may hold secrets, so it is left out of ``repr``.
        source_addresses: local addresses that connections leave from in turn; empty leaves it to the kernel.
        refetch: REST calls that real clients make by themselves, see :mod:`loadtest.users.refetch`.
        dialect: whose audience rules hold.
        agent_expiry_s: the target's presence expiry for agents, None when not known.
        contact_expiry_s: the same for contacts.
        presence_scenario: how people come and go, see :mod:`loadtest.plan.scenario`.
        presence_oracle_s: mean time between two questions to REST who is online; 0 for none.
        presence_pairs: pairs of observer and target followed in a process at most.
        presence_log: file to log everything to that is seen of presence, each process with its name behind it; or "".
        delivery_log: file to log every latency to, each process with its name behind it; or "".
        rest_connections: size of the REST connection pool of a process.
        rest_timeout_s: bound on one REST call.
        confirm_timeout_s: silence after a subscribe that counts as unconfirmed.
        connect_timeout_s: bound on one handshake.
        stale_after_s: silence after which a client gives a connection up.
        close_timeout_s: bound on one close handshake.
        connects_at_once: handshakes in flight at most.
        kernel_stamps: share of the sockets whose reads the kernel stamps.
    """

    run_tag: str
    seed: int = 0
    heartbeat_s: float = 30.0
    emit_rate: float = 1.0
    emissions: int = 0
    connect_rate: float = 0.0
    think_s: float = 2.0
    typing_s: float = 1.0
    mix: str = ""
    load_profile: str = "flat"
    storm: str = ""
    slow_readers: str = ""
    plan_began_s: float = 0.0
    canary_s: float = 0.0
    stay_s: float = 0.0
    away_s: float = 5.0
    deadline_s: float = 10.0
    window_s: float = 1.0
    client: Literal["official", "seed"] = "official"
    reconnect: Reconnect = "official"
    cable_path: str = "/cable"
    ca_file: str | None = None
    origin: str | None = None
    subprotocols: tuple[str, ...] | None = None
    auth_header: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    source_addresses: tuple[str, ...] = ()
    refetch: Refetch = "none"
    dialect: Literal["auto", "seed", "current"] = "auto"
    agent_expiry_s: float | None = None
    contact_expiry_s: float | None = None
    presence_scenario: str = ""
    presence_oracle_s: float = 0.0
    presence_pairs: int = 1_000_000
    presence_log: str = ""
    delivery_log: str = ""
    rest_connections: int = 64
    rest_timeout_s: float = 10.0
    confirm_timeout_s: float = 10.0
    connect_timeout_s: float = 10.0
    stale_after_s: float = 6.0
    close_timeout_s: float = 2.0
    connects_at_once: int = 64
    kernel_stamps: float = 0.1

    def to_plain(self) -> dict[str, Any]:
        """Plain types, for Locust's messages."""
        return asdict(self)

    @staticmethod
    def from_plain(plain: dict[str, Any]) -> FleetSettings:
        """The inverse of :meth:`to_plain`, lists for tuples included, as Locust's messages make them."""
        settings = dict(plain)
        if settings["subprotocols"] is not None:
            settings["subprotocols"] = tuple(settings["subprotocols"])
        settings["headers"] = tuple((name, value) for name, value in settings["headers"])
        settings["source_addresses"] = tuple(settings["source_addresses"])
        return FleetSettings(**settings)

    def endpoint(self, host: str) -> Endpoint:
        """The cable of a target, and how it is opened.

        Args:
            host: the target's base URL.

        Raises:
            UsageError: the URL, the CA file or a header is unusable.
        """
        return cable_endpoint(
            host,
            cable_path=self.cable_path,
            client=self.client,
            origin=self.origin,
            subprotocols=self.subprotocols,
            ca_file=self.ca_file,
            headers=self.headers,
            connect_timeout_s=self.connect_timeout_s,
            source_addresses=self.source_addresses,
        )
