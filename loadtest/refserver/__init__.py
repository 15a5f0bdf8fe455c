"""Embedded OneChat: ``/cable``, REST, presence with expiry and fan-out in one asyncio process.

A reference to measure the toolkit against, and the target of a run that was given none. It serves the calls the toolkit
itself makes, at the paths and with the bodies of the real product, and no others.

``child`` starts it from a run (standard library only, with or without gevent's patches); ``main`` is the process.
This package's face imports neither aiohttp nor asyncio, so that a run which only starts the child pays for neither.
"""

from loadtest.refserver.child import ServerChild, start_child
from loadtest.refserver.dialect import DIALECTS, Dialect
from loadtest.refserver.settings import ServerSettings

__all__ = ["DIALECTS", "Dialect", "ServerChild", "ServerSettings", "start_child"]
