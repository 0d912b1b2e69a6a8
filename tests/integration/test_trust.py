"""Trust stores of clients, as keytool and openssl make them; and what dbcertctl says of stores, authorities and plans."""

import json
import os
import shutil
import subprocess
import threading
import time

import pytest

from lab import Dbcertd, Openssl, Postgres, Server, ago, config, entry, findings, host, run, wait_until

needs_keytool = pytest.mark.skipif(not shutil.which("keytool"), reason="there is no keytool here")

# The guides' "Sample script for importing certificates into your trust store", with the download left to the caller.
SCRIPT = r"""
mydir=$1/certs
mkdir -p "${mydir}"
truststore=${mydir}/rds-truststore.jks
storepassword=changeit

cp "$2" ${mydir}/global-bundle.pem
cd ${mydir}
awk 'split_after == 1 {n++;split_after=0} /-----END CERTIFICATE-----/ {split_after=1}{print > "rds-ca-" n+1 ".pem"}' < ${mydir}/global-bundle.pem

for CERT in rds-ca-*; do
  alias=$(openssl x509 -noout -text -in $CERT | perl -ne 'next unless /Subject:/; s/.*(CN=|CN = )//; print')
  echo "Importing $alias"
  keytool -import -file ${CERT} -alias "${alias}" -storepass ${storepassword} -keystore ${truststore} -noprompt
  rm $CERT
done
"""


class Stores:
    """Trust stores in every form, each with the roots of the kinds that are asked for."""

    def __init__(self, lab):
        self.lab = lab
        self.directory = os.path.join(lab.directory, "stores")
        os.makedirs(self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def pem(self, name, *kinds):
        shutil.copy(self.lab.pki.bundle(*kinds), self.path(name))
        return self.path(name)

    def pkcs7(self, name, *kinds, form="DER"):
        run("openssl", "crl2pkcs7", "-nocrl", "-certfile", self.lab.pki.bundle(*kinds), "-outform", form, "-out", self.path(name))
        return self.path(name)

    def keytool(self, name, *kinds, kind="PKCS12", password="changeit", options=()):
        for k in kinds:
            run("keytool", *options, "-importcert", "-noprompt", "-storetype", kind, "-keystore", self.path(name), "-storepass", password,
                "-alias", k, "-file", self.lab.pki.authority(k)[0])
        return self.path(name)


@pytest.fixture
def stores(scratch):
    return Stores(scratch)


@pytest.fixture
def fleet(scratch):
    """orders serves rsa2048; shop serves ecc384; moving serves rsa2048 and is configured for ecc384."""
    pki = scratch.pki
    rsa, ecc = (pki.server(kind, host(kind), ago(30), ago(30 - 365), kind=kind)[0] for kind in ("rsa2048", "ecc384"))
    window = {"maintenance_window": "sun:05:00-sun:06:00"}
    servers = {"orders": Openssl(scratch, "orders", rsa), "shop": Postgres(scratch, "shop", ecc)}
    return [entry("orders", "tls", servers["orders"].port, verify_name=host("rsa2048"), **window),
            entry("shop", "postgres", servers["shop"].port, verify_name=host("ecc384"), ca="rds-ca-ecc384-g1", **window),
            entry("moving", "tls", servers["orders"].port, verify_name=host("rsa2048"), ca="rds-ca-ecc384-g1", **window)]


def store(name, path, **keys):
    text = "".join(f" {key} = {json.dumps(value)};" for key, value in keys.items())
    return f'{{ name = "{name}"; path = "{path}";{text} }}'


def watch(lab, binaries, entries, *listed, env=None, **options):
    text = config(lab.pki.bundle("rsa2048", "ecc384"), entries, more=f"trust_stores = ( {', '.join(listed)} );")
    daemon = Dbcertd(lab, binaries, text, env=env, **options)
    daemon.settle()
    return daemon


def judged(daemon, name, expected, seconds=10):
    """The store, once it has these findings: (id, severity, CA)."""
    def look():
        found = next(s for s in daemon.get("/v1/trust")["trust_stores"] if s["name"] == name)
        got = [(f["id"], f["severity"]) for f in found["findings"]]
        return found if got == expected and found["endpoints"] and all(e["served"] for e in found["endpoints"]) else None
    return wait_until(lambda: f"{name}: {expected}, but {json.dumps(daemon.get('/v1/trust')['trust_stores'], indent=1)}\n{daemon.output()}", look, seconds)


def verdicts(found):
    return {v["endpoint"]: (v["accepted"], v["next_accepted"]) for v in found["endpoints"]}


LACKS = [("trust-store-lacks-ca", "critical")]
GOOD = {"orders": (True, None), "shop": (True, None), "moving": (True, True)}
RSA_ALONE = {"orders": (True, None), "shop": (False, None), "moving": (True, False)}


@needs_keytool
def test_the_guides_script_makes_a_store_that_is_read_and_its_gap_is_told_and_closed(scratch, binaries, stores, fleet):
    bundle = scratch.pki.bundle("rsa2048")
    run("bash", "-euc", SCRIPT, "-", stores.directory, bundle)
    path = stores.path("certs/rds-truststore.jks")  # PKCS#12 by its content: what keytool writes today
    daemon = watch(scratch, binaries, fleet, store("billing", path, password_credential="billing-store"),
                   env=scratch.credential("billing-store", "changeit"))
    found = judged(daemon, "billing", LACKS)
    assert (found["format"], found["certificates"], found["error"], verdicts(found)) == ("PKCS#12", 1, None, RSA_ALONE)
    finding = found["findings"][0]
    assert finding["message"] == (f"clients with {path} (1 certificate) refuse rds-ca-ecc384-g1 in us-east-1, served now by shop: its "
                                  "issuer is not in it; configured for moving, and its root is not in the store")
    line = next(f for f in daemon.all_findings() if f["id"] == "trust-store-lacks-ca")
    assert (line["endpoint"], line["trust_store"]) == (None, "billing")
    daemon.told("trust store billing: trust-store-lacks-ca, critical: clients with ")
    # The remedy's own words, with the bundle from a file: then inotify sees the store change.
    remedy = finding["remedy"]
    url = "https://truststore.pki.rds.amazonaws.com/us-east-1/us-east-1-bundle.pem"
    assert f"\ncurl -fsS {url} | awk " in remedy and f"-keystore {path} " in remedy
    command = remedy.replace(f"curl -fsS {url}", f"cat {scratch.pki.bundle('ecc384')}").replace("keytool ", "keytool -storepass changeit ")
    run("bash", "-euc", command, cwd=stores.directory)
    found = judged(daemon, "billing", [])
    assert (found["certificates"], verdicts(found)) == (2, GOOD)
    daemon.told("trust-store-lacks-ca resolved")


FORMS = {
    "pem": lambda s: (s.pem("a.pem", "rsa2048"), "PEM", {}),
    "pem-crlf": lambda s: (s.pem("a.pem", "rsa2048"), "PEM", {"crlf": True}),
    "pkcs7": lambda s: (s.pkcs7("a.p7b", "rsa2048"), "PKCS#7", {}),
    "pkcs7-as-pem": lambda s: (s.pkcs7("a.pem", "rsa2048", form="PEM"), "PEM", {}),
    "jks": lambda s: (s.keytool("a.jks", "rsa2048", kind="JKS"), "Java key store", {}),
    "jks-password": lambda s: (s.keytool("a.jks", "rsa2048", kind="JKS"), "Java key store", {"password": "changeit"}),
    "jceks": lambda s: (s.keytool("a.jceks", "rsa2048", kind="JCEKS"), "Java key store", {"password": "changeit"}),
    "pkcs12": lambda s: (s.keytool("a.p12", "rsa2048"), "PKCS#12", {"password": "changeit"}),
    "pkcs12-without-password": lambda s: (s.keytool("a.p12", "rsa2048", options=(
        "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE", "-J-Dkeystore.pkcs12.macAlgorithm=NONE")), "PKCS#12", {}),
    "pkcs12-legacy": lambda s: (s.keytool("a.p12", "rsa2048", options=("-J-Dkeystore.pkcs12.legacy",)), "PKCS#12", {"password": "changeit"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_store_is_read(scratch, binaries, stores, fleet, form):
    if form.startswith(("jks", "jceks", "pkcs12")) and not shutil.which("keytool"):
        pytest.skip("there is no keytool here")
    path, name, keys = FORMS[form](stores)
    if keys.get("crlf"):
        content = open(path, "rb").read().replace(b"\n", b"\r\n")
        open(path, "wb").write(b"# with comments\r\n" + content)
    env, more = None, {}
    if "password" in keys:
        env, more = scratch.credential("store", keys["password"]), {"password_credential": "store"}
    daemon = watch(scratch, binaries, fleet, store("app", path, **more), env=env)
    found = judged(daemon, "app", LACKS)
    assert (found["format"], found["certificates"], verdicts(found)) == (name, 1, RSA_ALONE)


@needs_keytool
def test_a_store_that_cannot_be_read_says_why_and_what_was_read_goes_on(scratch, binaries, stores, fleet):
    locked = stores.keytool("locked.p12", "rsa2048")
    wrong = stores.keytool("wrong.jks", "rsa2048", kind="JKS")
    good = stores.pem("good.pem", "rsa2048", "ecc384")
    text = stores.path("text.pem")
    with open(text, "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\nput it here\n-----END CERTIFICATE-----\n")
    daemon = watch(scratch, binaries, fleet, store("locked", locked), store("wrong", wrong, password_credential="wrong"),
                   store("gone", stores.path("later/store.pem")), store("folder", stores.directory), store("text", text), store("good", good),
                   env=scratch.credential("wrong", "not it"))
    judged(daemon, "good", [])
    unreadable = [("trust-store-unreadable", "warning")]

    def finding(name):
        def look():
            found = next(s for s in daemon.get("/v1/trust")["trust_stores"] if s["name"] == name)
            return [(f["id"], f["severity"]) for f in found["findings"]] == unreadable and found["findings"][0]
        return wait_until(name, look)
    assert "needs its password" in finding("locked")["message"] and "LoadCredential=" in finding("locked")["remedy"]
    assert "its password does not open it" in finding("wrong")["message"]
    assert "No such file or directory" in finding("gone")["message"]
    assert "is no regular file" in finding("folder")["message"]
    assert 'perhaps a placeholder: "put it here"' in finding("text")["message"]
    # A store that was good and breaks goes on being judged by what its clients have read.
    with open(good, "w") as f:
        f.write("")
    found = judged(daemon, "good", unreadable)
    assert "the file is empty; what was read at " in found["findings"][0]["message"] and verdicts(found) == GOOD
    # A directory that comes, goes and comes again with its store.
    for _ in range(2):
        os.makedirs(stores.path("later"))
        stores.pem("later/store.pem", "rsa2048", "ecc384")
        daemon.process.send_signal(1)  # until there is a directory to watch it is looked for every 15 minutes
        judged(daemon, "gone", [])
        shutil.rmtree(stores.path("later"))
        judged(daemon, "gone", unreadable)
    # A new one takes its place by a rename.
    os.rename(stores.pem("good.new", "rsa2048"), good)
    assert verdicts(judged(daemon, "good", LACKS)) == RSA_ALONE


def test_only_those_endpoints_that_its_clients_connect_to(scratch, binaries, stores, fleet):
    path = stores.pem("a.pem", "rsa2048")
    daemon = watch(scratch, binaries, fleet, store("orders-app", path, endpoints=["orders"]), store("moving-app", path, endpoints=["moving"]))
    assert verdicts(judged(daemon, "orders-app", [])) == {"orders": (True, None)}
    found = judged(daemon, "moving-app", [("trust-store-lacks-ca", "warning")])
    assert verdicts(found) == {"moving": (True, False)}
    assert "refuse rds-ca-ecc384-g1 in us-east-1, which is configured for moving" in found["findings"][0]["message"]
    assert daemon.ctl("trust").returncode == 1
    # What is not configured any more is resolved.
    daemon.write(config(scratch.pki.bundle("rsa2048", "ecc384"), fleet))
    daemon.reload()
    daemon.told("trust-store-lacks-ca resolved")
    assert daemon.get("/v1/trust")["trust_stores"] == []
    assert daemon.ctl("trust").returncode == 0


def test_nothing_is_told_of_a_store_before_each_of_its_servers_was_looked_at(scratch, binaries, stores, fleet):
    """Also after a reload: what stands goes on standing meanwhile."""
    answer = threading.Event()
    slow = Server(lambda connection: answer.wait(60))
    entries = [*fleet, entry("slow", "tls", slow.port)]
    listed = f"timeout = \"60s\"; trust_stores = ( {store('billing', stores.pem('a.pem', 'rsa2048'))} );"
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048", "ecc384"), entries, more=listed))

    def billing():
        found = daemon.get("/v1/trust")["trust_stores"][0]
        return [(f["id"], f["severity"]) for f in found["findings"]] if [e["served"] for e in found["endpoints"]].count(None) == 1 else None
    assert wait_until("all others were seen", lambda: billing() is not None)
    time.sleep(1.5)  # longer than what settles
    assert billing() == [] and "trust-store-lacks-ca" not in daemon.output()
    answer.set()
    wait_until("it is told", lambda: billing() == LACKS)
    daemon.told("trust-store-lacks-ca")
    assert daemon.output().count("trust-store-lacks-ca") == 1
    answer.clear()
    again = Server(lambda connection: answer.wait(60))
    daemon.write(config(scratch.pki.bundle("rsa2048", "ecc384"), [*entries, entry("slower", "tls", again.port)], more=listed))
    daemon.reload()
    assert daemon.get("/v1/trust")["trust_stores"][0]["findings"][0]["id"] == "trust-store-lacks-ca"
    answer.set()
    daemon.settle()
    time.sleep(1.5)
    assert daemon.output().count("trust-store-lacks-ca") == 1


def test_it_is_told_where_nobody_asks(scratch, binaries, stores, fleet):
    """Every request has the stores judged at once; a daemon that only writes to the journal does that by itself."""
    path = stores.pem("a.pem", "rsa2048")
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048", "ecc384"), fleet, more=f"trust_stores = ( {store('billing', path)} );"))
    wait_until("its gap", lambda: "billing: trust-store-lacks-ca, critical" in daemon.output())
    stores.pem("a.pem", "rsa2048", "ecc384")
    wait_until("and its end", lambda: "billing: trust-store-lacks-ca resolved" in daemon.output())


def test_a_store_whose_certificates_have_ended(scratch, binaries, stores, fleet):
    pki = scratch.pki
    pki.authority("old", root_days=(2000, -100), subordinate_days=(1900, -100))
    pki.authority("near", root_days=(2000, 60), subordinate_days=(1900, 50))
    old, near = stores.pem("old.pem", "old"), stores.pem("near.pem", "old", "near")
    both = stores.pem("both.pem", "old", "rsa2048", "ecc384")  # as in the bundles of 2024: some have ended, and that is fine
    daemon = watch(scratch, binaries, fleet, store("old", old, endpoints=["orders"]), store("near", near, endpoints=["orders"]), store("both", both))
    assert "have all expired, the last of 1 at " in judged(daemon, "old", [("trust-store-expired", "critical")] + LACKS)["findings"][0]["message"]
    assert "the last certificate in " in judged(daemon, "near", [("trust-store-expired", "warning")] + LACKS)["findings"][0]["message"]
    judged(daemon, "both", [])


def test_trust_says_of_any_file_who_accepts_what_and_why_not(scratch, binaries, stores, fleet):
    daemon = watch(scratch, binaries, fleet)
    full, half = stores.pem("full.pem", "rsa2048", "ecc384"), stores.pkcs7("half.pem", "rsa2048")
    done = daemon.ctl("trust", full)
    assert done.returncode == 0 and "2 certificates" in done.stdout and " no " not in done.stdout
    done = daemon.ctl("trust", half)
    lines = {line.split()[0]: line for line in done.stdout.splitlines()[2:]}
    assert done.returncode == 1
    assert lines["orders"].split()[1:] == ["rds-ca-rsa2048-g1", "yes", "-", "-", "-"]
    assert lines["shop"].split()[1:3] == ["rds-ca-ecc384-g1", "no"] and "its issuer is not in it" in lines["shop"]
    assert lines["moving"].split()[1:5] == ["rds-ca-rsa2048-g1", "yes", "rds-ca-ecc384-g1", "no"]
    assert "the configured CA's root is not in it" in lines["moving"]
    found = {v["endpoint"]: v for v in json.loads(daemon.ctl("--json", "trust", half).stdout)}
    assert (found["shop"]["accepted"], found["moving"]["next_accepted"], found["orders"]["next_accepted"]) == (False, False, None)
    wrong = daemon.ctl("trust", scratch.pki.path("nothing"))
    assert (wrong.returncode, wrong.stderr) == (2, f"dbcertctl: {scratch.pki.path('nothing')}: No such file or directory\n")
    assert "No trust stores are configured" in daemon.ctl("trust").stdout


@needs_keytool
def test_trust_opens_java_s_stores(scratch, binaries, stores, fleet):
    daemon = watch(scratch, binaries, fleet)
    usual, other = stores.keytool("usual.p12", "rsa2048", "ecc384"), stores.keytool("other.p12", "rsa2048", "ecc384", password="something")
    assert daemon.ctl("trust", usual).returncode == 0  # keytool's usual password
    shut = daemon.ctl("trust", other)
    assert (shut.returncode, shut.stderr) == (2, f"dbcertctl: {other}: needs its password; expected --password-file FILE\n")
    password = stores.path("password")
    with open(password, "w") as f:
        f.write("something\n")
    assert daemon.ctl("trust", "--password-file", password, other).returncode == 0
    with open(password, "w") as f:
        f.write("wrong\n")
    assert "its password does not open it" in daemon.ctl("trust", "--password-file", password, other).stderr


def test_authorities_are_listed_with_who_uses_them(scratch, binaries, fleet):
    daemon = watch(scratch, binaries, fleet)
    listed = daemon.get("/v1/authorities")
    here = {a["ca"]: a for a in listed["authorities"] if a["region"] == "us-east-1"}
    assert set(here) == {"rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"}
    assert (here["rds-ca-rsa2048-g1"]["served_by"], here["rds-ca-ecc384-g1"]["served_by"]) == (["orders", "moving"], ["shop"])
    assert here["rds-ca-ecc384-g1"]["configured_by"] == ["shop", "moving"]
    assert [here[ca]["trusted"] for ca in sorted(here)] == [True, True, False]
    mumbai = {a["ca"]: a["offered"] for a in listed["authorities"] if a["region"] == "ap-south-1"}
    assert mumbai == {"rds-ca-rsa2048-g1": True, "rds-ca-rsa4096-g1": False, "rds-ca-ecc384-g1": False}
    assert listed["catalogue"] == {"version": "2999-01-01", "origin": daemon.catalogue}
    out = daemon.ctl("authorities").stdout
    assert "us-east-1  rds-ca-rsa2048-g1" in out and "orders, moving" in out and "ap-south-1" not in out
    everything = daemon.ctl("authorities", "--all").stdout
    assert "ap-south-1" in everything and "not, says the guide" in everything and "aws-us-gov" in everything


def test_a_plan_has_stores_first_then_instances_then_the_configuration(scratch, binaries, stores, fleet):
    path = stores.pem("app.pem", "rsa2048")
    proxy = entry("proxy", "postgres", 1, kind="proxy", ca=None)
    cluster = entry("books", "aurora-postgresql", 1, host=f"books.cluster-{host('x').split('.', 1)[1]}", rotation="restart")
    daemon = watch(scratch, binaries, [*fleet, proxy, cluster], store("app", path))
    steps = daemon.get("/v1/plan/rds-ca-ecc384-g1")["steps"]
    assert [(s["kind"], s["subject"]) for s in steps] == [
        ("trust-store", "app"), ("instance", "orders"), ("instance", "moving"), ("instance", "books"),
        ("configure", "orders"), ("configure", "books"), ("nothing", "shop"), ("nothing", "proxy")]
    by = {(s["kind"], s["subject"]): s for s in steps}
    orders, books = by["instance", "orders"], by["instance", "books"]
    url = "https://truststore.pki.rds.amazonaws.com/us-east-1/us-east-1-bundle.pem"
    assert by["trust-store", "app"]["command"] == f"cp -p {path} {path}.new && {{ echo; curl -fsS {url}; }} >>{path}.new && mv {path}.new {path}"
    assert orders["command"] == "aws rds modify-db-instance --db-instance-identifier orders --ca-certificate-identifier rds-ca-ecc384-g1 --region us-east-1"
    assert orders["restart"] == "no (class online, by lifetime)" and orders["blocked"] == "trust store app lacks the root"
    assert "maintenance window sun:05:00-sun:06:00" in orders["text"]
    assert "describe-db-clusters --db-cluster-identifier books" in books["command"] and books["restart"].startswith("not known; see SupportsCertificateRotationWithoutRestart")
    assert orders["steps"] == [{"kind": "change", "run": orders["command"], "where": "aws",
                                "effect": "in the maintenance window; refuses clients that do not trust rds-ca-ecc384-g1"}]
    assert "no probe has seen what it serves now" in books["blocked"]
    assert by["nothing", "shop"]["text"] == "it serves this CA already" and "AWS Certificate Manager" in by["nothing", "proxy"]["text"]
    # Another CA: dbcertd's own bundle has not got it either.
    steps = daemon.get("/v1/plan/rds-ca-rsa4096-g1")["steps"]
    assert [s["kind"] for s in steps][:2] == ["trust-store", "bundle"]
    text = daemon.ctl("plan", "rds-ca-ecc384-g1")
    assert text.returncode == 0
    order = [text.stdout.index(words) for words in ("Clients' trust stores first", "Then the instances", "And what dbcertd expects", "Nothing is to be done for")]
    assert order == sorted(order) and "8 steps" not in text.stdout and "6 steps, 4 with something in the way" in text.stdout
    for word, words in (("rds-ca-2019", "no CA that rotates"), ("rds-ca-rsa2048-g7", "no CA that rotates"), ("a/b", "is no CA identifier")):
        wrong = daemon.ctl("plan", word)
        assert wrong.returncode == 1 and words in wrong.stderr
    # Once the store is ready, the way is free.
    stores.pem("app.pem", "rsa2048", "ecc384")
    wait_until("the store is read", lambda: daemon.get("/v1/plan/rds-ca-ecc384-g1")["steps"][0]["kind"] == "instance")
    assert daemon.get("/v1/plan/rds-ca-ecc384-g1")["steps"][0]["blocked"] is None


def test_the_plan_quotes_the_guide_where_a_region_is_said_not_to_offer_the_ca(scratch, binaries, fleet):
    mumbai = entry("pune", "postgres", 1, region="ap-south-1", ca="rds-ca-ecc384-g1")
    daemon = watch(scratch, binaries, [*fleet, mumbai])
    step = next(s for s in daemon.get("/v1/plan/rds-ca-rsa4096-g1")["steps"] if s["subject"] == "pune")
    assert "the RDS user guide says that Asia Pacific (Mumbai) does not offer it" in step["blocked"]


@pytest.mark.parametrize("place", ["beside", "state"])
def test_a_newer_catalogue_overrides_what_is_built_in(scratch, binaries, fleet, place):
    daemon = watch(scratch, binaries, fleet)
    os.makedirs(daemon.state, exist_ok=True)
    path = daemon.catalogue if place == "beside" else os.path.join(daemon.state, "catalogue.tsv")
    text = open(daemon.catalogue).read().replace("2999-01-01", "2999-01-02")
    text = "".join(line for line in text.splitlines(True) if "\tus-east-1\tproduction\troot\tAmazon RDS us-east-1 Root CA ECC384" not in line)
    with open(path, "w") as f:
        f.write(text)
    daemon.process.send_signal(1)
    wait_until("the other catalogue", lambda: daemon.get("/v1/status")["catalogue"] == "2999-01-02")
    assert findings(daemon.endpoint("shop")) == [("ca-unknown", "notice")]
    assert "does not know yet" in daemon.endpoint("shop")["findings"][0]["message"] and path in daemon.endpoint("shop")["findings"][0]["message"]
    with open(path, "a") as f:
        f.write("authority\tbroken\n")
    daemon.process.send_signal(1)
    wait_until("the mistake is told", lambda: "has too few or too many columns; tabs separate them" in daemon.output())
    assert daemon.get("/v1/status")["catalogue"] == "2999-01-02"


def test_an_impostor_in_the_operator_s_own_bundle_is_told_by_its_fingerprint(scratch, binaries, fleet):
    """Without the lab's catalogue its roots are what they are: other certificates with the names of Amazon's."""
    daemon = watch(scratch, binaries, fleet)
    os.remove(daemon.catalogue)
    daemon.process.send_signal(1)
    wait_until("what is built in", lambda: daemon.get("/v1/status")["catalogue"] != "2999-01-01")
    orders = daemon.endpoint("orders")
    assert findings(orders) == [("ca-unknown", "warning")]
    assert 'a root named "Amazon RDS us-east-1 Root CA RSA2048 G1" that is not the one which the catalogue' in orders["findings"][0]["message"]


CLOCKS = {  # days that root and subordinate were valid before now, and are after it
    "both-far": ((1000, 13600), (900, 2750), []),
    "intermediate-near": ((1000, 13600), (900, 20), [("intermediate-expiring", "warning")]),
    "intermediate-nearer": ((1000, 13600), (900, 5), [("intermediate-expiring", "critical")]),
    "intermediate-over": ((1000, 13600), (900, -5), [("intermediate-expired", "critical")]),
    "intermediate-before-the-next": ((1000, 13600), (900, 400), [("intermediate-expiring", "notice")]),
    "root-near": ((3000, 300), (900, 300), [("ca-expiring", "warning"), ("ca-outlived", "notice")]),
    "root-nearer": ((3000, 60), (900, 60), [("ca-expiring", "critical"), ("ca-outlived", "notice")]),
    "root-over": ((3000, -5), (900, -5), [("ca-expired", "critical")]),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_clocks_of_a_chain_with_a_real_server(scratch, binaries, clock):
    root, subordinate, expected = CLOCKS[clock]
    ends = ago(-min(root[1], subordinate[1]))  # it may be another day by the end
    scratch.pki.authority("rsa2048", root_days=root, subordinate_days=subordinate)
    chain, _ = scratch.pki.server("db", host("db"), ago(30), ago(30 - 365))
    server = Postgres(scratch, "db", chain)
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), [entry("db", "postgres", server.port, rotation="online")]))
    endpoint = daemon.settle()["db"]
    assert findings(endpoint) == expected, endpoint["findings"]
    assert endpoint["addresses"][0]["trusted"] is True  # dates are told apart from trust
    which = {"intermediate": "the intermediate \"Amazon RDS us-east-1 Subordinate CA RSA2048 G1.A.1\" above",
             "ca": "the root \"Amazon RDS us-east-1 Root CA RSA2048 G1\" of the trust bundle above"}
    for finding in endpoint["findings"]:
        assert which[finding["id"].split("-")[0]] in finding["message"] and finding["due"]
    assert endpoint["ca_not_after"][:10] == time.strftime("%Y-%m-%d", time.gmtime(ends))


def test_wrong_words_are_told(binaries, tmp_path):
    def ctl(*words):
        done = subprocess.run([os.path.join(binaries, "dbcertctl"), *words], capture_output=True, text=True)
        return done.returncode, done.stderr
    assert ctl("plan") == (2, "dbcertctl: plan takes one CA identifier such as rds-ca-rsa2048-g1. See dbcertctl plan --help.\n")
    assert ctl("trust", "a", "b") == (2, "dbcertctl: trust takes one file, or none. See dbcertctl trust --help.\n")
    assert ctl("status", "--all") == (2, "dbcertctl: --all is for authorities, not for status. See dbcertctl --help.\n")
    assert ctl("trust", "--password-file", "x")[1].startswith("dbcertctl: --password-file is for trust with a FILE")
    assert ctl("authorities", "x") == (2, "dbcertctl: authorities takes no arguments. See dbcertctl authorities --help.\n")

    def checked(text):
        path = tmp_path / "c.conf"
        path.write_text(text)
        done = subprocess.run([os.path.join(binaries, "dbcertd"), "--check-config", "--config", str(path)], capture_output=True, text=True)
        return done.returncode, done.stderr
    status, errors = checked('trust_stores = ( { name = "a b"; path = "x"; }, { name = "c"; }, { name = "d"; path = "/x"; endpoints = [ "ordrs" ]; }, '
                             '{ name = "d"; path = "/y"; pth = "z"; } );\nendpoints = ( { name = "orders"; host = "h"; engine = "postgres"; } );')
    assert status == 78
    for words in ('name "a b": expected letters', 'path "x": expected an absolute path', "path is missing; every trust store has name and path",
                  'no endpoint is named "ordrs"; did you mean "orders"?', 'name "d" is taken by the trust store at', 'did you mean "path"?'):
        assert words in errors, (words, errors)


HOSTILE = "Amazon RDS us-east-1 RSA G1$(touch pwned)`touch pwned`"


def hostile_leaf(lab, name):
    """A server's certificate whose issuer's name is shell syntax."""
    ca_key, ca, request, leaf, names = (lab.pki.path(f"hostile.{end}") for end in ("ca.key", "ca.pem", "csr", "pem", "names"))
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca_key, "-out", ca, "-days", "30", "-subj", f"/CN={HOSTILE}")
    run("openssl", "req", "-new", "-key", lab.pki.server_key, "-out", request, "-subj", f"/CN={name}")
    open(names, "w").write(f"subjectAltName=DNS:{name}\n")
    run("openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "20", "-extfile", names, "-out", leaf)
    return leaf


def test_issuer_with_shell_syntax_reaches_no_command(scratch, binaries, stores):
    """The name of a server's CA is no CA identifier, and no part of a remedy's command, a plan, or a metric's label."""
    server = Openssl(scratch, "hostile", hostile_leaf(scratch, host("hostile")))
    path = stores.pem("it's $(touch pwned).pem", "rsa2048")
    daemon = watch(scratch, binaries, [entry("hostile", "tls", server.port, host=host("hostile"), verify_name=host("hostile"))], store("app", path))
    everything = daemon.all_findings()
    assert daemon.endpoint("hostile")["served_ca"] is None and everything
    assert any("G1$(touch" in f["message"] for f in everything)  # it is told, as text
    assert not [f["remedy"] for f in everything if "G1$(" in f["remedy"] or "touch" in f["remedy"].replace(path, "")]
    metrics = run("curl", "-sS", "--unix-socket", daemon.socket, "http://localhost/metrics")
    assert "touch" not in metrics and 'served_ca=""' in metrics
    plan = daemon.ctl("plan", "rds-ca-ecc384-g1").stdout
    assert "touch" in plan and "touch" not in plan.replace(path, "").replace(path.replace("'", "'\\''"), "")
    for script in [f["remedy"] for f in everything] + [s["remedy"] for s in daemon.get("/v1/plan/rds-ca-ecc384-g1")["steps"] if s["remedy"]]:
        done = subprocess.run(["/bin/bash", "-c", script], cwd=stores.directory, env={"PATH": "/nowhere"}, capture_output=True, text=True)
        assert "syntax error" not in done.stderr and not os.path.exists(stores.path("pwned"))


def test_pem_store_without_a_last_line_end_is_not_glued(scratch, binaries, stores, fleet):
    """The remedy of a store whose last line has no end leaves a file that OpenSSL reads whole (and dbcertd, too)."""
    path = stores.path("app.pem")
    open(path, "w").write(open(scratch.pki.authority("rsa2048")[0]).read().rstrip("\n"))
    os.chmod(path, 0o640)
    daemon = watch(scratch, binaries, fleet, store("app", path))
    finding = judged(daemon, "app", LACKS)["findings"][0]
    url = "https://truststore.pki.rds.amazonaws.com/us-east-1/us-east-1-bundle.pem"
    step = next(s for s in finding["steps"] if s["kind"] == "change")
    failing = subprocess.run(["bash", "-uc", step["run"].replace(url, "file:///nowhere")], capture_output=True)
    assert failing.returncode != 0 and "BEGIN" in open(path).read() and not open(path).read().endswith("\n")  # what fails changes nothing
    run("bash", "-euc", step["run"].replace(url, f"file://{scratch.pki.bundle('ecc384')}"))
    assert "-----END CERTIFICATE----------BEGIN" not in open(path).read() and os.stat(path).st_mode & 0o777 == 0o640
    assert len(run("openssl", "crl2pkcs7", "-nocrl", "-certfile", path)) > 1000
    found = judged(daemon, "app", [])
    assert (found["certificates"], verdicts(found)) == (2, GOOD)
