"""Files and fetched bodies whose author wants dbcertd to take long, or to wait for ever: whatever they hold, the loop answers."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

import hostilefiles
from lab import Dbcertd, closed_port, config, entry, run, wait_until
from loopwatch import loop_answers


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A path to each hostile file, made when it is asked for."""
    directory = tmp_path_factory.mktemp("hostile")

    def path(name):
        file = directory / name
        if not file.exists():
            file.write_bytes(hostilefiles.FILES[name]())
        return str(file)
    return path


class Body(http.server.BaseHTTPRequestHandler):
    """Serves what its server holds; nothing yet is a failure."""

    def do_GET(self):
        body = self.server.body
        self.send_response(200 if body else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def site(scratch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Body)
    server.body = b""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def watch(lab, binaries, *paths, trust="", **options):
    """A daemon with an endpoint that is away, and a trust store at each path."""
    stores = ", ".join(f'{{ name = "s{i}"; path = "{path}"; }}' for i, path in enumerate(paths))
    text = config(lab.pki.bundle("rsa2048"), [entry("orders", "tls", closed_port())], more=f"trust_stores = ( {stores} );")
    daemon = Dbcertd(lab, binaries, text.replace("trust = {", "trust = { " + trust), **options)
    daemon.settle()
    return daemon


def store(daemon, i=0):
    return daemon.get("/v1/trust")["trust_stores"][i]


def finding(found):
    """What is wrong with a store's file; None if nothing is."""
    return next((f["message"] for f in found["findings"] if f["id"] in ("trust-store-unreadable", "trust-store-damaged")), None)


def put(source, path):
    """As a whole, at once."""
    shutil.copy(source, path + ".new")
    os.rename(path + ".new", path)


def tell(daemon, expected):
    """Waits until the first store is what is expected; returns it."""
    return wait_until(lambda: f"{expected}, but {json.dumps(store(daemon), indent=1)}\n{daemon.output()}",
                      lambda: found if expected(found := store(daemon)) else None, 120)


@pytest.mark.parametrize("name", hostilefiles.FILES)
def test_store_of_hostile_file_leaves_the_loop_free(scratch, binaries, files, name):
    """A trust store that another user replaces by a file that takes long to read is read, and the loop answers throughout."""
    path = os.path.join(scratch.directory, "store")
    shutil.copy(scratch.pki.bundle("rsa2048"), path)
    source = files(name)
    daemon = watch(scratch, binaries, path)
    tell(daemon, lambda found: found["certificates"] == 1)
    with loop_answers(daemon):
        put(source, path)
        found = tell(daemon, lambda found: finding(found) or found["certificates"] > 1)
    assert found["certificates"] == (5000 if name.startswith("many-certificates") else 1)
    assert daemon.stop() == 0


@pytest.mark.skipif(bool(os.environ.get("DBCERTD_SANITIZED")), reason="sanitizers keep what was freed")
@pytest.mark.parametrize("make", [hostilefiles.many_certificates, hostilefiles.certificates_of_many_parts, hostilefiles.certificates_of_many_bytes])
def test_stores_of_5000_certificates_fit_in_memory(scratch, binaries, make):
    """Seven hostile stores take less than the unit allows, those that do not fit are findings, and the one beside them is read."""
    source, path = (os.path.join(scratch.directory, name) for name in ("source", "store"))
    with open(source, "wb") as f:
        f.write(make())
    shutil.copy(scratch.pki.bundle("rsa2048"), path)
    paths = [os.path.join(scratch.directory, f"large-{i}") for i in range(7)]
    for large in paths:
        os.symlink(source, large)
    daemon = watch(scratch, binaries, *paths, path)
    with loop_answers(daemon):
        tell(daemon, lambda _: all(store(daemon, i)["certificates"] or finding(store(daemon, i)) for i in range(8)))
    stores = daemon.get("/v1/trust")["trust_stores"]
    assert stores[7]["certificates"] == 1 and not finding(stores[7])
    assert daemon.resident_mb() < 160, daemon.resident_mb()
    left_out = [finding(found) for found in stores[:7] if not found["certificates"]]
    assert all("those of all trust stores together may take 32 MB" in message for message in left_out)
    assert (make is hostilefiles.certificates_of_many_bytes) == bool(left_out), stores
    assert daemon.endpoint("orders")["addresses"][0]["outcome"] == "unreachable"
    assert daemon.stop() == 0


@pytest.mark.skipif(bool(os.environ.get("DBCERTD_SANITIZED")), reason="sanitizers keep what was freed")
def test_fetch_of_certificates_of_many_parts_fits_in_memory(scratch, binaries, site):
    """What GnuTLS would take 170 KB each for is used as far as a file may go."""
    url = f"http://127.0.0.1:{site.server_port}/bundle.pem"
    daemon = watch(scratch, binaries, trust=f'fetch = [ "{url}" ]; fetch_http = true; ')
    site.body = hostilefiles.certificates_of_many_parts()
    with loop_answers(daemon):
        daemon.reload()
        wait_until(daemon.output, lambda: "another bundle is used" in daemon.output() or os.path.exists(refused(daemon)), 120)
    assert daemon.resident_mb() < 200, daemon.resident_mb()
    assert daemon.stop() == 0


@pytest.mark.parametrize("name", hostilefiles.FILES)
def test_fetch_of_hostile_body_leaves_the_loop_free(scratch, binaries, files, site, name):
    """A server of bundles that answers with such a file gets it parsed, used or refused, and the loop answers throughout."""
    with open(files(name), "rb") as f:
        body = f.read()
    url = f"http://127.0.0.1:{site.server_port}/bundle.pem"
    daemon = watch(scratch, binaries, trust=f'fetch = [ "{url}" ]; fetch_http = true; ')
    site.body = body
    with loop_answers(daemon):
        daemon.reload()
        if name.startswith("many-certificates"):
            wait_until(daemon.output, lambda: "another bundle is used: 5001 trusted certificates" in daemon.output(), 120)
            daemon.reload()
        else:
            wait_until(daemon.output, lambda: os.path.exists(refused(daemon)), 120)
    assert daemon.stop() == 0


def refused(daemon):
    directory = os.path.join(daemon.state, "bundles")
    return os.path.join(directory, next((name for name in os.listdir(directory) if name.endswith(".refused")), "none"))


def test_fetch_of_5000_other_roots_leaves_the_loop_free(scratch, binaries, files, site):
    """A bundle of 5,000 certificates in place of 5,000 others is used, the news names some of them, and the loop answers throughout."""
    url = f"http://127.0.0.1:{site.server_port}/bundle.pem"
    daemon = watch(scratch, binaries, trust=f'fetch = [ "{url}" ]; fetch_http = true; ')
    bodies = [open(files(name), "rb").read() for name in ("many-certificates", "many-certificates-of-one-name")]
    used = "another bundle is used: 5001 trusted certificates"
    with loop_answers(daemon):
        for i, body in enumerate(bodies):
            site.body = body
            daemon.reload()
            wait_until(daemon.output, lambda: daemon.output().count(used) == i + 1, 120)
        found = daemon.get("/v1/trust")["bundles"][0]
    assert (found["certificates"], len(found["came"]), len(found["went"])) == (5000, 200, 200)
    message = next(f["message"] for f in found["findings"] if f["id"] == "bundle-changed")
    assert message.count(" more") == 2 and len(message) < 2000, message
    assert daemon.stop() == 0


def test_reload_while_files_are_read_takes_the_newest(scratch, binaries, files, site):
    """Reloads while a store, a fetched body and the merged bundle are being read cancel what is under way, and the last one counts."""
    path = os.path.join(scratch.directory, "store")
    shutil.copy(files("many-certificates"), path)
    with open(files("many-certificates"), "rb") as f:
        site.body = f.read()
    url = f"http://127.0.0.1:{site.server_port}/bundle.pem"
    daemon = watch(scratch, binaries, path, trust=f'fetch = [ "{url}" ]; fetch_http = true; ')
    for _ in range(12):
        daemon.reload()
        time.sleep(0.2)
    wait_until(daemon.output, lambda: daemon.get("/v1/trust")["bundles"][0]["certificates"] == 5000 and store(daemon)["certificates"] == 5000, 120)
    assert daemon.stop() == 0


def test_store_renamed_to_fifo_at_any_moment_blocks_nothing(scratch, binaries):
    """Whenever a FIFO takes the place of a trust store, it is refused by its name and nothing waits for its writer."""
    path = os.path.join(scratch.directory, "store")
    bundle = scratch.pki.bundle("rsa2048")
    shutil.copy(bundle, path)
    daemon = watch(scratch, binaries, path)
    with loop_answers(daemon):
        until = time.monotonic() + 6
        while time.monotonic() < until:
            os.mkfifo(path + ".fifo")
            os.rename(path + ".fifo", path)
            put(bundle, path)
        os.mkfifo(path + ".fifo")
        os.rename(path + ".fifo", path)
        assert "is no regular file but a FIFO" in finding(tell(daemon, finding))
        put(bundle, path)
        tell(daemon, lambda found: not finding(found) and found["certificates"] == 1)
    assert daemon.stop() == 0


def test_pkcs12_of_real_tools_is_read_whole(scratch, binaries):
    """As OpenSSL writes it, with 100 certificates in one part and with 600,000 rounds for each key, a store is read to its end."""
    pem, path = os.path.join(scratch.directory, "all.pem"), os.path.join(scratch.directory, "store")
    with open(pem, "wb") as f:
        f.write(hostilefiles.many_certificates(100))
    run("openssl", "pkcs12", "-export", "-nokeys", "-in", pem, "-passout", "pass:", "-iter", "600000", "-out", path)
    daemon = watch(scratch, binaries, path)
    with loop_answers(daemon):
        found = tell(daemon, lambda found: finding(found) or found["certificates"])
    assert (finding(found), found["certificates"]) == (None, 100)


def test_stop_while_a_store_is_read_takes_no_second(scratch, binaries, files):
    """A stop does not wait for the end of what a hostile trust store makes take long, and ends with status 0."""
    paths = [os.path.join(scratch.directory, f"store{i}") for i in range(4)]
    for path in paths:
        shutil.copy(files("many-certificates"), path)
    daemon = watch(scratch, binaries, *paths)
    began = time.monotonic()
    assert daemon.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < 2  # a processor of our own would make it 1


def test_start_with_a_fifo_for_a_file_ends_with_an_error(scratch, binaries):
    """A FIFO for a configuration file or a credential is an error that names it, and the check does not wait."""
    daemon = watch(scratch, binaries)
    drop_ins = os.path.join(scratch.directory, "dbcertd.d")
    credentials = os.path.join(scratch.directory, "credentials")
    os.mkdir(drop_ins)
    os.mkdir(credentials)
    os.mkfifo(os.path.join(credentials, "secret"))
    check = [os.path.join(binaries, "dbcertd"), "--check-config", "--config", daemon.config]
    os.mkfifo(os.path.join(drop_ins, "a.conf"))
    done = subprocess.run(check, capture_output=True, text=True, timeout=20)
    assert done.returncode == 78 and "a.conf: cannot read: is no regular file but a FIFO" in done.stderr
    os.unlink(os.path.join(drop_ins, "a.conf"))
    with open(daemon.config, "a") as f:
        f.write(f'trust_stores = ( {{ name = "s"; path = "{drop_ins}/s"; password_credential = "secret"; }} );\n')
    with open(daemon.config) as f:
        text = f.read().replace("trust_stores = (  );", "")
    with open(daemon.config, "w") as f:
        f.write(text)
    done = subprocess.run(check, capture_output=True, text=True, timeout=20, env={**os.environ, "CREDENTIALS_DIRECTORY": credentials})
    assert done.returncode == 78 and "secret: is no regular file but a FIFO" in done.stderr
