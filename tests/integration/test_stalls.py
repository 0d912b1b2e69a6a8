"""What dbcertd talks to stands still, one after the other, local daemons included: dbcertd goes on answering, and what it had to say
arrives once the other side reads again."""

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
import time

import pytest

from lab import Dbcertd, Journald, Mariadb, Openssl, Postgres, Process, ago, closed_port, config, entry, findings, host, journal_entries, run, \
    seeing, trusting, wait_until
from loopwatch import Watcher
from alertmanager import Alertmanager, Receiver

here = os.path.dirname(os.path.abspath(__file__))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace")

N = 40  # endpoints of a CA that is not in the catalogue: each reload warns of each of them


@contextlib.contextmanager
def stopped(*pids):
    """SIGSTOP for as long as the block runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def family(pid):
    """A process and all that descend from it."""
    children = {}
    for line in run("ps", "-eo", "pid=,ppid=").splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


class Stalling:
    """A daemon with a certificate that changes and a configuration that warns: there is something to say at any time."""

    def __init__(self, lab, binaries, more="", entries=(), **options):
        self.lab, self.reloads = lab, 0
        self.old = lab.pki.server("old", host("orders"), ago(355), ago(-6))[0]
        self.new = lab.pki.server("new", host("orders"), ago(1), ago(1 - 365))[0]
        self.server = Postgres(lab, "orders", self.old)
        self.entries = [entry("orders", "postgres", self.server.port), *entries]
        self.more = more
        self.daemon = Dbcertd(lab, binaries, self.text(), **options)

    def text(self):
        """Each one warns of one endpoint more, so a reload is known by its number."""
        ghosts = [entry(f"r{self.reloads:02}x{i:02}", "tls", 1, ca=f"rds-ca-r{self.reloads:02}x{i:02}-g1", interval="1d") for i in range(N if self.reloads else 0)]
        return config(self.lab.pki.bundle("rsa2048"), [*self.entries, *ghosts], self.more)

    def reload(self):
        """Waits for it without reading what the daemon logs."""
        self.reloads += 1
        self.daemon.write(self.text())
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_until("it has reloaded", lambda: any(e["name"] == f"r{self.reloads:02}x00" for e in self.daemon.get("/v1/endpoints")["endpoints"]))

    def rotate(self):
        self.server.serve(self.new)
        self.server.reload()
        assert findings(self.daemon.probe("orders")) == []

    def warnings_in_order(self, lines):
        """The endpoints that were warned of must be all, in order, once."""
        warned = [m.group(1) for line in lines if (m := re.search(r'"rds-ca-(r\d\dx\d\d)-g1" is not a CA', line))]
        assert warned == [f"r{r:02}x{i:02}" for r in range(1, self.reloads + 1) for i in range(N)], warned[:5]


# The journal.

STREAMED = ["systemd-cat", "-t", "stream", "sh", "-c", 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/$$/fd/2) exec "$@"', "-"]


@needs_root
def test_journald_stopped_loses_nothing_and_delays_nobody(scratch, binaries):
    """Lines wait in memory and alerts in the state database; when journald reads again each is there once, in order."""
    journal = Journald(scratch)
    told = Stalling(scratch, binaries, prefix=[*journal.inside, *STREAMED])
    told.daemon.settle()
    with Watcher(told.daemon):
        with stopped(journal.process.pid):
            for _ in range(4):  # far more than a socket's queue takes
                told.reload()
            told.rotate()
            time.sleep(1)
        orders = wait_until("the alerts", lambda: len(e := journal_entries(journal.inside, "DBCERTD_ENDPOINT=orders")) >= 5 and e, 20)
    said = [(e["DBCERTD_FINDING"], e["DBCERTD_TRANSITION"]) for e in orders]
    assert said[:3] == [("rotation-overdue", "raised"), ("certificate-expiring", "raised"), ("rotated", "raised")]
    assert sorted(said[3:]) == [("certificate-expiring", "resolved"), ("rotation-overdue", "resolved")]
    assert len({e["DBCERTD_TRANSITION_ID"] for e in orders}) == 5
    mine = [e["MESSAGE"] for e in journal_entries(journal.inside, f"_PID={told.daemon.process.pid}")]
    told.warnings_in_order(mine)
    assert sum("configuration reloaded" in line for line in mine) == 4


@needs_root
def test_journald_restarted_gets_what_was_logged_meanwhile(scratch, binaries):
    """While its socket is there and nobody reads it (ECONNREFUSED), lines wait for the next journald."""
    journal = Journald(scratch)
    told = Stalling(scratch, binaries, prefix=[*journal.inside, *STREAMED])
    told.daemon.settle()
    inside = ["nsenter", f"--mount=/proc/{told.daemon.process.pid}/ns/mnt"]
    with Watcher(told.daemon):
        journal.stop(signal.SIGKILL)
        told.reload()
        told.rotate()
        again = Process([*inside, "/lib/systemd/systemd-journald"], os.path.join(scratch.directory, "journald-again.log"))
        scratch.push(again)
        orders = wait_until("the alerts", lambda: len(e := journal_entries(inside, "DBCERTD_ENDPOINT=orders", "DBCERTD_TRANSITION=resolved")) == 2 and e, 30)
    assert len({e["DBCERTD_TRANSITION_ID"] for e in orders}) == 2
    told.warnings_in_order([e["MESSAGE"] for e in journal_entries(inside, f"_PID={told.daemon.process.pid}")])


@needs_root
def test_journald_stopped_does_not_hold_up_a_stop(scratch, binaries):
    """`systemctl stop` takes about a second, whoever reads the journal; alerts that it did not take are told after the next start."""
    journal = Journald(scratch)
    told = Stalling(scratch, binaries, prefix=[*journal.inside, *STREAMED])
    told.daemon.settle()
    inside, text = journal.inside, told.daemon.text
    with stopped(journal.process.pid):
        told.reload()
        told.rotate()
        began = time.monotonic()
        assert told.daemon.stop() == 0
        assert time.monotonic() - began < 3
    Dbcertd(scratch, binaries, text, prefix=[*inside, *STREAMED])
    ended = wait_until("the alerts", lambda: len(e := journal_entries(inside, "DBCERTD_ENDPOINT=orders", "DBCERTD_TRANSITION=resolved")) == 2 and e, 30)
    assert len({e["DBCERTD_TRANSITION_ID"] for e in ended}) == 2


# Standard error.

def read_all(fd, seconds=3):
    """What is there, and comes within the time."""
    text = b""
    while select.select([fd], [], [], seconds)[0]:
        piece = os.read(fd, 65536)
        if not piece:
            break
        text += piece
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_standard_error_unread_loses_nothing_and_delays_nobody(scratch, binaries, kind):
    """A pipe that nobody reads and a terminal that was stopped (Ctrl-S): once they are read all lines are there, in order."""
    if kind == "pipe":
        path = os.path.join(scratch.directory, "stderr")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    else:
        reader, writer = pty.openpty()
        path = os.ttyname(writer)
        os.chmod(path, 0o666)
        termios.tcflow(writer, termios.TCOOFF)
    told = Stalling(scratch, binaries, prefix=["sh", "-c", 'out=$1; shift; exec "$@" 2>$out', "-", path])
    told.daemon.settle()
    with Watcher(told.daemon):
        for _ in range(20):
            told.reload()
        told.rotate()
        time.sleep(0.5)
        if kind == "terminal":
            termios.tcflow(writer, termios.TCOON)
        lines = read_all(reader).splitlines()
    told.warnings_in_order(lines)
    assert sum("rotated, notice: " in line for line in lines) == 1 and sum("configuration reloaded" in line for line in lines) == 20
    os.set_blocking(reader, False)
    for _ in range(15):
        told.reload()
    began = time.monotonic()
    assert told.daemon.stop() == 0
    assert time.monotonic() - began < 3


# systemd.

class NotifySocket:
    """What systemd listens on, with a queue that the test fills."""

    def __init__(self, lab, abstract):
        self.name = f"dbcertd-test-{os.getpid()}-{time.monotonic_ns()}" if abstract else os.path.join(lab.directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.address = "\0" + self.name if abstract else self.name
        self.socket.bind(self.address)
        self.env = {"NOTIFY_SOCKET": ("@" if abstract else "") + self.name, "WATCHDOG_USEC": "1000000"}

    def fill(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as s:
            with contextlib.suppress(BlockingIOError):
                for _ in range(100000):
                    s.sendto(b"X_FULL=1", self.address)

    def read(self, seconds=0.5):
        """What was sent, with what comes within the time; without what filled it."""
        end, got = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                got.append(self.socket.recv(65536).decode())
        return [message for message in got if message != "X_FULL=1"]


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_systemd_stalled_is_notified_later_and_in_order(scratch, binaries, abstract):
    """Nobody reads the notify socket: READY, a reload's beginning and end, the watchdog and STOPPING arrive when somebody does."""
    systemd = NotifySocket(scratch, abstract)
    systemd.fill()
    told = Stalling(scratch, binaries, env=systemd.env)
    told.daemon.settle()
    with Watcher(told.daemon):
        time.sleep(1.5)
        got = systemd.read()
        assert got[0] == "READY=1" and any(m.startswith("STATUS=1 endpoints") for m in got) and "WATCHDOG=1" in got
        assert sum(m.startswith("STATUS=") for m in got) <= 2  # the latest one, and one of now at most
        systemd.fill()
        told.reload()
        got = [m for m in systemd.read() if m.startswith(("READY", "RELOADING"))]
        assert len(got) == 2 and re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", got[0]) and got[1] == "READY=1"
        assert 2 <= sum(m == "WATCHDOG=1" for m in systemd.read(2)) <= 5
    systemd.fill()
    began = time.monotonic()
    assert told.daemon.stop() == 0 and time.monotonic() - began < 3


def test_watchdog_of_another_process_is_not_fed(scratch, binaries):
    """$WATCHDOG_PID names who is to feed it."""
    systemd = NotifySocket(scratch, False)
    told = Stalling(scratch, binaries, env={**systemd.env, "WATCHDOG_PID": "1"})
    told.daemon.settle()
    assert not any("WATCHDOG" in m for m in systemd.read(2))
    told.daemon.stop()
    got = systemd.read()
    assert "STOPPING=1" in got and got[-1].startswith("STATUS=")


# What is on the network.

@needs_root
def test_name_server_stopped_delays_nobody(scratch, binaries):
    """libcurl resolves in a thread, which a cancelled or expired request must not wait for."""
    server = Process([sys.executable, os.path.join(here, "../standins/nameserver.py"), "127.0.0.66"], os.path.join(scratch.directory, "names.log"))
    scratch.push(server)
    conf = os.path.join(scratch.directory, "resolv.conf")
    with open(conf, "w") as f:
        f.write("nameserver 127.0.0.66\noptions timeout:5 attempts:2\n")
    more = 'trust = { bundles = [ "%s" ]; fetch = [ "https://bundles.example/x.pem" ]; };\n' % scratch.pki.bundle("rsa2048")
    systemd = NotifySocket(scratch, False)
    with stopped(server.process.pid):
        told = Stalling(scratch, binaries, entries=[entry("named", "postgres", 5432, host="one.example", addresses=None)],
                        prefix=seeing(conf, "/etc/resolv.conf"), wait=False, env=systemd.env)
        told.daemon.write(told.text().replace(told.text().split("\n")[0], more).replace("alerts = {", 'alerts = { alertmanager = "http://alerts.example:9093";'))
        told.text = lambda text=told.text: text().replace(text().split("\n")[0], more).replace(
            "alerts = {", 'alerts = { alertmanager = "http://alerts.example:9093";')
        wait_until("it answers", told.daemon.answers)
        with Watcher(told.daemon):
            for _ in range(3):
                told.reload()  # cancels what was asked
                time.sleep(1)
            told.rotate()
            time.sleep(12)  # until the resolver gives up
            assert len([m for m in systemd.read(2) if m == "WATCHDOG=1"]) >= 6
        began = time.monotonic()
        assert told.daemon.stop() == 0 and time.monotonic() - began < 3


def silent_server(lab):
    """What a stopped server is to its clients: the kernel accepts, and nobody answers."""
    program = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(600)"
    log = os.path.join(lab.directory, f"silent-{time.monotonic_ns()}.log")
    process = Process([sys.executable, "-c", program], log)
    lab.push(process)
    port = int(wait_until("it listens", lambda: process.output().strip()))
    os.kill(process.process.pid, signal.SIGSTOP)
    lab.callback(os.kill, process.process.pid, signal.SIGCONT)
    return port


@needs_root
@pytest.mark.parametrize("what", ["API", "metadata service"])
def test_api_or_metadata_service_stopped_delays_nobody(scratch, binaries, what):
    """Each takes connections and does not answer; a reload cancels what was asked, and asks again."""
    port = silent_server(scratch)
    env = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"} if what == "API" else {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{port}/"}
    credentials = ' credentials = "environment";' if what == "API" else ""
    more = f'rds = ( {{ region = "us-east-1"; endpoint_url = "http://127.0.0.1:{port}/"; interval = "10s";{credentials} }} );'
    root = scratch.pki.authority()[0]  # of the system's own, too, so that a reload reads one root and not 140
    told = Stalling(scratch, binaries, more=more, env=env, prefix=trusting(root))
    with Watcher(told.daemon):
        told.reload()
        told.reload()
        told.rotate()
        wait_until("it is said", lambda: "rotated, notice" in told.daemon.output())
        time.sleep(2)
    told.warnings_in_order(told.daemon.output().splitlines())


@pytest.mark.skipif(not shutil.which("prometheus-alertmanager"), reason="prometheus-alertmanager is not installed")
def test_alertmanager_stopped_is_told_everything_later(scratch, binaries):
    """A real Alertmanager is stopped while a certificate is replaced; when it goes on it resolves what was raised."""
    receiver = Receiver()
    alertmanager = Alertmanager(scratch, receiver)
    told = Stalling(scratch, binaries)
    told.text = lambda text=told.text: text().replace("alerts = {", f'alerts = {{ alertmanager = "{alertmanager.url}";')
    with Watcher(told.daemon):
        told.reload()
        wait_until("it is told", lambda: receiver.has("certificate-expiring", "firing", endpoint="orders"))
        with stopped(*family(alertmanager.process.process.pid)):
            told.rotate()
            told.reload()
            time.sleep(3)
        wait_until("it is resolved", lambda: receiver.has("certificate-expiring", "resolved", endpoint="orders"), 60)
        wait_until("and what happened", lambda: receiver.has("rotated", "firing", endpoint="orders"))


def test_clients_that_stall_delay_nobody(scratch, binaries):
    """One asks for a long answer and does not read it, one sends half a question, one is stopped within it."""
    told = Stalling(scratch, binaries)
    for _ in range(3):
        told.reload()
    told.daemon.settle()
    with contextlib.ExitStack() as stack, Watcher(told.daemon):
        for question in (b"GET /v1/endpoints HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50, b"GET /v1/status HTT",
                         b"POST /v1/silences HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{", b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(told.daemon.socket)
            client.sendall(question)
        curl = subprocess.Popen(["curl", "-sS", "--unix-socket", told.daemon.socket, "http://localhost/v1/events"], stdout=subprocess.DEVNULL)
        stack.callback(curl.wait)
        stack.callback(curl.kill)
        time.sleep(0.5)
        os.kill(curl.pid, signal.SIGSTOP)
        told.rotate()
        told.reload()
        time.sleep(1)
        wait_until("it is said", lambda: "rotated, notice" in told.daemon.output())


def test_databases_stopped_delay_nobody_and_are_reported(scratch, binaries):
    """All processes of a real PostgreSQL and of a real MariaDB stand still: both are unreachable, and recover."""
    pki = scratch.pki
    chains = {name: pki.server(name, host(name), ago(10), ago(10 - 365))[0] for name in ("pg", "my")}
    databases = Postgres(scratch, "pg", chains["pg"]), Mariadb(scratch, "my", chains["my"])
    told = Stalling(scratch, binaries, more='timeout = "2s";', entries=[entry("pg", "postgres", databases[0].port), entry("my", "mariadb", databases[1].port)])
    told.daemon.settle()
    with Watcher(told.daemon):
        with stopped(*(pid for database in databases for pid in family(database.process.pid))):
            for name in ("pg", "my"):
                assert findings(told.daemon.probe(name)) == [("unreachable", "unknown")] or told.daemon.endpoint(name)["severity"] == "unknown"
            told.reload()
            told.rotate()
        for name in ("pg", "my"):
            wait_until("it recovers", lambda: findings(told.daemon.probe(name)) == [])
    assert told.daemon.output().count("rotated, notice") == 1
