"""Identities and memberships: who is who, who sees what."""

from loadtest.directory.generate import Population, generate
from loadtest.directory.identities import read_identities, write_identities
from loadtest.directory.model import Agent, Audiences, Contact, Directory, Role

__all__ = [
    "Agent",
    "Audiences",
    "Contact",
    "Directory",
    "Population",
    "Role",
    "generate",
    "read_identities",
    "write_identities",
]
