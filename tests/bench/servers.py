"""The same sweep over real PostgreSQL and MariaDB, and over the stand-in for SQL Server: what the engine's own words add."""

import argparse
import os

from bench import alone, rounds
from fleet import address
from lab import Lab, Mariadb, Postgres, ZONE, ago, entry
from standin import SqlServer
from sweep import AT_ONCE, floor, of_command, others, scan, show

RUNS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=500)
    options = parser.parse_args()
    alone()
    binaries = os.environ.get("DBCERTD_BINARIES", os.path.join(os.path.dirname(__file__), "../../build/daemon"))
    n = options.n
    with Lab() as lab:
        chain = lab.pki.server("bench", f"*.{ZONE}", ago(30), ago(30 - 365))[0]
        env = lab.credential("db", "secret")
        bundle = lab.pki.bundle("rsa2048")

        def measure(title, engine, port, keys, query=None, starttls=None):
            """query: what dbcertctl scan is told besides; None: it cannot."""
            entries = [entry(f"db-{i}", engine, port, **{"addresses": [address(i)], **keys}) for i in range(n)]
            fresh, seen, peak = rounds(lab, binaries, engine, bundle, entries, AT_ONCE, RUNS, env)
            rows = [("dbcertd, first time", [fresh, None, peak]), ("dbcertd, later", [seen, None, peak])]
            if query is not None:
                rows.insert(0, ("dbcertctl scan", of_command(scan(lab, binaries, port, n, "rsa2048", engine, query), n, RUNS)))
            if starttls:
                least = of_command(floor(lab, port, n, "rsa2048", starttls), n, RUNS, must=True)
                rows = [("bare GnuTLS loop", least), *rows, *others(lab, port, n, "rsa2048", starttls)]
            show(f"{title}: {n} addresses of one server, RSA-2048, {AT_ONCE} at once", rows)

        # On their own ports, by which nmap knows them; the network is this benchmark's alone.
        Postgres(lab, "bench", chain, address="0.0.0.0", settings={"port": 5432, "max_connections": 300})
        measure("PostgreSQL", "postgres", 5432, {}, "", "postgres")
        Mariadb(lab, "bench", chain, address="0.0.0.0", settings={"port": 3306, "max-connections": 1000},
                init="CREATE USER dbcertd@'%' IDENTIFIED BY 'secret';")
        measure("MariaDB, refused", "mariadb", 3306, {"farewell": "refused"}, "&farewell=refused", "mysql")
        measure("MariaDB, login", "mariadb", 3306, {"farewell": "login", "user": "dbcertd", "password_credential": "db"})
        server = SqlServer(lab.pki, chain)
        measure("SQL Server (stand-in)", "sqlserver-se", server.port, {"addresses": ["127.0.0.1"]})


if __name__ == "__main__":
    main()
