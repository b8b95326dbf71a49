#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""MIGRATE: to Henge, to Redis, and to a target that answers when the test wants it to."""
import queue
import socket
import threading
import unittest

import redis

import harness


class SlowTarget:
    """Takes what is sent to it as lists of words, and answers what it is told to."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked = queue.Queue()
        self.connection = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                self.connection, _ = self.listener.accept()
            except OSError:
                return
            stream = self.connection.makefile("rb")
            while (head := stream.readline()).startswith(b"*"):
                words = []
                for _ in range(int(head[1:])):
                    size = int(stream.readline()[1:])
                    words.append(stream.read(size))
                    stream.read(2)
                self.asked.put(words)

    def next(self):
        return self.asked.get(timeout=10)

    def answer(self, *lines):
        self.connection.sendall(b"".join(line + b"\r\n" for line in lines))

    def close(self):
        self.listener.close()
        if self.connection is not None:
            self.connection.close()


class Later(threading.Thread):
    """A command whose reply is waited for elsewhere."""

    def __init__(self, server, *words):
        super().__init__(daemon=True)
        self.client, self.words, self.reply = server.client(), words, None
        self.start()

    def run(self):
        try:
            self.reply = self.client.execute_command(*self.words)
        except redis.RedisError as error:
            self.reply = error

    def result(self):
        self.join(20)
        if self.is_alive():
            raise AssertionError(f"no reply to {self.words}")
        return self.reply


class KeyMoveTest(harness.TestCase):
    def setUp(self):
        self.source = self.henge({"io-threads": 2, "appendonly": "yes"})
        self.client = self.source.client()

    def move(self, target, *words):
        return self.client.execute_command("MIGRATE", "127.0.0.1", target.port, *words)

    def fill(self):
        """A key of each kind, one with a deadline; their names."""
        client = self.client
        client.set("string", "x" * 100_000)
        client.rpush("list", *range(1000))
        client.sadd("set", *range(1000))
        client.zadd("zset", {str(i): i for i in range(1000)})
        client.hset("hash", mapping={str(i): i for i in range(1000)})
        client.xadd("stream", {"a": 1})
        client.set("deadline", 1, px=100_000)
        return ["string", "list", "set", "zset", "hash", "stream", "deadline"]

    def check_moved(self, target, names):
        there = target.client(decode_responses=True)
        self.assertEqual(self.client.exists(*names), 0)
        self.assertEqual(there.exists(*names), len(names))
        self.assertEqual(there.lrange("list", 0, -1), [str(i) for i in range(1000)])
        self.assertEqual(there.zscore("zset", "999"), 999)
        self.assertTrue(0 < there.pttl("deadline") <= 100_000)
        self.assertEqual(there.pttl("string"), -1)

    def test_keys_move_to_henge(self):
        target = self.henge()
        names = self.fill()
        self.assertTrue(self.move(target, "", 0, 5000, "KEYS", *names, "absent"))
        self.check_moved(target, names)
        # The append-only file is told.
        self.source.stop()
        self.source.start()
        self.assertEqual(self.source.client().dbsize(), 0)

    def test_keys_move_to_redis(self):
        target = self.redis()
        self.client.config_set("rdb-version", 10)
        names = self.fill()
        for name in names:
            self.assertTrue(self.move(target, name, 3, 5000))
        self.assertEqual(target.client(db=3).dbsize(), len(names))
        self.assertEqual(self.client.dbsize(), 0)

    def test_what_is_there_is_not_replaced_unless_told(self):
        target = self.henge()
        there = target.client(decode_responses=True)
        self.client.set("k", "new")
        there.set("k", "old")
        with self.assertRaisesRegex(redis.RedisError, "Target instance replied with error: BUSYKEY"):
            self.move(target, "k", 0, 5000)
        self.assertEqual(self.client.get("k"), b"new")
        self.assertTrue(self.move(target, "k", 0, 5000, "COPY", "REPLACE"))
        self.assertEqual((self.client.get("k"), there.get("k")), (b"new", "new"))
        self.assertTrue(self.move(target, "k", 0, 5000, "REPLACE"))
        self.assertIsNone(self.client.get("k"))

    def test_one_refused_key_stays_the_others_go(self):
        target = self.henge()
        target.client().set("b", "old")
        for name in "abc":
            self.client.set(name, name)
        with self.assertRaisesRegex(redis.RedisError, "BUSYKEY"):
            self.move(target, "", 0, 5000, "KEYS", "a", "b", "c")
        self.assertEqual(self.client.keys(), [b"b"])
        self.assertEqual(target.client(decode_responses=True).mget("a", "b", "c"), ["a", "old", "c"])

    def test_a_target_with_a_password(self):
        target = self.redis({"requirepass": "secret"})
        self.client.config_set("rdb-version", 10)
        self.client.mset({"a": 1, "b": 2})
        with self.assertRaisesRegex(redis.RedisError, "Target instance replied with error: NOAUTH"):
            self.move(target, "a", 0, 5000)
        with self.assertRaisesRegex(redis.RedisError, "replied with error: WRONGPASS"):
            self.move(target, "a", 0, 5000, "AUTH", "guess")
        self.assertTrue(self.move(target, "a", 0, 5000, "AUTH", "secret"))
        self.assertTrue(self.move(target, "b", 0, 5000, "AUTH2", "default", "secret"))
        self.assertEqual(self.client.dbsize(), 0)

    def test_a_connection_is_kept_and_opened_again(self):
        target = self.henge()
        there = target.client(decode_responses=True)

        def connections():
            return there.info("stats")["total_connections_received"]

        self.client.mset({"a": 1, "b": 2, "c": 3})
        before = connections()
        self.assertTrue(self.move(target, "a", 0, 5000))
        self.assertTrue(self.move(target, "b", 0, 5000))
        self.assertEqual(connections(), before + 1)
        self.assertEqual(self.client.info("stats")["migrate_cached_sockets"], 1)
        there.client_kill_filter(_type="normal", skipme=True)
        self.assertTrue(self.move(target, "c", 0, 5000))
        self.assertEqual(there.dbsize(), 3)

    def test_nobody_waits_but_who_would_write(self):
        target = SlowTarget()
        self.addCleanup(target.close)
        self.client.set("k", "1")
        moving = Later(self.source, "MIGRATE", "127.0.0.1", target.port, "k", 0, 10_000)
        self.assertEqual(target.next(), [b"SELECT", b"0"])
        self.assertEqual(target.next()[:2], [b"RESTORE", b"k"])
        writing = Later(self.source, "APPEND", "k", "2")
        transaction = Later(self.source, "EVAL", "return redis.call('incr', KEYS[1])", 1, "k")
        harness.wait_until(lambda: self.client.info("clients")["blocked_clients"] >= 1)
        # All others, and readers, are served by both workers.
        for _ in range(4):
            other = self.source.client()
            self.assertEqual(other.get("k"), b"1")
            self.assertTrue(other.set("other", 1))
        self.assertTrue(writing.is_alive())
        self.assertTrue(transaction.is_alive())
        target.answer(b"+OK", b"+OK")
        self.assertTrue(moving.result())
        writing.result()
        transaction.result()
        # They came after the key had gone.
        self.assertIn(self.client.get("k"), (b"21", b"3", b"12"))

    def test_what_changed_on_the_way_is_sent_again(self):
        target = SlowTarget()
        self.addCleanup(target.close)
        self.client.set("k", "old")
        moving = Later(self.source, "MIGRATE", "127.0.0.1", target.port, "k", 0, 10_000)
        target.next()
        first = target.next()
        # A script that does not say which key it writes is not held.
        self.client.eval("return redis.call('set', 'k', 'new')", 0)
        target.answer(b"+OK", b"+OK")
        again = target.next()
        self.assertEqual(again[:2], [b"RESTORE", b"k"])
        self.assertNotEqual(again[3], first[3])
        self.assertEqual(again[4], b"REPLACE")
        self.assertEqual(self.client.get("k"), b"new")
        target.answer(b"+OK")
        self.assertTrue(moving.result())
        self.assertIsNone(self.client.get("k"))

    def test_what_went_on_the_way_goes_there_too(self):
        target = SlowTarget()
        self.addCleanup(target.close)
        self.client.set("k", "v")
        moving = Later(self.source, "MIGRATE", "127.0.0.1", target.port, "k", 0, 10_000)
        target.next()
        target.next()
        self.client.flushall()
        target.answer(b"+OK", b"+OK")
        self.assertEqual(target.next(), [b"DEL", b"k"])
        target.answer(b":1")
        self.assertTrue(moving.result())

    def test_a_silent_target(self):
        target = SlowTarget()
        self.addCleanup(target.close)
        self.client.set("k", "v")
        with self.assertRaisesRegex(redis.RedisError,
                                    "IOERR error or timeout reading to target instance"):
            self.move(target, "k", 0, 100)
        self.assertEqual(self.client.append("k", "w"), 2)

    def test_a_client_that_leaves_is_not_needed(self):
        target = SlowTarget()
        self.addCleanup(target.close)
        self.client.set("k", "v")
        moving = Later(self.source, "MIGRATE", "127.0.0.1", target.port, "k", 0, 10_000)
        target.next()
        target.next()
        moving.client.connection_pool.disconnect()
        harness.wait_until(lambda: self.client.info("clients")["blocked_clients"] == 0)
        target.answer(b"+OK", b"+OK")
        harness.wait_until(lambda: self.client.exists("k") == 0)

    def test_a_client_that_is_unblocked(self):
        target = SlowTarget()
        self.addCleanup(target.close)
        self.client.set("k", "v")
        moving = Later(self.source, "MIGRATE", "127.0.0.1", target.port, "k", 0, 10_000)
        target.next()
        target.next()
        blocked = [c["id"] for c in self.client.client_list() if c["cmd"] == "migrate"]
        self.assertEqual(self.client.client_unblock(int(blocked[0])), 1)
        self.assertIn("goes on unattended", str(moving.result()))
        target.answer(b"+OK", b"+OK")
        harness.wait_until(lambda: self.client.exists("k") == 0)

    def test_a_server_that_ends_meanwhile(self):
        target = SlowTarget()
        self.addCleanup(target.close)
        self.client.set("k", "v")
        Later(self.source, "MIGRATE", "127.0.0.1", target.port, "k", 0, 60_000)
        target.next()
        target.next()
        self.source.stop()
        self.source.start()
        self.assertEqual(self.source.client().get("k"), b"v")

    def test_between_clusters_of_one(self):
        settings = {"cluster-enabled": "yes"}
        source, target = self.henge(settings), self.henge(settings)
        for server in (source, target):
            server.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            harness.wait_until(
                lambda server=server: server.client().execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        source.client().mset({"{a}1": 1, "{a}2": 2})
        self.assertTrue(source.client().execute_command(
            "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", "{a}1", "{a}2"))
        self.assertEqual(target.client(decode_responses=True).mget("{a}1", "{a}2"), ["1", "2"])
        with self.assertRaisesRegex(redis.RedisError, "SELECT is not allowed in cluster mode"):
            source.client().set("b", 1)
            source.client().execute_command("MIGRATE", "127.0.0.1", target.port, "b", 1, 5000)


if __name__ == "__main__":
    harness.main()
