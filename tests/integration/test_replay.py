"""Real servers' bytes, as they were captured: the way through preamble and handshake leads to the certificate that
others have read out of the same capture, and a cleartext conversation to its refusal. A replay cannot know the client's
random, so TLS 1.2 ends where the server signs it; the certificate has come by then."""

import json
import os
import subprocess
import time

import pytest

from lab import Server, openssl_facts
from pcap import connections

SHARED = os.environ.get("DBCERTD_SHARED_DATA") or os.path.join(os.path.dirname(__file__), "../../../shared/data")

pytestmark = pytest.mark.skipif(not os.path.isdir(os.path.join(SHARED, "pcap")), reason="the captures are not here: shared/data")


class Replay(Server):
    """Says what the server said, as far as the client has said as many things as it did."""

    def __init__(self, connection):
        self.segments = connection.segments
        super().__init__()

    def serve(self, connection):
        spoken = True  # the client, since it was last waited for
        for from_server, data in self.segments:
            if not from_server and spoken:
                if not connection.recv(1 << 16):
                    return "left"
                spoken = False
            elif from_server:
                connection.sendall(data)
                spoken = True
        time.sleep(0.3)
        return "over"


def for_this_client(data):
    """A ServerHello (TLS 1.2) less what answers the client of the capture alone: an empty session_ticket extension (RFC
    5077, 3.2), and the mark that TLS 1.3 was not offered (RFC 8446, 4.1.3), on which this client has to hang up."""
    data = data.replace(b"DOWNGRD\1", bytes(8))
    at = data.find(b"\0\x23\0\0")
    if data[:1] != b"\x16" or data[5:6] != b"\2" or not 0 < at < 5 + int.from_bytes(data[3:5], "big"):
        return data
    extensions = 5 + 4 + 2 + 32 + 1 + data[43] + 2 + 1
    data = bytearray(data[:at] + data[at + 4:])
    for where, size in ((3, 2), (6, 3), (extensions, 2)):
        data[where:where + size] = (int.from_bytes(data[where:where + size], "big") - 4).to_bytes(size, "big")
    return bytes(data)


def captured(name, n=0):
    connection = connections(os.path.join(SHARED, "pcap", name))[n]
    connection.segments = [(s, for_this_client(data) if s else data) for s, data in connection.segments]
    return connection


def scan(binaries, engine, connection, query="", options=()):
    server = Replay(connection)
    done = subprocess.run([os.path.join(binaries, "dbcertctl"), "--json", "scan", "--timeout", "3s", *options,
                           f"{engine}://127.0.0.1:{server.port}?verify_name=db.example{query}"], capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("capture, engine, leaf, n_chain", [
    ("zeek-mysql-tls-12-amazon-rds.pcap", "mysql", "mysql-rds-ca-2019-us-east-1-0.pem", 2),
    ("zeek-postgresql-psql-aws-ssl-require.pcap", "postgres", "postgres-aws-require-0.pem", 3),
    ("zeek-postgresql-psql-aws-ssl-require-15432.pcap", "postgres", "postgres-aws-require-0.pem", 3),
    ("zeek-postgresql-psql-aws-ssl-preferred.pcap", "aurora-postgresql", "postgres-aws-require-0.pem", 3),
])
def test_a_captured_rds_server_shows_the_certificate_that_it_had(binaries, capture, engine, leaf, n_chain):
    endpoint = scan(binaries, engine, captured(capture))
    address = endpoint["addresses"][0]
    assert (address["outcome"], address["stage"]) == ("handshake-failed", "handshake"), address["detail"]
    facts = openssl_facts(os.path.join(SHARED, "leafs", leaf))
    assert {key: address["chain"][0][key] for key in facts} == facts
    assert len(address["chain"]) == n_chain
    assert endpoint["served_ca"] == "rds-ca-2019"
    for i in range(1, n_chain):
        assert address["chain"][i]["sha256"] == openssl_facts(os.path.join(SHARED, "leafs", leaf.replace("-0", f"-{i}")))["sha256"]


@pytest.mark.parametrize("bundle, trusted", [("global-bundle.2023-07.trackify.pem", True), ("global-bundle.2024-08.4devari.p7b", True),
                                             ("global-bundle.2025-09.portfolio.p7b", False)])
def test_a_captured_chain_is_judged_by_the_bundle_of_its_time_and_by_a_later_one(binaries, bundle, trusted):
    """A CA of 2019: it has ended, it is retired, and the bundles of today have not got its root any more."""
    endpoint = scan(binaries, "mysql", captured("zeek-mysql-tls-12-amazon-rds.pcap"), "&region=eu-west-1&ca=rds-ca-2019",
                    options=("--ca-file", os.path.join(SHARED, "bundles", bundle)))
    address = endpoint["addresses"][0]
    found = {f["id"]: f for f in endpoint["findings"]}
    assert address["trusted"] is trusted
    assert "comes from the authority of us-east-1, and the endpoint is in eu-west-1" in found["ca-mismatch"]["message"]
    assert "certificate-expired" in found
    if trusted:
        assert 'the root "Amazon RDS Root 2019 CA" of the trust bundle' in found["ca-expired"]["message"]
        assert "2024-08-22T17:08:50Z" in found["ca-expired"]["message"] and endpoint["ca_not_after"] == "2024-08-22T17:08:50Z"
        assert "ca-unknown" not in found and "chain-untrusted" not in found and "intermediate-expired" not in found
    else:
        assert found["chain-untrusted"] and found["ca-retired"] and found["intermediate-expired"] and "ca-expired" not in found


def test_a_captured_rds_server_with_tls_13_gets_as_far_as_its_secrets(binaries):
    address = scan(binaries, "mysql", captured("zeek-mysql-tls-13-amazon-rds.pcap"))["addresses"][0]
    assert (address["outcome"], address["stage"]) == ("handshake-failed", "handshake")
    assert "closed" not in address["detail"]


@pytest.mark.parametrize("capture, n, engine, outcome, stage, words", [
    # A listener of Oracle's in the clear: TNS Resend. A Db2: DRDA. A SQL Server of TDS 4: its answer to a login.
    ("ndpi-oracle12.pcapng", 0, "oracle-ee", "tls-refused", "handshake", "2484"),
    ("ndpi-drda_db2.pcap", 0, "db2-se", "tls-refused", "handshake", "ssl_svcename"),
    ("ndpi-mssql_tds.pcap", 4, "tls", "tls-refused", "handshake", 'use engine "sqlserver"'),
    ("ndpi-mssql_tds.pcap", 4, "sqlserver-se", "handshake-failed", "preamble", "has no ENCRYPTION"),
    ("ndpi-mssql_tds.pcap", 1, "sqlserver-se", "handshake-failed", "preamble", "has no ENCRYPTION"),
    ("ndpi-pgsql.pcap", 3, "postgres", "tls-refused", "preamble", "answered N"),
    ("ndpi-pgsql.pcap", 2, "postgres", "handshake-failed", "preamble", "0x47"),
    ("zeek-postgresql-psql-aws-ssl-disable.pcap", 0, "postgres", "handshake-failed", "preamble", "0x52"),
    ("zeek-mysql-plain-amazon-rds.pcap", 0, "mysql", "handshake-failed", "handshake", "is not TLS"),
    ("zeek-mysql-plain-amazon-rds.pcap", 0, "tls", "tls-refused", "handshake", 'use engine "mysql" or "mariadb"'),
])
def test_a_cleartext_conversation_ends_in_its_refusal(binaries, capture, n, engine, outcome, stage, words):
    address = scan(binaries, engine, captured(capture, n))["addresses"][0]
    assert (address["outcome"], address["stage"]) == (outcome, stage), address["detail"]
    assert words in address["detail"]
    assert address["chain"] == []

