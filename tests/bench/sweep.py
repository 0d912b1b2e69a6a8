"""A sweep over many TLS servers, by everything that can make one: CPU for each certificate, certificates per second, memory."""

import argparse
import concurrent.futures
import http.client
import os
import shutil
import socket
import statistics
import time

from bench import CLIENT, Web, alone, certificates, cpu, pinned, rounds, status, table, timed, tool
from fleet import address
from lab import Lab, Process, ZONE, entry, free_port, wait_until

RUNS = 5
AT_ONCE = 64

CHECK = "/usr/lib/nagios/plugins/check_ssl_cert"


def targets(lab, name, n, line):
    """A file with a line for each of n servers: {address}, {host}."""
    path = os.path.join(lab.directory, f"{name}-{n}")
    with open(path, "w") as f:
        f.writelines(line.format(address=address(i), host=f"db-{i}.{ZONE}") + "\n" for i in range(n))
    return path


def each(path, at_once, line):
    """A command for each line of a file with two words, $0 and $1, so many at once; whatever it says of them."""
    return ["sh", "-c", f"xargs -P {at_once} -n 2 sh -c '{line} >/dev/null 2>&1 </dev/null' <{path}; true"]


def floor(lab, port, n, kind, engine=None):
    return [tool("bench-floor"), *([f"--{engine}"] if engine else []), lab.pki.bundle(kind), str(port), str(AT_ONCE),
            "@" + targets(lab, "floor", n, "{address}={host}")]


def openssl(lab, port, n, kind, starttls=None):
    how = f"-starttls {starttls}" if starttls else ""
    return each(targets(lab, "openssl", n, f"{{address}}:{port} {{host}}"), 8,
                f"openssl s_client -connect $0 {how} -servername $1 -verify_hostname $1 -CAfile {lab.pki.bundle(kind)} -no-CApath -no-CAstore")


def nmap(lab, port, n):
    return ["nmap", "-n", "-Pn", "-p", str(port), "--script", "ssl-cert", "-iL", targets(lab, "nmap", n, "{address}")]


def sslscan(lab, port, n, starttls=None):
    leave_out = " ".join("--no-" + what for what in ("ciphersuites", "fallback", "renegotiation", "compression", "heartbleed", "groups"))
    how = {"postgres": "--starttls-psql", "mysql": "--starttls-mysql"}.get(starttls, "")
    return each(targets(lab, "sslscan", n, f"{{address}}:{port} {{host}}"), 8, f"sslscan {how} --sni-name=$1 {leave_out} --show-certificate $0")


def check_ssl_cert(lab, port, n, kind, starttls=None):
    how = f"-P {starttls}" if starttls else ""
    return each(targets(lab, "check", n, "{address} {host}"), 4,
                f"{CHECK} -H $0 -p {port} {how} --sni $1 --match $1 --rootcert-file {lab.pki.bundle(kind)} --ignore-sct --ignore-maximum-validity --ignore-ocsp")


def blackbox(lab, port, n, kind):
    """The exporter alone; who asks it is not counted. It sends one name to all, since a module has but one."""
    where, web = os.path.join(lab.directory, "blackbox.yml"), free_port()
    with open(where, "w") as f:
        f.write(f"modules: {{ tls: {{ prober: tcp, timeout: 10s, tcp: {{ tls: true, preferred_ip_protocol: ip4, tls_config: "
                f"{{ ca_file: {lab.pki.bundle(kind)}, server_name: db-0.{ZONE} }} }} }} }}\n")
    exporter = Process([*pinned(CLIENT), "prometheus-blackbox-exporter", f"--config.file={where}", f"--web.listen-address=127.0.0.1:{web}", "--log.level=error"],
                       os.path.join(lab.directory, "blackbox.log"))
    lab.push(exporter)

    def answers():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", web)) == 0
    wait_until("the exporter answers", answers)

    def ask(numbers):
        client = http.client.HTTPConnection("127.0.0.1", web)
        for i in numbers:
            client.request("GET", f"/probe?module=tls&target={address(i)}:{port}")
            assert b"probe_success 1" in client.getresponse().read()
    spent, speeds = [], []
    for _ in range(RUNS):
        before, begin = cpu(exporter.process.pid), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(ask, [range(k, n, AT_ONCE) for k in range(AT_ONCE)]))
        spent.append((cpu(exporter.process.pid) - before) / n * 1000)
        speeds.append(n / (time.monotonic() - begin))
    peak = status(exporter.process.pid, "VmHWM") / 1024
    exporter.stop()
    return [statistics.median(spent), statistics.median(speeds), peak]


def scan(lab, binaries, port, n, kind, engine="tls", query=""):
    path = targets(lab, f"scan-{port}", n, f"{engine}://{{address}}:{port}?verify_name={{host}}{query}")
    return [os.path.join(binaries, "dbcertctl"), "scan", "--json", "--ca-file", lab.pki.bundle(kind), "--concurrency", str(AT_ONCE), "--file", path]


def of_command(command, n, runs=RUNS, must=False):
    """Medians: CPU milliseconds each, each second, peak MB of the largest process."""
    seen = [timed([*pinned(CLIENT), *command], must) for _ in range(runs)]
    return [statistics.median(s[1] for s in seen) / n * 1000, n / statistics.median(s[0] for s in seen), statistics.median(s[2] for s in seen) / 1024]


def daemon_rows(lab, binaries, port, n, kind):
    """Its first round, and the later ones of what it has seen before."""
    entries = [entry(f"db-{i}", "tls", port, addresses=[address(i)], ca=f"rds-ca-{kind}-g1") for i in range(n)]
    fresh, seen, peak = rounds(lab, binaries, f"sweep-{port}", lab.pki.bundle(kind), entries, AT_ONCE, RUNS)
    return [fresh, None, peak], [seen, None, peak]


def others(lab, port, n, kind, starttls=None):
    """Tools that take long: fewer servers, fewer runs."""
    some, few = min(n, 200), min(n, 20)
    return [("nmap ssl-cert", of_command(nmap(lab, port, some), some, 3)),
            ("openssl s_client, 8 at once", of_command(openssl(lab, port, some, kind, starttls), some, 3)),
            ("sslscan, 8 at once", of_command(sslscan(lab, port, some, starttls), some, 3)),
            ("check_ssl_cert, 4 at once", of_command(check_ssl_cert(lab, port, few, kind, starttls), few, 1))]


def show(title, rows):
    least = rows[0][1][0] if rows[0][0].startswith("bare") else None
    table(title, ["who", "CPU each, ms", "of the floor", "each second", "peak MB"],
          [[who, f"{c:.2f}", f"{c / least:.2f}" if least else "", f"{s:.0f}" if s else "", f"{m:.0f}" if m else ""] for who, (c, s, m) in rows])


def sweep(lab, binaries, kind, tls, n, port):
    many = certificates(lab, n, kind) if not os.path.exists(os.path.join(lab.directory, f"many-{kind}")) else os.path.join(lab.directory, f"many-{kind}")
    shutil.copy(os.path.join(many, f"db-0.{ZONE}.pem"), os.path.join(many, ".pem"))  # for who sends no name
    web = Web(lab, {port: (f"{many}/$ssl_server_name.pem", lab.pki.server_key)}, tls)
    least = of_command(floor(lab, port, n, kind), n, must=True)
    rows = [("bare GnuTLS loop", least), ("dbcertctl scan", of_command(scan(lab, binaries, port, n, kind), n))]
    fresh, seen = daemon_rows(lab, binaries, port, n, kind)
    rows += [("dbcertd, never seen before", fresh), ("dbcertd, seen before", seen)]
    rows.append(("blackbox_exporter", blackbox(lab, port, n, kind)))
    rows += others(lab, port, n, kind)
    web.stop()
    show(f"{n} servers, each with a certificate of its own, {kind}, {tls}, {AT_ONCE} at once", rows)


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
