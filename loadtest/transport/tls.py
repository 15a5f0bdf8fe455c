"""TLS over memory: bytes in, bytes out, no socket, so that one epoll serves plain and encrypted connections alike.

Costs the same as reading an SSL object on the descriptor (measured), and is public API.
"""

from __future__ import annotations

import ssl


class TlsStream:
    """The client's side of one TLS connection.

    Args:
        context: shared and verifying.
        hostname: name or address to verify; a name is also sent (SNI).
    """

    __slots__ = ("_incoming", "_object", "_outgoing")

    def __init__(self, context: ssl.SSLContext, hostname: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    def handshake(self) -> bool:
        """Go on with the handshake; send :meth:`outgoing` after it, whatever it returns or raises.

        Returns:
            Whether it is complete.

        Raises:
            ssl.SSLError: it failed, ``SSLCertVerificationError`` when the server is not who it should be.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take encrypted bytes from the network."""
        self._incoming.write(data)

    def read_into(self, buffer: bytearray) -> int | None:
        """Decrypt at most one record into ``buffer`` (16 KiB take any).

        Returns:
            The number of bytes, 0 at the peer's end of stream, None when more must be received first.

        Raises:
            ssl.SSLError: the peer broke TLS.
        """
        try:
            # With a buffer, read() gives the number of bytes; typeshed knows only the form without one.
            return self._object.read(len(buffer), buffer)  # type: ignore[return-value]
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return 0

    def write(self, data: bytes) -> None:
        """Encrypt ``data``; the result is in :meth:`outgoing`.

        Raises:
            ssl.SSLError: the stream is no longer usable.
        """
        self._object.write(data)

    def outgoing(self) -> bytes:
        """What is to be sent now; may be empty."""
        return self._outgoing.read() if self._outgoing.pending else b""
