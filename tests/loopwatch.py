"""How long a daemon's event loop does not answer, without the time that the kernel gave to other processes."""

import contextlib
import http.client
import os
import socket
import threading
import time

from lab import UnixConnection, wait_until

# Sanitizers make everything slower; the bound is for the build that people run.
HEALTHZ_SECONDS = 1.0 if os.environ.get("DBCERTD_SANITIZED") else 0.1

ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def waited(path):
    """Seconds for which a thread was ready to run and did not: /proc/PID/task/TID/schedstat."""
    with open(path) as f:
        return int(f.read().split()[1]) / 1e9


class LoopWatch:
    """Asks a daemon for /healthz every few milliseconds, as long as it is entered. `longest`: seconds that the slowest answer took,
    without those in which the daemon's thread or this one waited for a processor. One that does not come counts as infinite."""

    def __init__(self, daemon, every=0.005, patience=60):
        self.socket, self.every, self.patience = daemon.socket, every, patience
        pid = daemon.process.pid
        self.loop = f"/proc/{pid}/task/{pid}/schedstat"
        self.longest, self.asked, self.failure = 0, 0, None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _ask(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(self.patience)
            s.connect(self.socket)
            s.sendall(ASK)
            answer = b""
            while piece := s.recv(4096):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200 "), answer

    def _run(self):
        own = f"/proc/self/task/{threading.get_native_id()}/schedstat"
        try:
            while True:
                began, others = time.monotonic(), waited(self.loop) + waited(own)
                self._ask()
                took = time.monotonic() - began - (waited(self.loop) + waited(own) - others)
                self.longest, self.asked = max(self.longest, took), self.asked + 1
                if self.over.wait(self.every):
                    break
        except Exception as e:  # to be seen by whoever waits for us
            self.longest, self.failure = float("inf"), e

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def check(self, seconds=HEALTHZ_SECONDS):
        """Fails if an answer took longer."""
        assert self.longest < seconds, f"the loop did not answer for {self.longest:.3f} s of its own; {self.failure or ''} ({self.asked} answers)"
        assert self.asked > 0


@contextlib.contextmanager
def loop_answers(daemon, seconds=HEALTHZ_SECONDS):
    """Whatever happens inside, the daemon's loop answers within that time."""
    with LoopWatch(daemon) as watch:
        yield watch
    watch.check(seconds)


class Watcher:
    """Asks /healthz all the time on a connection of its own; `worst` is the longest answer so far, in seconds."""

    def __init__(self, daemon):
        self.daemon, self.worst, self.n, self.over, self.error = daemon, 0.0, 0, False, None
        self.began = time.monotonic()
        self.asked = None  # when the question that is not answered yet was put
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        connection = UnixConnection(self.daemon.socket)
        connection.timeout = 30
        try:
            while not self.over:
                self.asked = time.monotonic()
                connection.request("GET", "/healthz")
                answer = connection.getresponse()
                answer.read()
                self.worst, self.asked, self.n = max(self.worst, time.monotonic() - self.asked), None, self.n + 1
                time.sleep(0.01)
        except (OSError, http.client.HTTPException) as e:
            self.error = e
        connection.close()

    def __enter__(self):
        wait_until("the first answer", lambda: self.n > 0)
        return self

    def __exit__(self, *failure):
        asked = self.asked
        if asked:
            self.worst = max(self.worst, time.monotonic() - asked)
        self.over = True
        if failure[0] is None:
            print(f"/healthz: {self.n} answers, the slowest after {self.worst * 1000:.1f} ms")
            assert self.error is None and self.n > 10 and self.worst < HEALTHZ_SECONDS, (self.error, self.n, self.worst)
