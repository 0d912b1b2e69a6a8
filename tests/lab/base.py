"""What everything else here uses: names, times, ports, waiting, processes."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time

REGION = "us-east-1"
CATALOGUE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../daemon/rds/catalogue.tsv")
ZONE = f"c9akciq32rgq.{REGION}.rds.amazonaws.com"
DAY = 86400


def host(name):
    return f"{name}.{ZONE}"


def ago(days):
    """So many days before the last full hour, in seconds since the epoch."""
    return int(time.time()) // 3600 * 3600 - int(days * DAY)


def run(*command, check=True, **options):
    """Runs a command to its end; what it printed, or an exception with that."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if check and done.returncode:
        raise RuntimeError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def bound(address):
    """A socket on a port that nobody has, and below those that the kernel gives to connections: they come and go by the
    thousand while others run beside us."""
    while True:
        s = socket.socket()
        try:
            s.bind((address, random.randrange(10000, 32000)))
            return s
        except OSError:
            s.close()


def free_port(address="127.0.0.1"):
    with bound(address) as s:
        return s.getsockname()[1]


held = []  # for as long as we run


def closed_port(address="127.0.0.1"):
    """One on which nobody listens, and nobody else may."""
    held.append(bound(address))
    return held[-1].getsockname()[1]


def wait_until(what, condition, seconds=60):
    """Waits for a condition with a value that is true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what() if callable(what) else what}: not within {seconds} s")
        time.sleep(0.05)


def as_user(name):
    """The words before a command that make it run as that user; none where we are not root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups"]


class Process:
    """A child that is ended with its lab."""

    def __init__(self, command, log, **options):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                            start_new_session=True, **options)

    def output(self):
        return open(self.log, errors="replace").read()

    def told(self, *texts):
        """Waits until all of these are said. An alert is written to the state first, so whoever asks the socket may hear of it earlier."""
        wait_until(lambda: f"{texts} in {self.output()}", lambda: all(text in self.output() for text in texts), 20)

    def resident_mb(self, peak=False):
        """Its resident memory now, or the most that it had."""
        with open(f"/proc/{self.process.pid}/status") as f:
            key = "VmHWM:" if peak else "VmRSS:"
            return int(next(line for line in f if line.startswith(key)).split()[1]) / 1024

    def stop(self, how=signal.SIGTERM, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def private_directory(path, user):
    os.makedirs(path)
    os.chmod(path, 0o700)
    if os.geteuid() == 0:
        shutil.chown(path, user, user)
