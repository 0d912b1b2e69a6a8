"""The pictures of README.md, made of the running demonstration: docs/terminal.png and docs/page.png."""

import html
import os
import re
import textwrap

import browser
from lab import wait_until

COLUMNS = 112
COLOURS = {"32": "#57d364", "36": "#79c0ff", "35": "#d2a8ff", "33": "#e3b341", "1;31": "#ff8f87"}


def as_html(text):
    text = re.sub(r"\033\[([0-9;]+)m", lambda m: f'<b style="color:{COLOURS[m[1]]}">' if m[1] in COLOURS else "</b>", html.escape(text))
    return f'<body style="margin:0;background:#0d1117"><pre id="t" style="margin:0;padding:14px;display:inline-block;color:#e6edf3;' \
           f'background:#0d1117;font:13px/1.35 DejaVu Sans Mono">{text.rstrip()}</pre>'


def take(lab, daemon, folder):
    findings = [textwrap.fill(line, COLUMNS, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
                for line in daemon.ctl("findings", "billing").stdout.splitlines()]
    screen = "$ dbcertctl status\n" + daemon.on_terminal(COLUMNS, "status") + "\n$ dbcertctl findings billing\n" + "\n".join(findings)
    path = os.path.join(lab.directory, "terminal.html")
    with open(path, "w") as f:
        f.write("<!doctype html><meta charset=utf-8>" + as_html(screen))
    chromium = browser.chromium(1180, 700)
    try:
        chromium.get("file://" + path)
        chromium.find_element("id", "t").screenshot(os.path.join(folder, "terminal.png"))
        chromium.get(browser.forwarded(lab, daemon))
        wait_until("the page", lambda: "shown" in chromium.execute_script("return document.getElementById('shown').textContent"))
        chromium.find_element("tag name", "main").screenshot(os.path.join(folder, "page.png"))
    finally:
        chromium.quit()
