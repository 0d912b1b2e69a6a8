"""The daemon's main job on real servers: what it shows is what openssl says of the very files that are served."""

import json
import os
import ssl
import time

import pytest

from lab import (DAY, Dbcertd, Dnsmasq, Mariadb, Postgres, Server, ago, closed_port, config, entry, findings, free_port, host, openssl_facts,
                 run, wait_until)

WINDOW = "sun:05:00-sun:06:00"


def assert_facts(endpoint, leaf):
    """The status socket against `openssl x509` on the file."""
    server = endpoint["addresses"][0]["chain"][0]
    expected = openssl_facts(leaf)
    assert {key: server[key] for key in expected} == expected
    assert server["role"] == "server"
    assert (endpoint["not_before"], endpoint["not_after"]) == (expected["not_before"], expected["not_after"])


@pytest.fixture(scope="module")
def fleet(lab, binaries):
    """One server for each way to be, and one daemon that watches them all."""
    pki = lab.pki
    fresh = pki.server("fresh", host("fresh"), ago(30), ago(30 - 365), send=("sub", "root"))
    stalled = pki.server("stalled", host("stalled"), ago(230), ago(230 - 365))
    other = pki.server("other", host("other"), ago(30), ago(30 - 365), kind="ecc384")
    misnamed = pki.server("misnamed", host("somebody-else"), ago(30), ago(30 - 365))
    expired = pki.server("expired", host("expired"), ago(400), ago(400 - 365))
    selfmade = pki.self_signed("selfmade", host("selfmade"), ago(10), ago(10 - 3650))
    alone = pki.server("alone", host("alone"), ago(30), ago(30 - 365), send=())
    restart = pki.server("restart", host("restart"), ago(1000), ago(1000 - 1096))
    future = pki.server("future", host("future"), ago(-2), ago(-2 - 365))
    pg12 = {"ssl_max_protocol_version": "TLSv1.2"}
    servers = {
        "fresh": ("postgres", Postgres(lab, "fresh", fresh[0]), fresh[1]),
        "stalled": ("mariadb", Mariadb(lab, "stalled", stalled[0]), stalled[1]),
        "other": ("postgres", Postgres(lab, "other", other[0], settings=pg12), other[1]),
        "misnamed": ("mariadb", Mariadb(lab, "misnamed", misnamed[0], settings={"tls-version": "TLSv1.2"}), misnamed[1]),
        "expired": ("postgres", Postgres(lab, "expired", expired[0]), expired[1]),
        "selfmade": ("postgres", Postgres(lab, "selfmade", selfmade[0]), selfmade[1]),
        "alone": ("postgres", Postgres(lab, "alone", alone[0]), alone[1]),
        "restart": ("postgres", Postgres(lab, "restart", restart[0]), restart[1]),
        "future": ("postgres", Postgres(lab, "future", future[0]), future[1]),
    }
    entries = [entry(name, engine, server.port, maintenance_window=WINDOW)
               for name, (engine, server, _) in servers.items()]
    entries.append(entry("refusing", "postgres", closed_port()))
    entries.append(entry("plain-postgres", "postgres", Postgres(lab, "plain", fresh[0], tls=False).port))
    entries.append(entry("plain-mariadb", "mariadb", Mariadb(lab, "plain", fresh[0], tls=False).port))
    entries.append(entry("nameless", "postgres", 5432, host="no-such-host.invalid", addresses=None))
    daemon = Dbcertd(lab, binaries, config(pki.bundle("rsa2048"), entries))
    return daemon, daemon.settle(), servers


@pytest.mark.parametrize("name", ["fresh", "stalled", "other", "misnamed", "expired", "selfmade", "alone", "restart", "future"])
def test_the_facts_are_those_of_openssl(fleet, name):
    _, endpoints, servers = fleet
    assert_facts(endpoints[name], servers[name][2])


@pytest.mark.parametrize("name, expected", [
    ("fresh", []),
    ("stalled", [("rotation-overdue", "warning")]),
    ("other", [("ca-mismatch", "warning"), ("chain-untrusted", "warning")]),
    ("misnamed", [("name-mismatch", "warning")]),
    ("expired", [("rotation-overdue", "critical"), ("certificate-expired", "critical")]),
    ("selfmade", [("self-signed", "warning")]),
    ("alone", [("chain-incomplete", "warning")]),
    ("restart", [("rotation-due", "warning")]),
    ("future", [("certificate-not-yet-valid", "critical")]),
    ("refusing", [("unreachable", "unknown")]),
    ("plain-postgres", [("tls-refused", "warning")]),
    ("plain-mariadb", [("tls-refused", "warning")]),
    ("nameless", [("name-unresolved", "unknown")]),
])
def test_each_server_has_its_findings_and_no_other(fleet, name, expected):
    assert findings(fleet[1][name]) == expected


@pytest.mark.parametrize("name, version", [("fresh", "TLS1.3"), ("stalled", "TLS1.3"), ("other", "TLS1.2"), ("misnamed", "TLS1.2")])
def test_both_versions_of_tls_are_spoken_with_both_engines(fleet, name, version):
    address = fleet[1][name]["addresses"][0]
    assert (address["outcome"], address["stage"], address["detail"]) == ("fetched", "done", None)
    assert address["tls"]["version"] == version
    assert address["tls"]["cipher"] and address["tls"]["group"]


def test_the_chain_is_shown_with_its_roles(fleet):
    roles = [c["role"] for c in fleet[1]["fresh"]["addresses"][0]["chain"]]
    assert roles == ["server", "intermediate", "root"]
    roles = [c["role"] for c in fleet[1]["stalled"]["addresses"][0]["chain"]]
    assert roles == ["server", "intermediate"]


def test_the_facts_of_the_whole_chain_are_those_of_openssl(fleet, lab):
    chain = fleet[1]["fresh"]["addresses"][0]["chain"]
    for shown, path in zip(chain[1:], (lab.pki.authority()[1], lab.pki.authority()[0])):
        expected = openssl_facts(path)
        assert {key: shown[key] for key in expected} == expected


def test_the_served_ca_and_the_class_are_told(fleet):
    fresh, other, restart = (fleet[1][name] for name in ("fresh", "other", "restart"))
    assert (fresh["served_ca"], fresh["region"]) == ("rds-ca-rsa2048-g1", "us-east-1")
    assert other["served_ca"] == "rds-ca-ecc384-g1"
    assert (fresh["rotation"]["class"], fresh["rotation"]["source"]) == ("online", "lifetime")
    assert restart["rotation"]["class"] == "restart"


def test_the_stalled_rotation_names_dates_window_and_command(fleet):
    finding = fleet[1]["stalled"]["findings"][0]
    facts = openssl_facts(fleet[2]["stalled"][2])
    for word in (facts["serial"], facts["not_after"], WINDOW, fleet[1]["stalled"]["rotation"]["half_life"]):
        assert word in finding["message"]
    assert finding["steps"][0]["run"].startswith("aws rds modify-db-instance --db-instance-identifier stalled ")


def test_a_self_made_certificate_is_no_rotation_by_the_law(fleet):
    assert fleet[1]["selfmade"]["rotation"]["class"] == "external"
    assert fleet[1]["selfmade"]["addresses"][0]["trusted"] is False


def test_ctl_shows_what_the_socket_says(fleet):
    daemon = fleet[0]
    status = daemon.ctl("status")
    assert status.returncode == 0 and "\033" not in status.stdout
    line = next(line for line in status.stdout.splitlines() if line[3:].startswith("stalled "))
    assert line.split()[:4] == ["W", "stalled", "mariadb", "rds-ca-rsa2048-g1"] and line.endswith("  rotation-overdue")
    show = daemon.ctl("show", "misnamed").stdout
    assert "name matches  no" in show and host("somebody-else") in show
    assert "\n  aws rds modify-db-instance" in daemon.ctl("findings").stdout


def test_scan_needs_no_daemon_and_says_the_same(fleet, lab, binaries):
    daemon, endpoints, servers = fleet
    # A scan resolves names, and these exist in the daemon's configuration alone: probe by address, verify by name.
    targets = [f"{servers[n][0]}://127.0.0.1:{servers[n][1].port}?verify_name={host(n)}&ca=rds-ca-rsa2048-g1"
               f"&maintenance_window={WINDOW}" for n in ("fresh", "stalled", "other")]
    done = daemon.ctl("--json", "scan", "--ca-file", lab.pki.bundle("rsa2048"), *targets)
    scanned = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(scanned) == 3
    by_port = {e["port"]: e for e in scanned}
    for name in ("fresh", "stalled", "other"):
        one = by_port[servers[name][1].port]
        assert findings(one) == findings(endpoints[name])
        assert one["addresses"][0]["chain"] == endpoints[name]["addresses"][0]["chain"]
    failed = daemon.ctl("scan", f"postgres://127.0.0.1:{closed_port()}")
    assert failed.returncode == 1 and "(127.0.0.1): unreachable at dial: connection refused" in failed.stdout


def test_scan_reads_targets_from_a_file_and_names_the_wrong_ones(fleet, lab):
    daemon, _, servers = fleet
    path = os.path.join(lab.directory, "targets")
    with open(path, "w") as f:
        f.write(f"# mine\n\npostgres://127.0.0.1:{servers['fresh'][1].port}\n")
    assert "1 probed, 0 failed" in daemon.ctl("scan", "--file", path).stdout
    wrong = daemon.ctl("scan", "postgress://a", "tls://b")
    assert wrong.returncode == 2
    assert 'did you mean "postgres"?' in wrong.stderr and "tls://HOST:PORT" in wrong.stderr


def test_a_rotation_resolves_what_stood(scratch, binaries):
    pki = scratch.pki
    old = pki.server("old", host("orders"), ago(230), ago(230 - 365))
    new = pki.server("new", host("orders"), ago(0.1), ago(0.1 - 365))
    server = Postgres(scratch, "orders", old[0])
    daemon = Dbcertd(scratch, binaries, config(pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)]))
    assert findings(daemon.settle()["orders"]) == [("rotation-overdue", "warning")]
    server.serve(new[0])
    server.reload()
    after = daemon.probe("orders")
    assert_facts(after, new[1])
    assert findings(after) == []
    daemon.told("orders (127.0.0.1): rotation-overdue resolved after ")
    assert daemon.output().count("orders (127.0.0.1): rotation-overdue, warning:") == 1
    assert daemon.output().count("orders (127.0.0.1): rotation-overdue resolved after ") == 1


def test_an_outage_neither_hides_nor_resolves_what_was_seen(scratch, binaries):
    pki = scratch.pki
    old = pki.server("old", host("orders"), ago(230), ago(230 - 365))
    server = Postgres(scratch, "orders", old[0])
    daemon = Dbcertd(scratch, binaries, config(pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)]))
    daemon.settle()
    server.stop()
    after = daemon.probe("orders")
    assert findings(after) == [("unreachable", "unknown"), ("rotation-overdue", "warning")]
    assert_facts(after, old[1])
    assert after["severity"] == "warning"
    assert daemon.ctl("probe", "orders").returncode == 1


def test_a_failure_is_tried_again_sooner_than_the_interval(scratch, binaries):
    """Nobody asks: the server comes up, and within the first retries it is seen."""
    chain = scratch.pki.server("late", host("late"), ago(30), ago(30 - 365))
    port = free_port()
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("late", "postgres", port)], 'interval = "1h";'))
    assert findings(daemon.settle()["late"]) == [("unreachable", "unknown")]
    Postgres(scratch, "late", chain[0], settings={"port": port})
    wait_until("the retry", lambda: daemon.endpoint("late")["severity"] == "ok")
    daemon.told("late (127.0.0.1): unreachable resolved after")


def test_time_alone_changes_the_verdict_to_the_second(scratch, binaries):
    """The certificate ends while the daemon only waits: no probe is due for an hour."""
    pki = scratch.pki
    end = int(time.time()) + 15
    short = pki.server("short", host("orders"), end - 365 * DAY, end)
    server = Postgres(scratch, "orders", short[0])
    daemon = Dbcertd(scratch, binaries, config(pki.bundle("rsa2048"), [entry("orders", "postgres", server.port)],
                                               'interval = "30d";'))
    before = daemon.settle()["orders"]
    assert ("certificate-expiring", "critical") in findings(before)
    seen_at = before["addresses"][0]["observed_at"]
    wait_until("expiry", lambda: ("certificate-expired", "critical") in findings(daemon.endpoint("orders")))
    assert end < time.time() <= end + 3
    assert daemon.endpoint("orders")["addresses"][0]["observed_at"] == seen_at
    daemon.told("orders (127.0.0.1): certificate-expired, critical")


def test_every_address_is_probed_ipv4_and_ipv6(scratch, binaries):
    chain = scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))
    server = Postgres(scratch, "orders", chain[0], address="127.0.0.1")
    with_v6 = os.path.exists("/proc/net/if_inet6") and "::1" in run("ip", "-6", "addr", "show", "lo").replace("::1/128", "::1")
    pinned = ["127.0.0.1", "127.0.0.2"] + (["::1"] if with_v6 else [])
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"),
                                               [entry("orders", "postgres", server.port, addresses=pinned)]))
    endpoint = daemon.settle()["orders"]
    outcomes = {a["address"]: a["outcome"] for a in endpoint["addresses"]}
    assert outcomes.pop("127.0.0.1") == "fetched"
    assert set(outcomes.values()) == {"unreachable"} and len(outcomes) == len(pinned) - 1
    assert {f["address"] for f in endpoint["findings"]} == set(outcomes)


def test_a_name_with_many_addresses_is_resolved_by_the_name_servers(scratch, binaries):
    """A private name server and resolv.conf in a mount namespace."""
    if os.geteuid() != 0:
        pytest.skip("needs root for a mount namespace")
    chain = scratch.pki.server("orders", host("orders"), ago(30), ago(30 - 365))
    server = Postgres(scratch, "orders", chain[0], address="*")
    resolv = os.path.join(scratch.directory, "resolv.conf")
    with open(resolv, "w") as f:
        f.write("nameserver 127.0.0.53\n")
    Dnsmasq(scratch, f"--cname=alias.test,{host('orders')}",
            *[f"--host-record={host('orders')},{a}" for a in ("127.0.0.1", "127.0.0.2", "::1")])
    prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
              f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "-"]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [
        entry("orders", "postgres", server.port, addresses=None, loopback=True),
        entry("alias", "postgres", server.port, host="alias.test", verify_name=host("orders"), addresses=None, loopback=True),
        entry("gone", "postgres", server.port, host="gone.test", addresses=None)]), prefix=prefix)
    endpoints = daemon.settle()
    for name in ("orders", "alias"):
        outcomes = {a["address"]: a["outcome"] for a in endpoints[name]["addresses"]}
        assert outcomes == {"127.0.0.1": "fetched", "127.0.0.2": "fetched", "::1": "fetched"}, name
        assert findings(endpoints[name]) == []
    assert findings(endpoints["gone"]) == [("name-unresolved", "unknown")]


@pytest.mark.parametrize("where", ["root", "intermediate"])
def test_an_authority_that_constrains_names_is_held_to_it(scratch, binaries, where):
    """RFC 5280, 4.2.1.10; also for the second server under it, whose intermediate is known by then."""
    pki = scratch.pki
    files = {}
    issuer = None
    for role, more in (("root", []), ("intermediate", ["path_len = 0"])):
        lines = [f'cn = "Constraining {role}"', "ca", "cert_signing_key", *more] + (['nc_permit_dns = "allowed.test"'] if role == where else [])
        key, files[role] = pki._key("nc-" + role, "rsa2048"), pki.path(f"nc-{role}.pem")
        pki._issue(files[role], pki._template("nc-" + role, lines, ago(100), ago(-1000)), key, issuer)
        issuer = files[role], key
    entries = []
    for i, name in enumerate(("a.allowed.test", "b.other.test", "c.allowed.test")):
        leaf, chain = pki.path(f"nc-{i}.pem"), pki.path(f"nc-{i}-chain.pem")
        pki._issue(leaf, pki._template(f"nc-{i}", [f'cn = "{name}"', f'dns_name = "{name}"'], ago(30), ago(-300)), pki.server_key, issuer)
        pki._join(chain, [leaf, files["intermediate"]])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, pki.server_key)

        def serve(c, context=context):
            with context.wrap_socket(c, server_side=True) as s:
                s.recv(1)
        entries.append(entry(name[0], "tls", Server(serve).port, host=name, ca=None))
    daemon = Dbcertd(scratch, binaries, config(files["root"], entries, "concurrency = 1;"))
    endpoints = daemon.settle()
    assert {name: e["addresses"][0]["trusted"] for name, e in endpoints.items()} == {"a": True, "b": False, "c": True}
    assert "it breaks a constraint of its issuer" in endpoints["b"]["findings"][0]["message"]
