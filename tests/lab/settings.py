"""dbcertd's configuration, and what surrounds it: names, trusted roots, files that it sees."""

import json
import os

from lab.base import host


def entry(name, engine, port, **keys):
    """One endpoint of a configuration: in the shape of RDS's names, but on loopback. None leaves a key out."""
    keys = {"host": host(name), "addresses": ["127.0.0.1"], "ca": "rds-ca-rsa2048-g1", **keys}
    keys.setdefault("loopback", True if keys["addresses"] else None)  # where a name leads is for each test to say
    text = "".join(f" {key} = {json.dumps(value)};" for key, value in keys.items() if value is not None)
    return f'{{ name = "{name}"; engine = "{engine}"; port = {port};{text} }}'


def config(bundle, entries, more=""):
    lines = ",\n  ".join(entries)
    return (f'trust = {{ bundles = [ "{bundle}" ]; }};\nalerts = {{ unreachable_after = 1; group_wait = "0s"; }};\n{more}\n'
            f"endpoints = (\n  {lines}\n);\n")


def seeing(source, path, inside=()):
    """Words before a command that make it see another file at a path; in the mount namespace that `inside` leads to, or one
    of its own. Needs root."""
    words = ["sh", "-c", f'mount --bind {source} {path} && exec "$@"', "-"]
    return [*inside, *words] if inside else ["unshare", "--mount", "--propagation", "private", *words]


def trusting(root):
    """The same, for a system that trusts this root and no other."""
    return seeing(root, "/etc/ssl/certs/ca-certificates.crt")


def with_names(lab, names, inside=(), address="127.0.0.1"):
    """The same, for one that resolves these names to this address."""
    path = os.path.join(lab.directory, "hosts")
    with open(path, "w") as f:
        f.write("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name in names))
    return seeing(path, "/etc/hosts", inside)
