"""What outlives the daemon: the history, what stands, what is still to be said, silences. Restarts of every kind."""

import contextlib
import glob
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

from lab import (DAY, Dbcertd, Journald, Nginx, Postgres, Server, ago, closed_port, config, entry, findings, host, journal_entries, openssl_facts, own_findings,
                 restart, run, said, wait_until)

ROOT = os.geteuid() == 0
SANITIZED = bool(os.environ.get("DBCERTD_SANITIZED"))
WINDOW = "sun:05:00-sun:06:00"


@pytest.fixture
def stalled(scratch, binaries):
    """A rotation that has stalled, and nobody who listens."""
    chain, leaf = scratch.pki.server("billing", host("billing"), ago(230), ago(230 - 365))
    server = Postgres(scratch, "billing", chain)
    text = config(scratch.pki.bundle("rsa2048"), [entry("billing", "postgres", server.port, maintenance_window=WINDOW),
                                                  entry("legacy", "mysql", closed_port())])
    daemon = Dbcertd(scratch, binaries, text)
    daemon.settle()
    daemon.told("billing (127.0.0.1): rotation-overdue, warning", "legacy (127.0.0.1): unreachable")
    return server, text, daemon, leaf


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_says_nothing_again_and_forgets_nothing(stalled, scratch, binaries, how):
    server, text, daemon, leaf = stalled
    first = said(daemon)
    assert sum("billing (127.0.0.1): rotation-overdue" in line for line in first) == 1
    assert sum("legacy (127.0.0.1): unreachable" in line for line in first) == 1
    before = {e["name"]: e for e in daemon.get("/v1/endpoints")["endpoints"]}
    time.sleep(1.1)  # so that a new `since` would be another one
    again = restart(scratch, binaries, daemon, text, how)
    after = again.settle()
    assert said(again) == []
    for name in ("billing", "legacy"):
        assert [(f["id"], f["since"]) for f in after[name]["findings"]] == [(f["id"], f["since"]) for f in before[name]["findings"]]
    assert after["legacy"]["addresses"][0]["failures"] > before["legacy"]["addresses"][0]["failures"]


def test_what_was_seen_goes_on_ageing_after_a_restart_although_the_server_is_gone(stalled, scratch, binaries):
    server, text, daemon, leaf = stalled
    server.stop()
    again = restart(scratch, binaries, daemon, text)
    billing = again.settle()["billing"]
    assert findings(billing) == [("unreachable", "unknown"), ("rotation-overdue", "warning")]
    address = billing["addresses"][0]
    assert address["chain"][0]["serial"] == openssl_facts(leaf)["serial"] and address["trusted"] is True
    assert address["outcome"] == "unreachable" and address["tls"]["version"] == "TLS1.3"
    assert [c["role"] for c in address["chain"]] == ["server", "intermediate"]
    assert not any("rotation-overdue" in line for line in said(again))


def test_a_rotation_while_nobody_looked_is_told_and_no_false_alarm_before_it(scratch, binaries):
    """At the start the old certificate is long overdue; but it has been replaced meanwhile."""
    pki = scratch.pki
    new = pki.server("new", host("orders"), ago(0.1), ago(0.1 - 365))
    server = Postgres(scratch, "orders", new[0])
    end = int(time.time()) + 7 * DAY + 8
    server.serve(pki.server("old", host("orders"), end - 365 * DAY, end)[0])
    server.reload()
    text = config(pki.bundle("rsa2048"), [entry("orders", "postgres", server.port, maintenance_window=WINDOW)])
    daemon = Dbcertd(scratch, binaries, text)
    assert findings(daemon.settle()["orders"]) == [("rotation-overdue", "critical"), ("certificate-expiring", "warning")]
    daemon.stop()
    server.serve(new[0])
    server.reload()
    time.sleep(max(0, end - 7 * DAY + 1 - time.time()))  # it would be critical by now
    again = restart(scratch, binaries, daemon, text)
    assert findings(again.settle()["orders"]) == []
    again.told(": rotated", "certificate-expiring resolved", "rotation-overdue resolved")
    words = [line.split(": ")[1].split(",")[0] for line in said(again)]
    assert words == ["rotated", "certificate-expiring resolved after", "rotation-overdue resolved after"] or \
        sorted(w.split(" ")[0] for w in words) == ["certificate-expiring", "rotated", "rotation-overdue"], words
    assert "critical" not in "".join(line.split(". It was:")[0] for line in said(again))


def test_history_has_a_line_for_each_certificate_that_was_served(scratch, binaries):
    pki = scratch.pki
    made = [pki.server(f"h{i}", host("orders"), ago(days), ago(days - 365)) for i, days in enumerate((200, 10, 5))]
    server = Postgres(scratch, "orders", made[0][0])
    daemon = Dbcertd(scratch, binaries, config(pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)]))
    daemon.settle()
    for chain, _ in made[1:]:
        server.serve(chain)
        server.reload()
        daemon.probe("orders")
    lines = daemon.get("/v1/endpoints/orders/history")["certificates"]
    facts = [openssl_facts(leaf) for _, leaf in made]
    assert [(line["serial"], line["sha256"], line["not_before"]) for line in lines] == [(f["serial"], f["sha256"], f["not_before"]) for f in facts]
    assert [line["current"] for line in lines] == [False, False, True]
    assert [line["age_at_rotation_seconds"] for line in lines] == [190 * DAY, 5 * DAY, None]
    assert [line["age_at_rotation_percent"] for line in lines] == [52, 1, None]
    assert {line["ca"] for line in lines} == {"rds-ca-rsa2048-g1"} and {line["address"] for line in lines} == {"127.0.0.1"}
    assert all(a["last_seen"] <= b["first_seen"] for a, b in zip(lines, lines[1:]))
    out = daemon.ctl("history", "orders").stdout.splitlines()
    assert out[0].split() == ["ADDRESS", "FROM", "TO", "SERIAL", "CA", "MADE", "ENDS", "AGE", "AT", "ROTATION"] and len(out) == 4
    assert facts[0]["serial"] in out[1] and "190d (52 %)" in out[1] and " now " in out[3]
    assert json.loads(daemon.ctl("--json", "history", "orders").stdout)["certificates"] == lines
    nobody = daemon.ctl("history", "nobody")
    assert nobody.returncode == 1 and 'no endpoint is named "nobody"' in nobody.stderr
    # Out of the configuration, it is still history.
    daemon.write(config(pki.bundle("rsa2048"), [entry("other", "postgres", server.port)]))
    daemon.reload()
    assert [line["serial"] for line in daemon.get("/v1/endpoints/orders/history")["certificates"]] == [f["serial"] for f in facts]


def test_nothing_is_written_while_nothing_changes(scratch, binaries):
    server = Postgres(scratch, "orders", scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)]))
    daemon.probe("orders")  # and all that the first one has changed is kept
    before = daemon.get("/v1/status")["state"]
    files = {path: (os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in glob.glob(daemon.state + "/dbcertd.db*")}
    for _ in range(20):
        daemon.probe("orders")
    after = daemon.get("/v1/status")["state"]
    assert before["commits"] == after["commits"] and before["error"] is None and before["path"] == daemon.state + "/dbcertd.db"
    assert {path: (os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in glob.glob(daemon.state + "/dbcertd.db*")} == files


def test_a_reload_that_takes_an_endpoint_out_and_puts_it_back(stalled):
    server, text, daemon, leaf = stalled
    before = daemon.output()
    with_out = text.replace(text[text.index("{ name = \"billing\""):text.index("{ name = \"legacy\"")], "")
    daemon.write(with_out)
    daemon.reload()
    daemon.told("rotation-overdue resolved")
    assert [line.split(": ")[1].split(" after")[0] for line in said(daemon, before)] == ["rotation-overdue resolved"]
    before = daemon.output()
    daemon.write(text)
    daemon.reload()
    assert findings(daemon.settle()["billing"]) == [("rotation-overdue", "warning")]
    wait_until("it is raised again", lambda: any("billing (127.0.0.1): rotation-overdue, warning: " in line for line in said(daemon, before)))


def test_what_was_taken_out_while_it_was_stopped_is_resolved(stalled, scratch, binaries):
    server, text, daemon, leaf = stalled
    again = restart(scratch, binaries, daemon, config(scratch.pki.bundle("rsa2048"), [entry("legacy", "mysql", closed_port())]))
    again.told("billing (127.0.0.1): rotation-overdue resolved after")
    assert sum("billing (127.0.0.1): rotation-overdue resolved after" in line for line in said(again)) == 1


def test_until_it_is_probed_again_an_endpoint_is_what_it_was(scratch, binaries):
    """A first round takes its time: `check` must not call a fleet unknown at each restart."""
    pki = scratch.pki
    server = Postgres(scratch, "billing", pki.server("billing", host("billing"), ago(230), ago(230 - 365))[0])
    silent = Server(lambda connection: connection.recv(1) and time.sleep(20))
    entries_of = [entry("slow", "mysql", silent.port), entry("billing", "postgres", server.port, maintenance_window=WINDOW)]
    text = config(pki.bundle("rsa2048"), entries_of, 'concurrency = 1; timeout = "4s";')
    daemon = Dbcertd(scratch, binaries, text)
    before = daemon.settle()["billing"]
    assert findings(before) == [("rotation-overdue", "warning")]
    daemon.get("/v1/endpoints/billing/history")  # waits for what the store's thread was given before
    again = restart(scratch, binaries, daemon, text, signal.SIGKILL)
    now = again.endpoint("billing")
    assert now["rotation"] is None and now["severity"] == "warning"  # not judged yet
    assert [(f["id"], f["since"]) for f in now["findings"]] == [(f["id"], f["since"]) for f in before["findings"]]
    assert again.ctl("check", "billing").returncode == 1
    assert again.settle()["billing"]["rotation"]["class"] == "online" and said(again) == []


def test_a_disagreement_outlives_a_restart_in_which_one_of_the_two_is_gone(scratch, binaries):
    pki = scratch.pki
    servers = [Postgres(scratch, f"node{i}", pki.server(f"node{i}", host("orders"), ago(30 + i), ago(30 + i - 365))[0], address=f"127.0.0.{i + 1}")
               for i in range(2)]
    port = servers[0].port
    servers[1].stop()
    servers[1] = Postgres(scratch, "twin", pki.server("twin", host("orders"), ago(40), ago(40 - 365))[0], address="127.0.0.2", settings={"port": port})
    text = config(pki.bundle("rsa2048"), [entry("orders", "postgres", port, addresses=["127.0.0.1", "127.0.0.2"])])
    daemon = Dbcertd(scratch, binaries, text)
    assert findings(daemon.settle()["orders"]) == [("addresses-disagree", "warning")]
    servers[1].stop()
    assert sorted(findings(daemon.probe("orders"))) == [("addresses-disagree", "warning"), ("unreachable", "unknown")]
    again = restart(scratch, binaries, daemon, text, signal.SIGKILL)
    assert sorted(findings(again.settle()["orders"])) == [("addresses-disagree", "warning"), ("unreachable", "unknown")]
    assert said(again) == []


def test_what_stands_of_a_bundle_and_a_trust_store_is_not_said_again(scratch, binaries):
    """Whether a bundle still cannot be fetched is known only once it was asked for again."""
    pki = scratch.pki
    server = Postgres(scratch, "orders", pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    store = os.path.join(scratch.directory, "store.pem")
    pki.authority("ecc384")
    run("cp", pki.bundle("ecc384"), store)
    text = config(pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)], f'trust_stores = ( {{ name = "app"; path = "{store}"; }} );').replace(
        "trust = {", f'trust = {{ fetch = [ "http://127.0.0.1:{closed_port()}/bundle.pem" ]; fetch_http = true;')
    daemon = Dbcertd(scratch, binaries, text)
    daemon.settle()
    # On a slow machine the store is judged before its server was seen, and once more: then its finding is escalated.
    wait_until("both are said", lambda: {line.split()[0] for line in said(daemon)} >= {"bundle", "trust"} and
               daemon.get("/v1/trust")["trust_stores"][0]["endpoints"][0]["served"])
    daemon.reload()
    again = restart(scratch, binaries, daemon, text, signal.SIGKILL)
    again.settle()
    wait_until("it was asked for", lambda: {f["id"] for f in again.all_findings()} == {"bundle-stale", "trust-store-lacks-ca"})
    time.sleep(1.5)  # longer than stores are waited for
    assert said(again) == []


# Files that are not what they were.

def schema(daemon):
    with contextlib.closing(sqlite3.connect(daemon.state + "/dbcertd.db", isolation_level=None)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def test_an_older_schema_goes_forward_by_itself_with_what_it_holds(stalled, scratch, binaries):
    server, text, daemon, leaf = stalled
    daemon.stop()
    newest = schema(daemon)
    assert newest > 3
    with contextlib.closing(sqlite3.connect(daemon.state + "/dbcertd.db", isolation_level=None)) as db:  # as the first step had left it
        db.executescript("DROP TABLE posting; DROP TABLE discovered; DROP TABLE silence; DROP TABLE alert; DROP TABLE outbox; PRAGMA user_version = 1;")
    again = Dbcertd(scratch, binaries, text)
    again.settle()
    assert [c["serial"] for c in again.get("/v1/endpoints/billing/history")["certificates"]] == [openssl_facts(leaf)["serial"]]
    again.stop()
    assert schema(again) == newest


def test_a_newer_schema_is_refused_and_left_as_it_is(stalled, binaries):
    server, text, daemon, leaf = stalled
    daemon.stop()
    newest = schema(daemon)
    with contextlib.closing(sqlite3.connect(daemon.state + "/dbcertd.db", isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version = {newest + 1}")
    before = open(daemon.state + "/dbcertd.db", "rb").read()
    done = subprocess.run([os.path.join(binaries, "dbcertd"), "--config", daemon.config], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert f"dbcertd.db: its schema has version {newest + 1}, and this dbcertd knows those up to {newest}: a newer dbcertd has made it" in done.stderr
    assert open(daemon.state + "/dbcertd.db", "rb").read() == before and not glob.glob(daemon.state + "/*.damaged-*")


def test_another_program_s_database_is_refused(stalled, binaries):
    server, text, daemon, leaf = stalled
    daemon.stop()
    os.unlink(daemon.state + "/dbcertd.db")
    with contextlib.closing(sqlite3.connect(daemon.state + "/dbcertd.db", isolation_level=None)) as db:
        db.executescript("CREATE TABLE theirs (x); PRAGMA application_id = 77;")
    done = subprocess.run([os.path.join(binaries, "dbcertd"), "--config", daemon.config], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "it is another program's database" in done.stderr
    with contextlib.closing(sqlite3.connect(daemon.state + "/dbcertd.db", isolation_level=None)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


@pytest.mark.parametrize("damage", ["garbage", "truncated", "page"])
def test_a_damaged_file_is_set_aside_and_watching_goes_on(stalled, scratch, binaries, damage):
    server, text, daemon, leaf = stalled
    daemon.stop()
    path = daemon.state + "/dbcertd.db"
    size = os.path.getsize(path)
    with open(path, "r+b") as f:
        if damage == "garbage":
            f.write(random.Random(7).randbytes(size))
        elif damage == "truncated":
            f.truncate(size // 2)
        else:
            f.seek(4096)
            f.write(bytes(4096 * 4))
    damaged = open(path, "rb").read()
    again = restart(scratch, binaries, daemon, text)
    assert findings(again.settle()["billing"]) == [("rotation-overdue", "warning")]
    aside = [p for p in glob.glob(path + ".damaged-*") if not p.endswith(("-wal", "-shm"))]
    assert len(aside) == 1 and aside[0][len(path):][:9] == ".damaged-" and open(aside[0], "rb").read() == damaged
    finding = own_findings(again)["state-damaged"]
    assert finding["severity"] == "warning" and aside[0] in finding["message"] and "rm " in finding["remedy"]
    again.told("dbcertd itself: state-damaged, warning: ")
    assert again.get("/v1/status")["daemon"] == "warning" and "dbcertd itself: warning" in again.ctl("status").stdout
    assert [c["serial"] for c in again.get("/v1/endpoints/billing/history")["certificates"]] == [openssl_facts(leaf)["serial"]]
    # It stands for as long as the file lies there, also after a restart, and is not said twice.
    third = restart(scratch, binaries, again, text)
    third.settle()
    assert "state-damaged" in own_findings(third) and "state-damaged" not in third.output()
    for p in aside:
        os.unlink(p)
    fourth = restart(scratch, binaries, third, text)
    fourth.settle()
    assert "state-damaged" not in own_findings(fourth) and "dbcertd itself: state-damaged resolved after" in fourth.output()


def test_a_file_damaged_at_random_is_always_an_outcome(stalled, scratch, binaries):
    server, text, daemon, leaf = stalled
    daemon.stop()
    path = daemon.state + "/dbcertd.db"
    good = open(path, "rb").read()
    chance = random.Random(20261121)
    for i in range(500 if os.environ.get("DBCERTD_THOROUGH") else 10 if SANITIZED else 60):
        bad = bytearray(good)
        for _ in range(chance.choice((1, 8, 64))):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        for old in glob.glob(path + "*"):
            os.unlink(old)
        with open(path, "wb") as f:
            f.write(bad)
        events = sum(daemon.output().count(f": {word}, ") for word in ("rotated", "rotated-early", "rotated-back", "ca-changed"))
        again = Dbcertd(scratch, binaries, text, name="dbcertd")
        assert ("rotation-overdue", "warning") in findings(again.settle()["billing"]), i
        assert again.get("/v1/endpoints/billing/history")["certificates"], i
        assert again.stop() == 0, i
        # What lies on the disk is no other certificate than the one that is served.
        assert events == sum(again.output().count(f": {word}, ") for word in ("rotated", "rotated-early", "rotated-back", "ca-changed")), i


@pytest.mark.skipif(not ROOT or SANITIZED, reason="needs root to mount a small file system; and takes a minute once")
def test_a_full_disk_loses_nothing_but_the_keeping(scratch, binaries):
    pki = scratch.pki
    server = Postgres(scratch, "orders", pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    text = config(pki.bundle("rsa2048"), [entry("orders", "postgres", server.port, maintenance_window=WINDOW)])
    small = os.path.join(scratch.directory, "dbcertd.state")
    os.mkdir(small)
    run("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", small)
    scratch.callback(subprocess.run, ["umount", "-l", small], check=False)
    daemon = Dbcertd(scratch, binaries, text)
    daemon.settle()
    filler = small + "/filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1k", "count=1000"], capture_output=True)
    overdue = pki.server("overdue", host("orders"), ago(230), ago(230 - 365))
    server.serve(overdue[0])
    server.reload()
    assert findings(daemon.probe("orders")) == [("rotation-overdue", "warning")]
    daemon.told("orders (127.0.0.1): rotation-overdue, warning: ")
    assert "full" in daemon.get("/v1/status")["state"]["error"] or \
        wait_until("the finding", lambda: own_findings(daemon).get("state-unwritable"), 70)
    os.unlink(filler)
    # Within a minute it is written again, all of it.
    wait_until("it is kept again", lambda: daemon.get("/v1/status")["state"]["error"] is None, 130)
    again = restart(scratch, binaries, daemon, text, signal.SIGKILL)
    again.settle()
    assert said(again) == []
    assert len(again.get("/v1/endpoints/orders/history")["certificates"]) >= 1


def test_a_state_directory_that_cannot_be_made_is_a_finding_and_no_end(scratch, binaries):
    server = Postgres(scratch, "orders", scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    with open(os.path.join(scratch.directory, "dbcertd.state"), "w") as f:
        f.write("a file")
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)]))
    assert findings(daemon.settle()["orders"]) == []
    finding = own_findings(daemon)["state-unwritable"]
    assert finding["severity"] == "warning" and "a restart now would forget it" in finding["message"]
    assert daemon.ctl("check").returncode == 1 and "dbcertd itself: warning" in daemon.ctl("check").stdout
    assert daemon.ctl("history", "orders").returncode == 0


# Silences.

def test_a_silence_is_made_shown_logged_and_ends_by_itself(stalled, scratch, binaries):
    server, text, daemon, leaf = stalled
    before = daemon.output()
    made = daemon.ctl("silence", "billing", "--for", "60s" if SANITIZED else "20s", "--reason", "the owner knows, ticket 4711")
    assert made.returncode == 0 and made.stdout.startswith("billing: silenced until ")
    listed = daemon.get("/v1/silences")["silences"]
    assert [(s["subject"], s["finding"], s["reason"], s["author"]) for s in listed] == [
        ("billing", None, "the owner knows, ticket 4711", f"uid {os.geteuid()}")]
    daemon.told(f"silenced until {listed[0]['ends_at']} by uid {os.geteuid()}: billing: everything. Reason: the owner knows, ticket 4711")
    assert daemon.endpoint("billing")["findings"][0]["silenced_until"] == listed[0]["ends_at"]
    assert "  rotation-overdue (silenced)" in daemon.ctl("status").stdout
    assert f"silenced until {listed[0]['ends_at']}" in daemon.ctl("findings").stdout and "silences: 1" in daemon.ctl("status").stdout
    assert "billing" in daemon.ctl("silence").stdout
    assert json.loads(daemon.ctl("--json", "silence").stdout)["silences"] == listed
    # What gets worse meanwhile is not said, and neither is it after a restart.
    worse = scratch.pki.server("worse", host("billing"), ago(340), ago(340 - 365))
    server.serve(worse[0])
    server.reload()
    assert ("rotation-overdue", "critical") in findings(daemon.probe("billing"))
    assert not [line for line in said(daemon, before) if line.startswith("billing (")]
    check = daemon.ctl("check", "billing")
    assert check.returncode == 0, check.stdout
    again = restart(scratch, binaries, daemon, text, signal.SIGKILL)
    again.settle()
    assert [s["id"] for s in again.get("/v1/silences")["silences"]] == [listed[0]["id"]]
    assert not [line for line in said(again) if line.startswith("billing (")]
    assert again.ctl("check", "billing").returncode == 0
    # When it is over, what stands is said as what it has become.
    wait_until("the silence is over", lambda: again.get("/v1/silences")["silences"] == [], 90)
    again.told("the silence is over: billing: everything.")
    wait_until("what stands is said", lambda: "billing (127.0.0.1): rotation-overdue, critical, escalated: " in again.output())
    again.told("billing (127.0.0.1): certificate-expiring, warning: ")
    assert again.ctl("check", "billing").returncode == 2


def test_a_finding_is_silenced_everywhere_and_told_again_when_that_is_ended_by_hand(scratch, binaries):
    text = config(scratch.pki.bundle("rsa2048"), [entry("one", "mysql", closed_port()), entry("two", "mysql", closed_port())])
    daemon = Dbcertd(scratch, binaries, text, wait=True)
    daemon.settle()
    assert daemon.ctl("silence", "unreachable", "--for", "14d", "--reason", "the network is being rebuilt").stdout.startswith("all unreachable: ")
    other = json.loads(daemon.ctl("--json", "silence", "name-mismatch", "--for", "1h", "--reason", "none").stdout)
    assert json.loads(daemon.ctl("--json", "silence", "--end", str(other["id"])).stdout) == {"ended": other["id"]}
    before = daemon.output()
    daemon.write(text.replace('"one"', '"three"'))
    daemon.reload()
    assert {e["findings"][0]["silenced_until"] is not None for e in daemon.settle().values()} == {True}
    assert not [line for line in said(daemon, before) if "unreachable, unknown" in line]
    ended = daemon.ctl("silence", "--end", str(daemon.get("/v1/silences")["silences"][0]["id"]))
    assert ended.returncode == 0
    wait_until("the new one is told", lambda: any(line.startswith("three (127.0.0.1): unreachable, unknown: ") for line in said(daemon, before)))
    assert not any(line.startswith("two (127.0.0.1): unreachable, unknown: ") for line in said(daemon, before))  # it was, before


@pytest.mark.parametrize("words, status, error", [
    (["silence", "nobody", "--for", "1d", "--reason", "x"], 1, 'no endpoint, trust store, bundle or finding is named "nobody"'),
    (["silence", "billing", "no-such", "--for", "1d", "--reason", "x"], 1, 'no finding is named "no-such"'),
    (["silence", "billing", "--for", "9s", "--reason", "x"], 1, 'for: "9s": expected a duration from 10s to 366d'),
    (["silence", "billing", "--for", "2000d", "--reason", "x"], 1, "expected a duration from 10s to 366d"),
    (["silence", "billing", "--for", "1d", "--reason", ""], 1, "reason: expected some words"),
    (["silence", "billing", "--for", "1d"], 2, "a silence has an end and a reason: expected --for 14d --reason TEXT"),
    (["silence", "--for", "1d", "--reason", "x"], 2, "expected the name of an endpoint, or a finding"),
    (["silence", "--end", "99"], 1, 'no silence has the id "99"'),
    (["silence", "--end", "1", "billing"], 2, "--end ends a silence, and takes nothing else"),
    (["status", "--for", "1d"], 2, "--for is for silence, not for status"),
])
def test_what_cannot_be_silenced_is_said(lab, binaries, words, status, error):
    if not getattr(lab, "silenceable", None):
        lab.silenceable = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), [entry("billing", "mysql", closed_port())]))
    done = lab.silenceable.ctl(*words)
    assert (done.returncode, error in done.stderr) == (status, True), done.stderr
    assert lab.silenceable.get("/v1/silences")["silences"] == []


def test_silences_are_for_the_unix_socket_and_for_json(lab, binaries):
    daemon = lab.silenceable
    def post(body):
        out = run("curl", "-sS", "-w", "%{http_code}", "--data-binary", body, "--unix-socket", daemon.socket, "http://localhost/v1/silences")
        return int(out[-3:])
    assert [post(body) for body in ("", "[]", "{", '{"name":"billing","for":1,"reason":"x"}', "\xff", '{"name":"billing","name":"x"}')] == [400] * 6
    assert post('{"name":"billing","for":"1h","reason":"line\\nbreak"}') == 201
    made = daemon.get("/v1/silences")["silences"][0]
    assert made["reason"] == "line\\x0abreak"
    assert daemon.get(f"/v1/silences/{made['id']}", "DELETE") == {"ended": made["id"]}
    out = run("curl", "-sS", "-D", "-", "-o", "/dev/null", "-X", "PUT", "--unix-socket", daemon.socket, "http://localhost/v1/silences")
    assert " 405 " in out and "Allow: GET, POST" in out


# One cause, many endpoints.

@pytest.mark.skipif(not ROOT, reason="needs root for a journal of its own")
def test_an_expired_ca_over_500_endpoints_is_one_alert_with_a_count_and_names(scratch, binaries):
    pki = scratch.pki
    pki.authority("rsa4096", root_days=(2000, -1), subordinate_days=(1900, -1))  # like rds-ca-2019: all end in one second
    chain, _ = pki.server("shared", host("shared"), ago(400), ago(1), kind="rsa4096", send=("sub", "root"))
    web = Nginx(scratch, "shared", pki.directory, {"shared": chain}, pki.server_key)
    names = [f"db{i:03}" for i in range(500)]
    text = config(pki.bundle("rsa4096"), [entry(name, "tls", web.ports["shared"], host=host("shared"), ca="rds-ca-rsa4096-g1", rotation="external")
                                          for name in names]).replace('group_wait = "0s"', 'group_wait = "8s"')
    journal = Journald(scratch).inside
    daemon = Dbcertd(scratch, binaries, text, prefix=journal)
    daemon.settle()
    wait_until("the entries", lambda: journal_entries(journal, "DBCERTD_FINDING=ca-expired", "PRIORITY=6"))
    alert, = journal_entries(journal, "DBCERTD_FINDING=ca-expired", "PRIORITY=2")
    assert alert["DBCERTD_COUNT"] == "500" and len(set(alert["DBCERTD_TRANSITION_ID"].split())) == 500
    # An entry has room for 470 names as fields; a second one, which wakes nobody, has the others.
    others, = journal_entries(journal, "DBCERTD_FINDING=ca-expired", "PRIORITY=6")
    assert alert["DBCERTD_ENDPOINT"] + others["DBCERTD_ENDPOINT"] == names and others["DBCERTD_TRANSITION_ID"] == alert["DBCERTD_TRANSITION_ID"]
    assert others["MESSAGE"] == "db470 to db499: ca-expired, critical, told of 500 endpoints in the entry before, of which these are 30"
    assert alert["MESSAGE"].startswith('500 endpoints: ca-expired, critical, for one cause: the root "Amazon RDS us-east-1 Root CA RSA4096 G1"')
    assert "and 480 more" in alert["MESSAGE"] and alert["PRIORITY"] == "2"
    # The server's own certificate ends with its CA: that is the same cause, and one entry too.
    assert len(journal_entries(journal, "DBCERTD_FINDING=certificate-expired", "PRIORITY=2")) == 1
    assert len(journal_entries(journal, "PRIORITY=2")) == 2 and len(journal_entries(journal, "PRIORITY=4")) <= 2
    # By any of the names, journalctl finds it; the socket has each one's own.
    assert [len(journal_entries(journal, f"DBCERTD_ENDPOINT={name}", "DBCERTD_FINDING=ca-expired")) for name in ("db321", "db469", "db470", "db499")] == [1] * 4
    assert ("ca-expired", "critical") in findings(daemon.endpoint("db321"))
    assert "░░ Subject: " in run(*journal, "journalctl", "-q", "-x", "DBCERTD_FINDING=ca-expired")
    # A restart says none of it again.
    daemon.process.kill()
    daemon.process.wait()
    again = Dbcertd(scratch, binaries, text, prefix=journal)
    again.settle()
    time.sleep(10)
    assert len(journal_entries(journal, "DBCERTD_FINDING=ca-expired")) == 2


@pytest.mark.skipif(not ROOT, reason="needs root for a journal of its own")
def test_what_is_resolved_for_one_cause_is_one_entry_and_each_address_is_counted(scratch, binaries):
    entries_of = [entry(f"db{i}", "postgres", closed_port(), host=host("shared"), addresses=["127.0.0.1", "127.0.0.2"]) for i in range(3)]
    text = config(scratch.pki.bundle("rsa2048"), entries_of).replace('group_wait = "0s"', 'group_wait = "2s"; group_interval = "1s"')
    journal = Journald(scratch).inside
    daemon = Dbcertd(scratch, binaries, text, prefix=journal)
    daemon.settle()
    raised, = wait_until("they are told", lambda: journal_entries(journal, "DBCERTD_FINDING=unreachable"))
    assert raised["MESSAGE"].startswith("6 addresses of 3 endpoints: unreachable, unknown, for one cause: perhaps the network of this host. They are: ")
    assert sorted(raised["DBCERTD_ENDPOINT"]) == ["db0", "db1", "db2"] and raised["DBCERTD_COUNT"] == "3"
    daemon.write(text.replace("db0", "db9").replace("db1", "db8").replace("db2", "db7"))
    daemon.reload()
    resolved, = wait_until("they are resolved", lambda: journal_entries(journal, "DBCERTD_TRANSITION=resolved"))
    assert resolved["MESSAGE"].startswith("6 addresses of 3 endpoints: unreachable resolved, for one cause: ")
    assert " it was: connection refused" in resolved["MESSAGE"] and " Do: " not in resolved["MESSAGE"]


@pytest.mark.skipif(not ROOT, reason="needs root for a journal of its own")
def test_a_few_of_one_cause_are_told_one_by_one(scratch, binaries):
    text = config(scratch.pki.bundle("rsa2048"), [entry(f"db{i}", "mysql", closed_port()) for i in range(4)])
    journal = Journald(scratch).inside
    Dbcertd(scratch, binaries, text, prefix=journal).settle()
    told = wait_until("all are told", lambda: len(journal_entries(journal, "DBCERTD_FINDING=unreachable")) == 4 and journal_entries(journal, "DBCERTD_FINDING=unreachable"))
    assert sorted(t["DBCERTD_ENDPOINT"] for t in told) == ["db0", "db1", "db2", "db3"] and not any("DBCERTD_COUNT" in t for t in told)


@pytest.mark.skipif(not ROOT, reason="needs root for a journal of its own")
def test_what_the_journal_does_not_take_is_kept_through_a_restart_until_it_does(stalled, scratch, binaries):
    server, text, daemon, leaf = stalled
    daemon.stop()
    os.unlink(daemon.state + "/dbcertd.db")
    journal = Journald(scratch)
    os.unlink(daemon.log)
    # The mount namespace is to outlive its journald.
    again = Dbcertd(scratch, binaries, text.replace("billing\"; e", "later\"; e"), prefix=journal.inside)
    again.settle()
    inside = ["nsenter", f"--mount=/proc/{again.process.pid}/ns/mnt"]
    journal.stop(signal.SIGKILL)
    before = again.output()
    again.write(text)
    again.reload()
    assert ("rotation-overdue", "warning") in findings(again.settle()["billing"])
    assert "cannot write to the journal: " in again.output()[len(before):] and "billing (127.0.0.1): rotation-overdue" not in again.output()[len(before):]
    holder = subprocess.Popen([*inside, "sleep", "120"])
    scratch.callback(holder.kill)
    wait_until("it holds the namespace", lambda: os.readlink(f"/proc/{holder.pid}/ns/mnt") == os.readlink(f"/proc/{again.process.pid}/ns/mnt"))
    again.process.kill()
    again.process.wait()
    inside = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt"]
    third = Dbcertd(scratch, binaries, text, prefix=inside)
    third.settle()
    journald = subprocess.Popen([*inside, "/lib/systemd/systemd-journald"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scratch.callback(journald.kill)
    told = wait_until("it is told", lambda: journal_entries(inside, "DBCERTD_ENDPOINT=billing", "DBCERTD_FINDING=rotation-overdue"))
    assert [t["DBCERTD_TRANSITION"] for t in told] == ["raised"]


def test_what_comes_and_goes_is_held(scratch, binaries):
    pki = scratch.pki
    good = pki.server("good", host("orders"), ago(30), ago(30 - 365))[0]
    bad = pki.server("bad", host("nobody"), ago(30), ago(30 - 365))[0]
    server = Postgres(scratch, "orders", good)
    text = config(pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)])
    daemon = Dbcertd(scratch, binaries, text)
    daemon.settle()
    for chain in (bad, good, bad, good, bad, good, bad, good):
        server.serve(chain)
        server.reload()
        daemon.probe("orders")
    daemon.told("It has come and gone 3 times within a day")
    lines = [line for line in said(daemon) if "name-mismatch" in line]
    assert [line.split(" after ")[0].split(": certificate")[0] for line in lines] == [
        "orders (127.0.0.1): name-mismatch, warning", "orders (127.0.0.1): name-mismatch resolved"] * 2 + ["orders (127.0.0.1): name-mismatch, warning"]
    assert ". It has come and gone 3 times within a day, and counts as gone only after hours. Do: " in lines[-1]
    again = restart(scratch, binaries, daemon, text, signal.SIGKILL)
    assert findings(again.settle()["orders"]) == [] and said(again) == []


def test_what_may_pass_is_pending_and_does_not_count(scratch, binaries):
    server = Postgres(scratch, "orders", scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    text = config(scratch.pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)]).replace("unreachable_after = 1", "unreachable_after = 3")
    daemon = Dbcertd(scratch, binaries, text)
    daemon.settle()
    server.stop()
    orders = daemon.probe("orders")
    assert [(f["id"], f["state"]) for f in orders["findings"]] == [("unreachable", "pending")] and orders["severity"] == "ok"
    assert "unreachable  at 127.0.0.1" in daemon.ctl("show", "orders").stdout and "  pending" in daemon.ctl("show", "orders").stdout
    assert daemon.ctl("check", "orders").returncode == 0 and said(daemon) == []
    daemon.probe("orders")
    again = restart(scratch, binaries, daemon, text, signal.SIGKILL)  # the third failure in a row is one after the restart
    orders = again.settle()["orders"]
    assert [(f["id"], f["state"]) for f in orders["findings"]] == [("unreachable", "firing")] and orders["severity"] == "unknown"
    again.told("orders (127.0.0.1): unreachable, unknown: ")
    assert sum("orders (127.0.0.1): unreachable, unknown: " in line for line in said(again)) == 1
