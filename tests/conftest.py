"""Fixtures, and TAP on standard output so that meson counts every test by its own name."""

import ctypes
import io
import os
import resource
import subprocess
import sys

import pytest
from _pytest._io import TerminalWriter

TESTS = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [TESTS, os.path.join(TESTS, "standins")]
import lab as laboratory  # noqa: E402
import rds  # noqa: E402

BINARIES = os.environ.get("DBCERTD_BINARIES", os.path.join(os.path.dirname(__file__), "../build/daemon"))


class Tap:
    def __init__(self):
        self.n = 0

    def line(self, ok, report, directive=""):
        self.n += 1
        print(f"{'ok' if ok else 'not ok'} {self.n} - {report.nodeid.split('::')[-1]}{directive}", flush=True)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            for text in str(report.longrepr).splitlines():
                print("# " + text, flush=True)
        if report.skipped:
            self.line(True, report, " # SKIP " + str(report.longrepr[2]).replace("\n", " "))
        elif report.when == "call" or report.failed:
            self.line(report.passed, report)

    def pytest_collectreport(self, report):
        if report.failed:
            print("# " + str(report.longrepr).replace("\n", "\n# "))
            self.line(False, report)

    def pytest_sessionfinish(self):
        print(f"1..{self.n}", flush=True)


class NoTerminal:
    """What comparisons take their colours from."""

    def __init__(self):
        self._tw = TerminalWriter(io.StringIO())


def pytest_configure(config):
    if os.environ.get("DBCERTD_TAP"):
        config.pluginmanager.register(Tap())
    if not hasattr(config.option, "verbose"):
        # Without the terminal's plugin nobody has these, and a failed comparison asks for them.
        config.option.verbose = 1
        config.pluginmanager.register(NoTerminal(), "terminalreporter")


@pytest.fixture(scope="module")
def lab():
    with laboratory.Lab() as made:
        yield made


@pytest.fixture
def scratch():
    """A lab for one test alone."""
    with laboratory.Lab() as made:
        yield made


@pytest.fixture
def api(scratch):
    server = rds.RdsApi()
    scratch.callback(server.stop)
    return server


@pytest.fixture
def imds(scratch, api):
    server = rds.Imds(api.grant("ASIAINSTANCE1", "instance/secret+1", "instance//token+1=="))
    scratch.callback(server.stop)
    return server


@pytest.fixture(scope="module")
def many_files():
    """As many open files as the system lets us have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="session")
def binaries():
    return BINARIES


# MariaDB never counts clients from loopback, so that prober and servers live in two network namespaces.
SERVER, PROBER = "10.99.7.1", "10.99.7.2"


@pytest.fixture(scope="module")
def cable(lab):
    """Words that run a command at the servers' end, and at the prober's."""
    run = laboratory.run
    names = [f"dbcertd-{os.getpid()}-{end}" for end in ("s", "p")]
    for name in names:
        run("ip", "netns", "add", name)
        lab.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", names[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", names[1])
    for name, address in zip(names, (SERVER, PROBER)):
        run("ip", "-n", name, "address", "add", address + "/24", "dev", "cable")
        run("ip", "-n", name, "link", "set", "cable", "up")
    # A name for the prober: without one the server logs that it found none, and that is not the probe's doing.
    hosts = os.path.join(lab.directory, "hosts")
    with open(hosts, "w") as f:
        f.write(f"127.0.0.1 localhost\n{SERVER} server.test\n{PROBER} prober.test\n")
    with_names = ["sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "-"]
    return [["ip", "netns", "exec", names[0], *with_names], ["ip", "netns", "exec", names[1]]]


CLONE_NEWNET = 0x40000000  # unshare(2)


@pytest.fixture
def own_address():
    """Puts the test, and all that it starts, into a network namespace of its own, where this ordinary address is this host's, too:
    what the RDS API names is not probed on loopback. To be asked for before anything that listens. Needs root."""
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    laboratory.run("ip", "link", "set", "lo", "up")
    laboratory.run("ip", "address", "add", "10.66.0.1/32", "dev", "lo")
    yield "10.66.0.1"
    assert libc.setns(outside, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    os.close(outside)


@pytest.fixture(scope="module")
def nonsense():
    """A TLS server that signs nonsense, where a compiler or the build has made it."""
    path = os.environ.get("DBCERTD_NONSENSE")
    if not path:
        pytest.skip("built beside the tests")
    return path
