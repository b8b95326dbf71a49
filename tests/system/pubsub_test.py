#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Publish and subscribe between many workers: counts, order, slow listeners, and who goes meanwhile."""
import os
import random
import sys
import threading

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), path)
                for path in (".", "../compat")]

import harness  # noqa: E402  Found through the path above.
import resp  # noqa: E402

WORKERS = 4
PUBLISHERS = 3
LISTENERS = 8
MESSAGES = 400


class Listener(threading.Thread):
    """Reads until each publisher has said that it ends; remembers what it got."""

    def __init__(self, port, resp3):
        super().__init__()
        self.connection = resp.Connection(port, timeout=30)
        if resp3:
            self.connection.call("HELLO", "3")
        self.connection.call("SUBSCRIBE", "news")
        self.got = []

    def run(self):
        ends = 0
        while ends < PUBLISHERS:
            message = self.connection.read().value[2].value
            ends += message == b"end"
            if message != b"end":
                self.got.append(tuple(map(int, message.split(b":"))))


def publish(port, me, counts):
    connection = resp.Connection(port, timeout=30)
    for number in range(MESSAGES):
        counts.append(connection.call("PUBLISH", "news", f"{me}:{number}").value)
    connection.call("PUBLISH", "news", "end")


def come_and_go(port, stop):
    """Subscribes, leaves, is closed: by itself or in the middle of something."""
    rng = random.Random(1)
    while not stop.is_set():
        connection = resp.Connection(port)
        connection.send([b"SUBSCRIBE", b"news", b"other"])
        connection.send([b"PSUBSCRIBE", b"n*"])
        if rng.random() < 0.5:
            connection.send([b"UNSUBSCRIBE"])
        connection.read()
        connection.close()


class PubsubTest(harness.TestCase):
    def test_everybody_gets_everything_in_the_publishers_order(self):
        server = self.henge({"io-threads": WORKERS})
        listeners = [Listener(server.port, resp3=n % 2 == 1) for n in range(LISTENERS)]
        stop = threading.Event()
        guest = threading.Thread(target=come_and_go, args=(server.port, stop))
        counts = []
        publishers = [threading.Thread(target=publish, args=(server.port, n, counts))
                      for n in range(PUBLISHERS)]
        for thread in (*listeners, guest, *publishers):
            thread.start()
        for thread in (*publishers, *listeners):
            thread.join(60)
        stop.set()
        guest.join(30)
        self.assertGreaterEqual(min(counts), LISTENERS)
        for listener in listeners:
            self.assertEqual(len(listener.got), PUBLISHERS * MESSAGES)
            for me in range(PUBLISHERS):
                mine = [number for publisher, number in listener.got if publisher == me]
                self.assertEqual(mine, list(range(MESSAGES)))
        self.assertEqual(len({tuple(listener.got) for listener in listeners}), 1,
                         "the channel has one order for all")

    def test_who_reads_too_slowly_is_closed(self):
        server = self.henge({"io-threads": 2,
                             "client-output-buffer-limit": ["pubsub", "1mb", "0", "0"]})
        slow = resp.Connection(server.port)
        slow.call("SUBSCRIBE", "news")
        control = server.client()
        payload = b"x" * 100_000

        def closed():
            return control.publish("news", payload) == 0
        harness.wait_until(closed, 20, "the slow listener to be closed")
        self.assertEqual(control.execute_command("PUBSUB", "NUMSUB", "news"), [b"news", 0])

    def test_who_stays_slow_is_closed_though_nothing_more_is_said(self):
        server = self.henge({"io-threads": 2,
                             "client-output-buffer-limit": ["pubsub", "0", "1mb", "1"]})
        slow = [resp.Connection(server.port) for _ in range(2)]
        for each in slow:
            each.call("PSUBSCRIBE", "n*")
        control = server.client()
        with control.pipeline(transaction=False) as pipe:
            for _ in range(100):  # The system takes a few MB of these ten.
                pipe.publish("news", b"x" * 100_000)
            self.assertEqual(set(pipe.execute()), {len(slow)})
        self.assertGreater(min(self.pending(control)), 2_000_000)
        harness.wait_until(lambda: self.pending(control) == [], 20, "the slow listeners to be closed")
        self.assertEqual(control.info("stats")["client_output_buffer_limit_disconnections"], 2)

    def pending(self, control):
        """Bytes, of each listener; what it takes is that and what is always there."""
        listeners = control.client_list(_type="pubsub")
        for listener in listeners:
            self.assertGreater(int(listener["tot-mem"]), int(listener["omem"]))
        return [int(listener["omem"]) for listener in listeners]

    def test_a_killed_listener_is_counted_no_longer(self):
        server = self.henge({"io-threads": 2})
        connections = [resp.Connection(server.port) for _ in range(4)]
        for connection in connections:
            connection.call("SUBSCRIBE", "news")
        control = server.client()
        self.assertEqual(control.publish("news", "x"), 4)
        self.assertEqual(control.execute_command("CLIENT", "KILL", "TYPE", "pubsub"), 4)
        harness.wait_until(lambda: control.publish("news", "x") == 0)

    def test_a_subscriber_has_a_message_before_the_reply_to_what_it_asks_later(self):
        server = self.henge({"io-threads": WORKERS})
        publisher = resp.Connection(server.port)
        others = [resp.Connection(server.port) for _ in range(WORKERS)]
        for other in others:
            other.call("SUBSCRIBE", "news")
        for number in range(100):
            self.assertEqual(publisher.call("PUBLISH", "news", number).value, len(others))
            for other in others:
                other.send([b"UNSUBSCRIBE", b"news"])
                self.assertEqual(other.read().value[0].value, b"message")
                self.assertEqual(other.read().value[0].value, b"unsubscribe")
                other.call("SUBSCRIBE", "news")


if __name__ == "__main__":
    harness.main()
