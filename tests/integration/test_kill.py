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


GROUP = 3  # rotations of one set of endpoints: of a server that changes its certificate at each probe, the fourth is no event any more


def rotate_and_kill(lab, binaries, journal, server, made, names, chance):
    """Each certificate after the first takes its turn at the server, and the daemon is killed while it finds out. Returns the last daemon."""
    serials = [openssl_facts(leaf)["serial"] for _, leaf in made]
    text = config(lab.pki.bundle("rsa2048"), [entry(name, "postgres", server.port, host=host("shared"), rotation="external") for name in names])
    daemon = Dbcertd(lab, binaries, text, prefix=journal)
    for name in names:
        daemon.probe(name)  # what was asked for is kept before it is answered

    def keeps(serial):
        """What has just been seen is in memory alone; a history is read from the file."""
        histories = [daemon.get(f"/v1/endpoints/{name}/history")["certificates"] for name in names]
        return all(history and history[-1]["serial"] == serial for history in histories)

    for (chain, _), serial in zip(made[1:], serials[1:]):
        server.serve(chain)
        server.process.send_signal(signal.SIGHUP)
        asked = [subprocess.Popen(["curl", "-sS", "-o", "/dev/null", "-X", "POST", "--unix-socket", daemon.socket, f"http://localhost/v1/endpoints/{name}/probe"],
                                  stderr=subprocess.DEVNULL) for name in names]
        time.sleep(chance.uniform(0, 0.08))
        daemon.process.kill()
        daemon.process.wait()
        for client in asked:
            client.wait()
        daemon = Dbcertd(lab, binaries, text, prefix=journal)
        # The server itself may take a moment to take its new certificate.
        wait_until(lambda: f"rotation to {serial}", lambda: keeps(serial) or [daemon.probe(name) for name in names] and False)
    return daemon


@pytest.mark.skipif(not ROOT, reason="needs root for a journal of its own")
def test_kill_9_at_random_moments_of_200_rotations_loses_and_doubles_nothing(scratch, binaries):
    n = 25 if SANITIZED else 200
    made = [scratch.pki.server(f"k{i}", host("shared"), ago(300) + i * 3600, ago(300 - 365) + i * 3600) for i in range(n + 1)]
    fingerprints = [openssl_facts(leaf)["sha256"] for _, leaf in made]
    server = Postgres(scratch, "shared", made[0][0])
    journal = Journald(scratch).inside
    chance = random.Random(os.environ.get("DBCERTD_SEED", "5"))
    expected = []
    for first in range(0, n, GROUP):
        last = min(first + GROUP, n)
        names = [f"{letter}{first}" for letter in "abc"]
        daemon = rotate_and_kill(scratch, binaries, journal, server, made[first:last + 1], names, chance)
        expected += [(name, fingerprint) for name in names for fingerprint in fingerprints[first + 1:last + 1]]
        for name in names:
            assert [c["sha256"] for c in daemon.get(f"/v1/endpoints/{name}/history")["certificates"]] == fingerprints[first:last + 1]
        daemon.stop()
    told = {}
    for e in journal_entries(journal, "DBCERTD_FINDING=rotated"):
        told.setdefault((e["DBCERTD_ENDPOINT"], e["DBCERTD_FINGERPRINT"]), set()).add(e["DBCERTD_TRANSITION_ID"])
    assert sorted(told) == sorted(expected)
    assert {len(ids) for ids in told.values()} == {1}
    assert not glob.glob(daemon.state + "/*.damaged-*")
