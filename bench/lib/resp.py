# SPDX-License-Identifier: Apache-2.0
"""RESP2 by hand: a client for single requests, and a loader that fills a server through pipelines."""
import itertools
import socket

CHUNK = 5000  # Commands per write of the loader.


class ServerError(Exception):
    """The server answered with an error."""


def encode(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(parts)


class Client:
    """One blocking connection."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def call(self, *words):
        self.socket.sendall(encode(*words))
        return self.reply()

    def reply(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise ServerError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        raise ConnectionError(f"no RESP2 reply: {line!r}")

    def info(self, field):
        """One field of INFO, as text."""
        for line in self.call("INFO", "everything").decode().split("\r\n"):
            if line.startswith(field + ":"):
                return line.split(":", 1)[1]
        raise KeyError(field)

    def pipeline(self, requests, reply, chunk=CHUNK):
        """Sends the requests `chunk` at a time, when the last were answered. All answer `reply`."""
        requests = iter(requests)
        while batch := list(itertools.islice(requests, chunk)):
            self.socket.sendall(b"".join(batch))
            wanted = reply * len(batch)
            if self.stream.read(len(wanted)) != wanted:
                raise ServerError("an answer was not " + reply.decode().strip())


def load_strings(client, keys, value, prefix="key:", chunk=CHUNK):
    """SET prefix + twelve digits for each number of `keys`, the names that redis-benchmark asks for.

    Every value is `value` with the number in front, so that no two are the same.
    """
    length = len(prefix) + 12
    template = (f"*3\r\n$3\r\nSET\r\n${length}\r\n{prefix}%012d\r\n${len(value)}\r\n%012d"
                f"{value[12:]}\r\n").encode()
    client.pipeline((template % (i, i) for i in keys), b"+OK\r\n", chunk)


def load_counters(client, keys):
    """SET counter:<twelve digits> 0, the names that redis-benchmark increments."""
    template = b"*3\r\n$3\r\nSET\r\n$20\r\ncounter:%012d\r\n$1\r\n0\r\n"
    client.pipeline((template % i for i in keys), b"+OK\r\n")
