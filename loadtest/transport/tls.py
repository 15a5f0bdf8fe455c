"""TLS over memory: bytes in, bytes out, no socket, so that one epoll serves plain and encrypted connections alike.

Costs the same as reading an SSL object on the descriptor (measured), and is public API.
"""

from __future__ import annotations

import ssl

_RECORD_BYTES = 16 * 1024  # the most that a record can hold (RFC 8446, 5.1)


class TlsStream:
    """The client's side of one TLS connection.

    Args:
        context: shared and verifying.
        hostname: name or address to verify; a name is also sent (SNI).
        session: of an earlier connection to the same server, to be resumed (RFC 8446, 2.2); a server that does not know
            it any more makes a full handshake of it.
    """

    __slots__ = ("_incoming", "_object", "_outgoing")

    def __init__(self, context: ssl.SSLContext, hostname: str, session: ssl.SSLSession | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname, session=session)

    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later connection may resume; with TLS 1.3 the server sends it after the handshake, with its data."""
        return self._object.session

    @property
    def is_resumed(self) -> bool:
        """Whether the handshake resumed an earlier session."""
        return bool(self._object.session_reused)

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

    def read(self) -> bytes | None:
        """Decrypt at most one record.

        Returns:
            What was in it, nothing at the peer's end of stream, None when more must be received first.

        Raises:
            ssl.SSLError: the peer broke TLS.
        """
        try:
            return self._object.read(_RECORD_BYTES)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""

    @property
    def is_drained(self) -> bool:
        """Whether nothing of what was received is left to decrypt."""
        return not self._incoming.pending and not self._object.pending()

    def write(self, data: bytes) -> None:
        """Encrypt ``data``; the result is in :meth:`outgoing`.

        Raises:
            ssl.SSLError: the stream is no longer usable.
        """
        self._object.write(data)

    def outgoing(self) -> bytes:
        """What is to be sent now; may be empty."""
        return self._outgoing.read() if self._outgoing.pending else b""
