"""A reload is all or nothing: whatever of it fails, the configuration in force goes on with everything that it had."""

import functools
import http.server
import os
import shutil
import struct
import threading

import pytest

import rds
from lab import Dbcertd, Postgres, ago, entry, findings, free_port, host, wait_until

MODULE = os.environ.get("DBCERTD_SOURCES_MODULE")
pytestmark = pytest.mark.skipif(not MODULE, reason="the sanitizers want to be loaded first")


class Sources:
    """How many event sources can be added before one cannot."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "sources")
        self.succeed(-1)

    def succeed(self, n):
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as f:
            f.write(struct.pack("<i", n))

    def left(self):
        with open(self.path, "rb") as f:
            return struct.unpack("<i", f.read())[0]

    def environment(self):
        return {"LD_PRELOAD": MODULE, "DBCERTD_TEST_SOURCES": self.path}


def everything(daemon):
    """What is monitored and found."""
    trust = daemon.get("/v1/trust")
    return {
        "endpoints": [(e["name"], e["served_ca"], findings(e)) for e in daemon.get("/v1/endpoints")["endpoints"]],
        "trust stores": [(s["name"], s["certificates"], findings(s)) for s in trust["trust_stores"]],
        "bundles": [(b["url"], b["certificates"], b["answered_at"], findings(b)) for b in trust["bundles"]],
        "sources": [(s["name"], s["named"], s["discovered"], s["answered_at"]) for s in daemon.get("/v1/rds")["sources"]],
    }


class Site:
    """A directory over HTTP."""

    def __init__(self, directory):
        handler = functools.partial(QuietHandler, directory=directory)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_reload_failing_at_any_event_source_leaves_everything(scratch, binaries):
    chain = scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))
    postgres = Postgres(scratch, "one", chain[0])
    store = os.path.join(scratch.directory, "billing.pem")
    shutil.copy(scratch.pki.bundle("ecc384"), store)
    site, api = Site(os.path.dirname(scratch.pki.bundle("rsa4096"))), rds.RdsApi()
    for server in site, api:
        scratch.callback(server.stop)
    api.region("us-east-1").instance("ledger", port=free_port())
    imds = rds.Imds(api.grant("ASIAINSTANCE1", "instance/secret+1", "instance//token+1=="))
    scratch.callback(imds.stop)
    url = f"http://127.0.0.1:{site.server.server_port}/{os.path.basename(scratch.pki.bundle('rsa4096'))}"
    text = (f'trust = {{ bundles = [ "{scratch.pki.bundle("rsa2048")}" ]; fetch = [ "{url}" ]; fetch_http = true; }};\n'
            f'trust_stores = ( {{ name = "billing"; path = "{store}"; }} );\n'
            f'rds = ( {{ region = "us-east-1"; endpoint_url = "{api.url}"; interval = "1h"; }} );\n'
            f'alerts = {{ unreachable_after = 1; group_wait = "0s"; }};\n'
            f'endpoints = ( {entry("orders", "postgres", postgres.port)} );\n')
    sources = Sources(scratch.directory)
    daemon = Dbcertd(scratch, binaries, text, env={**sources.environment(), "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url})
    wait_until(lambda: f"all is known: {everything(daemon)}", lambda: daemon.settle() and all(everything(daemon).values()) and
               ("trust-store-lacks-ca", "critical") in findings(daemon.get("/v1/trust")["trust_stores"][0]) and
               daemon.get("/v1/rds")["sources"][0]["answered_at"] and daemon.get("/v1/trust")["bundles"][0]["answered_at"])
    before = everything(daemon)
    assert [e[0] for e in before["endpoints"]] == ["orders", "ledger.us-east-1"]
    n_asked, n_failed = len(api.asked()), 0
    while True:
        sources.succeed(n_failed)
        daemon.reload()
        if not daemon.get("/v1/status")["reload_error"]:
            break
        n_failed += 1
        assert everything(daemon) == before and len(api.asked()) == n_asked, n_failed
    assert n_failed >= 5 and daemon.output().count("Cannot allocate memory") >= n_failed
    sources.succeed(-1)
    daemon.reload()  # the one that succeeded may have left a number over for what it began
    wait_until("now the API is asked again", lambda: len(api.asked()) > n_asked)
    wait_until("all is as before", lambda: {**everything(daemon), "bundles": 0, "sources": 0} == {**before, "bundles": 0, "sources": 0})
    # What goes on is not a copy: a store that changes is read.
    for succeed in 0, -1:
        sources.succeed(succeed)
        daemon.reload()
    shutil.copy(scratch.pki.bundle("rsa2048"), store)
    wait_until("the store is read", lambda: not findings(daemon.get("/v1/trust")["trust_stores"][0]))
