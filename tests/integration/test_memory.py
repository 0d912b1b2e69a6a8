"""valgrind over one full round of probes, failed ones among them, a reload and a stop."""

import os
import shutil

import pytest

from lab import Dbcertd, Mariadb, Postgres, Server, ago, closed_port, config, entry, host, run
from standin import Mysql8, SqlServer
from misdeeds import big_chain, mysql_then, says, silent, tds_then

ERROR = 99


def bundles(pki):
    """A web server that answers everybody with a bundle."""
    def serve(connection):
        connection.recv(4096)
        body = open(pki.bundle("rsa2048"), "rb").read()
        connection.sendall(b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
    return serve


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
@pytest.mark.skipif(bool(os.environ.get("DBCERTD_SANITIZED")), reason="this build has the sanitizers in it")
def test_a_round_of_probes_leaks_nothing_and_reads_nothing_wrong(scratch, binaries):
    pki = scratch.pki
    chain = pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0]
    stalled = pki.server("stalled", host("stalled"), ago(230), ago(230 - 365))[0]
    servers = [Server(silent), Server(says(b"N")), Server(says(b"Sgarbage")), Server(big_chain), Server(mysql_then(silent)),
               Server(tds_then(says(b"garbage instead of packets")))]
    entries = [entry("orders", "postgres", Postgres(scratch, "orders", chain).port),
               entry("stalled", "mariadb", Mariadb(scratch, "stalled", stalled).port),
               entry("refusing", "postgres", closed_port()),
               entry("nameless", "postgres", 1, host="no-such-host.invalid", addresses=None),
               entry("tds", "sqlserver-se", SqlServer(pki, chain, chop=lambda data: [data[:7], data[7:]]).port, check_plaintext=True),
               entry("strict", "sqlserver-se", SqlServer(pki, chain, strict=True).port, strict=True),
               entry("eight", "mysql", Mysql8(pki, chain, {"dbcertd": ("caching_sha2_password", b"secret")}).port, check_plaintext=True,
                     farewell="login", user="dbcertd", password_credential="db"),
               entry("proxy", "postgres", Postgres(scratch, "proxy", chain).port, kind="proxy", ca=None, check_plaintext=True),
               *[entry(f"odd-{i}", engine, server.port)
                 for i, (server, engine) in enumerate(zip(servers, ("postgres", "postgres", "postgres", "tls", "mysql", "sqlserver-ex")))]]
    stores = [f'{{ name = "good"; path = "{pki.bundle("rsa2048")}"; }}', '{ name = "gone"; path = "/nowhere/x"; }']
    if shutil.which("keytool"):
        path = os.path.join(scratch.directory, "store.p12")
        run("keytool", "-importcert", "-noprompt", "-keystore", path, "-storepass", "secret", "-alias", "a", "-file", pki.authority("rsa2048")[0])
        stores.append(f'{{ name = "java"; path = "{path}"; password_credential = "db"; }}')
    os.makedirs(os.path.join(scratch.directory, "dbcertd.d"))
    with open(os.path.join(scratch.directory, "dbcertd.d/fetch.conf"), "w") as f:
        f.write(f'trust = {{ fetch = [ "https://127.0.0.1:{closed_port()}/b.pem", "http://127.0.0.1:{Server(bundles(pki)).port}/b.pem" ]; '
                "fetch_http = true; };")
    text = config(pki.bundle("rsa2048"), entries, f'timeout = "5s"; trust_stores = ( {", ".join(stores)} );')
    daemon = Dbcertd(scratch, binaries, text, prefix=["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite,indirect",
                                                      "--errors-for-leak-kinds=definite,indirect", f"--error-exitcode={ERROR}"], env=scratch.credential("db", "secret"))
    endpoints = daemon.settle()
    assert len(endpoints) == len(entries)
    for words in (["findings"], ["authorities"], ["plan", "rds-ca-ecc384-g1"], ["trust"], ["trust", pki.bundle("ecc384")]):
        daemon.ctl(*words)
    daemon.get("/v1/endpoints?der=hex")
    assert [b["certificates"] for b in daemon.get("/v1/trust")["bundles"]] == [0, 1]
    daemon.write('interval = "never";')
    daemon.reload()
    daemon.write(config(pki.bundle("rsa2048"), entries[:3]))
    daemon.reload()
    daemon.probe("orders")
    assert daemon.stop() == 0, daemon.output()
    assert "==" not in daemon.output(), daemon.output()
