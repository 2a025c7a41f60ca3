"""Who receives what: sends a UDP probe from every machine to every address and reports each (sender, receiver) pair.

Standard input: {"machines": [{"name", "namespace", "address"}], "addresses": [...]}.  Standard output: ["sender>receiver", ...].
One process with a socket in every namespace, so that a delivery to the wrong tenant is seen and not inferred.
"""

import ctypes
import json
import os
import select
import socket
import sys
import time

PORT = 7777
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def open_in(namespace):
    """A receiver and a sender. Two ports, for a probe must not look like the answer to one that went the other way: a
    stateful firewall would rightly admit it."""
    handle = os.open("/run/netns/" + namespace, os.O_RDONLY)
    if libc.setns(handle, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns " + namespace)
    os.close(handle)
    receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiver.bind(("0.0.0.0", PORT))
    receiver.setblocking(False)
    sender.bind(("0.0.0.0", PORT + 1))
    return receiver, sender


def collect(names, seconds, pairs):
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        for ready in select.select(list(names), [], [], left)[0]:
            try:
                while True:
                    pairs.add(ready.recv(64).decode() + ">" + names[ready])
            except BlockingIOError:
                pass


def main():
    asked = json.load(sys.stdin)
    names, senders = {}, {}
    for machine in asked["machines"]:
        receiver, sender = open_in(machine["namespace"])
        names[receiver] = machine["name"]
        senders[sender] = machine["name"]
    own = {machine["name"]: machine["address"] for machine in asked["machines"]}
    pairs = set()
    for _ in range(3):          # the first round may be lost while neighbours are resolved
        for sender, name in senders.items():
            for address in asked["addresses"]:
                if address != own[name]:
                    try:
                        sender.sendto(name.encode(), (address, PORT))
                    except OSError:
                        pass    # an earlier ICMP error is reported here; the next probe goes out
            collect(names, 0, pairs)
        collect(names, 1.5, pairs)
    json.dump(sorted(pairs), sys.stdout)


main()
