"""A real journald of our own: every alert is read back with its fields, and explained by its catalog entry."""

import os
import time

import pytest

from lab import DAY, Dbcertd, Journald, Postgres, ago, closed_port, config, entry, findings, host, journal_entries, openssl_facts, run, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace")

@pytest.fixture(scope="module")
def journald(lab):
    return Journald(lab).inside


@pytest.fixture(scope="module")
def story(lab, binaries, journald):
    """A certificate that comes within 7 days of its end while it is watched, and is then replaced."""
    end = int(time.time()) + 7 * DAY + 9
    ending = lab.pki.server("ending", host("orders"), end - 365 * DAY, end)
    fresh = lab.pki.server("fresh", host("orders"), ago(0.1), ago(0.1 - 365))
    server = Postgres(lab, "orders", ending[0])
    daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), [
        entry("orders", "postgres", server.port, maintenance_window="sun:05:00-sun:06:00"),
        entry("refusing", "mysql", closed_port())]), prefix=journald)
    assert findings(daemon.settle()["orders"]) == [("rotation-overdue", "critical"), ("certificate-expiring", "warning")]
    for _ in range(3):
        daemon.probe("orders")  # nothing new: nothing may be said
    wait_until("the escalation", lambda: ("certificate-expiring", "critical") in findings(daemon.endpoint("orders")))
    server.serve(fresh[0])
    server.reload()
    assert findings(daemon.probe("orders")) == []
    return ending[1], fresh[1], daemon


def test_each_transition_is_one_entry_in_order(story, journald):
    said = [(e["DBCERTD_FINDING"], e["DBCERTD_TRANSITION"], e["DBCERTD_SEVERITY"], e["PRIORITY"])
            for e in journal_entries(journald, "DBCERTD_ENDPOINT=orders")]
    assert said[:2] == [("rotation-overdue", "raised", "critical", "2"), ("certificate-expiring", "raised", "warning", "4")]
    assert said[2] == ("certificate-expiring", "escalated", "critical", "2")
    assert said[3] == ("rotated", "raised", "notice", "5")
    assert sorted(said[4:]) == [("certificate-expiring", "resolved", "critical", "5"), ("rotation-overdue", "resolved", "critical", "5")]


def test_a_rotation_is_an_event_with_both_certificates(story, journald):
    ending, fresh = openssl_facts(story[0]), openssl_facts(story[1])
    event = journal_entries(journald, "DBCERTD_FINDING=rotated")[0]
    assert event["MESSAGE"].startswith(f"orders (127.0.0.1): rotated, notice: certificate {ending['serial']} (rds-ca-rsa2048-g1, valid ")
    assert f" was replaced by certificate {fresh['serial']} (" in event["MESSAGE"] and ", late; the key is the same; " in event["MESSAGE"]
    assert (event["DBCERTD_FINGERPRINT"], event["DBCERTD_NOT_AFTER"]) == (fresh["sha256"], fresh["not_after"])
    assert "Subject: orders: the certificate was rotated" in run(*journald, "journalctl", "-q", "-x", "DBCERTD_FINDING=rotated")


def test_a_change_of_ca_and_an_older_certificate_are_events_and_a_server_that_makes_its_own_is_none(scratch, binaries):
    pki = scratch.pki
    first = pki.server("first", host("db"), ago(40), ago(40 - 365))[0]
    second = pki.server("second", host("db"), ago(1), ago(1 - 365), kind="ecc384")[0]
    server = Postgres(scratch, "db", first)
    daemon = Dbcertd(scratch, binaries, config(pki.bundle("rsa2048", "ecc384"), [entry("db", "postgres", server.port, ca=None)]))
    daemon.settle()

    def serve(chain):
        before = daemon.output()
        server.serve(chain)
        server.reload()
        daemon.probe("db")
        return daemon.output()[len(before):]
    said = serve(second)
    assert "db (127.0.0.1): ca-changed, notice: certificate " in said and "(rds-ca-ecc384-g1, valid " in said
    assert ". Do: dbcertctl trust\n" in said
    third = pki.server("third", host("db"), ago(0.5), ago(0.5 - 365), kind="ecc384")[0]
    assert "db (127.0.0.1): rotated-early, notice: " in serve(third)
    assert "db (127.0.0.1): rotated-back, warning: " in serve(second)
    assert serve(third) == ""  # a second time within a day is not said
    own = [pki.self_signed(f"own-{days}", host("db"), ago(days), ago(days - 365))[0] for days in (20, 10)]
    serve(own[0])
    assert not [word for word in ("rotated", "ca-changed") if word in serve(own[1])]
    assert serve(own[1]) == ""


def test_an_entry_has_the_fields_of_the_contract(story, journald):
    ending = openssl_facts(story[0])
    first = journal_entries(journald, "DBCERTD_ENDPOINT=orders", "DBCERTD_FINDING=rotation-overdue")[0]
    assert {key: first.get(key) for key in first if key.startswith("DBCERTD_") and key not in ("DBCERTD_REMEDY", "DBCERTD_TRANSITION_ID")} == {
        "DBCERTD_ENDPOINT": "orders", "DBCERTD_ADDRESS": "127.0.0.1", "DBCERTD_ENGINE": "postgres",
        "DBCERTD_FINDING": "rotation-overdue", "DBCERTD_SEVERITY": "critical", "DBCERTD_TRANSITION": "raised",
        "DBCERTD_CA": "rds-ca-rsa2048-g1", "DBCERTD_CONFIGURED_CA": "rds-ca-rsa2048-g1",
        "DBCERTD_NOT_AFTER": ending["not_after"], "DBCERTD_FINGERPRINT": ending["sha256"], "DBCERTD_DUE": ending["not_after"]}
    assert first["DBCERTD_REMEDY"].startswith("aws rds modify-db-instance --db-instance-identifier orders ")
    assert first["SYSLOG_IDENTIFIER"] == "dbcertd"
    assert first["MESSAGE"].startswith(f"orders (127.0.0.1): rotation-overdue, critical: certificate {ending['serial']} (")


def test_what_was_never_seen_leaves_its_fields_out(story, journald):
    entry = journal_entries(journald, "DBCERTD_ENDPOINT=refusing")[0]
    assert (entry["DBCERTD_FINDING"], entry["DBCERTD_SEVERITY"], entry["PRIORITY"]) == ("unreachable", "unknown", "4")
    assert "DBCERTD_FINGERPRINT" not in entry and "DBCERTD_NOT_AFTER" not in entry and "DBCERTD_DUE" not in entry


@pytest.mark.parametrize("finding, words", [
    ("rotation-overdue", "the rotation of the certificate has stalled"),
    ("certificate-expiring", "the certificate ends soon"),
    ("unreachable", "cannot be reached"),
])
def test_journalctl_x_explains_it_with_what_to_do(story, journald, finding, words):
    out = run(*journald, "journalctl", "-q", "-x", "-t", "dbcertd", "DBCERTD_FINDING=" + finding)
    subject = next(line for line in out.splitlines() if line.startswith("░░ Subject:"))
    assert words in subject and ("orders" in subject or "refusing" in subject)
    assert "░░ Documentation: man:dbcertd-findings(7)" in out and "@DBCERTD" not in out


def test_the_daemon_itself_is_in_the_journal(lab, binaries, journald):
    """Where standard error is the journal, as under systemd: one entry each, with MESSAGE_ID and no echo."""
    text = config(lab.pki.bundle("rsa2048"), [entry("alone", "postgres", closed_port())])
    daemon = Dbcertd(lab, binaries, text, name="streamed", prefix=[
        *journald, "systemd-cat", "-t", "stream", "sh", "-c", 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/$$/fd/2) exec "$@"', "-"])
    daemon.settle()
    assert daemon.stop() == 0
    messages = [e["MESSAGE"] for e in journal_entries(journald, f"_PID={daemon.process.pid}")]
    assert sum("watches 1 endpoints" in m for m in messages) == 1
    assert sum("alone (127.0.0.1): unreachable" in m for m in messages) == 1
    assert sum("stopping" in m for m in messages) == 1
    out = run(*journald, "journalctl", "-q", "-x", f"_PID={daemon.process.pid}")
    assert "░░ Subject: dbcertd has started" in out and "░░ Subject: dbcertd is stopping" in out
    assert run(*journald, "journalctl", "-q", "-t", "stream") == ""
