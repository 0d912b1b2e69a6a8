"""Bundles that are fetched, from a real HTTPS server (nginx) with everything that can go wrong with one."""

import glob
import os
import socket
import subprocess
import time

import pytest

from lab import Dbcertd, Nginx, Postgres, Server, ago, entry, findings, host, trusting, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace")

WINDOW = "sun:05:00-sun:06:00"


def silent(connection):
    """Takes the request, and says nothing until it is hung up on."""
    connection.settimeout(60)
    while connection.recv(4096):
        pass


def drip(connection):
    """Begins an answer, and goes on a byte at a time: never silent, never over."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(240):
        connection.sendall(b"-")
        time.sleep(0.5)


def cut_off(connection):
    """Promises more than it sends."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nContent-Type: text/plain\r\n\r\n-----BEGIN CERTIFICATE-----\n")


class Site:
    """nginx with a bundle that can be replaced, its certificate trusted by whoever starts with `prefix`."""

    def __init__(self, lab):
        self.lab = lab
        self.directory = os.path.join(lab.directory, "www")
        os.makedirs(self.directory)
        root = lab.pki.web_authority()
        good = lab.pki.web_server("localhost", "localhost")
        wrong = lab.pki.web_server("elsewhere", "elsewhere.test")
        self.silent, self.cut, self.drip = Server(silent), Server(cut_off), Server(drip)
        self.server = Nginx(lab, "site", self.directory, {"good": good, "wrong": wrong}, lab.pki.path("web-server.key"), f"""
            location = /old.pem {{ return 302 /bundle.pem; }}
            location = /loop.pem {{ return 302 /loop.pem; }}
            location = /plain.pem {{ return 302 http://localhost:1/bundle.pem; }}
            location = /error.pem {{ return 500; }}
            location = /stall.pem {{ proxy_pass http://127.0.0.1:{self.silent.port}; proxy_read_timeout 300; }}
            location = /drip.pem {{ proxy_pass http://127.0.0.1:{self.drip.port}; proxy_buffering off; }}
            location = /cut.pem {{ proxy_pass http://127.0.0.1:{self.cut.port}; proxy_buffering off; }}
        """)
        self.prefix = trusting(root)

    def url(self, name, port="good"):
        return f"https://localhost:{self.server.ports[port]}/{name}"

    def put(self, *sources, name="bundle.pem", content=None):
        path = os.path.join(self.directory, name)
        with open(path + ".new", "wb") as f:
            for source in sources:
                f.write(open(source, "rb").read())
            f.write(content or b"")
        os.rename(path + ".new", path)

    def requests(self, name):
        return [line for line in open(self.server.access).read().splitlines() if f" /{name} " in line]


@pytest.fixture
def site(scratch):
    return Site(scratch)


def fetching(site, binaries, *urls, entries=(), name="dbcertd", env=None, more="", **options):
    """A daemon with nothing but what it fetches."""
    listed = ", ".join(f'"{url}"' for url in urls)
    text = f'trust = {{ fetch = [ {listed} ]; {more} }};\nalerts = {{ unreachable_after = 1; }};\nendpoints = ( {", ".join(entries)} );\n'
    return Dbcertd(site.lab, binaries, text, name=name, prefix=site.prefix, env=env, **options)


def bundle(daemon, n=0):
    return daemon.get("/v1/trust")["bundles"][n]


def answered(daemon, n=0, after=None):
    """The bundle, once its question was answered one way or the other."""
    def done():
        b = bundle(daemon, n)
        return b if (b["answered_at"] or b["error"]) and b != after else None
    return wait_until("an answer", done)


def ask_again(daemon, expected):
    """Reloads, which asks at once, and waits until the bundle is as expected."""
    daemon.reload()
    return wait_until(lambda: f"as expected: {bundle(daemon)}", lambda: expected(bundle(daemon)) and bundle(daemon))


def kept(daemon, suffix=""):
    """The content of the one file that is kept."""
    paths = [p for p in glob.glob(daemon.state + "/bundles/*") if p.endswith(suffix) and (suffix or "." not in p.rsplit("-", 1)[1])]
    assert len(paths) == 1, paths
    return open(paths[0], "rb").read()


def test_a_bundle_is_fetched_kept_and_asked_for_only_if_it_changed(site, binaries):
    pki = site.lab.pki
    chain, _ = pki.server("orders", host("orders"), ago(30), ago(30 - 365))
    server = Postgres(site.lab, "orders", chain)
    site.put(pki.bundle("rsa2048", "ecc384"))
    daemon = fetching(site, binaries, site.url("bundle.pem"), entries=[entry("orders", "postgres", server.port, maintenance_window=WINDOW)])
    first = answered(daemon)
    assert (first["certificates"], first["error"], first["refused"], first["changed_at"], first["findings"]) == (2, None, None, None, [])
    orders = wait_until("trusted", lambda: daemon.endpoint("orders")["addresses"] and daemon.endpoint("orders")["addresses"][0]["trusted"] and
                        daemon.endpoint("orders"))
    assert findings(orders) == []
    assert kept(daemon) == open(pki.bundle("rsa2048", "ecc384"), "rb").read()
    headers = kept(daemon, ".headers").decode()
    assert "ETag: " in headers and "Last-Modified: " in headers and site.url("bundle.pem") in headers
    assert not glob.glob(daemon.state + "/bundles/*.new")
    # The next question carries what the first answer said, and nginx answers 304.
    daemon.reload()
    wait_until("a second request", lambda: len(site.requests("bundle.pem")) == 2)
    wait_until("304", lambda: " 304 " in site.requests("bundle.pem")[1])
    assert bundle(daemon)["certificates"] == 2 and bundle(daemon)["findings"] == []
    assert findings(daemon.probe("orders")) == []
    # A start asks nobody within the interval, and has what was kept.
    daemon.stop()
    again = fetching(site, binaries, site.url("bundle.pem"), entries=[entry("orders", "postgres", server.port, maintenance_window=WINDOW)])
    assert findings(again.settle()["orders"]) == []
    time.sleep(0.5)
    assert bundle(again)["certificates"] == 2 and len(site.requests("bundle.pem")) == 2
    assert again.all_findings() == []


def test_news_is_told_by_name_and_the_one_before_is_kept(site, binaries):
    pki = site.lab.pki
    site.put(pki.bundle("rsa2048"))
    daemon = fetching(site, binaries, site.url("bundle.pem"))
    answered(daemon)
    site.put(pki.bundle("rsa2048", "ecc384"))
    after = ask_again(daemon, lambda b: b["certificates"] == 2)
    assert after["came"] == [f"Amazon RDS us-east-1 Root CA ECC384 G1 (to {after['came'][0][-11:-1]})"] and after["went"] == []
    finding = after["findings"][0]
    assert (finding["id"], finding["severity"]) == ("bundle-changed", "notice")
    assert "came: Amazon RDS us-east-1 Root CA ECC384 G1 (to 20" in finding["message"]
    listed = daemon.all_findings()[0]
    assert (listed["endpoint"], listed["bundle"]) == (None, site.url("bundle.pem"))
    daemon.told("bundle-changed, notice: another one is used since")
    assert kept(daemon, ".previous") == open(pki.bundle("rsa2048"), "rb").read()
    assert "bundle-changed" in daemon.ctl("findings").stdout and "came: " in daemon.ctl("findings").stdout
    # What is kept is damaged: the one before it stands in, and all is asked for anew.
    daemon.stop()
    path = [p for p in glob.glob(daemon.state + "/bundles/bundle.pem-*") if "." not in p.rsplit("-", 1)[1]][0]
    with open(path, "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\ngarbage")
    site.server.stop()
    again = fetching(site, binaries, site.url("bundle.pem"))
    stale = answered(again)
    assert stale["certificates"] == 1
    again.told("is cut off")


SHARED = os.environ.get("DBCERTD_SHARED_DATA") or os.path.join(os.path.dirname(__file__), "../../../shared/data")


@pytest.mark.skipif(not os.path.isdir(os.path.join(SHARED, "bundles")), reason="Amazon's bundles are not here: shared/data")
def test_the_years_of_amazon_s_own_bundle(site, binaries):
    def publish(name):
        site.put(os.path.join(SHARED, "bundles", name))
    publish("global-bundle.2022-07.uktrade.pem")
    daemon = fetching(site, binaries, site.url("bundle.pem"))
    before = answered(daemon)["certificates"]
    publish("global-bundle.2023-07.trackify.pem")
    news = ask_again(daemon, lambda b: b["changed_at"])
    assert news["certificates"] > before and len(news["came"]) > 0
    assert all(name.startswith("Amazon RDS ") and " (to 2" in name for name in news["came"] + news["went"])
    publish("global-bundle.2024-08.4devari.pem")
    year = ask_again(daemon, lambda b: b["came"] != news["came"])
    requests = len(site.requests("bundle.pem"))
    publish("global-bundle.2024-08.4devari.p7b")  # the same certificates in another form are no news
    daemon.reload()
    wait_until("asked", lambda: len(site.requests("bundle.pem")) > requests)
    time.sleep(0.3)
    assert bundle(daemon)["came"] == year["came"] and bundle(daemon)["certificates"] == year["certificates"]
    publish("global-bundle.2025-09.portfolio.p7b")
    last = ask_again(daemon, lambda b: b["came"] != year["came"])
    assert last["certificates"] == 108 and last["refused"] is None
    assert any("2019" in name for name in last["went"]) and any("ap-southeast-" in name or "mx-central-1" in name for name in last["came"])
    publish("rds-combined-ca-bundle.2024-08.4devari.pem")  # the one that has ended: 30 certificates
    assert "less than half of the 108 before" in ask_again(daemon, lambda b: b["refused"])["refused"]


REFUSALS = {
    "garbage": "no certificate in it",
    "empty": "the file is empty",
    "placeholder": "no base64 but a text, perhaps a placeholder",
    "shrunk": "it has 1 certificate, less than half of the 3 before",
    "dropped": 'it lacks the root "Amazon RDS us-east-1 Root CA RSA2048 G1", which orders leads to now',
}


def test_what_is_no_good_is_not_adopted_and_said(site, binaries):
    pki = site.lab.pki
    chain, _ = pki.server("orders", host("orders"), ago(30), ago(30 - 365))
    server = Postgres(site.lab, "orders", chain)
    full = [pki.authority("rsa2048")[0], pki.authority("ecc384")[0], pki.authority("ecc384")[1]]
    site.put(*full)
    daemon = fetching(site, binaries, site.url("bundle.pem"), entries=[entry("orders", "postgres", server.port, maintenance_window=WINDOW)])
    assert answered(daemon)["certificates"] == 3
    daemon.settle()
    contents = {
        "garbage": ([], b"<html>Sign in to the hotel's network</html>"),
        "empty": ([], b"\n"),
        "placeholder": ([], b"-----BEGIN CERTIFICATE-----\n# your certificate here\n-----END CERTIFICATE-----\n"),
        "shrunk": (full[:1], b""),
        "dropped": (full[1:], b""),
    }
    for kind, words in REFUSALS.items():
        sources, content = contents[kind]
        site.put(*sources, content=content)
        after = ask_again(daemon, lambda b, words=words: words in (b["refused"] or ""))
        assert after["certificates"] == 3 and after["changed_at"] is None
        finding = after["findings"][0]
        assert (finding["id"], finding["severity"]) == ("bundle-stale", "warning"), kind
        assert words in finding["message"] and "the one with 3 certificates of" in finding["message"]
        assert kept(daemon, ".refused") == open(site.directory + "/bundle.pem", "rb").read()
        assert findings(daemon.probe("orders")) == []  # it goes on being verified
    # It is known after a restart, too; and a good one ends it.
    daemon.stop()
    again = fetching(site, binaries, site.url("bundle.pem"), entries=[entry("orders", "postgres", server.port, maintenance_window=WINDOW)])
    wait_until("said again", lambda: [f["severity"] for f in bundle(again)["findings"]] == ["warning"])
    site.put(*full)
    assert ask_again(again, lambda b: not b["refused"])["findings"] == []
    again.told("bundle-stale resolved")


def test_one_broken_certificate_does_not_lose_the_others(site, binaries):
    pki = site.lab.pki
    site.put(pki.authority("rsa2048")[0], content=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    daemon = fetching(site, binaries, site.url("bundle.pem"))
    assert answered(daemon)["certificates"] == 1


def test_each_way_to_fail_is_told_and_changes_nothing(site, binaries):
    pki = site.lab.pki
    with open(os.path.join(site.directory, "huge.pem"), "wb") as f:
        f.truncate(17 * 1024 * 1024)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    cases = {
        site.url("nothing.pem"): "HTTP status 404",
        site.url("error.pem"): "HTTP status 500",
        site.url("loop.pem"): "redirects",
        site.url("plain.pem"): "only https:// is allowed",
        site.url("cut.pem"): "99972 bytes",
        site.url("huge.pem"): "more than 16777216 bytes",
        site.url("bundle.pem", "wrong"): "does not match",
        f"https://localhost:{port}/bundle.pem": "onnect",
        "https://no-such-host.invalid/bundle.pem": "resolve",
        site.url("stall.pem"): "too slow",
        site.url("drip.pem"): "timed out after 60",
    }
    site.put(pki.bundle("rsa2048"))
    daemon = fetching(site, binaries, site.url("old.pem"), *cases)  # a redirect that ends well is none of them
    for n, (url, words) in enumerate(cases.items(), 1):
        seen = wait_until(f"{url} has failed", lambda n=n: bundle(daemon, n)["error"] and bundle(daemon, n), 75)
        assert seen["url"] == url and words in seen["error"], seen
        assert seen["certificates"] == 0 and [f["id"] for f in seen["findings"]] == ["bundle-stale"]  # at once: there is nothing
        assert "nothing was ever fetched from there" in seen["findings"][0]["message"]
    assert bundle(daemon)["certificates"] == 1 and bundle(daemon)["findings"] == []
    assert daemon.get("/v1/status")["trust"] == "warning"
    assert "trust stores and bundles: warning" in daemon.ctl("status").stdout


def test_a_server_that_another_authority_vouches_for_is_not_believed(site, binaries):
    site.put(site.lab.pki.bundle("rsa2048"))
    site.prefix = []  # the system's roots as they are
    daemon = fetching(site, binaries, site.url("bundle.pem"))
    assert "certificate" in answered(daemon)["error"] and bundle(daemon)["certificates"] == 0


def test_failures_are_patient_where_something_is_in_use(site, binaries):
    """The clock is moved: libfaketime is not needed, since the state says when the last answer was."""
    pki = site.lab.pki
    site.put(pki.bundle("rsa2048"))
    daemon = fetching(site, binaries, site.url("bundle.pem"))
    answered(daemon)
    daemon.stop()
    site.server.stop()
    headers = glob.glob(daemon.state + "/bundles/*.headers")[0]
    text = open(headers).read()
    for days, expected in ((2, []), (4, ["bundle-stale"])):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86400))
        with open(headers, "w") as f:
            f.write("".join(f"Answered: {stamp}\n" if line.startswith("Answered") else line for line in text.splitlines(True)))
        again = fetching(site, binaries, site.url("bundle.pem"))
        failed = wait_until("a failure", lambda: bundle(again)["error"] and bundle(again))
        assert [f["id"] for f in failed["findings"]] == expected and failed["certificates"] == 1
        if expected:
            assert f"it cannot be fetched since {stamp}" in failed["findings"][0]["message"]
        again.stop()


def test_one_that_nobody_looks_after_any_more_is_called_old(site, binaries):
    site.put(site.lab.pki.bundle("rsa2048"))
    old = time.time() - 3 * 366 * 86400
    os.utime(site.directory + "/bundle.pem", (old, old))
    daemon = fetching(site, binaries, site.url("bundle.pem"))
    finding = answered(daemon)["findings"][0]
    assert (finding["id"], finding["severity"]) == ("bundle-stale", "notice") and "it has not changed since 20" in finding["message"]


def test_a_proxy_of_the_environment_is_used(site, binaries):
    site.put(site.lab.pki.bundle("rsa2048"))
    seen = []

    def proxy(connection):
        head = connection.recv(4096)
        seen.append(head)
        connection.sendall(b"HTTP/1.1 502 no\r\nContent-Length: 0\r\n\r\n")
    server = Server(proxy)
    daemon = fetching(site, binaries, site.url("bundle.pem"), env={"https_proxy": f"http://127.0.0.1:{server.port}"})
    assert "502" in answered(daemon)["error"]
    assert seen[0].startswith(f"CONNECT localhost:{site.server.ports['good']} ".encode())


def test_http_only_where_it_is_allowed(site, binaries):
    def checked(text):
        path = os.path.join(site.lab.directory, "check.conf")
        with open(path, "w") as f:
            f.write(text)
        done = subprocess.run([os.path.join(binaries, "dbcertd"), "--check-config", "--config", path], capture_output=True, text=True)
        return done.returncode, done.stderr
    status, errors = checked('trust = { fetch = [ "http://localhost/b.pem", "ftp://x/y", "https://host" ]; };')
    assert status == 78 and errors.count("trust.fetch: ") == 3
    assert 'trust.fetch: "http://localhost/b.pem": expected https://, or fetch_http = true with it' in errors
    assert checked('trust = { fetch = [ "http://localhost/b.pem" ]; fetch_http = true; };')[0] == 0
    site.put(site.lab.pki.bundle("rsa2048"))
    daemon = fetching(site, binaries, f"http://localhost:{site.server.ports['plain']}/bundle.pem", more="fetch_http = true;")
    assert answered(daemon)["certificates"] == 1


def test_a_state_directory_that_cannot_be_written_loses_nothing_now(site, binaries):
    site.put(site.lab.pki.bundle("rsa2048"))
    state = os.path.join(site.lab.directory, "dbcertd.state")
    with open(state, "w") as f:
        f.write("in the way")
    daemon = fetching(site, binaries, site.url("bundle.pem"))
    seen = answered(daemon)
    assert seen["certificates"] == 1 and "cannot keep it" in seen["error"]
    daemon.told("what is fetched will not outlast a restart")
    # A reload does not forget what is in no file.
    os.remove(os.path.join(site.directory, "bundle.pem"))
    assert ask_again(daemon, lambda b: "404" in (b["error"] or ""))["certificates"] == 1


def test_what_is_not_configured_any_more_is_resolved(site, binaries):
    daemon = fetching(site, binaries, site.url("nothing.pem"))
    wait_until("raised", lambda: "bundle-stale, warning" in daemon.output())
    daemon.write("endpoints = ();\n")
    daemon.reload()
    daemon.told("bundle-stale resolved")
    assert daemon.get("/v1/trust")["bundles"] == []
