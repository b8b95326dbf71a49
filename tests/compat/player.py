# SPDX-License-Identifier: Apache-2.0
"""Plays one case of a transcript against one server."""
import time

import notation
import resp
from transcript import substitute

AWAIT_SECONDS = 10.0
NOTHING_SECONDS = 0.05
POLL_SECONDS = 0.02


class Mismatch(Exception):
    """What the server did is not what the transcript says; `step` says where."""

    def __init__(self, step, expected, got):
        super().__init__()
        self.step, self.expected, self.got = step, expected, got


class Player:
    def __init__(self, port, record=None, cluster=False):
        self._port = port
        self._cluster = cluster
        self._record = record  # A dict of line → reply where the file expects none, or None.
        self._connections = {}
        self._saved = {}
        self._protocol = 2
        self._restore = []
        self._control = resp.Connection(port)

    def play(self, case):
        self._control.call("FLUSHALL")
        if self._cluster:
            self._serve_all_slots()
        self._await_no_subscribers()
        try:
            for step in case.steps:
                try:
                    getattr(self, "_" + step.action.replace("-", "_"))(step)
                except (resp.Closed, resp.NoReply) as error:
                    raise Mismatch(step, "\n".join(step.expected) or "a reply", f"({error})") from None
                except notation.BadNotation as error:
                    raise Mismatch(step, "a readable transcript", f"({error})") from None
        finally:
            self._clean_up()

    def _serve_all_slots(self):
        """Makes the node a cluster by itself; the reference takes its time to trust that."""
        deadline = time.monotonic() + AWAIT_SECONDS
        while True:
            info = self._control.call("CLUSTER", "INFO").value
            if b"cluster_slots_assigned:16384\r" not in info:
                self._control.call("CLUSTER", "FLUSHSLOTS")
                self._control.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            elif b"cluster_state:ok\r" in info or time.monotonic() > deadline:
                return
            time.sleep(POLL_SECONDS)

    def _await_no_subscribers(self):
        """Until the server has noticed that those of the case before are gone."""
        deadline = time.monotonic() + AWAIT_SECONDS
        while time.monotonic() < deadline:
            if (self._control.call("PUBSUB", "NUMPAT").value == 0
                    and not self._control.call("PUBSUB", "CHANNELS").value
                    and not self._control.call("PUBSUB", "SHARDCHANNELS").value):
                return
            time.sleep(POLL_SECONDS)

    def _clean_up(self):
        for connection in self._connections.values():
            connection.close()
        try:
            for name, value in reversed(self._restore):
                self._control.call("CONFIG", "SET", name, value)
        except (resp.Closed, resp.NoReply):
            pass  # The next file finds out.
        self._control.close()

    def _connection(self, name):
        if name not in self._connections:
            self._connections[name] = resp.Connection(self._port)
            if self._protocol == 3:
                self._connections[name].call("HELLO", "3")
        return self._connections[name]

    def _args(self, step):
        return notation.parse_request(substitute(step.text, self._saved))

    def _send(self, step):
        self._connection(step.conn).send(self._args(step))

    def _call(self, step):
        deadline = time.monotonic() + (AWAIT_SECONDS if step.awaited else 0)
        while True:
            self._send(step)
            try:
                return self._expect(step, self._connection(step.conn).read())
            except Mismatch:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def _call_raw(self, step):
        self._connection(step.conn).send_raw(b"".join(self._args(step)))
        if step.expected:
            self._read(step)

    def _read(self, step):
        if step.expected == ["<nothing>"]:
            return self._expect_nothing(step)
        return self._expect(step, self._connection(step.conn).read())

    def _expect_nothing(self, step):
        try:
            reply = self._connection(step.conn).read(NOTHING_SECONDS)
        except resp.NoReply:
            return
        raise Mismatch(step, "nothing", notation.render(reply))

    def _expect(self, step, reply):
        if not step.expected:
            if self._record is None:
                raise Mismatch(step, "(the transcript does not say)", notation.render(reply))
            self._record[step.line] = notation.render(reply)
            return
        text = substitute("\n".join(step.expected), self._saved)
        if not notation.parse_reply(text).matches(reply, self._saved):
            raise Mismatch(step, text, notation.render(reply))

    def _resp3(self, step):
        self._set_protocol(step, 3)

    def _resp2(self, step):
        self._set_protocol(step, 2)

    def _set_protocol(self, step, version):
        self._protocol = version
        for connection in self._connections.values():
            reply = connection.call("HELLO", version)
            if reply.kind == "error":
                raise Mismatch(step, f"HELLO {version} to work", notation.render(reply))

    def _config(self, step):
        name, value = self._args(step)
        before = self._control.call("CONFIG", "GET", name)
        if before.kind == "array" and len(before.value) == 2:
            self._restore.append((name, before.value[1].value))
        reply = self._control.call("CONFIG", "SET", name, value)
        if reply.kind != "simple":
            raise Mismatch(step, "+OK", notation.render(reply))

    def _close(self, step):
        self._connections.pop(step.text).close()

    def _closed(self, step):
        """The server ends the connection, having sent all that the transcript read."""
        connection = self._connections.pop(step.text)
        ended = connection.at_end()
        connection.close()
        if not ended:
            raise Mismatch(step, f"connection {step.text} to be closed", "it is open")

    def _blocked(self, step):
        """Waits until that many clients are blocked."""
        deadline = time.monotonic() + AWAIT_SECONDS
        wanted = b"blocked_clients:%d\r" % int(step.text)
        while wanted not in self._control.call("INFO", "clients").value:
            if time.monotonic() > deadline:
                raise Mismatch(step, f"{step.text} blocked clients", "another number")
            time.sleep(POLL_SECONDS)
