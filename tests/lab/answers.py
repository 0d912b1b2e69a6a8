"""What dbcertd said: findings, journal entries."""

import json

from lab.base import run


def findings(endpoint):
    return [(f["id"], f["severity"]) for f in endpoint["findings"] if f["state"] != "pending"]


def own_findings(daemon):
    return {f["id"]: f for f in daemon.get("/v1/findings")["findings"] if f.get("daemon") == "dbcertd"}


def said(daemon, since=""):
    """The lines about endpoints and stores, without the daemon's own."""
    text = daemon.output()[len(since):]
    return [line for line in text.splitlines() if ": " in line and not line.startswith(("dbcertd ", "configuration", "stopping", "another "))]


def journal_entries(journald, *matches):
    run(*journald, "journalctl", "--sync", check=False)
    out = run(*journald, "journalctl", "-q", "-o", "json", "--all", "-t", "dbcertd", *matches)
    return [json.loads(line) for line in out.splitlines()]
