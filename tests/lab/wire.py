"""Bytes of MySQL's and SQL Server's protocols."""



def mysql_packet(sequence, payload):
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


def mysql_greeting(tls=True, plugin=b"mysql_native_password"):
    """HandshakeV10 of a MariaDB."""
    capabilities = b"\xfe\xff" if tls else b"\xfe\xf7"
    return mysql_packet(0, b"\x0a5.5.5-10.11.6-MariaDB\0\x07\0\0\0abcdefgh\0" + capabilities + b"\x21\x02\0\xff\x81\x15" +
                        bytes(10) + b"ijklmnopqrst\0" + plugin + b"\0")


MYSQL_DENIED = b"\xff\x15\x04#28000Access denied"


def tds_packet(kind, data, last=True):
    """MS-TDS 2.2.3: type, status, length, SPID, packet, window."""
    return bytes([kind, 1 if last else 0]) + (len(data) + 8).to_bytes(2, "big") + b"\0\0\1\0" + data


def tds_prelogin(encryption):
    """A server's answer to PRELOGIN: VERSION and ENCRYPTION."""
    return tds_packet(4, b"\0\0\x0b\0\6\1\0\x11\0\1\xff" + b"\x0f\0\x10\x1e\0\0" + bytes([encryption]))
