"""/metrics, by Prometheus's own tools and by a real Prometheus; the rules and the dashboard that come with dbcertd."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse

import pytest

from lab import Dbcertd, Openssl, Postgres, Process, ago, closed_port, config, entry, free_port, host, run, wait_until

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
RULES = os.path.join(ROOT, "conf/prometheus/dbcertd.rules.yml")

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="prometheus is not installed")


@pytest.fixture(scope="module")
def daemon(lab, binaries):
    """Served on a TCP port, as ListenStream= in a drop-in would have it: Prometheus asks no Unix socket."""
    orders = lab.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0]
    stalled = lab.pki.server("stalled", host("stalled"), ago(230), ago(230 - 365))[0]
    store = lab.pki.path("none.pem")
    with open(store, "w") as f:
        f.write(open(lab.pki.bundle("ecc384")).read())
    text = config(lab.pki.bundle("rsa2048"), [
        entry("orders", "postgres", Postgres(lab, "orders", orders).port), entry("stalled", "tls", Openssl(lab, "stalled", stalled).port),
        entry("refusing", "mysql", closed_port()), entry("odd.name-1_x", "tls", closed_port(), host="no.such.name.invalid", addresses=None)],
        f'trust_stores = ( {{ name = "app"; path = "{store}"; }} );')
    socket, port = os.path.join(lab.directory, "metrics.sock"), free_port()
    made = Dbcertd(lab, binaries, text, name="metrics", prefix=["systemd-socket-activate", "-l", socket, "-l", f"127.0.0.1:{port}"], wait=False)
    made.socket, made.port = socket, port
    wait_until("the socket", lambda: os.path.exists(socket))
    made.settle()
    return made


def metrics(daemon):
    return run("curl", "-sS", "--unix-socket", daemon.socket, "http://localhost/metrics")


def samples(text):
    """Name and labels to value."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line).groups()
            key = (name, *sorted(re.findall(r'(\w+)="([^"]*)"', labels or "")))
            assert key not in found, line
            found[key] = float(value)
    return found


def test_promtool_has_nothing_to_say(daemon):
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics(daemon), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_node_exporter_s_textfile_gets_what_is_not_its_own(daemon, tmp_path):
    unit = os.path.join(ROOT, "conf/prometheus/dbcertd-textfile.service")
    command = re.search(r"^ExecStart=/bin/sh -euc '(.*)'$", open(unit).read(), re.M).group(1)
    command = command.replace("$$", "$").replace("\\\\", "\\").replace("/run/dbcertd/status.sock", daemon.socket)  # as systemd reads it
    subprocess.run(["sh", "-euc", command], check=True, env=dict(os.environ, DIR=str(tmp_path)))
    text = (tmp_path / "dbcertd.prom").read_text()
    assert os.listdir(tmp_path) == ["dbcertd.prom"] and "process_" not in text and "dbcertd_finding{" in text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    if shutil.which("systemd-analyze"):
        for kind in ("service", "timer"):
            shutil.copy(unit.replace("service", kind), tmp_path)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "dbcertd-textfile.service", tmp_path / "dbcertd-textfile.timer"],
                              capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_figures_are_those_of_the_api(daemon):
    found = samples(metrics(daemon))
    stalled = daemon.endpoint("stalled")

    def at(text):
        return float(run("date", "-u", "-d", text, "+%s"))
    where = (("address", "127.0.0.1"), ("endpoint", "stalled"))
    assert found["dbcertd_certificate_not_before_timestamp_seconds", *where, ("role", "server")] == at(stalled["not_before"])
    assert found["dbcertd_certificate_not_after_timestamp_seconds", *where, ("role", "server")] == at(stalled["not_after"])
    assert found["dbcertd_certificate_half_life_timestamp_seconds", *where, ("role", "server")] == at(stalled["rotation"]["half_life"])
    assert found["dbcertd_rotation_expected_timestamp_seconds", ("endpoint", "stalled")] == at(stalled["rotation"]["expected_by"])
    assert found["dbcertd_rotation_overdue_timestamp_seconds", ("endpoint", "stalled")] == at(stalled["rotation"]["overdue_after"])
    roles = {dict(key[1:])["role"] for key in found if key[0] == "dbcertd_certificate_not_after_timestamp_seconds"}
    assert roles == {"server", "intermediate", "root"}
    assert min(v for k, v in found.items() if k[0] == "dbcertd_certificate_not_after_timestamp_seconds" and ("role", "server") not in k
               and ("endpoint", "stalled") in k) == at(stalled["ca_not_after"])
    told = {(f.get("endpoint") or f.get("trust_store") or f.get("daemon"), f["id"]) for f in daemon.get("/v1/findings")["findings"]}
    assert {(dict(k[1:]).get("endpoint") or dict(k[1:]).get("trust_store") or dict(k[1:]).get("daemon"), dict(k[1:])["finding"])
            for k in found if k[0] == "dbcertd_finding"} == told
    assert found["dbcertd_finding", ("endpoint", "stalled"), ("finding", "rotation-overdue"), ("severity", "warning")] == 1
    assert found["dbcertd_finding", ("finding", "trust-store-lacks-ca"), ("severity", "critical"), ("trust_store", "app")] == 1
    assert found["dbcertd_probes_total", ("engine", "postgres"), ("outcome", "fetched")] == 1
    assert found["dbcertd_probes_total", ("engine", "tls"), ("outcome", "name-unresolved")] >= 1
    daemon.probe("orders")
    found = samples(metrics(daemon))
    assert found["dbcertd_probes_total", ("engine", "postgres"), ("outcome", "fetched")] == 2
    count = found["dbcertd_probe_duration_seconds_count",]
    assert count == found["dbcertd_probe_duration_seconds_bucket", ("le", "+Inf")] == sum(
        v for k, v in found.items() if k[0] == "dbcertd_probes_total" and ("outcome", "name-unresolved") not in k)
    for name in ("dbcertd_probe_duration_seconds", "dbcertd_loop_busy_seconds"):
        buckets = [v for k, v in found.items() if k[0] == name + "_bucket"]
        assert buckets == sorted(buckets) and buckets[-1] == found[name + "_count",] > 0 < found[name + "_sum",]
    assert sum(v for k, v in found.items() if k[0] == "dbcertd_endpoints") == 4
    pid = daemon.process.pid  # systemd-socket-activate has become dbcertd
    assert found["process_open_fds",] == pytest.approx(len(os.listdir(f"/proc/{pid}/fd")), abs=3)
    if not os.environ.get("DBCERTD_SANITIZED"):
        assert found["process_resident_memory_bytes",] == pytest.approx(int(open(f"/proc/{pid}/statm").read().split()[1]) * 4096, rel=0.2)
    assert found["process_cpu_seconds_total",] > 0


def test_the_rules_fire_when_they_should_and_no_sooner(tmp_path):
    assert subprocess.run(["promtool", "check", "rules", RULES], capture_output=True).returncode == 0
    cases = tmp_path / "rules.test.yml"
    cases.write_text(open(os.path.join(ROOT, "tests/prometheus/rules.test.yml")).read().replace("RULES", os.path.realpath(RULES)))
    done = subprocess.run(["promtool", "test", "rules", cases], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    alerts = re.findall(r"alert: (\w+)", open(RULES).read())
    assert set(alerts) == set(re.findall(r"alertname: (\w+)", cases.read_text()))


@pytest.fixture(scope="module")
def prometheus(daemon, lab):
    port = free_port()
    path = os.path.join(lab.directory, "prometheus.yml")
    with open(path, "w") as f:
        f.write(f"global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [ {os.path.realpath(RULES)} ]\n"
                f"scrape_configs: [ {{ job_name: dbcertd, static_configs: [ {{ targets: [ '127.0.0.1:{daemon.port}' ] }} ] }} ]\n")
    lab.push(Process(["prometheus", f"--config.file={path}", f"--storage.tsdb.path={lab.directory}/tsdb", f"--web.listen-address=127.0.0.1:{port}"],
                     os.path.join(lab.directory, "prometheus.log")))

    def ask(what, **query):
        out = run("curl", "-sS", f"http://127.0.0.1:{port}/api/v1/{what}?{urllib.parse.urlencode(query)}", check=False)
        return json.loads(out)["data"] if out.startswith("{") else None
    wait_until("it has scraped twice", lambda: (ask("query", query='count_over_time(up{job="dbcertd"}[1m]) > 5') or {}).get("result"), 60)
    return ask


def test_a_real_prometheus_scrapes_it_and_its_alerts_are_what_is_so(daemon, prometheus):
    assert prometheus("query", query="up")["result"][0]["value"][1] == "1"
    targets = prometheus("targets")["activeTargets"]
    assert [t["lastError"] for t in targets] == [""]
    alerts = {(a["labels"]["alertname"], a["labels"].get("endpoint") or a["labels"].get("trust_store"), a["labels"]["severity"], a["state"])
              for a in wait_until("alerts", lambda: prometheus("alerts")["alerts"])}
    assert ("DbcertdRotationOverdue", "stalled", "warning", "firing") in alerts
    assert ("DbcertdFinding", "app", "critical", "firing") in alerts
    assert ("DbcertdUnreachable", "refusing", "unknown", "pending") in alerts
    assert ("DbcertdUnreachable", "odd.name-1_x", "unknown", "pending") in alerts
    assert not [a for a in alerts if "orders" in a or a[0] in ("DbcertdAbsent", "DbcertdDown", "DbcertdNotProbing")]


def test_no_panel_of_the_dashboard_is_empty(daemon, prometheus):
    board = json.load(open(os.path.join(ROOT, "conf/grafana/dbcertd.json")))
    queries = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel["targets"]]
    assert len(board["panels"]) > 10 and len({p["id"] for p in board["panels"]}) == len(board["panels"])
    daemon.probe("orders")
    time.sleep(2)
    empty = []
    for title, expression in queries:
        answer = prometheus("query", query=expression.replace("$instance", ".*").replace("$__rate_interval", "1m"))
        if not answer or not answer["result"] or any(r["value"][1] == "NaN" for r in answer["result"]):
            empty.append((title, answer))
    assert not empty
    variable = board["templating"]["list"][1]["query"]["query"]
    assert variable == "label_values(dbcertd_build_info, instance)"
    assert prometheus("label/instance/values") == [f"127.0.0.1:{daemon.port}"]
