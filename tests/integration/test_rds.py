"""Discovery from the RDS API, and the wire against it: a stand-in that recomputes every signature, in good health and in
bad, with real PostgreSQL and MariaDB behind some of its names."""

import glob
import json
import os
import re
import shutil
import subprocess
import time

import pytest

import rds
from lab import Dbcertd, Journald, Mariadb, Postgres, ago, config, entry, findings, free_port, openssl_facts, run, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace")
DATA = os.environ.get("DBCERTD_SHARED_DATA")
YEAR, THREE_YEARS = 365, 1096
G1 = ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"]


@pytest.fixture
def api(scratch):
    server = rds.RdsApi()
    scratch.callback(server.stop)
    return server


@pytest.fixture
def imds(scratch, api):
    server = rds.Imds(api.grant("ASIAINSTANCE1", "instance/secret+1", "instance//token+1=="))
    scratch.callback(server.stop)
    return server


def source(api, region="us-east-1", **keys):
    keys = {"region": region, "endpoint_url": api.url, "interval": "10s", **keys}
    return "{ " + " ".join(f"{key} = {json.dumps(value)};" for key, value in keys.items() if value is not None) + " }"


def settings(*sources, entries=(), bundle=None, more=""):
    trust = f'trust = {{ bundles = [ "{bundle}" ]; }};\n' if bundle else ""
    return (f'{trust}alerts = {{ unreachable_after = 1; group_wait = "0s"; }};\n{more}\nrds = ( {", ".join(sources)} );\n'
            f'endpoints = ( {", ".join(entries)} );\n')


def with_names(lab, names, inside=()):
    """Words before a command that make it resolve these names to 127.0.0.1."""
    path = os.path.join(lab.directory, "hosts")
    with open(path, "w") as f:
        f.write("127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {name}\n" for name in names))
    words = ["sh", "-c", f'mount --bind {path} /etc/hosts && exec "$@"', "-"]
    return [*inside, *words] if inside else ["unshare", "--mount", "--propagation", "private", *words]


def start(lab, binaries, text, imds=None, name="dbcertd", env=None, **options):
    env = {**({"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url} if imds else {}), **(env or {})}
    return Dbcertd(lab, binaries, text, name=name, env=env, **options)


def said(daemon, n=0):
    return daemon.get("/v1/rds")["sources"][n]


def round_over(daemon, n=0, seconds=60):
    """The source, once a round of this run is over, one way or the other."""
    return wait_until(lambda: f"a round is over: {said(daemon, n)}", lambda: (said(daemon, n)["answered_at"] or said(daemon, n)["error"]) and
                      said(daemon, n), seconds)


def ask_again(daemon, n=0, seconds=60):
    daemon.reload()
    return round_over(daemon, n, seconds)


def names(daemon):
    return [e["name"] for e in daemon.get("/v1/endpoints")["endpoints"]]


def of_source(daemon, n=0):
    return [(f["id"], f["severity"], f["state"]) for f in said(daemon, n)["findings"]]


def closed(region, *identifiers, **keys):
    """Instances at a port where nobody listens."""
    port = free_port()
    return [region.instance(i, port=port, **keys) for i in identifiers]


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
    sources = [source(api, "us-east-1"), source(api, "eu-central-1"),
               source(api, "ap-southeast-2", role="arn:aws:iam::210987654321:role/dbcertd", external_id="who", sts_endpoint_url=api.url)]
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
    assert "rds us-east-1: 400 endpoints discovered: db0.us-east-1, " in daemon.output() and " and 380 more" in daemon.output()
    # A second round asks no version again, and says nothing.
    before = len(api.asked("DescribeDBEngineVersions"))
    wait_until("another round", lambda: len(api.asked("DescribeDBInstances", "us-east-1")) >= 8, 30)
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
    assert names(daemon) == ["b.us-east-1", "c.us-east-1", "e.us-east-1", "f.us-east-1", "front.proxy.us-east-1", "other.proxy.us-east-1"]


# Discovery in bad health.

PASSING = {"throttle": rds.throttle, "unwell": rds.unwell, "web page": rds.web_page, "truncate": rds.truncate, "cut": rds.cut,
           "hang up": rds.hang_up, "stall": rds.stall(16)}


@needs_root
def test_what_may_pass_is_tried_again(scratch, binaries, api, imds):
    """On the second page, twice (to stall: once); a region for each."""
    api.page_size = 20
    for i, (what, fault) in enumerate(PASSING.items()):
        closed(api.region(f"r-{i}"), *[f"db{j}" for j in range(45)])
        api.faults += [(f"r-{i}", "DescribeDBInstances", lambda handler, respond: respond())] + [
            (f"r-{i}", "DescribeDBInstances", fault)] * (1 if what == "stall" else 2)
    hosts = [r["Endpoint"]["Address"] for region in api.regions.values() for r in region.instances]
    daemon = start(scratch, binaries, settings(*[source(api, f"r-{i}", interval="1h") for i in range(len(PASSING))]), imds,
                   prefix=with_names(scratch, hosts))
    for i, what in enumerate(PASSING):
        over = round_over(daemon, i, 90)
        assert (over["error"], over["discovered"], of_source(daemon, i)) == (None, 45, []), what
        assert len(api.asked("DescribeDBInstances", f"r-{i}")) == 3 + (1 if what == "stall" else 2), what


@needs_root
def test_a_round_that_fails_changes_nothing_and_is_a_finding_after_a_while(scratch, binaries, api, imds):
    region = api.region("us-east-1")
    closed(region, "a", "b")
    daemon = start(scratch, binaries, settings(source(api)), imds)
    round_over(daemon)
    assert names(daemon) == ["a.us-east-1", "b.us-east-1"]
    # The instances' first page is there, and is empty; the round fails later: nothing is retired by it.
    gone, region.instances[:] = list(region.instances), []
    api.always = [(None, "DescribeDBClusters", rds.refuse(400, "InvalidParameterCombination", "no such thing"))]
    over = ask_again(daemon)
    assert "DescribeDBClusters: InvalidParameterCombination: no such thing" in over["error"]
    assert of_source(daemon) == [("discovery-failing", "warning", "pending")]
    assert "discovery-failing" not in daemon.output()
    wait_until(lambda: f"it fires {said(daemon)}", lambda: of_source(daemon) == [("discovery-failing", "warning", "firing")], 40)
    assert names(daemon) == ["a.us-east-1", "b.us-east-1"]
    line = next(line for line in daemon.output().splitlines() if "discovery-failing" in line)
    assert line.startswith("rds us-east-1: discovery-failing, warning: the RDS API is without an answer since 20") and "the 2 endpoints that it named" in line
    assert "Do: aws sts get-caller-identity; aws rds describe-db-instances --region us-east-1 --max-items 1" in line
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
    wait_until("it is told", lambda: "b.us-east-1 (127.0.0.1): unreachable, unknown:" in daemon.output(), 40)
    b = region.instances.pop()
    ask_again(daemon)
    assert daemon.endpoint("b.us-east-1")["rds"]["missing_since"]
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
    assert "rds us-east-1: 1 endpoint not watched any more, since RDS does not name them any more: b.us-east-1" in daemon.output()
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
    assert ask_again(daemon)["error"] is None


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
        region = api.region(f"odd-{i}")
        region.instance("a", till="2027-05-01T00:00:00Z")
        api.always.append((f"odd-{i}", "DescribeDBInstances", fault))
        sources.append(source(api, f"odd-{i}", name=f"odd-{i}", interval="1h"))
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
        else:
            assert over["error"] and expected in over["error"] and found == [], (what, over)
    assert daemon.stop() == 0


@needs_root
def test_credentials_that_expire_in_the_middle_of_the_pages_are_renewed(scratch, binaries, api, imds):
    region = api.region("us-east-1")
    api.page_size = 20
    closed(region, *[f"db{i}" for i in range(45)])
    old = imds.keys

    def expire(handler, respond):
        old.expired = True
        imds.rotate(api.grant("ASIAINSTANCE2", "instance/secret+2", "instance//token+2=="))
        return respond()
    api.faults = [(None, "DescribeDBInstances", lambda h, r: r()), (None, "DescribeDBInstances", expire)]
    daemon = start(scratch, binaries, settings(source(api, interval="1h")), imds)
    over = round_over(daemon)
    assert over["error"] is None and over["discovered"] == 45
    assert [code for code, _ in api.refusals] == ["ExpiredToken"]
    # Those that end at once are asked for a few times, and no more.
    imds.keys.expired = True
    over = ask_again(daemon)
    assert "ExpiredToken" in over["error"] and len(names(daemon)) == 45
    assert len(imds.requests) < 30


@needs_root
def test_credentials_are_renewed_before_they_end(scratch, binaries, api, imds):
    closed(api.region("us-east-1"), "a")
    imds.expires_in = 200
    daemon = start(scratch, binaries, settings(source(api, interval="1h")), imds)
    assert round_over(daemon)["error"] is None
    assert 1 < sum(r[0] == "PUT" for r in imds.requests) <= 4


# Where credentials come from, and where they must not go.

@needs_root
@pytest.mark.parametrize("what, message", [
    ("no role", "the instance has no role; aws ec2 associate-iam-instance-profile"),
    ("disabled", "the instance's metadata service is turned off"),
    ("hop limit", "hop limit of 2"),
    ("error inside a 200", "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role bastion"),
    ("no service", "does not answer"),
    ("odd", "the answer has no credentials"),
])
def test_the_instance_s_metadata_service_in_bad_health(scratch, binaries, api, imds, what, message):
    if what == "no role":
        imds.role = None
    elif what == "disabled":
        imds.disabled = True
    elif what == "hop limit":
        imds.hop_limit_exceeded = True
    elif what == "error inside a 200":
        imds.error = {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role bastion.", "LastUpdated": "2026-11-20T00:00:00Z"}
    elif what == "odd":
        imds.error = {"Code": "Success", "AccessKeyId": "A\r\nB", "SecretAccessKey": 7}
    env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{free_port()}/"} if what == "no service" else None
    daemon = start(scratch, binaries, settings(source(api)), imds, env=env)
    over = round_over(daemon)
    assert 'credentials "instance": ' in over["error"] and message in over["error"]
    assert of_source(daemon) == [("discovery-failing", "warning", "pending")] and api.requests == []


@needs_root
def test_containers_the_environment_a_systemd_credential_and_roles(scratch, binaries, api):
    region, other = api.region("us-east-1"), api.region("us-east-1", account="210987654321")
    region.instance("a")
    other.instance("b")
    api.roles = {"arn:aws:iam::210987654321:role/dbcertd": None}
    contained = api.grant("ASIACONTAINER", "container/secret", "container+token")
    container = rds.Container(contained, "Bearer abc")
    scratch.callback(container.stop)
    lasting = api.grant("AKIALASTING", "lasting/secret")
    api.grant("AKIAFILE", "file/secret+x", "file/token")
    token_file = os.path.join(scratch.directory, "token")
    with open(token_file, "w") as f:
        f.write("Bearer abc\n")
    credential = scratch.credential("aws", "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key=file/secret+x\naws_session_token = file/token")
    env = {**credential, "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + "/v1/x?id=1", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token_file,
           "AWS_ACCESS_KEY_ID": lasting.access_key_id, "AWS_SECRET_ACCESS_KEY": lasting.secret}
    role = {"role": "arn:aws:iam::210987654321:role/dbcertd", "sts_endpoint_url": api.url}
    sources = [source(api, name="1", credentials="container"), source(api, name="2", credentials="environment"),
               source(api, name="3", credentials="credential:aws"), source(api, name="4", credentials="credential:aws", **role),
               source(api, name="5", credentials="container", role="arn:aws:iam::999999999999:role/closed", sts_endpoint_url=api.url),
               source(api, name="6", credentials="instance")]
    env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
    daemon = start(scratch, binaries, settings(*sources), env=env)
    assert [round_over(daemon, n)["error"] for n in range(4)] == [None] * 4
    assert [s["named"] for s in daemon.get("/v1/rds")["sources"][:4]] == [1, 1, 1, 1]
    # One endpoint, although three sources name it.
    assert names(daemon) == ["a.1", "b.4"]
    assert 'credentials "container": AssumeRole: AccessDenied: User: arn:aws:sts::' in round_over(daemon, 4)["error"]
    assert container.requests[0] == "/v1/x?id=1"
    # A file that is renewed is read anew; one that is gone is said to be.
    credentials = os.path.join(credential["CREDENTIALS_DIRECTORY"], "aws")
    with open(credentials, "w") as f:
        f.write("AWS_ACCESS_KEY_ID=AKIAFILE\nAWS_SECRET_ACCESS_KEY=wrong\nAWS_SESSION_TOKEN=file/token\n")
    wait_until("the new file is read", lambda: "SignatureDoesNotMatch" in (said(daemon, 2)["error"] or ""), 20)
    # What the answer quotes is cut: the token would be in it.
    assert "The request signature we calculated" in said(daemon, 2)["error"] and "file/token" not in json.dumps(daemon.get("/v1/rds"))
    os.unlink(credentials)
    wait_until("it is gone", lambda: "expected LoadCredential=aws:" in (said(daemon, 2)["error"] or ""), 90)


def memory_of(pid):
    """All that a process could put into a core file."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            area, rights = line.split()[:2]
            begin, end = (int(x, 16) for x in area.split("-"))
            if rights.startswith("rw") and "[v" not in line and end - begin < 1 << 30:
                try:
                    memory.seek(begin)
                    yield memory.read(end - begin)
                except OSError:
                    pass


@needs_root
def test_secrets_are_nowhere_once_they_were_used(scratch, binaries, api, imds):
    """Neither the instance's keys nor the role's are in the log, in an answer, in a file that is kept, or in memory."""
    api.roles["arn:aws:iam::210987654321:role/dbcertd"] = None
    closed(api.region("us-east-1"), "a")
    closed(api.region("us-east-1", account="210987654321"), "b")
    sources = [source(api, interval="1h"), source(api, name="other", interval="1h", role="arn:aws:iam::210987654321:role/dbcertd", sts_endpoint_url=api.url)]
    daemon = start(scratch, binaries, settings(*sources), imds, env={"SYSTEMD_LOG_LEVEL": "debug"})
    assert [round_over(daemon, n)["error"] for n in range(2)] == [None, None]
    secrets = [keys.secret for keys in api.keys.values()] + [keys.token for keys in api.keys.values()]
    assert len(secrets) == 4 and all(len(s) >= 13 for s in secrets)
    time.sleep(1)
    text = daemon.output() + json.dumps(daemon.get("/v1/rds")) + daemon.ctl("rds").stdout
    kept = b"".join(open(p, "rb").read() for p in glob.glob(daemon.state + "/**", recursive=True) if os.path.isfile(p))
    pid = run("pgrep", "-P", str(daemon.process.pid), check=False).split() or [str(daemon.process.pid)]
    memory = b"".join(memory_of(pid[0]))
    assert len(memory) > 1 << 20 and b"role/dbcertd" in memory
    for secret in secrets:
        assert secret not in text and secret.encode() not in kept
        assert secret.encode() not in memory, (secret, memory[memory.index(secret.encode()) - 100:][:200])


def test_there_is_no_core_dump_of_it(scratch, binaries):
    """The kernel gives what is not dumpable to root: nobody may trace it, and no core is written."""
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    os.chmod(scratch.directory, 0o777)
    daemon = start(scratch, binaries, settings(more='interval = "1h";'), prefix=user)
    assert os.stat(f"/proc/{daemon.process.pid}/mem").st_uid == 0
    assert daemon.stop() == 0


# The wire against the API.

@pytest.fixture
def story(scratch, binaries, api, imds):
    """A PostgreSQL and a MariaDB behind names of the API, a client that trusts one CA, and a real journald."""
    class Story:
        pass
    s = Story()
    s.lab, s.api, pki = scratch, api, scratch.pki
    s.region = api.region("us-east-1")
    orders, billing = s.region.host("orders"), s.region.host("billing")
    s.old = pki.server("orders", orders, ago(400), ago(400 - THREE_YEARS))
    s.new = pki.server("orders-new", orders, ago(0.1), ago(0.1 - THREE_YEARS), kind="ecc384")
    s.postgres = Postgres(scratch, "orders", s.old[0])
    s.mariadb = Mariadb(scratch, "billing", pki.server("billing", billing, ago(30), ago(30 - YEAR))[0])
    s.orders = s.region.instance("orders", port=s.postgres.port, version="11.22", till=openssl_facts(s.old[1])["not_after"])
    s.billing = s.region.instance("billing", engine="mariadb", port=s.mariadb.port, version="10.11.6", window="sat:01:00-sat:02:00")
    s.region.version("postgres", "11.22", False, ["rds-ca-rsa2048-g1", "rds-ca-ecc384-g1"])
    s.region.version("mariadb", "10.11.6", True, G1)
    bundle, store = pki.bundle("rsa2048", "ecc384"), pki.bundle("rsa2048")
    inside = Journald(scratch).inside
    s.journald = inside
    stores = f'trust_stores = ( {{ name = "client"; path = "{store}"; endpoints = [ "orders.us-east-1" ]; }} );'
    s.settings = settings(source(api), bundle=bundle, more=stores)
    s.daemon = start(scratch, binaries, s.settings, imds, prefix=with_names(scratch, [orders, billing], inside))
    round_over(s.daemon)

    def entries(*matches):
        run(*inside, "journalctl", "--sync", check=False)
        out = run(*inside, "journalctl", "-q", "-o", "json", "-t", "dbcertd", *matches)
        return [json.loads(line) for line in out.splitlines()]
    s.entries = entries
    s.found = lambda name="orders": findings(s.daemon.endpoint(name + ".us-east-1"))
    return s


@needs_root
def test_a_change_of_ca_that_waits_for_its_restart_from_the_api_through_the_wire_to_the_journal(story):
    s = story
    e = wait_until("both are seen", lambda: s.daemon.endpoint("billing.us-east-1")["served_ca"] and s.daemon.endpoint("orders.us-east-1"), 30)
    assert s.found() == [] and s.found("billing") == []
    # Class and maintenance window come from the API.
    assert (e["rotation"]["class"], e["rotation"]["source"], e["served_ca"]) == ("restart", "api", "rds-ca-rsa2048-g1")
    b = s.daemon.endpoint("billing.us-east-1")
    assert (b["rotation"]["class"], b["rotation"]["source"]) == ("online", "api") and b["rotation"]["expected_by"].endswith("T02:00:00Z")
    # 1. Somebody changes the CA, for the next maintenance window: the client's store lacks it.
    s.orders["PendingModifiedValues"] = {"CACertificateIdentifier": "rds-ca-ecc384-g1"}
    ask_again(s.daemon)
    wait_until("scheduled", lambda: s.found() == [("maintenance-scheduled", "notice")], 30)
    scheduled = s.entries("DBCERTD_FINDING=maintenance-scheduled")[0]
    assert "its CA is to become rds-ca-ecc384-g1 in the next maintenance window sun:05:00-sun:06:00, which ends at 20" in scheduled["MESSAGE"]
    lacks = wait_until("the store", lambda: s.entries("DBCERTD_FINDING=trust-store-lacks-ca"), 30)[0]
    assert "refuse rds-ca-ecc384-g1 in us-east-1, which is configured for orders.us-east-1" in lacks["MESSAGE"] and lacks["PRIORITY"] == "4"
    plan = s.daemon.ctl("plan", "rds-ca-ecc384-g1").stdout
    assert "orders.us-east-1: RDS changes it in its next maintenance window" in plan
    assert "aws rds modify-db-instance --db-instance-identifier billing --ca-certificate-identifier rds-ca-ecc384-g1 --region us-east-1" in plan
    assert "restart: no (class online, by api)" in plan and "set ca = " not in plan
    # 2. RDS has done it without a restart: the API says the new one, the wire the old one.
    s.orders["PendingModifiedValues"] = {}
    s.orders["CACertificateIdentifier"] = s.orders["CertificateDetails"]["CAIdentifier"] = "rds-ca-ecc384-g1"
    s.orders["CertificateDetails"]["ValidTill"] = openssl_facts(s.new[1])["not_after"]
    ask_again(s.daemon)
    wait_until("it waits for a while", lambda: [f["id"] for f in s.daemon.endpoint("orders.us-east-1")["findings"]] == ["restart-pending"], 30)
    assert s.found() == [] and s.entries("DBCERTD_FINDING=restart-pending") == []  # it may be a change on its way
    wait_until("and is told", lambda: s.found() == [("restart-pending", "warning")], 40)
    told = wait_until("in the journal", lambda: s.entries("DBCERTD_FINDING=restart-pending"))[0]
    assert told["PRIORITY"] == "4" and told["DBCERTD_ENDPOINT"] == "orders.us-east-1" and told["DBCERTD_CONFIGURED_CA"] == "rds-ca-ecc384-g1"
    old, new = openssl_facts(s.old[1]), openssl_facts(s.new[1])
    assert f"the RDS API says that it has a certificate of rds-ca-ecc384-g1 valid to {new['not_after']}" in told["MESSAGE"]
    assert f"certificate {old['serial']} (rds-ca-rsa2048-g1, valid " in told["MESSAGE"] and "is still served: the new one waits for a restart" in told["MESSAGE"]
    assert told["DBCERTD_REMEDY"] == "aws rds reboot-db-instance --db-instance-identifier orders --region us-east-1; then here: dbcertctl probe orders.us-east-1"
    assert told["DBCERTD_DUE"] == old["not_after"]
    assert "waits for a restart" in run(*s.journald, "journalctl", "-q", "-x", "DBCERTD_FINDING=restart-pending")
    assert s.entries("DBCERTD_FINDING=ca-mismatch") == []
    plan = s.daemon.ctl("plan", "rds-ca-ecc384-g1").stdout
    assert "aws rds reboot-db-instance --db-instance-identifier orders --region us-east-1" in plan and "restart: yes: that is what it waits for" in plan
    # 3. The restart.
    s.postgres.serve(s.new[0])
    s.postgres.reload()
    assert findings(s.daemon.probe("orders.us-east-1")) == []
    wait_until("resolved", lambda: [t["DBCERTD_TRANSITION"] for t in s.entries("DBCERTD_FINDING=restart-pending")] == ["raised", "resolved"])
    assert "rds-ca-ecc384-g1" in s.entries("DBCERTD_FINDING=ca-changed")[0]["MESSAGE"]
    wait_until("clients are cut off", lambda: s.entries("DBCERTD_FINDING=trust-store-lacks-ca")[-1]["PRIORITY"] == "2")
    # Rounds later nothing has come of it.
    time.sleep(11)
    ask_again(s.daemon)
    assert findings(s.daemon.probe("orders.us-east-1")) == [] and s.entries("DBCERTD_FINDING=ca-mismatch") == []


@needs_root
def test_maintenance_a_ca_that_is_not_offered_one_that_differs_and_a_stopped_instance(story):
    s = story
    s.orders["CertificateDetails"] = None
    wait_until("both are seen", lambda: s.daemon.endpoint("billing.us-east-1")["served_ca"] and s.daemon.endpoint("orders.us-east-1")["served_ca"], 30)
    action = s.region.maintenance(s.orders["DBInstanceArn"], auto="2027-01-03T05:00:00Z", forced="2027-03-01T00:00:00Z", current="2027-01-03T05:00:00Z")
    s.billing["PendingModifiedValues"] = {"CACertificateIdentifier": "rds-ca-rsa8192-g3"}
    ask_again(s.daemon)
    wait_until(lambda: s.found("billing"), lambda: ("ca-not-offered", "warning") in s.found("billing"), 30)
    assert s.found() == [("maintenance-scheduled", "notice")]
    scheduled = s.daemon.endpoint("orders.us-east-1")["findings"][0]
    assert scheduled["due"] == "2027-01-03T05:00:00Z" and "forced at 2027-03-01T00:00:00Z" in scheduled["message"]
    assert scheduled["remedy"] == "aws rds describe-pending-maintenance-actions --filters Name=db-instance-id,Values=orders --region us-east-1"
    offered = next(f for f in s.daemon.endpoint("billing.us-east-1")["findings"] if f["id"] == "ca-not-offered")
    assert "the RDS API says that mariadb 10.11.6 in us-east-1 can have " + ", ".join(G1) + " alone" in offered["message"]
    # The API's CA is another one, and nothing says that it is newer: after a while that is a mismatch.
    s.region.pending.remove(action)
    s.billing["PendingModifiedValues"] = {}
    s.billing["CACertificateIdentifier"] = "rds-ca-rsa4096-g1"
    ask_again(s.daemon)
    wait_until("pending", lambda: [f["state"] for f in s.daemon.endpoint("billing.us-east-1")["findings"]] == ["pending"], 30)
    wait_until("told", lambda: s.found("billing") == [("ca-mismatch", "warning")], 40)
    mismatch = s.daemon.endpoint("billing.us-east-1")["findings"][0]
    assert mismatch["message"].startswith("the RDS API says that its CA is rds-ca-rsa4096-g1, but certificate ")
    # Where the wire shows a change first, and the API follows, nothing is told but the change.
    s.postgres.serve(s.new[0])
    s.postgres.reload()
    e = s.daemon.probe("orders.us-east-1")
    assert [(f["id"], f["state"]) for f in e["findings"]] == [("ca-mismatch", "pending")]
    s.orders["CACertificateIdentifier"] = "rds-ca-ecc384-g1"
    # One that RDS says is stopped answers nobody for good reasons; one that is not, does not.
    s.billing["CACertificateIdentifier"] = "rds-ca-rsa2048-g1"
    s.billing["DBInstanceStatus"] = "stopped"
    ask_again(s.daemon)
    assert s.daemon.endpoint("billing.us-east-1")["rds"]["status"] == "stopped"
    s.mariadb.stop()
    stopped = s.daemon.probe("billing.us-east-1")["findings"]
    assert [(f["id"], f["state"]) for f in stopped] == [("unreachable", "pending")] and "RDS says that it is stopped" in stopped[0]["message"]
    s.billing["DBInstanceStatus"] = "available"
    ask_again(s.daemon)
    wait_until("that is another matter", lambda: s.found("billing") == [("unreachable", "unknown")], 30)
    assert s.entries("DBCERTD_FINDING=unreachable")[0]["DBCERTD_ENDPOINT"] == "billing.us-east-1"
    assert {t["DBCERTD_ENDPOINT"] for t in s.entries("DBCERTD_FINDING=ca-mismatch")} == {"billing.us-east-1"}
    assert len(s.entries("DBCERTD_FINDING=ca-changed")) == 1
