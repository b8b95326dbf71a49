# SPDX-License-Identifier: Apache-2.0
"""Batches of requests to one server, and their replies as plain Python values.

A reply is an int, bytes (a bulk string), None (a null) or a list (an array); whatever else is a
Typed, so that replies of different types never compare equal. `as_reply` makes of it what
notation.py writes.
"""
import collections
import select
import socket

import resp

TIMEOUT_SECONDS = 20
CHUNK = 1 << 18
KINDS = {"+": "simple", "-": "error", ",": "double", "#": "bool", "(": "big", "=": "verbatim",
         "~": "set", ">": "push", "%": "map", "*": "nil-array"}

Typed = collections.namedtuple("Typed", "sign value")  # Of a map, keys and values in turns.


class Incomplete(Exception):
    """The buffer ends within a reply."""


class Gone(Exception):
    """The server closed the connection or said nothing for too long."""


def parse(data, at):
    """The reply that begins at `at`, and where it ends."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    sign, at = data[at], at + 1
    if sign == 58:  # :
        return int(data[at:end]), end + 2
    if sign == 36:  # $
        length = int(data[at:end])
        if length < 0:
            return None, end + 2
        end += 2
        if len(data) < end + length + 2:
            raise Incomplete
        return data[end:end + length], end + length + 2
    if sign == 42:  # *
        count = int(data[at:end])
        return (Typed("*", None), end + 2) if count < 0 else _items(data, end + 2, count)
    if sign == 95:  # _
        return None, end + 2
    return _typed(chr(sign), data, at, end)


def _items(data, at, count):
    items = []
    for _ in range(count):
        item, at = parse(data, at)
        items.append(item)
    return items, at


def _typed(sign, data, at, end):
    if sign in "~>%":
        items, at = _items(data, end + 2, int(data[at:end]) * (2 if sign == "%" else 1))
        return Typed(sign, items), at
    if sign == "=":
        value, at = _verbatim(data, at, end)
        return Typed(sign, value), at
    if sign not in KINDS:
        raise Gone(f"not RESP: {data[at - 1:end][:80]!r}")
    return Typed(sign, data[at:end]), end + 2


def _verbatim(data, at, end):
    length = int(data[at:end])
    if len(data) < end + 4 + length:
        raise Incomplete
    return data[end + 2:end + 2 + length], end + 4 + length


def encode(words):
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)])


class Connection:
    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Gone(str(error)) from None

    def has_reply(self):
        return bool(self.buffer or select.select([self._socket], [], [], 0)[0])

    def fill(self):
        try:
            data = self._socket.recv(CHUNK)
        except OSError as error:
            raise Gone(f"no reply: {error}") from None
        if not data:
            raise Gone("the connection was closed")
        self.buffer += data

    def read(self, count):
        """The next `count` replies, and the bytes that they were."""
        replies, at = [], 0
        while len(replies) < count:
            try:
                reply, at = parse(self.buffer, at)
                replies.append(reply)
            except Incomplete:
                self.fill()
        data, self.buffer = self.buffer[:at], self.buffer[at:]
        return replies, data

    def read_like(self, replies, data):
        """As many replies; the same objects when the bytes are the same, which needs no parsing."""
        while len(self.buffer) < len(data) and data.startswith(self.buffer):
            self.fill()
        if self.buffer.startswith(data):
            self.buffer = self.buffer[len(data):]
            return replies
        return self.read(len(replies))[0]

    def call(self, *words):
        self.send(encode([w if isinstance(w, bytes) else str(w).encode() for w in words]))
        return self.read(1)[0][0]

    def close(self):
        self._socket.close()


def is_error(reply):
    return isinstance(reply, Typed) and reply.sign == "-"


def is_queued(reply):
    return reply == Typed("+", b"QUEUED")


def items_of(reply):
    """The items of any kind of list, or None."""
    reply = reply.value if isinstance(reply, Typed) and reply.sign in "~>%" else reply
    return reply if isinstance(reply, list) else None


def as_reply(value):
    if isinstance(value, Typed):
        inside = value.value
        if value.sign == "#":
            inside = inside == b"t"
        elif isinstance(inside, list):
            inside = [as_reply(item) for item in inside]
        return resp.Reply(KINDS[value.sign], inside)
    if isinstance(value, list):
        return resp.Reply("array", [as_reply(item) for item in value])
    kind = {int: "int", bytes: "bulk", type(None): "nil"}[type(value)]
    return resp.Reply(kind, value)
