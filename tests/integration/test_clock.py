"""Clocks that are wrong, that are set, and a host that sleeps."""

import contextlib
import os
import re
import shutil
import sqlite3
import struct
import tempfile
import time

import pytest

from lab import DAY, Dbcertd, Postgres, Server, ago, config, entry, findings, host, own_findings, restart, said, wait_until

MODULE = os.environ.get("DBCERTD_CLOCK_MODULE")
WINDOW = "sun:05:00-sun:06:00"
YEAR = 366 * 24 * 3600

pytestmark = pytest.mark.skipif(not MODULE, reason="needs a module that is preloaded, which does not go with the sanitizers")


class Clock:
    """Of one process: how many seconds its wall clock and its time since boot are ahead of this host's."""

    def __init__(self, directory, wall=0):
        self.path = os.path.join(directory, "clock")
        self.set(wall)

    def set(self, wall, boot=0):
        mode = "r+b" if os.path.exists(self.path) else "wb"
        with open(self.path, mode) as f:  # in one write: what the process has mapped is never half
            f.write(struct.pack("<qq", int(wall * 1e6), int(boot * 1e6)))

    def environment(self):
        return {"LD_PRELOAD": MODULE, "DBCERTD_TEST_CLOCK": self.path}


def fleet(scratch, more=()):
    """One endpoint with nothing to say of it, one whose rotation has stalled; probed once a day."""
    entries, servers = list(more), {}
    for name, days in (("orders", 30), ("billing", 230)):
        chain = scratch.pki.server(name, host(name), ago(days), ago(days - 365))[0]
        servers[name] = Postgres(scratch, name, chain)
        entries.append(entry(name, "postgres", servers[name].port, maintenance_window=WINDOW))
    return servers, config(scratch.pki.bundle("rsa2048"), entries, 'interval = "1d"; timeout = "10s";')


def verdicts(daemon):
    return {e["name"]: findings(e) for e in daemon.get("/v1/endpoints")["endpoints"]}


AS_IT_IS = {"orders": [], "billing": [("rotation-overdue", "warning")]}


def transitions(daemon):
    """Endpoint, finding, and what was said of it first, in order."""
    lines = [re.match(r"(orders|billing|quiet)[^:]*: ([a-z-]+)[, ]+([a-z]+)", line) for line in said(daemon)]
    return [line.groups() for line in lines if line]


def test_findings_wait_for_a_clock_that_is_right(scratch, binaries):
    clock = Clock(scratch.directory, 10 - time.time())
    _, text = fleet(scratch)
    daemon = Dbcertd(scratch, binaries, text, env=clock.environment())
    time.sleep(3)
    assert daemon.endpoint("billing")["addresses"] == [] and said(daemon) == []
    finding = own_findings(daemon)["clock-unsynchronised"]
    assert finding["severity"] == "critical" and "this host's clock says 1970-01-01T00:00:" in finding["message"]
    clock.set(0)
    wait_until("it is judged", lambda: verdicts(daemon) == AS_IT_IS)
    assert [line.split(": ")[1] for line in said(daemon)] == ["rotation-overdue, warning"]
    assert daemon.endpoint("billing")["findings"][0]["since"] > "2026-"


def test_a_clock_that_is_set_a_year_ahead_is_believed_and_set_back_all_is_as_it_was(scratch, binaries):
    """It cannot be told from a year that went by. Set back, nothing waits for the next probe, which is a day away."""
    clock = Clock(scratch.directory)
    _, text = fleet(scratch)
    daemon = Dbcertd(scratch, binaries, text, env=clock.environment())
    daemon.settle()
    assert verdicts(daemon) == AS_IT_IS
    clock.set(YEAR)
    wait_until("both have ended", lambda: all(("certificate-expired", "critical") in v for v in verdicts(daemon).values()))
    ahead = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + YEAR))
    wait_until("the next probe is in that year", lambda: daemon.endpoint("orders")["next_probe_at"] > ahead)
    clock.set(0)
    wait_until("all is as it was", lambda: verdicts(daemon) == AS_IT_IS)
    told = transitions(daemon)
    assert [t for t in told if t[:2] == ("orders", "certificate-expired")] == [("orders", "certificate-expired", what) for what in ("critical", "resolved")]
    assert not [line for line in said(daemon) if "rotated" in line or "after -" in line]
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2 * DAY))
    for name in AS_IT_IS:
        wait_until("the next probe is near", lambda name=name: daemon.endpoint(name)["next_probe_at"] < soon)
        assert len(daemon.get(f"/v1/endpoints/{name}/history")["certificates"]) == 1
        assert daemon.probe(name)["addresses"][0]["outcome"] == "fetched"
    again = restart(scratch, binaries, daemon, text)
    again.settle()
    assert verdicts(again) == AS_IT_IS and not [line for line in said(again) if line.startswith(("orders", "billing"))]


def test_a_clock_that_is_set_a_year_back_stops_all_verdicts_until_it_is_right(scratch, binaries):
    clock = Clock(scratch.directory)
    _, text = fleet(scratch)
    daemon = Dbcertd(scratch, binaries, text, env=clock.environment())
    daemon.settle()
    before = transitions(daemon)
    assert verdicts(daemon) == AS_IT_IS and len(before) == 1
    clock.set(-max(YEAR, time.time() - 1790000000))  # before this was written
    wait_until("it is noticed", lambda: own_findings(daemon).get("clock-unsynchronised", {}).get("severity") == "critical")
    time.sleep(2)
    assert verdicts(daemon) == AS_IT_IS and transitions(daemon) == before
    clock.set(0)
    wait_until("it is right", lambda: own_findings(daemon).get("clock-unsynchronised", {}).get("severity") != "critical")
    daemon.settle()
    assert verdicts(daemon) == AS_IT_IS and transitions(daemon) == before
    assert {e["addresses"][0]["outcome"] for e in daemon.get("/v1/endpoints")["endpoints"]} == {"fetched"}


@pytest.mark.parametrize("synchronised", [True, False])
def test_what_nobody_watches_any_more_is_forgotten_by_a_clock_that_is_believed(scratch, binaries, synchronised):
    """After 3650 days, and an hour for the clock to be set right; by one that may be years ahead, nothing is."""
    if not synchronised and os.path.exists("/run/systemd/timesync/synchronized"):
        pytest.skip("systemd-timesyncd vouches for this host's clock")
    clock = Clock(scratch.directory)
    servers, text = fleet(scratch)

    def kept():
        with tempfile.TemporaryDirectory() as copy:  # the daemon has its file for itself
            shutil.copytree(daemon.state, copy, dirs_exist_ok=True)
            with contextlib.closing(sqlite3.connect(os.path.join(copy, "dbcertd.db"))) as database:
                return {name for name, in database.execute("SELECT name FROM endpoint UNION SELECT endpoint FROM served")}
    daemon = Dbcertd(scratch, binaries, text, env={**clock.environment(), "DBCERTD_TEST_SYNCHRONISED": str(int(synchronised))})
    daemon.settle()
    wait_until("both are kept", lambda: kept() == {"orders", "billing"})
    daemon.write(config(scratch.pki.bundle("rsa2048"), [entry("orders", "postgres", servers["orders"].port)], 'interval = "1d";'))
    daemon.reload()
    clock.set(3651 * DAY, 300)
    wait_until("it was probed in that year", lambda: daemon.probe("orders")["addresses"][0]["observed_at"] > "2036")
    time.sleep(1)
    assert kept() == {"orders", "billing"}
    clock.set(3651 * DAY, 2 * 3600)
    if synchronised:
        wait_until("it is forgotten", lambda: kept() == {"orders"})
    time.sleep(1)
    assert kept() == ({"orders"} if synchronised else {"orders", "billing"})


class Silent(Server):
    def serve(self, connection):
        connection.recv(65536)
        connection.recv(1)  # until it is hung up on


def test_a_host_that_slept_in_the_middle_of_a_probe_probes_all_and_alarms_nobody(scratch, binaries):
    clock = Clock(scratch.directory)
    silent = Silent()
    _, text = fleet(scratch, [entry("quiet", "tls", silent.port)])
    daemon = Dbcertd(scratch, binaries, text.replace("unreachable_after = 1", "unreachable_after = 3"), env=clock.environment())
    wait_until("two are probed, one is not", lambda: verdicts(daemon) == {**AS_IT_IS, "quiet": []} and silent.seen and
               daemon.get("/v1/status")["probing"] == 1)
    before, night = transitions(daemon), 30 * 3600  # and a bit, so that all are due
    clock.set(night, night)
    morning = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + night - 5))
    wait_until("all were probed after it", lambda: all(e["addresses"] and e["addresses"][0]["observed_at"] >= morning
                                                       for e in daemon.get("/v1/endpoints")["endpoints"]), 15)
    assert verdicts(daemon) == {**AS_IT_IS, "quiet": []}
    assert [(f["id"], f["state"]) for f in daemon.endpoint("quiet")["findings"]] == [("handshake-failed", "pending")]
    # The alert that stands is due for its reminder, after a day.
    assert transitions(daemon)[len(before):] in ([], [("billing", "rotation-overdue", "warning")])
    with open(f"/proc/{daemon.process.pid}/stat") as f:
        spent = f.read().rsplit(")", 1)[1].split()[11:13]
    time.sleep(2)
    with open(f"/proc/{daemon.process.pid}/stat") as f:
        assert sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) - sum(map(int, spent)) < os.sysconf("SC_CLK_TCK") / 2
