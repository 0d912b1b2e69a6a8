"""The status socket, the command line, reload and stop."""

import calendar
import contextlib
import fcntl
import json
import os
import pty
import resource
import re
import signal
import socket
import ssl
import struct
import subprocess
import termios
import threading
import time

import icalendar
import pytest

from lab import (MYSQL_DENIED, Dbcertd, Openssl, Postgres, ago, closed_port, config, entry, findings, free_port, host, mysql_greeting,
                 mysql_packet, run, wait_until)


@pytest.fixture(scope="module")
def daemon(lab, binaries):
    chain = lab.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0]
    stalled = lab.pki.server("stalled", host("stalled"), ago(230), ago(230 - 365))[0]
    made = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), [
        entry("orders", "postgres", Postgres(lab, "orders", chain).port),
        entry("stalled", "postgres", Postgres(lab, "stalled", stalled).port),
        entry("refusing", "mysql", closed_port())]))
    made.settle()
    return made


def ask(daemon, raw, seconds=5):
    """What comes back for raw bytes, until the daemon hangs up or time is over."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(daemon.socket)
        s.sendall(raw)
        out = b""
        try:
            while piece := s.recv(65536):
                out += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return out


def test_the_socket_is_for_owner_and_group(daemon):
    assert os.stat(daemon.socket).st_mode & 0o777 == 0o660


def test_status_counts_the_severities(daemon):
    status = daemon.get("/v1/status")
    assert status["endpoints"] == 3
    assert {k: v for k, v in status["severities"].items() if v} == {"ok": 1, "warning": 1, "unknown": 1}
    assert daemon.get("/healthz") == {"status": "ok"}


def test_filters_and_findings(daemon):
    assert [e["name"] for e in daemon.get("/v1/endpoints?severity=warning")["endpoints"]] == ["stalled"]
    assert [e["name"] for e in daemon.get("/v1/endpoints?engine=mysql")["endpoints"]] == ["refusing"]
    assert len(daemon.get("/v1/endpoints?region=us-east-1")["endpoints"]) == 3
    assert {(f["endpoint"], f["id"]) for f in daemon.all_findings()} == {
        ("stalled", "rotation-overdue"), ("refusing", "unreachable")}


def test_errors_are_json_with_the_right_status(daemon):
    for path, method, status in (("/v1/endpoints/nobody", "GET", 404), ("/nothing", "GET", 404), ("/v1/status", "POST", 405),
                                 ("/v1/endpoints?severity=bad", "GET", 400), ("/v1/endpoints/nobody/probe", "POST", 404)):
        out = run("curl", "-sS", "-w", "\n%{http_code}", "-X", method, "--unix-socket", daemon.socket, "http://localhost" + path)
        body, code = out.rsplit("\n", 1)
        assert int(code) == status
        assert json.loads(body)["error"]["message"]


def test_a_probe_that_is_asked_for_is_answered_with_its_result(daemon):
    before = daemon.endpoint("orders")["addresses"][0]["observed_at"]
    time.sleep(1.1)
    assert daemon.probe("orders")["addresses"][0]["observed_at"] > before
    done = daemon.ctl("probe", "orders")
    assert done.returncode == 0 and "orders  ok" in done.stdout
    assert daemon.ctl("probe", "refusing").returncode == 1
    assert json.loads(daemon.ctl("--json", "probe", "orders").stdout)["name"] == "orders"


def test_many_ask_for_a_probe_at_once_and_all_are_answered(daemon):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(daemon.probe("orders")["name"])) for _ in range(40)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert answers == ["orders"] * 40


def test_nonsense_is_refused_and_the_daemon_goes_on(daemon):
    assert b" 200 " not in ask(daemon, b"\x16\x03\x01\x02\0garbage\r\n\r\n")
    assert b"HTTP/1.1 4" in ask(daemon, b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n")
    assert b"HTTP/1.1 413" in ask(daemon, b"POST /v1/endpoints/orders/probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n")
    endless = b"POST /v1/endpoints/orders/probe HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
    assert b" 200 " not in ask(daemon, endless + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 16)
    assert daemon.get("/healthz") == {"status": "ok"}


def test_idle_clients_keep_nobody_out_for_long(daemon):
    """1000 clients that say nothing fill the table; they are dropped after 30 seconds and the next one is served."""
    idle = []
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for _ in range(1010):
        s = socket.socket(socket.AF_UNIX)
        s.connect(daemon.socket)
        idle.append(s)
    started = time.monotonic()
    assert daemon.get("/healthz") == {"status": "ok"}
    assert time.monotonic() - started < 40
    [s.close() for s in idle]
    assert daemon.get("/healthz") == {"status": "ok"}


def test_a_big_load_of_requests_is_served(daemon):
    def many():
        run("curl", "-sS", "--unix-socket", daemon.socket, "http://localhost/v1/endpoints/orders?[1-250]", "-o", "/dev/null")
    threads = [threading.Thread(target=many) for _ in range(8)]
    started = time.monotonic()
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert time.monotonic() - started < 20


def test_ctl_says_what_is_wrong(daemon, binaries):
    def ctl(*words, **env):
        done = subprocess.run([os.path.join(binaries, "dbcertctl"), *words], capture_output=True, text=True,
                              env=dict(os.environ, **env))
        return done.returncode, done.stderr
    assert ctl("stauts") == (2, 'dbcertctl: unknown command "stauts"; did you mean "status"?\n')
    assert ctl()[0] == 2 and ctl("show")[0] == 2 and ctl("rds", "x")[0] == 2 and ctl("--bad")[0] == 2
    assert ctl("status", "--file", "x")[0] == 2
    assert ctl("--socket", "/nonexistent", "status") == (
        1, "dbcertctl: /nonexistent: there is no such socket; is dbcertd running? (systemctl status dbcertd.socket)\n")
    assert ctl("status", DBCERTD_SOCKET="/nonexistent")[0] == 1
    assert ctl("--socket", daemon.socket, "show", "nobody") == (1, 'dbcertctl: no endpoint is named "nobody"\n')
    assert ctl("--socket", daemon.socket, "show", "a/b") == (1, 'dbcertctl: no endpoint is named "a/b"\n')
    assert ctl("--help") == (0, "") and ctl("--version") == (0, "")


def test_output_that_cannot_be_written_is_an_error(daemon):
    with open("/dev/full", "w") as full:
        done = subprocess.run([os.path.join(daemon.binaries, "dbcertctl"), "--socket", daemon.socket, "status"], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "cannot write" in done.stderr


@pytest.mark.parametrize("no_color", [False, True])
def test_colours_are_for_terminals_without_no_color(daemon, no_color):
    master, slave = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    if no_color:
        env["NO_COLOR"] = "1"
    subprocess.run([os.path.join(daemon.binaries, "dbcertctl"), "--socket", daemon.socket, "status"], stdout=slave, env=env, check=True)
    os.close(slave)
    out = os.read(master, 65536).decode()
    os.close(master)
    assert ("\033[33mW\033[0m  stalled" in out) == (not no_color)
    assert ("\033" in out) == (not no_color)


def test_a_reload_is_all_or_nothing(scratch, binaries):
    chain = scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0]
    port = Postgres(scratch, "orders", chain).port
    bundle = scratch.pki.bundle("rsa2048")
    orders = entry("orders", "postgres", port)
    daemon = Dbcertd(scratch, binaries, config(bundle, [orders]))
    seen = daemon.settle()["orders"]["addresses"][0]["chain"]

    daemon.write('interval = "soon";\n' + config(bundle, [entry("other", "postgress", port)]))
    daemon.reload()
    assert [e["name"] for e in daemon.get("/v1/endpoints")["endpoints"]] == ["orders"]
    error = daemon.get("/v1/status")["reload_error"]
    assert ":2: interval: \"soon\": expected a duration" in error and 'did you mean "postgres"?' in error
    assert "The latest reload failed" in daemon.ctl("status").stdout
    assert daemon.get("/v1/endpoints/orders")["addresses"][0]["chain"] == seen

    daemon.write(config(bundle, [entry("other", "postgres", closed_port()), orders]))
    daemon.reload()
    assert daemon.get("/v1/status")["reload_error"] is None
    assert [e["name"] for e in daemon.get("/v1/endpoints")["endpoints"]] == ["other", "orders"]
    assert daemon.get("/v1/endpoints/orders")["addresses"][0]["chain"] == seen  # not forgotten
    wait_until("the new one is found", lambda: findings(daemon.endpoint("other")) == [("unreachable", "unknown")])

    daemon.write(config(bundle, [orders]))
    daemon.reload()
    assert [e["name"] for e in daemon.get("/v1/endpoints")["endpoints"]] == ["orders"]
    daemon.told("other (127.0.0.1): unreachable resolved after")


def test_a_reload_takes_another_bundle_without_a_probe(scratch, binaries):
    chain = scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0]
    server = Postgres(scratch, "orders", chain)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("ecc384"), [entry("orders", "postgres", server.port)]))
    assert findings(daemon.settle()["orders"]) == [("chain-untrusted", "warning")]
    server.stop()
    daemon.write(config(scratch.pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)]))
    daemon.reload()
    wait_until("the trusted chain", lambda: findings(daemon.endpoint("orders")) == [("unreachable", "unknown")])
    assert daemon.endpoint("orders")["addresses"][0]["trusted"] is True


def test_check_config_lists_every_error_and_exits_with_78(scratch, binaries):
    path = os.path.join(scratch.directory, "c.conf")

    def check(text):
        with open(path, "w") as f:
            f.write(text)
        done = subprocess.run([os.path.join(binaries, "dbcertd"), "--check-config", "--config", path], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    code, out = check('interval = 1;\ntimeuot = "1s";\nendpoints = ( { name = "a"; } );\n')
    assert code == 78 and len(out.splitlines()) == 4 and f'{path}:2: timeuot: unknown key; did you mean "timeout"?' in out
    code, out = check(config(scratch.pki.bundle("rsa2048"), [entry("a", "postgres", 1, ca="rds-ca-rsa2048-g2x")]))
    assert code == 0 and 'did you mean "rds-ca-rsa2048-g1"?' in out and "1 endpoints, 1 trusted certificates, no errors" in out
    code, out = check('trust = { bundles = [ "%s" ]; };' % path)
    assert code == 78 and "no certificate in it" in out
    os.mkdir(os.path.join(scratch.directory, "dbcertd.d"))
    with open(os.path.join(scratch.directory, "dbcertd.d", "10-x.conf"), "w") as f:
        f.write("concurrency = 0;")
    code, out = check("")
    assert code == 78 and "dbcertd.d/10-x.conf:1: concurrency: 0: expected" in out
    missing = subprocess.run([os.path.join(binaries, "dbcertd"), "--config", "/nonexistent"], capture_output=True, text=True)
    assert missing.returncode == 78 and "/nonexistent: cannot read: No such file" in missing.stderr
    assert subprocess.run([os.path.join(binaries, "dbcertd"), "--confg"], capture_output=True).returncode == 2


def test_a_second_daemon_leaves_the_first_one_s_state_and_socket_alone(daemon, lab, binaries):
    done = subprocess.run([os.path.join(binaries, "dbcertd"), "--config", daemon.config], capture_output=True, text=True)
    assert done.returncode == 1 and "dbcertd.db: another process has it open; expected a `state` directory of its own" in done.stderr
    with open(os.path.join(lab.directory, "second.conf"), "w") as f:
        f.write(f'socket = "{daemon.socket}"; state = "{lab.directory}/second.state";')
    done = subprocess.run([os.path.join(binaries, "dbcertd"), "--config", f.name], capture_output=True, text=True)
    assert done.returncode == 1 and "another dbcertd answers there" in done.stderr
    assert daemon.get("/healthz") == {"status": "ok"}


def test_a_missing_credential_is_an_error_of_the_configuration(scratch, binaries):
    text = config(scratch.pki.bundle("rsa2048"), [entry("a", "mysql", 1, farewell="login", user="u", password_credential="c")])
    daemon = Dbcertd(scratch, binaries, text, env={"CREDENTIALS_DIRECTORY": scratch.directory}, wait=False)
    assert daemon.process.wait(10) == 78
    daemon.told("expected LoadCredential=c:/path/to/file in dbcertd.service")


def passed_sockets(scratch, binaries, text):
    """A daemon with a Unix and a TCP socket passed by systemd-socket-activate."""
    path, port = os.path.join(scratch.directory, "passed.sock"), free_port()
    prefix = ["systemd-socket-activate", "-l", path, "-l", f"127.0.0.1:{port}"]
    daemon = Dbcertd(scratch, binaries, text, prefix=prefix, wait=False)
    daemon.socket = path
    wait_until("both listen", lambda: " as 4." in daemon.output())  # a socket's file is there before that
    return daemon, port


def test_passed_sockets_are_served_and_tcp_may_only_look(scratch, binaries):
    text = config(scratch.pki.bundle("rsa2048"), [entry("refusing", "postgres", closed_port())])
    daemon, port = passed_sockets(scratch, binaries, text)
    assert daemon.get("/healthz") == {"status": "ok"}
    assert json.loads(run("curl", "-sS", f"http://127.0.0.1:{port}/v1/status"))["endpoints"] == 1
    out = run("curl", "-sS", "-w", "%{http_code}", "-X", "POST", f"http://127.0.0.1:{port}/v1/endpoints/refusing/probe")
    assert out.endswith("403")
    assert daemon.probe("refusing")["name"] == "refusing"


def test_a_stop_lets_a_probe_take_its_leave(scratch, binaries):
    """A slow MySQL: SIGTERM comes while it thinks about the login, and still it is left as it should be."""
    chain = scratch.pki.server("slow", host("slow"), ago(30), ago(30 - 365))[0]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, scratch.pki.server_key)
    seen = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        connection.sendall(mysql_greeting())
        connection.recv(36)
        with context.wrap_socket(connection, server_side=True) as tls:
            seen.append(tls.recv(4096))
            time.sleep(0.4)
            tls.sendall(mysql_packet(3, MYSQL_DENIED))
            seen.append(tls.recv(4096))  # b"": close_notify, and no reset
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("slow", "mysql", listener.getsockname()[1])]))
    wait_until("the login", lambda: seen)
    assert daemon.get("/v1/status")["probing"] == 1
    assert daemon.stop() == 0
    thread.join(5)
    assert b"dbcertd-nobody\0" in seen[0] and seen[1] == b""
    daemon.told("stopping; 1 probes are let end first")


def test_systemd_is_told_what_goes_on(scratch, binaries):
    path = os.path.join(scratch.directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(10)
        daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("refusing", "mysql", closed_port())]),
                         env={"NOTIFY_SOCKET": path})
        daemon.settle()
        before = time.monotonic_ns() // 1000
        daemon.reload()
        after = time.monotonic_ns() // 1000
        told = []
        while not told or not told[-1].startswith("STATUS=1 endpoints, 1 unknown, next probe at 20"):  # at most each second
            told.append(notify.recv(4096).decode())
        assert daemon.stop() == 0
        notify.setblocking(False)
        try:
            while True:
                told.append(notify.recv(4096).decode())
        except BlockingIOError:
            pass
    kinds = [t.splitlines()[0] for t in told if not t.startswith("STATUS=")]
    assert kinds == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    stamp = int(next(t for t in told if t.startswith("RELOADING")).split("MONOTONIC_USEC=")[1])
    assert before - 1000 <= stamp <= after


def test_a_second_signal_stops_at_once(scratch, binaries):
    listener = socket.create_server(("127.0.0.1", 0))
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"),
                                               [entry("silent", "mysql", listener.getsockname()[1])], 'timeout = "60s";'))
    wait_until("the probe", lambda: daemon.get("/v1/status")["probing"] == 1)
    daemon.process.send_signal(signal.SIGTERM)
    wait_until("the first signal", lambda: "stopping" in daemon.output())
    assert daemon.stop() == 0
    assert "cut short" not in daemon.output()


def test_clients_that_ask_while_it_stops_are_answered(scratch, binaries):
    """One that has asked, one that has just connected; the socket of systemd keeps those that come later."""
    text = config(scratch.pki.bundle("rsa2048"), [entry("refusing", "postgres", closed_port())])
    daemon, port = passed_sockets(scratch, binaries, text)
    early = socket.create_connection(("127.0.0.1", port))
    early.sendall(b"GET /v1/status HTTP/1.1\r\n")
    wait_until("it is accepted", lambda: daemon.get("/healthz"))
    daemon.process.send_signal(signal.SIGTERM)
    wait_until("the signal", lambda: "stopping" in daemon.output())
    early.sendall(b"Host: localhost\r\nConnection: close\r\n\r\n")
    early.settimeout(5)
    answer = b""
    while piece := early.recv(65536):
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200 OK") and b'"endpoints": 1' in answer
    assert daemon.process.wait(5) == 0


def test_an_endpoint_that_is_removed_in_the_middle_of_a_probe_is_no_trouble(scratch, binaries):
    listener = socket.create_server(("127.0.0.1", 0))
    text = config(scratch.pki.bundle("rsa2048"), [entry("silent", "mysql", listener.getsockname()[1])], 'timeout = "2s";')
    daemon = Dbcertd(scratch, binaries, text)
    wait_until("the probe", lambda: daemon.get("/v1/status")["probing"] == 1)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(daemon.probe("silent")))
    thread.start()
    time.sleep(0.3)
    daemon.write(config(scratch.pki.bundle("rsa2048"), []))
    daemon.reload()
    thread.join(10)
    assert answers[0]["error"]["code"] == "not-found"
    wait_until("its end", lambda: daemon.get("/v1/status")["probing"] == 0)
    assert "silent" not in daemon.output().split("reloaded")[1]
    assert daemon.stop() == 0


def test_concurrency_is_a_limit_and_everybody_has_a_turn(scratch, binaries):
    peak, now, lock = [0], [0], threading.Lock()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def handle(c):
        with lock:
            now[0] += 1
            peak[0] = max(peak[0], now[0])
        time.sleep(0.1)
        with lock:
            now[0] -= 1
        c.close()

    def accept():
        while True:
            threading.Thread(target=handle, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    entries = [entry(f"e{i}", "postgres", listener.getsockname()[1]) for i in range(60)]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries, 'concurrency = 7;'))
    endpoints = daemon.settle()
    assert all(findings(e) == [("unreachable", "unknown")] for e in endpoints.values())
    assert 2 <= peak[0] <= 7


def test_files_are_not_leaked_over_many_probes(daemon):
    def open_files():
        return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
    daemon.probe("orders")
    before = open_files()
    for _ in range(50):
        daemon.probe("orders")
        daemon.probe("refusing")
    assert open_files() <= before + 1


def test_a_rotation_that_is_expected_is_looked_for_sooner(scratch, binaries):
    """Probed once a month, but half-life is in an hour for one; another is past it, and its window ends in two."""
    now = int(time.time())
    half, year = int(182.5 * 86400), 365 * 86400
    week = time.gmtime(now + 3600)
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    end = time.gmtime(now + 7200)
    window = f"{day[week.tm_wday]}:{week.tm_hour:02}:{week.tm_min:02}-{day[end.tm_wday]}:{end.tm_hour:02}:{end.tm_min:02}"
    begins = {"coming": now + 3600 - half, "open": now - half - 86400}
    entries = []
    for name, begin in begins.items():
        server = Openssl(scratch, name, scratch.pki.server(name, host(name), begin, begin + year)[0])
        entries.append(entry(name, "tls", server.port, interval="30d", maintenance_window=window))
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries))
    endpoints = daemon.settle()
    waits = {name: calendar.timegm(time.strptime(endpoints[name]["next_probe_at"], "%Y-%m-%dT%H:%M:%SZ")) - now for name in begins}
    assert 3600 - 60 <= waits["coming"] <= 3600 + 1800 + 60
    assert 7200 - 120 <= waits["open"] <= 7200 + 1800 + 60
    assert findings(endpoints["open"]) == [("rotation-due", "notice")] and findings(endpoints["coming"]) == []


def test_a_monitoring_plugin_gets_one_line_and_a_status(scratch, binaries):
    pki = scratch.pki
    fresh = Openssl(scratch, "fresh", pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    stalled = Openssl(scratch, "stalled", pki.server("billing", host("billing"), ago(230), ago(230 - 365))[0])
    over = Openssl(scratch, "over", pki.server("ledger", host("ledger"), ago(400), ago(35))[0])
    window = {"maintenance_window": "sun:05:00-sun:06:00"}
    entries = [entry("orders", "tls", fresh.port, **window), entry("billing", "tls", stalled.port, **window),
               entry("ledger", "tls", over.port, **window), entry("legacy", "mysql", closed_port())]
    daemon = Dbcertd(scratch, binaries, config(pki.bundle("rsa2048"), entries))
    daemon.settle()

    def check(*words):
        done = daemon.ctl("check", *words)
        return done.returncode, done.stdout
    status, line = check("orders")
    assert status == 0 and re.fullmatch(r"DBCERTD OK - orders: ok; the certificate ends at 20\S+Z \| days_left=33[45]\n", line), line
    assert check("billing") == (1, check("billing")[1]) and "DBCERTD WARNING - billing: rotation-overdue; " in check("billing")[1]
    assert check("ledger")[0] == 2 and "DBCERTD CRITICAL - ledger: rotation-overdue, certificate-expired; " in check("ledger")[1]
    assert check("legacy") == (3, "DBCERTD UNKNOWN - legacy: unreachable\n")
    assert check("nobody") == (3, 'DBCERTD UNKNOWN - no endpoint is named "nobody"\n')
    status, line = check()
    assert status == 2 and line.startswith("DBCERTD CRITICAL - 3 of 4 endpoints: ledger rotation-overdue, certificate-expired; billing "
                                           "rotation-overdue; legacy unreachable | endpoints=4 critical=1 warning=1 unknown=1 notice=0 ok=1 days_left=-3")
    daemon.write(config(pki.bundle("rsa2048"), entries[:1]))
    daemon.reload()
    status, line = check()
    assert status == 0 and line.startswith("DBCERTD OK - 1 endpoint, none with a problem | endpoints=1 critical=0")
    daemon.write(config(pki.bundle("rsa2048"), entries[:1], 'trust_stores = ( { name = "a"; path = "/nowhere/x"; } );'))
    daemon.reload()
    status, line = check()
    assert status == 1 and "DBCERTD WARNING - 1 endpoint, none with a problem; trust stores and bundles: warning | " in line
    daemon.stop()
    assert check()[0] == 3 and check()[1].startswith("DBCERTD UNKNOWN - the daemon does not answer")


def test_what_is_to_come_is_foretold_and_real_calendars_take_it(scratch, binaries):
    pki = scratch.pki
    window = {"maintenance_window": "sun:05:00-sun:06:00"}
    orders = Openssl(scratch, "orders", pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    ledger = Openssl(scratch, "ledger", pki.server("ledger", host("ledger"), ago(800), ago(800 - 1096))[0])
    store = f'trust_stores = ( {{ name = "app"; path = "{pki.authority("rsa2048")[0]}"; }} );'
    daemon = Dbcertd(scratch, binaries, config(pki.bundle("rsa2048"), [entry("orders", "tls", orders.port, **window), entry("ledger", "tls", ledger.port)], store))
    daemon.settle()
    events = daemon.get("/v1/forecast")["events"]
    assert [e["at"] for e in events] == sorted(e["at"] for e in events)
    assert [(e["endpoint"], e["kind"]) for e in events if e["endpoint"] == "orders"] == [
        ("orders", "half-life"), ("orders", "maintenance-window"), ("orders", "overdue"), ("orders", "critical"), ("orders", "certificate-ends")]
    assert [e["kind"] for e in events if e["endpoint"] == "ledger"] == ["notice", "overdue", "critical", "certificate-ends"]
    opens = next(e for e in events if e["kind"] == "maintenance-window")
    assert opens["at"].endswith("T05:00:00Z") and opens["ends_at"].endswith("T06:00:00Z")
    far = daemon.get("/v1/forecast?until=2099-12-31")["events"]
    assert {"intermediate-ends", "root-ends", "trust-store-ends"} <= {e["kind"] for e in far}
    assert next(e["trust_store"] for e in far if e["kind"] == "trust-store-ends") == "app"
    assert daemon.get("/v1/forecast?until=soon")["error"]["code"] == "bad-request"
    text = daemon.ctl("forecast").stdout.splitlines()
    assert len(text) == len(events) + 1 and text[1].split()[:3] == [events[0]["at"], events[0]["endpoint"], events[0]["kind"]]
    assert daemon.ctl("forecast", "--until", "2020-01-01").stdout == "Nothing is to come until 2020-01-01T23:59:59Z.\n"
    wrong = daemon.ctl("forecast", "--until", "tomorrow")
    assert (wrong.returncode, wrong.stderr) == (2, "dbcertctl: --until tomorrow: expected a day such as 2027-06-30. See dbcertctl --help.\n")

    raw = subprocess.run([os.path.join(binaries, "dbcertctl"), "--socket", daemon.socket, "forecast", "--ics", "--until", "2099-12-31"],
                         capture_output=True, check=True).stdout
    assert all(len(line) <= 75 for line in raw.split(b"\r\n")) and b"\n" not in raw.replace(b"\r\n", b"")
    calendar_read = icalendar.Calendar.from_ical(raw)
    entries = calendar_read.walk("VEVENT")
    assert calendar_read["VERSION"] == "2.0" and not calendar_read.errors and len(entries) == len(far)
    assert len({str(e["UID"]) for e in entries}) == len(far)  # each has an identity of its own
    for told, e in zip(entries, far):
        assert told["DTSTART"].dt.strftime("%Y-%m-%dT%H:%M:%SZ") == e["at"] and str(told["DESCRIPTION"]) == e["text"]
        assert str(told["SUMMARY"]) == f"{e['endpoint'] or e['trust_store']}: {e['kind']}"
        assert not told.errors and told["DTSTAMP"]
    again = icalendar.Calendar.from_ical(daemon.ctl("forecast", "--ics", "--until", "2099-12-31").stdout)
    assert [str(e["UID"]) for e in again.walk("VEVENT")] == [str(e["UID"]) for e in entries]


def test_watch_draws_on_another_screen_and_ends_on_q(scratch, binaries):
    server = Openssl(scratch, "orders", scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders", "tls", server.port)]))
    daemon.settle()
    command = [os.path.join(binaries, "dbcertctl"), "--socket", daemon.socket, "watch"]

    def watch(keys, size=(24, 80), before=lambda: None):
        pid, master = pty.fork()
        if pid == 0:
            os.execv(command[0], command)
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        out = b""
        for n in (1, 2):  # the first picture may have been drawn before the size was set; any key draws another
            while out.count(b"q ends") < n:
                out += os.read(master, 65536)
            if n == 1:
                os.write(master, b"x")
        before()
        os.write(master, keys)
        with contextlib.suppress(OSError):  # the other side is closed
            while chunk := os.read(master, 65536):
                out += chunk
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode()
    status, out = watch(b"q")
    assert status == 0 and out.startswith("\x1b[?1049h\x1b[?25l") and out.endswith("\x1b[?25h\x1b[?1049l")
    assert "orders" in out and "NAME" in out and "\x1b[2J" not in out
    assert watch(b"\x03")[0] == 0  # Ctrl-C leaves the terminal as it was, too
    wide = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip("\r") for line in watch(b"q", (9, 20))[1].rsplit("\x1b[H", 1)[1].split("\r\n")]
    assert max(len(line) for line in wide) <= 20
    # A daemon that goes away is said in the picture, which goes on.
    status, out = watch(b"xq", before=daemon.stop)
    assert status == 0
    out = watch(b"q")[1]
    assert "there is no such socket" in out or "nobody listens there" in out
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "dbcertctl: watch needs a terminal; status prints once\n")
