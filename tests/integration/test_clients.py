"""Clients of the socket that misbehave, 500 at a time: each costs a bounded amount, and holds up nobody."""

import contextlib
import os
import re
import socket
import statistics
import time

import pytest

from lab import Dbcertd, closed_port, config, entry

pytestmark = pytest.mark.usefixtures("many_files")

SANITIZED = bool(os.environ.get("DBCERTD_SANITIZED"))


def asks(path, path_of_socket):
    """Seconds until a new client has its whole answer."""
    begin = time.monotonic()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path_of_socket)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    return time.monotonic() - begin


CLIENTS = {
    "that say nothing": b"",
    "with half a request": b"GET /v1/endpoints HTTP/1.1\r\nHos",
    "that announce a body and send none": b"POST /v1/silences HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n",
    "that do not read": b"GET /v1/endpoints HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3,
    "that do not read events": b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("what", CLIENTS)
def test_500_clients_hold_up_nobody(scratch, binaries, what):
    port = closed_port()
    entries = [entry(f"db-{i}", "tls", port) for i in range(600)]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries, 'interval = "1d";'))
    daemon.settle()
    before = daemon.resident_mb()
    clients = []
    for _ in range(500):
        s = socket.socket(socket.AF_UNIX)
        clients.append(s)
        s.connect(daemon.socket)
        if CLIENTS[what]:
            s.sendall(CLIENTS[what])
    spent = [asks("/v1/status", daemon.socket) for _ in range(20)]
    grown = daemon.resident_mb() - before
    assert statistics.median(spent) < (0.1 if not SANITIZED else 0.5), spent
    assert grown < 500 * 160 / 1024 or SANITIZED, grown  # each a bounded amount
    for s in clients:
        s.close()
    assert asks("/healthz", daemon.socket) < 1


def content(answer):
    """Of an answer in chunks."""
    rest, out = answer.split(b"\r\n\r\n", 1)[1], b""
    while size := int(rest.split(b"\r\n", 1)[0], 16):
        rest = rest.split(b"\r\n", 1)[1]
        out, rest = out + rest[:size], rest[size + 2:]
    return out


@pytest.mark.parametrize("path", ["/v1/endpoints", "/v1/findings", "/metrics", "/"])
def test_an_answer_that_a_reload_overtakes_is_whole_or_seen_to_be_cut(scratch, binaries, path):
    """Chunks end with one of no bytes (RFC 9112, 7.1): without it no client takes what it has for all."""
    port = closed_port()

    def serve(names):
        return config(scratch.pki.bundle("rsa2048"), [entry(name, "tls", port) for name in names], 'interval = "1d";')
    names = [f"db-{i}" for i in range(1500)]
    daemon = Dbcertd(scratch, binaries, serve(names))
    daemon.settle()
    for others, whole in ((["new", *names], True), ([f"other-{i}" for i in range(1500)], False)):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(daemon.socket)
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = s.recv(100)
            time.sleep(0.2)  # until the socket is full
            daemon.write(serve(others))
            daemon.reload()
            while piece := s.recv(65536):
                answer += piece
        assert answer.endswith(b"\r\n0\r\n\r\n") == whole, answer[-100:]
        if whole:  # none that stays is left out, and none is said twice
            assert len(re.findall(rb'(?:"name":|\n\{"endpoint":|dbcertd_endpoint_info\{endpoint=|data-name=)"(db-\d+)"', content(answer))) == 1500


TRICKS = {
    b"GET /v1/endpoints/../../etc/passwd HTTP/1.1": 404,
    b"GET /v1/endpoints/%2e%2e%2f%2e%2e HTTP/1.1": 404,
    b"GET //v1/status HTTP/1.1": 404,
    b"GET /v1/status/ HTTP/1.1": 404,
    b"GET /v1/endpoints/orders%00 HTTP/1.1": 404,
    b"GET /v1/endpoints/%ff%fe HTTP/1.1": 404,
    b"GET http://elsewhere.test/v1/status HTTP/1.1": 421,
    b"GET http://localhost/v1/status HTTP/1.1": 200,
    b"GET * HTTP/1.1": 400,
    b"OPTIONS /v1/status HTTP/1.1": 405,
    b"PATCH /v1/silences/1 HTTP/1.1": 405,
    b"CONNECT elsewhere.test:443 HTTP/1.1": 400,
    b"PRI * HTTP/2.0": 505,
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_answered_with_its_status(one_endpoint, trick):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(one_endpoint.socket)
        s.sendall(trick + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = s.recv(65536)
    assert int(answer.split()[1]) == TRICKS[trick], answer


def test_requests_in_a_row_on_one_connection_get_one_answer(one_endpoint):
    """A connection carries one request; what comes after it is never read as another."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(one_endpoint.socket)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := s.recv(65536):
                answer += piece
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200"] and b"\r\nConnection: close\r\n" in answer


@pytest.fixture(scope="module")
def one_endpoint(lab, binaries):
    return Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), [entry("orders", "tls", closed_port())]), name="one")
