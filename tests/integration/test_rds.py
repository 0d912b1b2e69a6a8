"""Discovery from the RDS API: a stand-in that recomputes every signature, in good health and in bad."""

import glob
import json
import os
import re
import shutil
import subprocess
import time

import pytest

import rds
from discovery import G1, ask_again, closed, names, needs_root, of_source, round_over, said, settings, source, start
from lab import Nginx, entry, free_port, trusting, wait_until, with_names
from loopwatch import loop_answers

DATA = os.environ.get("DBCERTD_SHARED_DATA")


# Who vouches for the stand-in.

VECTORS = sorted(glob.glob(os.path.join(DATA, "sigv4/*/*.req"))) if DATA else ["no shared data"]


@pytest.mark.skipif(not DATA, reason="no shared data")
@pytest.mark.parametrize("path", VECTORS, ids=[os.path.basename(p)[:-4] for p in VECTORS])
def test_its_signatures_are_those_of_the_official_vectors(path):
    """Another implementation than libcurl's, checked by Amazon's own suite."""
    def text(suffix):
        with open(path[:-3] + suffix) as f:
            return f.read().replace("\r\n", "\n")
    head, _, body = text("req").partition("\n\n")
    lines = head.split("\n")
    method, target = lines[0].split(" ")[:2]
    headers = [line.split(":", 1) for line in lines[1:]]
    signed = re.search("SignedHeaders=([^,]+)", text("authz")).group(1).split(";")
    stamp = dict((k.lower(), v) for k, v in headers)["x-amz-date"]
    token = re.search("^x-amz-security-token:(.+)$", text("creq"), re.M)
    if token and "security-token" not in head.lower():
        headers.append(("X-Amz-Security-Token", token.group(1)))  # the suite hands it over beside the request
    where, _, query = target.partition("?")
    canonical = rds.canonical_request(method, where, query, headers, signed, body.encode())
    assert canonical == text("creq")
    scope = f"{stamp[:8]}/us-east-1/service/aws4_request"
    to_sign = rds.string_to_sign(canonical, stamp, scope)
    assert to_sign == text("sts")
    signature = rds.signature("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope, to_sign)
    assert text("authz").endswith("Signature=" + signature)


AWS = next((p for p in ("/usr/bin/aws", shutil.which("aws")) if p and os.path.exists(p)), None)


@pytest.mark.skipif(not AWS, reason="awscli is not installed")
def test_amazon_s_own_client_believes_the_stand_in(scratch, api):
    keys, region = api.grant(token="tok/en+=="), api.region("us-east-1")
    for i in range(130):
        region.instance(f"db{i}", till="2027-05-01T00:00:00Z", tags={"stage": "production"})
    region.cluster("shop", customs=["reports"], members=["db1", "db2"])
    region.proxy("front", endpoints=["reading"])
    region.version("postgres", "16.4", True, G1)
    region.maintenance(region.instances[0]["DBInstanceArn"], auto="2026-12-01T00:00:00Z", current="2026-12-02T05:00:00Z")
    api.roles["arn:aws:iam::210987654321:role/dbcertd"] = "who"
    env = dict(os.environ, AWS_ACCESS_KEY_ID=keys.access_key_id, AWS_SECRET_ACCESS_KEY=keys.secret, AWS_SESSION_TOKEN=keys.token,
               AWS_DEFAULT_REGION="us-east-1", AWS_PAGER="", AWS_EC2_METADATA_DISABLED="true", HOME=scratch.directory)

    def aws(*words, check=True):
        done = subprocess.run([AWS, *words, "--output", "json", "--endpoint-url", api.url], env=env, capture_output=True, text=True)
        assert (done.returncode == 0) == check, done.stderr
        return json.loads(done.stdout) if check else done.stderr
    instances = aws("rds", "describe-db-instances")["DBInstances"]
    assert [i["DBInstanceIdentifier"] for i in instances] == [f"db{i}" for i in range(130)]
    first = instances[0]
    assert first["Endpoint"] == {"Address": region.host("db0"), "Port": 5432, "HostedZoneId": "Z2R2ITUGPM61AM"}
    assert first["CertificateDetails"]["CAIdentifier"] == "rds-ca-rsa2048-g1" and first["CertificateDetails"]["ValidTill"].startswith("2027-05-01T00:00:00")
    assert first["TagList"] == [{"Key": "stage", "Value": "production"}] and first["PreferredMaintenanceWindow"] == "sun:05:00-sun:06:00"
    cluster = aws("rds", "describe-db-clusters")["DBClusters"][0]
    assert cluster["CustomEndpoints"] == [region.host("reports", "cluster-custom-")] and cluster["DBClusterMembers"][0]["IsClusterWriter"]
    assert aws("rds", "describe-db-proxies")["DBProxies"][0]["EngineFamily"] == "POSTGRESQL"
    assert [e["IsDefault"] for e in aws("rds", "describe-db-proxy-endpoints")["DBProxyEndpoints"]] == [True, False]
    version = aws("rds", "describe-db-engine-versions", "--engine", "postgres", "--engine-version", "16.4", "--include-all")["DBEngineVersions"][0]
    assert version["SupportsCertificateRotationWithoutRestart"] is True and version["SupportedCACertificateIdentifiers"] == G1
    assert [c["CertificateIdentifier"] for c in aws("rds", "describe-certificates")["Certificates"]] == G1
    actions = aws("rds", "describe-pending-maintenance-actions")["PendingMaintenanceActions"][0]["PendingMaintenanceActionDetails"]
    assert actions[1]["Action"] == "ca-certificate-rotation" and actions[1]["CurrentApplyDate"].startswith("2026-12-02T05:00:00")
    lent = aws("sts", "assume-role", "--role-arn", "arn:aws:iam::210987654321:role/dbcertd", "--role-session-name", "dbcertd", "--external-id", "who")
    assert lent["Credentials"]["SessionToken"] == "lent//token+1=="
    keys.secret += "x"
    assert "SignatureDoesNotMatch" in aws("rds", "describe-certificates", check=False)


# Discovery in good health.

@needs_root
def test_a_fleet_of_a_thousand_over_three_regions(scratch, binaries, api, imds):
    """Half of it in another account, with namespaces of another date or prefix; each endpoint is there, once."""
    api.roles["arn:aws:iam::210987654321:role/dbcertd"] = "who"
    regions = [api.region("us-east-1"), api.region("eu-central-1"), api.region("ap-southeast-2", account="210987654321")]
    port = free_port()
    for region, n in zip(regions, (400, 300, 300)):
        for i in range(n):
            engine, version = [("postgres", "16.4"), ("mysql", "8.0.36"), ("mariadb", "10.11.6")][i % 3]
            region.instance(f"db{i}", engine=engine, version=version, port=port, till="2027-05-01T00:00:00Z")
        for engine, version in (("postgres", "16.4"), ("mysql", "8.0.36"), ("mariadb", "10.11.6")):
            region.version(engine, version, engine != "mysql", G1)
    api.prefix = "ns2:"
    hosts = [r["Endpoint"]["Address"] for region in regions for r in region.instances]
    interval = "60s" if os.environ.get("DBCERTD_SANITIZED") else "30s"  # the second round is not to begin meanwhile
    sources = [source(api, "us-east-1", interval=interval), source(api, "eu-central-1", interval=interval),
               source(api, "ap-southeast-2", interval=interval, role="arn:aws:iam::210987654321:role/dbcertd", external_id="who", sts_endpoint_url=api.url)]
    daemon = start(scratch, binaries, settings(*sources), imds, prefix=with_names(scratch, hosts))
    for n in range(3):
        assert round_over(daemon, n)["error"] is None
    assert [(s["name"], s["discovered"]) for s in daemon.get("/v1/rds")["sources"]] == [
        ("us-east-1", 400), ("eu-central-1", 300), ("ap-southeast-2.210987654321", 300)]
    found = names(daemon)
    assert len(found) == len(set(found)) == 1000
    assert {"db0.us-east-1", "db399.us-east-1", "db299.eu-central-1", "db299.ap-southeast-2.210987654321"} <= set(found)
    # Pages of 100, and each engine's version once.
    assert len(api.asked("DescribeDBInstances", "us-east-1")) == 4 and len(api.asked("DescribeDBInstances", "eu-central-1")) == 3
    assert sorted(r[2]["Engine"] for r in api.asked("DescribeDBEngineVersions", "us-east-1")) == ["mariadb", "mysql", "postgres"]
    assert api.refusals == []
    e = daemon.endpoint("db1.eu-central-1")
    assert (e["source"], e["engine"], e["port"], e["region"], e["configured_ca"]) == ("rds", "mysql", port, "eu-central-1", "rds-ca-rsa2048-g1")
    assert e["rds"]["supports_certificate_rotation_without_restart"] is False
    assert e["rds"]["supported_ca_certificate_identifiers"] == G1 and e["rds"]["valid_till"] == "2027-05-01T00:00:00Z"
    daemon.told("rds us-east-1: 400 endpoints discovered: db0.us-east-1, ", " and 380 more")
    # A second round asks no version again, and says nothing.
    before = len(api.asked("DescribeDBEngineVersions"))
    wait_until("another round", lambda: len(api.asked("DescribeDBInstances", "us-east-1")) >= 8, 150)
    assert len(api.asked("DescribeDBEngineVersions")) == before and daemon.output().count("discovered:") == 3


@needs_root
def test_clusters_proxies_and_what_the_configuration_has_already(scratch, binaries, api, imds):
    region = api.region("us-east-1")
    region.cluster("shop", customs=["reports"], members=["shop-1"])
    region.cluster("old", engine="aurora-mysql", port=3306, mode="serverless", auto_pause=False)
    region.cluster("sleepy", engine="aurora-mysql", port=3306, mode="serverless", auto_pause=True)
    region.proxy("front", "MYSQL", endpoints=["reading"])
    region.instance("shop-1", engine="aurora-postgresql", version="15.4", cluster="shop")
    orders = region.instance("orders", till="2027-05-01T00:00:00Z")
    region.instance("ledger", engine="oracle-ee", port=1521, version="19.0.0")
    region.instance("books", engine="oracle-se2", port=1521, version="19.0.0")
    region.instance("future", engine="quantum", port=1)
    region.instance("coming", status="creating")["Endpoint"] = None
    entries = [entry("orders", "postgres", 5432, host=orders["Endpoint"]["Address"].upper(), ca=None, addresses=["127.0.0.1"]),
               entry("books", "oracle-se2", 2484, host=region.host("books"), addresses=["127.0.0.1"], ca="rds-ca-rsa2048-g1")]
    daemon = start(scratch, binaries, settings(source(api), entries=entries), imds)
    over = round_over(daemon)
    assert names(daemon) == ["orders", "books", "shop-1.us-east-1", "shop.cluster.us-east-1", "shop.cluster-ro.us-east-1",
                             "reports.cluster-custom.us-east-1", "old.cluster.us-east-1", "front.proxy.us-east-1",
                             "reading.proxy-endpoint.us-east-1"]
    # What is configured wins, and takes what the API knows beside it: also at another port than the API's.
    orders, books = daemon.endpoint("orders"), daemon.endpoint("books")
    assert (orders["source"], orders["configured_ca"], orders["rds"]["identifier"]) == ("configured", "rds-ca-rsa2048-g1", "orders")
    assert (books["source"], books["port"], books["rds"]["engine"]) == ("configured", 2484, "oracle-se2")
    # A proxy is class acm by itself, a serverless cluster of version 1 as well.
    assert {n: daemon.endpoint(n)["kind"] for n in names(daemon) if daemon.endpoint(n)["kind"] == "proxy"} == {
        "old.cluster.us-east-1": "proxy", "front.proxy.us-east-1": "proxy", "reading.proxy-endpoint.us-east-1": "proxy"}
    assert [daemon.endpoint(n)["port"] for n in ("front.proxy.us-east-1", "old.cluster.us-east-1")] == [3306, 3306]
    # What cannot be watched as it is, is asked for: once, by name, with what to type.
    assert (over["discovered"], over["unwatched"]) == (7, 3)
    unwatched = {f["address"].split(".")[0]: f for f in said(daemon)["findings"]}
    assert set(unwatched) == {"ledger", "future", "sleepy"} and {f["severity"] for f in unwatched.values()} == {"notice"}
    assert "its TLS port is not in the API" in unwatched["ledger"]["message"] and "port = 2484; engine = \"oracle-ee\"" in unwatched["ledger"]["remedy"]
    assert "does not know its engine" in unwatched["future"]["message"] and "exclude" in unwatched["future"]["remedy"]
    assert "each probe would wake it" in unwatched["sleepy"]["message"]
    ask_again(daemon)
    wait_until("the third", lambda: daemon.output().count("instance-unwatched") >= 3)
    assert daemon.output().count("instance-unwatched") == 3
    # Its remedy is a line that is right.
    text = re.search(r"add (\{.*?\}) to endpoints", unwatched["ledger"]["remedy"]).group(1)
    daemon.write(settings(source(api), entries=[*entries, text]))
    ask_again(daemon)
    assert "ledger" in names(daemon)
    wait_until("resolved", lambda: "instance-unwatched resolved" in daemon.output())
    shown = daemon.ctl("rds").stdout
    assert re.search(r"us-east-1 +us-east-1 +instance +20\d\d-\S+ +7 +2 +ok\n", shown) and "instance-unwatched" in shown


@needs_root
def test_filters(scratch, binaries, api, imds):
    region = api.region("us-east-1")
    region.instance("a", tags={"stage": "production", "watch": ""})
    region.instance("b", tags={"stage": "test", "watch": ""})
    region.instance("c", tags={"stage": "production"})
    region.instance("test-d", tags={"stage": "production", "watch": "x"})
    region.instance("e", engine="mysql", port=3306, tags={"stage": "production", "watch": "1"})
    region.instance("f", engine="sqlserver-se", port=1433, tags={"stage": "production", "watch": "1"})
    region.proxy("front", "SQLSERVER")
    region.proxy("other", "MYSQL")
    daemon = start(scratch, binaries, settings(source(api, tags=["stage=production", "watch"], exclude=["test-*", "x?"],
                                                      engines=["postgres", "sqlserver"])), imds)
    round_over(daemon)
    assert names(daemon) == ["a.us-east-1", "f.us-east-1", "front.proxy.us-east-1"]
    # What a filter takes out goes at once: it is no disappearance.
    daemon.write(settings(source(api, exclude=["test-*", "a"])))
    ask_again(daemon)
    assert "not watched any more" not in daemon.output()
    assert names(daemon) == ["b.us-east-1", "c.us-east-1", "e.us-east-1", "f.us-east-1", "front.proxy.us-east-1", "other.proxy.us-east-1"]


@needs_root
def test_what_the_api_says_of_cas_wins_over_the_guide_and_the_catalogue(scratch, binaries, api, imds):
    """Zurich: the guide says that it does not offer two of the three; and the API knows one that the catalogue does not."""
    region = api.region("eu-central-2")
    closed(region, "a")
    region.default_ca = "rds-ca-ecc384-g1"
    del region.certificates[1]
    region.certificates.append(region.certificate("rds-ca-rsa2048-g2", "0123456789abcdef0123456789abcdef01234567", "2071-01-01T00:00:00Z"))
    daemon = start(scratch, binaries, settings(source(api, "eu-central-2")), imds)
    assert round_over(daemon)["error"] is None
    uses = {a["ca"]: a for a in daemon.get("/v1/authorities")["authorities"] if a["region"] == "eu-central-2"}
    assert {ca: (a["offered"], a["offered_by"], a["default"]) for ca, a in uses.items() if a["rotates"]} == {
        "rds-ca-rsa2048-g1": (True, "api", False), "rds-ca-rsa4096-g1": (False, "api", False),
        "rds-ca-ecc384-g1": (True, "api", True), "rds-ca-rsa2048-g2": (True, "api", False)}
    news = uses["rds-ca-rsa2048-g2"]
    assert (news["sha1"], news["not_after"], news["sha256"], news["trusted"]) == (
        "0123456789abcdef0123456789abcdef01234567", "2071-01-01T00:00:00Z", None, False)
    assert "not, says RDS" in daemon.ctl("authorities").stdout
    plan = daemon.ctl("plan", "rds-ca-rsa4096-g1").stdout
    assert "the RDS API says that Europe (Zurich) does not offer it" in plan
    assert "does not offer it" not in daemon.ctl("plan", "rds-ca-ecc384-g1").stdout


# Discovery in bad health.

PASSING = {"throttle": rds.throttle, "unwell": rds.unwell, "web page": rds.web_page, "truncate": rds.truncate, "cut": rds.cut,
           "hang up": rds.hang_up, "stall": rds.stall(16)}


@needs_root
def test_what_may_pass_is_tried_again(scratch, binaries, api, imds):
    """On the second page, twice (to stall: once); a region for each."""
    api.page_size = 20
    for i, (what, fault) in enumerate(PASSING.items()):
        closed(api.region(f"us-test-{i}"), *[f"db{j}" for j in range(45)])
        api.faults += [(f"us-test-{i}", "DescribeDBInstances", lambda handler, respond: respond())] + [
            (f"us-test-{i}", "DescribeDBInstances", fault)] * (1 if what == "stall" else 2)
    hosts = [r["Endpoint"]["Address"] for region in api.regions.values() for r in region.instances]
    daemon = start(scratch, binaries, settings(*[source(api, f"us-test-{i}", interval="1h") for i in range(len(PASSING))]), imds,
                   prefix=with_names(scratch, hosts))
    for i, what in enumerate(PASSING):
        over = round_over(daemon, i, 90)
        assert (over["error"], over["discovered"], of_source(daemon, i)) == (None, 45, []), what
        assert len(api.asked("DescribeDBInstances", f"us-test-{i}")) == 3 + (1 if what == "stall" else 2), what


@needs_root
def test_a_round_that_fails_changes_nothing_and_is_a_finding_after_a_while(scratch, binaries, api, imds):
    region = api.region("us-east-1")
    closed(region, "a", "b")
    daemon = start(scratch, binaries, settings(source(api)), imds)
    round_over(daemon)
    assert names(daemon) == ["a.us-east-1", "b.us-east-1"]
    # The instances' first page is there, and is empty; the round fails later: nothing is retired by it.
    gone, region.instances[:] = list(region.instances), []
    api.always = [(None, "DescribeDBClusters", rds.unwell)]
    over = ask_again(daemon)
    assert "DescribeDBClusters: ServiceUnavailable: no, 5 times in a row" in over["error"]
    assert of_source(daemon) == [("discovery-failing", "warning", "pending")]
    assert "discovery-failing" not in daemon.output()
    wait_until(lambda: f"it fires {said(daemon)}", lambda: of_source(daemon) == [("discovery-failing", "warning", "firing")])
    assert names(daemon) == ["a.us-east-1", "b.us-east-1"]
    daemon.told("discovery-failing")
    line = next(line for line in daemon.output().splitlines() if "discovery-failing" in line)
    assert line.startswith("rds us-east-1: discovery-failing, warning: the RDS API is without an answer since 20") and "the 2 endpoints that it named" in line
    assert "Do: aws sts get-caller-identity" in line
    # A restart meanwhile: they are watched by what was kept, and it is not said again.
    daemon.stop()
    api.always = [(None, "DescribeDBInstances", rds.hang_up)]
    daemon = start(scratch, binaries, settings(source(api)), imds)
    assert names(daemon) == ["a.us-east-1", "b.us-east-1"]
    round_over(daemon)
    assert of_source(daemon) == [("discovery-failing", "warning", "firing")] and names(daemon) == ["a.us-east-1", "b.us-east-1"]
    assert daemon.output().count("discovery-failing") == 1, daemon.output()  # the first daemon's line, in the same log
    region.instances[:] = gone
    api.always = []
    assert ask_again(daemon)["error"] is None and of_source(daemon) == []
    wait_until("resolved", lambda: "discovery-failing resolved" in daemon.output())


@needs_root
def test_one_that_disappears_is_retired_after_a_grace_with_an_event(scratch, binaries, api, imds):
    region = api.region("us-east-1")
    closed(region, "a", "b")
    daemon = start(scratch, binaries, settings(source(api)), imds, prefix=with_names(scratch, [region.host("a"), region.host("b")]))
    round_over(daemon)
    wait_until("it is told", lambda: "b.us-east-1: name-unresolved, unknown:" in daemon.output())
    b = region.instances.pop()
    ask_again(daemon)
    missing = daemon.endpoint("b.us-east-1")["rds"]["missing_since"]
    assert f"not named any more since {missing}\n" in daemon.ctl("show", "b.us-east-1").stdout
    assert names(daemon) == ["a.us-east-1", "b.us-east-1"]
    # While it is missing nobody is woken for its silence; and it may come back.
    assert [f["state"] for f in daemon.probe("b.us-east-1")["findings"]] == ["pending"]
    assert "RDS does not name it any more since 20" in daemon.endpoint("b.us-east-1")["findings"][0]["message"]
    region.instances.append(b)
    ask_again(daemon)
    assert daemon.endpoint("b.us-east-1")["rds"]["missing_since"] is None
    region.instances.pop()
    ask_again(daemon)
    wait_until("retired", lambda: names(daemon) == ["a.us-east-1"], 60)
    daemon.told("rds us-east-1: 1 endpoint not watched any more, since RDS does not name them any more: b.us-east-1")
    # A restart does not bring it back.
    daemon.stop()
    api.always = [(None, "DescribeDBInstances", rds.hang_up)]
    assert names(start(scratch, binaries, settings(source(api)), imds)) == ["a.us-east-1"]


@needs_root
def test_what_the_account_may_not_ask_is_said_and_leaves_the_rest(scratch, binaries, api, imds):
    region = api.region("us-east-1")
    closed(region, "a")
    region.proxy("front")
    region.version("postgres", "16.4", True, G1)
    daemon = start(scratch, binaries, settings(source(api)), imds)
    round_over(daemon)
    assert names(daemon) == ["a.us-east-1", "front.proxy.us-east-1"]
    region.proxies.clear()
    api.always = [(None, "DescribeDBProxies", rds.deny), (None, "DescribeDBEngineVersions", rds.deny)]
    over = ask_again(daemon)
    assert over["error"] is None and "DescribeDBProxies: AccessDenied: User: arn:aws:sts::" in over["refused"]
    assert "DescribeDBEngineVersions: AccessDenied" in over["refused"]
    assert of_source(daemon) == [("discovery-failing", "warning", "firing")]
    time.sleep(1)
    assert names(daemon) == ["a.us-east-1", "front.proxy.us-east-1"]  # a refusal retires nothing
    assert daemon.endpoint("a.us-east-1")["rds"]["supports_certificate_rotation_without_restart"] is True
    # Instances are what it is about.
    api.always = [(None, "DescribeDBInstances", rds.deny)]
    assert "DescribeDBInstances: AccessDenied" in ask_again(daemon)["error"]
    # A region without proxies says so with an error of its own.
    api.always = [(None, "DescribeDBProxies", rds.refuse(400, "InvalidAction", "Could not find operation"))]
    over = ask_again(daemon)
    assert (over["error"], over["refused"]) == (None, None)
    # An engine's version that the API cannot describe is no reason for anything.
    api.always = [(None, "DescribeDBEngineVersions", rds.refuse(400, "InvalidParameterCombination", "Cannot find version 16.4 for postgres"))]
    over = ask_again(daemon)
    assert (over["error"], over["refused"], of_source(daemon)) == (None, None, [])
    # Another question that is no good leaves the others.
    api.always = [(None, "DescribeCertificates", rds.refuse(400, "InvalidParameterValue", "no such thing"))]
    over = ask_again(daemon)
    assert over["error"] is None and over["refused"] == "DescribeCertificates: InvalidParameterValue: no such thing"


@needs_root
def test_over_https_to_whom_the_system_trusts_and_to_nobody_else(scratch, binaries, api, imds):
    pki = scratch.pki
    root, good = pki.web_authority(), pki.web_server("localhost", "localhost")
    closed(api.region("us-east-1"), "a")
    web = Nginx(scratch, "api", scratch.directory, {"good": good, "wrong": pki.web_server("elsewhere", "elsewhere.test")},
                pki.path("web-server.key"), f"location / {{ proxy_pass {api.url}; proxy_set_header Host $http_host; }}")
    prefix = trusting(root)
    urls = [f"https://localhost:{web.ports[which]}" for which in ("good", "wrong")]
    daemon = start(scratch, binaries, settings(*[source(api, name=f"s{i}", endpoint_url=url) for i, url in enumerate(urls)]),
                   imds, prefix=prefix)
    assert (round_over(daemon, 0)["error"], round_over(daemon, 0)["discovered"]) == (None, 1)
    assert "certificate" in round_over(daemon, 1)["error"] and api.refusals == []


@pytest.mark.skipif(bool(os.environ.get("DBCERTD_SANITIZED")), reason="sanitizers keep what was freed")
@pytest.mark.parametrize("values, size, words", [(19, 4000, "its records take more than 48 MB"), (0, 0, "there are more than 20000 records")])
def test_pages_without_end_end_the_round_within_memory(scratch, binaries, api, imds, values, size, words):
    """An API whose pages never end is a failed round with the reason, in little memory, and the loop answers throughout."""
    api.always.append((None, "DescribeDBInstances", rds.endless(values, size)))
    daemon = start(scratch, binaries, settings(source(api)), imds)
    most = 0
    with loop_answers(daemon):
        while not (error := said(daemon)["error"]):
            assert (most := max(most, daemon.resident_mb())) < 160, most
            time.sleep(0.02)
    assert error == f"DescribeDBInstances: {words}"
    assert len(api.asked("DescribeDBInstances")) < 250
    assert daemon.stop() == 0


@pytest.mark.skipif(bool(os.environ.get("DBCERTD_SANITIZED")), reason="sanitizers keep what was freed")
def test_pages_without_end_of_many_sources_stay_within_memory(scratch, binaries, api, imds):
    """Rounds that run at the same time share what all answers may take."""
    regions = ["us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2"]
    api.always.append((None, "DescribeDBInstances", rds.endless(19, 4000)))
    daemon = start(scratch, binaries, settings(*(source(api, region) for region in regions)), imds)
    most, over = 0, set()
    while len(over) < len(regions):
        assert (most := max(most, daemon.resident_mb())) < 200, most
        over |= {i for i in range(len(regions)) if said(daemon, i)["error"]}
    assert daemon.stop() == 0


def without(element):
    return rds.edited(lambda text: re.sub(rf"<{element}(/>|>.*?</{element}>)", "", text, flags=re.S))


def with_text(element, text):
    return rds.edited(lambda answer: re.sub(rf"<{element}>[^<]*</{element}>", f"<{element}>{text}</{element}>", answer))


ODD = {
    "another date": (rds.edited(lambda t: t.replace("2014-10-31", "2099-01-01")), ["a.us-east-1"]),
    "no namespace": (rds.edited(lambda t: re.sub(r' xmlns="[^"]*"', "", t)), ["a.us-east-1"]),
    "unknown elements": (rds.edited(lambda t: t.replace("<DBInstance>", "<DBInstance><New><Endpoint><Address>x</Address></Endpoint></New>")), ["a.us-east-1"]),
    "no CA, no certificate": (lambda h, r: re.sub(r"<(CACertificateIdentifier|CertificateDetails)>.*?</\1>", "", r()), ["a.us-east-1"]),
    "no endpoint": (without("Endpoint"), []),
    "no engine": (without("Engine"), []),
    "no version, no window, no status": (lambda h, r: re.sub(r"<(EngineVersion|PreferredMaintenanceWindow|DBInstanceStatus|TagList)>.*?</\1>", "", r()), ["a.us-east-1"]),
    "a port that is none": (with_text("Port", "many"), "unwatched"),
    "a port beyond": (with_text("Port", "65536"), "unwatched"),
    "a date that is none": (with_text("ValidTill", "soon"), ["a.us-east-1"]),
    "a window that is none": (with_text("PreferredMaintenanceWindow", "any time"), ["a.us-east-1"]),
    "a name that is none": (with_text("Address", "a;reboot"), "unwatched"),
    "an engine that is none": (with_text("Engine", "oracle-$(reboot)"), "unwatched"),
    "an element in place of a text": (rds.edited(lambda t: t.replace("<Engine>postgres</Engine>", "<Engine><Name>postgres</Name></Engine>")), []),
    "a marker that comes again": (rds.edited(lambda t: t.replace("</DescribeDBInstancesResult>", "<Marker>again</Marker></DescribeDBInstancesResult>")), "Marker"),
    "a document type": (rds.edited(lambda t: t.replace("?>\n", '?>\n<!DOCTYPE a [<!ENTITY b "c">]>\n')), "document type"),
    "another document": (rds.edited(lambda t: "<html><body>Sign in</body></html>"), "another document"),
    "no XML": (rds.edited(lambda t: "\0\1\2"), "cannot be read"),
    "nested too deep": (rds.edited(lambda t: t.replace("<DBInstance>", "<DBInstance>" + "<a>" * 30 + "</a>" * 30)), "too deep"),
    "a value too long": (with_text("Engine", "x" * 5000), "too long"),
    "too many records": (rds.edited(lambda t: t.replace("<DBInstances>", "<DBInstances>" + "<DBInstance/>" * 1001)), "too many records"),
    "too large": (rds.edited(lambda t: t + " " * (9 << 20)), "more than 8388608 bytes"),
}


@needs_root
def test_odd_answers(scratch, binaries, api, imds):
    """Each is taken for what it is, or refused with a reason; the daemon goes on. A region for each, since they are one round."""
    sources = []
    for i, (what, (fault, _)) in enumerate(ODD.items()):
        region = api.region(f"odd-test-{i}")
        region.instance("a", till="2027-05-01T00:00:00Z")
        api.always.append((f"odd-test-{i}", "DescribeDBInstances", fault))
        sources.append(source(api, f"odd-test-{i}", name=f"odd-{i}", interval="1h"))
    # The stand-in cannot read a marker that is not its own.
    respond = api.respond
    api.respond = lambda *a: respond(*a[:4], {k: v for k, v in a[4].items() if v != "again"})
    daemon = start(scratch, binaries, settings(*sources), imds)
    for i, (what, (_, expected)) in enumerate(ODD.items()):
        over = round_over(daemon, i, 120)
        found = [n.replace(f"odd-{i}", "us-east-1") for n in names(daemon) if n.endswith(f".odd-{i}")]
        if isinstance(expected, list):
            assert (over["error"], found, over["unwatched"]) == (None, expected, 0), what
        elif expected == "unwatched":
            assert (over["error"], found, over["unwatched"]) == (None, [], 1), what
            assert "reboot" not in over["findings"][0]["remedy"], what
        else:
            assert over["error"] and expected in over["error"] and found == [], (what, over)
    assert daemon.stop() == 0
