#!/usr/bin/python3
"""Reads a capture and prints, field by field, the first encapsulated SQL request of each tenant, and every outer source port."""

import ipaddress
import struct
import sys

SQL_PORT = 5432


def packets(path):
    with open(path, "rb") as capture:
        header = capture.read(24)
        order = "<" if header[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        while len(record := capture.read(16)) == 16:
            yield capture.read(struct.unpack(order + "IIII", record)[2])


def ipv4(frame, at):
    """Header length, protocol, source and destination of an IPv4 packet; None for anything else."""
    if frame[at - 2:at] != b"\x08\x00" or len(frame) < at + 20:
        return None
    return (frame[at] & 15) * 4, frame[at + 9], str(ipaddress.ip_address(frame[at + 12:at + 16])), str(ipaddress.ip_address(frame[at + 16:at + 20]))


def decode(frame):
    outer = ipv4(frame, 14)
    if outer is None:
        return None
    length, protocol, source, destination = outer
    at = 14 + length
    fields = {"outer source (PA)": source, "outer destination (PA)": destination}
    if protocol == 17 and struct.unpack_from("!H", frame, at + 2)[0] == 4789:
        fields["UDP source port"] = struct.unpack_from("!H", frame, at)[0]
        fields["UDP destination port"] = 4789
        fields["VXLAN flags"] = f"0x{frame[at + 8]:02x}"
        vsid = int.from_bytes(frame[at + 12:at + 15], "big")
        fields["VNI (VSID)"] = vsid
        inner = at + 16
    elif protocol == 47 and struct.unpack_from("!H", frame, at + 2)[0] == 0x6558:
        fields["GRE flags"] = f"0x{struct.unpack_from('!H', frame, at)[0]:04x} (key present)"
        fields["GRE protocol"] = "0x6558 (transparent Ethernet bridging)"
        vsid = int.from_bytes(frame[at + 4:at + 7], "big")
        fields["key: VSID"] = vsid
        fields["key: FlowID"] = frame[at + 7]
        inner = at + 8
    else:
        return None
    fields["inner MACs"] = f"{frame[inner + 6:inner + 12].hex('-').upper()} -> {frame[inner:inner + 6].hex('-').upper()}"
    tenant = ipv4(frame, inner + 14)
    if tenant is None or tenant[1] != 6:
        return vsid, None, fields
    ports = struct.unpack_from("!HH", frame, inner + 14 + tenant[0])
    fields["inner source (CA)"] = f"{tenant[2]}:{ports[0]}"
    fields["inner destination (CA)"] = f"{tenant[3]}:{ports[1]}"
    return vsid, ports[1], fields


def main():
    shown, entropy, total = {}, {}, 0
    for frame in packets(sys.argv[1]):
        result = decode(frame)
        if result is None:
            continue
        vsid, port, fields = result
        total += 1
        if port == SQL_PORT:
            shown.setdefault(vsid, fields)
            entropy.setdefault(vsid, set()).add(fields.get("UDP source port", fields.get("key: FlowID")))
    for vsid, fields in sorted(shown.items()):
        for name, value in fields.items():
            print(f"    {name:<24} {value}")
        print(f"    {'flow entropy seen':<24} {', '.join(map(str, sorted(entropy[vsid])))}\n")
    print(f"    {total} encapsulated packets in the capture, VSIDs {', '.join(map(str, sorted(shown)))}")
    return 0 if shown else 1


if __name__ == "__main__":
    sys.exit(main())
