#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a client is told of the keys it has read, case by case, and when: tests/compat has the replies.

Each case holds for the reference, too, save where it says so: HENGE_TRACKING_TARGET=redis asks it.
"""
import os
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), path)
                for path in (".", "../compat")]

import harness  # noqa: E402  Found through the path above.
import resp  # noqa: E402

REFERENCE = os.environ.get("HENGE_TRACKING_TARGET") == "redis"
CHANNEL = b"__redis__:invalidate"


def plain(reply):
    """Without the kinds: lists of bytes, numbers and None."""
    if isinstance(reply.value, list):
        return [plain(each) for each in reply.value]
    return reply.value


class TrackingCase(harness.TestCase):
    workers = 4

    def setUp(self):
        settings = {"io-threads": self.workers, "maxmemory-policy": "allkeys-random", "hz": 100}
        self.server = self.redis(settings) if REFERENCE else self.henge(settings)
        self.writer = self.connect()

    def connect(self, protocol=2):
        connection = resp.Connection(self.server.port, timeout=20)
        self.addCleanup(connection.close)
        if protocol == 3:
            connection.call("HELLO", 3)
        return connection

    def tracker(self, *options):
        connection = self.connect(3)
        self.assertEqual(connection.call("CLIENT", "TRACKING", "ON", *options).value, b"OK")
        return connection

    def redirected(self, protocol=2):
        """Who reads, and who is told."""
        ear = self.connect()
        number = ear.call("CLIENT", "ID").value
        ear.call("SUBSCRIBE", CHANNEL)
        reader = self.connect(protocol)
        reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", number)
        return reader, ear, number

    def told(self, connection):
        """The next push: its keys, or None for all."""
        push = connection.read()
        self.assertEqual((push.kind, push.value[0].value), ("push", b"invalidate"))
        return plain(push.value[1])

    def silent(self, connection):
        """Nothing waits for it: what was said before would come before the reply."""
        connection.send([b"ECHO", b"nothing"])
        self.assertEqual(plain(connection.read()), b"nothing")

    def info(self, field):
        with self.server.client() as client:
            return client.info()[field]


class TellsTest(TrackingCase):
    def test_a_key_that_expires_untouched(self):
        tracker = self.tracker()
        self.writer.call("SET", "k", "v", "PX", 30)
        tracker.call("GET", "k")
        self.assertEqual(self.told(tracker), [b"k"])
        self.silent(tracker)

    def test_keys_that_are_evicted(self):
        tracker = self.tracker()
        names = {b"k%d" % n for n in range(50)}
        for name in names:
            self.writer.call("SET", name, "x" * 10_000)
            tracker.call("GET", name)
        with self.server.client() as client:
            # For a while only; a write has Redis look.
            client.config_set("maxmemory", client.info("memory")["used_memory"] - 200_000)
            client.execute_command("SET", "other", "x")
            harness.wait_until(lambda: client.dbsize() < len(names), what="an eviction")
            client.config_set("maxmemory", 0)
            left = {name for name in names if client.exists(name)}
        gone = set()
        for _ in range(len(names - left)):
            gone.update(self.told(tracker))
        self.assertEqual(gone, names - left)
        self.silent(tracker)

    def test_a_flush_once_and_everybody(self):
        quiet, tracker, broadcast = self.connect(3), self.tracker(), self.tracker("BCAST")
        reader, ear, _ = self.redirected()
        reader.call("GET", "k")
        for flush in (("FLUSHALL",), ("FLUSHDB",), ("FLUSHALL", "ASYNC")):
            self.writer.call("SET", "unread", 1)
            self.told(broadcast)
            self.writer.call(*flush)
            self.assertIsNone(self.told(tracker))
            self.assertIsNone(self.told(broadcast))
            self.assertEqual(plain(ear.read()), [b"message", CHANNEL, None])
        for each in (quiet, tracker, broadcast):
            self.silent(each)

    def test_what_the_table_has_no_room_for(self):
        with self.server.client() as client:
            client.config_set("tracking-table-max-keys", 10)
        tracker = self.tracker()
        told, unread = [], 0
        for n in range(100):
            tracker.send([b"GET", b"k%d" % n])
            unread += 1
            while unread > 0:
                reply = tracker.read()
                if reply.kind == "push":
                    told += plain(reply.value[1])
                else:
                    unread -= 1
        harness.wait_until(lambda: self.info("tracking_total_keys") <= 10)
        while len(told) < 90:
            told += self.told(tracker)
        self.silent(tracker)
        self.assertEqual(len(set(told)), 90)
        # Whoever was not forgotten is told of still.
        left = {b"k%d" % n for n in range(100)} - set(told)
        for key in left:
            self.writer.call("SET", key, 1)
            self.assertEqual(self.told(tracker), [key])

    def test_prefixes_each_by_itself(self):
        tracker = self.tracker("BCAST", "PREFIX", "a", "PREFIX", "b")
        for command in (("SET", "a1", 1), ("SET", "c", 1), ("SET", "b1", 1), ("DEL", "a1")):
            self.writer.call(*command)
        self.assertEqual([self.told(tracker) for _ in range(3)], [[b"a1"], [b"b1"], [b"a1"]])
        self.writer.call("MSET", "a1", 1, "a2", 2, "b3", 3)
        self.assertEqual(sorted(map(sorted, (self.told(tracker), self.told(tracker)))),
                         [[b"a1", b"a2"], [b"b3"]])
        self.silent(tracker)

    def test_everybody_who_read_and_each_once(self):
        trackers = [self.tracker() for _ in range(8)]
        for tracker in trackers:
            tracker.call("MGET", "k", "l", "k")
            tracker.call("GET", "k")
        for _ in range(2):  # The second time nobody has read it again.
            self.writer.call("SET", "k", 1)
        for tracker in trackers:
            self.assertEqual(self.told(tracker), [b"k"])
            self.silent(tracker)
        self.assertEqual(self.info("tracking_total_keys"), 1)
        self.assertEqual(self.info("tracking_clients"), 8)


class RedirectTest(TrackingCase):
    def test_a_subscriber_of_the_channel_is_told(self):
        reader, ear, number = self.redirected()
        reader.call("GET", "k")
        self.writer.call("SET", "k", 1)
        self.assertEqual(plain(ear.read()), [b"message", CHANNEL, [b"k"]])
        self.silent(reader)
        self.assertEqual(reader.call("CLIENT", "GETREDIR").value, number)

    def test_who_redirects_hears_that_the_other_is_gone(self):
        reader, ear, number = self.redirected(protocol=3)
        reader.call("GET", "k")
        ear.close()
        control = self.server.client()
        self.addCleanup(control.close)
        harness.wait_until(lambda: not control.execute_command("CLIENT", "LIST", "ID", number))
        self.writer.call("SET", "k", 1)
        self.assertEqual(plain(reader.read()), [b"tracking-redir-broken", number])
        info = plain(reader.call("CLIENT", "TRACKINGINFO"))
        self.assertIn(b"broken_redirect", info[info.index(b"flags") + 1])
        reader.call("CLIENT", "TRACKING", "ON")  # Redirects no more.
        reader.call("GET", "k")
        self.writer.call("SET", "k", 2)
        self.assertEqual(self.told(reader), [b"k"])

    def test_one_ear_for_many(self):
        ear = self.connect()
        number = ear.call("CLIENT", "ID").value
        ear.call("SUBSCRIBE", CHANNEL)
        readers = [self.connect() for _ in range(6)]
        for n, reader in enumerate(readers):
            reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", number)
            reader.call("GET", f"k{n}")
        for n in range(len(readers)):
            self.writer.call("SET", f"k{n}", 1)
        heard = sorted(plain(ear.read()) for _ in readers)
        self.assertEqual(heard, [[b"message", CHANNEL, [b"k%d" % n]] for n in range(len(readers))])


class OrderTest(TrackingCase):
    def kinds(self, connection, count):
        replies = [connection.read() for _ in range(count)]
        return [("push", *plain(reply.value[1])) if reply.kind == "push" else plain(reply)
                for reply in replies]

    def pipeline(self, connection, *calls):
        connection.send_raw(b"".join(
            b"*%d\r\n" % len(call.split()) +
            b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in call.split())
            for call in calls))

    def test_a_push_comes_behind_the_reply_of_the_command_that_caused_it(self):
        tracker = self.tracker()
        self.pipeline(tracker, b"GET k", b"SET k 1", b"GET k", b"INCR k", b"GET k")
        self.assertEqual(self.kinds(tracker, 7),
                         [None, b"OK", ("push", b"k"), b"1", 2, ("push", b"k"), b"2"])

    def test_a_push_comes_behind_the_whole_reply_of_exec(self):
        tracker = self.tracker()
        tracker.call("MGET", "a", "b")
        self.pipeline(tracker, b"MULTI", b"SET a 1", b"GET a", b"SET b 2", b"EXEC", b"PING")
        *queued, exec_reply, first, second, pong = self.kinds(tracker, 8)
        self.assertEqual(queued, [b"OK", b"QUEUED", b"QUEUED", b"QUEUED"])
        self.assertEqual(exec_reply, [b"OK", b"1", b"OK"])
        self.assertEqual((first, second, pong), (("push", b"a"), ("push", b"b"), b"PONG"))

    def test_a_push_comes_behind_the_reply_of_a_script(self):
        tracker = self.tracker()
        tracker.call("GET", "k")
        tracker.send([b"EVAL", b"redis.call('SET', KEYS[1], 'v') return 'done'", b"1", b"k"])
        self.assertEqual(self.kinds(tracker, 2), [b"done", ("push", b"k")])

    def test_noloop_is_not_told_of_its_own_changes(self):
        tracker = self.tracker("NOLOOP")
        self.pipeline(tracker, b"GET k", b"SET k 1", b"GET k", b"PING")
        self.assertEqual(self.kinds(tracker, 4), [None, b"OK", b"1", b"PONG"])
        self.writer.call("SET", "k", 2)
        self.assertEqual(self.told(tracker), [b"k"])

    def test_what_another_changed_comes_before_what_is_asked_later(self):
        trackers = [self.tracker() for _ in range(4)]
        for n in range(100):
            for tracker in trackers:
                tracker.call("GET", "k")
            self.writer.call("SET", "k", n)
            for tracker in trackers:
                tracker.send([b"PING"])
                self.assertEqual(self.kinds(tracker, 2), [("push", b"k"), b"PONG"])


if __name__ == "__main__":
    harness.main()
