"""The daemon and its command line, and a journald of its own."""

import contextlib
import fcntl
import http.client
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import termios

from lab.base import Process, run, wait_until
from lab.settings import config


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=90)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Dbcertd(Process):
    """The daemon in the foreground, on a configuration and a socket of its own."""

    def __init__(self, lab, binaries, config, name="dbcertd", prefix=(), env=None, wait=True):
        self.binaries = binaries
        self.prefix = prefix
        self.config = os.path.join(lab.directory, name + ".conf")
        self.socket = os.path.join(lab.directory, name + ".sock")
        self.state = os.path.join(lab.directory, name + ".state")
        self.lab = lab
        self.write(config)
        super().__init__([*prefix, os.path.join(binaries, "dbcertd"), "--config", self.config],
                         os.path.join(lab.directory, name + ".log"), env=dict(os.environ, **(env or {})))
        lab.push(self)
        if wait:
            wait_until("dbcertd answers: " + self.log, self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"dbcertd ended with {self.process.returncode}:\n{self.output()}")
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket) == 0

    def write(self, config):
        self.text = config
        self.catalogue = self.lab.pki.catalogue(os.path.join(self.lab.directory, "catalogue.tsv"))
        with open(self.config + ".new", "w") as f:
            f.write(f'socket = "{self.socket}"; state = "{self.state}";\n' + config)
        os.rename(self.config + ".new", self.config)  # it may be starting, and about to read it

    def stop(self, *arguments):
        ran = self.process.poll() is None
        status = super().stop(*arguments)
        assert status == 0 or arguments or not ran, f"dbcertd ended with {status}:\n{self.output()}"
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert word not in self.output(), self.output()
        return status

    def reload(self):
        before = self.output().count("reloaded") + self.output().count("is not taken")
        self.process.send_signal(signal.SIGHUP)
        wait_until("dbcertd reloads", lambda: self.output().count("reloaded") + self.output().count("is not taken") > before)

    def ctl(self, *words, **options):
        options.setdefault("check", False)
        options.setdefault("env", dict(os.environ, DBCERTD_CATALOGUE=self.catalogue))
        return subprocess.run([os.path.join(self.binaries, "dbcertctl"), "--socket", self.socket, *words],
                              capture_output=True, text=True, **options)

    def on_terminal(self, columns, *words):
        """What dbcertctl prints on a terminal of so many columns, with its colours."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.read(0, 1)  # until the terminal has its size
            os.execve(os.path.join(self.binaries, "dbcertctl"), ["dbcertctl", "--socket", self.socket, *words],
                      {k: v for k, v in os.environ.items() if k != "NO_COLOR"})
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        os.write(terminal, b"\n")
        text = b""
        with contextlib.suppress(OSError):  # that is how it ends
            while piece := os.read(terminal, 65536):
                text += piece
        os.close(terminal)
        os.waitpid(pid, 0)
        return text.decode().replace("\r", "").split("\n", 1)[1]  # behind the newline's echo

    def get(self, path, method="GET"):
        with contextlib.closing(UnixConnection(self.socket)) as connection:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())

    def endpoint(self, name):
        return self.get("/v1/endpoints/" + name)

    def all_findings(self):
        """But what the daemon says of itself: whether the clock is synchronised is this machine's matter."""
        return [f for f in self.get("/v1/findings")["findings"] if "daemon" not in f]

    def probe(self, name):
        return self.get(f"/v1/endpoints/{name}/probe", "POST")

    def settle(self, seconds=90):
        """Waits until every endpoint has been probed; returns them by name."""
        def all_probed():
            endpoints = self.get("/v1/endpoints")["endpoints"]
            waiting = self.get("/v1/status")["probing"]
            return endpoints if not waiting and all(e["next_probe_at"] for e in endpoints) else None
        wait_until("the first round", lambda: self.get("/v1/status")["probing"] or self.get("/v1/status")["next_probe_at"])
        return {e["name"]: e for e in wait_until("all probed", all_probed, seconds)}


def restart(lab, binaries, daemon, text, how=signal.SIGTERM, **options):
    """Ends it and starts it again on the same state. What the new one says is its own."""
    if how == signal.SIGKILL:
        daemon.process.kill()
        daemon.process.wait()
    else:
        daemon.stop()
    os.unlink(daemon.log)
    return Dbcertd(lab, binaries, text, **options)


JOURNALD = """
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal /run/conf
cat >/run/conf/journald.conf <<END
[Journal]
Storage=volatile
ForwardToSyslog=no
ReadKMsg=no
Audit=no
RateLimitIntervalSec=0
RuntimeMaxUse=64M
END
mount --bind /run/conf/journald.conf /etc/systemd/journald.conf
mount -t tmpfs tmpfs /usr/local/lib
mkdir -p /usr/local/lib/systemd/catalog
cp "$1" /usr/local/lib/systemd/catalog/dbcertd.catalog
mount -t tmpfs tmpfs /var/lib/systemd/catalog
journalctl --update-catalog
exec /lib/systemd/systemd-journald
"""


class Journald(Process):
    """A real journald in a mount namespace of its own, with our catalog. Needs root."""

    def __init__(self, lab):
        catalog = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../systemd/dbcertd.catalog")
        super().__init__(["unshare", "--mount", "--propagation", "private", "sh", "-c", JOURNALD, "-", catalog],
                         os.path.join(lab.directory, "journald.log"))
        lab.push(self)
        # Words that run a command where /run is the private one.
        self.inside = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt"]
        wait_until(lambda: "journald: " + self.output(),
                   lambda: run(*self.inside, "sh", "-c", "test -S /run/systemd/journal/socket && echo yes", check=False))
