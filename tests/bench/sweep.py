"""A sweep over many TLS servers, by everything that can make one: CPU for each certificate, certificates per second, memory."""

import argparse
import concurrent.futures
import http.client
import os
import shutil
import socket
import time

from bench import INTERVAL, Web, alone, certificates, command, compare, cpu, daemon, pinned, status, tool
from fleet import address
from lab import Lab, Process, ZONE, entry, free_port, wait_until

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
    """The exporter, and a measure of it alone: who asks it is not counted. It sends one name to all, since a module has but one."""
    where, web = os.path.join(lab.directory, "blackbox.yml"), free_port()
    with open(where, "w") as f:
        f.write(f"modules: {{ tls: {{ prober: tcp, timeout: 10s, tcp: {{ tls: true, preferred_ip_protocol: ip4, tls_config: "
                f"{{ ca_file: {lab.pki.bundle(kind)}, server_name: db-0.{ZONE} }} }} }} }}\n")
    exporter = Process([*pinned(), "prometheus-blackbox-exporter", f"--config.file={where}", f"--web.listen-address=127.0.0.1:{web}", "--log.level=error"],
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

    def measure():
        before, begin = cpu(exporter.process.pid), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(ask, [range(k, n, AT_ONCE) for k in range(AT_ONCE)]))
        return [("blackbox_exporter", ((cpu(exporter.process.pid) - before) / n * 1000, n / (time.monotonic() - begin),
                                       status(exporter.process.pid, "VmHWM") / 1024))]
    return exporter, measure


def scan(lab, binaries, port, n, kind, engine="tls", query=""):
    path = targets(lab, f"scan-{port}", n, f"{engine}://{{address}}:{port}?verify_name={{host}}{query}")
    return [os.path.join(binaries, "dbcertctl"), "scan", "--json", "--ca-file", lab.pki.bundle(kind), "--concurrency", str(AT_ONCE), "--file", path]


def bare(lab, port, n, kind, engine=None):
    """Measures: a bare GnuTLS loop, as many at once as the others; and so many each second, as a daemon's endpoints come due."""
    def loop(who, each_second):
        return command(who, [tool("bench-floor"), *([f"--{engine}"] if engine else []), lab.pki.bundle(kind), str(port), str(AT_ONCE),
                             str(each_second), targets(lab, "floor", n, "{address}={host}")], n, must=True)
    return [loop("bare GnuTLS loop", 0), loop(f"the same, {n // INTERVAL} a second", n // INTERVAL)]


def others(lab, port, n, kind, starttls=None):
    """A process for each server costs the same each, however many there are; nmap is one for all."""
    some, few = min(n, 40), min(n, 4)
    return [command("nmap ssl-cert", nmap(lab, port, min(n, 200)), min(n, 200)),
            command("openssl s_client, 8 at once", openssl(lab, port, some, kind, starttls), some),
            command("sslscan, 8 at once", sslscan(lab, port, some, starttls), some),
            command("check_ssl_cert, 4 at once", check_ssl_cert(lab, port, few, kind, starttls), few)]


def sweep(lab, binaries, kind, tls, n, port):
    many = os.path.join(lab.directory, f"many-{kind}")
    if not os.path.exists(many):
        certificates(lab, n, kind)
    shutil.copy(os.path.join(many, f"db-0.{ZONE}.pem"), os.path.join(many, ".pem"))  # for who sends no name
    web = Web(lab, {port: (f"{many}/$ssl_server_name.pem", lab.pki.server_key)}, tls)
    exporter, exported = blackbox(lab, port, n, kind)
    entries = [entry(f"db-{i}", "tls", port, addresses=[address(i)], ca=f"rds-ca-{kind}-g1") for i in range(n)]
    compare(f"{n} servers, each with a certificate of its own, {kind}, {tls}, {AT_ONCE} at once", [
        *bare(lab, port, n, kind),
        command("dbcertctl scan", scan(lab, binaries, port, n, kind), n, must=True),
        daemon(lab, binaries, f"sweep-{port}", lab.pki.bundle(kind), entries, AT_ONCE, ["dbcertd, never seen before", "dbcertd, seen before"]),
        exported,
        *others(lab, port, n, kind)])
    exporter.stop()
    web.stop()


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
