"""SIGKILL at random moments."""

import glob
import os
import random
import signal
import subprocess
import time

import pytest

from lab import Dbcertd, Journald, Postgres, ago, config, entry, host, journal_entries, openssl_facts, wait_until

ROOT = os.geteuid() == 0
SANITIZED = bool(os.environ.get("DBCERTD_SANITIZED"))


@pytest.mark.skipif(not ROOT, reason="needs root for a journal of its own")
def test_kill_9_at_random_moments_of_200_rotations_loses_and_doubles_nothing(scratch, binaries):
    n = 25 if SANITIZED else 200
    pki = scratch.pki
    names = ["a", "b", "c"]
    made = [pki.server(f"k{i}", host("shared"), ago(300) + i * 3600, ago(300 - 365) + i * 3600) for i in range(n + 1)]
    serials = [openssl_facts(leaf)["serial"] for _, leaf in made]
    server = Postgres(scratch, "shared", made[0][0])
    journal = Journald(scratch).inside
    text = config(pki.bundle("rsa2048"), [entry(name, "postgres", server.port, host=host("shared"), rotation="external") for name in names])
    chance = random.Random(os.environ.get("DBCERTD_SEED", "5"))
    daemon = Dbcertd(scratch, binaries, text, prefix=journal)
    for name in names:
        daemon.probe(name)  # what was asked for is kept before it is answered

    def serves(serial):
        endpoints = daemon.get("/v1/endpoints")["endpoints"]
        return all(e["addresses"] and e["addresses"][0]["chain"][0]["serial"] == serial for e in endpoints)

    for i in range(1, n + 1):
        server.serve(made[i][0])
        server.process.send_signal(signal.SIGHUP)
        asked = [subprocess.Popen(["curl", "-sS", "-o", "/dev/null", "-X", "POST", "--unix-socket", daemon.socket, f"http://localhost/v1/endpoints/{name}/probe"],
                                  stderr=subprocess.DEVNULL) for name in names]
        time.sleep(chance.uniform(0, 0.08))
        daemon.process.kill()
        daemon.process.wait()
        for client in asked:
            client.wait()
        daemon = Dbcertd(scratch, binaries, text, prefix=journal)
        # The server itself may take a moment to take its new certificate.
        wait_until(lambda: f"rotation {i}", lambda: serves(serials[i]) or (daemon.probe(names[0]), daemon.probe(names[1]), daemon.probe(names[2])) and False)
    told = {}
    for e in journal_entries(journal, "DBCERTD_FINDING=rotated"):
        told.setdefault((e["DBCERTD_ENDPOINT"], e["DBCERTD_FINGERPRINT"]), set()).add(e["DBCERTD_TRANSITION_ID"])
    fingerprints = [openssl_facts(leaf)["sha256"] for _, leaf in made]
    assert sorted(told) == sorted((name, fingerprint) for name in names for fingerprint in fingerprints[1:])
    assert {len(ids) for ids in told.values()} == {1}
    assert not glob.glob(daemon.state + "/*.damaged-*")
    for name in names:
        assert [c["sha256"] for c in daemon.get(f"/v1/endpoints/{name}/history")["certificates"]] == fingerprints
