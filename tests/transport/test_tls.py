"""TLS over memory, against the standard library's server side."""

from __future__ import annotations

import ssl

import pytest

from loadtest.transport.address import verifying_context
from loadtest.transport.tls import TlsStream
from tests.certificates import Certificates


class Server:
    """The other end, over memory too."""

    def __init__(self, certificates: Certificates) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.server, certificates.key)
        self.renew()

    def renew(self) -> Server:
        """Be ready for a new connection."""
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = self._context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        return self

    def shake(self, client: TlsStream) -> None:
        """Complete the handshake on both sides."""
        done = False
        while not done:
            done = client.handshake()
            self.incoming.write(client.outgoing())
            try:
                self.object.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            client.receive(self.outgoing.read())


@pytest.fixture
def pair(certificates: Certificates) -> tuple[TlsStream, Server]:
    """Both ends, agreed."""
    client = TlsStream(verifying_context(certificates.authority), "localhost")
    server = Server(certificates)
    server.shake(client)
    return client, server


def test_a_session_is_resumed(certificates: Certificates) -> None:
    """What the server sent with its first data spares the next handshake the certificate."""
    context = verifying_context(certificates.authority)
    server = Server(certificates)
    first = TlsStream(context, "localhost")
    server.shake(first)
    server.object.write(b"data")
    first.receive(server.outgoing.read())
    first.read()
    second = TlsStream(context, "localhost", first.session)
    server.renew().shake(second)

    assert (first.is_resumed, second.is_resumed) == (False, True)


def test_many_records_in_one_receive(pair: tuple[TlsStream, Server]) -> None:
    """All records of a receive are decrypted before more is asked for."""
    client, server = pair
    sent = [bytes([number]) * 5000 for number in range(10)]
    for data in sent:
        server.object.write(data)
    client.receive(server.outgoing.read())
    got = b""
    while text := client.read():
        got += text

    assert (b"".join(sent), None) == (got, client.read())


def test_record_in_two_parts(pair: tuple[TlsStream, Server]) -> None:
    """Half a record is nothing yet."""
    client, server = pair
    server.object.write(b"whole")
    data = server.outgoing.read()
    client.receive(data[:-3])
    first = client.read()
    client.receive(data[-3:])

    assert (first, client.read()) == (None, b"whole")


def test_write(pair: tuple[TlsStream, Server]) -> None:
    """What is written is encrypted, and read by the other end."""
    client, server = pair
    client.write(b"secret")
    data = client.outgoing()
    server.incoming.write(data)

    assert (b"secret" in data, server.object.read(), client.outgoing()) == (False, b"secret", b"")


def test_end_of_stream(pair: tuple[TlsStream, Server]) -> None:
    """The peer's closing alert is an end of stream."""
    client, server = pair
    with pytest.raises(ssl.SSLWantReadError):
        server.object.unwrap()
    client.receive(server.outgoing.read())

    assert client.read() == b""


def test_untrusted(certificates: Certificates) -> None:
    """An authority that is not trusted fails the handshake."""
    client = TlsStream(verifying_context(certificates.stranger), "localhost")

    with pytest.raises(ssl.SSLCertVerificationError):
        Server(certificates).shake(client)
