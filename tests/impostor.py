"""Attackers: servers with keys that nobody can compute with, and men in the middle of MySQL's login."""

import os
import socket
import ssl
import threading

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
