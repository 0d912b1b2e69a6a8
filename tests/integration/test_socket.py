"""Who may ask over the status socket, and what asking may cost: web pages, forwarders, and clients that do not read."""

import contextlib
import itertools
import json
import os
import resource
import socket
import ssl
import subprocess
import threading
import time

import pytest

import browser as browsers
from lab import Dbcertd, Process, Server, closed_port, config, entry, free_port, run, wait_until

READS = ["/", "/v1/status", "/v1/endpoints", "/v1/endpoints/a", "/v1/events", "/v1/check", "/metrics", "/healthz", "/nothing"]

browsing = pytest.mark.skipif(not browsers.is_there() or bool(os.environ.get("DBCERTD_SANITIZED")),
                              reason="chromium is not installed, or only dbcertd's own part is looked at")


def start(scratch, binaries, text):
    """A daemon that systemd-socket-activate passes a Unix and a TCP socket."""
    path, port = os.path.join(scratch.directory, "passed.sock"), free_port()
    daemon = Dbcertd(scratch, binaries, text, prefix=["systemd-socket-activate", "-l", path, "-l", f"127.0.0.1:{port}"], wait=False)
    daemon.socket, daemon.port = path, port
    wait_until("both sockets listen", lambda: " as 4." in daemon.output())
    return daemon


@pytest.fixture(scope="module")
def daemon(lab, binaries):
    made = start(lab, binaries, config(lab.pki.bundle("rsa2048"), [entry("a", "tls", closed_port()), entry("b", "tls", closed_port())]))
    made.settle()
    return made


def connect(daemon, tcp=False):
    if tcp:
        return socket.create_connection(("127.0.0.1", daemon.port), timeout=20)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(daemon.socket)
    return s


def read_all(s):
    out = b""
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while piece := s.recv(65536):
            out += piece
    return out


def read_until(s, word):
    out = b""
    while word not in out and (piece := s.recv(65536)):
        out += piece
    return out


def ask(daemon, *fields, method="GET", target="/v1/status", tcp=False, body=b"", version="1.1"):
    """Status, head and body of an answer; the stream of events is left after two seconds."""
    with connect(daemon, tcp) as s:
        s.settimeout(2)
        s.sendall("\r\n".join([f"{method} {target} HTTP/{version}", *fields, "", ""]).encode() + body)
        head, _, body = read_all(s).partition(b"\r\n\r\n")
        return int(head.split()[1]) if head else None, head.decode(), body.decode()


def is_refused(answer, *statuses):
    """libmicrohttpd 1.0 refuses what is malformed by itself, with a page of its own."""
    status, head, body = answer
    said = status == 400 if body.startswith("<html>") else json.loads(body)["error"]["message"]
    return status in statuses and said and '"endpoint' not in body and "dbcertd_" not in body


@pytest.mark.parametrize("tcp", [False, True])
def test_foreign_host_on_any_path_is_refused(daemon, tcp):
    """A page that DNS rebinding leads to the socket knows it by a name of its own, and reads nothing."""
    for path in READS:
        for name in ("rebound.test", f"rebound.test:{daemon.port}", "localhost.rebound.test", "127.0.0.1.rebound.test", "127.0.0.2", "[::2]", "localhost."):
            assert is_refused(ask(daemon, f"Host: {name}", target=path, tcp=tcp), 421), (path, name)
    for method, path in (("POST", "/v1/endpoints/a/probe"), ("POST", "/v1/silences"), ("DELETE", "/v1/silences/1"), ("OPTIONS", "/"), ("BREW", "/")):
        assert is_refused(ask(daemon, "Host: rebound.test", "Content-Length: 0", method=method, target=path, tcp=tcp), 421), path
    assert ask(daemon, "Host: rebound.test", method="HEAD", tcp=tcp)[0] == 421


def test_own_host_with_any_port_is_accepted(daemon):
    """localhost, 127.0.0.1 and [::1] are the socket's own names, in any case and behind any forwarded port."""
    for name in ("localhost", "LocalHost", "localhost:8080", "127.0.0.1:9799", "[::1]", "[::1]:8080"):
        assert ask(daemon, f"Host: {name}")[0] == 200, name
    assert ask(daemon, "Host: localhost", target="http://localhost/healthz")[2] == '{\n  "status": "ok"\n}'


def test_host_missing_repeated_or_malformed_is_400(daemon):
    """Every request names one host, in its Host field and in a target that is a URL."""
    for fields in ([], ["Host:"], ["Host: local host"], ["Host: a@localhost"], ["Host: localhost:x"], ["Host: localhost:123456"], ["Host: [::1"],
                   ["Host: localhost", "Host: localhost"], ["Host: localhost", "Host: rebound.test"], ["Host : localhost"], ["Host: localhost\r\n folded"]):
        assert is_refused(ask(daemon, *fields), 400), fields
    assert is_refused(ask(daemon, version="1.0"), 400)
    assert is_refused(ask(daemon, "Host: localhost", target="http://rebound.test/v1/status"), 421)
    assert is_refused(ask(daemon, "Host: rebound.test", target="http://localhost/v1/status"), 421)
    assert is_refused(ask(daemon, "Host: localhost", target="http://a@localhost/v1/status"), 400)
    assert is_refused(ask(daemon, "Host: localhost", target="*", method="OPTIONS"), 400)


def test_listed_host_is_accepted_after_a_reload(scratch, binaries):
    """socket_hosts takes effect without a restart; a value that is no host name is an error."""
    text = config(scratch.pki.bundle("rsa2048"), [entry("a", "tls", closed_port())])
    daemon = Dbcertd(scratch, binaries, text)
    assert ask(daemon, "Host: status.example.com")[0] == 421
    daemon.write('socket_hosts = [ "Status.example.com", "10.0.0.5", "fd00::1" ];\n' + text)
    daemon.reload()
    for name in ("status.example.com", "STATUS.example.com:443", "10.0.0.5:9799", "[fd00::1]:9799"):
        assert ask(daemon, f"Host: {name}")[0] == 200, name
    assert ask(daemon, "Host: status.example.com", "Origin: https://status.example.com", "Sec-Fetch-Site: same-origin")[0] == 200
    assert ask(daemon, "Host: example.com")[0] == 421
    for wrong in ("https://a.test", "a.test:443", "*", "a b", ".test", ""):
        daemon.write(f'socket_hosts = [ "{wrong}" ];\n' + text)
        done = subprocess.run([os.path.join(binaries, "dbcertd"), "--check-config", "--config", daemon.config], capture_output=True, text=True)
        assert done.returncode == 78 and "socket_hosts" in done.stderr and "such as" in done.stderr, wrong


@pytest.mark.parametrize("tcp", [False, True])
def test_cross_site_or_foreign_origin_is_refused(daemon, tcp):
    """What a browser says about a page of another site is believed, for reads as well."""
    own = f"Host: localhost:{daemon.port}"
    for path, fields in itertools.product(READS, (
            ["Sec-Fetch-Site: cross-site"], ["Sec-Fetch-Site: same-site"], ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"],
            ["Sec-Fetch-Site: none", "Sec-Fetch-Site: none"], ["Sec-Fetch-Site:"], ["Origin: null"], ["Origin: http://rebound.test"], ["Origin: http://localhost"],
            [f"Origin: http://127.0.0.1:{daemon.port}"], [f"Origin: http://localhost:{daemon.port}.test"], [f"Origin: ftp://localhost:{daemon.port}"])):
        assert is_refused(ask(daemon, own, *fields, target=path, tcp=tcp), 400 if len(set(fields)) < len(fields) else 403), (path, fields)
    for fields in (["Sec-Fetch-Site: none"], ["Sec-Fetch-Site: same-origin"], [f"Origin: http://localhost:{daemon.port}"]):
        assert ask(daemon, own, *fields, tcp=tcp)[0] == 200, fields


def test_a_browser_changes_nothing_on_its_own_origin(daemon):
    """Probes and silences are for programs: a request that a browser has marked is refused, whatever its origin."""
    for fields in (["Sec-Fetch-Site: same-origin"], ["Origin: http://localhost"]):
        for method, path in (("POST", "/v1/endpoints/a/probe"), ("POST", "/v1/silences"), ("DELETE", "/v1/silences/1")):
            answer = ask(daemon, "Host: localhost", "Content-Length: 0", *fields, method=method, target=path)
            assert is_refused(answer, 403) and "not by a web page" in answer[2]
    assert ask(daemon, "Host: localhost", "X-HTTP-Method-Override: DELETE", target="/v1/silences")[0] == 200


def test_each_answer_keeps_other_origins_out(daemon):
    """Errors, lists, texts, the page and the stream carry the headers that browsers obey."""
    wanted = ("Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Cross-Origin-Resource-Policy: same-origin",
              "Content-Security-Policy: default-src 'none'", "Connection: close")
    for target, name in itertools.product([*READS, "/v1/forecast.ics", "/v1/trust"], ("localhost", "rebound.test", "a b")):
        head = ask(daemon, f"Host: {name}", target=target)[1]
        assert all(line in head for line in wanted) and "Access-Control" not in head, (target, name, head)


def test_a_second_request_on_a_connection_is_ignored(daemon):
    """What a forwarder takes for a body can never be read as another request."""
    smuggled = b"GET /v1/findings HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for fields in ([], ["Content-Length: 0"], ["Connection: keep-alive"], [f"Content-Length: {len(smuggled)}"]):
        status, _, body = ask(daemon, "Host: localhost", *fields, target="/healthz", body=smuggled)
        assert status == 200 and "HTTP/1.1" not in body and "findings" not in body, fields
    for fields in (["Content-Length: 5", "Content-Length: 5"], ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5x"], ["Content-Length: -1"]):
        assert ask(daemon, "Host: localhost", *fields, target="/healthz", body=smuggled)[0] == 400, fields
    for fields in (["Transfer-Encoding: chunked"], ["Transfer-Encoding: chunked", "Content-Length: 5"], ["Transfer-Encoding: identity"]):
        assert ask(daemon, "Host: localhost", *fields, method="POST", target="/v1/silences", body=smuggled)[0] in (400, 411), fields
    assert ask(daemon, "Host: localhost", *["A: b"] * 200)[0] == 400
    assert daemon.get("/healthz") == {"status": "ok"}


def test_tcp_at_its_limits_leaves_the_unix_socket_alone(scratch, binaries):
    """Clients over TCP take every stream and every connection that they can have; the Unix socket has its own."""
    daemon = start(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("a", "tls", closed_port())]))
    daemon.settle()
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            s = stack.enter_context(connect(daemon, tcp=True))
            s.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"retry: 2000" in read_until(s, b"retry")
        refused = ask(daemon, "Host: localhost", target="/v1/events", tcp=True)
        assert refused[0] == 503 and "Retry-After: " in refused[1]
        for _ in range(1100):  # those beyond the backlog are never connected, and need not be
            s = stack.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", daemon.port))
        own = stack.enter_context(connect(daemon))
        own.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"retry: 2000" in read_until(own, b"retry")
        started = time.monotonic()
        assert daemon.get("/v1/status")["endpoints"] == 1
        assert daemon.probe("a")["name"] == "a"
        assert "silenced until" in daemon.ctl("silence", "a", "--for", "1h", "--reason", "busy").stdout
        assert time.monotonic() - started < 2
    wait_until("TCP is served again", lambda: ask(daemon, "Host: localhost", target="/healthz", tcp=True)[0] == 200)


def test_too_many_that_await_a_probe_are_refused(scratch, binaries):
    """A hundred clients may wait for probes; the next one is told to come again, and others are answered."""
    silent = socket.create_server(("127.0.0.1", 0), backlog=512)
    text = config(scratch.pki.bundle("rsa2048"), [entry("a", "mysql", silent.getsockname()[1])], 'timeout = "20s";')
    daemon = Dbcertd(scratch, binaries, text)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(daemon)).sendall(b"POST /v1/endpoints/a/probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        answer = ask(daemon, "Host: localhost", "Content-Length: 0", method="POST", target="/v1/endpoints/a/probe")
        assert is_refused(answer, 503) and "Retry-After: " in answer[1]
        assert daemon.get("/healthz") == {"status": "ok"}
    silent.close()


def seconds_until_closed(s, step, most):
    """How long the daemon bears a client that does something every second."""
    started = time.monotonic()
    while time.monotonic() - started < most:
        try:
            if step(s) == b"":
                break
        except OSError:
            break
        time.sleep(1)
    return time.monotonic() - started


def test_a_client_that_trickles_is_dropped(scratch, binaries):
    """One byte a second, of a request or of an answer, keeps no connection longer than one that stands still."""
    entries = [entry(f"e{i:03}", "tls", closed_port()) for i in range(300)]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries))
    daemon.settle()
    with connect(daemon) as writer, connect(daemon) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        reader.sendall(b"GET /v1/endpoints HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.sendall(b"GET /v1/status HTTP/1.1\r\nX: ")
        # The kernel hands out what it still holds of an answer; what tells is that the daemon has let go.
        def fds():
            return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        assert daemon.get("/healthz") == {"status": "ok"}  # so that both have been accepted
        before, taken = fds(), []
        thread = threading.Thread(target=lambda: taken.append(seconds_until_closed(reader, lambda s: s.recv(1), 45)))
        thread.start()
        assert 25 < seconds_until_closed(writer, lambda s: s.send(b"x"), 45) < 40
        wait_until("both are gone", lambda: fds() <= before - 2, 10)
        reader.close()
        thread.join()


def huge_chain(directory, names):
    """A self-signed certificate with so many names of 100 bytes, and its key."""
    path = os.path.join(directory, "huge.conf")
    with open(path, "w") as f:
        f.write("[req]\ndistinguished_name = dn\nx509_extensions = e\nprompt = no\n[dn]\nCN = huge\n[e]\nsubjectAltName = @n\n[n]\n" +
                "".join(f"DNS.{i} = {'a' * 60}.{'b' * 30}.n{i:06}.test\n" for i in range(names)))
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "300", "-config", path, "-keyout", path + ".key", "-out", path + ".pem")
    return path + ".pem", path + ".key"


@pytest.mark.skipif(bool(os.environ.get("DBCERTD_SANITIZED")), reason="the sanitizers keep what is freed")
def test_answers_that_nobody_reads_stay_bounded(scratch, binaries):
    """64 addresses with certificates of 100 KB, and clients that read none of it: the daemon stays small and quick."""
    chain, key = huge_chain(scratch.directory, 950)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    listener = socket.create_server(("0.0.0.0", 0), backlog=256)

    def serve(connection):
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as s:
            s.recv(1)

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    addresses = [f"127.0.0.{i}" for i in range(1, 65)]
    hostile = entry("hostile", "tls", listener.getsockname()[1], addresses=addresses, ca=None)
    daemon = start(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [hostile, entry("a", "tls", closed_port())]))
    daemon.settle()
    before = daemon.resident_mb(peak=True)
    slowest = 0.0
    with contextlib.ExitStack() as stack:
        for tcp, path in itertools.product((True, False), ["/v1/endpoints/hostile?der=hex"] * 25 + ["/v1/endpoints?der=hex"] * 25 + ["/metrics"] * 10):
            s = stack.enter_context(connect(daemon, tcp))
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            started = time.monotonic()
            assert daemon.get("/healthz") == {"status": "ok"}
            slowest = max(slowest, time.monotonic() - started)
        after = daemon.resident_mb(peak=True)
        print(f"at most {before:.0f} MiB before, {after:.0f} MiB after; slowest answer {slowest * 1000:.0f} ms")
        assert after < before + 64 and slowest < 0.1
    assert len(daemon.endpoint("hostile")["addresses"]) == 64


def test_many_clients_that_read_nothing_stay_bounded(scratch, binaries):
    """Twelve hundred clients, each with a list that it does not read, cost less than half of what the unit allows."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    entries = [entry(f"e{i:04}", "tls", closed_port()) for i in range(400)]
    daemon = start(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries))
    daemon.settle()
    with contextlib.ExitStack() as stack:
        for i in range(1190):
            s = stack.enter_context(connect(daemon, tcp=i >= 990))
            s.sendall(b"GET /v1/endpoints HTTP/1.1\r\nHost: localhost\r\n\r\n")
        started = time.monotonic()
        assert daemon.get("/healthz") == {"status": "ok"}
        print(f"{time.monotonic() - started:.3f} s, at most {daemon.resident_mb(peak=True):.0f} MiB")
        assert os.environ.get("DBCERTD_SANITIZED") or daemon.resident_mb(peak=True) < 128


PAGE = b"<!doctype html><title>other</title><body>"


class Attacker:
    """A web server whose name leads to the status socket once its page has been loaded: what DNS rebinding does."""

    def __init__(self, daemon, tcp):
        self.daemon, self.tcp, self.rebound = daemon, tcp, False
        self.server = Server(self.serve)
        self.port = self.server.port

    def serve(self, connection):
        first = connection.recv(65536)  # a browser may connect before it asks: where a request goes is known when it comes
        if not self.rebound:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
            return
        with connect(self.daemon, self.tcp) as to:
            to.sendall(first)
            threading.Thread(target=pump, args=(to, connection), daemon=True).start()
            pump(connection, to)


def pump(source, to):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            to.sendall(piece)
        to.shutdown(socket.SHUT_WR)


ATTACK = """
const [base, done] = arguments, out = {};
const within = (promise, ms) => Promise.race([promise, new Promise(r => setTimeout(() => r("nothing"), ms))]);
const load = (tag, url) => within(new Promise(r => { const e = document.createElement(tag); e.onload = () => r("loaded"); e.onerror = () => r("error");
    e.src = url; document.body.append(e); }), 1500);
(async () => {
  for (const path of ["/v1/status", "/metrics", "/v1/findings", "/v1/forecast.ics", "/"]) {
    out["fetch " + path] = await within(fetch(base + path).then(async r => r.status + " " + await r.text(), e => "error"), 3000);
    out["no-cors " + path] = await within(fetch(base + path, { mode: "no-cors" }).then(async r => r.type + " " + await r.text(), e => "error"), 3000);
  }
  for (const [method, path] of [["POST", "/v1/endpoints/a/probe"], ["POST", "/v1/silences"], ["DELETE", "/v1/silences/1"]])
    out[method + " " + path] = await within(fetch(base + path, { method, mode: method == "POST" ? "no-cors" : "cors",
        body: method == "POST" ? '{"name": "a", "for": "14d", "reason": "hostile"}' : undefined })
        .then(async r => r.type + " " + r.status + " " + await r.text(), e => "error"), 3000);
  out.events = await within(new Promise(r => { const s = new EventSource(base + "/v1/events"); s.onopen = () => r("opened"); s.onerror = () => r("error"); }), 2000);
  out.img = await load("img", base + "/");
  out.script = await load("script", base + "/v1/status");
  const frame = document.createElement("iframe");
  frame.name = "target"; frame.src = base + "/"; document.body.append(frame);
  const form = document.createElement("form");
  form.action = base + "/v1/silences"; form.method = "POST"; form.enctype = "text/plain"; form.target = "target";
  form.innerHTML = `<input name='{"name": "a", "for": "14d", "reason": "' value='hostile"}'>`;
  document.body.append(form); form.submit();
  await new Promise(r => setTimeout(r, 800));
  try { out.iframe = frame.contentDocument ? frame.contentDocument.body.innerText : "closed"; } catch (e) { out.iframe = "closed"; }
  done(out);
})();
"""


def forward(lab, daemon):
    """A TCP port in front of the Unix socket, as ssh -L makes one."""
    port = free_port()
    lab.push(Process(["systemd-socket-activate", "-l", f"127.0.0.1:{port}", browsers.PROXY, daemon.socket], os.path.join(lab.directory, f"forward-{port}.log")))
    wait_until("the forwarded port", lambda: subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/healthz"], capture_output=True).returncode == 0)
    return port


@pytest.fixture(scope="module")
def chromium():
    made = browsers.chromium(arguments=["--host-resolver-rules=MAP *.test 127.0.0.1"])
    yield made
    made.quit()


@browsing
@pytest.mark.parametrize("how", ["tcp", "forwarded"])
def test_no_page_in_chromium_reads_the_socket(daemon, lab, chromium, how):
    """A page of another origin, and one that DNS rebinding makes same-origin with the socket, learn and change nothing."""
    port = daemon.port if how == "tcp" else forward(lab, daemon)
    other, rebound = Attacker(daemon, how == "tcp"), Attacker(daemon, how == "tcp")
    silences = daemon.get("/v1/silences")
    # Another site; another port of this host; and a name of the attacker's own, which leads to the socket in the end.
    for page, base in ((f"http://evil.test:{other.port}", f"http://localhost:{port}"), (f"http://localhost:{other.port}", f"http://localhost:{port}"),
                       (f"http://127.0.0.1:{other.port}", f"http://localhost:{port}"), (f"http://rebound.test:{rebound.port}",) * 2):
        chromium.get(page)
        rebound.rebound = page == base
        out = chromium.execute_async_script(ATTACK, base)
        print(page, base, json.dumps(out))
        answers = list(out.values())
        for word in ("severities", "dbcertd_", "VCALENDAR", "findings", '"endpoint', "2 shown"):
            assert word not in json.dumps(answers), (page, word, out)
        assert out["events"] == "error" and out["script"] in ("error", "nothing") and out["img"] in ("error", "nothing")
        assert not any(answer.startswith(("200", "201", "basic 20")) for answer in answers), out
        if page == base:
            assert out["fetch /v1/status"].startswith("421 ") and out["POST /v1/silences"].startswith("basic 421")
    assert daemon.get("/v1/silences") == silences


@browsing
@pytest.mark.parametrize("how", ["tcp", "forwarded"])
def test_the_page_in_chromium_works_as_before(daemon, lab, chromium, how):
    """The page that the user opens by its own address reads, and listens to events."""
    port = daemon.port if how == "tcp" else forward(lab, daemon)
    for name in ("localhost", "127.0.0.1"):
        chromium.get(f"http://{name}:{port}/")
        wait_until("the list", lambda: chromium.execute_script("return document.getElementById('shown')?.textContent") == "2 shown")
        chromium.execute_script("document.querySelector('#rows a').click()")
        wait_until("the details", lambda: "connection refused" in chromium.find_element("id", "detail").text)
        opened = chromium.execute_async_script("""const done = arguments[0], s = new EventSource("/v1/events");
            s.onopen = () => { s.close(); done("opened"); }; s.onerror = () => done("error");""")
        assert opened == "opened"
