"""Certificates of as many parts as fit into a handshake or a file: how long they hold the daemon, and what it says of them."""

import os
import subprocess

import pytest

import der
from impostor import ECDHE_RSA, P256_POINT, Tls12, handshake, record, vector
from lab import Dbcertd, config, entry
from hostilefiles import framed
from loopwatch import loop_answers
from shapes import SHAPES, names_of, subject_of


def serve(lab, nonsense, tmp_path, certificate, version):
    """Its port."""
    path = tmp_path / "certificate.der"
    path.write_bytes(certificate)
    server = subprocess.Popen([nonsense, f"NORMAL:-VERS-ALL:+VERS-TLS{version}", path], stdout=subprocess.PIPE, text=True)
    lab.callback(server.wait)
    lab.callback(server.kill)
    return int(server.stdout.readline())


def probed(lab, binaries, port, name):
    """Probes it three times while the status socket is asked; returns its address."""
    daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), [entry("db", "tls", port)], 'interval = "30d"; timeout = "8s";'), name=name)
    with loop_answers(daemon):
        daemon.settle(20)
        for _ in range(2):
            endpoint = daemon.probe("db")
    return endpoint["addresses"][0]


@pytest.mark.parametrize("shape", SHAPES)
def test_certificate_of_many_parts_ends_the_handshake(lab, binaries, shape):
    """Its number of parts is the outcome's detail, and the status socket answers within 100 ms."""
    make, words = SHAPES[shape]
    server = Tls12([der.certificate(), make()])
    address = probed(lab, binaries, server.port, f"shape-{shape}")
    assert address["outcome"] == "handshake-failed"
    assert address["detail"].startswith("certificate 2 of the server's has ") and words in address["detail"]


@pytest.mark.parametrize("certificates", [[names_of(1500)] * 16, [der.certificate()] * 150, [der.certificate()] + [b""] * 40000],
                         ids=["names", "certificates", "empty"])
def test_chain_of_many_parts_in_sum_ends_the_handshake(lab, binaries, certificates):
    """Certificates that are within the limits one by one are refused for what they have together."""
    server = Tls12(certificates)
    address = probed(lab, binaries, server.port, f"chain-{len(certificates)}")
    assert address["outcome"] == "handshake-failed"
    assert "elements of ASN.1 together; dbcertd takes at most 4000" in address["detail"]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_certificate_of_many_parts_in_either_tls_is_refused(lab, binaries, nonsense, tmp_path, version):
    """GnuTLS hands the message over before it parses it also where it is encrypted."""
    port = serve(lab, nonsense, tmp_path, subject_of(9000), version)
    address = probed(lab, binaries, port, f"subject-{version}")
    assert (address["outcome"], address["detail"]) == (
        "handshake-failed", "certificate 1 of the server's has 9000 items in one list of its subject; dbcertd takes at most 100")


def test_certificate_of_1000_names_is_parsed(lab, binaries, nonsense, tmp_path):
    """As many names as any CA puts into a certificate are within the limits: what fails is the signature, which is nonsense."""
    address = probed(lab, binaries, serve(lab, nonsense, tmp_path, names_of(1000, 100), "1.2"), "names-1000")
    assert (address["outcome"], address["detail"]) == ("handshake-failed", "Public key signature verification has failed.")


class Messages(Tls12):
    """Sends messages of other kinds before its key exchange and after it, as large as they can be."""

    def __init__(self, hello=b"", before=(), after=(), piece=16384):
        super().__init__([der.certificate()])
        first = handshake(2, b"\x03\x03" + bytes(32) + b"\0" + ECDHE_RSA + b"\0" + vector(b"\xff\x01\0\x01\0" + hello))
        rest = handshake(11, vector(vector(der.certificate(), 3), 3)) + b"".join(handshake(*m) for m in before)
        share = b"\x03\0\x17" + vector(P256_POINT, 1) + b"\x04\x01" + vector(bytes(256))
        rest += handshake(12, share) + b"".join(handshake(*m) for m in after) + handshake(14, b"")
        self.flight = record(first) + b"".join(record(rest[i:i + piece]) for i in range(0, len(rest), piece))


def tls_extension(kind, body=b""):
    return kind.to_bytes(2, "big") + vector(body)


MESSAGES = {
    "extensions-of-the-hello": lambda: Messages(b"".join(tls_extension(1000 + i) for i in range(15000))),
    "cas-that-may-sign-ours": lambda: Messages(after=[(13, b"\1\1" + vector(b"\4\1") + vector(vector(der.name(("CN", b""))) * 4000))]),
    "ocsp-answer": lambda: Messages(tls_extension(5), [(22, b"\1" + vector(bytes(120000), 3))]),
    "records-of-one-byte": lambda: Messages(tls_extension(5), [(22, b"\1" + vector(bytes(120000), 3))], piece=1),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_large_message_does_not_hold_the_loop(lab, binaries, kind):
    """Messages of other kinds cost GnuTLS little, however large: the handshake ends as that of any server whose signature is wrong."""
    address = probed(lab, binaries, MESSAGES[kind]().port, f"message-{kind}")
    assert (address["outcome"], address["detail"]) == ("handshake-failed", "Public key signature verification has failed.")


def test_bundle_with_certificates_of_many_parts_names_them(lab, binaries, tmp_path):
    """--check-config names the file, the certificate, its line and its parts, in less than it takes GnuTLS to parse one."""
    good = open(lab.pki.authority()[0], "rb").read()
    bundle, path = tmp_path / "bundle.pem", tmp_path / "dbcertd.conf"
    bundle.write_bytes(good + framed(subject_of(9000)) * 40)
    path.write_text(config(bundle, []))
    done = subprocess.run([os.path.join(binaries, "dbcertd"), "--config", path, "--check-config"], capture_output=True, text=True, timeout=15)
    line = good.count(b"\n") + 1
    assert f"{bundle}: certificate 2 (line {line}) has 9000 items in one list of its subject; dbcertd takes at most 100" in done.stderr
    assert "1 trusted certificates" in done.stdout
