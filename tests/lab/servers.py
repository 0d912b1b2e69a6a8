"""Real servers on private data directories, and listeners that answer as a test likes."""

import atexit
import functools
import glob
import os
import re
import shutil
import signal
import socket
import tempfile
import threading
import time

from lab.base import Process, as_user, free_port, private_directory, run, wait_until


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
