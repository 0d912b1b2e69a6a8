"""Certificates with more parts than anybody's have. GnuTLS takes a time that grows with the square of some of these numbers."""

import der


def repeated(part, n):
    return der.sequence(part * n)


ATTRIBUTE = der.sequence(der.oid("CN"), der.tlv(0x0c, b""))
RDN = der.tlv(0x31, ATTRIBUTE)


def subject_of(n):
    return der.certificate(subject=repeated(RDN, n))


def names_of(n, size=2):
    return der.certificate(extensions=(der.san(*[b"a" * size] * n),))


def nested(n):
    out = b""
    for _ in range(n):
        out = der.tlv(0x30, out)
    return der.certificate(extensions=(der.extension("basic", out),))


SHAPES = {  # what is said of each
    "subject": (lambda: subject_of(9000), "9000 items in one list of its subject; dbcertd takes at most 100"),
    "issuer": (lambda: der.certificate(issuer=repeated(RDN, 9000)), "9000 items in one list of its issuer; dbcertd takes at most 100"),
    "attributes": (lambda: der.certificate(subject=der.sequence(der.tlv(0x31, ATTRIBUTE * 9000))), "9000 items in one list of its subject"),
    "cut": (lambda: der.certificate(subject=der.sequence(RDN * 9000, b"\x31\x7f")), "9000 items in one list of its subject"),
    "names": (lambda: names_of(28000), "28000 items in one list of its extensions; dbcertd takes at most 2000"),
    "names-of-names": (lambda: der.certificate(extensions=(der.extension("san", der.sequence(der.tlv(0xa4, repeated(RDN, 9000)))),)),
                       "9000 items in one list of its extensions"),
    "names-in-pieces": (lambda: der.certificate(extensions=(der.sequence(der.oid("san"), der.tlv(0x24, der.tlv(4, repeated(b"\x82\0", 28000)))),)),
                        "elements of ASN.1; dbcertd takes at most 2500"),
    "extensions": (lambda: der.certificate(extensions=[der.extension(f"2.5.29.{1000 + i}", b"") for i in range(8000)]),
                   "8000 extensions; dbcertd takes at most 100"),
    "purposes": (lambda: der.certificate(extensions=(der.extension("2.5.29.37", repeated(der.oid("1.3.6.1.5.5.7.3.4"), 9000)),)),
                 "9000 items in one list of its extensions; dbcertd takes at most 100"),
    "deep": (lambda: nested(20000), "more than 24 levels of elements in its extensions"),
}
