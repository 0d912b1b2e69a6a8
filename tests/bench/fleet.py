"""One daemon and a whole fleet: what it costs in memory, CPU and time, from 100 endpoints to 10,000."""

import argparse
import os
import socket
import statistics
import time

from bench import Web, alone, certificates, cpu, pinned, quantile, status, table
from lab import Dbcertd, Lab, config, entry, wait_until

PORT = 8443


def address(i):
    return f"127.{1 + i // 62500}.{i // 250 % 250}.{1 + i % 250}"


def ask(daemon, path, times=7):
    """Median milliseconds until the last byte of an answer is here, and the answer."""
    spent = []
    for _ in range(times):
        begin = time.monotonic()
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(daemon.socket)
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            pieces = []
            while piece := s.recv(1 << 20):
                pieces.append(piece)
        spent.append((time.monotonic() - begin) * 1000)
    return statistics.median(spent), b"".join(pieces)


def measure(lab, binaries, n, idle):
    entries = [entry(f"db-{i}", "tls", PORT, addresses=[address(i)], maintenance_window="sun:05:00-sun:06:00") for i in range(n)]
    text = config(lab.pki.bundle("rsa2048"), entries, 'interval = "1d"; concurrency = 256;')
    begin = time.monotonic()
    daemon = Dbcertd(lab, binaries, text, name=f"fleet-{n}", prefix=pinned(), wait=False)
    wait_until("it answers", daemon.answers, 60)
    answers = time.monotonic() - begin
    wait_until("all are probed", lambda: daemon.get("/v1/status")["severities"]["unknown"] == 0 or time.sleep(0.5), 600)
    seconds, spent = time.monotonic() - begin, cpu(daemon.process.pid)
    ok = daemon.get("/v1/status")["severities"]
    assert ok["ok"] == n, ok
    peak = status(daemon.process.pid, "VmHWM")
    time.sleep(3)  # what comes after a round
    before, switches = cpu(daemon.process.pid), status(daemon.process.pid, "voluntary_ctxt_switches")
    time.sleep(idle)
    used, woken = cpu(daemon.process.pid) - before, status(daemon.process.pid, "voluntary_ctxt_switches") - switches
    rest = status(daemon.process.pid, "VmRSS")
    json, json_text = ask(daemon, "/v1/endpoints")
    metrics, text = ask(daemon, "/metrics")
    held = quantile(text.decode(), "dbcertd_loop_busy_seconds", 0.99)
    after = status(daemon.process.pid, "VmHWM")
    size = sum(os.path.getsize(os.path.join(daemon.state, f)) for f in os.listdir(daemon.state))
    daemon.stop()
    return [n, f"{answers:.2f}", f"{seconds:.1f}", f"{spent / n * 1000:.2f}", f"{peak / 1024:.0f}", f"{rest / 1024:.0f}", f"{after / 1024:.0f}",
            f"{used / idle * 100:.3f} %", f"{woken / idle:.2f}", f"{json:.0f} ({len(json_text) / 1e6:.1f} MB)",
            f"{metrics:.0f} ({len(text) / 1e6:.1f} MB)", f"{held:.1f}", f"{size / 1e6:.1f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--idle", type=int, default=70, help="seconds in which little is due: each minute the daemon looks after itself")
    parser.add_argument("--one", action="store_true", help="one certificate for all, in place of one for each")
    options = parser.parse_args()
    alone()
    binaries = os.environ.get("DBCERTD_BINARIES", os.path.join(os.path.dirname(__file__), "../../build/daemon"))
    sizes = [int(n) for n in options.sizes.split(",")]
    with Lab() as lab:
        many = certificates(lab, max(sizes))
        os.chmod(lab.directory, 0o755)
        Web(lab, {PORT: (f"{many}/$ssl_server_name.pem", lab.pki.server_key)})
        rows = [measure(lab, binaries, n, options.idle) for n in sizes]
    table("A fleet, every endpoint with a certificate of its own; daemon on one core, servers on the other",
          ["endpoints", "answers, s", "all probed, s", "CPU each, ms", "peak MB", "at rest MB", "peak with answers", "idle CPU", "wake-ups/s",
           "JSON, ms", "/metrics, ms", "loop held, p99 ms", "state MB"], rows)


if __name__ == "__main__":
    main()
