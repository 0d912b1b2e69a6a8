"""A real Chromium, and the way by which it reaches a status socket."""

import os
import shutil
import subprocess

from lab import Process, free_port, wait_until

PROXY = "/lib/systemd/systemd-socket-proxyd"


def is_there():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


def chromium(width=1280, height=800, arguments=(), **preferences):
    """To be ended with quit()."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server",
                     f"--window-size={width},{height}", *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if preferences:
        options.add_experimental_option("prefs", preferences)
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


def forwarded(lab, daemon):
    """The URL of a TCP port in front of the socket, as ssh -L makes one."""
    port = free_port()
    lab.push(Process(["systemd-socket-activate", "-l", f"127.0.0.1:{port}", PROXY, daemon.socket], os.path.join(lab.directory, f"forward-{port}.log")))
    wait_until("the port", lambda: subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/healthz"], capture_output=True).returncode == 0)
    return f"http://127.0.0.1:{port}/"
