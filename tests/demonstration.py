"""The second half of tests/demo. Run that."""

import os
import shlex
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "standins"))
import pictures  # noqa: E402
import rds  # noqa: E402
from lab import (Dbcertd, Journald, Lab, Mariadb, Openssl, Postgres, ago, closed_port, config, entry, host, openssl_facts, run,
                 wait_until)  # noqa: E402

binaries, keep = os.path.abspath(sys.argv[1]), "--keep" in sys.argv
WINDOW = "sun:05:00-sun:06:00"


def say(text):
    print(f"\n== {text}", flush=True)


def show(daemon, *words):
    say("dbcertctl " + shlex.join(words))
    print(daemon.ctl(*words).stdout.rstrip(), flush=True)


def trust_store(lab):
    """What a client on this host verifies with: only one of the two roots that are served."""
    root = lab.pki.authority("rsa2048")[0]
    if not shutil.which("keytool"):
        return root
    say("A client's trust store, made by keytool")
    path = os.path.join(lab.directory, "reports.p12")
    run("keytool", "-importcert", "-noprompt", "-keystore", path, "-storepass", "changeit", "-alias", "rds-ca-rsa2048-g1", "-file", root)
    print(run("keytool", "-list", "-keystore", path, "-storepass", "changeit").strip())
    return path


def start(lab):
    say("A certificate hierarchy as RDS has it")
    pki = lab.pki
    fresh = pki.server("orders", host("orders"), ago(30), ago(30 - 365), send=("sub", "root"))
    stalled = pki.server("billing", host("billing"), ago(230), ago(230 - 365))
    other_ca = pki.server("shop", host("shop"), ago(30), ago(30 - 365), kind="ecc384")
    ledger = pki.server("ledger", host("ledger"), ago(400), ago(400 - 1096))
    misnamed = pki.server("users", host("members"), ago(30), ago(30 - 365))
    bundle = pki.bundle("rsa2048", "ecc384")
    for path in (pki.authority()[0], pki.authority()[1], fresh[1]):
        print(run("openssl", "x509", "-in", path, "-noout", "-subject", "-nameopt", "RFC2253").strip())

    say("Private servers: PostgreSQL for orders and shop, MariaDB for billing and users, an OpenSSL as old as many an Oracle\n"
        "   for ledger; nobody listens for legacy. Does shop insist on TLS?")
    billing = Mariadb(lab, "billing", stalled[0])
    entries = [entry("orders", "postgres", Postgres(lab, "orders", fresh[0]).port, maintenance_window=WINDOW),
               entry("billing", "mariadb", billing.port, maintenance_window=WINDOW),
               entry("shop", "postgres", Postgres(lab, "shop", other_ca[0]).port, maintenance_window=WINDOW, check_plaintext=True),
               entry("users", "mariadb", Mariadb(lab, "users", misnamed[0]).port, maintenance_window=WINDOW),
               entry("ledger", "oracle-se2-cdb",
                     Openssl(lab, "ledger", ledger[0], "-tls1", "-cipher", "AES256-SHA:@SECLEVEL=0").port),
               entry("legacy", "mysql", closed_port())]
    store = trust_store(lab)
    text = config(bundle, entries, f'trust_stores = ( {{ name = "reports"; path = "{store}"; password_credential = "reports-store"; }} );')
    print(text.rstrip())

    say("dbcertd --config ...")
    journal = Journald(lab).inside if os.geteuid() == 0 else []
    daemon = Dbcertd(lab, binaries, text, prefix=journal, env=lab.credential("reports-store", "changeit"))
    daemon.settle()
    return daemon, journal, billing


def rotate(lab, daemon, billing):
    """What RDS would have done in the window."""
    say("billing is rotated at last")
    billing.serve(lab.pki.server("rotated", host("billing"), ago(0.1), ago(0.1 - 365))[0])
    billing.sql("FLUSH SSL")
    before = len(daemon.output())
    daemon.probe("billing")
    print(daemon.output()[before:].rstrip(), flush=True)


def remember(lab, daemon, journal):
    """What it knows outlives it."""
    show(daemon, "history", "billing")
    show(daemon, "silence", "users", "name-mismatch", "--for", "14d", "--reason", "they move to the right name, ticket 4711")
    say("kill -9, and started again: what was said is not said again")
    daemon.process.kill()
    daemon.process.wait()
    before = len(daemon.output())
    daemon = Dbcertd(lab, binaries, daemon.text, prefix=journal, env=lab.credential("reports-store", "changeit"))
    daemon.settle()
    print(daemon.output()[before:].rstrip(), flush=True)
    show(daemon, "silence")
    show(daemon, "history", "billing")
    return daemon


def ask_rds(lab, journal):
    """The RDS API's word beside the configuration, and a change of CA that waits for its restart."""
    api = rds.RdsApi()
    keys = api.grant("ASIADEMONSTRATION", "a/secret", "a/token")
    imds = rds.Imds(keys)
    lab.callback(api.stop)
    lab.callback(imds.stop)
    region = api.region("us-east-1")
    names = [region.host(name) for name in ("accounts", "reports")]
    old = lab.pki.server("accounts", names[0], ago(400), ago(400 - 1096))
    new = lab.pki.server("accounts-new", names[0], ago(0.1), ago(0.1 - 1096), kind="ecc384")
    server = Postgres(lab, "accounts", old[0])
    accounts = region.instance("accounts", port=server.port, version="11.22", till=openssl_facts(old[1])["not_after"])
    region.instance("reports", port=Postgres(lab, "reports", lab.pki.server("reports", names[1], ago(30), ago(30 - 365))[0]).port)
    region.instance("warehouse", engine="oracle-ee", port=1521, version="19.0.0")
    region.version("postgres", "11.22", False, ["rds-ca-rsa2048-g1", "rds-ca-ecc384-g1"])
    region.version("postgres", "16.4", True, ["rds-ca-rsa2048-g1", "rds-ca-ecc384-g1"])

    say("RDS is asked (a stand-in of its API, which recomputes every signature) which endpoints there are")
    # On loopback, where dbcertd probes what the configuration alone names.
    entries = [entry(i["DBInstanceIdentifier"], "postgres", i["Endpoint"]["Port"], host=i["Endpoint"]["Address"], ca=None)
               for i in region.instances[:2]]
    text = config(lab.pki.bundle("rsa2048", "ecc384"), entries, f'rds = ( {{ region = "us-east-1"; interval = "10s"; endpoint_url = "{api.url}"; }} );')
    print(text.rstrip())
    daemon = Dbcertd(lab, binaries, text, name="discovering", prefix=journal or (),
                     env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url})
    wait_until("both are seen", lambda: len([e for e in daemon.get("/v1/endpoints")["endpoints"] if e["served_ca"]]) == 2)
    show(daemon, "rds")
    show(daemon, "status")

    say("accounts gets another CA without a restart: RDS says the new one, the wire serves the old one")
    accounts["CACertificateIdentifier"] = accounts["CertificateDetails"]["CAIdentifier"] = "rds-ca-ecc384-g1"
    accounts["CertificateDetails"]["ValidTill"] = openssl_facts(new[1])["not_after"]
    before = len(daemon.output())
    wait_until("it is told", lambda: "restart-pending, warning" in daemon.output(), 120)
    print(daemon.output()[before:].rstrip(), flush=True)
    show(daemon, "show", "accounts")
    show(daemon, "plan", "rds-ca-ecc384-g1")

    say("accounts is restarted")
    server.serve(new[0])
    server.reload()
    before = len(daemon.output())
    daemon.probe("accounts")
    print(daemon.output()[before:].rstrip(), flush=True)
    if journal:
        say("journalctl -t dbcertd DBCERTD_FINDING=restart-pending -x")
        run(*journal, "journalctl", "--sync", check=False)
        print(run(*journal, "journalctl", "-q", "-t", "dbcertd", "DBCERTD_FINDING=restart-pending", "-x").rstrip())


def look(daemon, journal):
    show(daemon, "status")
    show(daemon, "show", "billing")
    show(daemon, "findings")
    show(daemon, "check")
    show(daemon, "forecast")
    show(daemon, "trust")
    show(daemon, "authorities")
    show(daemon, "plan", "rds-ca-ecc384-g1")
    endpoints = daemon.get("/v1/endpoints")["endpoints"]
    show(daemon, "scan", *[f"{e['engine']}://127.0.0.1:{e['port']}?verify_name={e['host']}" for e in endpoints[:5]])
    if journal:
        say("journalctl -t dbcertd DBCERTD_ENDPOINT=billing -x")
        run(*journal, "journalctl", "--sync", check=False)
        print(run(*journal, "journalctl", "-q", "-t", "dbcertd", "DBCERTD_ENDPOINT=billing", "-x").rstrip())
        say("journalctl -t dbcertd DBCERTD_TRUST_STORE=reports -x")
        print(run(*journal, "journalctl", "-q", "-t", "dbcertd", "DBCERTD_TRUST_STORE=reports", "-x").rstrip())
        say("journalctl -t dbcertd DBCERTD_ENDPOINT=billing -o verbose")
        out = run(*journal, "journalctl", "-q", "-t", "dbcertd", "DBCERTD_ENDPOINT=billing", "-o", "verbose")
        print("\n".join(line for line in out.splitlines() if line.startswith(("    DBCERTD_", "    MESSAGE_ID", "    PRIORITY"))))
    else:
        say("What the journal would have got (a private journald needs root)")
        print(daemon.output().rstrip())


def leave_running(lab, daemon, journal):
    pids = [p.process.pid for p in lab.processes]
    stop = os.path.join(lab.directory, "stop")
    with open(stop, "w") as f:
        f.write(f"#!/bin/sh\nkill {' '.join(map(str, reversed(pids)))}\nsleep 3\nrm -rf {lab.directory}\n")
    os.chmod(stop, 0o755)
    say("Left running")
    print(f"look:    {binaries}/dbcertctl --socket {daemon.socket} status\n"
          f"         curl --unix-socket {daemon.socket} http://localhost/v1/endpoints/billing")
    if journal:
        print(f"         {' '.join(journal)} journalctl -t dbcertd -x")
    print(f"change:  {daemon.config}, then kill -HUP {daemon.process.pid}\nstop:    {stop}")
    lab.pop_all()  # nothing is stopped at the end


with Lab() as lab:
    daemon, journal, billing = start(lab)
    look(daemon, journal)
    if "--pictures" in sys.argv:
        pictures.take(lab, daemon, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../docs"))
    rotate(lab, daemon, billing)
    daemon = remember(lab, daemon, journal)
    ask_rds(lab, journal)
    if keep:
        leave_running(lab, daemon, journal)
    else:
        say("Stopped everything")
