"""`dbcertctl scan`: targets from everywhere, a table or lines or PEM, and a status that scripts can use."""

import json
import os
import pty
import select
import subprocess
import time

import pytest

from lab import Mariadb, Openssl, Postgres, ago, findings, closed_port, free_port, host
from standin import SqlServer


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def fleet(lab, monkeypatch_module):
    """A server of each kind, with one certificate."""
    chain, leaf = lab.pki.server("db", host("db"), ago(30), ago(30 - 365))
    servers = {"postgres": Postgres(lab, "scan", chain), "mariadb": Mariadb(lab, "scan", chain),
               "sqlserver-se": SqlServer(lab.pki, chain), "oracle-ee": Openssl(lab, "scan", chain)}
    monkeypatch_module.setenv("DBCERTD_CATALOGUE", lab.pki.catalogue(lab.pki.path("catalogue.tsv")))
    return servers, chain, leaf


def target(servers, engine, *query):
    return f"{engine}://127.0.0.1:{servers[engine].port}?" + "&".join([f"verify_name={host('db')}", *query])


def scan(binaries, *arguments, **options):
    return subprocess.run([os.path.join(binaries, "dbcertctl"), "scan", *arguments], capture_output=True, text=True, timeout=60, **options)


def test_every_engine_by_its_url_with_the_expected_ca(binaries, lab, fleet):
    servers, _, _ = fleet
    done = scan(binaries, "--json", "--ca-file", lab.pki.bundle("rsa2048"), "--expect-ca", "rds-ca-rsa2048-g1",
                *[target(servers, engine) for engine in servers])
    endpoints = {e["engine"]: e for e in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0 and set(endpoints) == set(servers)
    assert all(findings(e) == [] and e["served_ca"] == "rds-ca-rsa2048-g1" for e in endpoints.values())
    other = scan(binaries, "--json", "--expect-ca", "rds-ca-ecc384-g1", target(servers, "postgres"))
    assert findings(json.loads(other.stdout)) == [("ca-mismatch", "warning")]
    assert other.returncode == 0  # it was fetched


def test_a_strict_sql_server_by_a_key_without_a_value(binaries, lab, fleet):
    server = SqlServer(lab.pki, fleet[1], strict=True)
    done = scan(binaries, "--json", f"sqlserver://127.0.0.1:{server.port}?strict")
    assert done.returncode == 0
    assert json.loads(done.stdout)["addresses"][0]["tls"]["alpn"] == "tds/8.0"


def test_check_plaintext_is_looked_for_where_a_target_asks(binaries, fleet):
    servers, _, _ = fleet
    done = scan(binaries, "--json", target(servers, "sqlserver-se", "check_plaintext"), target(servers, "postgres", "check_plaintext"))
    plaintext = {e["engine"]: e["addresses"][0]["plaintext"] for e in map(json.loads, done.stdout.splitlines())}
    assert plaintext == {"sqlserver-se": "accepted", "postgres": "accepted"}  # initdb's --auth=trust


def test_bare_targets_from_standard_input_have_the_engine_that_is_given(binaries, fleet):
    servers, _, _ = fleet
    lines = f"# the fleet\n\n127.0.0.1:{servers['postgres'].port}\n{target(servers, 'mariadb')}\n"
    done = scan(binaries, "--engine", "aurora-postgresql", "--file", "-", input=lines)
    assert done.returncode == 0 and "2 probed, 0 failed" in done.stdout
    assert sorted(line.split()[2] for line in done.stdout.splitlines()[1:3]) == ["aurora-postgresql", "mariadb"]
    wrong = scan(binaries, "127.0.0.1:5432")
    assert wrong.returncode == 2 and "expected ENGINE://HOST[:PORT], or --engine for HOST[:PORT]" in wrong.stderr
    assert 'did you mean "oracle"?' in scan(binaries, "--engine", "orakle", "h").stderr


def test_pem_is_what_was_served_and_nothing_else(binaries, lab, fleet):
    servers, chain, _ = fleet
    done = scan(binaries, "--pem", target(servers, "oracle-ee"))
    assert done.returncode == 0 and done.stderr == ""
    served = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    assert served == [line for line in open(chain).read().splitlines()]
    assert done.stdout.splitlines()[0].startswith(f"# 127.0.0.1:{servers['oracle-ee'].port} (127.0.0.1): server, serial ")
    # It can be saved and verified.
    saved = os.path.join(lab.directory, "served.pem")
    with open(saved, "w") as f:
        f.write(done.stdout)
    root, sub, *_ = lab.pki.authority()
    assert subprocess.run(["openssl", "verify", "-CAfile", root, "-untrusted", saved, saved], capture_output=True).returncode == 0
    failed = scan(binaries, "--pem", f"postgres://127.0.0.1:{closed_port()}")
    assert (failed.returncode, failed.stdout) == (1, "") and "connection refused" in failed.stderr
    assert scan(binaries, "--pem", "--json", "tls://h:1").returncode == 2


def test_show_chain_prints_every_certificate_under_the_table(binaries, fleet):
    servers, _, leaf = fleet
    done = scan(binaries, "--show-chain", target(servers, "mariadb"))
    serial = subprocess.run(["openssl", "x509", "-in", leaf, "-noout", "-serial"], capture_output=True, text=True).stdout.strip()[7:]
    assert f"serial      {serial}" in done.stdout and "intermediate" in done.stdout and host("db") in done.stdout
    assert "1 probed, 0 failed" in done.stdout


def test_some_that_failed_are_named_and_the_status_says_so(binaries, fleet):
    servers, _, _ = fleet
    port = free_port()
    done = scan(binaries, target(servers, "postgres"), f"postgres://127.0.0.1:{port}", "postgres://no-such-host.invalid", "--timeout", "3s")
    assert done.returncode == 1 and "3 probed, 2 failed" in done.stdout
    assert f"127.0.0.1:{port} (127.0.0.1): unreachable at dial: connection refused" in done.stdout
    assert "no-such-host.invalid:5432: " in done.stdout


def test_many_at_once_on_a_terminal_show_their_progress(binaries, fleet):
    servers, _, _ = fleet
    ends, screen = pty.openpty()
    process = subprocess.Popen([os.path.join(binaries, "dbcertctl"), "scan", "--concurrency", "16",
                                *[target(servers, engine) for engine in servers for _ in range(50)]],
                               stdin=screen, stdout=screen, stderr=screen, env=dict(os.environ, NO_COLOR="1"))
    os.close(screen)
    out, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([ends], [], [], 1)[0]:
            try:
                more = os.read(ends, 65536)
            except OSError:
                break
            if not more:
                break
            out += more
    assert process.wait(10) == 0
    text = out.decode()
    assert "0 of 200 probed, 0 failed" in text and "100 of 200 probed, 0 failed" in text
    assert "200 probed, 0 failed" in text.splitlines()[-1] and "\033[3" not in text
