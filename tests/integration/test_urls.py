"""Passwords in URLs: none is shown or stored, and a credential is the way to give one."""

import base64
import glob
import http.server
import json
import os
import sqlite3
import subprocess
import threading
import time

import pytest

import rds
from lab import Dbcertd, Journald, closed_port, config, entry, run, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a private journald")
PATHS = ["/v1/status", "/v1/endpoints", "/v1/findings", "/v1/trust", "/v1/rds", "/v1/authorities", "/v1/forecast", "/v1/silences", "/metrics", "/"]


class Web:
    """An HTTP server that keeps what it is asked, and answers by a function of the handler."""

    def __init__(self, answer=None):
        self.asked = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers["Content-Length"] or 0)
                self.rfile.read(length)
                web.asked.append((self.path, self.headers["Authorization"]))
                status, headers, body = answer(self) if answer else (200, {}, b"")
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)
            do_POST = do_PUT = do_GET

            def log_message(self, *arguments):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def settings(lab, fetch=(), trust="", alerts=""):
    text = config(lab.pki.bundle("rsa2048"), [entry("orders", "tls", closed_port())])
    listed = ", ".join(f'"{url}"' for url in fetch)
    return text.replace("trust = {", f"trust = {{ fetch = [ {listed} ]; {trust}").replace("alerts = {", f"alerts = {{ {alerts}")


def bytes_of(directory):
    return b"".join(open(path, "rb").read() for path in glob.glob(directory + "/**", recursive=True) if os.path.isfile(path))


def everything(daemon, *more):
    """All that the daemon says, by where it says it."""
    said = {path: run("curl", "-s", "--unix-socket", daemon.socket, "http://localhost" + path) for path in PATHS}
    said.update({" ".join(words): str(daemon.ctl(*words)) for words in (
        ["status"], ["findings"], ["trust"], ["rds"], ["show", "orders"], ["authorities"], ["check"], ["--json", "findings"], ["--json", "trust"])})
    check = subprocess.run([daemon.binaries + "/dbcertd", "--config", daemon.config, "--check-config"], capture_output=True, text=True)
    return {**said, "stderr": daemon.output(), "--check-config": check.stdout + check.stderr, "state": str(bytes_of(daemon.state)), **dict(more)}


@needs_root
def test_secret_in_a_url_is_shown_and_stored_nowhere(scratch, binaries):
    """A password or a token in each URL is in no journal field, answer, metric, output or file; the URL without it is there."""
    journald = Journald(scratch)
    port = closed_port()
    api = rds.RdsApi()
    scratch.callback(api.stop)
    imds = rds.Imds(api.grant("ASIAINSTANCE1", "instance/secret+1", "instance//token+1=="))
    scratch.callback(imds.stop)
    text = settings(scratch, [f"https://reader:s3cret-one@127.0.0.1:{port}/a.pem", f"https://127.0.0.1:{port}/b.pem?X-Amz-Signature=s3cret-two&x=1"],
                    alerts=f'alertmanager = "http://dbcertd:s3cret-three@127.0.0.1:{port}";')
    text += 'rds = ( { region = "us-east-1"; interval = "10s"; } );\n'
    daemon = Dbcertd(scratch, binaries, text, prefix=journald.inside, env={
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url, "https_proxy": "http://bastion:s3#cret-four@127.0.0.1:1", "no_proxy": "127.0.0.1"})
    daemon.settle()
    wait_until("the API's failure", lambda: daemon.get("/v1/rds")["sources"][0]["error"], 60)
    wait_until("the Alertmanager's", lambda: "cannot be told" in daemon.output(), 30)
    wait_until("the bundles'", lambda: len([f for f in daemon.get("/v1/findings")["findings"] if f["id"] == "bundle-stale"]) == 2)
    time.sleep(1)
    run(*journald.inside, "journalctl", "--sync", check=False)
    journal = run(*journald.inside, "journalctl", "-q", "-o", "json", "--all")
    said = everything(daemon, ("journal", journal))
    daemon.stop()
    said["state after the stop"] = str(bytes_of(daemon.state))
    for where, what in said.items():
        for secret in ("s3cret", "s3#cret", "cret-four", "reader:", "dbcertd:s"):
            assert secret not in what, (where, secret)
    for where in ("journal", "/v1/trust", "/metrics", "findings", "state"):
        assert f"https://127.0.0.1:{port}/a.pem" in said[where], where
    assert f"https://127.0.0.1:{port}/b.pem?X-Amz-Signature=***&x=***" in said["/v1/trust"]
    assert f"the Alertmanager at http://127.0.0.1:{port} cannot be told" in said["stderr"]
    assert "alertmanager_credential" in said["--check-config"] and "fetch_credentials" in said["--check-config"]


@pytest.mark.parametrize("url", ["http://u:pa#s3cret@127.0.0.1/", "http://u:pa s3cret@127.0.0.1/", "http://u:1/s3cret@127.0.0.1/", "u:s3cret@127.0.0.1",
                                 "http://u:s3cret@h:99999/", "http://u:s3cret@", "https://h/?token=s3cret@x"])
def test_malformed_url_is_refused_without_its_password(scratch, binaries, url):
    """An error about a URL that cannot be parsed quotes nothing of what may be its password."""
    for text in (settings(scratch, [url], trust="fetch_http = true;"), settings(scratch, alerts=f'alertmanager = "{url}";'),
                 settings(scratch) + f'rds = ( {{ region = "us-east-1"; endpoint_url = "{url}"; }} );\n'):
        path = os.path.join(scratch.directory, "c.conf")
        with open(path, "w") as f:
            f.write(text)
        done = subprocess.run([binaries + "/dbcertd", "--config", path, "--check-config"], capture_output=True, text=True)
        if "endpoint_url" in text and url.startswith("u:"):
            continue  # without a scheme it is no URL
        assert done.returncode == 78 and "s3cret" not in done.stdout + done.stderr, done


def test_alertmanager_that_is_several_or_has_the_path_is_refused(scratch, binaries):
    """A list in one text, a port that is none and the API's own path are errors, not alerts that reach nobody."""
    for url in ("http://127.0.0.1:9093,http://127.0.0.1:9094", "http://127.0.0.1:99999", "http://127.0.0.1:9093/api/v2/alerts"):
        path = os.path.join(scratch.directory, "c.conf")
        with open(path, "w") as f:
            f.write(settings(scratch, alerts=f'alertmanager = "{url}";'))
        done = subprocess.run([binaries + "/dbcertd", "--config", path, "--check-config"], capture_output=True, text=True)
        assert done.returncode == 78 and "alerts.alertmanager" in done.stderr, (url, done)


def test_credential_goes_to_its_host_and_no_further(scratch, binaries):
    """A mirror and an Alertmanager get what their credential holds; the host that the mirror redirects to does not."""
    bundle = open(scratch.pki.bundle("rsa2048"), "rb").read()
    elsewhere = Web(lambda _: (200, {}, bundle))
    mirror = Web(lambda h: (302, {"Location": f"http://127.0.0.1:{mirror.port}/moved.pem"}, b"") if h.path == "/bundle.pem" else (200, {}, bundle))
    away = Web(lambda _: (302, {"Location": f"http://127.0.0.2:{elsewhere.port}/bundle.pem"}, b""))
    alertmanager = Web()
    env = scratch.credential("mirror", "reader:pass:word")
    scratch.credential("away", "Bearer abc.def")
    scratch.credential("alertmanager", "Bearer t0ken")
    text = settings(scratch, [f"http://127.0.0.1:{mirror.port}/bundle.pem", f"http://localhost:{away.port}/bundle.pem"],
                    trust='fetch_http = true; fetch_credentials = [ "127.0.0.1=mirror", "localhost=away" ];',
                    alerts=f'alertmanager = "http://127.0.0.1:{alertmanager.port}"; alertmanager_credential = "alertmanager";')
    daemon = Dbcertd(scratch, binaries, text, env=env)
    basic = "Basic " + base64.b64encode(b"reader:pass:word").decode()
    wait_until("the Alertmanager", lambda: alertmanager.asked)
    wait_until("the bundle", lambda: len(mirror.asked) >= 2)
    wait_until("the other", lambda: away.asked)
    assert mirror.asked[:2] == [("/bundle.pem", basic), ("/moved.pem", basic)]
    assert away.asked[0] == ("/bundle.pem", "Bearer abc.def")
    assert {authorization for _, authorization in alertmanager.asked} == {"Bearer t0ken"}
    time.sleep(1)
    assert {authorization for _, authorization in elsewhere.asked} <= {None}
    for secret in ("pass:word", "abc.def", "t0ken", basic):
        assert not [where for where, what in everything(daemon).items() if secret in what]


def test_credential_that_is_missing_or_malformed_is_an_error(scratch, binaries):
    """At load and by the key's name, without a word of what it holds."""
    env = scratch.credential("odd", "s3cret without a colon")
    for alerts, trust, words in (
            ('alertmanager = "http://127.0.0.1:1"; alertmanager_credential = "odd";', "", 'alerts.alertmanager_credential "odd": expected one line'),
            ('alertmanager = "http://127.0.0.1:1"; alertmanager_credential = "none";', "", "LoadCredential=none:"),
            ('alertmanager_credential = "odd";', "", "there is no alertmanager"),
            ('alertmanager = "http://u:s3cret@127.0.0.1:1"; alertmanager_credential = "odd";', "", "leave the user out of the URL"),
            ("", 'fetch_credentials = [ "mirror.test=odd" ];', "no URL of trust.fetch has the host mirror.test"),
            ("", 'fetch_credentials = [ "host" ];', "expected HOST=NAME")):
        path = os.path.join(scratch.directory, "c.conf")
        with open(path, "w") as f:
            f.write(settings(scratch, ["https://h/b.pem"] if "h=" in trust else [], trust=trust, alerts=alerts))
        done = subprocess.run([binaries + "/dbcertd", "--config", path, "--check-config"], capture_output=True, text=True, env=dict(os.environ, **env))
        assert (done.returncode == 0) == ("no URL" in words) and words in done.stdout + done.stderr and "s3cret" not in done.stdout + done.stderr, (words, done)


def test_secret_of_an_older_state_directory_is_removed(scratch, binaries):
    """What 0.9 kept of URLs with passwords is gone from the database's bytes and the bundles' files after a start; the bundle stays."""
    port = closed_port()
    url, shown = f"https://reader:s3cret@127.0.0.1:{port}/bundle.pem", f"https://127.0.0.1:{port}/bundle.pem"
    text = settings(scratch, [url])
    daemon = Dbcertd(scratch, binaries, text)
    daemon.settle()
    daemon.stop()
    bundles = daemon.state + "/bundles"
    os.makedirs(bundles, exist_ok=True)
    for path in glob.glob(bundles + "/*"):
        os.unlink(path)
    with open(bundles + "/bundle.pem-01234567", "wb") as f:
        f.write(open(scratch.pki.bundle("rsa2048"), "rb").read())
    with open(bundles + "/bundle.pem-01234567.headers", "w") as f:
        f.write(f"URL: {url}\nETag: x\n")
    path, = glob.glob(daemon.state + "/*.db")
    with sqlite3.connect(path) as database:
        columns = "about, subject, finding, severity, message, steps, state, said, worst, raises"
        for about, subject, message, remedy in (
                ("bundle", url, "it cannot be fetched", f"curl -fsS '{url}'"),
                ("bundle", f"{shown}?sig=s3cret", "it cannot be fetched", "curl"),
                ("rds", "us-east-1", "Unsupported proxy syntax in 'bastion:s3cret@127.0.0.1:3128'", "aws")):
            database.execute(f"INSERT INTO alert ({columns}) VALUES (?, ?, 'bundle-stale', 'warning', ?, ?, 'firing', 'warning', 'warning', 1)",
                             (about, subject, message, remedy))
        for table in ("outbox", "posting"):
            database.execute(f"INSERT INTO {table} (id, kind, at, raises, about, subject, finding, severity, message, steps) "
                             "VALUES ('1-1', 'raised', 1, 1, 'bundle', ?, 'bundle-stale', 'warning', 'm', 'r')", (url,))
    database.close()
    assert b"s3cret" in bytes_of(daemon.state)
    again = Dbcertd(scratch, binaries, text)
    again.settle()
    assert b"s3cret" not in bytes_of(daemon.state)
    assert again.get("/v1/trust")["bundles"][0]["certificates"] == 1
    again.stop()
    assert b"s3cret" not in bytes_of(daemon.state)


def test_redirect_does_not_lead_to_another_service_of_this_host(scratch, binaries):
    """A mirror may redirect to itself, and not to what else listens on loopback."""
    victim = Web()
    mirror = Web(lambda _: (302, {"Location": f"http://localhost:{victim.port}/metadata"}, b""))
    daemon = Dbcertd(scratch, binaries, settings(scratch, [f"http://127.0.0.1:{mirror.port}/b.pem"], trust="fetch_http = true;"))
    error = wait_until("it fails", lambda: daemon.get("/v1/trust")["bundles"][0]["error"])
    assert mirror.asked and not victim.asked
    assert "the server redirects to " in error and "a loopback address" in error


@pytest.mark.parametrize("status", [301, 400, 403, 404, 429, 500, 503, 200])
def test_metadata_service_is_asked_less_and_less(scratch, binaries, status):
    """Whatever it answers for ever, a discovery makes one round of questions, one finding, and waits a minute."""
    imds = Web(lambda _: (status, {"Location": "/again"}, b"no" if status != 200 else b"\n"))
    text = settings(scratch) + 'rds = ( { region = "us-east-1"; interval = "10m"; } );\n'
    daemon = Dbcertd(scratch, binaries, text, env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{imds.port}"})
    wait_until("it fails", lambda: daemon.get("/v1/rds")["sources"][0]["error"])
    time.sleep(3)
    assert 1 <= len(imds.asked) <= 2, imds.asked
    assert len([line for line in daemon.output().splitlines() if "credentials" in line]) <= 1


def test_bundle_server_is_asked_less_and_less(scratch, binaries):
    """Whatever it answers for ever, a bundle is asked for once a minute at most, and one line says why."""
    mirrors = {status: Web(lambda h, status=status: (status, {"Location": h.path}, b"no")) for status in (302, 400, 403, 404, 429, 500, 503)}
    urls = [f"http://127.0.0.1:{mirror.port}/{status}.pem" for status, mirror in mirrors.items()]
    daemon = Dbcertd(scratch, binaries, settings(scratch, urls, trust="fetch_http = true;"))
    wait_until("all fail", lambda: all(bundle["error"] for bundle in daemon.get("/v1/trust")["bundles"]))
    time.sleep(5)
    for status, mirror in mirrors.items():
        assert 1 <= len(mirror.asked) <= (6 if status == 302 else 1), (status, mirror.asked)  # HTTP_REDIRECTS_MAX
        assert len([line for line in daemon.output().splitlines() if f"/{status}.pem" in line]) <= 1


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1@localhost:{port}/", "http://169.254.170.2:1@localhost:{port}/"])
def test_container_credentials_are_not_asked_of_a_disguised_host(scratch, binaries, uri):
    """An address that is allowed, as the user of a URL whose host is not, is refused."""
    victim = Web()
    text = settings(scratch) + 'rds = ( { region = "us-east-1"; credentials = "container"; } );\n'
    daemon = Dbcertd(scratch, binaries, text, env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri.format(port=victim.port)})
    error = wait_until("it fails", lambda: daemon.get("/v1/rds")["sources"][0]["error"])
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither" in error and not victim.asked


def test_pasted_connection_string_is_refused_without_its_password(binaries):
    """A target of dbcertctl scan that holds a user and a password is an error that shows neither."""
    done = subprocess.run([binaries + "/dbcertctl", "scan", "postgres://app:s3cret@127.0.0.1:5432/orders?sslmode=require"], capture_output=True, text=True)
    assert done.returncode == 2 and "expected no user and no password" in done.stderr and "s3cret" not in done.stderr, done


def test_old_json_of_a_bundle_keeps_its_name(scratch, binaries):
    """A URL without a secret is named as before, so that findings and files of it go on."""
    url = f"https://127.0.0.1:{closed_port()}/bundle.pem"
    daemon = Dbcertd(scratch, binaries, settings(scratch, [url]))
    assert json.loads(run("curl", "-s", "--unix-socket", daemon.socket, "http://localhost/v1/trust"))["bundles"][0]["url"] == url
