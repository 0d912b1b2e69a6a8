"""Three bastions in network namespaces of their own, and what brings together what they say: systemd-journal-remote, Prometheus, Alertmanager."""

import json
import os
import shutil
import signal
import subprocess
import urllib.parse

import pytest

from lab import JOURNALD, Dbcertd, Process, ago, config, entry, host, run, wait_until

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
HUB, PORT = "10.99.9.1", 9799
REMOTE, UPLOAD = "/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-upload"

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists(UPLOAD) or not shutil.which("prometheus") or not shutil.which("prometheus-alertmanager") or
                                bool(os.environ.get("DBCERTD_SANITIZED")),
                                reason="needs root, systemd-journal-remote, prometheus and its alertmanager; and is of other programs")


def address(i):
    return f"10.99.9.{10 + i}"


def network(lab):
    """A namespace for what is central, and one for each bastion, on one bridge."""
    hub, *bastions = names = [f"dbcertd-{os.getpid()}-{end}" for end in ("hub", "b1", "b2", "b3")]
    for name in names:
        run("ip", "netns", "add", name)
        lab.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", hub, "link", "add", "bridge", "type", "bridge")
    run("ip", "-n", hub, "address", "add", f"{HUB}/24", "dev", "bridge")
    run("ip", "-n", hub, "link", "set", "bridge", "up")
    for i, name in enumerate(bastions, 1):
        run("ip", "-n", hub, "link", "add", f"to{i}", "type", "veth", "peer", "name", "cable", "netns", name)
        run("ip", "-n", hub, "link", "set", f"to{i}", "master", "bridge", "up")
        run("ip", "-n", name, "address", "add", f"{address(i)}/24", "dev", "cable")
        run("ip", "-n", name, "link", "set", "cable", "up")
    return hub, bastions


class Bastion:
    """A host name, a network, a journal and a dbcertd of its own."""

    def __init__(self, lab, binaries, i, netns, entries):
        catalog = os.path.join(ROOT, "systemd/dbcertd.catalog")
        self.name = f"bastion-{i}"
        journald = Process(["nsenter", f"--net=/run/netns/{netns}", "unshare", "--uts", "--mount", "--propagation", "private", "sh", "-c",
                            f"hostname {self.name}\n{JOURNALD}", "-", catalog], os.path.join(lab.directory, f"journald{i}.log"))
        lab.push(journald)
        self.inside = ["nsenter", *(f"--{kind}=/proc/{journald.process.pid}/ns/{file}" for kind, file in (("mount", "mnt"), ("uts", "uts"), ("net", "net")))]
        wait_until("journald", lambda: run(*self.inside, "sh", "-c", "test -S /run/systemd/journal/socket && hostname", check=False) == self.name + "\n")
        lab.push(Process([*self.inside, UPLOAD, f"--url=http://{HUB}:19532", f"--save-state={lab.directory}/upload{i}"],
                         os.path.join(lab.directory, f"upload{i}.log")))
        socket = os.path.join(lab.directory, f"{self.name}.sock")
        text = config(lab.pki.bundle("rsa2048"), entries, f'socket_hosts = [ "{address(i)}" ];').replace("alerts = {", f'alerts = {{ alertmanager = "http://{HUB}:9093";')
        self.dbcertd = Dbcertd(lab, binaries, text, name=self.name, wait=False,
                               prefix=[*self.inside, "systemd-socket-activate", "-l", socket, "-l", f"{address(i)}:{PORT}"])
        wait_until("the socket", lambda: os.path.exists(socket))
        self.dbcertd.settle()


@pytest.fixture(scope="module")
def fleet(lab, binaries):
    hub, netns = network(lab)
    central = ["ip", "netns", "exec", hub]

    def serve(name, age, port):
        chain, key = lab.pki.server(name, host(name), ago(age), ago(age - 365))[0], lab.pki.server_key
        lab.push(Process([*central, "openssl", "s_server", "-accept", f"{HUB}:{port}", "-cert", chain, "-cert_chain", chain, "-key", key, "-quiet"],
                         os.path.join(lab.directory, name + ".log")))
        return entry(name, "tls", port, addresses=[HUB])
    remote = os.path.join(lab.directory, "remote")
    os.mkdir(remote)
    lab.push(Process([*central, REMOTE, f"--listen-http={HUB}:19532", f"--output={remote}"], os.path.join(lab.directory, "remote.log")))
    with open(os.path.join(lab.directory, "prometheus.yml"), "w") as f:
        targets = ", ".join(f"'{address(i)}:{PORT}'" for i in (1, 2, 3))
        f.write(f"global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [ {os.path.realpath(ROOT)}/conf/prometheus/dbcertd.rules.yml ]\n"
                f"scrape_configs: [ {{ job_name: dbcertd, static_configs: [ {{ targets: [ {targets} ] }} ] }} ]\n")
    with open(os.path.join(lab.directory, "alertmanager.yml"), "w") as f:
        f.write("route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n")
    lab.push(Process([*central, "prometheus", f"--config.file={lab.directory}/prometheus.yml", f"--storage.tsdb.path={lab.directory}/tsdb",
                      f"--web.listen-address={HUB}:9090"], os.path.join(lab.directory, "prometheus.log")))
    lab.push(Process([*central, "prometheus-alertmanager", f"--config.file={lab.directory}/alertmanager.yml", f"--storage.path={lab.directory}/am",
                      f"--web.listen-address={HUB}:9093", "--cluster.listen-address="], os.path.join(lab.directory, "alertmanager.log")))
    bastions = [Bastion(lab, binaries, i, name, [serve(f"stalled{i}", 230, 7000 + i), serve(f"fresh{i}", 30, 7100 + i)])
                for i, name in enumerate(netns, 1)]

    def ask(url, **query):
        out = run(*central, "curl", "-sS", f"{url}?{urllib.parse.urlencode(query)}", check=False)
        return json.loads(out) if out.startswith(("{", "[")) else {}
    return bastions, remote, ask


EVERYWHERE = {(f"bastion-{i}", f"stalled{i}") for i in (1, 2, 3)}


def test_one_journal_has_what_is_overdue_everywhere(fleet):
    _, remote, _ = fleet

    def overdue():
        out = run("journalctl", "-q", "-D", remote, "DBCERTD_FINDING=rotation-overdue", "DBCERTD_TRANSITION=raised", "-o", "json", check=False)
        return {(e["_HOSTNAME"], e["DBCERTD_ENDPOINT"]) for e in map(json.loads, out.splitlines())}
    wait_until(lambda: f"the journals: {overdue()}", lambda: overdue() == EVERYWHERE)


def test_one_query_of_prometheus_has_it_too(fleet):
    _, _, ask = fleet

    def overdue():
        answer = ask(f"http://{HUB}:9090/api/v1/query", query='dbcertd_finding{finding="rotation-overdue"}')
        return {(r["metric"]["instance"], r["metric"]["endpoint"]) for r in answer.get("data", {}).get("result", [])}
    wait_until(lambda: f"Prometheus: {overdue()}", lambda: overdue() == {(f"{address(i)}:{PORT}", f"stalled{i}") for i in (1, 2, 3)})


def test_and_so_has_one_alertmanager(fleet):
    _, _, ask = fleet

    def overdue():
        alerts = ask(f"http://{HUB}:9093/api/v2/alerts", filter='alertname="rotation-overdue"')
        return {(a["labels"]["instance"], a["labels"]["endpoint"]) for a in alerts}
    wait_until(lambda: f"the Alertmanager: {overdue()}", lambda: overdue() == EVERYWHERE)


def test_a_bastion_that_is_gone_is_missed(fleet):
    bastions, _, ask = fleet
    bastions[1].dbcertd.process.send_signal(signal.SIGKILL)

    def down():
        answer = ask(f"http://{HUB}:9090/api/v1/query", query='up{job="dbcertd"} == 0')
        return {r["metric"]["instance"] for r in answer.get("data", {}).get("result", [])}
    wait_until(lambda: f"down: {down()}", lambda: down() == {f"{address(2)}:{PORT}"})

    def alerts():
        return {a["labels"].get("instance") for a in ask(f"http://{HUB}:9090/api/v1/alerts").get("data", {}).get("alerts", [])
                if a["labels"]["alertname"] == "DbcertdDown"}
    wait_until(lambda: f"alerts: {alerts()}", lambda: alerts() == {f"{address(2)}:{PORT}"})
