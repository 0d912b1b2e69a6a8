"""Files of certificates whose author wants the reader to take long. Each is a valid beginning of something: made by hand, since no tool
would."""

import base64
import hashlib
import os
import subprocess

from der import certificate, integer, name, oid, sequence, tlv

MIB = 1024 * 1024
SIZE = 16 * MIB - 1024
DATA, ENCRYPTED, SIGNED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6", "1.2.840.113549.1.7.2"


def framed(der):
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def blank_lines_and_empty_frames():
    frames = b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" * 5000
    return b"\n" * (SIZE - len(frames)) + frames


def one_line():
    return b"-----BEGIN CERTIFICATE-----\n" + b"MIIB" * (SIZE // 4 - 100) + b"\n-----END CERTIFICATE-----\n"


def frames_of_nothing():
    """Frames as small as can be, to the last byte."""
    return b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" * (SIZE // 60)


def many_certificates(n=5000, subject=None):
    """Different ones, all of one subject if that is given: whoever looks for an issuer by its name finds them all."""
    return b"".join(framed(certificate(subject=(nobody := name(("CN", subject or b"Root %d" % i))), issuer=nobody, serial=(1 << 64) + i))
                    for i in range(n))


def certificates_of_many_bytes():
    """As large as a file can be, each small enough to be held."""
    return b"".join(framed(certificate(subject=name(("CN", b"o" * 3000)), serial=(1 << 64) + i)) for i in range(2400))


def certificates_of_many_parts():
    """As many parts as are within the limits for one: GnuTLS takes 170 KB for each."""
    nobody = name(*[("CN", b"")] * 100)
    return b"".join(framed(certificate(subject=nobody, serial=(1 << 64) + i)) for i in range(5000))


def pkcs7_of_tiny_certificates():
    tiny = sequence(integer(1))
    content = sequence(integer(1), tlv(0x31, b""), sequence(oid(DATA)), tlv(0xa0, tiny * (SIZE // len(tiny))))
    return sequence(oid(SIGNED), tlv(0xa0, content))


def jks_of_nothing():
    """As many entries as fit, each with an empty certificate; it says that there are 2^32 - 1."""
    entry = b"\0\0\0\2" + b"\0\0" + bytes(8) + b"\0\0" + b"\0\0\0\0"
    return b"\xfe\xed\xfe\xed\0\0\0\2\xff\xff\xff\xff" + entry * (SIZE // len(entry)) + bytes(20)


def octets(content):
    return tlv(4, content)


def pkcs12(rounds, parts, certificates=(), password=b""):
    """Parts that are encrypted with PBES2 (PBKDF2 with HMAC-SHA-512, AES-256-CBC); no MAC."""
    salt, iv = b"saltsalt", bytes(16)
    key = hashlib.pbkdf2_hmac("sha512", password, salt, rounds, 32)
    bags = sequence(*(sequence(oid("1.2.840.113549.1.12.10.1.3"), tlv(0xa0, sequence(oid("1.2.840.113549.1.9.22.1"), tlv(0xa0, octets(c)))))
                      for c in certificates))
    encrypted = subprocess.run(["openssl", "enc", "-aes-256-cbc", "-K", key.hex(), "-iv", iv.hex()], input=bags, capture_output=True, check=True).stdout
    kdf = sequence(oid("1.2.840.113549.1.5.12"), sequence(octets(salt), integer(rounds), sequence(oid("1.2.840.113549.2.11"), b"\5\0")))
    how = sequence(oid("1.2.840.113549.1.5.13"), sequence(kdf, sequence(oid("2.16.840.1.101.3.4.1.42"), octets(iv))))
    part = sequence(oid(ENCRYPTED), tlv(0xa0, sequence(integer(0), sequence(oid(DATA), how, tlv(0x80, encrypted)))))
    return sequence(integer(3), sequence(oid(DATA), tlv(0xa0, octets(sequence(*([part] * parts))))))


def pkcs12_of_many_rounds():
    return pkcs12(1000000, 64)


def pkcs12_of_tiny_bags():
    """In plain, as many bags as fit."""
    bags = sequence(sequence(oid("1.2.3"), tlv(0xa0, b"")) * (SIZE // 8 - 20))
    return sequence(integer(3), sequence(oid(DATA), tlv(0xa0, octets(sequence(sequence(oid(DATA), tlv(0xa0, octets(bags))))))))


def deep():
    """Lengths that are not said, one within another."""
    return b"\x30\x80" * (SIZE // 2)


FILES = {
    "blank-lines-and-empty-frames": blank_lines_and_empty_frames,
    "one-line": one_line,
    "frames-of-nothing": frames_of_nothing,
    "many-certificates": many_certificates,
    "many-certificates-of-one-name": lambda: many_certificates(subject=b"Root"),
    "pkcs7-of-tiny-certificates": pkcs7_of_tiny_certificates,
    "jks-of-nothing": jks_of_nothing,
    "pkcs12-of-many-rounds": pkcs12_of_many_rounds,
    "pkcs12-of-tiny-bags": pkcs12_of_tiny_bags,
    "deep": deep,
}

if __name__ == "__main__":
    import sys
    os.makedirs(sys.argv[1], exist_ok=True)
    for label, make in FILES.items():
        with open(os.path.join(sys.argv[1], label), "wb") as f:
            f.write(make())
