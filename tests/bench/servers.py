"""The same sweep over real PostgreSQL and MariaDB, and over the stand-in for SQL Server: what the engine's own words add."""

import argparse
import os
import shutil
import statistics
import time

from bench import CLIENT, alone, pinned, status, table
from lab import Dbcertd, Lab, Mariadb, Postgres, ago, config, entry, host, wait_until
from standin import SqlServer
from sweep import AT_ONCE, figures, of_command, openssl_to

RUNS = 3


def measure(lab, binaries, engine, port, n, keys, env):
    fresh, seen, memory = [], [], []
    entries = [entry(f"db-{i}", engine, port, host=host("bench"), **keys) for i in range(n)]
    for _ in range(RUNS):
        text = config(lab.pki.bundle("rsa2048"), entries, f'interval = "10s"; concurrency = {AT_ONCE};')
        daemon = Dbcertd(lab, binaries, text, name=engine, prefix=pinned(CLIENT), env=env, wait=False)
        wait_until("it answers", daemon.answers, 30)
        wait_until("all are probed", lambda: daemon.get("/v1/status")["severities"]["unknown"] == 0, 300)
        before = figures(daemon)
        fresh.append(before[1] / before[0] * 1000)
        time.sleep(12)
        after = figures(daemon)
        seen.append((after[1] - before[1]) / (after[0] - before[0]) * 1000)
        memory.append(status(daemon.process.pid, "VmHWM") / 1024)
        daemon.stop()
        shutil.rmtree(daemon.state)
    return [statistics.median(fresh), statistics.median(seen), statistics.median(memory)]


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
            fresh, seen, peak = measure(lab, binaries, engine, server.port, options.n, keys, env)
            other = of_command(openssl_to(lab, server.port, 100, starttls), 100, 3)[0] if starttls else None
            rows.append([name, f"{fresh:.2f}", f"{seen:.2f}", f"{other:.2f}" if other else "", f"{other / seen:.1f}" if other else "", f"{peak:.0f}"])
    table(f"{options.n} endpoints at one server, RSA-2048, {AT_ONCE} at once",
          ["server", "CPU each, first time, ms", "later, ms", "openssl s_client, ms", "of ours, later", "peak MB"], rows)


if __name__ == "__main__":
    main()
