"""A whole SCTP association (RFC 9260) in user space: kernels without SCTP exist, the guests' packets look the same.
  sctp.py serve ADDRESS PORT               prints "ready", then answers one association and echoes its message
  sctp.py connect SOURCE ADDRESS PORT TEXT prints what came back
Both ends check every checksum (CRC32c over the packet), so a packet that somebody changed on the way is no packet.
"""

import os
import socket
import struct
import sys

DATA, INIT, INIT_ACK, SACK, SHUTDOWN, SHUTDOWN_ACK, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 0, 1, 2, 3, 7, 8, 10, 11, 14
STATE_COOKIE = 7
PATIENCE = 5

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def chunk(kind, body=b"", flags=0):
    return struct.pack("!BBH", kind, flags, 4 + len(body)) + body + bytes(-len(body) % 4)


class Association:
    def __init__(self, source, port, peer=None, peer_port=0):
        self.family = socket.AF_INET6 if ":" in source else socket.AF_INET
        self.raw = socket.socket(self.family, socket.SOCK_RAW, socket.IPPROTO_SCTP)
        self.raw.bind((source, 0))
        self.raw.settimeout(PATIENCE)
        self.port, self.peer, self.peer_port = port, peer, peer_port
        self.tag, self.peer_tag = int.from_bytes(os.urandom(4), "big") | 1, 0

    def send(self, *chunks):
        header = struct.pack("!HHI", self.port, self.peer_port, self.peer_tag)
        body = b"".join(chunks)
        checksum = struct.pack("<I", crc32c(header + bytes(4) + body))
        self.raw.sendto(header + checksum + body, (self.peer, 0))

    def receive(self, kind):
        """The body of the next chunk of that kind; everything else of this association is passed over."""
        while True:
            packet, sender = self.raw.recvfrom(65535)
            if self.family == socket.AF_INET:
                packet = packet[(packet[0] & 15) * 4:]
            port, to, tag = struct.unpack("!HHI", packet[:8])
            if to != self.port or crc32c(packet[:8] + bytes(4) + packet[12:]) != struct.unpack("<I", packet[8:12])[0]:
                continue
            if kind == INIT:
                self.peer, self.peer_port = sender[0], port
            at = 12
            while at + 4 <= len(packet):
                this, _, length = struct.unpack("!BBH", packet[at:at + 4])
                if this == kind:
                    return packet[at + 4:at + length]
                at += max(4, length + -length % 4)

    def init(self, *parameters):
        return struct.pack("!IIHHI", self.tag, 65536, 1, 1, 1) + b"".join(parameters)

    def data(self, text):
        self.send(chunk(DATA, struct.pack("!IHHI", 1, 0, 0, 0) + text, flags=3))
        self.receive(SACK)

    def message(self):
        body = self.receive(DATA)
        self.send(chunk(SACK, struct.pack("!IIHH", struct.unpack("!I", body[:4])[0], 65536, 0, 0)))
        return body[12:]


def serve(address, port):
    here = Association(address, port)
    here.raw.settimeout(None)
    print("ready", flush=True)
    here.peer_tag = struct.unpack("!I", here.receive(INIT)[:4])[0]
    here.raw.settimeout(PATIENCE)
    cookie = os.urandom(32)
    here.send(chunk(INIT_ACK, here.init(struct.pack("!HH", STATE_COOKIE, 4 + len(cookie)) + cookie)))
    assert here.receive(COOKIE_ECHO) == cookie
    here.send(chunk(COOKIE_ACK))
    here.data(here.message())
    here.receive(SHUTDOWN)
    here.send(chunk(SHUTDOWN_ACK))
    here.receive(SHUTDOWN_COMPLETE)


def connect(source, address, port, text):
    here = Association(source, 40000 + os.getpid() % 20000, address, port)
    here.send(chunk(INIT, here.init()))
    answer = here.receive(INIT_ACK)
    here.peer_tag = struct.unpack("!I", answer[:4])[0]
    kind, length = struct.unpack("!HH", answer[16:20])
    assert kind == STATE_COOKIE
    here.send(chunk(COOKIE_ECHO, answer[20:16 + length]))
    here.receive(COOKIE_ACK)
    here.data(text.encode())
    print(here.message().decode(), flush=True)
    here.send(chunk(SHUTDOWN, struct.pack("!I", 1)))
    here.receive(SHUTDOWN_ACK)
    here.send(chunk(SHUTDOWN_COMPLETE))


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    connect(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
