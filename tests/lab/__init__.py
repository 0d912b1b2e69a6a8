"""What the demonstration and the integration tests share: a certificate hierarchy in the shape of RDS, real
PostgreSQL and MariaDB servers on private data directories, and the daemon itself. Standard library only."""

import contextlib
import os
import shutil
import tempfile

from lab.base import CATALOGUE, DAY, Process, REGION, ZONE, ago, as_user, bound, closed_port, free_port, held, host, private_directory, run, wait_until  # noqa: F401
from lab.pki import Pki, openssl_facts  # noqa: F401
from lab.settings import config, entry, seeing, trusting, with_names  # noqa: F401
from lab.answers import findings, journal_entries, own_findings, said  # noqa: F401
from lab.wire import MYSQL_DENIED, mysql_greeting, mysql_packet, tds_packet, tds_prelogin  # noqa: F401
from lab.servers import Dnsmasq, Mariadb, Nginx, Openssl, Postgres, Server, postgres_binary, postgres_version, template  # noqa: F401
from lab.daemon import Dbcertd, JOURNALD, Journald, UnixConnection, restart  # noqa: F401


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
