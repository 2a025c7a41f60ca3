"""Sends what nobody should send.
  forge.py frame DEVICE HEX                      one Ethernet frame out of a device
  forge.py outer SOURCE DESTINATION VNI HEX      a VXLAN packet with a made-up outer source around an inner frame
"""

import socket
import struct
import sys

if sys.argv[1] == "frame":
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((sys.argv[2], 0))
        raw.send(bytes.fromhex(sys.argv[3]))
else:
    source, destination, vni, frame = sys.argv[2], sys.argv[3], int(sys.argv[4]), bytes.fromhex(sys.argv[5])
    vxlan = struct.pack("!II", 0x08000000, vni << 8) + frame
    udp = struct.pack("!HHHH", 50000, 4789, 8 + len(vxlan), 0) + vxlan
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(destination))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(header + udp, (destination, 0))
