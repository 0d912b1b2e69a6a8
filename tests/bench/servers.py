"""The same sweep over real PostgreSQL and MariaDB, and over the stand-in for SQL Server: what the engine's own words add."""

import argparse
import os

from bench import alone, rounds, table
from lab import Lab, Mariadb, Postgres, ago, entry, host
from standin import SqlServer
from sweep import AT_ONCE, of_command, openssl_to

RUNS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=500)
    options = parser.parse_args()
    alone()
    binaries = os.environ.get("DBCERTD_BINARIES", os.path.join(os.path.dirname(__file__), "../../build/daemon"))
    with Lab() as lab:
        chain = lab.pki.server("bench", host("bench"), ago(30), ago(30 - 365))[0]
        env = lab.credential("db", "secret")
        servers = {
            "PostgreSQL": ("postgres", Postgres(lab, "bench", chain, settings={"max_connections": 300}), {}, "postgres"),
            "MariaDB, refused": ("mariadb", Mariadb(lab, "bench", chain, settings={"max-connections": 1000},
                                                    init="CREATE USER dbcertd@'%' IDENTIFIED BY 'secret';"), {"farewell": "refused"}, "mysql"),
        }
        servers["MariaDB, login"] = ("mariadb", servers["MariaDB, refused"][1], {"farewell": "login", "user": "dbcertd", "password_credential": "db"}, None)
        servers["SQL Server (stand-in)"] = ("sqlserver-se", SqlServer(lab.pki, chain), {}, None)
        rows = []
        for name, (engine, server, keys, starttls) in servers.items():
            entries = [entry(f"db-{i}", engine, server.port, host=host("bench"), **keys) for i in range(options.n)]
            fresh, seen, peak = rounds(lab, binaries, engine, lab.pki.bundle("rsa2048"), entries, AT_ONCE, RUNS, env)
            other = of_command(openssl_to(lab, server.port, 100, starttls), 100, 3)[0] if starttls else None
            rows.append([name, f"{fresh:.2f}", f"{seen:.2f}", f"{other:.2f}" if other else "", f"{other / seen:.1f}" if other else "", f"{peak:.0f}"])
    table(f"{options.n} endpoints at one server, RSA-2048, {AT_ONCE} at once",
          ["server", "CPU each, first time, ms", "later, ms", "openssl s_client, ms", "of ours, later", "peak MB"], rows)


if __name__ == "__main__":
    main()
