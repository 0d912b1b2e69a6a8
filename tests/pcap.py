"""Reads the TCP connections of a capture (pcap and pcapng), enough for small ones: in order, each byte once."""

import struct


class Connection:
    def __init__(self, client, server):
        self.client, self.server = client, server  # (address, port)
        self.segments = []  # (whether the server sent it, bytes), in order
        self._next, self._early = {}, {False: {}, True: {}}

    def add(self, from_server, sequence, syn, data):
        if syn:
            self._next[from_server] = (sequence + 1) & 0xFFFFFFFF
            return
        early = self._early[from_server]
        if data:
            early[sequence] = max(data, early.get(sequence, b""), key=len)
        self._next.setdefault(from_server, sequence)
        while True:  # what fits now, less what was seen already
            for start in list(early):
                seen = (self._next[from_server] - start) & 0xFFFFFFFF
                if seen < 1 << 31:
                    data = early.pop(start)[seen:]
                    if data:
                        self._next[from_server] = (start + seen + len(data)) & 0xFFFFFFFF
                        self.segments.append((from_server, data))
                        break
            else:
                return

    def server_says(self):
        return b"".join(data for from_server, data in self.segments if from_server)


def frames_of_pcap(data):
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link, at = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF, 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        yield link, data[at + 16:at + 16 + size]
        at += 16 + size


def frames_of_pcapng(data):
    order, links, at = "<", [], 0
    while at + 12 <= len(data):
        kind = data[at:at + 4]
        if kind == b"\x0a\x0d\x0d\x0a":
            order, links = ("<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"), []
        number, size = struct.unpack_from(order + "II", data, at)
        if number == 1:
            links.append(struct.unpack_from(order + "H", data, at + 8)[0])
        elif number == 6:
            interface, _, _, length = struct.unpack_from(order + "IIII", data, at + 8)
            yield links[interface], data[at + 28:at + 28 + length]
        at += size


def packet_of(link, frame):
    """The IP packet in a frame, by its link type."""
    if link == 1:
        at = 14
        while frame[at - 2:at] == b"\x81\0":
            at += 4
        return frame[at:]
    return frame[{0: 4, 113: 16, 276: 20}.get(link, 0):]


def tcp_of(packet):
    """Addresses and the TCP segment; None if it is none."""
    if packet[:1] and packet[0] >> 4 == 4 and packet[9] == 6:
        head, total = (packet[0] & 15) * 4, struct.unpack_from(">H", packet, 2)[0]
        return packet[12:16], packet[16:20], packet[head:total]
    if packet[:1] and packet[0] >> 4 == 6 and packet[6] == 6:
        return packet[8:24], packet[24:40], packet[40:40 + struct.unpack_from(">H", packet, 4)[0]]
    return None


def connections(path):
    with open(path, "rb") as f:
        data = f.read()
    found = {}
    for link, frame in (frames_of_pcapng if data[:4] == b"\x0a\x0d\x0d\x0a" else frames_of_pcap)(data):
        parts = tcp_of(packet_of(link, frame))
        if not parts or len(parts[2]) < 20:
            continue
        source, destination, segment = parts
        source_port, destination_port, sequence = struct.unpack_from(">HHI", segment)
        ends = (source, source_port), (destination, destination_port)
        syn, ack = segment[13] & 2, segment[13] & 16
        key = frozenset(ends)
        if key not in found:
            # Who answers a SYN is the server; without one, who has the lower port.
            client_first = not (syn and ack) if syn else source_port > destination_port
            found[key] = Connection(*(ends if client_first else ends[::-1]))
        connection = found[key]
        connection.add(ends[0] == connection.server, sequence, syn, segment[(segment[12] >> 4) * 4:])
    return list(found.values())
