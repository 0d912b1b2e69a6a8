"""What servers can make dbcertd keep and say: 64 addresses that show another certificate of 115 KB, or of 1 KB, at each probe."""

import contextlib
import json
import os
import time

import pytest

from lab import Dbcertd, Journald, Server, UnixConnection, closed_port, config, entry, findings, journal_entries, wait_until
from mint import ADDRESSES, Mint

KB = 1024


def database_bytes(daemon):
    return sum(os.path.getsize(os.path.join(daemon.state, name)) for name in os.listdir(daemon.state))


def body(daemon, path):
    with contextlib.closing(UnixConnection(daemon.socket)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def watched(lab, binaries, mint, n=1, prefix=()):
    """Endpoints of 64 addresses each, once all have been probed: told without the large answers."""
    entries = [entry(f"orders-{i}", "tls", mint.port, host="orders.test", addresses=ADDRESSES) for i in range(n)]
    daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), entries), prefix=prefix)
    wait_until("the first round", lambda: mint.shown >= n * len(ADDRESSES) and not daemon.get("/v1/status")["probing"], 240)
    return daemon


def probe_again(daemon, mint, times):
    for _ in range(times):
        shown = mint.shown + len(ADDRESSES)
        daemon.probe("orders-0")
        wait_until("the round", lambda: mint.shown >= shown and not daemon.get("/v1/status")["probing"])


def sizes(daemon):
    return {"answer": len(body(daemon, "/v1/endpoints/orders-0")), "log": os.path.getsize(daemon.log), "database": database_bytes(daemon)}


def test_bounds_large_fresh_certificates_stay_small(scratch, binaries):
    """Certificates of 115 KB at 64 addresses make no large answer, log, database or process."""
    mint = Mint(scratch.directory, names=1000)
    daemon = watched(scratch, binaries, mint)
    first = sizes(daemon)
    rss = daemon.resident_mb()
    assert first["answer"] < 1100 * KB and first["log"] < 100 * KB and first["database"] < 2048 * KB, first
    probe_again(daemon, mint, 3)
    assert sizes(daemon)["log"] - first["log"] < 100 * KB
    before = sizes(daemon)
    probe_again(daemon, mint, 4)
    after = sizes(daemon)
    assert after["log"] - before["log"] < 10 * KB and after["database"] < 2048 * KB, (before, after)
    assert after["answer"] < 1100 * KB and daemon.resident_mb() < rss + 16, (after, rss, daemon.resident_mb())
    address = daemon.endpoint("orders-0")["addresses"][0]
    leaf = address["chain"][0]
    assert address["outcome"] == "fetched" and address["trusted"] is False and address["name_matches"] is False
    assert leaf["names_total"] == 1000 and 1 <= len(leaf["names"]) <= 100 and len(leaf["sha256"]) == 64
    history = daemon.get("/v1/endpoints/orders-0/history")
    # Some may go uncounted: what waits for the disk is bounded, too, and then the file is written anew without them.
    replaced = mint.minted - len(ADDRESSES)
    assert not history["certificates"] and 0.8 * replaced <= history["left_out"]["certificates"] <= replaced
    assert all(len(f["message"]) <= 2048 for f in daemon.all_findings())
    print(f"first round {first}, then {before}, four rounds later {after}, RSS {rss:.0f} to {daemon.resident_mb():.0f} MB")


def test_bounds_thirty_probes_keep_the_database_small(scratch, binaries):
    """30 probes of fresh certificates of 1 KB at 64 addresses leave a database of under 2 MB, and history has the first and the latest."""
    mint = Mint(scratch.directory, names=8)
    daemon = watched(scratch, binaries, mint)
    first = daemon.endpoint("orders-0")["addresses"][0]["chain"][0]["sha256"]
    probe_again(daemon, mint, 10)
    before = sizes(daemon)
    probe_again(daemon, mint, 18)
    time.sleep(1.1)  # a history has whole seconds: the latest ones come after all others
    probe_again(daemon, mint, 1)
    time.sleep(1.1)
    after = sizes(daemon)
    assert after["database"] - before["database"] < 700 * KB and after["log"] - before["log"] < 10 * KB, (before, after)
    latest = daemon.endpoint("orders-0")["addresses"][0]["chain"][0]["sha256"]
    daemon.stop()
    assert os.path.getsize(os.path.join(daemon.state, "dbcertd.db")) < 1536 * KB
    print(f"after 11 probes {before}, after 30 {after}, the file {os.path.getsize(os.path.join(daemon.state, 'dbcertd.db'))}")
    again = Dbcertd(scratch, binaries, daemon.text)
    again.settle()
    history = again.get("/v1/endpoints/orders-0/history")
    shown = [c["sha256"] for c in history["certificates"]]
    assert first in shown and latest in shown and len(shown) <= 2 * 64 + len(ADDRESSES) + 32  # SURPLUS_SHORT_ROWS
    assert len(shown) + history["left_out"]["certificates"] == mint.minted
    assert "others between" in again.ctl("history", "orders-0").stdout


def settled_entries(journald):
    """Its entries, once none has come for a while: those of a probe run come together, when what it has seen is kept."""
    before = journal_entries(journald.inside)
    time.sleep(4 if os.environ.get("DBCERTD_SANITIZED") else 1)
    after = journal_entries(journald.inside)
    return after if len(after) == len(before) else None


def test_bounds_an_unstable_server_is_a_few_entries(scratch, binaries):
    """64 addresses that never show a certificate twice are a few entries of certificate-unstable, and no event after them."""
    if os.geteuid() != 0:
        pytest.skip("a journald of our own needs root")
    journald = Journald(scratch)
    mint = Mint(scratch.directory, names=1000)
    daemon = watched(scratch, binaries, mint, prefix=journald.inside)
    probe_again(daemon, mint, 5)
    assert ("certificate-unstable", "warning") in findings(daemon.endpoint("orders-0"))
    entries = wait_until("the journal has them all", lambda: settled_entries(journald))
    unstable = [e for e in entries if e.get("DBCERTD_FINDING") == "certificate-unstable"]
    assert len(unstable) <= 8  # the first few come alone, the others together five minutes later
    assert max(len(json.dumps(e)) for e in entries) < 16 * KB
    probe_again(daemon, mint, 3)
    assert len(wait_until("no more come", lambda: settled_entries(journald))) == len(entries)
    mint.fresh = False
    probe_again(daemon, mint, 9)
    assert ("certificate-unstable", "warning") not in findings(daemon.endpoint("orders-0"))


def test_bounds_a_hostile_fleet_stays_under_the_units_limit(scratch, binaries, monkeypatch):
    """8 endpoints of 64 addresses with certificates of 115 KB each take little of the unit's 256 MB, and free memory goes back."""
    monkeypatch.delenv("MALLOC_PERTURB_", raising=False)  # meson's: it writes to pages that the program never touches
    if os.environ.get("DBCERTD_SANITIZED"):
        pytest.skip("the sanitizers' own memory would be measured")
    daemon = watched(scratch, binaries, Mint(scratch.directory, names=1000), n=8)
    print(f"RSS {daemon.resident_mb():.0f} MB, at most {daemon.resident_mb(peak=True):.0f} MB")
    assert daemon.resident_mb() < 64 and daemon.resident_mb(peak=True) < 96


def test_bounds_addresses_of_all_endpoints_have_a_sum(scratch, binaries):
    """Of 70 endpoints with 64 addresses each, 4096 addresses beyond the first of each are probed; whose are left out is in the log."""
    addresses = [f"127.0.1.{i}" for i in range(1, 65)]
    entries = [entry(f"db-{i}", "tls", closed_port(), host="orders.test", addresses=addresses) for i in range(70)]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries, 'timeout = "60s";'))
    counts = [len(e["addresses"]) for e in daemon.settle(seconds=120).values()]
    assert sum(counts) == 4096 + 70 and min(counts) >= 1 and max(counts) == 64, counts
    cut = [e for e in daemon.get("/v1/endpoints")["endpoints"] if len(e["addresses"]) < 64]
    for e in cut:
        daemon.told(f"{e['name']}: {64 - len(e['addresses'])} of its 64 addresses left out: the endpoints have more than 4096 beyond the first of each")
    assert daemon.output().count("left out") == len(cut)


def test_bounds_a_long_subject_is_cut(scratch, binaries):
    """A subject of 100 KB is 512 bytes in the answer, and the fingerprint is of the whole certificate."""
    mint = Mint(scratch.directory, addresses=ADDRESSES[:1], names=0, pad=100000)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders-0", "tls", mint.port, host="orders.test",
                                                                                      addresses=ADDRESSES[:1])]))
    address = daemon.settle()["orders-0"]["addresses"][0]
    assert len(address["chain"][0]["subject"].encode()) <= 512 and address["chain"][0]["subject"].endswith("...")
    assert address["name_matches"] is True  # by the DER, before anything is cut
    assert len(body(daemon, "/v1/endpoints/orders-0?der=hex")) < 16 * KB


def test_bounds_an_error_text_of_a_server_is_cut(scratch, binaries):
    """A MySQL error of 4,000 bytes is a detail of at most 400."""
    text = b"\xff\x15\x04#28000" + b"denied " * 560
    server = Server(lambda c: c.sendall(len(text).to_bytes(3, "little") + b"\0" + text))
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders", "mysql", server.port)]))
    detail = daemon.settle()["orders"]["addresses"][0]["detail"]
    assert "denied" in detail and len(detail) <= 400
