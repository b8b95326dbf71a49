# SPDX-License-Identifier: Apache-2.0
"""Many clients, all kinds of commands, four workers: run in the TSan build to find data races.

The server's log must hold no sanitizer's report, and it must end well. HENGE_LOAD_SECONDS says how
long each test goes on.
"""
import os
import random
import socket
import threading
import time

import harness
from wire import Closed, Wire, WireError, encode

SECONDS = float(os.environ.get("HENGE_LOAD_SECONDS", "6"))
CLIENTS = 12
REPORTS = ("ThreadSanitizer", "AddressSanitizer", "LeakSanitizer", "runtime error:")
SUPPRESSIONS = os.path.join(harness.ROOT, "tests/tsan.supp")
os.environ.setdefault("TSAN_OPTIONS",
                      f"suppressions={SUPPRESSIONS} ignore_noninstrumented_modules=1")
# Errors that say the test is wrong, not that another client was quicker.
MISTAKES = ("unknown", "syntax", "wrong number", "must be", "Protocol error", "WRONGTYPE")


class LoadCase(harness.TestCase):
    def setUp(self):
        self.metrics_port = harness.free_port()
        self.server = self.henge({"io-threads": 4, "maxmemory-policy": "allkeys-lfu",
                                  "metrics-port": self.metrics_port})
        self.failures = []
        self.done = 0
        self.stopping = threading.Event()
        self.seed = random.randrange(1 << 32)

    def wire(self):
        return Wire(("127.0.0.1", self.server.port), timeout=60)

    def client(self, number, work):
        """Does work(wire, dice) again and again; whoever is cut connects anew."""
        dice, wire = random.Random(self.seed + number), None
        while not self.stopping.is_set():
            try:
                wire = wire or self.wire()
                work(wire, dice)
                self.done += 1
            except (Closed, OSError) as error:
                if isinstance(error, socket.timeout):
                    self.failures.append(f"no answer: {error}")
                    break
                if wire is not None:
                    wire.close()
                wire = None
            except AssertionError as error:
                self.failures.append(str(error))
                break
        if wire is not None:
            wire.close()

    def run_clients(self, works):
        threads = [threading.Thread(target=self.client, args=(i, work))
                   for i, work in enumerate(works)]
        for thread in threads:
            thread.start()
        return threads

    def finish(self, threads):
        self.stopping.set()
        for thread in threads:
            thread.join()
        print(f"{self.id().split('.')[-1]}: {self.done} rounds")

    def check(self):
        self.assertEqual(self.failures, [], f"seed {self.seed}")
        self.assertTrue(self.server.alive(), "the server died")
        self.assertEqual(self.server.stop(60), 0)
        self.assert_no_report()

    def assert_no_report(self):
        log = self.server.log(lines=100_000)
        for report in REPORTS:
            at = log.find(report)
            self.assertLess(at, 0, f"seed {self.seed}:\n{log[max(0, at - 200):at + 8000]}")


def command(dice):
    """One command on few keys, so that clients meet."""
    key, other = f"k{dice.randrange(30)}", f"k{dice.randrange(30)}"
    big = f"big{dice.randrange(3)}"
    number = dice.randrange(100)
    return dice.choice((
        ("SET", key, number), ("SET", key, "v" * dice.randrange(200), "PX", 1 + number),
        ("GET", key), ("GET", other), ("GETDEL", key), ("MGET", key, other), ("INCR", f"n{number}"),
        ("MSET", key, "a", other, "b"), ("MSETNX", key, "a", other, "b"), ("APPEND", key, "tail"),
        ("SETRANGE", key, number, "range"), ("STRLEN", key), ("DEL", key, other), ("UNLINK", key),
        ("EXPIRE", key, 1), ("PEXPIRE", key, number), ("PERSIST", key), ("TTL", key),
        ("RENAME", key, other), ("COPY", key, other, "REPLACE"), ("MOVE", key, 1),
        ("TYPE", key), ("OBJECT", "ENCODING", key), ("OBJECT", "FREQ", key), ("TOUCH", key, other),
        ("SETBIT", key, number, 1), ("BITOP", "OR", f"k{number % 30}", key, other),
        ("SET", big, "b" * 150_000), ("GET", big), ("SETRANGE", big, number * 1000, "x" * 50_000),
        ("APPEND", big, "y" * 20_000), ("COPY", big, "big0", "REPLACE"), ("GETRANGE", big, 5, 99),
        ("RANDOMKEY",), ("DBSIZE",), ("SCAN", number, "COUNT", 20), ("KEYS", "k1*"),
        ("SELECT", number % 3), ("MEMORY", "USAGE", key)))


def rare_command(dice):
    """What stops the others for a moment, or looks at them."""
    number = dice.randrange(100)
    return dice.choice((
        ("FLUSHALL",), ("FLUSHALL", "ASYNC"), ("FLUSHDB", "SYNC"), ("SWAPDB", 0, 1),
        ("SWAPDB", 1, 2), ("INFO", "everything"), ("CLIENT", "LIST"), ("CLIENT", "INFO"),
        ("CLIENT", "KILL", "ID", number), ("CLIENT", "KILL", "TYPE", "normal", "MAXAGE", number),
        ("CLIENT", "PAUSE", number % 20, "WRITE"), ("CLIENT", "PAUSE", number % 20, "ALL"),
        ("CLIENT", "UNPAUSE"), ("CLIENT", "UNBLOCK", number), ("CLIENT", "SETNAME", f"c{number}"),
        ("CLIENT", "NO-TOUCH", "ON"), ("CLIENT", "NO-TOUCH", "OFF"), ("WAIT", 1, 1 + number),
        ("CONFIG", "SET", "maxmemory", dice.choice((0, 0, 3_000_000))),
        ("CONFIG", "SET", "maxmemory-policy", dice.choice(("allkeys-lru", "volatile-ttl"))),
        ("CONFIG", "SET", "timeout", number), ("CONFIG", "SET", "hz", 1 + number),
        ("CONFIG", "SET", "slowlog-log-slower-than", dice.choice((0, 10_000))),
        ("CONFIG", "SET", "latency-monitor-threshold", number % 2),
        ("CONFIG", "SET", "client-output-buffer-limit", "normal 64mb 32mb 10"),
        ("CONFIG", "SET", "tcp-keepalive", number), ("CONFIG", "SET", "bind", "127.0.0.1 -::1"),
        ("CONFIG", "SET", "bind", "127.0.0.1"), ("CONFIG", "SET", "loglevel", "notice"),
        ("CONFIG", "SET", "maxclients", 1000 + number), ("CONFIG", "GET", "*"),
        ("CONFIG", "RESETSTAT"), ("SLOWLOG", "GET", 5), ("SLOWLOG", "RESET"), ("LATENCY", "LATEST"),
        ("MEMORY", "STATS"), ("COMMAND", "COUNT"), ("HELLO", 3), ("HELLO", 2), ("RESET",),
        ("DEBUG", "SET-ACTIVE-EXPIRE", 1)))


def is_fine(reply):
    return not isinstance(reply, WireError) or not any(word in reply for word in MISTAKES)


def exchange(wire, commands):
    wire.send(b"".join(encode(*c) for c in commands))
    for c in commands:
        reply = wire.read()
        if not is_fine(reply):
            raise AssertionError(f"{' '.join(str(word)[:20] for word in c)}: {reply}")


def pipeline(wire, dice):
    exchange(wire, [command(dice) for _ in range(dice.randrange(1, 12))])


def transaction(wire, dice):
    queued = [command(dice) for _ in range(dice.randrange(1, 6))]
    exchange(wire, [("WATCH", "k1", f"k{dice.randrange(30)}"), ("GET", "k1"), ("MULTI",), *queued,
                    dice.choice((("EXEC",), ("EXEC",), ("DISCARD",)))])


def disturbance(wire, dice):
    exchange(wire, [rare_command(dice), command(dice)])
    time.sleep(0.01)


def watcher(wire, dice):
    """A monitor for a while; or a client that asks and leaves, replies unread."""
    if dice.randrange(2):
        wire.send(encode("MONITOR"))
        wire.socket.settimeout(1)  # When the others have ended it hears nothing.
        try:
            for _ in range(50):
                wire.read()
        except socket.timeout:
            pass
    else:
        wire.send(b"".join(encode("GET", f"big{i % 3}") for i in range(20)))
    raise Closed("has seen enough")


class MixedLoadTest(LoadCase):
    WORKS = [pipeline] * 6 + [transaction] * 3 + [disturbance] * 2 + [watcher]

    def scrape(self, _wire, _dice):
        address = ("127.0.0.1", self.metrics_port)
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = connection.recv(1 << 20)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise AssertionError(f"/metrics: {answer[:100]}")
        time.sleep(0.05)

    def test_everything_at_once(self):
        threads = self.run_clients(self.WORKS + [self.scrape])
        harness.let_pass(SECONDS)
        self.finish(threads)
        self.assertGreater(self.done, 50)
        self.check()

    def test_the_end_in_the_midst_of_it(self):
        threads = self.run_clients(self.WORKS)
        harness.let_pass(min(SECONDS, 3))
        self.assertTrue(self.server.alive(), "the server died")
        code = self.server.stop(60)
        self.finish(threads)
        self.assertEqual(self.failures, [], f"seed {self.seed}")
        self.assertEqual(code, 0)
        self.assert_no_report()


class TransfersTest(LoadCase):
    """Money moves between accounts in transactions; none is made or lost."""

    ACCOUNTS = 20
    EACH = 1000

    def transfer(self, wire, dice):
        source, target = (f"account{i}" for i in dice.sample(range(self.ACCOUNTS), 2))
        if dice.randrange(2):  # Blindly.
            amount = dice.randrange(10)
            exchange(wire, [("MULTI",), ("DECRBY", source, amount), ("INCRBY", target, amount),
                            ("EXEC",)])
            return
        wire.call("WATCH", source, target)
        have, there = (int(value) for value in wire.call("MGET", source, target))
        amount = dice.randrange(1 + max(0, have))
        exchange(wire, [("MULTI",), ("SET", source, have - amount), ("SET", target, there + amount),
                        ("EXEC",)])

    def audit(self, wire, dice):
        accounts = [f"account{i}" for i in range(self.ACCOUNTS)]
        dice.shuffle(accounts)
        total = sum(int(value) for value in wire.call("MGET", *accounts))
        if total != self.ACCOUNTS * self.EACH:
            raise AssertionError(f"{total} in all accounts")

    def test_transfers(self):
        with self.wire() as wire:
            wire.call("MSET", *[word for i in range(self.ACCOUNTS)
                                for word in (f"account{i}", self.EACH)])
        threads = self.run_clients([self.transfer] * (CLIENTS - 2) + [self.audit] * 2)
        harness.let_pass(SECONDS)
        self.finish(threads)
        with self.wire() as wire:
            self.audit(wire, random.Random(self.seed))
        self.check()


if __name__ == "__main__":
    harness.main()
