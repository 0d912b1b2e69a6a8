"""dbcertd as it asks the stand-in of the RDS API: its configuration, and what it says of a source."""

import json
import os

import pytest

from lab import Dbcertd, free_port, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace")
G1 = ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"]


def source(api, region="us-east-1", **keys):
    keys = {"region": region, "endpoint_url": api.url, "interval": "10s", **keys}
    return "{ " + " ".join(f"{key} = {json.dumps(value)};" for key, value in keys.items() if value is not None) + " }"


def settings(*sources, entries=(), bundle=None, more=""):
    trust = f'trust = {{ bundles = [ "{bundle}" ]; }};\n' if bundle else ""
    return (f'{trust}alerts = {{ unreachable_after = 1; group_wait = "0s"; }};\n{more}\nrds = ( {", ".join(sources)} );\n'
            f'endpoints = ( {", ".join(entries)} );\n')


def start(lab, binaries, text, imds=None, name="dbcertd", env=None, **options):
    env = {**({"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url} if imds else {}), **(env or {})}
    return Dbcertd(lab, binaries, text, name=name, env=env, **options)


def said(daemon, n=0):
    return daemon.get("/v1/rds")["sources"][n]


def round_over(daemon, n=0, seconds=60):
    """The source, once a round of this run is over, one way or the other."""
    return wait_until(lambda: f"a round is over: {said(daemon, n)}", lambda: (said(daemon, n)["answered_at"] or said(daemon, n)["error"]) and
                      said(daemon, n), seconds)


def ask_again(daemon, n=0, seconds=60):
    daemon.reload()
    return round_over(daemon, n, seconds)


def names(daemon):
    return [e["name"] for e in daemon.get("/v1/endpoints")["endpoints"]]


def of_source(daemon, n=0):
    return [(f["id"], f["severity"], f["state"]) for f in said(daemon, n)["findings"]]


def closed(region, *identifiers, **keys):
    """Instances at a port where nobody listens."""
    port = free_port()
    return [region.instance(i, port=port, **keys) for i in identifiers]
