"""Servers that are not to be had: SQL Server (MS-TDS 7.4 and 8.0) and MySQL 8 in looks. Each is believed because other
people's clients log in to it (integration/test_standins.py), and not because dbcertd does."""

import hashlib
import os
import socket
import ssl
import struct

from lab import Server, mysql_packet, tds_packet


def read_exactly(read, n):
    data = b""
    while len(data) < n:
        more = read(n - len(data))
        if not more:
            raise EOFError("the client hung up")
        data += more
    return data


def context_of(pki, chain, alpn=None, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), ciphers=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = versions
    if ciphers:
        context.set_ciphers(ciphers)
    context.load_cert_chain(chain, pki.server_key)
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


PRELOGIN, RESPONSE, LOGIN7, BATCH = 0x12, 0x04, 0x10, 0x01
OFF, ON, NOT_SUP, REQ = range(4)


def b_varchar(text):
    return bytes([len(text)]) + text.encode("utf-16-le")


def done():
    return b"\xfd" + struct.pack("<HHQ", 0, 0, 0)


class SqlServer(Server):
    """MS-TDS. `encryption` is the server's own setting: OFF (TLS for the login at least), NOT_SUP, REQ ("force
    encryption"); `says` overrides what follows from it; `strict` speaks TDS 8.0. `chop(data)` cuts TLS's bytes into the pieces that packets carry, and
    `trickle` sends every byte by itself."""

    def __init__(self, pki, chain, encryption=OFF, strict=False, chop=None, trickle=False, says=None, address="127.0.0.1", port=0, **tls):
        self.encryption, self.strict, self.chop, self.trickle, self.says = encryption, strict, chop, trickle, says
        if not strict:
            tls.setdefault("versions", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))
        self.context = context_of(pki, chain, alpn="tds/8.0" if strict else None, **tls) if encryption != NOT_SUP else None
        super().__init__(address=address, port=port)

    def read_packet(self, read):
        """A whole message: type and data."""
        data = b""
        while True:
            kind, status, length = struct.unpack(">BBH4x", read_exactly(read, 8))
            data += read_exactly(read, length - 8)
            if status & 1:
                return kind, data

    def send(self, connection, data):
        if not self.trickle:
            connection.sendall(data)
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            connection.sendall(bytes([byte]))

    def answer(self, asked):
        """MS-TDS 2.2.6.5: what the server makes of the client's ENCRYPTION and of its own setting."""
        if self.says is not None or self.encryption == NOT_SUP:
            return self.says if self.says is not None else NOT_SUP
        if asked in (OFF, NOT_SUP):
            return REQ if self.encryption == REQ else asked
        return ON

    def prelogin(self, read, write):
        kind, data = self.read_packet(read)
        assert kind == PRELOGIN, kind
        options, at = {}, 0
        while data[at] != 0xFF:
            token, offset, length = struct.unpack_from(">BHH", data, at)
            options[token], at = data[offset:offset + length], at + 5
        assert options[0] and len(options[1]) == 1, options
        answer = self.answer(options[1][0])
        body = [(0, b"\x0f\0\x10\x1e\0\0"), (1, bytes([answer])), (2, b"\0"), (3, b""), (4, b"\0")]
        head, at = b"", 5 * len(body) + 1
        for token, value in body:
            head, at = head + struct.pack(">BHH", token, at, len(value)), at + len(value)
        write(tds_packet(RESPONSE, head + b"\xff" + b"".join(value for _, value in body)))
        return answer

    def handshake_in_packets(self, connection):
        """TLS records as the data of PRELOGIN packets, until the handshake is over."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                finished = True
            except ssl.SSLWantReadError:
                finished = False
            records = outgoing.read()
            pieces = self.chop(records) if self.chop and records else [records] if records else []
            for i, piece in enumerate(pieces):
                self.send(connection, tds_packet(PRELOGIN, piece, last=i + 1 == len(pieces)))
            if finished:
                return tls, incoming, outgoing
            kind, data = self.read_packet(connection.recv)
            assert kind == PRELOGIN, kind
            incoming.write(data)

    def serve(self, connection):
        if self.strict:
            with self.context.wrap_socket(connection, server_side=True) as tls:
                assert tls.selected_alpn_protocol() == "tds/8.0", "no ALPN"
                self.prelogin(tls.recv, tls.sendall)
                return self.session(tls.recv, tls.sendall, tls.sendall)
        answer = self.prelogin(connection.recv, lambda data: self.send(connection, data))
        if answer == NOT_SUP:
            return self.session(connection.recv, connection.sendall, connection.sendall)
        tls, incoming, outgoing = self.handshake_in_packets(connection)

        def read(n):
            while True:
                try:
                    return tls.read(n)
                except ssl.SSLWantReadError:
                    data = connection.recv(4096)
                    if not data:
                        raise EOFError("the client hung up without close_notify")
                    incoming.write(data)
                except ssl.SSLZeroReturnError:
                    return b""

        def write(data):
            tls.write(data)
            connection.sendall(outgoing.read())

        # With OFF the login alone is encrypted, and its answer is not any more.
        rest = (connection.recv, connection.sendall) if answer == OFF else (read, write)
        return self.session(read, *rest[1:], rest[1], after=rest[0])

    def session(self, read, write_login, write, after=None):
        """Until the client leaves: "close_notify", or the user and the batches that it sent."""
        try:
            kind, data = self.read_packet(read)
        except EOFError as e:
            return "close_notify" if str(e) == "the client hung up" else str(e)
        assert kind == LOGIN7, kind
        offset, length = struct.unpack_from("<HH", data, 40)
        user = data[offset:offset + 2 * length].decode("utf-16-le")
        ack = b"\x01" + b"\x74\0\0\x04" + b_varchar("Microsoft SQL Server") + b"\x0f\0\x10\x1e"
        size = b"\x04" + b_varchar("4096") + b_varchar("4096")
        write_login(tds_packet(RESPONSE, b"\xe3" + struct.pack("<H", len(size)) + size +
                               b"\xad" + struct.pack("<H", len(ack)) + ack + done()))
        batches = []
        while True:
            try:
                kind, data = self.read_packet(after or read)
            except EOFError:
                return user, batches
            batches.append(data.decode("utf-16-le", errors="replace"))
            row = (b"\x81\x01\0" + struct.pack("<IH", 0, 8) + b"\x38" + b_varchar("n") + b"\xd1" + struct.pack("<i", 42) +
                   b"\xfd" + struct.pack("<HHQ", 0x10, 0xC1, 1))
            write(tds_packet(RESPONSE, row if "42" in batches[-1] else done()))


class Mysql8(Server):
    """The connection phase of MySQL 8: caching_sha2_password with its cache, and a user of another plugin."""

    def __init__(self, pki, chain, users, require_secure_transport=False, trickle=False, require_ssl=(), says_nothing=False,
                 proposes="caching_sha2_password"):
        self.proposes = proposes.encode()
        self.context, self.require_ssl, self.says_nothing = context_of(pki, chain), require_ssl, says_nothing
        self.users, self.cached, self.require, self.trickle = users, set(), require_secure_transport, trickle
        self.clear_passwords = self.queries = 0
        super().__init__()

    @staticmethod
    def sha2(password, salt):
        once = hashlib.sha256(password).digest()
        mask = hashlib.sha256(hashlib.sha256(once).digest() + salt).digest()
        return bytes(a ^ b for a, b in zip(once, mask))

    @staticmethod
    def native(password, salt):
        once = hashlib.sha1(password).digest()
        mask = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
        return bytes(a ^ b for a, b in zip(once, mask))

    def serve(self, connection):
        salt = os.urandom(20).replace(b"\0", b"x")
        greeting = mysql_packet(0, b"\x0a8.0.36\0\x0b\0\0\0" + salt[:8] + b"\0\xff\xff\xff\x02\0\xff\xdf\x15" + bytes(10) + salt[8:] +
                                b"\0" + self.proposes + b"\0")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in [bytes([b]) for b in greeting] if self.trickle else [greeting]:
            connection.sendall(piece)
        first = self.read(connection)
        if len(first[1]) > 32:
            return self.log_in(connection, *first, salt, secure=False)
        assert struct.unpack_from("<I", first[1])[0] & 0x800, "no CLIENT_SSL"
        with self.context.wrap_socket(connection, server_side=True) as tls:
            sequence, data = self.read(tls)
            # "Bad handshake": the capabilities of SSLRequest hold, whatever the response says.
            assert data[:4] == first[1][:4], "other capabilities than SSLRequest's"
            return self.log_in(tls, sequence, data, salt, secure=True)

    @staticmethod
    def read(connection):
        head = read_exactly(connection.recv, 4)
        return head[3], read_exactly(connection.recv, int.from_bytes(head[:3], "little"))

    def refuse(self, connection, sequence, number, state, text):
        connection.sendall(mysql_packet(sequence + 1, b"\xff" + struct.pack("<H", number) + b"#" + state + text))

    def log_in(self, connection, sequence, data, salt, secure):
        capabilities, = struct.unpack_from("<I", data)
        user, _, rest = data[32:].partition(b"\0")
        user, length = user.decode(), rest[0]
        response, rest = rest[1:1 + length], rest[1 + length:]
        if capabilities & 8:
            rest = rest.partition(b"\0")[2]
        plugin = rest.partition(b"\0")[0].decode() if capabilities & 0x80000 else "mysql_native_password"
        if self.require and not secure:
            self.refuse(connection, sequence, 3159, b"HY000", b"Connections using insecure transport are prohibited while "
                        b"--require_secure_transport=ON.")
            return f"{user}: insecure"
        if user in self.require_ssl and not secure:
            self.refuse(connection, sequence, 1045, b"28000", b"Access denied: REQUIRE SSL")
            return f"{user}: insecure for this user"
        wanted, password = self.users.get(user, ("caching_sha2_password", None))
        if wanted != plugin:
            salt = os.urandom(20).replace(b"\0", b"x")
            connection.sendall(mysql_packet(sequence + 1, b"\xfe" + wanted.encode() + b"\0" + salt + b"\0"))
            sequence, response = self.read(connection)
        sequence, how = self.authenticate(connection, sequence, wanted, user, password, response, salt, secure)
        if not how:
            self.refuse(connection, sequence, 1045, b"28000", f"Access denied for user '{user}'@'localhost'".encode())
            try:
                read_exactly(connection.recv, 1)
            except EOFError:
                return f"{user}: denied"
            return f"{user}: denied, and went on"
        connection.sendall(mysql_packet(sequence + 1, b"\0\0\0\2\0\0\0"))
        while True:
            _, command = self.read(connection)
            if command == b"\x01":
                return f"{user}: {how}, quit"
            if command == b"\x03SELECT @@require_secure_transport" and not self.says_nothing:
                self.queries += 1
                column = b"\x03def\0\0\0\x1a@@require_secure_transport\0\x0c\x3f\0\1\0\0\0\x08\x80\0\0\0\0"
                for i, packet in enumerate([b"\x01", column, b"\xfe\0\0\2\0", b"\x01" + b"01"[self.require:][:1], b"\xfe\0\0\2\0"]):
                    connection.sendall(mysql_packet(i + 1, packet))
            else:
                connection.sendall(mysql_packet(1, b"\0\0\0\2\0\0\0"))

    def authenticate(self, connection, sequence, wanted, user, password, response, salt, secure):
        """Returns the sequence, and how it went in; None: it did not."""
        if wanted == "mysql_native_password":
            return sequence, "native" if password and response == self.native(password, salt) else None
        if user in self.cached and response:
            if response != self.sha2(password, salt):
                return sequence, None
            connection.sendall(mysql_packet(sequence + 1, b"\x01\x03"))
            return sequence + 1, "fast"
        connection.sendall(mysql_packet(sequence + 1, b"\x01\x04"))
        sequence, clear = self.read(connection)
        if not secure or not password or clear != password + b"\0":
            return sequence, None
        self.clear_passwords += 1
        self.cached.add(user)
        return sequence, "full"
