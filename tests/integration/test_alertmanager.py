"""Alerts at a real Alertmanager, which tells a receiver of its own; also while it is not there, and dbcertd is started anew."""

import http.server
import json
import os
import shutil
import signal
import socket
import struct
import threading
import time
import urllib.request

import pytest

from alertmanager import Alertmanager, Receiver
from lab import Dbcertd, Postgres, ago, closed_port, config, entry, host, wait_until

pytestmark = pytest.mark.skipif(not shutil.which("prometheus-alertmanager"), reason="prometheus-alertmanager is not installed")


class Gate:
    """What stands where an Alertmanager is expected. `answer` gets the handler and the alerts of a request; without one a request
    goes on to a real Alertmanager, or is taken where there is none."""

    def __init__(self, answer=None, behind=None):
        self.answer, self.behind, self.requests = answer, behind, []
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gate.requests.append((time.monotonic(), json.loads(body), dict(self.headers)))
                if gate.answer:
                    gate.answer(self, json.loads(body))
                elif gate.behind:
                    gate.forward(self, body)
                else:
                    status(200)(self, None)

            def log_message(self, *arguments):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def forward(self, handler, body):
        request = urllib.request.Request(self.behind.url + handler.path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            status(answer.status, answer.read())(handler, None)

    def taken(self):
        return {a["labels"].get("endpoint") for _, alerts, _ in self.requests for a in alerts} - {None}


def status(number, body=b"no", **headers):
    def answer(handler, _):
        handler.send_response(number)
        for name, value in {"Content-Length": len(body), **headers}.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(body)
    return answer


def reset(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def garbage(handler, _):
    handler.wfile.write(b"\0\1\2 this is no HTTP\r\n\r\n")
    handler.close_connection = True


def drip(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(1)


FAULTS = {**{str(n): status(n, b"no\nnever " + b"x" * 1000) for n in (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503)},
          "redirect": status(302, Location="http://127.0.0.1:1/"), "page": status(200, b" <html>Please log in</html>"),
          "error": status(200, b'{"status":"error","error":"no"}'), "reset": reset, "garbage": garbage, "drip": drip}


def alertmanager_lines(daemon):
    return [line for line in daemon.output().splitlines() if "Alertmanager" in line]


def watching(scratch, names, url, more=""):
    text = config(scratch.pki.bundle("rsa2048"), [entry(name, "tls", closed_port()) for name in names])
    return text.replace("alerts = {", f'alerts = {{ alertmanager = "{url}"; {more}')


def test_alertmanager_that_refuses_is_asked_less_and_less(scratch, binaries):
    """Whatever it answers for ever, ten seconds see six requests and one line at most, and it is told again once it takes alerts."""
    gates = {name: Gate(answer) for name, answer in FAULTS.items()}
    daemons = {name: Dbcertd(scratch, binaries, watching(scratch, ["orders", "billing", "shop"], gate.url), name="to-" + name)
               for name, gate in gates.items()}
    for name, gate in gates.items():
        wait_until("it is asked: " + name, lambda: gate.requests)
    time.sleep(10)
    for name, gate in gates.items():
        first = gate.requests[0][0]
        within = [at for at, _, _ in gate.requests if at <= first + 10]
        lines = alertmanager_lines(daemons[name])
        assert len(within) <= 7, (name, [round(at - first, 1) for at in within])
        assert len(lines) <= 1 and all(len(line) < 400 for line in lines), (name, lines)
    for gate in gates.values():
        gate.answer = None
        gate.requests.clear()
    for name, gate in gates.items():
        wait_until(f"what is active is there: {name}", lambda: gate.taken() == {"orders", "billing", "shop"}, 60)
        lines = wait_until(f"two lines: {name}", lambda: len(alertmanager_lines(daemons[name])) >= 2 and alertmanager_lines(daemons[name]))
        assert len(lines) == 2 and "cannot be told: " in lines[0] and lines[1].endswith("is told again"), (name, lines)


def test_alertmanager_refusing_one_alert_takes_the_others(scratch, binaries):
    """One alert that is refused costs the others seconds, and is named in one line; nothing else is dropped."""
    alertmanager = Alertmanager(scratch, Receiver())
    gate = Gate(behind=alertmanager)

    def picky(handler, alerts):
        if any(a["labels"].get("endpoint") == "db-7" for a in alerts):
            status(400, b'"invalid label set"')(handler, alerts)
        else:
            gate.forward(handler, json.dumps(alerts).encode())
    gate.answer = picky
    names = [f"db-{i}" for i in range(24)]
    daemon = Dbcertd(scratch, binaries, watching(scratch, names, gate.url))
    wait_until("the others", lambda: {e for _, _, e in alertmanager.alerts()} - {None} == set(names) - {"db-7"}, 60)
    wait_until("the line", lambda: alertmanager_lines(daemon), 30)
    time.sleep(5)
    lines = alertmanager_lines(daemon)
    assert len(lines) == 1 and "cannot deliver unreachable of endpoint db-7 to the Alertmanager" in lines[0], lines
    assert 'status 400: "invalid label set"; dropping this alert' in lines[0], lines
    assert len(gate.requests) < 40


def test_alertmanager_retry_after_is_waited_for(scratch, binaries):
    """A 429 that asks for eight seconds gets them, although the first pause would be two."""
    gate = Gate(status(429, Retry_After=8))
    Dbcertd(scratch, binaries, watching(scratch, ["orders"], gate.url))
    wait_until("it is asked twice", lambda: len(gate.requests) >= 2, 30)
    assert 7 <= gate.requests[1][0] - gate.requests[0][0] <= 12


@pytest.fixture
def story(scratch, binaries):
    receiver = Receiver()
    alertmanager = Alertmanager(scratch, receiver)
    pki = scratch.pki
    stalled = Postgres(scratch, "stalled", pki.server("stalled", host("stalled"), ago(230), ago(230 - 365))[0])
    text = config(pki.bundle("rsa2048"), [entry("stalled", "postgres", stalled.port), entry("refusing", "tls", closed_port())])
    text = text.replace("alerts = {", f'alerts = {{ alertmanager = "{alertmanager.url}/";')
    return receiver, alertmanager, stalled, Dbcertd(scratch, binaries, text), text


def rotate(scratch, server, name, age):
    server.serve(scratch.pki.server(name, host("stalled"), ago(age), ago(age - 365))[0])
    server.reload()


def test_what_is_so_is_there_with_its_labels_and_what_is_over_is_resolved(story, scratch):
    receiver, alertmanager, server, daemon, _ = story
    expected = {("rotation-overdue", "warning", "stalled"), ("unreachable", "unknown", "refusing")}
    wait_until("the alerts", lambda: expected <= set(alertmanager.alerts()))
    overdue = alertmanager.alerts()["rotation-overdue", "warning", "stalled"]
    finding = daemon.endpoint("stalled")["findings"][0]
    assert overdue["labels"] == {"alertname": "rotation-overdue", "severity": "warning", "endpoint": "stalled", "address": "127.0.0.1",
                                 "instance": os.uname().nodename, "job": "dbcertd"}
    assert overdue["annotations"]["summary"] == finding["message"] and overdue["annotations"]["remedy"] == finding["remedy"]
    assert overdue["startsAt"][:19] + "Z" == finding["since"]
    wait_until("the receiver", lambda: receiver.has("rotation-overdue", "firing", severity="warning"))
    rotate(scratch, server, "new", 0.1)
    daemon.probe("stalled")
    wait_until("it is resolved", lambda: receiver.has("rotation-overdue", "resolved", severity="warning"))
    wait_until("the event", lambda: receiver.has("rotated", "firing", severity="notice"))
    assert ("rotation-overdue", "warning", "stalled") not in alertmanager.alerts()
    assert receiver.has("rotation-overdue", "firing") == 1 and not receiver.has("rotation-overdue", "firing", severity="critical")


def test_another_severity_is_another_alert_and_the_old_one_is_over(story, scratch):
    receiver, alertmanager, server, daemon, _ = story
    wait_until("the warning", lambda: receiver.has("rotation-overdue", "firing", severity="warning"))
    rotate(scratch, server, "older", 300)  # past three quarters of its life
    daemon.probe("stalled")
    wait_until("it is critical", lambda: receiver.has("rotation-overdue", "firing", severity="critical"))
    wait_until("and no warning", lambda: receiver.has("rotation-overdue", "resolved", severity="warning"))
    assert ("rotation-overdue", "warning", "stalled") not in alertmanager.alerts()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_it_was_not_there_for_is_told_when_it_comes_back_also_by_a_daemon_that_was_started_anew(story, scratch, binaries, how):
    receiver, alertmanager, server, daemon, text = story
    wait_until("the warning", lambda: receiver.has("rotation-overdue", "firing"))
    alertmanager.stop()
    rotate(scratch, server, "new", 0.1)
    daemon.probe("stalled")
    wait_until("it is said that it is away", lambda: f"the Alertmanager at {alertmanager.url}/ cannot be told: " in daemon.output())
    daemon.process.send_signal(how)
    daemon.process.wait(10)
    again = Dbcertd(scratch, binaries, text)
    again.settle()
    assert not receiver.has("rotation-overdue", "resolved")
    alertmanager.start()
    wait_until("the event", lambda: receiver.has("rotated", "firing"), 90)
    wait_until("what stands", lambda: ("unreachable", "unknown", "refusing") in alertmanager.alerts(), 90)
    wait_until("it is resolved", lambda: receiver.has("rotation-overdue", "resolved"), 90)
    assert ("rotation-overdue", "warning", "stalled") not in alertmanager.alerts()
    assert receiver.has("rotated", "firing") == 1
    assert "is told again" in again.output() or "cannot be told" not in again.output()


@pytest.mark.skipif(bool(os.environ.get("DBCERTD_SANITIZED")), reason="it takes a minute, and was looked at without the sanitizers")
def test_one_that_was_started_anew_is_told_what_stands(story):
    _, alertmanager, _, daemon, _ = story
    wait_until("the warning", lambda: ("rotation-overdue", "warning", "stalled") in alertmanager.alerts())
    alertmanager.stop()
    shutil.rmtree(os.path.join(os.path.dirname(alertmanager.config), "alertmanager"))
    alertmanager.start()
    assert alertmanager.alerts() == {}
    daemon.probe("refusing")
    wait_until("within a minute", lambda: {("rotation-overdue", "warning", "stalled"), ("unreachable", "unknown", "refusing")} <= set(alertmanager.alerts()), 75)


def test_without_one_nothing_is_kept_and_a_wrong_address_is_told(story, scratch):
    receiver, alertmanager, server, daemon, text = story
    wait_until("the warning", lambda: receiver.has("rotation-overdue", "firing"))
    alertmanager.stop()
    daemon.write(text.replace(f'alertmanager = "{alertmanager.url}/";', 'alertmanager = "127.0.0.1:9093";'))
    daemon.reload()
    daemon.told('alerts.alertmanager: "127.0.0.1:9093": expected a URL such as http://127.0.0.1:9093')
    daemon.write(text.replace(f'alertmanager = "{alertmanager.url}/";', ""))
    daemon.reload()
    rotate(scratch, server, "new", 0.1)
    daemon.probe("stalled")
    daemon.write(text)
    alertmanager.start()
    daemon.reload()
    wait_until("what stands", lambda: ("unreachable", "unknown", "refusing") in alertmanager.alerts())
    time.sleep(1)
    assert not receiver.has("rotated", "firing")
