"""Every address behind a name: many of them, through chains of aliases, as they come and go, the slow beside the quick,
and what they disagree about."""

import os
import signal
import subprocess

import pytest

from lab import Dbcertd, Dnsmasq, Postgres, Server, ago, config, entry, findings, free_port, host, run, wait_until
from misdeeds import answers

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")

V4 = [f"127.7.0.{i}" for i in range(1, 21)]
V6 = [f"fd00:7::{i}" for i in range(1, 5)]


@pytest.fixture
def island(scratch):
    """A network namespace with many addresses, a PostgreSQL at each, and a name server that reads its names from a file."""
    name = f"dbcertd-{os.getpid()}-i"
    run("ip", "netns", "add", name)
    scratch.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
    run("ip", "-n", name, "link", "set", "lo", "up")
    for address in V6:
        run("ip", "-n", name, "address", "add", address + "/128", "dev", "lo", "nodad")
    inside = ["ip", "netns", "exec", name]
    files = {file: os.path.join(scratch.directory, file) for file in ("resolv.conf", "names")}
    with open(files["resolv.conf"], "w") as f:
        f.write("nameserver 127.0.0.53\n")
    chain = scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))
    Postgres(scratch, "island", chain[0], address="*", prefix=inside)
    dns = None

    def names(addresses):
        nonlocal dns
        with open(files["names"], "w") as f:
            f.write("".join(f"{a} {host('orders')}\n" for a in addresses))
        if dns:
            before = dns.output().count("read " + files["names"])
            dns.process.send_signal(signal.SIGHUP)
            wait_until("dnsmasq reads the names", lambda: dns.output().count("read " + files["names"]) > before)
            return
        dns = Dnsmasq(scratch, "--no-hosts", f"--addn-hosts={files['names']}", "--cname=first.test,second.test",
                      "--cname=second.test,third.test", f"--cname=third.test,{host('orders')}", prefix=inside)

    prefix = [*inside, "sh", "-c", f'mount --bind {files["resolv.conf"]} /etc/resolv.conf && exec "$@"', "-"]
    return names, prefix


def outcomes(endpoint):
    return {a["address"]: a["outcome"] for a in endpoint["addresses"]}


@needs_root
def test_a_name_with_many_addresses_through_a_chain_of_aliases(scratch, binaries, island):
    names, prefix = island
    names(V4 + V6)
    entries = [entry("orders", "postgres", 5432, addresses=None, loopback=True),
               entry("alias", "postgres", 5432, host="first.test", verify_name=host("orders"), addresses=None, loopback=True),
               entry("pinned", "postgres", 5432, host="no-such-name.test", verify_name=host("orders"), addresses=[V4[0], V6[0]])]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries), prefix=prefix)
    endpoints = daemon.settle()
    every = {address: "fetched" for address in V4 + V6}
    assert outcomes(endpoints["orders"]) == every
    assert outcomes(endpoints["alias"]) == every
    assert outcomes(endpoints["pinned"]) == {V4[0]: "fetched", V6[0]: "fetched"}
    assert [findings(e) for e in endpoints.values()] == [[], [], []]


@needs_root
def test_addresses_come_and_go_between_probes(scratch, binaries, island):
    names, prefix = island
    names(V4[:3])
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders", "postgres", 5432, addresses=None, loopback=True)]), prefix=prefix)
    assert set(outcomes(daemon.settle()["orders"])) == set(V4[:3])
    names([V4[2], V4[3], V6[0]])
    assert outcomes(daemon.probe("orders")) == {a: "fetched" for a in (V4[2], V4[3], V6[0])}
    # All are gone: what was known of the last ones stays, and is judged on, beside the finding.
    names([])
    for _ in range(3):
        gone = daemon.probe("orders")
    assert ("name-unresolved", "unknown") in findings(gone)
    assert gone["not_after"]
    names([V4[4]])
    back = daemon.probe("orders")
    assert outcomes(back) == {V4[4]: "fetched"} and findings(back) == []
    assert daemon.output().count("addresses-disagree") == 0


def test_a_slow_address_does_not_delay_another_s_result(scratch, binaries):
    chain = scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))
    server = Postgres(scratch, "orders", chain[0])
    slow = Server(answers(None), "127.93.0.9", server.port)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [
        entry("orders", "postgres", server.port, addresses=["127.93.0.9", "127.0.0.1"])], 'timeout = "10s"; interval = "30d";'))
    assert wait_until("the quick one", lambda: outcomes(daemon.endpoint("orders")).get("127.0.0.1")) == "fetched"
    assert daemon.get("/v1/status")["probing"] == 1 and "127.93.0.9" not in outcomes(daemon.endpoint("orders"))
    endpoint = daemon.settle()["orders"]
    assert outcomes(endpoint) == {"127.0.0.1": "fetched", "127.93.0.9": "unreachable"}
    assert [(f["id"], f["address"]) for f in endpoint["findings"]] == [("unreachable", "127.93.0.9")]
    slow.stop()


def pair(lab, binaries, one, other, **keys):
    """Two servers at two addresses behind one name."""
    port = free_port()
    first = Postgres(lab, "one", one[0], address="127.0.0.1", settings={"port": port})
    second = Postgres(lab, "other", other[0], address="127.0.0.2", settings={"port": port})
    daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048", "ecc384"), [
        entry("orders", "postgres", port, addresses=["127.0.0.1", "127.0.0.2"], maintenance_window="sun:05:00-sun:06:00", **keys)]))
    return first, second, daemon


def test_an_address_that_was_forgotten_in_a_rotation_disagrees(scratch, binaries):
    name = host("orders")
    old, new = (scratch.pki.server(f"age{age}", name, ago(age), ago(age - 365)) for age in (150, 1))
    first, second, daemon = pair(scratch, binaries, old, old)
    assert findings(daemon.settle()["orders"]) == []
    first.serve(new[0])
    first.reload()
    after = daemon.probe("orders")
    assert findings(after) == [("addresses-disagree", "warning")]
    message = after["findings"][0]["message"]
    assert "some addresses serve an older certificate of the same instance: 127.0.0.1 has certificate" in message
    assert after["findings"][0]["address"] is None
    second.serve(new[0])
    second.reload()
    assert findings(daemon.probe("orders")) == []
    daemon.told("addresses-disagree resolved")
    said = [line for line in daemon.output().splitlines() if "addresses-disagree" in line]
    assert len(said) == 2 and "resolved" in said[1]


def test_a_rotation_of_both_addresses_at_once_is_no_disagreement_for_a_moment(scratch, binaries):
    """They are seen one after the other, and compared when both have been."""
    name = host("orders")
    old, new = (scratch.pki.server(f"age{age}", name, ago(age), ago(age - 365)) for age in (150, 1))
    first, second, daemon = pair(scratch, binaries, old, old)
    daemon.settle()
    for server in (first, second):
        server.serve(new[0])
        server.reload()
    assert findings(daemon.probe("orders")) == []
    assert "addresses-disagree" not in daemon.output()


def test_addresses_disagree_about_the_ca(scratch, binaries):
    name = host("orders")
    one = scratch.pki.server("rsa", name, ago(10), ago(10 - 365))
    other = scratch.pki.server("ecc", name, ago(10), ago(10 - 365), kind="ecc384")
    _, _, daemon = pair(scratch, binaries, one, other, ca=None)
    endpoint = daemon.settle()["orders"]
    assert findings(endpoint) == [("addresses-disagree", "warning")]
    message = endpoint["findings"][0]["message"]
    assert "different CAs: 127.0.0.1" in message and "rds-ca-rsa2048-g1" in message and "rds-ca-ecc384-g1" in message


def test_instances_of_a_cluster_differ_lawfully_until_one_is_due(scratch, binaries):
    """Both carry the reader endpoint's name, and each its own; made 100 and 200 days ago, the second is past half-life."""
    names = [host("orders-1"), host("orders-2")]
    young, middle, due = (scratch.pki.server(f"age{age}", name, ago(age), ago(age - 365))
                          for age, name in ((10, names[0]), (100, names[1]), (184, names[1])))
    first, second, daemon = pair(scratch, binaries, young, middle, verify_name=names[0])
    assert [f for f in findings(daemon.settle()["orders"]) if f[0] != "name-mismatch"] == []
    second.serve(due[0])
    second.reload()
    after = daemon.probe("orders")
    assert ("addresses-disagree", "notice") in findings(after) and ("rotation-due", "notice") in findings(after)
    message = next(f["message"] for f in after["findings"] if f["id"] == "addresses-disagree")
    assert "instances differ in age: one is past the time to rotate, another is not" in message
