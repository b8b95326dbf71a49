#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Messages and invalidations on four workers, while listeners and caches come, go, are killed and stop
reading, and others publish, write, flush, expire, evict and run scripts. Built for the sanitizers.

What must hold:
  - who stays gets each message once, each publisher's in order; who comes or goes, without a gap;
  - a cache that believes the server's invalidations holds nothing stale once all is quiet;
  - who does not read is cut, and nobody else;
  - the server ends well and no sanitizer has anything to say.

Each thread makes a fixed number of steps. HENGE_SEED repeats a run's dice, HENGE_STEPS prolongs it.
"""
import collections
import os
import random
import socket
import sys
import threading

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), path)
                for path in (".", "../compat")]

import harness  # noqa: E402  Found through the path above.
import resp  # noqa: E402
from load_test import REPORTS  # noqa: E402  Which tells TSan what to leave out, too.

SEED = int(os.environ.get("HENGE_SEED", str(random.randrange(1 << 32))))
STEPS = int(os.environ.get("HENGE_STEPS", "60"))
CHANNELS = (b"news:a", b"news:b")
SHARD = b"shard"
PUBLISHERS = 4  # The last of them listens to itself.
KEYS = 40
PADDING = "x" * 500
# Each message comes by each of them: far more than the system takes for a socket.
PATTERNS_OF_THE_STUCK = [f"{'news:'[:n]}{'*' * stars}" for n in range(6) for stars in range(1, 7)]
# Not refused where memory is short, or there would be a gap in what is said.
SCRIPT = """#!lua flags=allow-oom
redis.call('PUBLISH', ARGV[1], ARGV[2])
redis.call('SET', KEYS[1], ARGV[2])
return redis.call('PUBLISH', ARGV[1], ARGV[3])"""
LIBRARY = """#!lua name=news
redis.register_function{function_name='tell', flags={'allow-oom'}, callback=function(keys, args)
  redis.call('PUBLISH', args[1], args[2])
  redis.call('DEL', keys[1])
  return redis.call('PUBLISH', args[1], args[3])
end}"""

EXEC_ABORTED = b"EXECABORT Transaction discarded because of previous errors."


class Stray(AssertionError):
    """The server said what it must not say."""


class Heard:
    """What one listener got: by publisher and channel, without gap or repetition."""

    def __init__(self, from_start):
        self.from_start = from_start
        self.next = {}
        self.ends = collections.Counter()
        self.count = 0

    def take(self, reply):
        """Of a message; False if it is something else."""
        words = [word.value for word in reply.value]
        if words[0] not in (b"message", b"pmessage", b"smessage"):
            return False
        channel, payload = words[-2:]
        publisher, number = payload.split(b":")[:2]
        if number == b"end":
            self.ends[channel] += 1
            return True
        number = int(number)
        expected = self.next.get((publisher, channel), 0 if self.from_start else number)
        if number != expected:
            raise Stray(f"{channel} of {publisher}: {number} where {expected} was to come")
        self.next[publisher, channel] = number + 1
        self.count += 1
        return True


class Publisher:
    """Numbers what it says on each channel."""

    def __init__(self, number, connection, dice):
        self.number, self.connection, self.dice = number, connection, dice
        self.said = collections.Counter()
        self.heard = None

    def listen(self):
        self.connection.call("HELLO", 3)
        self.connection.call("SUBSCRIBE", *CHANNELS)
        self.connection.read()
        self.heard = Heard(from_start=False)

    def message(self, channel):
        text = f"{self.number}:{self.said[channel]}:{PADDING}"
        self.said[channel] += 1
        return text

    def replies(self, calls):
        """Each call's reply; pushes on the way are messages."""
        self.connection.send_raw(b"".join(encode(call) for call in calls))
        replies = []
        while len(replies) < len(calls):
            reply = self.connection.read()
            if reply.kind != "push":
                replies.append(reply)
            elif self.heard is not None and not self.heard.take(reply):
                raise Stray(f"pushed {reply}")
        return replies

    def step(self):
        channel = self.dice.choice(CHANNELS)
        key = f"k:{self.dice.randrange(KEYS)}"
        way = self.dice.randrange(6)
        if way == 0:
            calls = [("EVAL", SCRIPT, 1, key, channel, self.message(channel), self.message(channel))]
        elif way == 1:
            calls = [("FCALL", "tell", 1, key, channel, self.message(channel), self.message(channel))]
        elif way == 2:
            calls = [("MULTI",), ("PUBLISH", channel, self.message(channel)), ("DEL", key),
                     ("PUBLISH", channel, self.message(channel)), ("EXEC",)]
        elif way == 3:
            calls = [("SPUBLISH", SHARD, self.message(SHARD)) for _ in range(4)]
        else:
            calls = [("PUBLISH", each, self.message(each))
                     for each in self.dice.choices(CHANNELS, k=self.dice.randrange(1, 20))]
        replies = self.replies(calls)
        while replies[-1].value == EXEC_ABORTED:  # Memory is short for a moment.
            replies = self.replies(calls)
        for reply in replies:
            if reply.kind == "error":
                raise Stray(f"{calls[0][0]}: {reply.value.decode()}")

    def end(self):
        self.replies([("PUBLISH", channel, f"{self.number}:end") for channel in CHANNELS] +
                     [("SPUBLISH", SHARD, f"{self.number}:end")])


def encode(call):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in call]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Cache:
    """Keeps what it reads until the server says that it changed. One of the ways to be told."""

    WAYS = ("default", "bcast", "optin", "optout", "noloop", "redirect")

    def __init__(self, port, way, dice):
        self.port, self.way, self.dice = port, way, dice
        self.hits = self.told = 0
        self.connection = self.ear = None

    def connect(self):
        self.close()
        self.kept = {}
        self.connection = self.ear = resp.Connection(self.port, timeout=60)
        if self.way == "redirect":
            self.ear = resp.Connection(self.port, timeout=60)
            ear_id = self.ear.call("CLIENT", "ID").value
            self.ear.call("SUBSCRIBE", "__redis__:invalidate")
            options = ("REDIRECT", ear_id)
        else:
            self.connection.call("HELLO", 3)
            options = {"default": (), "bcast": ("BCAST", "PREFIX", "k:1", "PREFIX", "k:2", "PREFIX", "k:3"),
                       "noloop": ("NOLOOP",)}.get(self.way, (self.way.upper(),))
        reply = self.connection.call("CLIENT", "TRACKING", "ON", *options)
        if reply.value != b"OK":
            raise Stray(str(reply))
        self.ids = [self.call("CLIENT", "ID").value]
        if self.ear is not self.connection:
            self.ids.append(ear_id)

    def close(self):
        for connection in (self.connection, self.ear):
            if connection is not None:
                connection.close()
        self.connection = self.ear = None

    def call(self, *words):
        self.connection.send_raw(encode(words))
        while True:
            reply = self.connection.read()
            if reply.kind != "push":
                return reply
            self.forget(reply)

    def forget(self, push):
        what, keys = push.value[0].value, push.value[-1]
        if what not in (b"invalidate", b"message"):
            raise Stray(f"pushed {push}")
        self.told += 1
        if keys.value is None:
            self.kept.clear()
            return
        for key in keys.value:
            self.kept.pop(key.value.decode(), None)

    def listen(self):
        """To what the server has said up to now."""
        if self.ear is self.connection:
            return self.call("PING")
        self.ear.send_raw(encode(("PING",)))
        while (said := self.ear.read()).value[0].value != b"pong":
            self.forget(said)
        return said

    def step(self):
        key = f"k:{self.dice.randrange(KEYS)}"
        if self.dice.random() < 0.1:  # Writes itself; what it wrote it has not read.
            self.call("SET", key, f"own:{self.dice.randrange(100)}")
            self.kept.pop(key, None)
        elif key in self.kept:
            self.hits += 1
        else:
            self.read(key)

    def read(self, key):
        unsure = object()
        keeps = self.way != "bcast" or key[:3] in ("k:1", "k:2", "k:3")
        if self.way in ("optin", "optout") and self.dice.random() < 0.5:
            self.call("CLIENT", "CACHING", "YES" if self.way == "optin" else "NO")
            keeps = self.way == "optin"
        elif self.way == "optin":
            keeps = False
        self.kept[key] = unsure
        value = self.call("GET", key).value
        if self.ear is not self.connection:
            self.listen()  # The value may have been changed before it came.
        # In one connection the order tells: a value that comes behind its invalidation is new.
        if keeps and (self.ear is self.connection or self.kept.get(key) is unsure):
            self.kept[key] = value
        else:
            self.kept.pop(key, None)


def write(connection, dice, calm):
    """One change of the keys that are cached; unless calm, at times of all of them."""
    key, other = (f"k:{dice.randrange(KEYS)}" for _ in range(2))
    number = dice.randrange(1000)
    calls = dice.choice((
        [("SET", key, number)], [("SET", key, number, "PX", 1 + number % 20)], [("DEL", key, other)],
        [("MSET", key, number, other, number)], [("RENAME", key, other)], [("GETDEL", key)],
        [("SETRANGE", key, 0, "range")], [("PEXPIRE", key, 1 + number % 20)],
        [("COPY", key, other, "REPLACE")], [("MULTI",), ("SET", key, number), ("DEL", other), ("EXEC",)],
        [("EVAL", SCRIPT, 1, key, "quiet", number, number)],
        [("FCALL", "tell", 1, key, "quiet", number, number)]))
    if calm:
        pass
    elif number < 15:
        calls = [("FLUSHALL",)] if number < 5 else [("FLUSHDB", "ASYNC")]
    elif number < 40:
        calls = [("CONFIG", "SET", "maxmemory", 1), ("SET", key, number),
                 ("CONFIG", "SET", "maxmemory", 0)]
    for call in calls:
        connection.call(*call)


class MessagesTest(harness.TestCase):
    def setUp(self):
        self.server = self.henge({
            "io-threads": 4, "maxmemory-policy": "allkeys-random", "tracking-table-max-keys": 38,
            "client-output-buffer-limit": ["pubsub", "2mb", "0", "0"]})
        self.failures = []
        self.victims = collections.deque(maxlen=8)  # Ids of who may be killed.
        self.control = self.server.client(socket_timeout=60)
        self.control.function_load(LIBRARY)

    def dice(self, name):
        return random.Random(f"{SEED} {name}")

    def connection(self):
        connection = resp.Connection(self.server.port, timeout=60)
        self.addCleanup(connection.close)
        return connection

    def thread(self, work, *arguments):
        def run():
            try:
                work(*arguments)
            except Exception as error:  # Whatever it is belongs into the test's result.
                self.failures.append(f"{work.__name__}{arguments}: {type(error).__name__} {error}")
        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def test_who_stays_misses_nothing_and_no_cache_is_stale(self):
        self.steady = [self.listener(kind, self.connection(), steady=True)
                       for kind in ("2", "3", "2p", "3p", "2s", "3s")]
        stuck = [self.stuck() for _ in range(2)]
        self.caches = [Cache(self.server.port, way, self.dice(way)) for way in Cache.WAYS]
        for cache in self.caches:
            self.addCleanup(cache.close)
        publishers = [Publisher(n, self.connection(), self.dice(f"publisher {n}"))
                      for n in range(PUBLISHERS)]
        publishers[-1].listen()
        listening = [self.thread(self.hear_all, *each) for each in self.steady]
        busy = [self.thread(self.publish, publisher) for publisher in publishers]
        busy += [self.thread(self.come_and_go, number) for number in range(3)]
        busy += [self.thread(self.keep_cache, cache) for cache in self.caches]
        busy += [self.thread(self.write, number) for number in range(2)]
        busy.append(self.thread(self.kill))
        for thread in busy:
            thread.join()
        if self.failures:
            self.server.kill()  # Lets the listeners go.
        for thread in listening:
            thread.join()
        self.assertEqual(self.failures, [], f"seed {SEED}")
        self.check_listeners(publishers)
        self.check_stuck(stuck)
        self.check_caches()
        self.check_end()

    # --- Who listens ---

    def listener(self, kind, connection, steady):
        channels = (SHARD,) if kind[1:] == "s" else CHANNELS
        if kind[0] == "3":
            connection.call("HELLO", 3)
        if kind[1:] == "p":
            self.confirm(connection, "PSUBSCRIBE", ["news:*"])
        else:
            self.confirm(connection, "SSUBSCRIBE" if kind[1:] == "s" else "SUBSCRIBE", channels)
        return connection, channels, Heard(from_start=steady)

    def confirm(self, connection, command, topics):
        connection.send_raw(encode((command, *topics)))
        for _ in topics:
            while True:
                reply = connection.read()
                if reply.value[0].value == command.lower().encode():
                    break

    def hear_all(self, connection, channels, heard):
        while any(heard.ends[channel] < PUBLISHERS for channel in channels):
            reply = connection.read()
            if not heard.take(reply):
                raise Stray(f"heard {reply}")

    def come_and_go(self, number):
        dice = self.dice(f"guest {number}")
        for _ in range(STEPS):
            connection = self.connection()
            try:
                self.victims.append(connection.call("CLIENT", "ID").value)
                self.visit(connection, dice)
            except resp.Closed:
                pass  # Killed.
            except resp.NoReply:
                pass  # It is quiet.
            connection.close()

    def visit(self, connection, dice):
        kind = dice.choice(("2", "3", "2p", "3p", "2s", "3s"))
        connection, _, heard = self.listener(kind, connection, steady=False)
        for _ in range(dice.randrange(30)):
            heard.take(connection.read(timeout=0.2))
        if dice.random() < 0.3:
            return  # Without a word.
        leave = {"": "UNSUBSCRIBE", "p": "PUNSUBSCRIBE", "s": "SUNSUBSCRIBE"}[kind[1:]]
        connection.send_raw(encode((leave,)))
        ended = set()
        while len(ended) < (len(CHANNELS) if kind[1:] == "" else 1):
            reply = connection.read()
            topic = reply.value[1].value
            if not heard.take(reply):
                ended.add(topic)
            elif topic in ended:  # Of another channel one may still come: they end one after the other.
                raise Stray(f"behind the end of the subscription ({kind}): {reply}")
        if (reply := connection.call("PING")).value != b"PONG":
            raise Stray(f"behind the end of the subscriptions ({kind}): {reply}")

    def stuck(self):
        """Gets each message many times over and reads none."""
        connection = self.connection()
        connection._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.call("PSUBSCRIBE", *PATTERNS_OF_THE_STUCK)
        return connection

    # --- Who does something ---

    def publish(self, publisher):
        for _ in range(STEPS):
            publisher.step()
        publisher.end()

    def write(self, number):
        dice, connection = self.dice(f"writer {number}"), self.connection()
        for step in range(STEPS * 10):
            # A flush empties all caches, stale or not: none comes in the second half.
            write(connection, dice, calm=step > STEPS * 5)

    def keep_cache(self, cache):
        for _ in range(STEPS * 10):
            try:
                if cache.connection is None:
                    cache.connect()
                    self.victims.extend(cache.ids)
                cache.step()
            except resp.Closed:
                cache.close()

    def kill(self):
        dice, connection = self.dice("killer"), self.connection()
        for _ in range(STEPS * 2):
            connection.call("CLIENT", "LIST")
            if self.victims:
                connection.call("CLIENT", "KILL", "ID", dice.choice(list(self.victims)))
            connection.call("INFO", "clients")

    # --- What must be true in the end ---

    def check_listeners(self, publishers):
        for _, channels, heard in self.steady:
            said = {(str(p.number).encode(), channel): p.said[channel]
                    for p in publishers for channel in channels if p.said[channel]}
            self.assertEqual(heard.next, said, f"seed {SEED}")
        himself = publishers[-1]
        himself.replies([("PING",)])
        self.assertEqual({channel: himself.heard.next.get((b"%d" % himself.number, channel), 0)
                          for channel in CHANNELS}, {c: himself.said[c] for c in CHANNELS})

    def check_stuck(self, stuck):
        def gone():
            return all(int(client["psub"]) != len(PATTERNS_OF_THE_STUCK)
                       for client in self.control.client_list())
        harness.wait_until(gone, 20, "the clients that do not read to be cut")
        cut = self.control.info("stats")["client_output_buffer_limit_disconnections"]
        self.assertEqual(cut, len(stuck))

    def check_caches(self):
        harness.wait_until(lambda: not any(self.control.pttl(f"k:{n}") > 0 for n in range(KEYS)))
        values = {f"k:{n}": self.control.get(f"k:{n}") for n in range(KEYS)}
        for cache in self.caches:
            try:
                if cache.connection is None:
                    continue
                cache.listen()
            except resp.Closed:
                continue  # Killed in its last step.
            stale = {key: (kept, values[key]) for key, kept in cache.kept.items() if kept != values[key]}
            self.assertEqual(stale, {}, f"{cache.way}, seed {SEED}")
            self.assertGreater(cache.told, 0, cache.way)
            self.assertGreater(cache.hits, 0, cache.way)

    def check_end(self):
        self.assertTrue(self.server.alive())
        self.assertEqual(self.server.stop(60), 0)
        log = self.server.log(lines=100_000)
        for report in REPORTS:
            at = log.find(report)
            self.assertLess(at, 0, f"seed {SEED}:\n{log[max(0, at - 200):at + 8000]}")


if __name__ == "__main__":
    harness.main()
