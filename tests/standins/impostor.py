"""Attackers: servers with keys that nobody can compute with, and men in the middle of MySQL's login."""

import os
import select
import socket
import ssl

from lab import Server, mysql_packet
from standin import context_of, read_exactly

import der


def record(content, kind=22):
    """TLS 1.2 records of at most 16 KB."""
    return b"".join(bytes([kind]) + b"\x03\x03" + len(content[i:i + 16384]).to_bytes(2, "big") + content[i:i + 16384]
                    for i in range(0, len(content), 16384))


def handshake(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


ECDHE_RSA, DHE_RSA = b"\xc0\x2f", b"\x00\x9e"  # with AES-128-GCM-SHA256
# The generator of P-256 is a point as good as any.
P256_POINT = bytes.fromhex("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")


def vector(value, size=2):
    return len(value).to_bytes(size, "big") + value


class Tls12(Server):
    """A TLS 1.2 server up to the signature of its key exchange, which is nonsense: the cost is the client's who checks it."""

    def __init__(self, certificates, prime=None, signature=bytes(256), scheme=b"\x04\x01"):
        suite = DHE_RSA if prime else ECDHE_RSA
        hello = b"\x03\x03" + os.urandom(32) + b"\0" + suite + b"\0" + vector(b"\xff\x01\0\x01\0")
        chain = vector(b"".join(vector(c, 3) for c in certificates), 3)
        share = vector(prime) + vector(b"\x02") + vector(prime[:-1] + b"\x01") if prime else b"\x03\0\x17" + vector(P256_POINT, 1)
        self.flight = record(handshake(2, hello) + handshake(11, chain) + handshake(12, share + scheme + vector(signature)) + handshake(14, b""))
        super().__init__()

    def serve(self, connection):
        connection.recv(1 << 16)
        connection.sendall(self.flight)
        return connection.recv(64)  # an alert


def odd(bits):
    """A number of exactly so many bits that no short cut helps with."""
    return int.from_bytes(os.urandom(bits // 8), "big") | 1 << (bits - 1) | 1


def rsa_key(bits, exponent=65537, kind="rsa", parameters=b"\5\0"):
    return der.sequence(der.sequence(der.oid(kind), parameters),
                        der.tlv(3, b"\0" + der.sequence(der.integer(odd(bits)), der.integer(exponent))))


class Recorder(Server):
    """A man in the middle that speaks TLS with a certificate of its own, asks for the password as `asks` says, and keeps
    what it is given: the packets of the login, from the first on."""

    ASKS = {"nothing": None, "full": b"\x01\x04", "native": b"\xfemysql_native_password\0" + b"S" * 20 + b"\0",
            "sha2": b"\xfecaching_sha2_password\0" + b"S" * 20 + b"\0", "sha256": b"\xfesha256_password\0" + b"S" * 20 + b"\0",
            "clear": b"\xfemysql_clear_password\0"}

    def __init__(self, pki, chain, asks="nothing", plugin=b"caching_sha2_password", tls=True):
        self.context, self.asks, self.plugin, self.tls = context_of(pki, chain), self.ASKS[asks], plugin, tls
        super().__init__()

    @staticmethod
    def read(connection):
        head = read_exactly(connection.recv, 4)
        return head[3], read_exactly(connection.recv, int.from_bytes(head[:3], "little"))

    def serve(self, connection):
        capabilities = b"\xff\xff" if self.tls else b"\xff\xf7"
        connection.sendall(mysql_packet(0, b"\x0a8.0.36\0\x0b\0\0\0" + b"A" * 8 + b"\0" + capabilities + b"\xff\x02\0\xff\xdf\x15" +
                                        bytes(10) + b"B" * 12 + b"\0" + self.plugin + b"\0"))
        sequence, first = self.read(connection)
        if len(first) > 32:
            return self.listen(connection, sequence, first)
        with self.context.wrap_socket(connection, server_side=True) as tls:
            return self.listen(tls, *self.read(tls))

    def listen(self, connection, sequence, login):
        given = [login]
        if self.asks:
            connection.sendall(mysql_packet(sequence + 1, self.asks))
            sequence, answer = self.read(connection)
            given.append(answer)
        connection.sendall(mysql_packet(sequence + 1, b"\xff\x15\x04#28000Access denied"))
        return given


class Passing(Server):
    """Hands every byte on and keeps the client's."""

    def __init__(self, upstream):
        self.upstream = upstream
        super().__init__()

    def serve(self, connection):
        with socket.create_connection(("127.0.0.1", self.upstream)) as up:
            return self.hand_on(connection, up)

    def hand_on(self, ours, theirs):
        """In one thread: a TLS connection of Python is not for two at once."""
        heard, from_where = b"", {ours: theirs, theirs: ours}
        while ours in from_where:
            waiting = [s for s in from_where if isinstance(s, ssl.SSLSocket) and s.pending()]
            for s in waiting or select.select(list(from_where), [], [])[0]:
                data = receive(s)
                try:
                    if data:
                        heard += data if s is ours else b""
                        from_where[s].sendall(data)
                    elif data is not None:
                        to = from_where.pop(s)
                        if s is theirs:
                            to.shutdown(socket.SHUT_WR)
                except OSError:
                    return heard
        return heard


def receive(s):
    """What has come; b"" at its end, None if that was nothing but a part of TLS's own."""
    s.settimeout(0)
    try:
        return s.recv(4096)
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    except OSError:
        return b""
    finally:
        s.settimeout(30)


class Middle(Passing):
    """Stands between the prober and a real server: ends TLS with a certificate of its own and begins it again, so that
    the server's salt reaches the prober and the prober's answer the server."""

    def __init__(self, pki, chain, upstream):
        self.context = context_of(pki, chain)
        super().__init__(upstream)

    def serve(self, connection):
        with socket.create_connection(("127.0.0.1", self.upstream)) as up:
            connection.sendall(up.recv(4096))
            head = read_exactly(connection.recv, 4)  # ClientHello may come with it, and is not the server's
            first = head + read_exactly(connection.recv, int.from_bytes(head[:3], "little"))
            up.sendall(first)
            assert len(first) == 36, "no SSLRequest"
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            with self.context.wrap_socket(connection, server_side=True) as ours, client.wrap_socket(up) as theirs:
                return self.hand_on(ours, theirs)
