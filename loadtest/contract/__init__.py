"""OneChat's event contract: which events there are, who receives them, what is in them, and what breaks it.

The table is :mod:`loadtest.contract.events`; its payload shapes are in :mod:`loadtest.contract.payloads`. The AsyncAPI
document is made by :mod:`loadtest.contract.asyncapi`, which is imported where it is wanted.
"""

from loadtest.contract.checker import Checker, Recipient
from loadtest.contract.consequences import CAUSES, Cause, Consequence, consequences, events_not_driven, not_driven
from loadtest.contract.events import EVENTS, EventSpec, events_of
from loadtest.contract.evidence import evidence
from loadtest.contract.sampling import Sampler
from loadtest.contract.versions import DialectName

__all__ = [
    "CAUSES",
    "EVENTS",
    "Cause",
    "Checker",
    "Consequence",
    "DialectName",
    "EventSpec",
    "Recipient",
    "Sampler",
    "consequences",
    "events_not_driven",
    "events_of",
    "evidence",
    "not_driven",
]
