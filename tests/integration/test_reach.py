"""No address leads dbcertd to this host, its link or its metadata service, whoever names it, unless the configuration says so."""

import json
import os
import subprocess

import pytest

from lab import Dbcertd, Process, Server, config, entry, run, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")
STANDINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../standins")
CONTROL = "10.66.0.1"  # an ordinary address, which the listener has as well

# As the API may name them; the first one has to be reached, so that the listener is known to count.
HOSTS = [CONTROL, "127.0.0.1", "127.9.9.9", "localhost", "db.localhost", "LOCALHOST.", "169.254.169.254", "169.254.170.2", "0.0.0.0", "0",
         "0x7f000001", "127.1", "2130706433", "0177.0.0.1", "hosts.test", "metadata.test", "poison4.test", "poison6.test", "poison0.test",
         "poisonmapped.test", "::1", "[::1]", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fe80::1%lo", "fd00:ec2::254"]

LISTENER = """
import socket
s = socket.create_server(("::", 5432), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100)
print("waits", flush=True)
while True:
    c, _ = s.accept()
    print("knock", c.getsockname()[0].removeprefix("::ffff:"), flush=True)
    c.close()
"""

API = """
import sys, time
sys.path.insert(0, sys.argv[1])
import rds
api = rds.RdsApi()
api.grant("AKIAREACH", "a/secret")
region = api.region("us-east-1")
for i, host in enumerate(sys.argv[2:]):
    region.instance(f"db-{i:02}", host=host)
print(api.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def island(scratch):
    """A namespace where each of these addresses is there and is listened at; words that run a command in it."""
    name = f"dbcertd-{os.getpid()}-r"
    run("ip", "netns", "add", name)
    scratch.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
    run("ip", "-n", name, "link", "set", "lo", "up")
    for address in (CONTROL, "169.254.169.254", "169.254.170.2", "fe80::1", "fd00:ec2::254"):
        run("ip", "-n", name, "address", "add", address + ("/128" if ":" in address else "/32"), "dev", "lo")
    files = {"resolv.conf": "nameserver 127.0.0.53\n",
             "hosts": "127.0.0.1 localhost hosts.test\n169.254.169.254 metadata.test\n"}
    for file, text in files.items():
        with open(os.path.join(scratch.directory, file), "w") as f:
            f.write(text)
    mounts = " && ".join(f"mount --bind {scratch.directory}/{file} /etc/{file}" for file in files)
    inside = ["ip", "netns", "exec", name, "sh", "-c", f'{mounts} && exec "$@"', "-"]
    server = Process([*inside, "/usr/bin/python3", STANDINS + "/nameserver.py", "127.0.0.53"], os.path.join(scratch.directory, "names.log"))
    scratch.push(server)
    wait_until(lambda: "the name server: " + server.output(), lambda: "listens" in server.output())
    listener = Process([*inside, "/usr/bin/python3", "-u", "-c", LISTENER], os.path.join(scratch.directory, "listener.log"))
    scratch.push(listener)
    wait_until(lambda: "the listener: " + listener.output(), lambda: "waits" in listener.output())
    return inside, listener


def knocks(listener):
    return {line.split()[1] for line in listener.output().splitlines() if line.startswith("knock")}


@needs_root
def test_discovered_endpoint_never_leads_to_this_host(scratch, binaries, island):
    """An API that names this host in every form makes dbcertd connect to nothing but the ordinary address among them."""
    inside, listener = island
    api = Process([*inside, "/usr/bin/python3", "-c", API, STANDINS, *HOSTS], os.path.join(scratch.directory, "api.log"))
    scratch.push(api)
    url = wait_until("the API", lambda: api.output().strip())
    text = (f'timeout = "5s"; alerts = {{ unreachable_after = 1; group_wait = "0s"; }};\n'
            f'rds = ( {{ region = "us-east-1"; credentials = "environment"; endpoint_url = "{url}"; }} );\n')
    daemon = Dbcertd(scratch, binaries, text, prefix=inside, env={"AWS_ACCESS_KEY_ID": "AKIAREACH", "AWS_SECRET_ACCESS_KEY": "a/secret"})
    wait_until("a round", lambda: daemon.get("/v1/rds")["sources"][0]["discovered"])
    endpoints = daemon.settle()
    assert knocks(listener) == {CONTROL}
    by_host = {e["host"]: e for e in endpoints.values()}
    assert len(by_host) >= 18, sorted(by_host)
    for host, e in by_host.items():
        messages = [f["message"] for f in e["findings"]]
        assert messages, host
        if host in ("127.0.0.1", "localhost", "169.254.169.254", "0.0.0.0", "hosts.test", "metadata.test", "poison4.test", "poisonmapped.test"):
            assert any("dbcertd does not connect to it; if that is meant, set loopback = true for this endpoint, in an entry of its own "
                       "in the configuration" in m for m in messages), (host, messages)


@needs_root
def test_configured_endpoint_needs_loopback_for_this_host(scratch, binaries, island):
    """Without the key a literal, a pin, localhost and /etc/hosts are refused and --check-config names the key; with it all are probed."""
    inside, listener = island
    hosts = {"literal": {"host": "127.0.0.1"}, "local": {"host": "localhost"}, "hosts": {"host": "hosts.test"},
             "metadata": {"host": "169.254.169.254"}, "mapped": {"host": "::ffff:127.0.0.1"},
             "pinned": {"host": "a.test", "addresses": ["127.0.0.7", CONTROL]}, "link": {"host": "b.test", "addresses": ["fe80::1%lo"]}}

    def text(loopback):
        entries = [entry(name, "tls", 5432, **{"addresses": None, "loopback": loopback, **keys}) for name, keys in hosts.items()]
        return config(scratch.pki.bundle("rsa2048"), entries, 'timeout = "5s";')
    daemon = Dbcertd(scratch, binaries, text(None), prefix=inside)
    endpoints = daemon.settle()
    assert knocks(listener) == {CONTROL}
    for name, e in endpoints.items():
        assert any("set loopback = true for this endpoint" in f["message"] for f in e["findings"]), (name, e["findings"])
    assert {a["address"]: a["outcome"] for a in endpoints["pinned"]["addresses"]}["127.0.0.7"] == "unreachable"
    check = subprocess.run([*inside, binaries + "/dbcertd", "--config", daemon.config, "--check-config"], capture_output=True, text=True)
    assert check.returncode == 0
    for name in set(hosts) - {"hosts"}:
        assert any(f": {name}: " in line and "set loopback = true" in line for line in (check.stdout + check.stderr).splitlines()), (name, check)
    daemon.write(text(True))
    daemon.reload()
    for name in hosts:
        daemon.probe(name)
    assert {"127.0.0.1", "127.0.0.7", "169.254.169.254", CONTROL} <= knocks(listener)


def test_scan_of_this_host_is_the_users_own_word(binaries):
    """What somebody types on a command line is probed, on this host, too."""
    server = Server(lambda c: c.recv(1))
    done = subprocess.run([binaries + "/dbcertctl", "scan", "--json", f"tls://127.0.0.1:{server.port}"], capture_output=True, text=True)
    assert server.seen and "loopback" not in json.dumps(json.loads(done.stdout)["findings"])
