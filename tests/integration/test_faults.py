"""What goes wrong, everywhere it can: each time an outcome that is stated beforehand, and a daemon that goes on."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import der
from lab import Dbcertd, Mariadb, Openssl, Postgres, Process, Server, ago, config, entry, free_port, host, run, wait_until
from standin import SqlServer
from impostor import handshake, record
from misdeeds import SERVER_HELLO

SANITIZED = bool(os.environ.get("DBCERTD_SANITIZED"))
THOROUGH = bool(os.environ.get("DBCERTD_THOROUGH"))  # every byte offset, in place of every few
RANKS = ["unreachable", "tls-refused", "handshake-failed", "fetched"]


pytestmark = pytest.mark.usefixtures("many_files")


class Scissors:
    """A proxy that lets a number of the server's bytes through, which the client chooses by the address that it dials, and
    then closes or resets."""

    def __init__(self, upstream, offsets, reset):
        self.upstream, self.reset, self.longest = upstream, reset, 0
        self.sockets, self.offset_of = [], {}
        self.port = free_port()
        for offset in offsets:
            address = f"127.77.{offset // 250}.{offset % 250 + 1}"
            self.offset_of[address] = offset
            self.sockets.append(socket.create_server((address, self.port), backlog=8))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        asyncio.set_event_loop(self.loop)
        servers = [self.loop.run_until_complete(asyncio.start_server(self._serve, sock=s)) for s in self.sockets]
        self.loop.run_forever()
        for server in servers:
            server.close()

    async def _serve(self, reader, writer):
        left = self.offset_of[writer.get_extra_info("sockname")[0]]
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
            heard = asyncio.Event()
            pump = asyncio.ensure_future(self._copy(reader, up_writer, heard))
            passed = 0
            while left > 0 and (data := await asyncio.wait_for(up_reader.read(left), 10)):
                writer.write(data)
                await writer.drain()
                left, passed = left - len(data), passed + len(data)
            self.longest = max(self.longest, passed)
            if left == 0 and self.reset:
                if passed == 0:  # a client that speaks first has looked at its connection once it has spoken
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(heard.wait(), 5)
                await asyncio.sleep(0.002)  # what was sent arrives first
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                writer.transport.abort()
            elif writer.can_write_eof():
                writer.write_eof()
                await asyncio.wait_for(asyncio.shield(pump), 10)
            pump.cancel()
            up_writer.transport.abort()
        writer.transport.abort()

    @staticmethod
    async def _copy(reader, writer, heard):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                heard.set()
                writer.write(data)
            writer.write_eof()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        for s in self.sockets:
            s.close()


def scan(binaries, lines, *more):
    done = subprocess.run([os.path.join(binaries, "dbcertctl"), "scan", "--json", "--timeout", "20s", "--file", "-", *more], input="\n".join(lines),
                          capture_output=True, text=True, timeout=500)
    assert done.returncode in (0, 1), (done.returncode, done.stderr[-3000:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def cut(binaries, engine, query, upstream, offsets, reset):
    """{offset: address as it is in the JSON}, and how many bytes the server said at the most."""
    scissors = Scissors(upstream, offsets, reset)
    try:
        found = scan(binaries, [f"{engine}://{address}:{scissors.port}?{query}" for address in scissors.offset_of], "--concurrency", "48")
        return {scissors.offset_of[e["host"]]: e["addresses"][0] for e in found}, scissors.longest
    finally:
        scissors.close()


CONVERSATIONS = {
    # engine: server, its words, and the best that a connection comes to that ends before the server has said anything
    "postgres": (lambda lab, chain: Postgres(lab, "cut", chain), "", "unreachable"),
    "mariadb": (lambda lab, chain: Mariadb(lab, "cut", chain), "farewell=refused&", "unreachable"),
    "sqlserver-se": (lambda lab, chain: SqlServer(lab.pki, chain), "", "unreachable"),
    "tls": (lambda lab, chain: Openssl(lab, "cut", chain), "", "handshake-failed"),
}


@pytest.mark.parametrize("engine", CONVERSATIONS)
def test_a_server_that_goes_at_any_byte_leaves_an_outcome(lab, binaries, engine):
    """The more a server has said before it goes, the better the outcome, from nothing at all to the certificate."""
    make, words, first = CONVERSATIONS[engine]
    chain = lab.pki.server("cut", host("cut"), ago(30), ago(30 - 365))[0]
    query = f"{words}verify_name={host('cut')}"
    server = make(lab, chain)
    _, length = cut(binaries, engine, query, server.port, [60000], False)
    assert length > 2000
    step = 1 if THOROUGH else 41 if SANITIZED else 17
    offsets = sorted({*range(0, 120), *range(0, length + 1, step), *range(length - 40, length + 1)}) if step > 1 else range(length + 1)
    for reset in (False, True):
        found, _ = cut(binaries, engine, query, server.port, offsets, reset)
        assert sorted(found) == list(offsets)
        ranks = [RANKS.index(found[n]["outcome"]) for n in offsets]
        assert found[0]["outcome"] == first, found[0]
        assert found[length]["outcome"] == "fetched" and found[length]["chain"], found[length]
        # A reset may overtake the last bytes before it, on their way through two sockets.
        worse = [n for n, before, now in zip(list(offsets)[1:], ranks, ranks[1:]) if now < before]
        assert not worse if not reset else len(worse) < len(ranks) / 20, [(n, found[n]["outcome"], found[n]["detail"]) for n in worse[:5]]
        for n in offsets:
            assert found[n]["outcome"] == "fetched" or found[n]["detail"], (n, found[n])


def shows(*certificates):
    """A server that shows this chain, and goes before the signature that it could not make."""
    chain = b"".join(len(c).to_bytes(3, "big") + c for c in certificates)

    def serve(c):
        c.recv(1 << 16)
        c.sendall(SERVER_HELLO + record(handshake(11, len(chain).to_bytes(3, "big") + chain)))
        c.shutdown(socket.SHUT_WR)
        c.recv(1)
    return serve


FORGED = b"orders.test\n<2>dbcertd[1]: orders: certificate-expired, critical: forged\x1b[31m\0\r\n"
DEEP = [der.certificate(subject=der.name(("CN", b"loop %d" % (i % 2))), issuer=der.name(("CN", b"loop %d" % ((i + 1) % 2)))) for i in range(16)]

ODD = {
    # name: chain, and whether it is one that is read at all (RFC 5280 forbids many of these, and still they are seen)
    "negative-serial": ([der.certificate(serial=-5)], True),
    "serial-of-zero": ([der.certificate(serial=0)], True),
    "serial-of-60-bytes": ([der.certificate(serial=1 << 479)], True),
    "year-9999": ([der.certificate(end=der.datetime.datetime(9999, 12, 31, 23, 59, 59))], True),
    "year-1900": ([der.certificate(begin=der.datetime.datetime(1900, 1, 1), end=der.datetime.datetime(1900, 1, 2))], True),
    "time-that-is-none": ([der.certificate(end=b"never")], False),
    "ends-before-it-begins": ([der.certificate(begin=der.NOW + 30 * der.DAY, end=der.NOW)], True),
    "no-name-at-all": ([der.certificate(subject=der.sequence(), extensions=())], True),
    "cn-of-70-characters": ([der.certificate(subject=der.name(("CN", b"x" * 70)))], True),
    "cn-of-20000-characters": ([der.certificate(subject=der.name(("CN", b"y" * 20000)))], True),
    "lines-and-nul-in-names": ([der.certificate(subject=der.name(("CN", FORGED)), extensions=(der.san(FORGED, b"orders.test\0.evil.test"),))], True),
    "not-utf-8": ([der.certificate(subject=der.name(("CN", b"\xff\xfe\xc0\x80")))], True),
    "teletex": ([der.certificate(subject=der.name(("CN", b"caf\xe9"), tag=0x14))], True),
    "bmp-cut-short": ([der.certificate(subject=der.name(("CN", b"\0o\0r\0"), tag=0x1e))], True),
    "version-1": ([der.certificate(version=0, extensions=())], True),
    "version-1-with-extensions": ([der.certificate(version=0)], False),
    "version-7": ([der.certificate(version=6)], True),
    "critical-and-unknown": ([der.certificate(extensions=(der.san(b"orders.test"), der.extension("1.2.3.4.5", b"\5\0", critical=True)))], True),
    "the-same-extension-twice": ([der.certificate(extensions=(der.san(b"orders.test"), der.san(b"other.test")))], False),
    "ed25519": ([der.certificate(key=der.sequence(der.sequence(der.oid("ed25519")), der.tlv(3, b"\0" + bytes(32))))], None),
    "rsa-512": ([der.certificate(key=der.rsa_key(512))], True),
    "rsa-16384": ([der.certificate(key=der.rsa_key(16384))], True),
    "a-key-of-no-known-kind": ([der.certificate(key=der.sequence(der.sequence(der.oid("1.2.3.4")), der.tlv(3, b"\0x")))], False),
    "a-signature-of-no-known-kind": ([der.certificate(algorithm="1.2.3.4")], True),
    "many-names": ([der.certificate(extensions=(der.san(*(b"n%d" % i for i in range(10000))),))], False),  # refused before GnuTLS parses it
    "1000-names": ([der.certificate(extensions=(der.san(*(b"n%d" % i for i in range(1000))),))], True),
    "a-loop": (DEEP[:2], True),
    "a-loop-of-16": (DEEP, True),
    "17-certificates": ([*DEEP, DEEP[0]], None),
    "the-same-16-times": ([der.certificate()] * 16, True),
    "cut-short": ([der.certificate()[:-10]], False),
    "behind-its-end": ([der.certificate() + b"more"], None),
    "empty": ([b""], False),
    "none": ([], False),
    "garbage-behind-a-good-one": ([der.certificate(), b"\x30\x82garbage"], None),
}
# How a line of ours begins: the subject and the finding; nothing that came over the wire does.
LINE = re.compile(r"^(dbcertd |odd-[a-z0-9-]+ \(127\.0\.0\.1\): |dbcertd itself: |stopping)")


@pytest.fixture(scope="module")
def odd(lab, binaries):
    servers = {name: Server(shows(*chain)) for name, (chain, _) in ODD.items()}
    entries = [entry("odd-" + name, "tls", server.port, host="orders.test", ca=None) for name, server in servers.items()]
    daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), entries, 'timeout = "5s"; interval = "1d";'), name="odd")
    daemon.settle()
    yield daemon
    daemon.stop()
    for server in servers.values():
        server.stop()


@pytest.mark.parametrize("name", ODD)
def test_an_odd_certificate_is_shown_or_refused(odd, name):
    address = odd.endpoint("odd-" + name)["addresses"][0]
    assert address["outcome"] == "handshake-failed" and address["detail"], address
    chain, is_read = ODD[name]
    if is_read is not None:
        assert bool(address["chain"]) == is_read, address
    if address["chain"]:
        assert address["chain"][0]["role"] == "server" and len(address["chain"]) <= 16
        assert address["trusted"] is False


def test_a_key_of_a_kind_that_rds_never_had_is_no_obstacle(scratch, binaries):
    """Ed25519 from a real server: the handshake is whole, and the certificate is shown."""
    key, pem = scratch.pki.path("ed.key"), scratch.pki.path("ed.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", pem, "-days", "100", "-subj", "/CN=orders.test"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)

    def serve(c):
        with context.wrap_socket(c, server_side=True) as s:
            s.recv(1)
    server = Server(serve)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("ed", "tls", server.port, host="orders.test", ca=None)]))
    address = daemon.settle()["ed"]["addresses"][0]
    assert address["outcome"] == "fetched" and address["chain"][0]["key"].startswith("EdDSA"), address


def test_no_name_of_a_certificate_forges_a_line(odd):
    for line in odd.output().splitlines():
        assert LINE.match(line), line
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line), line
    shown = odd.ctl("show", "odd-lines-and-nul-in-names").stdout + odd.ctl("status").stdout + odd.ctl("findings").stdout
    assert "\x1b" not in shown and "\0" not in shown and not re.search(r"^<2>", shown, re.M)
    for path in ("/", "/metrics"):
        text = subprocess.run(["curl", "-sS", "--unix-socket", odd.socket, "http://localhost" + path], capture_output=True, check=True).stdout
        assert b"\x1b" not in text and b"\n<2>" not in text


def test_with_40_files_everything_is_probed_and_nothing_is_said_wrongly(scratch, binaries):
    chain = scratch.pki.server("few", host("few"), ago(30), ago(30 - 365))[0]
    server = Openssl(scratch, "few", chain)
    entries = [entry(f"few-{i}", "tls", server.port, host=host("few")) for i in range(60)]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries, "concurrency = 256;"), prefix=["prlimit", "--nofile=40:40"])
    endpoints = daemon.settle()
    assert {e["severity"] for e in endpoints.values()} == {"ok"}, [e["findings"] for e in endpoints.values() if e["findings"]][:2]
    assert "unreachable" not in daemon.output()


def test_50_reloads_a_second_during_a_sweep_lose_nothing(scratch, binaries):
    chain = scratch.pki.server("busy", host("busy"), ago(30), ago(30 - 365))[0]
    server = Postgres(scratch, "busy", chain)
    entries = [entry(f"busy-{i}", "postgres", server.port, host=host("busy")) for i in range(100)]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries, 'interval = "1d"; concurrency = 32;'))
    for i in range(100):
        if i % 2:
            daemon.write(config(scratch.pki.bundle("rsa2048"), entries[i % 40:], 'interval = "1d"; concurrency = 32;'))
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    daemon.write(config(scratch.pki.bundle("rsa2048"), entries, 'interval = "1d"; concurrency = 32;'))
    daemon.reload()
    endpoints = daemon.settle()
    assert len(endpoints) == 100 and {e["severity"] for e in endpoints.values()} == {"ok"}
    assert len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < 30
    assert daemon.stop() == 0


NAMES = {
    # name: words of what is said of it; None: it resolves, to that address
    "servfail": "DNS server",  # "Could not contact DNS servers", and of later ones "DNS server returned general failure"
    "nxdomain": "Domain name not found",
    "notimp": "",
    "refused": "",
    "silent": "Timeout while contacting DNS servers",
    "garbage": "",
    "short": "",
    "other": "",
    "empty": "",
    "loop": "",
    "truncated": "",
    "badlength": "",
    "poison4": "127.0.0.1 is a loopback address, and dbcertd does not connect to it; if that is meant, set loopback = true",
    "poison6": "::1 is a loopback address",
    "poison0": "0.0.0.0 is an address of this host itself",
    "poisonmapped": "::ffff:127.0.0.1 is a loopback address",
}
RESOLVED = {"long": 64, "overtcp": 1, "changing": 1, "poisonmix": 2, "allowed": 1}  # and so many addresses are probed


@pytest.fixture(scope="module")
def nowhere(lab):
    """Words that run a command in a namespace with a misbehaving name server, and with nothing that answers but that."""
    if os.geteuid() != 0:
        pytest.skip("needs root for namespaces")
    name = f"dbcertd-{os.getpid()}-n"
    run("ip", "netns", "add", name)
    lab.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
    run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", name, "route", "add", "unreachable", "10.66.0.0/16")
    resolv = os.path.join(lab.directory, "nowhere.conf")
    with open(resolv, "w") as f:
        f.write("nameserver 127.0.0.53\n")
    inside = ["ip", "netns", "exec", name]
    server = Process([*inside, "/usr/bin/python3", os.path.join(os.path.dirname(__file__), "../standins/nameserver.py"), "127.0.0.53"],
                     os.path.join(lab.directory, "nameserver.log"))
    lab.push(server)
    wait_until(lambda: "the name server: " + server.output(), lambda: "listens" in server.output())
    return [*inside, "sh", "-c", f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "-"]


def test_a_name_server_that_misbehaves_is_an_outcome_and_no_way_to_this_host(lab, binaries, nowhere):
    knocks = Process([*nowhere, "/usr/bin/python3", "-u", "-c",
                      "import socket\ns = socket.create_server(('', 5432))\nprint('waits')\nwhile True: c, _ = s.accept(); print('knocked'); c.close()"],
                     os.path.join(lab.directory, "knocks.log"))
    lab.push(knocks)
    wait_until("it waits", lambda: "waits" in knocks.output())
    entries = [entry(name, "postgres", 5432, host=f"{name}.test", addresses=None) for name in [*NAMES, *RESOLVED] if name != "allowed"]
    daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), entries, 'timeout = "8s"; interval = "1d";'), name="names", prefix=nowhere)
    endpoints = daemon.settle()
    for name, words in NAMES.items():
        found = [(f["id"], f["severity"]) for f in endpoints[name]["findings"]]
        assert found == [("name-unresolved", "unknown")] and not endpoints[name]["addresses"], (name, endpoints[name])
        assert words in endpoints[name]["findings"][0]["message"], (name, endpoints[name]["findings"][0]["message"])
    for name, n in RESOLVED.items():
        if name != "allowed":
            assert len(endpoints[name]["addresses"]) == n and {a["outcome"] for a in endpoints[name]["addresses"]} == {"unreachable"}, (name, endpoints[name])
    # The answers of one name are told apart: the other one is probed.
    mixed = {f["address"]: f["message"] for f in endpoints["poisonmix"]["findings"]}
    assert "127.3.2.1 is a loopback address" in mixed["127.3.2.1"] and "loopback = true" not in mixed["10.66.0.1"], mixed
    assert "knocked" not in knocks.output()
    first = endpoints["changing"]["addresses"][0]["address"]
    assert daemon.probe("changing")["addresses"][0]["address"] != first
    daemon.write(config(lab.pki.bundle("rsa2048"), [entry("allowed", "postgres", 5432, host="allowed.test", addresses=None, loopback=True)]))
    daemon.reload()
    assert [a["address"] for a in daemon.probe("allowed")["addresses"]] == ["127.0.0.1"]
    knocks.told("knocked")
