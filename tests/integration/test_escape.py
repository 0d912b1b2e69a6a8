"""Text of peers that would command a terminal, forge a line or hide another text: escaped in the journal, on terminals, in JSON, in metrics
and on the page, whoever sent it."""

import http.server
import json
import os
import re
import socketserver
import subprocess
import threading
import unicodedata

import pytest

import browser as browsers
import der
import rds
from lab import Dbcertd, Journald, Nginx, Openssl, Server, ago, config, entry, host, journal_entries, mysql_packet, run, trusting, wait_until
from standin import read_exactly
from discovery import round_over, settings, source, start

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace")

HOSTILE = "A\x1b[31mB\nC\x07\x7f\x9b\u202egpj\u2066\u200b\u2028\u00ad\ufeff\U000e0041D"
ESCAPED = r"A\x1b[31mB\x0aC\x07\x7f\u009b\u202egpj\u2066\u200b\u2028\u00ad\ufeff\U000e0041D"


def hidden(text):
    """The characters of a text that have no business on a screen, but newlines."""
    return sorted({f"U+{ord(c):04X}" for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")})


def hidden_in_json(value):
    """Remedies are dbcertd's own scripts, of several lines; their commands and effects are in `steps` as well, and have one each."""
    if isinstance(value, dict):
        assert "remedy" not in value or hidden(value["remedy"]) == []
        return hidden_in_json(list(value)) + [h for key, item in value.items() if key != "remedy" for h in hidden_in_json(item)]
    if isinstance(value, list):
        return [h for item in value for h in hidden_in_json(item)]
    return [(value, hidden(value))] if isinstance(value, str) and (hidden(value) or "\n" in value) else []


def uncoloured(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def hostile_certificate(pki, file, serial):
    """Signed with the PKI's key: names that no library would write, in the subject, the issuer and the alternative names."""
    def cut(data):
        """The first element of DER, with its header, and where its content begins."""
        n, at = data[1], 2
        if n >= 0x80:
            n, at = int.from_bytes(data[2:2 + (n & 0x7f)], "big"), 2 + (n & 0x7f)
        return data[:at + n], at
    text = HOSTILE.encode()
    who, signer = (der.name(("O", text), ("CN", cn + text)) for cn in (b"good.example\0", b"CA"))
    names = der.san(host("orders").encode(), b"good.example\0.evil", b"\x1b[2J\n\xe2\x80\xae.example")
    key = subprocess.run(["openssl", "pkey", "-in", pki.server_key, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    made = der.certificate(subject=who, issuer=signer, key=key, serial=serial, extensions=(names,))
    signed, _ = cut(made[cut(made)[1]:])
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", pki.server_key], input=signed, capture_output=True, check=True).stdout
    path = pki.path(file + ".pem")
    subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-out", path], input=made[:-256] + signature, check=True)
    return path


@needs_root
def test_certificate_names_are_escaped_wherever_shown(scratch, binaries):
    """Over real TLS: journal, terminal, JSON, metrics, page, a scan, and PEM with its comments."""
    chain = hostile_certificate(scratch.pki, "hostile", 4711)
    server = Openssl(scratch, "hostile", chain)
    journal = Journald(scratch).inside
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders", "tls", server.port)]), prefix=journal)
    seen = daemon.settle()["orders"]
    certificate = seen["addresses"][0]["chain"][0]
    assert certificate["names"][1:] == ["good.example\\x00.evil", "\\x1b[2J\\x0a\\u202e.example"]
    assert ESCAPED in certificate["subject"] and ESCAPED in certificate["issuer"]
    for path in ("/v1/status", "/v1/endpoints", "/v1/endpoints/orders", "/v1/endpoints/orders/history", "/v1/findings", "/v1/authorities", "/v1/trust", "/v1/forecast"):
        assert hidden_in_json(daemon.get(path)) == [], path
    entries = journal_entries(journal)
    assert any("\\u202e" in e["MESSAGE"] for e in entries)
    assert all(isinstance(value, (str, list)) for e in entries for value in e.values())
    assert [x for e in entries for x in hidden_in_json({k: v for k, v in e.items() if k.startswith(("DBCERTD", "MESSAGE"))})] == []
    for words in (["show", "orders"], ["status"], ["findings"], ["history", "orders"], ["forecast"], ["authorities"]):
        assert hidden(uncoloured(daemon.on_terminal(200, *words))) == [], words
    for words in (["--json", "show", "orders"], ["scan", "--ca-file", scratch.pki.bundle("rsa2048"), "--show-chain", f"tls://127.0.0.1:{server.port}"],
                  ["scan", "--pem", f"tls://127.0.0.1:{server.port}"], ["trust", chain]):
        out = daemon.ctl(*words)
        assert out.stdout and hidden(out.stdout + out.stderr) == [], words
    log = daemon.output()
    assert "\\u202e" in log and hidden(log) == []
    for path in ("metrics", "", "v1/check"):
        assert hidden(run("curl", "-sS", "--unix-socket", daemon.socket, "http://localhost/" + path)) == []


@pytest.mark.skipif(not browsers.is_there() or bool(os.environ.get("DBCERTD_SANITIZED")), reason="chromium is not installed, or only dbcertd's own part is looked at")
def test_certificate_names_are_escaped_on_the_page(scratch, binaries):
    """In a real Chromium: the texts, the titles and every attribute of the page, with the endpoint's details open."""
    server = Openssl(scratch, "hostile", hostile_certificate(scratch.pki, "hostile", 4711))
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders", "tls", server.port)]))
    daemon.settle()
    browser = browsers.chromium()
    try:
        browser.get(browsers.forwarded(scratch, daemon))
        wait_until("the page", lambda: browser.execute_script("return document.getElementById('shown').textContent") == "1 shown")
        browser.execute_script("document.querySelector('#rows tr button, #rows tr a, #rows tr').click()")
        shown = wait_until("the details", lambda: "u202e" in (text := browser.execute_script("return document.getElementById('detail').textContent")) and text)
        everything = browser.execute_script("""const texts = [document.title];
            for (const e of document.querySelectorAll('body, body *:not(script):not(style)')) {
              for (const a of e.attributes) texts.push(a.name, a.value);
              for (const n of e.childNodes) if (n.nodeType === 3) texts.push(n.data); }
            return texts;""")
    finally:
        browser.quit()
    assert "\\x1b[31mB\\x0aC" in shown and [t for t in everything if hidden(t)] == []


def test_alertmanager_error_body_is_one_escaped_line(scratch, binaries):
    """It refuses with a status of 400 and a text that would clear the screen and forge a line."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = HOSTILE.encode() + b"\ndbcertd 9.9 watches 0 endpoints\xff"
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scratch.callback(server.server_close)
    scratch.callback(server.shutdown)
    text = config(scratch.pki.bundle("rsa2048"), [entry("orders", "tls", 1)]).replace("alerts = {", f'alerts = {{ alertmanager = "http://127.0.0.1:{server.server_port}";')
    daemon = Dbcertd(scratch, binaries, text)
    line = wait_until("it is refused", lambda: next((line for line in daemon.output().split("\n") if "status 400" in line), None))
    assert ESCAPED + r"\x0adbcertd 9.9 watches 0 endpoints\xff" in line and hidden(daemon.output()) == []


def mysql_error(connection):
    connection.sendall(mysql_packet(0, b"\xff\x69\x04" + HOSTILE.encode()))


def postgres_error(connection):
    read_exactly(connection.recv, 8)
    fields = b"SFATAL\0C53300\0M" + HOSTILE.encode() + b"\xff\0\0"
    connection.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)


@pytest.mark.parametrize("engine, serve", [("mysql", mysql_error), ("postgres", postgres_error)])
def test_database_error_text_is_escaped(scratch, binaries, engine, serve):
    """A server's own words for why it refuses."""
    server = Server(serve)
    scratch.callback(server.stop)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("orders", engine, server.port)]))
    seen = daemon.settle()["orders"]
    assert ESCAPED in seen["addresses"][0]["detail"] and hidden_in_json(seen) == []
    wait_until("it is said", lambda: ESCAPED in daemon.output())
    assert hidden(daemon.output()) == [] and hidden(daemon.ctl("show", "orders").stdout) == []


@needs_root
def test_libcurl_error_text_is_escaped(scratch, binaries):
    """A mirror's certificate is of another name, which libcurl quotes."""
    pki = scratch.pki
    chain = pki.server("mirror", "a\u202egpj\u200b", ago(10), ago(10 - 365), san=False)[0]
    web = Nginx(scratch, "mirror", pki.directory, {"mirror": chain}, pki.server_key)
    text = config(pki.bundle("rsa2048"), []).replace("trust = {", f'trust = {{ fetch = [ "https://localhost:{web.ports["mirror"]}/x" ];')
    daemon = Dbcertd(scratch, binaries, text, prefix=trusting(pki.authority()[0]))
    error = wait_until("it has failed", lambda: next((b["error"] for b in daemon.get("/v1/trust")["bundles"] if b.get("error")), None))
    assert r"(a\u202egpj\u200b)" in error and hidden_in_json(daemon.get("/v1/findings")) == []
    assert hidden(daemon.output() + daemon.ctl("trust").stdout) == []


@needs_root
def test_rds_api_error_message_is_escaped(scratch, binaries, api):  # noqa: F811
    """The API's message, which XML allows everything but ASCII's control characters."""
    message = "no \x9b31m\u202egpj\u2066\u200b\u2028\U000e0041"
    api.always = [(None, "DescribeDBInstances", rds.refuse(403, "AccessDenied", message))]
    api.region("us-east-1")
    key = api.grant()
    daemon = start(scratch, binaries, settings(source(api, credentials="environment")),
                   env={"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret})
    over = round_over(daemon)
    assert r"no \u009b31m\u202egpj\u2066\u200b\u2028\U000e0041" in over["error"]
    assert hidden_in_json(daemon.get("/v1/rds")) == [] and hidden_in_json(daemon.get("/v1/findings")) == []
    assert hidden(daemon.output() + daemon.ctl("findings").stdout) == []


class HostileDaemon(socketserver.ThreadingUnixStreamServer):
    """Answers every question with the same JSON, as an older dbcertd or whoever has the socket may."""

    def __init__(self, lab, answer):
        self.path = os.path.join(lab.directory, "hostile.sock")

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while self.rfile.readline().strip():
                    pass
                body = json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass")
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        super().__init__(self.path, Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        lab.callback(self.server_close)
        lab.callback(self.shutdown)


def test_dbcertctl_escapes_what_any_daemon_answers(scratch, binaries):
    """Every code point that Unicode calls a control or format character, a separator or private use, in any member of any answer."""
    bad = [chr(c) for c in range(1, 0x110000) if not 0xd800 <= c < 0xe000 and
           (unicodedata.category(chr(c)) in ("Cc", "Cf", "Zl", "Zp") or c in (0xe000, 0xf8ff, 0xf0000, 0x10fffd))]
    every = "x" + "y".join(bad) + HOSTILE
    assert len(bad) > 200
    finding = {key: every for key in ("id", "severity", "address", "since", "message", "due", "remedy", "endpoint", "trust_store", "state", every)}
    chain = {key: every for key in ("role", "subject", "issuer", "serial", "sha256", "not_before", "not_after", "key", "signature")}
    endpoint = {"name": every, "host": every, "port": 1, "engine": every, "region": every, "severity": every, "configured_ca": every, "served_ca": every,
                "not_before": every, "not_after": every, "ca_not_after": every, "next_probe_at": every, "findings": [finding],
                "rotation": {key: every for key in ("class", "source", "half_life", "expected_by", "overdue_after")},
                "addresses": [{"address": every, "outcome": every, "stage": every, "detail": every, "observed_at": every, "seen_at": every, "plaintext": every,
                               "tls": {"version": every, "cipher": every, "group": every}, "chain": [{**chain, "names": [every, every]}]}]}
    answer = {**endpoint, "endpoints": [endpoint], "findings": [finding], "reload_error": every, "error": {"message": every}, "events": [finding],
              "certificates": [{**chain, "address": every, "first_seen": every, "last_seen": every}], "authorities": [{"region": every, "ca": every}],
              "silences": [{key: every for key in ("name", "finding", "reason", "author", "begins_at", "ends_at")}], "bundles": [{"url": every, "error": every}],
              "trust_stores": [{"name": every, "error": every}], "steps": [{key: every for key in ("kind", "subject", "text", "command", "restart", "blocked")}]}
    daemon = HostileDaemon(scratch, answer)
    for words in (["status"], ["show", "orders"], ["findings"], ["history", "orders"], ["authorities"], ["forecast"], ["trust"], ["check"], ["check", "orders"],
                  ["silences"], ["plan", "rds-ca-rsa2048-g1"], ["--json", "show", "orders"], ["--json", "status"], ["forecast", "--ics"]):
        out = subprocess.run([os.path.join(binaries, "dbcertctl"), "--socket", daemon.path, *words], capture_output=True, timeout=60)
        text = (out.stdout + out.stderr).decode()
        if words[-1] == "--ics":
            text = text.replace("\r\n", "\n")  # RFC 5545's lines
        assert len(text) > 50 and hidden(text) == [], words
