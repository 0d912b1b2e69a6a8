"""The table in docs/engines.md is measured anew: what each way to probe costs a real server, three probes at a time."""

import os
import re
import time

import pytest

from conftest import PROBER, SERVER
from lab import Dbcertd, Mariadb, Postgres, ago, config, entry, host, postgres_version

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

GUIDE = os.path.join(os.path.dirname(__file__), "../../docs/engines.md")
PROBES = 3


def documented():
    """{(server, probe): [cells]} of the table."""
    rows = re.findall(r"^\| ((?:MariaDB|PostgreSQL) [\d.]+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", open(GUIDE).read(), re.M)
    return {(server, probe.replace("`", "")): cells for server, probe, *cells in rows}


@pytest.fixture(scope="module")
def chain(lab):
    return lab.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0]


@pytest.fixture(scope="module")
def credentials(lab):
    return lab.credential("db", "secret")


def probe(lab, binaries, cable, name, engine, port, outcome="fetched", env=None, **keys):
    """Three first probes: each is by a daemon of its own, so that a check that is made once a day is made in each."""
    for n in range(PROBES):
        daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), [entry("orders", engine, port, addresses=[SERVER], **keys)]),
                         name=f"{engine}-{re.sub('[^a-z]', '', name)}-{n}", prefix=cable[1], env=env)
        address = daemon.settle()["orders"]["addresses"][0]
        assert address["outcome"] == outcome, address
        daemon.stop()
    time.sleep(0.5)
    return address


def lines(server):
    return len(server.output().splitlines())


LOGIN = {"farewell": "login", "user": "dbcertd", "password_credential": "db"}
MARIADB = {
    "refused": dict(farewell="refused"),
    "login": LOGIN,
    "drop": dict(farewell="drop"),
    "login with check_plaintext, TLS not required": dict(LOGIN, check_plaintext=True),
    "login with check_plaintext, TLS required": dict(LOGIN, check_plaintext=True),
}


def aborted(server):
    return int(server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_connects'").split()[1])


@pytest.fixture(scope="module")
def mariadb(lab, cable, chain):
    return Mariadb(lab, "measured", chain, address=SERVER, prefix=cable[0], init="CREATE USER dbcertd@'%' IDENTIFIED BY 'secret';")


@pytest.mark.parametrize("row", MARIADB)
def test_what_a_probe_costs_mariadb(lab, binaries, cable, mariadb, credentials, row):
    version = re.match(r"[\d]+\.[\d]+", mariadb.sql("SELECT VERSION()"))[0]
    cells = documented().get((f"MariaDB {version}", row))
    if not cells:
        pytest.skip(f"docs/engines.md has no row for MariaDB {version}")
    mariadb.sql(f"SET GLOBAL require_secure_transport = {'ON' if row.endswith(', TLS required') else 'OFF'}; FLUSH HOSTS")
    before = lines(mariadb), aborted(mariadb)
    address = probe(lab, binaries, cable, row, "mariadb", 3306, env=credentials, **MARIADB[row])
    measured = [mariadb.errors_counted(PROBER) or 0, lines(mariadb) - before[0], aborted(mariadb) - before[1]]
    assert cells == [str(n) for n in measured], f"measured: {measured}"
    if "check_plaintext" in row:
        assert address["plaintext"] == ("refused" if row.endswith(", TLS required") else "accepted")


POSTGRES = {
    "close": ("host", {}),
    "close with check_plaintext, TLS not required": ("host", dict(check_plaintext=True)),
    "close with check_plaintext, TLS required": ("hostssl", dict(check_plaintext=True)),
    "direct_tls": ("host", dict(direct_tls=True)),
}


@pytest.fixture(scope="module")
def postgres(lab, cable, chain):
    return Postgres(lab, "measured", chain, address=SERVER, prefix=cable[0])


@pytest.mark.parametrize("row", POSTGRES)
def test_what_a_probe_costs_postgres(lab, binaries, cable, postgres, row):
    version = postgres_version()
    known = row != "direct_tls" or version >= 17
    cells = documented().get((f"PostgreSQL {version}", row if known else row + ", which it does not know"))
    if not cells:
        pytest.skip(f"docs/engines.md has no row for PostgreSQL {version}")
    kind, keys = POSTGRES[row]
    with open(postgres.directory + "/pg_hba.conf", "w") as f:
        f.write(f"{kind} all all all scram-sha-256\n")
    postgres.reload()
    before = lines(postgres)
    address = probe(lab, binaries, cable, row, "postgres", 5432, outcome="fetched" if known else "tls-refused", **keys)
    measured = lines(postgres) - before
    assert cells == ["-", str(measured), "-"], f"measured: {measured}"
    if "check_plaintext" in row:
        assert address["plaintext"] == ("refused" if row.endswith(", TLS required") else "accepted")
