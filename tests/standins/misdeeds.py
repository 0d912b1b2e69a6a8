"""What servers may do to a probe, as functions that serve one connection; and all of it by name, with what a probe makes of it."""

import socket
import time

from impostor import handshake, record
from lab import mysql_greeting, tds_packet, tds_prelogin

GREETING = mysql_greeting()


SERVER_HELLO = record(handshake(2, b"\x03\x03" + bytes(32) + b"\0\xc0\x2f\0\0\x05\xff\x01\0\x01\0"))


def silent(c):
    c.recv(1 << 16)
    time.sleep(15)


def answers(words):
    """A port in the clear: a listener that answers whatever comes with these bytes, hangs up, or says nothing."""
    def serve(connection):
        connection.recv(4096)
        if words is None:
            time.sleep(10)
        elif words:
            connection.sendall(words)
            time.sleep(0.2)
    return serve


def slow(data):
    def serve(c):
        c.recv(1 << 16)
        for byte in data:
            c.sendall(bytes([byte]))
            time.sleep(1)
    return serve


def slow_greeting(c):
    for byte in GREETING:
        c.sendall(bytes([byte]))
        time.sleep(1)


def says(data, after=True):
    def serve(c):
        if after:
            c.recv(1 << 16)
        c.sendall(data)
        time.sleep(0.2)
        c.shutdown(socket.SHUT_WR)
        time.sleep(0.5)
    return serve


def closes_at_once(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def postgres_then(serve):
    def whole(c):
        c.recv(8)
        c.sendall(b"S")
        serve(c)
    return whole


def mysql_then(serve):
    def whole(c):
        c.sendall(GREETING)
        c.recv(36)
        serve(c)
    return whole


def tds_then(serve):
    def whole(c):
        c.recv(47)
        c.sendall(tds_prelogin(0))
        serve(c)
    return whole


def says_and_waits(data):
    def serve(c):
        c.recv(1 << 16)
        c.sendall(data)
        time.sleep(15)
    return serve


def big_chain(c):
    """A server certificate of 4 MB: no handshake message is that long."""
    c.recv(1 << 16)
    c.sendall(SERVER_HELLO)
    size = 4 << 20
    certificate = size.to_bytes(3, "big") + bytes(size)
    c.sendall(record(handshake(11, len(certificate).to_bytes(3, "big") + certificate)))
    time.sleep(10)


def many_certificates(c):
    """4 MB of small certificates over as many records."""
    c.recv(1 << 16)
    c.sendall(SERVER_HELLO)
    one = (1000).to_bytes(3, "big") + bytes(1000)
    c.sendall(record(handshake(11, (len(one) * 4000).to_bytes(3, "big") + one * 4000)))
    time.sleep(10)


MISDEEDS = {
    # name: engine, server, outcome, stage, whether it takes the whole timeout
    "silent-postgres": ("postgres", silent, "unreachable", "preamble", True),
    "silent-mysql": ("mysql", lambda c: time.sleep(15), "unreachable", "preamble", True),
    "silent-tls": ("tls", silent, "handshake-failed", "handshake", True),
    "silent-after-s": ("postgres", postgres_then(silent), "handshake-failed", "handshake", True),
    "silent-after-greeting": ("mysql", mysql_then(silent), "handshake-failed", "handshake", True),
    "slow-greeting": ("mysql", slow_greeting, "unreachable",
                      "preamble", True),
    "slow-error": ("postgres", slow(b"E\0\0\0\x40SFATAL\0"), "unreachable", "preamble", True),
    "slow-tls": ("tls", slow(SERVER_HELLO), "handshake-failed", "handshake", True),
    "closing-at-once": ("postgres", closes_at_once, "unreachable", "preamble", False),
    "closing-before-answer": ("postgres", says(b""), "unreachable", "preamble", False),
    "closing-in-greeting": ("mysql", says(GREETING[:20], after=False), "unreachable", "preamble", False),
    "closing-after-s": ("postgres", says(b"S"), "handshake-failed", "handshake", False),
    "closing-after-hello": ("tls", says(SERVER_HELLO), "handshake-failed", "handshake", False),
    "garbage-postgres": ("postgres", says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "handshake-failed", "preamble", False),
    "garbage-mysql": ("mysql", says(b"SSH-2.0-OpenSSH_9.2p1\r\n", after=False), "handshake-failed", "preamble", False),
    "injecting-mysql": ("mysql", says(GREETING + b"x", after=False), "handshake-failed", "handshake", False),
    "injecting-tds": ("sqlserver-se", says(tds_prelogin(3) + b"x"), "handshake-failed", "handshake", False),
    "garbage-tds": ("sqlserver-se", says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "handshake-failed", "preamble", False),
    "endless-tds": ("sqlserver-se", says(tds_packet(4, b"", last=False) * 1000), "handshake-failed", "preamble", False),
    "tds-that-turns": ("sqlserver-se", tds_then(says(b"\x16\3\3\0\x40\0\0\0")), "handshake-failed", "handshake", False),
    "silent-tds": ("sqlserver-se", silent, "unreachable", "preamble", True),
    "stuck-tds": ("sqlserver-se", tds_then(says_and_waits(tds_packet(0x12, b"\x16\3\3"))), "handshake-failed", "handshake", True),
    "not-strict": ("sqlserver-se", says(tds_packet(4, b"x")), "tls-refused", "handshake", False, {"strict": True}),
    "garbage-tls": ("tls", says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls-refused", "handshake", False),
    "plaintext-after-s": ("postgres", says(b"Sxxxxxxxxxxxxxxxx"), "handshake-failed", "handshake", False),
    "full-mysql": ("mysql", says(b"\x1d\0\0\0\xff\x10\x04#08004Too many connections", after=False), "unreachable", "preamble", False),
    "big-chain": ("tls", big_chain, "handshake-failed", "handshake", False),
    "many-certificates": ("tls", many_certificates, "handshake-failed", "handshake", False),
}
