"""A sweep over many TLS servers, by everything that can make one: CPU for each certificate, certificates per second, memory."""

import argparse
import os
import shutil
import statistics
import time

from bench import CLIENT, Web, alone, certificates, cpu, pinned, status, table, timed, tool
from fleet import address
from lab import Dbcertd, Lab, ZONE, config, entry, wait_until

RUNS = 5
AT_ONCE = 64

# https://github.com/prometheus/blackbox_exporter: the module that does what we do.
BLACKBOX = """modules:
  tls: { prober: tcp, timeout: 10s, tcp: { tls: true, tls_config: { ca_file: "%s" } } }
"""


def floor(lab, port, n, kind):
    targets = os.path.join(lab.directory, f"floor-{n}")
    with open(targets, "w") as f:
        f.writelines(f"{address(i)}=db-{i}.{ZONE}\n" for i in range(n))
    return [tool("bench-floor"), lab.pki.bundle(kind), str(port), str(AT_ONCE), "@" + targets]


def openssl(lab, port, n, kind):
    targets = os.path.join(lab.directory, f"openssl-{n}")
    with open(targets, "w") as f:
        f.writelines(f"{address(i)}:{port}\ndb-{i}.{ZONE}\n" for i in range(n))
    line = f"openssl s_client -connect $0 -servername $1 -verify_hostname $1 -CAfile {lab.pki.bundle(kind)} -no-CApath -no-CAstore </dev/null"
    return ["sh", "-c", f"xargs -P 8 -n 2 sh -c '{line} >/dev/null 2>&1' <{targets}; true"]


def scan(lab, binaries, port, n, kind):
    targets = os.path.join(lab.directory, f"scan-{n}-{port}")
    with open(targets, "w") as f:
        f.writelines(f"tls://{address(i)}:{port}?verify_name=db-{i}.{ZONE}\n" for i in range(n))
    return [os.path.join(binaries, "dbcertctl"), "scan", "--json", "--ca-file", lab.pki.bundle(kind), "--concurrency", str(AT_ONCE), "--file", targets]


def of_command(command, n, runs=RUNS):
    """Medians: CPU milliseconds each, each second, peak MB."""
    seen = [timed([*pinned(CLIENT), *command]) for _ in range(runs)]
    return [statistics.median(s[1] for s in seen) / n * 1000, n / statistics.median(s[0] for s in seen), statistics.median(s[2] for s in seen) / 1024]


class Fleet:
    """The daemon: its first round, and the later ones of what it has seen before."""

    def __init__(self, lab, binaries, port, n, kind):
        entries = [entry(f"db-{i}", "tls", port, addresses=[address(i)], ca=f"rds-ca-{kind}-g1") for i in range(n)]
        more = f'interval = "10s"; concurrency = {AT_ONCE};'
        self.n = n
        self.daemon = Dbcertd(lab, binaries, config(lab.pki.bundle(kind), entries, more), name=f"sweep-{port}", prefix=pinned(CLIENT), wait=False)

    def figures(self):
        """Probes and CPU seconds until now."""
        text = timed(["curl", "-sS", "--unix-socket", self.daemon.socket, "http://localhost/metrics"])[3].decode()
        return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("dbcertd_probe_duration_seconds_count")), cpu(self.daemon.process.pid)


def daemon_rows(lab, binaries, port, n, kind):
    fresh, seen, memory = [], [], []
    for _ in range(RUNS):
        fleet = Fleet(lab, binaries, port, n, kind)
        wait_until("it answers", fleet.daemon.answers, 30)
        wait_until("all are probed", lambda: fleet.daemon.get("/v1/status")["severities"]["unknown"] == 0, 300)
        before = fleet.figures()
        fresh.append(before[1] / before[0])
        time.sleep(12)
        after = fleet.figures()
        seen.append((after[1] - before[1]) / (after[0] - before[0]))
        memory.append(status(fleet.daemon.process.pid, "VmHWM"))
        fleet.daemon.stop()
        shutil.rmtree(fleet.daemon.state)
    peak = statistics.median(memory) / 1024
    return [statistics.median(fresh) * 1000, None, peak], [statistics.median(seen) * 1000, None, peak]


def sweep(lab, binaries, kind, tls, n, port):
    many = certificates(lab, n, kind) if not os.path.exists(os.path.join(lab.directory, f"many-{kind}")) else os.path.join(lab.directory, f"many-{kind}")
    web = Web(lab, {port: (f"{many}/$ssl_server_name.pem", lab.pki.server_key)}, tls)
    least = of_command(floor(lab, port, n, kind), n)
    rows = [("bare GnuTLS loop", least), ("dbcertctl scan", of_command(scan(lab, binaries, port, n, kind), n))]
    fresh, seen = daemon_rows(lab, binaries, port, n, kind)
    rows += [("dbcertd, never seen before", fresh), ("dbcertd, seen before", seen)]
    some = min(n, 200)
    rows.append(("openssl s_client, 8 at once", of_command(openssl(lab, port, some, kind), some, 3)))
    web.stop()
    table(f"{n} servers, each with a certificate of its own, {kind}, {tls}, {AT_ONCE} at once",
          ["who", "CPU each, ms", "of the floor", "each second", "peak MB"],
          [[who, f"{c:.2f}", f"{c / least[0]:.2f}", f"{s:.0f}" if s else "", f"{m:.0f}"] for who, (c, s, m) in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=2000)
    parser.add_argument("--kinds", default="rsa2048,ecc384")
    parser.add_argument("--tls", default="TLSv1.3,TLSv1.2")
    options = parser.parse_args()
    alone()
    binaries = os.environ.get("DBCERTD_BINARIES", os.path.join(os.path.dirname(__file__), "../../build/daemon"))
    with Lab() as lab:
        port = 8443
        for kind in options.kinds.split(","):
            for tls in options.tls.split(","):
                sweep(lab, binaries, kind, tls, options.n, port)
                port += 1


if __name__ == "__main__":
    main()
