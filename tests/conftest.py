"""Fixtures, and TAP on standard output so that meson counts every test by its own name."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as laboratory  # noqa: E402

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


def pytest_configure(config):
    if os.environ.get("DBCERTD_TAP"):
        config.pluginmanager.register(Tap())


@pytest.fixture(scope="module")
def lab():
    with laboratory.Lab() as made:
        yield made


@pytest.fixture
def scratch():
    """A lab for one test alone."""
    with laboratory.Lab() as made:
        yield made


@pytest.fixture(scope="session")
def binaries():
    return BINARIES
