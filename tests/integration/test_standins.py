"""The stand-ins for SQL Server and MySQL 8 are believed because the clients of others log in to them: FreeTDS's tsql,
npm's tedious, MariaDB's own client, npm's mysql2."""

import functools
import glob
import json
import os
import shutil
import subprocess

import pytest

from lab import ago
from standin import NOT_SUP, OFF, REQ, Mysql8, SqlServer

NODE_MODULES = os.path.join(os.path.dirname(__file__), "../../build-node/node_modules")

singles = functools.partial(lambda n, data: [data[i:i + n] for i in range(0, len(data), n)], 1)
sevens = functools.partial(lambda n, data: [data[i:i + n] for i in range(0, len(data), n)], 7)


@pytest.fixture(scope="module")
def chain(lab):
    # With the address in it, since neither client can be told to verify another name than it connects to.
    chain, _ = lab.pki.server("standin", "localhost", ago(30), ago(30 - 365))
    return chain


def node(script, *arguments):
    if not shutil.which("node") or not os.path.isdir(NODE_MODULES):
        pytest.skip("node, or its packages in build-node, are not installed")
    # Node 18 asks one address alone, and the stand-ins listen on 127.0.0.1.
    return subprocess.run(["node", "--dns-result-order=ipv4first", "-e", script, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, NODE_PATH=NODE_MODULES))


def tsql(lab, server, encryption, ca):
    if not shutil.which("tsql"):
        pytest.skip("FreeTDS's tsql is not installed")
    path = os.path.join(lab.directory, f"freetds-{server.port}.conf")
    with open(path, "w") as f:
        f.write(f"[it]\nhost = localhost\nport = {server.port}\ntds version = 7.4\nencryption = {encryption}\n"
                f"ca file = {ca}\ncheck certificate hostname = yes\n")
    return subprocess.run(["tsql", "-S", "it", "-U", "sa", "-P", "secret"], input="select 42\ngo\nexit\n", text=True,
                          capture_output=True, timeout=30, env=dict(os.environ, FREETDSCONF=path, LC_ALL="C"))


@pytest.mark.parametrize("encryption", [OFF, REQ])
@pytest.mark.parametrize("asked", ["require", "request"])
@pytest.mark.parametrize("chop", [None, sevens])
def test_freetds_logs_in_with_tls_and_verifies(lab, chain, encryption, asked, chop):
    server = SqlServer(lab.pki, chain, encryption=encryption, chop=chop)
    done = tsql(lab, server, asked, lab.pki.bundle("rsa2048"))
    assert "42" in done.stdout.split(), done.stdout + done.stderr
    assert server.result()[0] == "sa"


def test_freetds_refuses_another_ca_and_a_server_without_tls(lab, chain):
    assert "42" not in tsql(lab, SqlServer(lab.pki, chain), "require", lab.pki.bundle("ecc384")).stdout.split()
    assert "42" not in tsql(lab, SqlServer(lab.pki, chain, encryption=NOT_SUP), "require", lab.pki.bundle("rsa2048")).stdout.split()


TEDIOUS = """
const { Connection, Request } = require('tedious');
const [port, encrypt, ca] = process.argv.slice(1);
const connection = new Connection({ server: 'localhost', authentication: { type: 'default', options: { userName: 'sa', password: 'secret' } },
  options: { port: +port, encrypt: encrypt === 'strict' ? 'strict' : encrypt === 'true', trustServerCertificate: false,
             cryptoCredentialsDetails: { ca: require('fs').readFileSync(ca) }, connectTimeout: 10000 } });
connection.on('connect', e => {
  if (e) { console.log(JSON.stringify({ error: e.message })); process.exit(0); }
  let n = null;
  const request = new Request('select 42', e => { console.log(JSON.stringify({ n, error: e ? e.message : null })); connection.close(); });
  request.on('row', columns => { n = columns[0].value; });
  connection.execSqlBatch(request);
});
connection.connect();
"""


def tedious(server, encrypt, ca):
    done = node(TEDIOUS, server.port, encrypt, ca)
    assert done.returncode == 0 and done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("encryption, strict, encrypt", [(OFF, False, "true"), (REQ, False, "true"), (OFF, False, "false"),
                                                         (OFF, True, "strict")])
def test_tedious_logs_in_with_tds_7_and_8_and_verifies(lab, chain, encryption, strict, encrypt):
    server = SqlServer(lab.pki, chain, encryption=encryption, strict=strict)
    assert tedious(server, encrypt, lab.pki.bundle("rsa2048")) == {"n": 42, "error": None}
    other = SqlServer(lab.pki, chain, encryption=encryption, strict=strict)
    assert "n" not in tedious(other, encrypt, lab.pki.bundle("ecc384")) or encrypt == "false"


@pytest.mark.parametrize("chop", [singles, sevens])
def test_tedious_joins_records_that_were_cut(lab, chain, chop):
    server = SqlServer(lab.pki, chain, chop=chop)
    assert tedious(server, "true", lab.pki.bundle("rsa2048")) == {"n": 42, "error": None}


USERS = {"sha2": ("caching_sha2_password", b"secret"), "native": ("mysql_native_password", b"secret")}


def mariadb_client(lab, server, user, password, *options):
    # Nothing but a login: COM_QUIT follows when its input ends.
    return subprocess.run(["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{server.port}", f"-u{user}", f"-p{password}",
                           f"--ssl-ca={lab.pki.bundle('rsa2048')}", *options, "-e", "\\q"], capture_output=True, text=True, timeout=30)


def test_mariadb_s_client_logs_in_to_mysql_8_in_looks(lab, chain):
    if not glob.glob("/usr/lib/*/libmariadb3/plugin/caching_sha2_password.so"):
        pytest.skip("MariaDB's client has no caching_sha2_password here")
    server = Mysql8(lab.pki, chain, USERS)
    for user, password, expected in (("sha2", "secret", "sha2: full, quit"), ("sha2", "secret", "sha2: fast, quit"),
                                     ("sha2", "wrong", "sha2: denied"), ("native", "secret", "native: native, quit"),
                                     ("nobody", "secret", "nobody: denied")):
        n = len(server.results)
        done = mariadb_client(lab, server, user, password)
        assert (done.returncode == 0) == ("quit" in expected), done.stderr
        assert server.result(n) == expected
    server.require = True
    assert "3159" in mariadb_client(lab, server, "native", "secret", "--skip-ssl").stderr


MYSQL2 = """
const [port, user, password, ca] = process.argv.slice(1);
const connection = require('mysql2').createConnection({ host: 'localhost', port: +port, user, password, flags: ['-CONNECT_WITH_DB'],
  ssl: { ca: require('fs').readFileSync(ca) } });
connection.connect(e => { console.log(e ? e.code : 'in'); e ? process.exit(0) : connection.end(); });
"""


def test_mysql2_logs_in_to_mysql_8_in_looks(lab, chain):
    server = Mysql8(lab.pki, chain, USERS)
    for user, password, expected in (("sha2", "secret", "in"), ("sha2", "secret", "in"), ("native", "secret", "in"),
                                     ("sha2", "wrong", "ER_ACCESS_DENIED_ERROR"), ("nobody", "x", "ER_ACCESS_DENIED_ERROR")):
        done = node(MYSQL2, server.port, user, password, lab.pki.bundle("rsa2048"))
        assert done.stdout.strip() == expected, done.stderr
    assert [server.result(n) for n in range(3)] == ["sha2: full, quit", "sha2: fast, quit", "native: native, quit"]
