# SPDX-License-Identifier: Apache-2.0
"""A client that shows the wire: it sends any bytes, and a reply is what RESP2 or RESP3 says it is.

    wire = Wire(("127.0.0.1", port))           # or Wire("/path/of/a/socket")
    wire.call("SET", "k", "v")                 # "OK"
    wire.send(b"GET k\\r\\n"); wire.read()       # b"v"

Simple strings are str, bulk strings bytes, errors WireError values (returned, not raised), pushes
Push, sets frozenset-like lists, maps dicts; nulls None.
"""
import socket


class WireError(str):
    """An error reply's text."""


class Push(list):
    """An out-of-band message."""


class Closed(Exception):
    """The server ended the connection."""


def encode(*args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        arg = arg if isinstance(arg, (bytes, bytearray)) else str(arg).encode()
        parts += [b"$%d\r\n" % len(arg), arg, b"\r\n"]
    return b"".join(parts)


class Wire:
    def __init__(self, address, timeout=20, receive_buffer=None):
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        if family == socket.AF_INET and ":" in address[0]:
            family = socket.AF_INET6
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self._buffer = bytearray()
        self._at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from None

    def call(self, *args):
        self.send(encode(*args))
        return self.read()

    def read(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return WireError(rest.decode(errors="backslashreplace"))
        if kind in b":(":
            return int(rest)
        if kind == b",":
            return float(rest)
        if kind == b"#":
            return rest == b"t"
        if kind == b"_":
            return None
        size = int(rest)
        if size < 0:
            return None
        if kind in b"$=!":
            return bytes(self._bytes(size + 2)[:-2])
        if kind == b"%":
            return {self._hashable(self.read()): self.read() for _ in range(size)}
        items = [self.read() for _ in range(size)]
        return Push(items) if kind == b">" else items

    def at_end(self):
        """Whether the server closes the connection, sending nothing more."""
        if self._at < len(self._buffer):
            return False
        try:
            return not self.socket.recv(1)
        except ConnectionError:
            return True

    def _hashable(self, value):
        return tuple(value) if isinstance(value, list) else value

    def _line(self):
        while (end := self._buffer.find(b"\r\n", self._at)) < 0:
            self._receive(65536)
        line = bytes(self._buffer[self._at:end])
        self._take(end + 2)
        return line

    def _bytes(self, size):
        missing = size - (len(self._buffer) - self._at)
        if missing > 1 << 20:  # Straight to where it stays.
            head = len(self._buffer) - self._at
            whole = bytearray(size)
            whole[:head] = self._buffer[self._at:]
            self._take(len(self._buffer))
            view = memoryview(whole)
            while head < size:
                head += self._received(self.socket.recv_into(view[head:]))
            return whole
        while len(self._buffer) - self._at < size:
            self._receive(max(65536, missing))
        data = self._buffer[self._at:self._at + size]
        self._take(self._at + size)
        return data

    def _take(self, upto):
        self._at = upto
        if self._at == len(self._buffer) or self._at > 1 << 20:
            del self._buffer[:self._at]
            self._at = 0

    def _receive(self, most):
        try:
            data = self.socket.recv(most)
        except ConnectionError as error:
            raise Closed(str(error)) from None
        self._received(len(data))
        self._buffer += data

    @staticmethod
    def _received(count):
        if count == 0:
            raise Closed("the server closed the connection")
        return count
