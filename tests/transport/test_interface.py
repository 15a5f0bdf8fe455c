"""What transports share: values that keep secrets out of sight, and faces that both transports have."""

import ssl

from loadtest.transport.gevent_ws import WebSocket
from loadtest.transport.interface import Closed, Endpoint, Socket
from loadtest.transport.memory import MemorySocket


def test_an_endpoint_does_not_show_its_secrets():
    """Headers may hold credentials, so they are not in the representation."""
    endpoint = Endpoint(
        "wss://example.com/cable",
        ssl_context=ssl.create_default_context(),
        headers=(("Authorization", "Basic c2VjcmV0"),),
    )

    assert "c2VjcmV0" not in repr(endpoint)


def test_values_compare_by_content():
    """Two ends alike are equal."""
    assert Closed(1006, "", False, 7) == Closed(1006, "", False, 7)


def test_both_transports_have_the_face():
    """The socket of a run and the one of tests can stand for each other."""
    face = {name for name in vars(Socket) if not name.startswith("_")}
    missing = {kind.__name__: face - set(dir(kind)) for kind in (WebSocket, MemorySocket)}

    assert missing == {"WebSocket": set(), "MemorySocket": set()}
