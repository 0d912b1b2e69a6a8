"""Roots, subordinates and server certificates as RDS has them."""

import datetime
import os

from lab.base import CATALOGUE, REGION, ago, run
from lab.servers import template


class Pki:
    """Roots and subordinates as RDS makes them; every server shares one key, since keys are slow to make."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        self.authorities = {}
        self.server_key = self._key("server", "rsa2048")

    def path(self, name):
        return os.path.join(self.directory, name)

    def _key(self, name, kind):
        path = self.path(name + ".key")
        options = {"rsa2048": ["--key-type=rsa", "--bits=2048"], "ecc384": ["--key-type=ecdsa", "--curve=secp384r1"]}
        run("certtool", "--generate-privkey", *options.get(kind, options["rsa2048"]), "--no-text", "--outfile", path)
        os.chmod(path, 0o644)
        return path

    def _template(self, name, lines, begin, end):
        def text(t):
            return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
        path = self.path(name + ".template")
        with open(path, "w") as f:
            f.write("\n".join(lines + [f'activation_date = "{text(begin)}"', f'expiration_date = "{text(end)}"', ""]))
        return path

    def _issue(self, out, template, key, issuer=None):
        """A certificate of the key; issuer: its (certificate, key), None: it is its own."""
        how = ["--generate-self-signed"]
        if issuer:
            how = ["--generate-certificate", "--load-ca-certificate", issuer[0], "--load-ca-privkey", issuer[1]]
        run("certtool", *how, "--no-text", "--load-privkey", key, "--template", template, "--outfile", out)

    @staticmethod
    def _join(out, paths):
        with open(out, "w") as f:
            for path in paths:
                f.write(open(path).read())

    def authority(self, kind="rsa2048", root_days=(1000, 13600), subordinate_days=(900, 2750)):
        """The root and subordinate of rds-ca-<kind>-g1; days before and after now that each is valid."""
        if kind in self.authorities:
            return self.authorities[kind]
        upper = kind.upper()
        root_cn, sub_cn = (f"Amazon RDS {REGION} {role} CA {upper} G1{end}"
                           for role, end in (("Root", ""), ("Subordinate", ".A.1")))
        common = ['organization = "Amazon Web Services, Inc."', 'unit = "Amazon RDS"', 'state = "WA"',
                  'locality = "Seattle"', 'country = "US"', "ca", "cert_signing_key", "crl_signing_key"]
        root_key, sub_key = self._key(f"root-{kind}", kind), self._key(f"sub-{kind}", kind)
        root, sub = self.path(f"root-{kind}.pem"), self.path(f"sub-{kind}.pem")
        template = self._template(f"root-{kind}", [f'cn = "{root_cn}"'] + common, ago(root_days[0]), ago(-root_days[1]))
        self._issue(root, template, root_key)
        template = self._template(f"sub-{kind}", [f'cn = "{sub_cn}"'] + common + ["path_len = 0"],
                                  ago(subordinate_days[0]), ago(-subordinate_days[1]))
        self._issue(sub, template, sub_key, (root, root_key))
        self.authorities[kind] = (root, sub, sub_key, root_key)
        return self.authorities[kind]

    def catalogue(self, path):
        """What is built in, newer, with these roots in place of Amazon's."""
        with open(CATALOGUE) as f:
            lines = f.read().splitlines()
        for i, line in enumerate(lines):
            column = line.split("\t")
            if column[0] == "version":
                lines[i] = "version\t2999-01-01"
            kind = column[1][len("rds-ca-"):-len("-g1")] if column[0] == "authority" else None
            if kind in self.authorities and column[2:5] == [REGION, "production", "root"]:
                facts = openssl_facts(self.authorities[kind][0])
                lines[i] = "\t".join(column[:6] + [facts["not_before"], facts["not_after"], column[8], facts["sha256"]])
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        return path

    def bundle(self, *kinds):
        """A PEM file with the roots, as Amazon's bundles hold them."""
        path = self.path("bundle-" + "-".join(kinds) + ".pem")
        with open(path, "w") as out:
            for kind in kinds:
                out.write(f"# {kind}\n" + open(self.authority(kind)[0]).read())
        return path

    def _server_lines(self, name, san):
        return [f'cn = "{name}"', 'unit = "RDS"', 'organization = "Amazon.com"', 'locality = "Seattle"',
                'state = "Washington"', 'country = "US"'] + ([f'dns_name = "{name}"'] if san else [])

    def server(self, file, name, begin, end, kind="rsa2048", send=("sub",), san=True):
        """A server certificate, and its chain in a file as the server sends it. Returns (chain, certificate)."""
        root, sub, sub_key, _ = self.authority(kind)
        template = self._template(file, self._server_lines(name, san), begin, end)
        leaf, chain = self.path(file + ".pem"), self.path(file + "-chain.pem")
        self._issue(leaf, template, self.server_key, (sub, sub_key))
        self._join(chain, [leaf] + [{"sub": sub, "root": root}[what] for what in send])
        return chain, leaf

    def acm(self, file, name, begin, end):
        """A certificate as AWS Certificate Manager makes them for proxies, and the root that a system would trust."""
        root, sub = self.path("acm-root.pem"), self.path("acm-sub.pem")
        root_key, sub_key = self._key("acm-root", "rsa2048"), self._key("acm-sub", "rsa2048")
        common = ['organization = "Amazon"', 'country = "US"', "ca", "cert_signing_key"]
        template = self._template("acm-root", ['cn = "Amazon Root CA 1"'] + common, ago(1000), ago(-4000))
        self._issue(root, template, root_key)
        template = self._template("acm-sub", ['cn = "Amazon RSA 2048 M01"'] + common, ago(900), ago(-2000))
        self._issue(sub, template, sub_key, (root, root_key))
        template = self._template(file, [f'cn = "{name}"', f'dns_name = "{name}"'], begin, end)
        leaf, chain = self.path(file + ".pem"), self.path(file + "-chain.pem")
        self._issue(leaf, template, self.server_key, (sub, sub_key))
        self._join(chain, [leaf, sub])
        return chain, leaf, root

    def web_authority(self):
        """The root that vouches for web servers here."""
        if not os.path.exists(self.path("web-root.pem")):
            self._key("web-root", "rsa2048")
            self._key("web-server", "rsa2048")
            template = self._template("web-root", ['cn = "Web Root"', "ca", "cert_signing_key"], ago(100), ago(-1000))
            self._issue(self.path("web-root.pem"), template, self.path("web-root.key"))
        return self.path("web-root.pem")

    def web_server(self, file, name):
        template = self._template("web-" + file, [f'cn = "{name}"', f'dns_name = "{name}"'], ago(30), ago(-60))
        self._issue(self.path(f"web-{file}.pem"), template, self.path("web-server.key"), (self.web_authority(), self.path("web-root.key")))
        return self.path(f"web-{file}.pem")

    def self_signed(self, file, name, begin, end):
        template = self._template(file, self._server_lines(name, True), begin, end)
        leaf = self.path(file + ".pem")
        self._issue(leaf, template, self.server_key)
        return leaf, leaf


def openssl_facts(path):
    """What `openssl x509` says of the first certificate in a file, in the words of the status socket."""
    out = run("openssl", "x509", "-in", path, "-noout", "-serial", "-fingerprint", "-sha256", "-dates", "-dateopt",
              "iso_8601", "-ext", "subjectAltName", check=False)
    fields = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    names = [part.strip()[4:] for line in out.splitlines() for part in line.split(",") if part.strip().startswith("DNS:")]
    return {
        "serial": fields["serial"],
        "sha256": fields["sha256 Fingerprint"].replace(":", "").lower(),
        "not_before": fields["notBefore"].replace(" ", "T"),
        "not_after": fields["notAfter"].replace(" ", "T"),
        "names": names,
    }
