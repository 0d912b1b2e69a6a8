"""Every engine in its own protocol: real PostgreSQL, MariaDB and OpenSSL, and stand-ins that the clients of others have
vouched for (test_standins.py)."""

import contextlib
import functools
import os
import socket
import ssl
import struct
import threading
import time

import pytest

from lab import Dbcertd, Mariadb, Openssl, Postgres, Server, ago, closed_port, config, entry, findings, host, openssl_facts, postgres_version, trusting
from misdeeds import answers
from standin import NOT_SUP, OFF, ON, REQ, Mysql8, SqlServer, context_of

DAYS = 30


@pytest.fixture(scope="module")
def served(lab):
    """One certificate for all: (chain, certificate)."""
    return lab.pki.server("db", host("db"), ago(DAYS), ago(DAYS - 365))


def watch(lab, binaries, entries, name, more="", **options):
    return Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), entries, f'interval = "30d";\n{more}'), name=name, **options)


def db(name, engine, port, **keys):
    """An endpoint that serves the one certificate."""
    return entry(name, engine, port, verify_name=host("db"), **keys)


def address_of(endpoint):
    return endpoint["addresses"][0]


def assert_served(endpoint, served):
    address = address_of(endpoint)
    assert (address["outcome"], address["stage"], address["detail"]) == ("fetched", "done", None)
    facts = openssl_facts(served[1])
    assert {key: address["chain"][0][key] for key in facts} == facts
    assert [c["role"] for c in address["chain"]] == ["server", "intermediate"]
    assert address["trusted"] is True and address["name_matches"] is True


def pieces(n, data):
    return [data[i:i + n] for i in range(0, len(data), n)]


SQL_SERVERS = {
    "off": dict(encryption=OFF),
    "on": dict(says=ON),
    "required": dict(encryption=REQ),
    "singles": dict(chop=functools.partial(pieces, 1)),
    "sevens": dict(chop=functools.partial(pieces, 7)),
    "thousands": dict(chop=functools.partial(pieces, 1000)),
    "trickle": dict(trickle=True),
    "trickled-sevens": dict(trickle=True, chop=functools.partial(pieces, 7)),
    "with-empty-packets": dict(chop=lambda data: [data[:9], b"", data[9:]]),
}


@pytest.fixture(scope="module")
def sql_servers(lab, binaries, served):
    servers = {name: SqlServer(lab.pki, served[0], **options) for name, options in SQL_SERVERS.items()}
    servers["strict"] = SqlServer(lab.pki, served[0], strict=True)
    servers["tls-10"] = SqlServer(lab.pki, served[0], versions=(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1), ciphers="ALL:@SECLEVEL=0")
    servers["bare"] = SqlServer(lab.pki, served[0], encryption=NOT_SUP)
    servers["strict-asked-7"] = SqlServer(lab.pki, served[0])
    servers["7-asked-strict"] = SqlServer(lab.pki, served[0], strict=True)
    keys = {name: {"check_plaintext": True} for name in ("off", "on", "required", "bare")}
    keys.update({"strict": {"strict": True}, "strict-asked-7": {"strict": True}})
    entries = [db(name, "sqlserver-se", server.port, **keys.get(name, {})) for name, server in servers.items()]
    yield servers, watch(lab, binaries, entries, "sqlserver").settle()


@pytest.mark.parametrize("name", SQL_SERVERS)
def test_sql_server_is_fetched_whatever_the_cuts_and_left_with_close_notify(sql_servers, served, name):
    servers, endpoints = sql_servers
    assert_served(endpoints[name], served)
    assert address_of(endpoints[name])["tls"]["version"] == "TLS1.2"
    assert servers[name].result() == "close_notify"
    assert endpoints[name]["engine"] == "sqlserver-se"


def test_sql_server_2022_is_fetched_in_strict_with_tls_13_and_its_alpn(sql_servers, served):
    servers, endpoints = sql_servers
    assert_served(endpoints["strict"], served)
    tls = address_of(endpoints["strict"])["tls"]
    assert (tls["version"], tls["alpn"]) == ("TLS1.3", "tds/8.0")
    assert servers["strict"].result() == "close_notify"


def test_whether_sql_server_insists_is_a_fact_and_where_asked_a_finding(sql_servers):
    _, endpoints = sql_servers
    facts = {name: address_of(endpoints[name])["plaintext"] for name in ("off", "on", "required", "singles", "strict")}
    assert facts == {"off": "accepted", "on": "refused", "required": "refused", "singles": "accepted", "strict": None}
    assert findings(endpoints["off"]) == [("plaintext-accepted", "warning")]
    assert "ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=pending-reboot" in endpoints["off"]["findings"][0]["remedy"]
    assert findings(endpoints["required"]) == [] and findings(endpoints["singles"]) == []


def test_sql_server_without_tls_refuses_it(sql_servers):
    endpoint = sql_servers[1]["bare"]
    assert findings(endpoint) == [("tls-refused", "warning"), ("plaintext-accepted", "warning")]
    assert "ENCRYPT_NOT_SUP" in endpoint["findings"][0]["message"]


def test_strict_and_not_strict_are_told_apart(sql_servers):
    endpoint = sql_servers[1]["strict-asked-7"]
    assert findings(endpoint) == [("tls-refused", "warning")]
    assert endpoint["findings"][0]["steps"][0]["effect"].startswith("leave strict out for strict-asked-7")
    assert findings(sql_servers[1]["7-asked-strict"])[0][0] in ("handshake-failed", "unreachable")


def test_an_old_sql_server_is_fetched_and_said_to_be_old(sql_servers):
    endpoint = sql_servers[1]["tls-10"]
    assert address_of(endpoint)["tls"]["version"] == "TLS1.0"
    assert findings(endpoint) == [("legacy-tls", "warning")]


OLD = {
    # name: options of openssl s_server, version, finding
    "tls-10": (["-tls1", "-cipher", "AES256-SHA:@SECLEVEL=0"], "TLS1.0", "warning"),
    "tls-10-3des": (["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"], "TLS1.0", "warning"),
    "tls-11": (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "TLS1.1", "warning"),
    "static-rsa": (["-tls1_2", "-cipher", "AES256-SHA:AES128-SHA"], "TLS1.2", "notice"),
    "static-rsa-gcm": (["-tls1_2", "-cipher", "AES256-GCM-SHA384"], "TLS1.2", "notice"),
    "ecdhe": (["-tls1_2"], "TLS1.2", None),
    "current": ([], "TLS1.3", None),
}


def test_an_engine_is_asked_for_with_and_without_its_edition(lab, binaries):
    entries = [db("one", "oracle-ee", closed_port()), db("two", "oracle-se2-cdb", closed_port()), db("three", "mysql", closed_port())]
    daemon = watch(lab, binaries, entries, "editions")
    for engine, names in (("oracle", ["one", "two"]), ("oracle-se2-cdb", ["two"]), ("mysql", ["three"]), ("oracle-se", [])):
        assert [e["name"] for e in daemon.get(f"/v1/endpoints?engine={engine}")["endpoints"]] == names


@pytest.fixture(scope="module")
def tls_first(lab, binaries, served):
    servers = {name: Openssl(lab, name, served[0], *options) for name, (options, *_) in OLD.items()}
    engines = {"oracle": "oracle-ee-cdb", "db2": "db2-se", "tls": "tls", "docdb": "docdb", "neptune": "neptune"}
    entries = [db(f"{prefix}-{name}", engine, server.port) for prefix, engine in engines.items() for name, server in servers.items()]
    return watch(lab, binaries, entries, "tls-first").settle()


@pytest.mark.parametrize("engine", ["oracle", "db2", "tls"])
@pytest.mark.parametrize("name", OLD)
def test_old_servers_are_fetched_and_what_they_chose_is_said(tls_first, served, engine, name):
    _, version, severity = OLD[name]
    endpoint = tls_first[f"{engine}-{name}"]
    assert_served(endpoint, served)
    assert address_of(endpoint)["tls"]["version"] == version
    assert findings(endpoint) == ([("legacy-tls", severity)] if severity else [])
    if severity:
        assert address_of(endpoint)["tls"]["cipher"] in endpoint["findings"][0]["message"]


@pytest.mark.parametrize("engine", ["docdb", "neptune"])
def test_others_are_not_weakened_by_that(tls_first, served, engine):
    assert_served(tls_first[f"{engine}-current"], served)
    for name in ("tls-10", "tls-11"):
        assert findings(tls_first[f"{engine}-{name}"]) == [("handshake-failed", "unknown")]


def test_a_port_in_the_clear_is_refused_with_the_one_to_use(lab, binaries, served):
    """On the real port numbers, at an address of loopback's where nobody else is."""
    address = "127.93.0.7"
    cases = {
        "oracle-closed": ("oracle-se2", 1521, b"", "2484"),
        "db2-closed": ("db2-ae", 50000, b"", "ssl_svcename"),
        "tds": ("tls", 1433, b"", 'use engine "sqlserver"'),
        "oracle-other-port": ("oracle-ee", 11521, b"\0\x08\0\0\x04\0\0\0", "2484"),
    }
    silent = {"oracle-silent": ("oracle-ee", 1521, None, "2484")}
    listeners = [Server(answers(words), address, port) for _, port, words, _ in cases.values()]
    listeners.append(Server(answers(None), "127.93.0.8", 1521))
    entries = [db(name, engine, port, addresses=[address]) for name, (engine, port, *_) in cases.items()]
    entries += [db(name, engine, port, addresses=["127.93.0.8"]) for name, (engine, port, *_) in silent.items()]
    postgres = Postgres(lab, "as-tls", served[0])
    mariadb = Mariadb(lab, "as-tls", served[0])
    entries += [db("postgres", "tls", postgres.port), db("mariadb", "tls", mariadb.port)]
    endpoints = watch(lab, binaries, entries, "clear-ports", more='timeout = "2s";').settle()
    for name, (*_, words) in {**cases, **silent}.items():
        assert findings(endpoints[name]) == [("tls-refused", "warning")], name
        assert words in endpoints[name]["findings"][0]["message"], name
    assert "set port to the SSL option's for oracle-closed" in endpoints["oracle-closed"]["findings"][0]["remedy"]
    # A real MariaDB on a port of its own is known by its greeting; a real PostgreSQL just hangs up.
    assert findings(endpoints["mariadb"]) == [("tls-refused", "warning")]
    assert 'use engine "mysql" or "mariadb"' in endpoints["mariadb"]["findings"][0]["message"]
    assert findings(endpoints["postgres"]) == ([] if postgres_version() >= 17 else [("handshake-failed", "unknown")])
    for listener in listeners:
        listener.stop()


@pytest.fixture(scope="module")
def credentials(lab):
    return lab.credential("db", "secret")


USERS = {"dbcertd": ("caching_sha2_password", b"secret"), "native": ("mysql_native_password", b"secret")}
LOGIN = {"farewell": "login", "user": "dbcertd", "password_credential": "db"}


def test_mysql_8_is_left_by_full_and_then_by_fast_authentication(lab, binaries, served, credentials):
    server = Mysql8(lab.pki, served[0], USERS)
    daemon = watch(lab, binaries, [db("db", "mysql", server.port, **LOGIN)], "mysql8-login", env=credentials)
    assert_served(daemon.settle()["db"], served)
    daemon.probe("db")
    assert [server.result(n) for n in range(2)] == ["dbcertd: full, quit", "dbcertd: fast, quit"]
    assert server.clear_passwords == 1
    assert "farewell failed" not in daemon.output()


@pytest.mark.parametrize("proposes, user, expected", [
    ("caching_sha2_password", "native", "native: native, quit"),
    ("mysql_native_password", "dbcertd", "dbcertd: full, quit"),
    ("some_plugin_to_come", "dbcertd", "dbcertd: full, quit"),
])
def test_mysql_8_switches_to_the_user_s_plugin(lab, binaries, served, credentials, proposes, user, expected):
    server = Mysql8(lab.pki, served[0], USERS, proposes=proposes)
    daemon = watch(lab, binaries, [db("db", "mysql", server.port, **dict(LOGIN, user=user))], f"mysql8-{proposes}", env=credentials)
    assert_served(daemon.settle()["db"], served)
    assert server.result() == expected


def test_mysql_8_refuses_nobody_to_the_end(lab, binaries, served):
    server = Mysql8(lab.pki, served[0], USERS, trickle=True)
    daemon = watch(lab, binaries, [db("db", "aurora-mysql", server.port)], "mysql8-refused")
    assert_served(daemon.settle()["db"], served)
    assert server.result() == "dbcertd-nobody: denied"


@pytest.mark.parametrize("why", ["another CA", "another name"])
def test_a_server_that_proves_nothing_is_left_as_nobody(lab, binaries, credentials, why):
    """Somebody between us and the server could ask for the password, or hand a scramble on."""
    chain, _ = lab.pki.server(f"unproven-{why[8:]}", host("db" if why == "another CA" else "else"), ago(DAYS), ago(DAYS - 365),
                              kind="ecc384" if why == "another CA" else "rsa2048")
    server = Mysql8(lab.pki, chain, USERS)
    daemon = watch(lab, binaries, [db("db", "mysql", server.port, **LOGIN)], f"mysql8-unproven-{why[8:]}", env=credentials)
    address = address_of(daemon.settle()["db"])
    assert address["outcome"] == "fetched"
    assert address["detail"].startswith('the server was not given the login of user "dbcertd": its certificate does not ')
    assert server.result() == "dbcertd-nobody: denied"
    assert server.clear_passwords == 0


@pytest.mark.parametrize("require, plaintext", [(True, "refused"), (False, "accepted")])
def test_mysql_8_says_whether_tls_is_required(lab, binaries, served, credentials, require, plaintext):
    server = Mysql8(lab.pki, served[0], USERS, require_secure_transport=require)
    daemon = watch(lab, binaries, [db("db", "mysql", server.port, check_plaintext=True, **LOGIN)], f"mysql8-tls-{require}", env=credentials)
    endpoint = daemon.settle()["db"]
    assert address_of(endpoint)["plaintext"] == plaintext
    assert findings(endpoint) == ([("plaintext-accepted", "warning")] if plaintext == "accepted" else [])
    assert [server.result(n) for n in range(2)] == ["dbcertd: full, quit", "dbcertd-nobody: insecure" if require else "dbcertd-nobody: denied"]
    assert server.queries == 1
    # At most once a day: the next probe does not ask again.
    daemon.probe("db")
    assert server.result(2) == "dbcertd: fast, quit"
    time.sleep(0.5)
    assert len(server.results) == 3


@pytest.mark.parametrize("require, plaintext", [(True, "refused"), (False, "accepted")])
def test_a_user_that_requires_ssl_hides_nothing(lab, binaries, served, credentials, require, plaintext):
    """Its login without TLS is refused either way; what the server says of itself inside TLS decides."""
    server = Mysql8(lab.pki, served[0], USERS, require_secure_transport=require, require_ssl=("dbcertd",))
    daemon = watch(lab, binaries, [db("db", "mysql", server.port, check_plaintext=True, **LOGIN)], f"mysql8-user-{require}", env=credentials)
    assert address_of(daemon.settle()["db"])["plaintext"] == plaintext


@pytest.mark.parametrize("user", ["", "REQUIRE SSL"])
@pytest.mark.parametrize("require, plaintext", [("ON", "refused"), ("OFF", "accepted")])
def test_mariadb_says_whether_tls_is_required(lab, binaries, served, credentials, user, require, plaintext):
    name = f"require-{require}-{user[:3]}"
    server = Mariadb(lab, name, served[0], settings={"require-secure-transport": require},
                     init=f"CREATE USER dbcertd@'%' IDENTIFIED BY 'secret' {user};")
    daemon = watch(lab, binaries, [db("db", "mariadb", server.port, check_plaintext=True, **LOGIN)], name, env=credentials)
    endpoint = daemon.settle()["db"]
    assert_served(endpoint, served)
    assert address_of(endpoint)["plaintext"] == plaintext
    assert findings(endpoint) == ([("plaintext-accepted", "warning")] if plaintext == "accepted" else [])


def test_mariadb_is_full_or_knows_no_user_of_this_host(lab, binaries, served):
    """Error 1040 and 1130 of a real server, in place of a greeting."""
    full = Mariadb(lab, "full", served[0], settings={"max-connections": 10, "skip-name-resolve": "ON"})
    closed = Mariadb(lab, "closed", served[0], settings={"skip-name-resolve": "ON"},
                     init="DELETE FROM mysql.global_priv WHERE Host <> 'localhost'; FLUSH PRIVILEGES;")
    held = [socket.create_connection(("127.0.0.1", full.port)) for _ in range(12)]
    time.sleep(0.5)
    endpoints = watch(lab, binaries, [db("full", "mariadb", full.port), db("closed", "mariadb", closed.port)], "full").settle()
    for s in held:
        s.close()
    for name, number, words, remedy in (("full", 1040, "ER_CON_COUNT_ERROR", "SHOW VARIABLES LIKE 'max_connections'"),
                                        ("closed", 1130, "ER_HOST_NOT_PRIVILEGED", "CREATE USER 'dbcertd'@'HOST")):
        assert findings(endpoints[name]) == [("unreachable", "unknown")]
        finding = endpoints[name]["findings"][0]
        assert f"error {number} ({words})" in finding["message"] and remedy in finding["remedy"]


def test_a_certificate_that_mariadb_makes_itself_is_no_rotation(scratch, binaries):
    """As 11.4 does at each start: self-signed, and another one every time."""
    first, second = (scratch.pki.self_signed(name, host("db"), ago(age), ago(age - 3650)) for name, age in (("one", 20), ("two", 1)))
    server = Mariadb(scratch, "selfmade", first[0])
    daemon = watch(scratch, binaries, [entry("db", "mariadb", server.port)], "selfmade")
    assert findings(daemon.settle()["db"]) == [("self-signed", "warning")]
    serial = address_of(daemon.endpoint("db"))["chain"][0]["serial"]
    server.serve(second[0])
    server.sql("FLUSH SSL")
    after = daemon.probe("db")
    assert address_of(after)["chain"][0]["serial"] != serial
    assert findings(after) == [("self-signed", "warning")]
    assert after["rotation"]["class"] == "external"
    daemon.told("db (127.0.0.1)")
    said = [line for line in daemon.output().splitlines() if "db (127.0.0.1)" in line]
    assert len(said) == 1 and "rotated" not in said[0]


class Relay(Server):
    """Hands everything on, and keeps the client's words and in how many segments they came."""

    def __init__(self, upstream):
        self.upstream = upstream
        super().__init__()

    def serve(self, connection):
        said = b""
        with socket.create_connection(("127.0.0.1", self.upstream)) as up:
            back = threading.Thread(target=self.copy, args=(up, connection))
            back.start()
            while data := connection.recv(65536):
                said += data
                with contextlib.suppress(OSError):  # MariaDB hangs up at COM_QUIT
                    up.sendall(data)
            segments = struct.unpack_from("=I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160), 152)[0]  # tcpi_data_segs_in
            with contextlib.suppress(OSError):
                up.shutdown(socket.SHUT_WR)
            back.join()
        return said, segments

    @staticmethod
    def copy(up, connection):
        with contextlib.suppress(ConnectionResetError):  # and does not read what comes behind it
            while data := up.recv(65536):
                connection.sendall(data)


def types_of(records):
    """The content types of a client's records (RFC 8446, 5.1)."""
    types = []
    while records:
        types.append(records[0])
        records = records[5 + int.from_bytes(records[3:5], "big"):]
    return types


def listen_to(daemon, relay):
    """What the client said, to its last word, and in how many segments, three times."""
    daemon.settle()
    for _ in range(2):
        assert address_of(daemon.probe("db"))["tls"]["version"] == "TLS1.3"
    said, segments = zip(*(relay.result(n) for n in range(3)))
    return said, min(segments)  # a machine that stands still for 200 ms makes it more


def test_postgres_takes_the_key_share_as_it_comes_and_is_left_in_one_segment(lab, binaries, served):
    """ssl_ecdh_curve = prime256v1, its default: with a key share of another group it would ask for a second ClientHello."""
    relay = Relay(Postgres(lab, "share", served[0]).port)
    daemon = watch(lab, binaries, [db("db", "postgres", relay.port)], "share")
    said, segments = listen_to(daemon, relay)
    assert address_of(daemon.get("/v1/endpoints/db"))["tls"]["group"] == "SECP256R1"
    for words in said:
        assert words[:8] == b"\0\0\0\x08\x04\xd2\x16\x2f"
        assert words[13] == 1  # ClientHello
        assert types_of(words[8:]) == [22, 20, 23, 23]  # and change_cipher_spec, Finished, close_notify
    assert segments == 3


def test_mariadb_is_told_the_login_with_the_handshake_and_the_end_in_one_segment(lab, binaries, served, credentials):
    relay = Relay(Mariadb(lab, "segments", served[0], init="CREATE USER dbcertd@'%' IDENTIFIED BY 'secret';").port)
    said, segments = listen_to(watch(lab, binaries, [db("db", "mariadb", relay.port, **LOGIN)], "segments", env=credentials), relay)
    for words in said:
        assert words[:4] == b"\x20\0\0\x01"  # SSLRequest
        # ClientHello, change_cipher_spec, Certificate (MariaDB asks for one; we have none), Finished, the login, COM_QUIT, close_notify
        assert types_of(words[36:]) == [22, 20, 23, 23, 23, 23, 23]
    assert segments == 4


class DirectPostgres(Server):
    """PostgreSQL 17's "direct SSL": TLS first, and ALPN or nothing."""

    def __init__(self, pki, chain):
        self.context = context_of(pki, chain, alpn="postgresql")
        super().__init__()

    def serve(self, connection):
        with self.context.wrap_socket(connection, server_side=True) as tls:
            if tls.selected_alpn_protocol() != "postgresql":
                return "no ALPN"
            return "close_notify" if tls.recv(1) == b"" else "words"


def test_postgres_direct_tls_is_fetched_or_says_why_not(lab, binaries, served):
    """PostgreSQL takes TLS from the first byte since 17; of an older one it is said what to leave out."""
    new, real = DirectPostgres(lab.pki, served[0]), Postgres(lab, "direct", served[0])
    endpoints = watch(lab, binaries, [db("new", "postgres", new.port, direct_tls=True), db("real", "aurora-postgresql", real.port, direct_tls=True)],
                      "direct").settle()
    assert new.result() == "close_notify"
    for name in ["new", "real"] if postgres_version() >= 17 else ["new"]:
        assert_served(endpoints[name], served)
        assert address_of(endpoints[name])["tls"]["alpn"] == "postgresql"
    if postgres_version() < 17:
        assert findings(endpoints["real"]) == [("tls-refused", "warning")]
        assert "leave direct_tls out" in endpoints["real"]["findings"][0]["message"]


@pytest.mark.parametrize("kind, plaintext", [("hostssl", "refused"), ("host", "accepted")])
def test_postgres_says_whether_tls_is_required(lab, binaries, served, kind, plaintext):
    server = Postgres(lab, f"hba-{kind}", served[0])
    with open(server.directory + "/pg_hba.conf", "w") as f:
        f.write(f"{kind} all all all scram-sha-256\n")
    server.reload()
    daemon = watch(lab, binaries, [db("db", "postgres", server.port, check_plaintext=True)], f"pg-{plaintext}")
    endpoint = daemon.settle()["db"]
    assert_served(endpoint, served)
    assert address_of(endpoint)["plaintext"] == plaintext
    assert findings(endpoint) == ([("plaintext-accepted", "warning")] if plaintext == "accepted" else [])
    log = server.output().count("no encryption")
    daemon.probe("db")
    assert server.output().count("no encryption") == log  # at most once a day


def test_a_login_that_fails_with_tls_is_not_tried_without(lab, binaries, served, credentials):
    server = Mysql8(lab.pki, served[0], {"dbcertd": ("caching_sha2_password", b"another")})
    daemon = watch(lab, binaries, [db("db", "mysql", server.port, check_plaintext=True, **LOGIN)], "mysql8-wrong", env=credentials)
    assert address_of(daemon.settle()["db"])["plaintext"] is None
    assert server.result() == "dbcertd: denied" and len(server.results) == 1
    daemon.told("the farewell failed: the login of user")


def test_a_check_that_finds_nothing_out_is_said(lab, binaries, served, credentials):
    """A proxy or an impostor that lets nobody in without TLS, and says nothing of itself."""
    server = Mysql8(lab.pki, served[0], USERS, require_ssl=("dbcertd",), says_nothing=True)
    daemon = watch(lab, binaries, [db("db", "mysql", server.port, check_plaintext=True, **LOGIN)], "mysql8-inconclusive", env=credentials)
    endpoint = daemon.settle()["db"]
    assert address_of(endpoint)["plaintext"] is None and findings(endpoint) == []
    daemon.told("db (127.0.0.1): whether it takes connections without TLS could not be found out: the login without TLS was refused")


def test_what_is_not_asked_for_is_not_looked_for(lab, binaries, served):
    server = Postgres(lab, "unasked", served[0], settings={"log_connections": "on"})
    endpoint = watch(lab, binaries, [db("db", "postgres", server.port)], "unasked").settle()["db"]
    assert address_of(endpoint)["plaintext"] is None
    assert server.output().count("connection received") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace")
def test_a_proxy_is_acm_s_and_the_system_s_to_trust(scratch, binaries):
    """The system's roots are replaced in a mount namespace. The proxy is known by its kind, or by its name."""
    name = host("orders").replace(".c9", ".proxy-c9")
    chain, leaf, root = scratch.pki.acm("proxy", name, ago(20), ago(20 - 198))
    rds = scratch.pki.server("rds", name, ago(20), ago(20 - 365))
    proxy, impostor = Postgres(scratch, "proxy", chain), Postgres(scratch, "impostor", rds[0])
    prefix = trusting(root)
    entries = [entry("by-kind", "aurora-postgresql", proxy.port, kind="proxy", verify_name=name, ca=None),
               entry("by-name", "postgres", proxy.port, host=name, ca=None),
               entry("warehouse", "redshift", proxy.port, verify_name=name, ca=None),
               entry("as-an-instance", "postgres", proxy.port, verify_name=name, ca=None),
               entry("impostor", "postgres", impostor.port, host=name, ca=None)]
    endpoints = watch(scratch, binaries, entries, "proxy", prefix=prefix).settle()
    for endpoint in ("by-kind", "by-name", "warehouse"):
        assert findings(endpoints[endpoint]) == [], endpoint
        assert endpoints[endpoint]["rotation"]["class"] == "acm"
        assert address_of(endpoints[endpoint])["trusted"] is True
    assert (endpoints["by-kind"]["kind"], endpoints["by-name"]["kind"], endpoints["as-an-instance"]["kind"]) == ("proxy", "proxy", "instance")
    assert findings(endpoints["as-an-instance"]) == [("ca-unknown", "notice"), ("chain-untrusted", "warning")]
    assert 'if as-an-instance is a proxy, set kind = "proxy" for it' in endpoints["as-an-instance"]["findings"][0]["remedy"]
    # RDS's own authorities are not among the roots that a system trusts.
    assert findings(endpoints["impostor"]) == [("chain-untrusted", "warning")]
    assert "the system's bundle of roots" in endpoints["impostor"]["findings"][0]["message"]


def test_farewell_that_fails_is_said_without_a_state_database(lab, binaries, served, credentials):
    """What it waits for otherwise is that the state database has what belongs to it."""
    open(os.path.join(lab.directory, "mysql8-stateless.state"), "w").close()  # no directory
    server = Mysql8(lab.pki, served[0], {"dbcertd": ("caching_sha2_password", b"another")})
    daemon = watch(lab, binaries, [db("db", "mysql", server.port, **LOGIN)], "mysql8-stateless", env=credentials)
    daemon.settle()
    daemon.told("the farewell failed: the login of user")
    assert "state-unwritable" in [f["id"] for f in daemon.get("/v1/findings")["findings"]]
