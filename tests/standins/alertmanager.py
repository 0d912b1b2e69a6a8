"""A real Alertmanager, and whom it notifies."""

import http.server
import json
import os
import signal
import subprocess
import threading
import urllib.request

from lab import Process, free_port, wait_until


class Receiver:
    """What an Alertmanager notifies: a webhook that keeps what it is sent."""

    def __init__(self):
        told = self.told = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                told.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def has(self, alertname, status, **labels):
        """How often it was told."""
        return sum(a["labels"]["alertname"] == alertname and a["status"] == status and
                   all(a["labels"].get(k) == v for k, v in labels.items()) for a in self.told)


class Alertmanager:
    def __init__(self, lab, receiver):
        self.lab, self.port = lab, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = os.path.join(lab.directory, "alertmanager.yml")
        with open(self.config, "w") as f:
            f.write("route: { receiver: here, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }\n"
                    f"receivers: [ {{ name: here, webhook_configs: [ {{ url: 'http://127.0.0.1:{receiver.port}/', send_resolved: true }} ] }} ]\n")
        self.start()

    def start(self):
        self.process = Process(["prometheus-alertmanager", f"--config.file={self.config}", f"--storage.path={self.lab.directory}/alertmanager",
                                f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
                               os.path.join(self.lab.directory, "alertmanager.log"))
        self.lab.push(self.process)
        wait_until("the Alertmanager", lambda: subprocess.run(["curl", "-sf", self.url + "/-/ready"], capture_output=True).returncode == 0)

    def stop(self):
        self.process.stop(signal.SIGTERM)

    def alerts(self):
        """Labels to the rest, of what stands there."""
        with urllib.request.urlopen(self.url + "/api/v2/alerts") as answer:
            listed = json.load(answer)
        return {(a["labels"]["alertname"], a["labels"]["severity"], a["labels"].get("endpoint")): a for a in listed}
