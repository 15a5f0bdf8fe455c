"""Locust users for OneChat: ``CableUser`` and its kinds."""

from loadtest.users.cable_user import AgentUser, CableUser, ContactUser, fleet_of
from loadtest.users.fleet import Fleet
from loadtest.users.settings import FleetSettings

__all__ = ["AgentUser", "CableUser", "ContactUser", "Fleet", "FleetSettings", "fleet_of"]
