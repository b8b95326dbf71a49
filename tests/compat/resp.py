# SPDX-License-Identifier: Apache-2.0
"""A RESP connection that keeps what a client library hides: the exact type of every reply."""
import collections
import socket

# kind: simple error int bulk nil nil-array array map set push double bool big verbatim
# value: bytes (simple, error, bulk, double, big, verbatim), int, bool, or a list of replies; a map's
# list alternates keys and values.
Reply = collections.namedtuple("Reply", "kind value")

SIMPLE_KINDS = {b"+": "simple", b"-": "error", b",": "double", b"(": "big"}
LENGTH_KINDS = {b"$": "bulk", b"=": "verbatim", b"!": "error"}
LIST_KINDS = {b"*": "array", b"~": "set", b">": "push", b"%": "map"}


class Closed(Exception):
    """The server ended the connection."""


class NoReply(Exception):
    """Nothing (or not all of a reply) came in time."""


class Connection:
    def __init__(self, port, timeout=5.0):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._buffer = b""
        self.timeout = timeout

    def send(self, args):
        parts = [b"*%d\r\n" % len(args)]
        parts += [b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in args]
        self.send_raw(b"".join(parts))

    def send_raw(self, data):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from None

    def call(self, *args):
        self.send([arg if isinstance(arg, bytes) else str(arg).encode() for arg in args])
        return self.read()

    def read(self, timeout=None):
        """The next reply, or pushed message."""
        self._socket.settimeout(timeout or self.timeout)
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind in SIMPLE_KINDS:
            return Reply(SIMPLE_KINDS[kind], rest)
        if kind == b":":
            return Reply("int", int(rest))
        if kind == b"_":
            return Reply("nil", None)
        if kind == b"#":
            return Reply("bool", rest == b"t")
        if kind in LENGTH_KINDS:
            length = int(rest)
            return Reply("nil", None) if length < 0 else Reply(LENGTH_KINDS[kind], self._bytes(length))
        if kind in LIST_KINDS:
            length = int(rest)
            if length < 0:
                return Reply("nil-array", None)
            length *= 2 if kind == b"%" else 1
            return Reply(LIST_KINDS[kind], [self.read(timeout) for _ in range(length)])
        raise ValueError(f"not RESP: {line!r}")

    def at_end(self, timeout=None):
        """Whether the server closes the connection, sending nothing more."""
        self._socket.settimeout(timeout or self.timeout)
        try:
            return not self._buffer and not self._socket.recv(1)
        except ConnectionError:
            return True
        except socket.timeout:
            return False

    def close(self):
        self._socket.close()

    def _fill(self):
        try:
            data = self._socket.recv(65536)
        except socket.timeout:
            raise NoReply("no reply in time") from None
        except OSError as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("the server closed the connection")
        self._buffer += data

    def _line(self):
        while b"\r\n" not in self._buffer:
            self._fill()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def _bytes(self, length):
        while len(self._buffer) < length + 2:
            self._fill()
        data, self._buffer = self._buffer[:length], self._buffer[length + 2:]
        return data
