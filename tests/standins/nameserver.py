"""A name server that misbehaves by the name that it is asked for: python3 nameserver.py ADDRESS, on port 53, until it is killed."""

import itertools
import os
import socket
import socketserver
import struct
import sys
import threading
import time

counter = itertools.count()


def read_name(message, at):
    labels = []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]])
        at += 1 + message[at]
    return b".".join(labels).decode(), at + 1


def answer(query, tcp):
    """Bytes to send; None: nothing is said."""
    name, at = read_name(query, 12)
    kind = struct.unpack_from(">H", query, at)[0]
    question, what = query[12:at + 4], name.split(".")[0]

    def record(owner, kind, data):
        return owner + struct.pack(">HHIH", kind, 1, 1, len(data)) + data

    def reply(flags, records=()):
        return query[:2] + struct.pack(">HHHHH", 0x8180 | flags, 1, len(records), 0, 0) + question + b"".join(records)

    def four(*addresses):
        return [record(b"\xc0\x0c", 1, socket.inet_aton(a)) for a in addresses] if kind == 1 else []

    def six(*addresses):
        return [record(b"\xc0\x0c", 28, socket.inet_pton(socket.AF_INET6, a)) for a in addresses] if kind == 28 else []
    rcodes = {"servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5}
    if what in rcodes:
        return reply(rcodes[what])
    if what == "silent":
        return None
    if what == "garbage":
        return query[:2] + os.urandom(40)
    if what == "short":
        return query[:5]
    if what == "other":  # another question's answer
        return query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + b"\5evil1\4test\0\0\1\0\1" + record(b"\xc0\x0c", 1, socket.inet_aton("10.66.0.1"))
    if what == "empty":
        return reply(0)
    if what == "loop":
        return reply(0, [record(b"\xc0\x0c", 5, b"\xc0\x0c")])
    if what == "truncated":
        return None if tcp else reply(0x200)
    if what == "long":
        return reply(0, four(*(f"10.66.{i // 250}.{i % 250 + 1}" for i in range(3000)))) if tcp else reply(0x200)
    if what == "overtcp":
        return reply(0, four("10.66.0.1")) if tcp else reply(0x200)
    if what == "changing":
        return reply(0, four(f"10.66.1.{next(counter) % 250 + 1}"))
    if what == "badlength":
        return reply(0, [record(b"\xc0\x0c", 1, b"\x7f\0")])
    poison = {"poison4": ["127.0.0.1"], "poison0": ["0.0.0.0"], "poisonmix": ["10.66.0.1", "127.3.2.1"], "allowed": ["127.0.0.1"]}
    if what in poison:
        return reply(0, four(*poison[what]))
    if what in ("poison6", "poisonmapped"):
        return reply(0, six("::1" if what == "poison6" else "::ffff:127.0.0.1"))
    return reply(3)


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        out = answer(data, False)
        if out:
            sock.sendto(out, self.client_address)


class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        head = self.request.recv(2)
        if len(head) == 2:
            out = answer(self.request.recv(struct.unpack(">H", head)[0]), True)
            if out:
                self.request.sendall(struct.pack(">H", len(out)) + out)
                time.sleep(0.2)


if __name__ == "__main__":
    socketserver.TCPServer.allow_reuse_address = True
    servers = [socketserver.ThreadingUDPServer((sys.argv[1], 53), Udp), socketserver.ThreadingTCPServer((sys.argv[1], 53), Tcp)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("listens", flush=True)
    time.sleep(3600)
