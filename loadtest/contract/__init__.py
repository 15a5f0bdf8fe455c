"""OneChat's event contract: which events there are and who receives them."""

from loadtest.contract.events import EVENTS, EventSpec

__all__ = ["EVENTS", "EventSpec"]
