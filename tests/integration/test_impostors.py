"""Impostors: what they are given of a secret, whom they can make trusted, and how long their keys hold the daemon."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import time

import pytest

import der
from impostor import Middle, Passing, Recorder, Tls12, odd, rsa_key
from lab import Dbcertd, Mariadb, ago, closed_port, config, entry, findings, host, wait_until
from loopwatch import loop_answers

DAYS = 30
PASSWORD = "correct-horse-battery-staple"
LOGIN = {"farewell": "login", "user": "dbcertd", "password_credential": "db"}
NOBODY = b"dbcertd-nobody"


@pytest.fixture(scope="module")
def credentials(lab):
    return lab.credential("db", PASSWORD)


@pytest.fixture(scope="module")
def served(lab):
    return lab.pki.server("db", host("db"), ago(DAYS), ago(DAYS - 365))[0]


@pytest.fixture(scope="module")
def unproven(lab):
    """Chains that prove nothing, and why the login is not given to who shows them."""
    pki = lab.pki
    return {
        "self-signed": (pki.self_signed("self", host("db"), ago(DAYS), ago(DAYS - 365))[0], "its issuer is not in it"),
        "other-ca": (pki.server("ecc", host("db"), ago(DAYS), ago(DAYS - 365), kind="ecc384")[0], "its issuer is not in it"),
        "other-name": (pki.server("else", host("else"), ago(DAYS), ago(DAYS - 365))[0], f'does not carry the name "{host("db")}"'),
        "expired": (pki.server("expired", host("db"), ago(400), ago(35))[0], "its certificate expired 20"),
        "early": (pki.server("early", host("db"), ago(-3), ago(-300))[0], "its certificate is not valid before 20"),
    }


def db(port, engine="mysql", **keys):
    return entry("db", engine, port, verify_name=host("db"), **{**LOGIN, **keys})


def watch(lab, binaries, entries, name, **options):
    return Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), entries, 'interval = "30d"; timeout = "8s";'), name=name, **options)


def address_of(endpoint):
    return endpoint["addresses"][0]


def not_given(address, why):
    """The farewell's error says that the login was withheld, and the reason."""
    return address["detail"].startswith('the server was not given the login of user "dbcertd": ') and why in address["detail"]


@pytest.mark.parametrize("asks", Recorder.ASKS)
def test_impostor_whatever_it_asks_gets_no_secret(lab, binaries, credentials, unproven, asks):
    """A man in the middle with its own certificate hears the login of nobody: no user name, no scramble, no password."""
    servers = {why: Recorder(lab.pki, chain, asks) for why, (chain, _) in unproven.items()}
    entries = [entry(why, "mysql", s.port, verify_name=host("db"), **LOGIN) for why, s in servers.items()]
    daemon = watch(lab, binaries, entries, f"recorder-{asks}", env=credentials)
    endpoints = daemon.settle()
    for why, server in servers.items():
        login, *rest = server.result()
        assert login[32:] == NOBODY + b"\0\0caching_sha2_password\0", why
        assert rest == ([] if asks == "nothing" else [b""]), why
        assert not_given(address_of(endpoints[why]), unproven[why][1]), address_of(endpoints[why])["detail"]
        daemon.told(f'{why} (127.0.0.1): the certificate was fetched, but the farewell failed: the server was not given')


def test_impostor_without_tls_gets_no_secret(lab, binaries, credentials, served):
    """A server that offers no TLS, and one that is checked for plaintext, hear the login of nobody in the clear."""
    bare, proven = Recorder(lab.pki, served, tls=False, asks="native"), Recorder(lab.pki, served)
    entries = [entry("bare", "mysql", bare.port, **LOGIN)]
    watch(lab, binaries, entries, "bare", env=credentials).settle()
    login, answer = bare.result()
    assert login[32:] == NOBODY + b"\0\0caching_sha2_password\0" and answer == b""
    watch(lab, binaries, [db(proven.port)], "proven", env=credentials).settle()
    assert proven.result()[0][32:].startswith(b"dbcertd\0\x20"), "the right server gets the scramble"


USER = f"CREATE USER dbcertd@'%' IDENTIFIED BY '{PASSWORD}';"


def log_of(server):
    """The logins that a MariaDB has seen."""
    with open(os.path.join(server.directory, "general.log"), errors="replace") as f:
        return [line.split("Connect\t")[-1].strip() for line in f if "Connect\t" in line]


def mariadb(lab, name, chain, **options):
    server = Mariadb(lab, name, chain, init=USER, **options)
    server.sql(f"SET GLOBAL general_log_file = '{server.directory}/general.log'; SET GLOBAL general_log = ON;")
    return server


def test_man_in_the_middle_cannot_log_in_to_mariadb(lab, binaries, credentials, served, unproven):
    """A relay with its own certificate hands the real server's salt on: the answer that comes back is nobody's."""
    real = mariadb(lab, "relayed", served)
    middle = Middle(lab.pki, unproven["self-signed"][0], real.port)
    daemon = watch(lab, binaries, [db(middle.port, "mariadb")], "middle", env=credentials)
    address = address_of(daemon.settle()["db"])
    assert address["outcome"] == "fetched" and not_given(address, "its issuer is not in it")
    middle.result()
    logins = wait_until("its log has it", lambda: log_of(real))
    assert all("dbcertd@" not in line and "dbcertd-nobody" in line for line in logins), logins


@pytest.mark.parametrize("require, plaintext", [("ON", "refused"), ("OFF", "accepted")])
def test_plaintext_check_of_mariadb_shows_no_secret(lab, binaries, credentials, served, require, plaintext):
    """The connection without TLS is nobody's, and finds out what it found out before; the one with TLS still logs in."""
    real = mariadb(lab, f"checked-{require}", served, settings={"require-secure-transport": require})
    wire = Passing(real.port)
    daemon = watch(lab, binaries, [db(wire.port, "mariadb", check_plaintext=True)], f"checked-{require}", env=credentials)
    endpoint = daemon.settle()["db"]
    assert address_of(endpoint)["plaintext"] == plaintext
    assert findings(endpoint) == ([("plaintext-accepted", "warning")] if plaintext == "accepted" else [])
    clear = wire.result(1)
    assert clear[36:].startswith(NOBODY + b"\0\0"), clear
    assert b"dbcertd\0" not in clear
    wait_until("the log has the login", lambda: any(line.startswith("dbcertd@") for line in log_of(real)))
    assert address_of(endpoint)["detail"] is None


def test_expired_mariadb_is_left_as_nobody_until_renewed(scratch, binaries):
    """A real server with an expired certificate gets no login and the reason is said; renewed, it gets it again."""
    env = scratch.credential("db", PASSWORD)
    old = scratch.pki.server("old", host("db"), ago(400), ago(35))[0]
    new = scratch.pki.server("new", host("db"), ago(DAYS), ago(DAYS - 365))[0]
    real = mariadb(scratch, "expired", old)
    daemon = watch(scratch, binaries, [db(real.port, "mariadb")], "expired", env=env)
    endpoint = daemon.settle()["db"]
    assert address_of(endpoint)["trusted"] is True, "dates are for the rules"
    assert ("certificate-expired", "critical") in findings(endpoint)
    assert not_given(address_of(endpoint), "its certificate expired 20")
    wait_until("its log has it", lambda: log_of(real))
    assert [line for line in log_of(real) if line.startswith("dbcertd@")] == []
    real.serve(new)
    real.sql("FLUSH SSL")
    assert address_of(daemon.probe("db"))["detail"] is None
    wait_until("its log has the login", lambda: any(line.startswith("dbcertd@") for line in log_of(real)))


def evil_ca(lab):
    """A CA of the attacker's, and a server certificate that it has signed. Returns (CA, chain)."""
    pki = lab.pki
    key = pki._key("evil", "rsa2048")
    template = pki._template("evil", ['cn = "Evil"', "ca", "cert_signing_key"], ago(90), ago(-900))
    pki._issue(pki.path("evil.pem"), template, key)
    template = pki._template("evil-leaf", pki._server_lines(host("two"), True), ago(DAYS), ago(DAYS - 365))
    pki._issue(pki.path("evil-leaf.pem"), template, pki.server_key, (pki.path("evil.pem"), key))
    pki._join(pki.path("evil-chain.pem"), [pki.path("evil-leaf.pem"), pki.path("evil.pem")])
    return pki.path("evil.pem"), pki.path("evil-chain.pem")


def test_server_cannot_make_its_own_ca_trusted(lab, binaries, credentials):
    """One server shows an unrelated CA beside a certificate of the root's; what that CA signed stays untrusted elsewhere."""
    pki = lab.pki
    root, _, _, root_key = pki.authority()
    evil, second = evil_ca(lab)
    template = pki._template("direct", pki._server_lines(host("one"), True), ago(DAYS), ago(DAYS - 365))
    pki._issue(pki.path("direct.pem"), template, pki.server_key, (root, root_key))
    pki._join(pki.path("direct-chain.pem"), [pki.path("direct.pem"), evil])
    one, two = Recorder(pki, pki.path("direct-chain.pem")), Recorder(pki, second, "full")
    daemon = watch(lab, binaries, [entry("one", "mysql", one.port), entry("two", "mysql", two.port, **LOGIN)], "poison", env=credentials)
    daemon.settle()
    assert address_of(daemon.probe("one"))["trusted"] is True
    endpoint = daemon.probe("two")
    assert address_of(endpoint)["trusted"] is False
    assert ("chain-untrusted", "warning") in findings(endpoint)
    for n in range(2):
        login, answer = two.result(n)
        assert login[32:].startswith(NOBODY) and answer == b""


def test_store_accepts_no_server_that_its_ca_did_not_sign(lab, binaries):
    """A trust store with the root refuses a server that shows the root's intermediate above a certificate of another key."""
    pki = lab.pki
    _, chain = evil_ca(lab)
    _, sub, _, _ = pki.authority()
    pki._join(pki.path("beside.pem"), [pki.path("evil-leaf.pem"), sub])
    good = Recorder(pki, pki.server("good", host("good"), ago(DAYS), ago(DAYS - 365))[0])
    bad = Recorder(pki, pki.path("beside.pem"))
    stores = f'trust_stores = ( {{ name = "billing"; path = "{pki.authority()[0]}"; }} );'
    entries = [entry("good", "mysql", good.port), entry("two", "mysql", bad.port)]
    daemon = Dbcertd(lab, binaries, config(pki.bundle("rsa2048"), entries, 'interval = "30d";' + stores), name="beside")
    daemon.settle()
    found = wait_until("the store is audited", lambda: [f for f in daemon.all_findings() if f["id"] == "trust-store-lacks-ca"])
    text = json.dumps(found)
    assert "two" in text and "good" not in text, text


def pem(certificates):
    return "".join("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(c).decode() + "-----END CERTIFICATE-----\n" for c in certificates)


def signature(bits):
    """Below any modulus of so many bits."""
    return (odd(bits) >> 2).to_bytes(bits // 8, "big")


MAZE = der.name(("CN", b"Maze"))


def ca_certificate(key, bits):
    basic = der.extension("basic", der.sequence(b"\1\1\xff"), True)
    return der.certificate(subject=MAZE, issuer=MAZE, key=key, extensions=(basic,), signature=signature(bits))


def large(kind):
    """A server, and what is said of it. The numbers are random: checking a signature costs the same."""
    if kind == "modulus":
        return Tls12([der.certificate(key=rsa_key(65536, odd(65536)))], signature=signature(65536)), "an RSA key of 65536 bits; dbcertd takes at most 16384"
    if kind == "exponent":
        return Tls12([der.certificate(key=rsa_key(16384, odd(16384)))], signature=signature(16384)), "an exponent of 16384 bits; dbcertd takes at most 64"
    if kind == "issuer":
        above = ca_certificate(rsa_key(65536, odd(32768)), 65536)
        return Tls12([der.certificate(issuer=MAZE), above], signature=signature(2048)), "certificate 2 of the server's has an RSA key of 65536 bits"
    if kind == "sum":
        above = [ca_certificate(rsa_key(16384, odd(64)), 16384) for _ in range(15)]
        return Tls12([der.certificate(issuer=MAZE, signature=signature(16384)), *above], signature=signature(2048)), "more than 65536 bits together"
    return Tls12([der.certificate(key=rsa_key(2048))], prime=odd(500000).to_bytes(62500, "big")), "Diffie-Hellman prime of 500000 bits; dbcertd takes at most 8192"


@pytest.mark.parametrize("kind", ["modulus", "exponent", "issuer", "sum", "prime"])
def test_large_key_ends_the_handshake_and_holds_nobody(lab, binaries, kind):
    """A key beyond what clients take is an outcome with its size, and the status socket answers all the while."""
    server, words = large(kind)
    daemon = watch(lab, binaries, [entry("db", "tls", server.port)], f"large-{kind}")
    slowest = 0
    for _ in range(20):
        began = time.monotonic()
        daemon.get("/healthz")
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.02)
    endpoint = daemon.settle(15)["db"]
    assert address_of(endpoint)["outcome"] == "handshake-failed"
    assert words in address_of(endpoint)["detail"]
    assert slowest < 2, slowest


@pytest.fixture
def large_key(lab, nonsense, tmp_path):
    """Starts a server with an RSA key of 65,536 bits and an exponent as long, for a TLS version; returns its port."""
    def start(version):
        path = tmp_path / "large.der"
        path.write_bytes(der.certificate(key=rsa_key(65536, odd(65536))))
        server = subprocess.Popen([nonsense, f"NORMAL:-VERS-ALL:+VERS-TLS{version}", path], stdout=subprocess.PIPE, text=True)
        lab.callback(server.wait)
        lab.callback(server.kill)
        return int(server.stdout.readline())
    return start


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_large_key_in_either_tls_version_is_refused(lab, binaries, large_key, version):
    """Also where the certificate is encrypted and its key signs CertificateVerify."""
    daemon = watch(lab, binaries, [entry("db", "tls", large_key(version))], f"large-{version}")
    address = address_of(daemon.settle(15)["db"])
    assert (address["outcome"], address["detail"]) == ("handshake-failed", "certificate 1 of the server's has an RSA key of 65536 bits; dbcertd takes at most 16384")


def busiest(daemon):
    """Seconds of processor time that the daemon's busiest thread has had."""
    tasks = f"/proc/{daemon.process.pid}/task"
    return max(int(open(f"{tasks}/{task}/schedstat").read().split()[0]) for task in os.listdir(tasks)) / 1e9


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("server", ["bundle", "alertmanager"])
def test_large_key_of_a_web_server_holds_nobody(lab, binaries, large_key, server, version):
    """While libcurl computes with it, the status socket answers within 100 ms; a stop does not wait for its end."""
    url = f"https://127.0.0.1:{large_key(version)}"
    keys = {"bundle": f'trust = {{ fetch = [ "{url}/bundle.pem" ]; }};', "alertmanager": f'alerts = {{ alertmanager = "{url}"; unreachable_after = 1; group_wait = "0s"; }};'}
    text = f'{keys[server]} endpoints = ( {entry("db", "tls", closed_port())} );'
    daemon = Dbcertd(lab, binaries, text, name=f"web-{server}-{version}")
    with loop_answers(daemon):
        wait_until("libcurl computes", lambda: busiest(daemon) > 2, 30)
    began, computed = time.monotonic(), busiest(daemon)
    daemon.stop()
    assert time.monotonic() - began < 3, f"after {computed:.1f} s of computing"


def test_large_key_in_a_bundle_is_an_error_with_its_place(lab, binaries, tmp_path):
    """--check-config names the file, the certificate and the line, at once."""
    good = open(lab.pki.authority()[0]).read()
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(good + pem([ca_certificate(rsa_key(65536, odd(65536)), 65536), ca_certificate(rsa_key(4096, odd(96)), 4096)]))
    path = tmp_path / "dbcertd.conf"
    path.write_text(config(bundle, []))
    done = subprocess.run([os.path.join(binaries, "dbcertd"), "--config", path, "--check-config"], capture_output=True, text=True, timeout=15)
    line = good.count("\n") + 1
    assert f"{bundle}: certificate 2 (line {line}) has an RSA key of 65536 bits; dbcertd takes at most 16384" in done.stderr
    assert "certificate 3 (line " in done.stderr and "has an RSA key with an exponent of 96 bits; dbcertd takes at most 64" in done.stderr
    assert "1 trusted certificates" in done.stdout


def memory_of(process):
    """What a process can write to, and so may have left something in."""
    found = b""
    with open(f"/proc/{process.pid}/maps") as maps, open(f"/proc/{process.pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, rights, *rest = line.split()
            if not rights.startswith("rw") or rest[-1:] == ["[vvar]"]:
                continue
            begin, end = (int(n, 16) for n in where.split("-"))
            mem.seek(begin)
            try:
                found += mem.read(end - begin) + bytes(64)
            except OSError:  # not every mapping can be read
                continue
    return found


def digests(password):
    """What is as good as the password, or lets guesses be checked."""
    sha1, sha256 = hashlib.sha1(password).digest(), hashlib.sha256(password).digest()
    return {"SHA1": sha1, "SHA1 of SHA1": hashlib.sha1(sha1).digest(), "SHA256": sha256, "SHA256 of SHA256": hashlib.sha256(sha256).digest()}


@pytest.mark.skipif(os.geteuid() != 0 or bool(os.environ.get("DBCERTD_SANITIZED")), reason="reads the memory of a process; sanitizers keep what was freed")
@pytest.mark.parametrize("asks, plugin", [("full", b"caching_sha2_password"), ("native", b"mysql_native_password"), ("sha256", b"caching_sha2_password")])
def test_memory_after_a_login_holds_the_password_once(lab, binaries, credentials, served, asks, plugin):
    """After a probe the daemon's memory holds the configured password, and nothing that was made of it."""
    server = Recorder(lab.pki, served, asks, plugin)
    daemon = watch(lab, binaries, [db(server.port)], f"memory-{asks}", env=credentials)
    daemon.settle()
    login, answer = server.result()
    assert login[32:40] == b"dbcertd\0" and answer
    time.sleep(0.2)
    memory = memory_of(daemon.process)
    made = {**digests(PASSWORD.encode()), "the greeting's scramble": login[41:41 + login[40]]}
    if asks == "native":
        made["the switch's scramble"] = answer
    assert [what for what, value in made.items() if value in memory] == []
    assert memory.count(PASSWORD.encode()) == 1


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("program", ["dbcertd", "dbcertctl"])
def test_program_is_not_dumpable_when_it_reads_a_secret(lab, binaries, credentials, served, tmp_path, program):
    """PR_SET_DUMPABLE comes before the first password is opened: with --check-config, and where dbcertctl has a password file."""
    path, trace = tmp_path / "dbcertd.conf", tmp_path / "trace"
    path.write_text(config(lab.pki.bundle("rsa2048"), [db(1)]))
    secret = os.path.join(credentials["CREDENTIALS_DIRECTORY"], "db")
    words = {"dbcertd": ["--config", path, "--check-config"],
             "dbcertctl": ["--socket", tmp_path / "none", "trust", lab.pki.bundle("rsa2048"), "--password-file", secret]}[program]
    subprocess.run(["strace", "-o", trace, "-e", "trace=prctl,openat", os.path.join(binaries, program), *words],
                   capture_output=True, timeout=60, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0", **credentials))
    steps = ["closed" if "PR_SET_DUMPABLE" in line else "read" for line in trace.read_text().splitlines() if "PR_SET_DUMPABLE" in line or secret in line]
    assert steps == ["closed", "read"]
