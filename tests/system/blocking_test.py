# SPDX-License-Identifier: Apache-2.0
"""Clients that wait for lists, on several workers: who is served, with what, and in which order."""
import collections
import random
import threading
import time

import harness
from wire import Closed, Wire, WireError, encode

WORKERS = 4
UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK"


class BlockingCase(harness.TestCase):
    def setUp(self):
        self.server = self.henge({"io-threads": WORKERS})
        self.control = self.wire()

    def wire(self):
        wire = Wire(("127.0.0.1", self.server.port))
        self.addCleanup(wire.close)
        return wire

    def info(self, field):
        text = self.control.call("INFO", "clients").decode()
        return int(text.split(field + ":")[1].split("\r")[0])

    def wait_blocked(self, count):
        harness.wait_until(lambda: self.info("blocked_clients") == count,
                           what=f"{count} blocked clients")

    def block(self, *call):
        """A new client that waits; it is in the queue when this returns."""
        before = self.info("blocked_clients")
        wire = self.wire()
        wire.send(encode(*call))
        self.wait_blocked(before + 1)
        return wire

    def assert_idle(self):
        self.wait_blocked(0)
        self.assertEqual(self.info("total_blocking_keys"), 0)


class OrderTest(BlockingCase):
    def test_the_first_to_wait_is_the_first_served(self):
        queues = collections.defaultdict(list)
        for i in range(120):
            key = f"queue{i % 6}"
            queues[key].append(self.block("BLPOP" if i % 2 else "BRPOP", key, 0))
        self.assertEqual(self.info("total_blocking_keys"), 6)
        for key, waiting in queues.items():
            for i in range(0, len(waiting), 4):
                self.control.call("RPUSH", key, i)
                self.control.call("LPUSH", key, i + 1)
                self.control.send(encode("RPUSH", key, i + 2) + encode("RPUSH", key, i + 3))
                self.control.read()
                self.control.read()
            for i, wire in enumerate(waiting):
                self.assertEqual(wire.read(), [key.encode(), b"%d" % i])
        self.assert_idle()

    def test_a_push_of_many_serves_many(self):
        waiting = [self.block("BLPOP", "k", 0) for _ in range(40)]
        self.control.call("RPUSH", "k", *range(50))
        for i, wire in enumerate(waiting):
            self.assertEqual(wire.read(), [b"k", b"%d" % i])
        self.assertEqual(self.control.call("LRANGE", "k", 0, -1), [b"%d" % i for i in range(40, 50)])

    def test_a_transaction_serves_all_its_keys(self):
        waiting = {f"k{i}": self.block("BLPOP", f"k{i}", "other", 0) for i in range(20)}
        self.control.call("MULTI")
        for key in waiting:
            self.control.call("RPUSH", key, "for " + key)
        self.control.call("EXEC")
        for key, wire in waiting.items():
            self.assertEqual(wire.read(), [key.encode(), b"for " + key.encode()])
        self.assert_idle()

    def test_many_move_from_one_list_to_many(self):
        count = 30
        waiting = [self.block("BLMOVE", "from", f"to{i}", "LEFT", "RIGHT", 0) for i in range(count)]
        self.control.call("RPUSH", "from", *range(count))
        got = sorted(int(wire.read()) for wire in waiting)
        self.assertEqual(got, list(range(count)))
        self.assertEqual(sum(self.control.call("LLEN", f"to{i}") for i in range(count)), count)
        self.assert_idle()


class ChainTest(BlockingCase):
    LENGTH = 24

    def look(self, stop, seen):
        """What a transaction sees of the chain's links, again and again."""
        with Wire(("127.0.0.1", self.server.port)) as wire:
            while not stop.is_set():
                wire.call("MULTI")
                for i in range(self.LENGTH):
                    wire.call("LLEN", f"link{i}")
                seen.add(tuple(wire.call("EXEC")))

    def test_nobody_sees_what_is_on_its_way(self):
        stop, seen = threading.Event(), set()
        observer = threading.Thread(target=self.look, args=(stop, seen))
        observer.start()
        for turn in range(20):
            waiting = []
            for i in range(self.LENGTH - 1):
                wire = self.wire()
                wire.send(encode("BLMOVE", f"link{i}", f"link{i + 1}", "LEFT", "RIGHT", 0))
                waiting.append(wire)
            self.wait_blocked(self.LENGTH - 1)
            self.control.call("RPUSH", "link0", turn)
            for wire in waiting:
                self.assertEqual(wire.read(), b"%d" % turn)
                wire.close()
        stop.set()
        observer.join()
        links = self.LENGTH - 1
        self.assertEqual({lengths[:links] for lengths in seen}, {(0,) * links})
        self.assertEqual(self.control.call("LLEN", f"link{links}"), 20)

    def test_a_circle_ends(self):
        waiting = [self.block("BRPOPLPUSH", f"c{i}", f"c{(i + 1) % 5}", 0) for i in range(5)]
        self.control.call("RPUSH", "c3", "x")
        for wire in waiting:
            self.assertEqual(wire.read(), b"x")
        self.assertEqual(self.control.call("LRANGE", "c3", 0, -1), [b"x"])
        self.assert_idle()

    def test_tokens_run_in_circles_without_loss(self):
        tokens, lists, stop = 10, 7, threading.Event()

        def run(start):
            generator = random.Random(start)
            with Wire(("127.0.0.1", self.server.port)) as wire:
                while not stop.is_set():
                    i = generator.randrange(lists)
                    wire.call("BLMOVE", f"ring{i}", f"ring{(i + 1) % lists}", "LEFT", "RIGHT", 0.05)

        runners = [threading.Thread(target=run, args=(i,)) for i in range(16)]
        for runner in runners:
            runner.start()
        for i in range(tokens):
            self.control.call("RPUSH", "ring0", i)
        harness.let_pass(2)
        stop.set()
        for runner in runners:
            runner.join()
        left = []
        for i in range(lists):
            left += self.control.call("LRANGE", f"ring{i}", 0, -1)
        self.assertEqual(sorted(map(int, left)), list(range(tokens)))
        self.assert_idle()


class EndTest(BlockingCase):
    def test_each_wait_has_one_end(self):
        """Timeouts and pushes at the same moment: one reply each, and nothing lost."""
        received = collections.Counter()
        for turn in range(30):
            waiting = [self.wire() for _ in range(8)]
            for wire in waiting:
                wire.send(encode("BLPOP", "k", 0.02) + encode("PING"))
            harness.let_pass(0.015 + 0.0005 * (turn % 10))
            self.control.call("RPUSH", "k", *[f"{turn}.{i}" for i in range(4)])
            for wire in waiting:
                reply = wire.read()
                if reply is not None:
                    received[reply[1]] += 1
                self.assertEqual(wire.read(), "PONG")
                wire.close()
        received.update(self.control.call("LRANGE", "k", 0, -1))
        self.assertEqual(len(received), 30 * 4)
        self.assertEqual(set(received.values()), {1})
        self.assert_idle()

    def test_two_ends_at_once(self):
        """CLIENT UNBLOCK and timeouts: who was told that it unblocked, did."""
        for _ in range(20):
            wire = self.wire()
            client = wire.call("CLIENT", "ID")
            wire.send(encode("BLPOP", "k", 0.03) + encode("PING"))
            harness.let_pass(0.02)
            told = 0
            reply = None
            deadline = time.monotonic() + 5
            while told == 0 and time.monotonic() < deadline:
                told = self.control.call("CLIENT", "UNBLOCK", client, "ERROR")
                if self.info("blocked_clients") == 0:
                    break
            reply = wire.read()
            self.assertEqual(reply, WireError(UNBLOCKED) if told else None)
            self.assertEqual(wire.read(), "PONG")
            wire.close()
        self.assert_idle()

    def test_the_killed_and_the_gone_get_nothing(self):
        for turn in range(30):
            killed, gone = self.wire(), self.wire()
            client = killed.call("CLIENT", "ID")
            for wire in (killed, gone):
                wire.send(encode("BLPOP", "k", 0))
            self.wait_blocked(2)
            gone.close()
            self.wait_blocked(1)
            self.control.send(encode("CLIENT", "KILL", "ID", client) + encode("RPUSH", "k", turn))
            self.assertEqual(self.control.read(), 1)
            self.assertEqual(self.control.read(), 1)
            self.assertEqual(self.control.call("LPOP", "k"), b"%d" % turn)
            self.assertTrue(killed.at_end())
        self.assert_idle()

    def test_unblocked_clients_get_nothing(self):
        wire = self.wire()
        client = wire.call("CLIENT", "ID")
        for _ in range(30):
            wire.send(encode("BLPOP", "k", 0))
            self.wait_blocked(1)
            self.control.send(encode("CLIENT", "UNBLOCK", client) + encode("RPUSH", "k", "x") +
                              encode("LPOP", "k"))
            self.assertEqual([self.control.read() for _ in range(3)], [1, 1, b"x"])
            self.assertIsNone(wire.read())


class PauseTest(BlockingCase):
    def push_paused(self, pause_ms):
        for call in (("MULTI",), ("CLIENT", "PAUSE", pause_ms, "WRITE"), ("RPUSH", "k", "x"),
                     ("EXEC",)):
            self.control.call(*call)

    def test_is_served_after_the_pause(self):
        waiting = self.block("BLPOP", "k", 0)
        self.push_paused(300)
        began = time.monotonic()
        self.assertEqual(waiting.read(), [b"k", b"x"])
        self.assertGreater(time.monotonic() - began, 0.2)
        self.assert_idle()

    def test_is_served_when_the_pause_is_called_off(self):
        waiting = self.block("BLPOP", "k", 0)
        self.push_paused(60_000)
        self.assertEqual(self.info("blocked_clients"), 1)
        self.assertEqual(self.control.call("LLEN", "k"), 1)
        self.control.call("CLIENT", "UNPAUSE")
        self.assertEqual(waiting.read(), [b"k", b"x"])
        self.assert_idle()

    def test_time_goes_on_in_the_pause(self):
        waiting = self.block("BLPOP", "k", 0.5)
        self.push_paused(60_000)
        self.assertIsNone(waiting.read())
        self.control.call("CLIENT", "UNPAUSE")
        self.assertEqual(self.control.call("LPOP", "k"), b"x")
        self.assert_idle()


class LoadTest(BlockingCase):
    SECONDS = 4
    KEYS = 40

    def consume(self, seed, stop, received, ids):
        generator = random.Random(seed)
        mine = []
        while not stop.is_set():
            try:
                with Wire(("127.0.0.1", self.server.port)) as wire:
                    ids[seed] = wire.call("CLIENT", "ID")
                    while not stop.is_set():
                        mine += self.take(wire, generator)
            except Closed:
                continue
        received.append(mine)

    def take(self, wire, generator):
        keys = [f"q{generator.randrange(self.KEYS)}" for _ in range(generator.randrange(1, 6))]
        timeout = generator.choice([0.001, 0.01, 0.1])
        kind = generator.randrange(4)
        if kind == 0:
            reply = wire.call("BLMOVE", keys[0], keys[-1], "RIGHT", "LEFT", timeout)
            return []
        if kind == 1:
            reply = wire.call("BLMPOP", timeout, len(keys), *keys, "LEFT", "COUNT", 2)
            elements = reply[1] if isinstance(reply, list) else []
        else:
            reply = wire.call("BLPOP" if kind == 2 else "BRPOP", *keys, timeout)
            elements = reply[1:] if isinstance(reply, list) else []
        if isinstance(reply, WireError):
            assert reply == UNBLOCKED, reply
        return elements

    def produce(self, seed, stop, pushed):
        generator = random.Random(-seed)
        count = 0
        with Wire(("127.0.0.1", self.server.port)) as wire:
            while not stop.is_set():
                calls = []
                for _ in range(generator.randrange(1, 8)):
                    key = f"q{generator.randrange(self.KEYS)}"
                    elements = [f"{seed}.{count + i}" for i in range(generator.randrange(1, 4))]
                    count += len(elements)
                    calls.append(encode(generator.choice(["LPUSH", "RPUSH"]), key, *elements))
                if generator.randrange(3) == 0:
                    calls = [encode("MULTI"), *calls, encode("EXEC")]
                wire.send(b"".join(calls))
                for _ in calls:
                    wire.read()
        pushed.append({f"{seed}.{i}".encode() for i in range(count)})

    def disturb(self, stop, ids, kills):
        generator = random.Random(7)
        with Wire(("127.0.0.1", self.server.port)) as wire:
            while not stop.is_set():
                client = generator.choice(list(ids.values()) or [0])
                if generator.randrange(4) == 0:
                    kills.append(wire.call("CLIENT", "KILL", "ID", client))
                else:
                    wire.call("CLIENT", "UNBLOCK", client, generator.choice(["ERROR", "TIMEOUT"]))
                harness.let_pass(0.002)

    def test_each_element_goes_to_one(self):
        stop, received, pushed, ids, kills = threading.Event(), [], [], {}, []
        threads = [threading.Thread(target=self.consume, args=(i, stop, received, ids))
                   for i in range(24)]
        threads += [threading.Thread(target=self.produce, args=(i, stop, pushed))
                    for i in range(1, 5)]
        threads.append(threading.Thread(target=self.disturb, args=(stop, ids, kills)))
        for thread in threads:
            thread.start()
        harness.let_pass(self.SECONDS)
        stop.set()
        for thread in threads:
            thread.join()
        self.assert_idle()
        got = collections.Counter(element for mine in received for element in mine)
        for i in range(self.KEYS):
            got.update(self.control.call("LRANGE", f"q{i}", 0, -1))
        everything = set().union(*pushed)
        self.assertEqual(set(got) - everything, set())
        self.assertEqual([element for element, times in got.items() if times > 1], [])
        # What was on its way to a client that was killed is lost: at most two elements each.
        self.assertLessEqual(len(everything) - len(got), 2 * sum(kills))
        self.assertGreater(len(everything), 1000)


if __name__ == "__main__":
    harness.main()
