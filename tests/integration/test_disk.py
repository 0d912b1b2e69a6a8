"""A disk under the state directory that is slow, or does not answer: the event loop goes on, and nothing is lost."""

import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from lab import Dbcertd, Postgres, ago, config, entry, findings, host, openssl_facts, own_findings, restart, said, wait_until
from loopwatch import Watcher

MODULE = os.environ.get("DBCERTD_DISK_MODULE")
WINDOW = "sun:05:00-sun:06:00"
HANGS = -1
PATIENCE = 5  # STORE_PATIENCE_USEC
WATCHDOG_SECONDS = 2

pytestmark = pytest.mark.skipif(not MODULE, reason="needs a module that is preloaded, which does not go with the sanitizers")


class Disk:
    """How many milliseconds each write and each sync of one process takes."""

    def __init__(self, directory):
        self.path, self.under = os.path.join(directory, "disk"), os.path.join(directory, "dbcertd.state/")
        self.set(0, 0)

    def set(self, write, sync):
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as f:
            f.write(struct.pack("<ii", write, sync))

    def hang(self):
        self.set(HANGS, HANGS)

    def release(self):
        self.set(0, 0)

    def environment(self):
        return {"LD_PRELOAD": MODULE, "DBCERTD_TEST_DISK": self.path, "DBCERTD_TEST_DISK_UNDER": self.under}


class Manager:
    """systemd's side of the notify socket: when the daemon said that it is alive."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.alive = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            if b"WATCHDOG=1" in self.socket.recv(65536):
                self.alive.append(time.monotonic())

    def environment(self):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 1000000)}

    def longest_silence(self, since):
        times = [since] + [t for t in self.alive if t > since] + [time.monotonic()]
        return max(b - a for a, b in zip(times, times[1:]))


class Scene:
    """Two real servers and a daemon that watches them, on a disk that obeys."""

    def __init__(self, scratch, binaries):
        self.scratch, self.binaries = scratch, binaries
        self.disk, self.manager = Disk(scratch.directory), Manager(scratch.directory)
        pki = scratch.pki
        self.good = {name: pki.server(name, host(name), ago(30), ago(30 - 365)) for name in ("orders", "billing", "late")}
        self.overdue = {name: pki.server(name + "2", host(name), ago(230), ago(230 - 365)) for name in ("orders", "billing")}
        self.servers = {name: Postgres(scratch, name, self.good[name][0]) for name in self.good}
        self.entries = [entry(name, "postgres", server.port, maintenance_window=WINDOW) for name, server in self.servers.items()]
        self.text = self.config(2)
        self.daemon = Dbcertd(scratch, binaries, self.text, env=self.environment())
        self.daemon.settle()
        for name in ("orders", "billing"):  # a history is read after what was seen before is written
            wait_until(f"{name} is kept", lambda name=name: serials(self.daemon, name))

    def config(self, n):
        return config(self.scratch.pki.bundle("rsa2048"), self.entries[:n], 'interval = "1d";')

    def environment(self):
        return {**self.disk.environment(), **self.manager.environment()}

    def serve(self, name, made):
        self.servers[name].serve(made[0])
        self.servers[name].reload()

    def ask(self, path, method="POST", body=None):
        """In the background: .communicate() has the answer."""
        return subprocess.Popen(["curl", "-sS", "-w", "\n%{http_code} %{time_total}", "-X", method, *(["--data-binary", body] if body else []),
                                 "--unix-socket", self.daemon.socket, "http://localhost" + path], stdout=subprocess.PIPE, text=True)

    def restart(self, how):
        self.disk.release()
        self.daemon = restart(self.scratch, self.binaries, self.daemon, self.text, how, env=self.environment())
        return self.daemon


@pytest.fixture
def scene(scratch, binaries):
    scene = Scene(scratch, binaries)
    yield scene
    scene.disk.release()


def answer_of(asked, timeout=30):
    body, _, figures = asked.communicate(timeout=timeout)[0].rpartition("\n")
    status, seconds = figures.split()
    return int(status), float(seconds), json.loads(body)


def alerts(daemon, name):
    return [line for line in said(daemon) if line.startswith(f"{name} (127.0.0.1): rotation-overdue, warning: ")]


def serials(daemon, name):
    return [line["serial"] for line in daemon.get(f"/v1/endpoints/{name}/history")["certificates"]]


def test_disk_hanging_leaves_loop_alerts_and_watchdog_alone(scene):
    """While no write returns, /healthz answers within 100 ms, the alert comes after 5 seconds, and the status names the disk."""
    scene.serve("orders", scene.overdue["orders"])
    with Watcher(scene.daemon) as watch:
        scene.disk.hang()
        asked = scene.ask("/v1/endpoints/orders/probe")
        time.sleep(PATIENCE - 2)
        assert alerts(scene.daemon, "orders") == [] and asked.poll() is None  # not before it is kept
        status, seconds, orders = answer_of(asked)
        assert status == 200 and PATIENCE - 1 < seconds < PATIENCE + 2 and findings(orders) == [("rotation-overdue", "warning")]
        wait_until("the alert", lambda: alerts(scene.daemon, "orders"), 2)
        assert "the disk does not answer" in scene.daemon.get("/v1/status")["state"]["error"]
        wait_until("the finding", lambda: "the disk does not answer" in own_findings(scene.daemon).get("state-unwritable", {}).get("message", ""), 3)
        # From now on nothing waits for it: probes, reloads, histories.
        begin = time.monotonic()
        scene.serve("billing", scene.overdue["billing"])
        assert findings(scene.daemon.probe("billing")) == [("rotation-overdue", "warning")] and alerts(scene.daemon, "billing")
        scene.daemon.write(scene.config(3))
        scene.daemon.reload()
        wait_until("the new endpoint", lambda: scene.daemon.endpoint("late")["severity"] == "ok")
        assert answer_of(scene.ask("/v1/endpoints/orders/history", "GET"))[0] == 503
        assert time.monotonic() - begin < PATIENCE
        time.sleep(WATCHDOG_SECONDS)
        assert scene.manager.longest_silence(watch.began) < WATCHDOG_SECONDS
        scene.disk.release()
        wait_until("it is kept again", lambda: scene.daemon.get("/v1/status")["state"]["error"] is None, 10)
    for name in ("orders", "billing"):
        assert serials(scene.daemon, name) == [openssl_facts(made[name][1])["serial"] for made in (scene.good, scene.overdue)]
    scene.text = scene.config(3)
    again = scene.restart(signal.SIGKILL)
    again.settle()
    assert alerts(again, "orders") == alerts(again, "billing") == []  # they were kept, as said
    assert {e["name"]: findings(e) for e in again.get("/v1/endpoints")["endpoints"]} == {
        "orders": [("rotation-overdue", "warning")], "billing": [("rotation-overdue", "warning")], "late": []}


def test_disk_slow_leaves_loop_alone_and_loses_nothing(scene):
    """Each write takes 0.1 s and each sync 2 s: /healthz answers within 100 ms, and what was answered outlives kill -9."""
    with Watcher(scene.daemon) as watch:
        scene.disk.set(100, 2000)
        for name in ("orders", "billing"):
            scene.serve(name, scene.overdue[name])
            assert findings(scene.daemon.probe(name)) == [("rotation-overdue", "warning")]
            wait_until("the alert", lambda: alerts(scene.daemon, name), PATIENCE + 2)
        assert scene.manager.longest_silence(watch.began) < WATCHDOG_SECONDS
        wait_until("what was said is noted", lambda: scene.daemon.get("/v1/status")["state"]["error"] is None and time.sleep(3) is None)
    again = scene.restart(signal.SIGKILL)
    again.settle()
    assert alerts(again, "orders") == alerts(again, "billing") == []
    for name in ("orders", "billing"):
        assert serials(again, name) == [openssl_facts(made[name][1])["serial"] for made in (scene.good, scene.overdue)]


@pytest.mark.parametrize("seconds", [1, PATIENCE + 1])
def test_disk_hanging_at_kill_9_loses_no_alert(scene, seconds):
    """Before its 5 seconds are over, an alert is not said and comes after the restart; after them, it may come twice."""
    scene.serve("orders", scene.overdue["orders"])
    scene.disk.hang()
    with Watcher(scene.daemon):
        asked = scene.ask("/v1/endpoints/orders/probe")
        time.sleep(seconds)
        assert len(alerts(scene.daemon, "orders")) == (1 if seconds > PATIENCE else 0)
    scene.daemon.process.kill()
    asked.communicate(timeout=10)
    again = scene.restart(signal.SIGKILL)
    again.settle()
    wait_until("it is said", lambda: len(alerts(again, "orders")) == 1)
    assert serials(again, "orders") == [openssl_facts(made["orders"][1])["serial"] for made in (scene.good, scene.overdue)]


def test_disk_hanging_at_a_stop_delays_it_by_two_seconds(scene):
    """A stop says what is to be said, and ends in time, whatever the disk does."""
    scene.serve("orders", scene.overdue["orders"])
    scene.disk.hang()
    asked = scene.ask("/v1/endpoints/orders/probe")
    wait_until("it is probed", lambda: findings(scene.daemon.endpoint("orders")))
    begin = time.monotonic()
    assert scene.daemon.stop() == 0
    assert time.monotonic() - begin < 4
    assert len(alerts(scene.daemon, "orders")) == 1
    asked.communicate(timeout=10)
    scene.restart(signal.SIGTERM).settle()
    assert findings(scene.daemon.endpoint("orders")) == [("rotation-overdue", "warning")]


def test_silence_on_hanging_disk_is_answered_once_kept(scene):
    """Whoever was told that a silence was made finds it after kill -9."""
    scene.disk.hang()
    with Watcher(scene.daemon):
        asked = scene.ask("/v1/silences", body='{"name": "orders", "for": "1h", "reason": "the disk is being replaced"}')
        time.sleep(1.5)
        assert asked.poll() is None
        scene.disk.release()
        status, seconds, made = answer_of(asked)
    assert status == 201 and 1.4 < seconds < 3
    again = scene.restart(signal.SIGKILL)
    assert [s["id"] for s in again.get("/v1/silences")["silences"]] == [made["id"]]
    assert answer_of(scene.ask(f"/v1/silences/{made['id']}", "DELETE"))[0] == 200
    assert scene.restart(signal.SIGKILL).get("/v1/silences")["silences"] == []


def test_history_on_hanging_disk_waits_and_holds_up_nothing(scene):
    """A history waits for the disk, at most 5 seconds, and nobody else does."""
    scene.disk.hang()
    scene.serve("orders", scene.overdue["orders"])
    with Watcher(scene.daemon):
        probe = scene.ask("/v1/endpoints/orders/probe")
        wait_until("it is probed", lambda: findings(scene.daemon.endpoint("orders")))
        history, gone = scene.ask("/v1/endpoints/orders/history", "GET"), scene.ask("/v1/endpoints/orders/history", "GET")
        time.sleep(1)
        gone.kill()
        gone.communicate()
        assert history.poll() is None
        scene.disk.release()
        status, _, shown = answer_of(history)
        assert status == 200 and len(shown["certificates"]) == 2
        assert answer_of(probe)[0] == 200
