"""The page at / as a browser has it: a real Chromium, by way of a port that is forwarded to the status socket."""

import html
import json
import os
import re
import subprocess
import time

import pytest

import browser as browsers
from browser import forwarded
from lab import Dbcertd, Openssl, Postgres, ago, closed_port, config, entry, host, run, wait_until

AXE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build-node/node_modules/axe-core/axe.min.js")

browsing = pytest.mark.skipif(not browsers.is_there() or bool(os.environ.get("DBCERTD_SANITIZED")),
                              reason="chromium is not installed, or only dbcertd's own part is looked at")


@pytest.fixture(scope="module")
def fleet(lab, binaries):
    def port(name, age, life=365):
        return Openssl(lab, name, lab.pki.server(name, host(name), ago(age), ago(age - life))[0]).port
    orders = Postgres(lab, "orders", lab.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0])
    entries = [entry("orders", "postgres", orders.port), entry("stalled", "tls", port("stalled", 230)), entry("ending", "docdb", port("ending", 1080, 1095)),
               entry("ended", "tls", port("ended", 400)), entry("refusing", "mysql", closed_port()),
               entry("far", "neptune", port("far", 185), region="eu-central-1", verify_name=host("far"))]
    daemon = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), entries), name="page")
    daemon.settle()
    return daemon, orders, entries, forwarded(lab, daemon)


def rows_of(text):
    return re.findall(r'<tr class="(\w+)" data-severity="\w+" data-name="([^"]+)"', text)


def test_the_server_draws_the_list_and_lets_nothing_else_in(fleet):
    daemon, _, _, url = fleet
    head, text = run("curl", "-sSI", url), run("curl", "-sS", url)
    assert rows_of(text) == [("ok", "orders"), ("warning", "stalled"), ("critical", "ending"), ("critical", "ended"), ("unknown", "refusing"),
                             ("warning", "far")]  # another region's CA
    policy = re.search(r"Content-Security-Policy: (.*)", head).group(1)
    assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy and "http" not in policy
    assert not re.search(r"""(?:src|href)=["']?(?:https?:|//)|@import|url\(|style=|onclick=""", text)
    nonces = {re.search(r'nonce="(\w{32})"', run("curl", "-sS", url)).group(1) for _ in range(3)}
    assert len(nonces) == 3
    found = re.search(r'data-name="stalled".*?<td class="found">([^<]*)<', text, re.S).group(1)
    assert found == "rotation-overdue" and "@" not in re.sub(r"@media", "", text[:text.index("<script")])
    assert text.count("<svg") == 1 + 5 and 'class="window"' in text and 'class="ca"' in text and "half-life 20" in text


def test_names_are_shown_and_not_run(scratch, binaries):
    """What is foreign in a row: a region and a host may be anything that is a name; the rest is escaped."""
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("a.b_c-d", "tls", closed_port(), region="us-east-1")]))
    daemon.settle()
    daemon.write(config(scratch.pki.bundle("rsa2048"), []) + 'interval = "<script>alert(1)</script>&";')
    daemon.reload()
    text = run("curl", "-sS", "--unix-socket", daemon.socket, "http://localhost/")
    assert rows_of(text) == [("unknown", "a.b_c-d")]
    assert "<script>alert" not in text and html.escape('"<script>alert(1)</script>&"') in text


def test_the_calendar_and_the_plugin_are_a_click_away(fleet):
    daemon, _, _, url = fleet
    text = run("curl", "-sS", url)
    paths = re.findall(r'<a href="(/(?:v1/(?!endpoints)|metrics)[^"]*)">', text)
    assert {"/v1/forecast.ics", "/v1/check", "/metrics"} <= set(paths)
    for path in paths:
        assert run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url[:-1] + path) == "200", path
    calendar = run("curl", "-sS", url + "v1/forecast.ics")
    assert re.sub(r"DTSTAMP:\w+", "", calendar) == re.sub(r"DTSTAMP:\w+", "", daemon.ctl("forecast", "--ics").stdout)
    assert run("curl", "-sS", url + "v1/check") == daemon.ctl("check").stdout
    assert run("curl", "-sS", "-w", "%{http_code}", url + "v1/forecast.ics?until=never").endswith("400")


def test_a_web_page_may_change_nothing(fleet):
    """Any site that a browser shows could send this to a forwarded socket."""
    daemon, _, _, url = fleet
    for method, path in (("POST", "v1/endpoints/orders/probe"), ("POST", "v1/silences"), ("DELETE", "v1/silences/1")):
        out = run("curl", "-sS", "-w", "%{http_code}", "-X", method, "-H", "Origin: http://example.test", url + path)
        assert out.endswith("403") and "a web page of another origin" in out
    assert run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", url + "v1/endpoints/orders/probe") == "200"


def test_who_listens_is_told_of_changes_and_let_go_at_the_end(scratch, binaries):
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("a", "tls", closed_port()), entry("b", "tls", closed_port())]))
    daemon.settle()
    command = ["curl", "-sSN", "--max-time", "30", "--unix-socket", daemon.socket, "http://localhost/v1/events"]
    listeners = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(16)]
    assert all(listener.stdout.readline() == "retry: 2000\n" for listener in listeners)
    refused = run("curl", "-sS", "-w", "%{http_code}", "--unix-socket", daemon.socket, "http://localhost/v1/events")
    assert refused.endswith("503") and "too many listen already" in refused
    assert daemon.get("/healthz") == {"status": "ok"}  # others have room
    daemon.probe("b")
    daemon.reload()
    for listener in listeners[1:3]:
        listener.kill()
        listener.communicate()
    daemon.probe("a")
    started = time.monotonic()
    assert daemon.stop() == 0 and time.monotonic() - started < 1.0
    for listener in listeners[3:]:
        out, _ = listener.communicate(timeout=10)
        assert listener.returncode == 0  # a whole answer, with an end
        told = [json.loads(line)["endpoint"] for line in re.findall(r"^event: change\ndata: (.*)$", out, re.M)]
        assert told[0] == "b" and None in told and told[-1] == "a"
    listeners[0].communicate()


@pytest.fixture(scope="module")
def chromium():
    made = []

    def start(**preferences):
        made.append(browsers.chromium(**preferences))
        return made[-1]
    yield start
    for browser in made:
        browser.quit()


@pytest.fixture(scope="module")
def browser(chromium):
    return chromium()


@pytest.fixture
def page(browser, fleet):
    browser.get_log("browser")
    browser.get(fleet[3])
    wait_until("the page", lambda: browser.execute_script("return document.getElementById('shown').textContent") == "6 shown")
    yield browser
    assert [line for line in browser.get_log("browser") if line["level"] != "INFO"] == []


def shown(browser):
    return browser.execute_script("return [...document.querySelectorAll('#rows tr')].filter(r => r.offsetParent !== null).map(r => r.dataset.name)")


def press(browser, *keys):
    from selenium.webdriver import ActionChains
    ActionChains(browser).send_keys(*keys).perform()


@browsing
def test_it_is_filtered_by_name_severity_engine_and_region(page):
    from selenium.webdriver.support.ui import Select

    def choose(what, word):
        Select(page.find_element("id", what)).select_by_value(word)
    def shows(names):
        wait_until(lambda: f"{names}, not {shown(page)}", lambda: shown(page) == names)
        assert page.find_element("id", "shown").text == (f"{len(names)} of 6 shown" if len(names) < 6 else "6 shown")
    shows(["orders", "stalled", "ending", "ended", "refusing", "far"])
    page.find_element("id", "name").send_keys("end")
    shows(["ending", "ended"])
    page.find_element("id", "name").clear()
    press(page, " ", "\ue003")  # a key, so that it hears of it
    choose("severity", "critical")
    shows(["ending", "ended"])
    choose("engine", "docdb")
    shows(["ending"])
    choose("severity", "")
    choose("engine", "")
    choose("region", "eu-central-1")
    shows(["far"])


@browsing
def test_the_keyboard_is_enough(page):
    from selenium.webdriver.common.keys import Keys
    press(page, "/")
    assert page.switch_to.active_element.get_attribute("id") == "name"
    press(page, "stalled", Keys.TAB)
    page.execute_script("document.activeElement.blur()")
    press(page, Keys.ARROW_DOWN, Keys.ENTER)
    detail = page.find_element("id", "detail")
    wait_until("the detail", detail.is_displayed)
    assert page.switch_to.active_element == detail
    for word in ("rotation-overdue", "aws rds modify-db-instance --db-instance-identifier stalled", "intermediate", "half-life 20", "names"):
        assert word in detail.text
    press(page, Keys.ESCAPE)
    assert not detail.is_displayed() and page.switch_to.active_element.text == "stalled"


@browsing
def test_what_changes_is_seen_without_loading_it_again(page, fleet, lab):
    daemon, orders, entries, _ = fleet
    page.execute_script("window.same = document.querySelector('tr[data-name=stalled]')")

    def left():
        return page.execute_script("return document.querySelector('tr[data-name=orders] .left').textContent")
    before = left()
    orders.serve(lab.pki.server("orders-new", host("orders"), ago(200), ago(200 - 365))[0])
    orders.reload()
    daemon.probe("orders")
    wait_until("the row is another", lambda: left() != before)
    assert page.execute_script("return document.querySelector('tr[data-name=orders]').className") in ("notice", "warning")  # past its half-life
    assert page.execute_script("return window.same === document.querySelector('tr[data-name=stalled]')")  # the others stay
    daemon.write(config(lab.pki.bundle("rsa2048"), entries + [entry("added", "tls", closed_port())]))
    daemon.reload()
    wait_until("the new one", lambda: "added" in shown(page))
    daemon.write(config(lab.pki.bundle("rsa2048"), entries))
    daemon.reload()
    wait_until("it is gone", lambda: "added" not in shown(page))


@browsing
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_readable_for_everybody(page, scheme, width):
    if not os.path.exists(AXE):
        pytest.skip("axe-core is not installed")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
    try:
        assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        assert [line for line in page.get_log("browser") if line["level"] != "INFO"] == []
        for opened in (False, True):
            if opened:
                page.execute_script("document.querySelector('tr[data-name=ending] a').click()")
                wait_until("the detail", page.find_element("id", "detail").is_displayed)
            page.execute_cdp_cmd("Runtime.evaluate", {"expression": open(AXE).read()})  # past the page's own policy
            result = page.execute_async_script("const done = arguments[0]; axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }).then(r => done(r.violations))")
            assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in result] == []
        roles = [node["role"]["value"] for node in page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"] if not node["ignored"]]
        assert (roles.count("table"), roles.count("row"), roles.count("rowheader")) == (1, 6 + (width == 1280), 6)  # whatever it is laid out as
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.get_log("browser")  # axe's own attempts to style what it measures


@browsing
def test_the_list_needs_no_script(chromium, fleet):
    browser = chromium(**{"profile.managed_default_content_settings.javascript": 2})
    browser.get(fleet[3])
    rows = browser.find_elements("css selector", "#rows tr")
    assert len(rows) == 6 and all(row.is_displayed() for row in rows) and "rotation-overdue" in rows[1].text
    assert not browser.find_element("id", "filter").is_displayed()
    assert rows[1].find_element("tag name", "a").get_attribute("href").endswith("/v1/endpoints/stalled")


@browsing
def test_two_thousand_endpoints_do_not_stutter(scratch, binaries, chromium):
    chain = scratch.pki.server("many", host("many"), ago(100), ago(100 - 365))[0]
    port = Openssl(scratch, "many", chain).port
    entries = [entry(f"db-{i:04}", "tls", port, host=host("many")) for i in range(2000)]
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), entries, "concurrency = 32;"))
    daemon.settle(120)
    browser = chromium()
    browser.get(forwarded(scratch, daemon))
    wait_until("the page", lambda: browser.execute_script("return document.getElementById('shown').textContent") == "2000 shown")
    spent = browser.execute_async_script("""
        const done = arguments[0], name = document.getElementById("name"), spent = {};
        const frame = () => new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)));
        const least = async (what, act) => {
          const begin = performance.now();
          await act();
          await frame();
          spent[what] = Math.min(spent[what] ?? Infinity, performance.now() - begin);
        };
        const type = text => { name.value = text; name.dispatchEvent(new Event("input")); };
        (async () => {
          for (let i = 0; i < 3; i++) {  // the machine may have other things to do, but not each time
            await least("filter", () => type("db-19"));
            await least("all", () => type(""));
            await least("scroll", () => window.scrollTo(0, 20000));
            await least("refresh", () => refresh());
            window.scrollTo(0, 0);
          }
          done(spent); })();""")
    print(spent)
    assert spent["filter"] < 400 and spent["all"] < 1000 and spent["scroll"] < 400 and spent["refresh"] < 5000
    assert browser.execute_script("return document.querySelectorAll('#rows tr').length") == 2000
