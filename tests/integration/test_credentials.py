"""Keys to the RDS API: where they come from, how they are renewed, and where they must not go."""

import glob
import json
import os
import time

import pytest

import rds
from lab import closed_port, run, wait_until
from discovery import ask_again, closed, names, needs_root, of_source, round_over, said, settings, source, start


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


@needs_root
@pytest.mark.parametrize("what, message", [
    ("no role", "the instance has no role; aws ec2 associate-iam-instance-profile"),
    ("disabled", "the instance's metadata service is turned off"),
    ("hop limit", "hop limit of 2"),
    ("error inside a 200", "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role bastion"),
    ("no service", "does not answer"),
    ("expired token", "answers with HTTP status 401"),
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
    elif what == "expired token":
        imds.tokens_live = -1
    elif what == "odd":
        imds.error = {"Code": "Success", "AccessKeyId": "A\r\nB", "SecretAccessKey": 7}
    env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{closed_port()}/"} if what == "no service" else None
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
    env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{closed_port()}"
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
    wait_until("the new file is read", lambda: "SignatureDoesNotMatch" in (said(daemon, 2)["error"] or ""))
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
