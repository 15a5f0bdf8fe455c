"""Action Cable's client side without I/O: identifiers, frames, one connection, liveness."""

from loadtest.cable.connection import CableConnection
from loadtest.cable.events import (
    Confirmed,
    Disconnected,
    Event,
    NoWelcome,
    Pinged,
    ProtocolFault,
    Received,
    Rejected,
    Stale,
    Unconfirmed,
    Welcomed,
)
from loadtest.cable.identifier import agent_identifier, contact_identifier
from loadtest.cable.liveness import RECONNECT_POLICIES, STALE_AFTER_S, ReconnectPolicy, reconnect_policy
from loadtest.cable.subscription import SubscriptionState
from loadtest.cable.transitions import State

__all__ = [
    "RECONNECT_POLICIES",
    "STALE_AFTER_S",
    "CableConnection",
    "Confirmed",
    "Disconnected",
    "Event",
    "NoWelcome",
    "Pinged",
    "ProtocolFault",
    "Received",
    "ReconnectPolicy",
    "Rejected",
    "Stale",
    "State",
    "SubscriptionState",
    "Unconfirmed",
    "Welcomed",
    "agent_identifier",
    "contact_identifier",
    "reconnect_policy",
]
