"""Many conversations at once.
  flows.py serve ADDRESS PORT            echoes datagrams and TCP lines; prints "ready"
  flows.py talk ADDRESS PORT UDP TCP     opens that many UDP flows and TCP connections, prints "ready", and then for each line of its
                                         input speaks once on each and prints how many of both answered within two seconds
"""

import resource
import select
import socket
import sys
import time

ROUND = 2.0


def serve(address, port):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    udp.bind((address, port))
    listener = socket.create_server((address, port), backlog=4096)
    poll = select.epoll()
    clients = {}
    for one in (udp, listener):
        poll.register(one.fileno(), select.EPOLLIN)
    print("ready", flush=True)
    while True:
        for number, _ in poll.poll():
            if number == udp.fileno():
                data, sender = udp.recvfrom(2048)
                udp.sendto(data, sender)
            elif number == listener.fileno():
                client, _ = listener.accept()
                clients[client.fileno()] = client
                poll.register(client.fileno(), select.EPOLLIN)
            else:
                data = clients[number].recv(2048)
                if data:
                    clients[number].sendall(data)
                else:
                    poll.unregister(number)
                    clients.pop(number).close()


def talk(address, port, udp_count, tcp_count):
    speakers = []
    for kind, count in ((socket.SOCK_DGRAM, udp_count), (socket.SOCK_STREAM, tcp_count)):
        for _ in range(count):
            speaker = socket.socket(socket.AF_INET, kind)
            speaker.connect((address, port))
            speaker.setblocking(False)
            speakers.append(speaker)
    poll = select.epoll()
    by_number = {speaker.fileno(): speaker for speaker in speakers}
    for speaker in speakers:
        poll.register(speaker.fileno(), select.EPOLLIN)
    print("ready", flush=True)
    for turn, _ in enumerate(sys.stdin):
        word = b"%08d" % turn
        waiting = set(by_number)
        for i, speaker in enumerate(speakers):
            speaker.send(word)
            if i % 50 == 49:
                collect(poll, by_number, waiting, word, 0)
        deadline = time.monotonic() + ROUND
        while waiting and time.monotonic() < deadline:
            collect(poll, by_number, waiting, word, 0.05)
        answered = [number for number in by_number if number not in waiting]
        udp = sum(by_number[number].type == socket.SOCK_DGRAM for number in answered)
        print(udp, len(answered) - udp, flush=True)


def collect(poll, by_number, waiting, word, patience):
    for number, _ in poll.poll(patience):
        try:
            # A late answer to an earlier turn is none to this one.
            if by_number[number].recv(4096).endswith(word):
                waiting.discard(number)
        except OSError:
            pass


# As many sockets as anybody allows us; what is usual would be too few.
allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    talk(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
