"""UDP with the header fields that programs rarely look at.
  datagram.py receive ADDRESS PORT              prints "ready", then one line for each datagram: SOURCE TRAFFIC-CLASS LENGTH
  datagram.py send ADDRESS PORT TRAFFIC-CLASS LENGTH COUNT
The traffic class is the DSCP and ECN byte in decimal.
"""

import socket
import sys

address, port = sys.argv[2], int(sys.argv[3])
ipv6 = ":" in address
with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as udp:
    level = socket.IPPROTO_IPV6 if ipv6 else socket.IPPROTO_IP
    if sys.argv[1] == "receive":
        udp.setsockopt(level, socket.IPV6_RECVTCLASS if ipv6 else socket.IP_RECVTOS, 1)
        udp.bind((address, port))
        print("ready", flush=True)
        while True:
            data, control, _, sender = udp.recvmsg(65535, 256)
            traffic_class = next((value[0] for _, kind, value in control if kind in (socket.IP_TOS, socket.IPV6_TCLASS)), 0)
            print(sender[0], traffic_class, len(data), flush=True)
    else:
        udp.setsockopt(level, socket.IPV6_TCLASS if ipv6 else socket.IP_TOS, int(sys.argv[4]))
        for _ in range(int(sys.argv[6])):
            udp.sendto(bytes(int(sys.argv[5])), (address, port))
