"""The wire against the RDS API: what it says, with real PostgreSQL and MariaDB behind its names, told in a real journal."""

import functools
import time

import pytest

from lab import Journald, Mariadb, Postgres, ago, findings, journal_entries, openssl_facts, run, wait_until, with_names
from discovery import G1, ask_again, needs_root, round_over, settings, source, start

YEAR, THREE_YEARS = 365, 1096


@pytest.fixture
def story(scratch, own_address, binaries, api, imds):
    """A PostgreSQL and a MariaDB behind names of the API, a client that trusts one CA, and a real journald."""
    class Story:
        pass
    s = Story()
    s.lab, s.api, pki = scratch, api, scratch.pki
    s.region = api.region("us-east-1")
    orders, billing = s.region.host("orders"), s.region.host("billing")
    s.old = pki.server("orders", orders, ago(400), ago(400 - THREE_YEARS))
    s.new = pki.server("orders-new", orders, ago(0.1), ago(0.1 - THREE_YEARS), kind="ecc384")
    s.postgres = Postgres(scratch, "orders", s.old[0], address=own_address)
    s.mariadb = Mariadb(scratch, "billing", pki.server("billing", billing, ago(30), ago(30 - YEAR))[0], address=own_address, init="CREATE USER somebody@'%'")
    s.orders = s.region.instance("orders", port=s.postgres.port, version="11.22", till=openssl_facts(s.old[1])["not_after"])
    s.billing = s.region.instance("billing", engine="mariadb", port=s.mariadb.port, version="10.11.6", window="sat:01:00-sat:02:00")
    s.region.version("postgres", "11.22", False, ["rds-ca-rsa2048-g1", "rds-ca-ecc384-g1"])
    s.region.version("mariadb", "10.11.6", True, G1)
    bundle, store = pki.bundle("rsa2048", "ecc384"), pki.bundle("rsa2048")
    inside = Journald(scratch).inside
    s.journald = inside
    stores = f'trust_stores = ( {{ name = "client"; path = "{store}"; endpoints = [ "orders.us-east-1" ]; }} );'
    s.settings = settings(source(api), bundle=bundle, more=stores)
    s.daemon = start(scratch, binaries, s.settings, imds, prefix=with_names(scratch, [orders, billing], inside, own_address))
    round_over(s.daemon)
    s.entries = functools.partial(journal_entries, inside)
    s.found = lambda name="orders": findings(s.daemon.endpoint(name + ".us-east-1"))
    return s


@needs_root
def test_a_change_of_ca_that_waits_for_its_restart_from_the_api_through_the_wire_to_the_journal(story):
    s = story
    wait_until("both are seen", lambda: s.daemon.endpoint("billing.us-east-1")["served_ca"] and s.daemon.endpoint("orders.us-east-1")["served_ca"])
    e = s.daemon.endpoint("orders.us-east-1")
    assert s.found() == [] and s.found("billing") == []
    # Class and maintenance window come from the API.
    assert (e["rotation"]["class"], e["rotation"]["source"], e["served_ca"]) == ("restart", "api", "rds-ca-rsa2048-g1")
    b = s.daemon.endpoint("billing.us-east-1")
    assert (b["rotation"]["class"], b["rotation"]["source"]) == ("online", "api") and b["rotation"]["expected_by"].endswith("T02:00:00Z")
    # 1. Somebody changes the CA, for the next maintenance window: the client's store lacks it.
    s.orders["PendingModifiedValues"] = {"CACertificateIdentifier": "rds-ca-ecc384-g1"}
    ask_again(s.daemon)
    wait_until("scheduled", lambda: s.found() == [("maintenance-scheduled", "notice")])
    scheduled = s.entries("DBCERTD_FINDING=maintenance-scheduled")[0]
    assert "its CA is to become rds-ca-ecc384-g1 in the next maintenance window sun:05:00-sun:06:00, which ends at 20" in scheduled["MESSAGE"]
    lacks = wait_until("the store", lambda: s.entries("DBCERTD_FINDING=trust-store-lacks-ca"))[0]
    assert "refuse rds-ca-ecc384-g1 in us-east-1, which is configured for orders.us-east-1" in lacks["MESSAGE"] and lacks["PRIORITY"] == "4"
    shown = s.daemon.ctl("show", "orders.us-east-1").stdout
    assert "  RDS says        instance orders, " in shown and "\n                  to become rds-ca-ecc384-g1\n" in shown
    plan = s.daemon.ctl("plan", "rds-ca-ecc384-g1").stdout
    assert "orders.us-east-1: RDS changes it in its next maintenance window" in plan
    assert "aws rds modify-db-instance --db-instance-identifier billing --ca-certificate-identifier rds-ca-ecc384-g1 --region us-east-1" in plan
    assert "restart: no (class online, by api)" in plan and "set ca = " not in plan
    # 2. RDS has done it without a restart: the API says the new one, the wire the old one.
    s.orders["PendingModifiedValues"] = {}
    s.orders["CACertificateIdentifier"] = s.orders["CertificateDetails"]["CAIdentifier"] = "rds-ca-ecc384-g1"
    s.orders["CertificateDetails"]["ValidTill"] = openssl_facts(s.new[1])["not_after"]
    ask_again(s.daemon)
    wait_until("it waits for a while", lambda: [f["id"] for f in s.daemon.endpoint("orders.us-east-1")["findings"]] == ["restart-pending"])
    assert s.found() == [] and s.entries("DBCERTD_FINDING=restart-pending") == []  # it may be a change on its way
    wait_until("and is told", lambda: s.found() == [("restart-pending", "warning")])
    told = wait_until("in the journal", lambda: s.entries("DBCERTD_FINDING=restart-pending"))[0]
    assert told["PRIORITY"] == "4" and told["DBCERTD_ENDPOINT"] == "orders.us-east-1" and told["DBCERTD_CONFIGURED_CA"] == "rds-ca-ecc384-g1"
    old, new = openssl_facts(s.old[1]), openssl_facts(s.new[1])
    assert f"the RDS API says that it has a certificate of rds-ca-ecc384-g1 valid to {new['not_after']}" in told["MESSAGE"]
    assert f"certificate {old['serial']} (rds-ca-rsa2048-g1, valid " in told["MESSAGE"] and "is still served: the new one waits for a restart" in told["MESSAGE"]
    assert told["DBCERTD_REMEDY"] == "aws rds reboot-db-instance --db-instance-identifier orders --region us-east-1"
    assert told["DBCERTD_DUE"] == old["not_after"]
    assert "waits for a restart" in run(*s.journald, "journalctl", "-q", "-x", "DBCERTD_FINDING=restart-pending")
    assert s.entries("DBCERTD_FINDING=ca-mismatch") == []
    plan = s.daemon.ctl("plan", "rds-ca-ecc384-g1").stdout
    assert "aws rds reboot-db-instance --db-instance-identifier orders --region us-east-1" in plan and "restart: yes: that is what it waits for" in plan
    # 3. The restart.
    s.postgres.serve(s.new[0])
    s.postgres.reload()
    assert findings(s.daemon.probe("orders.us-east-1")) == []
    wait_until("resolved", lambda: [t["DBCERTD_TRANSITION"] for t in s.entries("DBCERTD_FINDING=restart-pending")] == ["raised", "resolved"])
    assert "rds-ca-ecc384-g1" in s.entries("DBCERTD_FINDING=ca-changed")[0]["MESSAGE"]
    wait_until("clients are cut off", lambda: s.entries("DBCERTD_FINDING=trust-store-lacks-ca")[-1]["PRIORITY"] == "2")
    # Rounds later nothing has come of it.
    time.sleep(11)
    ask_again(s.daemon)
    assert findings(s.daemon.probe("orders.us-east-1")) == [] and s.entries("DBCERTD_FINDING=ca-mismatch") == []


@needs_root
def test_maintenance_a_ca_that_is_not_offered_one_that_differs_and_a_stopped_instance(story):
    s = story
    s.orders["CertificateDetails"] = None
    wait_until("both are seen", lambda: s.daemon.endpoint("billing.us-east-1")["served_ca"] and s.daemon.endpoint("orders.us-east-1")["served_ca"])
    action = s.region.maintenance(s.orders["DBInstanceArn"], auto="2027-01-03T05:00:00Z", forced="2027-03-01T00:00:00Z", current="2027-01-03T05:00:00Z")
    s.billing["PendingModifiedValues"] = {"CACertificateIdentifier": "rds-ca-rsa8192-g3"}
    ask_again(s.daemon)
    wait_until(lambda: s.found("billing"), lambda: ("ca-not-offered", "warning") in s.found("billing"))
    assert s.found() == [("maintenance-scheduled", "notice")]
    scheduled = s.daemon.endpoint("orders.us-east-1")["findings"][0]
    assert scheduled["due"] == "2027-01-03T05:00:00Z" and "forced at 2027-03-01T00:00:00Z" in scheduled["message"]
    assert scheduled["steps"][0]["run"] == "aws rds describe-pending-maintenance-actions --filters Name=db-instance-id,Values=orders --region us-east-1"
    offered = next(f for f in s.daemon.endpoint("billing.us-east-1")["findings"] if f["id"] == "ca-not-offered")
    assert "the RDS API says that mariadb 10.11.6 in us-east-1 can have " + ", ".join(G1) + " alone" in offered["message"]
    # The API's CA is another one, and nothing says that it is newer: after a while that is a mismatch.
    s.region.pending.remove(action)
    s.billing["PendingModifiedValues"] = {}
    s.billing["CACertificateIdentifier"] = "rds-ca-rsa4096-g1"
    ask_again(s.daemon)
    wait_until("pending", lambda: [f["state"] for f in s.daemon.endpoint("billing.us-east-1")["findings"]] == ["pending"])
    wait_until("told", lambda: s.found("billing") == [("ca-mismatch", "warning")])
    mismatch = s.daemon.endpoint("billing.us-east-1")["findings"][0]
    assert mismatch["message"].startswith("the RDS API says that its CA is rds-ca-rsa4096-g1, but certificate ")
    # Where the wire shows a change first, and the API follows, nothing is told but the change.
    s.postgres.serve(s.new[0])
    s.postgres.reload()
    e = s.daemon.probe("orders.us-east-1")
    assert [(f["id"], f["state"]) for f in e["findings"]] == [("ca-mismatch", "pending")]
    s.orders["CACertificateIdentifier"] = "rds-ca-ecc384-g1"
    # One that RDS says is stopped answers nobody for good reasons; one that is not, does not.
    s.billing["CACertificateIdentifier"] = "rds-ca-rsa2048-g1"
    s.billing["DBInstanceStatus"] = "stopped"
    ask_again(s.daemon)
    assert s.daemon.endpoint("billing.us-east-1")["rds"]["status"] == "stopped"
    s.mariadb.stop()
    stopped = s.daemon.probe("billing.us-east-1")["findings"]
    assert [(f["id"], f["state"]) for f in stopped] == [("unreachable", "pending")] and "RDS says that it is stopped" in stopped[0]["message"]
    s.billing["DBInstanceStatus"] = "available"
    ask_again(s.daemon)
    wait_until("that is another matter", lambda: s.found("billing") == [("unreachable", "unknown")])
    assert s.entries("DBCERTD_FINDING=unreachable")[0]["DBCERTD_ENDPOINT"] == "billing.us-east-1"
    assert {t["DBCERTD_ENDPOINT"] for t in s.entries("DBCERTD_FINDING=ca-mismatch")} == {"billing.us-east-1"}
    assert len(s.entries("DBCERTD_FINDING=ca-changed")) == 1
