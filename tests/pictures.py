"""The pictures of README.md, made of the running demonstration: docs/terminal.png and docs/page.png."""

import fcntl
import html
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import textwrap

from lab import Process, free_port, wait_until

COLUMNS = 112
COLOURS = {"32": "#57d364", "36": "#79c0ff", "35": "#d2a8ff", "33": "#e3b341", "1;31": "#ff8f87"}


def on_terminal(daemon, *words):
    """What dbcertctl prints on a terminal, with its colours."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.read(0, 1)  # until the terminal has its size
        os.execve(os.path.join(daemon.binaries, "dbcertctl"), ["dbcertctl", "--socket", daemon.socket, *words],
                  {k: v for k, v in os.environ.items() if k != "NO_COLOR"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    os.write(terminal, b"\n")
    text = b""
    while True:
        try:
            text += os.read(terminal, 65536)
        except OSError:
            break
    os.waitpid(pid, 0)
    return text.decode().replace("\r", "").split("\n", 1)[1]


def as_html(text):
    text = re.sub(r"\033\[([0-9;]+)m", lambda m: f'<b style="color:{COLOURS[m[1]]}">' if m[1] in COLOURS else "</b>", html.escape(text))
    return f'<body style="margin:0;background:#0d1117"><pre id="t" style="margin:0;padding:14px;display:inline-block;color:#e6edf3;' \
           f'background:#0d1117;font:13px/1.35 DejaVu Sans Mono">{text.rstrip()}</pre>'


def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server",
                     "--window-size=1180,700"):
        options.add_argument(argument)
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


def take(lab, daemon, folder):
    findings = [textwrap.fill(line, COLUMNS, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
                for line in daemon.ctl("findings", "billing").stdout.splitlines()]
    screen = "$ dbcertctl status\n" + on_terminal(daemon, "status") + "\n$ dbcertctl findings billing\n" + "\n".join(findings)
    path = os.path.join(lab.directory, "terminal.html")
    with open(path, "w") as f:
        f.write("<!doctype html><meta charset=utf-8>" + as_html(screen))
    port = free_port()
    lab.push(Process(["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "/lib/systemd/systemd-socket-proxyd", daemon.socket],
                     os.path.join(lab.directory, "forward.log")))
    wait_until("the port", lambda: subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/healthz"], capture_output=True).returncode == 0)
    chromium = browser()
    try:
        chromium.get("file://" + path)
        chromium.find_element("id", "t").screenshot(os.path.join(folder, "terminal.png"))
        chromium.get(f"http://127.0.0.1:{port}/")
        wait_until("the page", lambda: "shown" in chromium.execute_script("return document.getElementById('shown').textContent"))
        chromium.find_element("tag name", "main").screenshot(os.path.join(folder, "page.png"))
    finally:
        chromium.quit()
