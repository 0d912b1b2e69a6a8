"""How a probe leaves, measured at the servers: nothing counted, nothing logged, nobody locked out. MariaDB never counts
clients from loopback, so prober and servers live in two network namespaces with a cable between them."""

import os
import subprocess
import time

import pytest

from conftest import PROBER, SERVER
from lab import Dbcertd, Mariadb, Postgres, ago, config, entry, findings, host, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")


@pytest.fixture(scope="module")
def chain(lab):
    return lab.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0]


@pytest.fixture(scope="module")
def mariadb(lab, cable, chain):
    return Mariadb(lab, "counting", chain, address=SERVER, prefix=cable[0], settings={"max_connect_errors": 10}, init="""
        CREATE USER dbcertd@'%' IDENTIFIED BY 'only for this' REQUIRE SSL;
        CREATE USER honest@'%' IDENTIFIED BY 'honest';""")


@pytest.fixture
def credentials(lab):
    return lab.credential("orders-db", "only for this")


def honest_client_gets_in(cable):
    done = subprocess.run([*cable[1], "mariadb", "--no-defaults", "--skip-ssl", "-h", SERVER, "-uhonest", "-phonest", "-N", "-B", "-e", "SELECT 42"],
                          capture_output=True, text=True)
    return done.stdout.strip() == "42"


def watch(lab, binaries, cable, name, env=None, engine="mariadb", port=3306, **keys):
    text = config(lab.pki.bundle("rsa2048"), [entry("orders", engine, port, addresses=[SERVER], **keys)], 'interval = "30d";')
    return Dbcertd(lab, binaries, text, name=name, prefix=cable[1], env=env)


def test_40_refused_farewells_are_not_counted(lab, binaries, cable, mariadb):
    daemon = watch(lab, binaries, cable, "refused")
    daemon.settle()
    for _ in range(39):
        assert daemon.probe("orders")["addresses"][0]["outcome"] == "fetched"
    assert mariadb.errors_counted(PROBER) == 0
    assert honest_client_gets_in(cable)
    assert daemon.stop() == 0


def test_40_logins_are_neither_counted_nor_logged(lab, binaries, cable, mariadb, credentials):
    before = mariadb.output()
    daemon = watch(lab, binaries, cable, "login", credentials, farewell="login", user="dbcertd",
                   password_credential="orders-db")
    daemon.settle()
    for _ in range(39):
        assert daemon.probe("orders")["addresses"][0]["detail"] is None
    assert mariadb.errors_counted(PROBER) == 0
    assert mariadb.output() == before
    assert honest_client_gets_in(cable)
    assert daemon.stop() == 0


def drop(binaries, cable, times=1):
    """Probes that hang up after the handshake, as everybody else's do."""
    for _ in range(times):
        run(*cable[1], os.path.join(binaries, "dbcertctl"), "scan", f"mariadb://{SERVER}?farewell=drop")


def test_the_way_to_being_locked_out_is_told_in_steps(lab, binaries, cable, chain):
    patient = Mariadb(lab, "patient", chain, address=SERVER, prefix=cable[0], settings={"port": 3308},
                      init="CREATE USER honest@'%'")
    daemon = watch(lab, binaries, cable, "steps", port=3308, farewell="drop")
    daemon.settle()
    for _ in range(49):
        daemon.probe("orders")
    assert patient.errors_counted(PROBER) == 50
    daemon.told("may have counted 25 connections", "blocks this host after another 50")
    assert daemon.output().count("may have counted") == 2
    assert daemon.stop() == 0


def test_a_login_resets_a_count_of_9(lab, binaries, cable, mariadb, credentials):
    drop(binaries, cable, 9)
    assert mariadb.errors_counted(PROBER) == 9
    daemon = watch(lab, binaries, cable, "healing", credentials, farewell="login", user="dbcertd",
                   password_credential="orders-db")
    daemon.settle()
    assert mariadb.errors_counted(PROBER) == 0
    assert daemon.stop() == 0


def test_a_wrong_password_is_told_and_not_counted(lab, binaries, cable, mariadb, credentials):
    with open(os.path.join(credentials["CREDENTIALS_DIRECTORY"], "orders-db"), "w") as f:
        f.write("wrong")
    daemon = watch(lab, binaries, cable, "wrong", credentials, farewell="login", user="dbcertd",
                   password_credential="orders-db")
    daemon.settle()
    for _ in range(12):
        daemon.probe("orders")
    assert mariadb.errors_counted(PROBER) == 0
    assert daemon.output().count('the login of user "dbcertd" was refused: 1045 Access denied') == 1
    assert daemon.stop() == 0


def test_a_server_without_tls_does_not_count_us_either(lab, binaries, cable, chain):
    plain = Mariadb(lab, "plain", chain, address=SERVER, prefix=cable[0], tls=False,
                    settings={"max_connect_errors": 10, "port": 3307}, init="CREATE USER honest@'%'")
    daemon = watch(lab, binaries, cable, "plain", port=3307)
    daemon.settle()
    for _ in range(39):
        address = daemon.probe("orders")["addresses"][0]
        assert address["outcome"] == "tls-refused", address["detail"]
    assert plain.errors_counted(PROBER) == 0
    assert daemon.stop() == 0


def test_dropping_blocks_this_host_and_that_is_told_with_its_remedy(lab, binaries, cable, mariadb):
    mariadb.sql("FLUSH HOSTS")
    daemon = watch(lab, binaries, cable, "drop", farewell="drop")
    daemon.told('farewell "drop" is counted by the server')
    daemon.settle()
    outcomes = [daemon.probe("orders")["addresses"][0]["outcome"] for _ in range(39)]
    assert outcomes[:9] == ["fetched"] * 9 and outcomes[9:] == ["prober-blocked"] * 30
    endpoint = daemon.endpoint("orders")
    assert findings(endpoint) == [("prober-blocked", "critical")]
    assert "1129" in endpoint["findings"][0]["message"]
    assert "FLUSH HOSTS" in endpoint["findings"][0]["remedy"]
    assert endpoint["addresses"][0]["chain"]  # what was seen is not lost
    daemon.told("prober-blocked, critical")
    assert daemon.output().count("prober-blocked, critical") == 1
    assert not honest_client_gets_in(cable)

    mariadb.sql("FLUSH HOSTS")
    assert findings(daemon.probe("orders")) == []
    assert daemon.stop() == 0


def test_a_blocked_address_is_left_alone_until_somebody_asks(lab, binaries, cable, mariadb):
    """Scheduled turns pass it over; the server would see each attempt in its host cache."""
    mariadb.sql("FLUSH HOSTS")
    drop(binaries, cable, 10)
    text = config(lab.pki.bundle("rsa2048"), [entry("orders", "mariadb", 3306, addresses=[SERVER])], 'interval = "10s";')
    daemon = Dbcertd(lab, binaries, text, name="alone", prefix=cable[1])
    assert findings(daemon.settle()["orders"]) == [("prober-blocked", "critical")]
    count = "SELECT COUNT_HOST_BLOCKED_ERRORS FROM performance_schema.host_cache WHERE IP = '%s'" % PROBER
    before = int(mariadb.sql(count))
    time.sleep(11)
    assert int(mariadb.sql(count)) == before
    assert findings(daemon.endpoint("orders")) == [("prober-blocked", "critical")]
    mariadb.sql("FLUSH HOSTS")
    assert findings(daemon.probe("orders")) == []
    assert daemon.stop() == 0


def test_a_family_of_addresses_that_this_host_lacks_is_no_alarm(lab, binaries, cable, mariadb):
    """A name with both, on a host without a route for IPv6: no client here can use that half, so nothing is said of it."""
    hosts = os.path.join(lab.directory, "dual-hosts")
    with open(hosts, "w") as f:
        f.write(f"127.0.0.1 localhost\n{SERVER} dual.test\n2001:db8::1 dual.test\n2001:db8::2 only.test\n")
    mariadb.sql("FLUSH HOSTS")
    text = config(lab.pki.bundle("rsa2048"), [
        entry("dual", "mariadb", 3306, host="dual.test", verify_name=host("orders"), addresses=None),
        entry("only", "mariadb", 3306, host="only.test", verify_name=host("orders"), addresses=None)])
    daemon = Dbcertd(lab, binaries, text, name="dual",
                     prefix=[*cable[1], "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "-"])
    endpoints = daemon.settle()
    assert [a["address"] for a in endpoints["dual"]["addresses"]] == [SERVER]
    assert findings(endpoints["dual"]) == []
    assert findings(endpoints["only"]) == [("unreachable", "unknown")]
    assert "Network is unreachable" in endpoints["only"]["findings"][0]["message"]
    assert daemon.stop() == 0


def test_100_probes_of_postgres_leave_no_line_in_its_log(lab, binaries, cable, chain):
    server = Postgres(lab, "quiet", chain, address=SERVER, prefix=cable[0])
    before = server.output()
    daemon = watch(lab, binaries, cable, "postgres", engine="postgres", port=5432)
    daemon.settle()
    for _ in range(99):
        assert daemon.probe("orders")["addresses"][0]["outcome"] == "fetched"
    assert server.output() == before
    assert daemon.stop() == 0
