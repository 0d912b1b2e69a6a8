"""A stand-in for the RDS API, STS, and the instance's metadata, on loopback: answers in the shapes of the documented
operations, recomputes every signature by itself, pages, and fails in every way it is asked to. Standard library only.
What vouches for it is Debian's awscli (integration/test_rds.py), which takes it for the real thing."""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import socketserver
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

RDS_NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
VERSIONS = {"rds": "2014-10-31", "sts": "2011-06-15"}


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_query(query):
    pairs = sorted((urllib.parse.quote(k, safe="-_.~"), urllib.parse.quote(v, safe="-_.~"))
                   for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{k}={v}" for k, v in pairs)


def canonical_request(method, path, query, headers, signed, body):
    """AWS's "Create a canonical request"; headers: (name, value) pairs in any case and order."""
    values = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    lines = "".join(f"{name}:{','.join(values.get(name, ['']))}\n" for name in signed)
    return "\n".join([method, path, canonical_query(query), lines, ";".join(signed), hashlib.sha256(body).hexdigest()])


def string_to_sign(canonical, date, scope):
    return "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])


def signature(secret, scope, text):
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = digest(key, part)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def xml(name, value):
    """A list is a pair of its items' name and the items; None is left out."""
    if value is None:
        return ""
    if isinstance(value, dict):
        inside = "".join(xml(k, v) for k, v in value.items())
    elif isinstance(value, tuple):
        inside = "".join(xml(value[0], item) for item in value[1])
    else:
        inside = {True: "true", False: "false"}.get(value, escape(str(value))) if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


class Refusal(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Keys:
    """What somebody may sign with."""

    def __init__(self, access_key_id, secret, token=None, account="123456789012"):
        self.access_key_id, self.secret, self.token, self.account = access_key_id, secret, token, account
        self.expired = False


class Region:
    """What one region of one account has, as lists of records in the API's words."""

    def __init__(self, name, account="123456789012"):
        self.name, self.account = name, account
        self.instances, self.clusters, self.proxies, self.proxy_endpoints, self.pending = [], [], [], [], []
        self.versions = {}
        self.default_ca = "rds-ca-rsa2048-g1"
        self.certificates = [self.certificate("rds-ca-rsa2048-g1", "7c40cb42714b6fdb2b296f9bbd0e8bb364436a76", "2061-05-24T22:59:00Z"),
                             self.certificate("rds-ca-rsa4096-g1", "19da4f2af579a8ae1f6a0fa77aa5befd874b4cab", "2121-05-24T23:03:20Z"),
                             self.certificate("rds-ca-ecc384-g1", "2ee3dcc06e50192559b13929e73484354f23387d", "2121-05-24T23:06:59Z")]

    def certificate(self, identifier, thumbprint, till):
        return {"CertificateArn": f"arn:aws:rds:{self.name}::cert:{identifier}", "CertificateIdentifier": identifier,
                "CertificateType": "CA", "Thumbprint": thumbprint, "ValidFrom": "2021-05-24T22:59:00Z", "ValidTill": till,
                "CustomerOverride": False}

    def host(self, label, kind=""):
        return f"{label}.{kind}c9akciq32rgq.{self.name}.rds.amazonaws.com"

    def instance(self, identifier, engine="postgres", port=5432, version="16.4", ca="rds-ca-rsa2048-g1", till=None,
                 window="sun:05:00-sun:06:00", status="available", tags=None, host=None, cluster=None):
        """Adds one and returns its record, which may be changed while it is served."""
        record = {
            "AllocatedStorage": 100, "AutoMinorVersionUpgrade": True, "AvailabilityZone": self.name + "a", "BackupRetentionPeriod": 7,
            "CACertificateIdentifier": ca,
            "CertificateDetails": {"CAIdentifier": ca, "ValidTill": till} if till else None,
            "DBClusterIdentifier": cluster,
            "DBInstanceArn": f"arn:aws:rds:{self.name}:{self.account}:db:{identifier}",
            "DBInstanceClass": "db.r6g.large", "DBInstanceIdentifier": identifier, "DBInstanceStatus": status,
            "DBParameterGroups": ("DBParameterGroup", [{"DBParameterGroupName": "default." + engine, "ParameterApplyStatus": "in-sync"}]),
            "DBSecurityGroups": None,
            "DBSubnetGroup": {"DBSubnetGroupName": "private", "Subnets": ("Subnet", [
                {"SubnetIdentifier": "subnet-1", "SubnetAvailabilityZone": {"Name": self.name + "a"}, "SubnetStatus": "Active"}])},
            "Endpoint": {"Address": host or self.host(identifier), "HostedZoneId": "Z2R2ITUGPM61AM", "Port": port},
            "Engine": engine, "EngineVersion": version, "LicenseModel": "general-public-license",
            "PendingModifiedValues": {}, "PreferredBackupWindow": "03:00-03:30", "PreferredMaintenanceWindow": window,
            "PubliclyAccessible": False, "StorageEncrypted": True,
            "TagList": ("Tag", [{"Key": k, "Value": v} for k, v in (tags or {}).items()]),
            "VpcSecurityGroups": ("VpcSecurityGroupMembership", [{"Status": "active", "VpcSecurityGroupId": "sg-1"}]),
        }
        self.instances.append(record)
        return record

    def cluster(self, identifier, engine="aurora-postgresql", port=5432, version="15.4", customs=(), members=(), mode="provisioned",
                auto_pause=None, tags=None):
        record = {
            "AllocatedStorage": 1, "DBClusterArn": f"arn:aws:rds:{self.name}:{self.account}:cluster:{identifier}",
            "DBClusterIdentifier": identifier,
            "DBClusterMembers": ("DBClusterMember", [{"DBInstanceIdentifier": m, "IsClusterWriter": i == 0} for i, m in enumerate(members)]),
            "Endpoint": self.host(identifier, "cluster-"),
            "ReaderEndpoint": None if mode == "serverless" else self.host(identifier, "cluster-ro-"),
            "CustomEndpoints": ("member", [self.host(c, "cluster-custom-") for c in customs]),
            "Engine": engine, "EngineMode": mode, "EngineVersion": version, "Port": port,
            "PreferredMaintenanceWindow": "mon:03:00-mon:04:00", "Status": "available",
            "ScalingConfigurationInfo": None if auto_pause is None else {"AutoPause": auto_pause, "MinCapacity": 2},
            "TagList": ("Tag", [{"Key": k, "Value": v} for k, v in (tags or {}).items()]),
        }
        self.clusters.append(record)
        return record

    def proxy(self, name, family="POSTGRESQL", endpoints=()):
        record = {"DBProxyArn": f"arn:aws:rds:{self.name}:{self.account}:db-proxy:prx-{name}", "DBProxyName": name,
                  "EngineFamily": family, "Endpoint": self.host(name, "proxy-"), "RequireTLS": True, "Status": "available",
                  "VpcId": "vpc-1", "Auth": ("member", [{"AuthScheme": "SECRETS", "SecretArn": "arn:aws:secretsmanager:x", "IAMAuth": "DISABLED"}])}
        self.proxies.append(record)
        self.proxy_endpoints.append({"DBProxyEndpointArn": f"arn:{name}:default", "DBProxyEndpointName": "default", "DBProxyName": name,
                                     "Endpoint": record["Endpoint"], "IsDefault": True, "Status": "available", "TargetRole": "READ_WRITE"})
        for e in endpoints:
            self.proxy_endpoints.append({"DBProxyEndpointArn": f"arn:{e}", "DBProxyEndpointName": e, "DBProxyName": name,
                                         "Endpoint": self.host(e, "endpoint.proxy-"), "IsDefault": False, "Status": "available",
                                         "TargetRole": "READ_ONLY"})
        return record

    def version(self, engine, version, online, cas):
        """online: None leaves the flag out."""
        self.versions[engine, version] = {
            "DBEngineDescription": engine, "DBParameterGroupFamily": engine + version.split(".")[0], "Engine": engine,
            "EngineVersion": version, "SupportsCertificateRotationWithoutRestart": online,
            "SupportedCACertificateIdentifiers": None if cas is None else ("member", cas), "ValidUpgradeTarget": None}

    def maintenance(self, arn, **dates):
        """auto, forced, current: the dates of a pending ca-certificate-rotation."""
        record = {"PendingMaintenanceActionDetails": ("PendingMaintenanceAction", [
            {"Action": "system-update", "Description": "New Operating System update is available"},
            {"Action": "ca-certificate-rotation", "AutoAppliedAfterDate": dates.get("auto"), "CurrentApplyDate": dates.get("current"),
             "Description": "Rotation of CA certificate", "ForcedApplyDate": dates.get("forced")}]), "ResourceIdentifier": arn}
        self.pending.append(record)
        return record

    def records(self, action, arguments):
        """Where an action's records stand in its answer, their name, and the records."""
        versions = [v for (e, n), v in self.versions.items() if arguments.get("Engine", e) == e and arguments.get("EngineVersion", n) == n]
        return {"DescribeDBInstances": ("DBInstances", "DBInstance", self.instances),
                "DescribeDBClusters": ("DBClusters", "DBCluster", self.clusters),
                "DescribeDBProxies": ("DBProxies", "member", self.proxies),
                "DescribeDBProxyEndpoints": ("DBProxyEndpoints", "member", self.proxy_endpoints),
                "DescribeDBEngineVersions": ("DBEngineVersions", "DBEngineVersion", versions),
                "DescribeCertificates": ("Certificates", "Certificate", self.certificates),
                "DescribePendingMaintenanceActions": ("PendingMaintenanceActions", "ResourcePendingMaintenanceActions", self.pending),
                }.get(action)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # whoever hangs up is no error

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body, kind="text/xml"):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class RdsHandler(Handler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        api = self.server
        try:
            region, service, keys = api.authenticate(self, body)
            arguments = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
            action = arguments.get("Action", "")
            if arguments.get("Version") != VERSIONS[service]:
                raise Refusal(400, "InvalidAction", "no such version")
            with api.lock:
                api.requests.append((region, action, arguments))
                fault = api.next_fault(region, action)
                if not fault:
                    text = api.respond(region, service, keys, action, arguments)
            if fault:
                text = fault(self, lambda: api.respond(region, service, keys, action, arguments))
            if text is not None:
                self.answer(200, text)
        except Refusal as r:
            with api.lock:
                api.refusals.append((r.code, r.message))
            self.answer(r.status, f'<ErrorResponse xmlns="{RDS_NAMESPACE}">' + xml("Error", {
                "Type": "Sender", "Code": r.code, "Message": r.message}) + xml("RequestId", "b25f48e8-84fd-11e6-80d9-574e0c4664cb") + "</ErrorResponse>")

    def do_GET(self):
        self.answer(404, "<html>no</html>")


class RdsApi(Server):
    """One server for all regions and for STS: the signature's scope says which is meant."""

    def __init__(self):
        self.lock = threading.Lock()
        self.regions = {}   # (account, region)
        self.keys = {}      # by access key id
        self.roles = {}     # ARN: external id or None
        self.faults = []    # (region or None, action, fault): each is used once, in order
        self.always = []    # the same, each time
        self.requests, self.refusals = [], []
        self.namespace = RDS_NAMESPACE
        self.prefix = ""    # of every element: "ns2:"
        self.page_size = 100
        self.lent = 0
        super().__init__(RdsHandler)

    def region(self, name, account="123456789012"):
        return self.regions.setdefault((account, name), Region(name, account))

    def grant(self, access_key_id="AKIDEXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token=None, account="123456789012"):
        self.keys[access_key_id] = Keys(access_key_id, secret, token, account)
        return self.keys[access_key_id]

    def next_fault(self, region, action):
        for i, (where, what, fault) in enumerate(self.faults):
            if where in (None, region) and what == action:
                del self.faults[i]
                return fault
        for where, what, fault in self.always:
            if where in (None, region) and what == action:
                return fault
        return None

    def authenticate(self, request, body):
        """Recomputes the signature from what came over the wire, and nothing else."""
        headers = list(request.headers.items())
        kind, _, rest = (request.headers.get("Authorization") or "").partition(" ")
        fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        if kind != "AWS4-HMAC-SHA256" or not {"Credential", "SignedHeaders", "Signature"} <= set(fields):
            raise Refusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        access_key_id, date, region, service, end = fields["Credential"].split("/")
        signed, stamp = fields["SignedHeaders"].split(";"), request.headers.get("X-Amz-Date", "")
        token = request.headers.get("X-Amz-Security-Token")
        keys = self.keys.get(access_key_id)
        if not keys or end != "aws4_request":
            raise Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        needed = {"host", "x-amz-date"} | ({"x-amz-security-token"} if keys.token else set())
        if signed != sorted(signed) or not needed <= set(signed) or stamp[:8] != date:
            raise Refusal(403, "IncompleteSignature", f"signed: {signed}")
        at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs(at.timestamp() - time.time()) > 900:
            raise Refusal(403, "RequestExpired", "Request has expired.")
        path, _, query = request.path.partition("?")
        canonical = canonical_request(request.command, path, query, headers, signed, body)
        scope = f"{date}/{region}/{service}/aws4_request"
        if not hmac.compare_digest(signature(keys.secret, scope, string_to_sign(canonical, stamp, scope)), fields["Signature"]):
            raise Refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.\n\n"
                          f"The Canonical String for this request should have been\n'{canonical}'")
        if keys.token != token:
            raise Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if keys.expired:
            raise Refusal(403, "ExpiredToken", "The security token included in the request is expired")
        return region, service, keys

    def respond(self, region, service, keys, action, arguments):
        if service == "sts":
            return self.assume_role(action, arguments)
        found = self.regions.get((keys.account, region))
        if not found:
            raise Refusal(403, "OptInRequired", "The AWS Access Key Id needs a subscription for the service")
        shape = found.records(action, arguments)
        if not shape:
            raise Refusal(400, "InvalidAction", f"Could not find operation {action} for version 2014-10-31")
        size = int(arguments.get("MaxRecords", 100))
        if not 20 <= size <= 100:
            raise Refusal(400, "InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between 20 and 100")
        size = min(size, self.page_size)
        start = int(base64.b64decode(arguments["Marker"]).decode().split(":")[1]) if "Marker" in arguments else 0
        members, member, records = shape
        page, rest = records[start:start + size], records[start + size:]
        result = {members: (member, page), "Marker": base64.b64encode(f"next:{start + size}".encode()).decode() if rest else None}
        if action == "DescribeCertificates":
            result["DefaultCertificateForNewLaunches"] = found.default_ca
        return self.document(action, result)

    def document(self, action, result, namespace=None):
        text = xml(action + "Result", result) + xml("ResponseMetadata", {"RequestId": "9135fff3-8509-11e0-bd9b-a7b1ece36d51"})
        text = f'<{action}Response xmlns="{namespace or self.namespace}">{text}</{action}Response>'
        if self.prefix:
            text = text.replace("</", "\0").replace("<", "<" + self.prefix).replace("\0", "</" + self.prefix)
            text = text.replace(" xmlns=", f" xmlns:{self.prefix[:-1]}=")
        return '<?xml version="1.0"?>\n' + text

    def assume_role(self, action, arguments):
        arn = arguments.get("RoleArn")
        if action != "AssumeRole" or arn not in self.roles or self.roles[arn] != arguments.get("ExternalId"):
            raise Refusal(403, "AccessDenied", f"User: arn:aws:sts::123456789012:assumed-role/bastion/i-0 is not authorized to perform: "
                          f"sts:AssumeRole on resource: {arn}")
        self.lent += 1
        keys = self.grant(f"ASIALENT{self.lent}", f"lent/secret+{self.lent}", f"lent//token+{self.lent}==", arn.split(":")[4])
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=int(arguments.get("DurationSeconds", 3600)))
        return self.document(action, {"AssumedRoleUser": {"Arn": arn, "AssumedRoleId": "AROA:dbcertd"}, "Credentials": {
            "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret, "SessionToken": keys.token,
            "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ")}}, STS_NAMESPACE)

    def asked(self, action=None, region=None):
        with self.lock:
            return [r for r in self.requests if action in (None, r[1]) and region in (None, r[0])]


# Faults: what to do instead of an answer. They get the handler, and what would have been the answer.

def refuse(status, code, message="no"):
    def fault(handler, respond):
        raise Refusal(status, code, message)
    return fault


throttle = refuse(400, "Throttling", "Rate exceeded")
deny = refuse(403, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/bastion/i-0 is not authorized to perform it")
unwell = refuse(503, "ServiceUnavailable")


def stall(seconds):
    def fault(handler, respond):
        time.sleep(seconds)
        handler.close_connection = True
    return fault


def truncate(handler, respond):
    """As a proxy on the way that gives up: a whole answer by its length, and half a document."""
    text = respond()
    return text[:len(text) // 2]


def cut(handler, respond):
    """Promises more than it sends."""
    body = respond().encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:len(body) // 2])
    handler.close_connection = True


def hang_up(handler, respond):
    handler.close_connection = True
    handler.connection.close()


def web_page(handler, respond):
    handler.answer(502, "<html><body><h1>Bad Gateway</h1></body></html>", "text/html")


def edited(edit):
    """The answer, with something done to its text."""
    return lambda handler, respond: edit(respond())


def endless(values, size):
    """A page of 100 records with so many tags each whose Marker is always another one."""
    text, page = "", 0

    def fault(handler, respond):
        nonlocal text, page
        if not text:
            tags = "".join(f"<Tag><Key>k{i}</Key><Value>{'v' * size}</Value></Tag>" for i in range(values))
            record = f"<DBInstance><DBInstanceIdentifier>i</DBInstanceIdentifier><TagList>{tags}</TagList></DBInstance>"
            text = (f'<DescribeDBInstancesResponse xmlns="{RDS_NAMESPACE}"><DescribeDBInstancesResult><DBInstances>{record * 100}'
                    "</DBInstances><Marker>page-%d</Marker></DescribeDBInstancesResult></DescribeDBInstancesResponse>")
        page += 1
        return text % page
    return fault


class ImdsHandler(Handler):
    def do_PUT(self):
        imds = self.server
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        imds.requests.append(("PUT", self.path))
        if imds.hop_limit_exceeded:
            time.sleep(30)  # the answer's packets die on their way
            return None
        if imds.disabled:
            return self.answer(403, "", "text/plain")
        ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token" or not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            return self.answer(400, "bad ttl", "text/plain")
        token = f"AQAEAtoken{len(imds.tokens)}=="
        imds.tokens[token] = time.monotonic() + int(ttl) * imds.tokens_live
        return self.answer(200, token, "text/plain")

    def do_GET(self):
        imds = self.server
        imds.requests.append(("GET", self.path))
        if imds.tokens.get(self.headers.get("X-aws-ec2-metadata-token"), 0) < time.monotonic():
            return self.answer(401, "", "text/plain")
        prefix = "/latest/meta-data/iam/security-credentials/"
        if not imds.role or not self.path.startswith(prefix):
            return self.answer(404, "<html>404 - Not Found</html>", "text/html")
        if self.path == prefix:
            return self.answer(200, imds.role, "text/plain")
        if self.path != prefix + imds.role:
            return self.answer(404, "", "text/plain")
        return self.answer(200, json.dumps(imds.error or imds.credentials()), "text/plain")


class Imds(Server):
    """The instance's metadata service, version 2 alone."""

    def __init__(self, keys, role="bastion"):
        self.keys, self.role = keys, role
        self.tokens, self.requests = {}, []
        self.error = None
        self.disabled = self.hop_limit_exceeded = False
        self.expires_in = 3600
        self.tokens_live = 1  # part of what was asked for
        super().__init__(ImdsHandler)

    def credentials(self):
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.expires_in)
        return {"Code": "Success", "LastUpdated": "2026-11-20T00:00:00Z", "Type": "AWS-HMAC", "AccessKeyId": self.keys.access_key_id,
                "SecretAccessKey": self.keys.secret, "Token": self.keys.token, "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def rotate(self, keys):
        self.keys = keys


class ContainerHandler(Handler):
    def do_GET(self):
        container = self.server
        container.requests.append(self.path)
        if self.headers.get("Authorization") != container.authorization:
            return self.answer(401, '{"message": "no"}', "application/json")
        return self.answer(200, json.dumps({k: v for k, v in Imds.credentials(container).items() if k != "Code"}), "application/json")


class Container(Server):
    """The credentials endpoint of ECS and EKS."""

    def __init__(self, keys, authorization):
        self.keys, self.authorization, self.requests, self.expires_in = keys, authorization, [], 3600
        super().__init__(ContainerHandler)
