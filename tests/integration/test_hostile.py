"""Servers that misbehave: each probe ends at its deadline or limit with the right outcome, and delays nobody."""

import socket
import ssl
import subprocess
import threading
import time

import pytest

from lab import Dbcertd, Postgres, Server, ago, config, entry, findings, host, wait_until
from misdeeds import MISDEEDS, silent

TIMEOUT = 2


@pytest.fixture(scope="module")
def round_of_all(lab, binaries):
    """All of them in one daemon, beside one good server, in one round."""
    chain = lab.pki.server("good", host("good"), ago(30), ago(30 - 365))
    good = Postgres(lab, "good", chain[0])
    servers = {name: Server(serve) for name, (_, serve, *_) in MISDEEDS.items()}
    entries = [entry(name, MISDEEDS[name][0], server.port, **(MISDEEDS[name][5] if len(MISDEEDS[name]) > 5 else {})) for name, server in servers.items()]
    entries.append(entry("good", "postgres", good.port))
    daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), entries, f'timeout = "{TIMEOUT}s"; interval = "10m";'))
    started = time.monotonic()
    first = None
    while time.monotonic() < started + TIMEOUT and not first:
        endpoint = daemon.endpoint("good")
        first = time.monotonic() - started if endpoint["addresses"] else None
    yield daemon.settle(), first, daemon
    for server in servers.values():
        server.stop()


@pytest.mark.parametrize("name", MISDEEDS)
def test_a_misdeed_has_its_outcome_in_time(round_of_all, name):
    _, _, outcome, stage, whole_timeout, *_ = MISDEEDS[name]
    address = round_of_all[0][name]["addresses"][0]
    # Who hangs up at once may be quicker than our look at whether the connection was made.
    stages = [stage, "dial"] if name == "closing-at-once" else [stage]
    assert address["outcome"] == outcome and address["stage"] in stages, address["detail"]
    assert address["detail"]
    assert findings(round_of_all[0][name]) == [(outcome, "warning" if outcome == "tls-refused" else "unknown")]
    if whole_timeout:
        assert TIMEOUT * 1000 - 50 <= address["duration_ms"] < TIMEOUT * 1000 + 600
    else:
        assert address["duration_ms"] < TIMEOUT * 1000 - 300


@pytest.mark.parametrize("name", ["plaintext-after-s", "injecting-mysql", "injecting-tds"])
def test_bytes_behind_the_consent_to_tls_are_named_as_an_attack(round_of_all, name):
    assert "somebody may be injecting" in round_of_all[0][name]["findings"][0]["message"]


def test_nobody_else_is_delayed(round_of_all):
    endpoints, first, _ = round_of_all
    assert endpoints["good"]["severity"] == "ok"
    assert first and first < 1.5


def test_a_server_that_wants_our_certificate_gets_none_and_still_shows_its_own(scratch, binaries):
    """TLS 1.2 and 1.3; the server may hang up on us for it, and the certificate is kept all the same."""
    chain, _ = scratch.pki.server("picky", host("picky"), ago(30), ago(30 - 365))

    def picky(version, required):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, scratch.pki.server_key)
        context.load_verify_locations(scratch.pki.authority()[0])
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        context.minimum_version = context.maximum_version = version

        def serve(c):
            with context.wrap_socket(c, server_side=True) as s:
                s.recv(1)
        return Server(serve)

    servers = {(version, required): picky(version, required)
               for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) for required in (False, True)}
    entries = [entry(f"picky-{i}", "tls", server.port, host=host("picky")) for i, server in enumerate(servers.values())]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries))
    endpoints = daemon.settle()
    for (version, required), endpoint in zip(servers, (endpoints[f"picky-{i}"] for i in range(len(servers)))):
        address = endpoint["addresses"][0]
        assert address["chain"][0]["names"] == [host("picky")], (version, required, address)
        assert address["trusted"] is True
        if not required:
            assert address["outcome"] == "fetched"


def test_the_server_is_asked_for_by_its_name(scratch, binaries):
    """SNI is the name that the certificate has to carry; an address is never sent."""
    chain, _ = scratch.pki.server("named", host("named"), ago(30), ago(30 - 365))
    asked = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, scratch.pki.server_key)
    context.sni_callback = lambda tls, name, _: asked.append(name)

    def serve(c):
        with context.wrap_socket(c, server_side=True) as s:
            s.recv(1)

    server = Server(serve)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [
        entry("by-host", "tls", server.port, host=host("named")),
        entry("by-verify-name", "tls", server.port, host="alias.test", verify_name=host("named")),
        entry("by-address", "tls", server.port, host="127.0.0.1", addresses=None, loopback=True)]))
    endpoints = daemon.settle()
    assert sorted(asked, key=str) == sorted([host("named"), host("named"), None], key=str)
    assert findings(endpoints["by-host"]) == findings(endpoints["by-verify-name"]) == []
    assert findings(endpoints["by-address"]) == [("name-mismatch", "warning")]


def test_what_is_known_is_shown_also_while_a_probe_runs(scratch, binaries):
    chain, _ = scratch.pki.server("once", host("once"), ago(30), ago(30 - 365))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, scratch.pki.server_key)

    def serve(c):
        if len(server.seen) > 1:
            return silent(c)
        with context.wrap_socket(c, server_side=True) as s:
            s.recv(1)

    server = Server(serve)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("once", "tls", server.port)], 'timeout = "2s";'))
    before = daemon.settle()["once"]
    assert before["not_after"] and before["rotation"]["class"] == "online"
    thread = threading.Thread(target=daemon.probe, args=("once",))
    thread.start()
    time.sleep(1)
    assert daemon.get("/v1/status")["probing"] == 1
    during = daemon.endpoint("once")
    thread.join()
    for key in ("not_before", "not_after", "rotation", "served_ca", "ca_not_after", "severity", "findings"):
        assert during[key] == before[key], key


def test_a_stop_takes_less_than_a_second_and_says_who_was_cut_short(scratch, binaries):
    listener = socket.create_server(("127.0.0.1", 0))
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"),
                                               [entry(f"silent{i}", "mysql", listener.getsockname()[1]) for i in range(12)], 'timeout = "60s";'))
    wait_until("the probes", lambda: daemon.get("/v1/status")["probing"] == 12)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(daemon.probe("silent0")))  # who waits for one is let go
    thread.start()
    time.sleep(0.1)
    started = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - started < 1.0
    thread.join(5)
    assert answers[0]["name"] == "silent0" and answers[0]["addresses"] == []
    daemon.told("12 probes did not end and are cut short: silent0, silent1, ", "silent9, ...")


def test_never_two_probes_of_one_endpoint_at_a_time(scratch, binaries):
    lock, now, peak = threading.Lock(), [0], [0]

    def serve(c):
        with lock:
            now[0] += 1
            peak[0] = max(peak[0], now[0])
        c.recv(8)
        time.sleep(0.2)
        with lock:
            now[0] -= 1
        c.sendall(b"N")
        c.recv(1)

    server = Server(serve)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("one", "postgres", server.port)]))
    threads = [threading.Thread(target=daemon.probe, args=("one",)) for _ in range(12)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert peak[0] == 1 and len(server.seen) >= 3


def test_a_weak_certificate_is_shown_and_not_trusted(scratch, binaries):
    """RSA with 1024 bits and SHA-1, as RDS made them in 2010: the handshake completes, the verdict is apart."""
    key, pem = scratch.pki.path("weak.key"), scratch.pki.path("weak.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:1024", "-sha1", "-nodes", "-keyout", key, "-out", pem, "-days",
                    "100", "-subj", "/CN=aws.amazon.com%2Frds"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(pem, key)

    def serve(c):
        with context.wrap_socket(c, server_side=True) as s:
            s.recv(1)

    server = Server(serve)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("weak", "tls", server.port)]))
    address = daemon.settle()["weak"]["addresses"][0]
    assert address["outcome"] == "fetched", address["detail"]
    assert address["chain"][0]["key"] == "RSA 1024" and address["chain"][0]["signature"] == "RSA-SHA1"
