"""What a transport gives and calls, and the transport in memory.

The transport of a run is :mod:`loadtest.transport.gevent_ws`, imported by its own name: this package pulls no gevent.
"""

from loadtest.transport.interface import Closed, Endpoint, Handler, Socket
from loadtest.transport.line import Fault, Line, delay, deliver, drop, duplicate, reorder
from loadtest.transport.memory import MemoryNetwork, MemorySocket, ServerEnd

__all__ = [
    "Closed",
    "Endpoint",
    "Fault",
    "Handler",
    "Line",
    "MemoryNetwork",
    "MemorySocket",
    "ServerEnd",
    "Socket",
    "delay",
    "deliver",
    "drop",
    "duplicate",
    "reorder",
]
