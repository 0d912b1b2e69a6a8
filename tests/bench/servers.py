"""The same sweep over real PostgreSQL and MariaDB, and over the stand-in for SQL Server: what the engine's own words add."""

import argparse
import os

from bench import alone, command, compare, daemon
from fleet import address
from lab import Lab, Mariadb, Postgres, ZONE, ago, entry
from standin import SqlServer
from sweep import AT_ONCE, bare, others, scan


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=500)
    parser.add_argument("--servers", default="postgres,refused,login,tds")
    options = parser.parse_args()
    alone()
    binaries = os.environ.get("DBCERTD_BINARIES", os.path.join(os.path.dirname(__file__), "../../build/daemon"))
    n = options.n
    with Lab() as lab:
        chain = lab.pki.server("bench", f"*.{ZONE}", ago(30), ago(30 - 365))[0]
        env = lab.credential("db", "secret")

        def measure(title, engine, port, starttls, more, keys={}, query=None):
            """query: what dbcertctl scan is told besides; None: it cannot."""
            entries = [entry(f"db-{i}", engine, port, addresses=[address(i)], **keys) for i in range(n)]
            scans = [command("dbcertctl scan", scan(lab, binaries, port, n, "rsa2048", engine, query), n, must=True)] if query is not None else []
            compare(f"{title}: {n} addresses of one server, RSA-2048, {AT_ONCE} at once", [
                *bare(lab, port, n, "rsa2048", starttls), *scans,
                daemon(lab, binaries, engine, lab.pki.bundle("rsa2048"), entries, AT_ONCE, ["dbcertd, first time", "dbcertd, later"], env), *more])

        # On their own ports, by which nmap knows them; the network is this benchmark's alone.
        wanted = options.servers.split(",")
        if "postgres" in wanted:
            Postgres(lab, "bench", chain, address="0.0.0.0", settings={"port": 5432, "max_connections": 300})
            measure("PostgreSQL", "postgres", 5432, "postgres", others(lab, 5432, n, "rsa2048", "postgres"), query="")
        if "refused" in wanted or "login" in wanted:
            Mariadb(lab, "bench", chain, address="0.0.0.0", settings={"port": 3306, "max-connections": 1000},
                    init="CREATE USER dbcertd@'%' IDENTIFIED BY 'secret';")
        if "refused" in wanted:
            measure("MariaDB, refused", "mariadb", 3306, "mysql", others(lab, 3306, n, "rsa2048", "mysql"), {"farewell": "refused"}, "&farewell=refused")
        if "login" in wanted:
            measure("MariaDB, login", "mariadb", 3306, "mysql", [], {"farewell": "login", "user": "dbcertd", "password_credential": "db"})
        if "tds" in wanted:
            SqlServer(lab.pki, chain, address="0.0.0.0", port=1433)
            measure("SQL Server (stand-in)", "sqlserver-se", 1433, "tds", [], query="")


if __name__ == "__main__":
    main()
