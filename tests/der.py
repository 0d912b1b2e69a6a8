"""Certificates as no library would make them: DER by hand (X.690), with signatures that are nothing."""

import datetime

OIDS = {"CN": "2.5.4.3", "O": "2.5.4.10", "rsa": "1.2.840.113549.1.1.1", "sha256-rsa": "1.2.840.113549.1.1.11", "ed25519": "1.3.101.112",
        "san": "2.5.29.17", "basic": "2.5.29.19"}


def tlv(tag, content):
    n = len(content)
    length = bytes([n]) if n < 0x80 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + content


def sequence(*parts):
    return tlv(0x30, b"".join(parts))


def integer(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(name):
    first, second, *rest = map(int, OIDS.get(name, name).split("."))
    out = bytes([first * 40 + second])
    for n in rest:
        piece = [n & 0x7f]
        while n := n >> 7:
            piece.append(0x80 | n & 0x7f)
        out += bytes(reversed(piece))
    return tlv(6, out)


def name(*attributes, tag=0x0c):
    """(type, bytes) each; tag: UTF8String unless it is said."""
    return sequence(*(tlv(0x31, sequence(oid(kind), tlv(tag, value))) for kind, value in attributes))


def instant(text):
    """UTCTime or GeneralizedTime, as RFC 5280 wants them by the year, or as it is if it is no date."""
    if isinstance(text, bytes):
        return tlv(0x18, text)
    if 1950 <= text.year < 2050:
        return tlv(0x17, text.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, f"{text.year:04}{text.strftime('%m%d%H%M%SZ')}".encode())


def rsa_key(bits):
    modulus = (1 << bits) - 1 - (1 << (bits // 2))
    return sequence(sequence(oid("rsa"), b"\5\0"), tlv(3, b"\0" + sequence(integer(modulus | 1), integer(65537))))


def extension(kind, value, critical=False):
    return sequence(oid(kind), b"\1\1\xff" if critical else b"", tlv(4, value))


def san(*names):
    return extension("san", sequence(*(tlv(0x82, n) for n in names)))


DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def certificate(subject=name(("CN", b"orders.test")), issuer=name(("CN", b"Nobody's CA")), serial=4711, begin=NOW - 30 * DAY, end=NOW + 335 * DAY,
                key=rsa_key(2048), extensions=(san(b"orders.test"),), version=2, algorithm="sha256-rsa", signature=bytes(256)):
    how = sequence(oid(algorithm), b"\5\0")
    parts = [tlv(0xa0, integer(version)) if version else b"", integer(serial), how, issuer, sequence(instant(begin), instant(end)), subject, key]
    if extensions:
        parts.append(tlv(0xa3, sequence(*extensions)))
    return sequence(sequence(*parts), how, tlv(3, b"\0" + signature))
