"""What the demonstration and the integration tests share: a certificate hierarchy in the shape of RDS, real
PostgreSQL and MariaDB servers on private data directories, and the daemon itself. Standard library only."""

import atexit
import contextlib
import datetime
import fcntl
import functools
import glob
import http.client
import json
import os
import pty
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

REGION = "us-east-1"
CATALOGUE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../daemon/rds/catalogue.tsv")
ZONE = f"c9akciq32rgq.{REGION}.rds.amazonaws.com"
DAY = 86400


def host(name):
    return f"{name}.{ZONE}"


def ago(days):
    """So many days before the last full hour, in seconds since the epoch."""
    return int(time.time()) // 3600 * 3600 - int(days * DAY)


def run(*command, check=True, **options):
    """Runs a command to its end; what it printed, or an exception with that."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if check and done.returncode:
        raise RuntimeError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def bound(address):
    """A socket on a port that nobody has, and below those that the kernel gives to connections: they come and go by the
    thousand while others run beside us."""
    while True:
        s = socket.socket()
        try:
            s.bind((address, random.randrange(10000, 32000)))
            return s
        except OSError:
            s.close()


def free_port(address="127.0.0.1"):
    with bound(address) as s:
        return s.getsockname()[1]


held = []  # for as long as we run


def closed_port(address="127.0.0.1"):
    """One on which nobody listens, and nobody else may."""
    held.append(bound(address))
    return held[-1].getsockname()[1]


def wait_until(what, condition, seconds=60):
    """Waits for a condition with a value that is true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what() if callable(what) else what}: not within {seconds} s")
        time.sleep(0.05)


class Pki:
    """Roots and subordinates as RDS makes them; every server shares one key, since keys are slow to make."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        self.authorities = {}
        self.server_key = self._key("server", "rsa2048")

    def path(self, name):
        return os.path.join(self.directory, name)

    def _key(self, name, kind):
        path = self.path(name + ".key")
        options = {"rsa2048": ["--key-type=rsa", "--bits=2048"], "ecc384": ["--key-type=ecdsa", "--curve=secp384r1"]}
        run("certtool", "--generate-privkey", *options.get(kind, options["rsa2048"]), "--no-text", "--outfile", path)
        os.chmod(path, 0o644)
        return path

    def _template(self, name, lines, begin, end):
        def text(t):
            return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
        path = self.path(name + ".template")
        with open(path, "w") as f:
            f.write("\n".join(lines + [f'activation_date = "{text(begin)}"', f'expiration_date = "{text(end)}"', ""]))
        return path

    def _issue(self, out, template, key, issuer=None):
        """A certificate of the key; issuer: its (certificate, key), None: it is its own."""
        how = ["--generate-self-signed"]
        if issuer:
            how = ["--generate-certificate", "--load-ca-certificate", issuer[0], "--load-ca-privkey", issuer[1]]
        run("certtool", *how, "--no-text", "--load-privkey", key, "--template", template, "--outfile", out)

    @staticmethod
    def _join(out, paths):
        with open(out, "w") as f:
            for path in paths:
                f.write(open(path).read())

    def authority(self, kind="rsa2048", root_days=(1000, 13600), subordinate_days=(900, 2750)):
        """The root and subordinate of rds-ca-<kind>-g1; days before and after now that each is valid."""
        if kind in self.authorities:
            return self.authorities[kind]
        upper = kind.upper()
        root_cn, sub_cn = (f"Amazon RDS {REGION} {role} CA {upper} G1{end}"
                           for role, end in (("Root", ""), ("Subordinate", ".A.1")))
        common = ['organization = "Amazon Web Services, Inc."', 'unit = "Amazon RDS"', 'state = "WA"',
                  'locality = "Seattle"', 'country = "US"', "ca", "cert_signing_key", "crl_signing_key"]
        root_key, sub_key = self._key(f"root-{kind}", kind), self._key(f"sub-{kind}", kind)
        root, sub = self.path(f"root-{kind}.pem"), self.path(f"sub-{kind}.pem")
        template = self._template(f"root-{kind}", [f'cn = "{root_cn}"'] + common, ago(root_days[0]), ago(-root_days[1]))
        self._issue(root, template, root_key)
        template = self._template(f"sub-{kind}", [f'cn = "{sub_cn}"'] + common + ["path_len = 0"],
                                  ago(subordinate_days[0]), ago(-subordinate_days[1]))
        self._issue(sub, template, sub_key, (root, root_key))
        self.authorities[kind] = (root, sub, sub_key, root_key)
        return self.authorities[kind]

    def catalogue(self, path):
        """What is built in, newer, with these roots in place of Amazon's."""
        with open(CATALOGUE) as f:
            lines = f.read().splitlines()
        for i, line in enumerate(lines):
            column = line.split("\t")
            if column[0] == "version":
                lines[i] = "version\t2999-01-01"
            kind = column[1][len("rds-ca-"):-len("-g1")] if column[0] == "authority" else None
            if kind in self.authorities and column[2:5] == [REGION, "production", "root"]:
                facts = openssl_facts(self.authorities[kind][0])
                lines[i] = "\t".join(column[:6] + [facts["not_before"], facts["not_after"], column[8], facts["sha256"]])
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        return path

    def bundle(self, *kinds):
        """A PEM file with the roots, as Amazon's bundles hold them."""
        path = self.path("bundle-" + "-".join(kinds) + ".pem")
        with open(path, "w") as out:
            for kind in kinds:
                out.write(f"# {kind}\n" + open(self.authority(kind)[0]).read())
        return path

    def _server_lines(self, name, san):
        return [f'cn = "{name}"', 'unit = "RDS"', 'organization = "Amazon.com"', 'locality = "Seattle"',
                'state = "Washington"', 'country = "US"'] + ([f'dns_name = "{name}"'] if san else [])

    def server(self, file, name, begin, end, kind="rsa2048", send=("sub",), san=True):
        """A server certificate, and its chain in a file as the server sends it. Returns (chain, certificate)."""
        root, sub, sub_key, _ = self.authority(kind)
        template = self._template(file, self._server_lines(name, san), begin, end)
        leaf, chain = self.path(file + ".pem"), self.path(file + "-chain.pem")
        self._issue(leaf, template, self.server_key, (sub, sub_key))
        self._join(chain, [leaf] + [{"sub": sub, "root": root}[what] for what in send])
        return chain, leaf

    def acm(self, file, name, begin, end):
        """A certificate as AWS Certificate Manager makes them for proxies, and the root that a system would trust."""
        root, sub = self.path("acm-root.pem"), self.path("acm-sub.pem")
        root_key, sub_key = self._key("acm-root", "rsa2048"), self._key("acm-sub", "rsa2048")
        common = ['organization = "Amazon"', 'country = "US"', "ca", "cert_signing_key"]
        template = self._template("acm-root", ['cn = "Amazon Root CA 1"'] + common, ago(1000), ago(-4000))
        self._issue(root, template, root_key)
        template = self._template("acm-sub", ['cn = "Amazon RSA 2048 M01"'] + common, ago(900), ago(-2000))
        self._issue(sub, template, sub_key, (root, root_key))
        template = self._template(file, [f'cn = "{name}"', f'dns_name = "{name}"'], begin, end)
        leaf, chain = self.path(file + ".pem"), self.path(file + "-chain.pem")
        self._issue(leaf, template, self.server_key, (sub, sub_key))
        self._join(chain, [leaf, sub])
        return chain, leaf, root

    def web_authority(self):
        """The root that vouches for web servers here."""
        if not os.path.exists(self.path("web-root.pem")):
            self._key("web-root", "rsa2048")
            self._key("web-server", "rsa2048")
            template = self._template("web-root", ['cn = "Web Root"', "ca", "cert_signing_key"], ago(100), ago(-1000))
            self._issue(self.path("web-root.pem"), template, self.path("web-root.key"))
        return self.path("web-root.pem")

    def web_server(self, file, name):
        template = self._template("web-" + file, [f'cn = "{name}"', f'dns_name = "{name}"'], ago(30), ago(-60))
        self._issue(self.path(f"web-{file}.pem"), template, self.path("web-server.key"), (self.web_authority(), self.path("web-root.key")))
        return self.path(f"web-{file}.pem")

    def self_signed(self, file, name, begin, end):
        template = self._template(file, self._server_lines(name, True), begin, end)
        leaf = self.path(file + ".pem")
        self._issue(leaf, template, self.server_key)
        return leaf, leaf


def openssl_facts(path):
    """What `openssl x509` says of the first certificate in a file, in the words of the status socket."""
    out = run("openssl", "x509", "-in", path, "-noout", "-serial", "-fingerprint", "-sha256", "-dates", "-dateopt",
              "iso_8601", "-ext", "subjectAltName", check=False)
    fields = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    names = [part.strip()[4:] for line in out.splitlines() for part in line.split(",") if part.strip().startswith("DNS:")]
    return {
        "serial": fields["serial"],
        "sha256": fields["sha256 Fingerprint"].replace(":", "").lower(),
        "not_before": fields["notBefore"].replace(" ", "T"),
        "not_after": fields["notAfter"].replace(" ", "T"),
        "names": names,
    }


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


def mysql_packet(sequence, payload):
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


def mysql_greeting(tls=True, plugin=b"mysql_native_password"):
    """HandshakeV10 of a MariaDB."""
    capabilities = b"\xfe\xff" if tls else b"\xfe\xf7"
    return mysql_packet(0, b"\x0a5.5.5-10.11.6-MariaDB\0\x07\0\0\0abcdefgh\0" + capabilities + b"\x21\x02\0\xff\x81\x15" +
                        bytes(10) + b"ijklmnopqrst\0" + plugin + b"\0")


MYSQL_DENIED = b"\xff\x15\x04#28000Access denied"


def tds_packet(kind, data, last=True):
    """MS-TDS 2.2.3: type, status, length, SPID, packet, window."""
    return bytes([kind, 1 if last else 0]) + (len(data) + 8).to_bytes(2, "big") + b"\0\0\1\0" + data


def tds_prelogin(encryption):
    """A server's answer to PRELOGIN: VERSION and ENCRYPTION."""
    return tds_packet(4, b"\0\0\x0b\0\6\1\0\x11\0\1\xff" + b"\x0f\0\x10\x1e\0\0" + bytes([encryption]))


def as_user(name):
    """The words before a command that make it run as that user; none where we are not root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups"]


class Process:
    """A child that is ended with its lab."""

    def __init__(self, command, log, **options):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                            start_new_session=True, **options)

    def output(self):
        return open(self.log, errors="replace").read()

    def told(self, *texts):
        """Waits until all of these are said. An alert is written to the state first, so whoever asks the socket may hear of it earlier."""
        wait_until(lambda: f"{texts} in {self.output()}", lambda: all(text in self.output() for text in texts), 20)

    def resident_mb(self, peak=False):
        """Its resident memory now, or the most that it had."""
        with open(f"/proc/{self.process.pid}/status") as f:
            key = "VmHWM:" if peak else "VmRSS:"
            return int(next(line for line in f if line.startswith(key)).split()[1]) / 1024

    def stop(self, how=signal.SIGTERM, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def private_directory(path, user):
    os.makedirs(path)
    os.chmod(path, 0o700)
    if os.geteuid() == 0:
        shutil.chown(path, user, user)


def postgres_binary(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else name


def postgres_version():
    """Its major one. From 17 on it speaks TLS from the first byte, too."""
    return int(re.search(r"\) (\d+)", run(postgres_binary("postgres"), "--version"))[1])


class Server:
    """Accepts connections on loopback and hands each to serve(), in a thread of its own. What serve() returns is kept."""

    def __init__(self, serve=None, address="127.0.0.1", port=0):
        if serve:
            self.serve = serve
        self.seen, self.results, self.by_connection = [], [], {}
        self.listener = socket.create_server((address, port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.seen.append(connection)
            threading.Thread(target=self._handle, args=(connection, len(self.seen) - 1), daemon=True).start()

    def _handle(self, connection, number):
        connection.settimeout(20)
        with connection:
            try:
                result = self.serve(connection)
            except (OSError, EOFError, AssertionError) as e:
                result = f"{type(e).__name__}: {e}"
            self.by_connection[number] = result
            self.results.append(result)  # in the order in which they ended

    def result(self, n=0):
        """What came of connection n, once it is over."""
        wait_until("the connection ends", lambda: n in self.by_connection)
        return self.by_connection[n]

    def stop(self):
        self.listener.close()


class Dnsmasq(Process):
    """A name server at 127.0.0.53; names are given as its own options."""

    def __init__(self, lab, *options, prefix=()):
        super().__init__([*prefix, "dnsmasq", "-k", "-C", "/dev/null", "-h", "-R", "-a", "127.0.0.53", "-I", "lo", "--bind-interfaces",
                          "--pid-file=", "--log-facility=-", *options], os.path.join(lab.directory, "dns.log"))
        wait_until("dnsmasq listens: " + self.log, lambda: "started, version" in self.output())
        lab.push(self)


class Openssl(Process):
    """openssl s_server: TLS from the first byte, as old as it is asked to be."""

    def __init__(self, lab, name, chain, *options, address="127.0.0.1"):
        self.address, self.port = address, free_port(address)
        super().__init__(["openssl", "s_server", "-accept", f"{address}:{self.port}", "-cert", chain, "-cert_chain", lab.pki.authority()[1],
                          "-key", lab.pki.server_key, "-quiet", *options], os.path.join(lab.directory, f"openssl-{name}.log"))
        lab.push(self)
        wait_until("openssl " + name, self.answers)

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex((self.address, self.port)) == 0


class Nginx(Process):
    """Serves a directory: over HTTPS with each certificate on a port of its own, and over HTTP. `locations` as nginx has them."""

    def __init__(self, lab, name, directory, certificates, key, locations=""):
        os.chmod(lab.directory, 0o755)
        os.chmod(directory, 0o755)
        self.ports = {which: free_port() for which in [*certificates, "plain"]}
        self.access = os.path.join(lab.directory, f"nginx-{name}.access")
        where = os.path.join(lab.directory, "nginx-" + name)
        servers = "".join(f"""server {{ listen 127.0.0.1:{self.ports[which]}{' ssl' if which in certificates else ''}; root {directory};
            {f'ssl_certificate {certificates[which]}; ssl_certificate_key {key};' if which in certificates else ''} {locations} }}
            """ for which in self.ports)
        with open(where + ".conf", "w") as f:
            f.write(f"""worker_processes 1; pid {where}.pid; error_log stderr; daemon off; events {{}}
                http {{ access_log {self.access}; client_body_temp_path {where}.b; proxy_temp_path {where}.p; fastcgi_temp_path {where}.f;
                uwsgi_temp_path {where}.u; scgi_temp_path {where}.s; {servers} }}""")
        super().__init__(["nginx", "-e", "stderr", "-c", where + ".conf"], os.path.join(lab.directory, f"nginx-{name}.log"))
        lab.push(self)
        wait_until(lambda: "nginx: " + self.output(), self.answers)

    def answers(self):
        for port in self.ports.values():
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True


@functools.cache
def template(user, *command):
    """A data directory that a command makes when it is given it last: made once, to be copied for each server."""
    parent = tempfile.mkdtemp(prefix="dbcertd-lab-")
    os.chmod(parent, 0o755)
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    private_directory(parent + "/data", user)
    run(*as_user(user), *command[:-1], command[-1] + parent + "/data", cwd=parent)
    return parent + "/data"


class Postgres(Process):
    def __init__(self, lab, name, chain, address="127.0.0.1", settings=(), tls=True, prefix=()):
        self.directory = os.path.join(lab.directory, "postgres-" + name)
        self.address, self.port = address, free_port() if not prefix else 5432
        made = template("postgres", postgres_binary("initdb"), "--auth=trust", "--no-sync", "--wal-segsize=1",
                        "-U", "postgres", "--pgdata=")
        run("cp", "-a", made, self.directory)
        lab.private_file(lab.pki.server_key, self.directory + "/server.key", "postgres")
        self.serve(chain)
        options = {"listen_addresses": address, "port": self.port, "ssl": "on" if tls else "off",
                   "unix_socket_directories": self.directory, "ssl_cert_file": self.directory + "/server.pem",
                   "ssl_key_file": self.directory + "/server.key", "fsync": "off", "shared_buffers": "16MB"}
        options.update(dict(settings))
        arguments = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        super().__init__([*prefix, *as_user("postgres"), postgres_binary("postgres"), "-D", self.directory, *arguments],
                         os.path.join(lab.directory, f"postgres-{name}.log"), cwd=lab.directory)
        wait_until(f"postgres {name}: {self.log}", lambda: "ready to accept connections" in self.output())
        lab.push(self)

    def serve(self, chain):
        """Puts another certificate in place; reload() makes the server take it."""
        shutil.copy(chain, self.directory + "/server.pem")
        os.chmod(self.directory + "/server.pem", 0o644)

    def reload(self):
        before = self.output().count("received SIGHUP")
        self.process.send_signal(signal.SIGHUP)
        wait_until("postgres reloads", lambda: self.output().count("received SIGHUP") > before)
        time.sleep(0.2)

    def stop(self):
        return super().stop(signal.SIGINT)


class Mariadb(Process):
    def __init__(self, lab, name, chain, address="127.0.0.1", settings=(), tls=True, prefix=(), init=""):
        self.directory = os.path.join(lab.directory, "mariadb-" + name)
        self.address, self.port = address, free_port() if not prefix else 3306
        small = "--innodb-log-file-size=4M"
        made = template("mysql", "mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
                        small, "--datadir=")
        run("cp", "-a", made, self.directory)
        lab.private_file(lab.pki.server_key, self.directory + "/server.key", "mysql")
        self.serve(chain)
        self.socket = self.directory + "/s.sock"
        # Debian's own defaults are left out: the server is to be as MariaDB makes it.
        options = {"datadir": self.directory, "bind-address": address, "port": self.port, "socket": self.socket,
                   "pid-file": self.directory + "/pid", "performance-schema": "ON",
                   "innodb-buffer-pool-size": "16M", "innodb-flush-log-at-trx-commit": "0"}
        if tls:
            options.update({"ssl-cert": self.directory + "/server.pem", "ssl-key": self.directory + "/server.key"})
        else:
            options["ssl"] = "OFF"  # 11.4 and later make themselves a certificate
        options.update(dict(settings))
        arguments = [small, *(f"--{key}={value}" for key, value in options.items())]
        super().__init__([*prefix, *as_user("mysql"), "mariadbd", "--no-defaults", *arguments],
                         os.path.join(lab.directory, f"mariadb-{name}.log"), cwd=lab.directory)
        wait_until(f"mariadb {name}: {self.log}", lambda: "ready for connections" in self.output())
        lab.push(self)
        if init:
            self.sql(init)

    def serve(self, chain):
        shutil.copy(chain, self.directory + "/server.pem")
        os.chmod(self.directory + "/server.pem", 0o644)

    def errors_counted(self, address):
        """Connections of a client that ended before login, since its last one; None if it is not known."""
        out = self.sql(f"SELECT SUM_CONNECT_ERRORS FROM performance_schema.host_cache WHERE IP = '{address}'").split()
        return int(out[0]) if out else None

    def sql(self, statements):
        return run("mariadb", "--no-defaults", f"--socket={self.socket}", "--skip-ssl", "-uroot", "-N", "-B", "-e", statements)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=90)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Dbcertd(Process):
    """The daemon in the foreground, on a configuration and a socket of its own."""

    def __init__(self, lab, binaries, config, name="dbcertd", prefix=(), env=None, wait=True):
        self.binaries = binaries
        self.prefix = prefix
        self.config = os.path.join(lab.directory, name + ".conf")
        self.socket = os.path.join(lab.directory, name + ".sock")
        self.state = os.path.join(lab.directory, name + ".state")
        self.lab = lab
        self.write(config)
        super().__init__([*prefix, os.path.join(binaries, "dbcertd"), "--config", self.config],
                         os.path.join(lab.directory, name + ".log"), env=dict(os.environ, **(env or {})))
        lab.push(self)
        if wait:
            wait_until("dbcertd answers: " + self.log, self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"dbcertd ended with {self.process.returncode}:\n{self.output()}")
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket) == 0

    def write(self, config):
        self.text = config
        self.catalogue = self.lab.pki.catalogue(os.path.join(self.lab.directory, "catalogue.tsv"))
        with open(self.config + ".new", "w") as f:
            f.write(f'socket = "{self.socket}"; state = "{self.state}";\n' + config)
        os.rename(self.config + ".new", self.config)  # it may be starting, and about to read it

    def stop(self, *arguments):
        ran = self.process.poll() is None
        status = super().stop(*arguments)
        assert status == 0 or arguments or not ran, f"dbcertd ended with {status}:\n{self.output()}"
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert word not in self.output(), self.output()
        return status

    def reload(self):
        before = self.output().count("reloaded") + self.output().count("is not taken")
        self.process.send_signal(signal.SIGHUP)
        wait_until("dbcertd reloads", lambda: self.output().count("reloaded") + self.output().count("is not taken") > before)

    def ctl(self, *words, **options):
        options.setdefault("check", False)
        options.setdefault("env", dict(os.environ, DBCERTD_CATALOGUE=self.catalogue))
        return subprocess.run([os.path.join(self.binaries, "dbcertctl"), "--socket", self.socket, *words],
                              capture_output=True, text=True, **options)

    def on_terminal(self, columns, *words):
        """What dbcertctl prints on a terminal of so many columns, with its colours."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.read(0, 1)  # until the terminal has its size
            os.execve(os.path.join(self.binaries, "dbcertctl"), ["dbcertctl", "--socket", self.socket, *words],
                      {k: v for k, v in os.environ.items() if k != "NO_COLOR"})
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        os.write(terminal, b"\n")
        text = b""
        with contextlib.suppress(OSError):  # that is how it ends
            while piece := os.read(terminal, 65536):
                text += piece
        os.close(terminal)
        os.waitpid(pid, 0)
        return text.decode().replace("\r", "").split("\n", 1)[1]  # behind the newline's echo

    def get(self, path, method="GET"):
        with contextlib.closing(UnixConnection(self.socket)) as connection:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())

    def endpoint(self, name):
        return self.get("/v1/endpoints/" + name)

    def all_findings(self):
        """But what the daemon says of itself: whether the clock is synchronised is this machine's matter."""
        return [f for f in self.get("/v1/findings")["findings"] if "daemon" not in f]

    def probe(self, name):
        return self.get(f"/v1/endpoints/{name}/probe", "POST")

    def settle(self, seconds=90):
        """Waits until every endpoint has been probed; returns them by name."""
        def all_probed():
            endpoints = self.get("/v1/endpoints")["endpoints"]
            waiting = self.get("/v1/status")["probing"]
            return endpoints if not waiting and all(e["next_probe_at"] for e in endpoints) else None
        wait_until("the first round", lambda: self.get("/v1/status")["probing"] or self.get("/v1/status")["next_probe_at"])
        return {e["name"]: e for e in wait_until("all probed", all_probed, seconds)}


def restart(lab, binaries, daemon, text, how=signal.SIGTERM, **options):
    """Ends it and starts it again on the same state. What the new one says is its own."""
    if how == signal.SIGKILL:
        daemon.process.kill()
        daemon.process.wait()
    else:
        daemon.stop()
    os.unlink(daemon.log)
    return Dbcertd(lab, binaries, text, **options)


JOURNALD = """
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal /run/conf
cat >/run/conf/journald.conf <<END
[Journal]
Storage=volatile
ForwardToSyslog=no
ReadKMsg=no
Audit=no
RateLimitIntervalSec=0
RuntimeMaxUse=64M
END
mount --bind /run/conf/journald.conf /etc/systemd/journald.conf
mount -t tmpfs tmpfs /usr/local/lib
mkdir -p /usr/local/lib/systemd/catalog
cp "$1" /usr/local/lib/systemd/catalog/dbcertd.catalog
mount -t tmpfs tmpfs /var/lib/systemd/catalog
journalctl --update-catalog
exec /lib/systemd/systemd-journald
"""


class Journald(Process):
    """A real journald in a mount namespace of its own, with our catalog. Needs root."""

    def __init__(self, lab):
        catalog = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../systemd/dbcertd.catalog")
        super().__init__(["unshare", "--mount", "--propagation", "private", "sh", "-c", JOURNALD, "-", catalog],
                         os.path.join(lab.directory, "journald.log"))
        lab.push(self)
        # Words that run a command where /run is the private one.
        self.inside = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt"]
        wait_until(lambda: "journald: " + self.output(),
                   lambda: run(*self.inside, "sh", "-c", "test -S /run/systemd/journal/socket && echo yes", check=False))


class Lab(contextlib.ExitStack):
    """A directory for everything, and the order in which it is taken down again."""

    def __init__(self):
        super().__init__()
        self.directory = tempfile.mkdtemp(prefix="dbcertd-lab-")
        self.processes = []
        os.chmod(self.directory, 0o755)
        self.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self.pki = Pki(os.path.join(self.directory, "pki"))

    def push(self, process):
        self.processes.append(process)
        self.callback(process.stop)

    def credential(self, name, value):
        """What systemd would set in the environment of a service that loads this credential."""
        directory = os.path.join(self.directory, "credentials")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, name), "w") as f:
            f.write(value + "\n")
        return {"CREDENTIALS_DIRECTORY": directory}

    def private_file(self, source, path, user):
        shutil.copy(source, path)
        if os.geteuid() == 0:
            shutil.chown(path, user, user)
        os.chmod(path, 0o600)
