#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CLUSTER MIGRATESLOTS: slots change hands at once, with their keys, under load, and past accidents."""
import threading

import redis
import redis.crc

import harness
import made_cluster
from made_cluster import lines

OVER = ("success", "failed", "cancelled")
BIG = 1_000_000


def migrations(server):
    with server.client(decode_responses=True) as client:
        told = client.execute_command("CLUSTER GETSLOTMIGRATIONS")
    return [dict(zip(one[::2], one[1::2])) for one in told]


def migrate(server, target, *ranges):
    words = [word for first, last in ranges for word in (first, last)]
    with server.client() as client:
        client.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *words,
                               "NODE", lines(server)[target.port].id)


def outcome(server, seconds=60):
    """Of the newest, when it is over."""
    harness.wait_until(lambda: migrations(server)[0]["state"] in OVER, seconds)
    return migrations(server)[0]


def spans(server):
    with server.client(decode_responses=True) as client:
        told = client.execute_command("CLUSTER SLOTS")
    return {(first, last): int(leader[1]) for first, last, leader, *_ in told}


def owner_of(server, slot):
    return next(port for (first, last), port in spans(server).items() if first <= slot <= last)


def slots_of(server):
    first, last = next(span for span, port in spans(server).items() if port == server.port)
    return first, last


def keys_in(server, first, last, count):
    """Names of keys whose slots are there."""
    found = []
    number = 0
    while len(found) < count:
        name = f"key:{number}"
        number += 1
        if first <= redis.crc.key_slot(name.encode()) <= last:
            found.append(name)
    return found


def digest(client, name):
    client.learn()
    return client.call(name, "DEBUG", "DIGEST-VALUE", name)


class Load(threading.Thread):
    """Writes to some keys of every type until it is stopped, and remembers what was acknowledged."""

    def __init__(self, cluster, name, keys):
        super().__init__(daemon=True)
        self.client, self.keys, self.name_ = cluster.client(timeout=20), keys, name
        self.rounds, self.error, self.ends = 0, None, threading.Event()
        self.client.learn()
        self.start()

    def run(self):
        try:
            while not self.ends.is_set():
                self.round()
                self.rounds += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def round(self):
        key = self.keys[self.rounds % len(self.keys)]
        n, call = self.rounds, self.client.call
        tag = "{" + key + "}" + self.name_
        call(key, "INCR", tag + "s")
        call(key, "RPUSH", tag + "l", n)
        call(key, "HSET", tag + "h", n, n)
        call(key, "SADD", tag + "m", n)
        call(key, "ZADD", tag + "z", n, n)
        call(key, "XADD", tag + "x", f"{n + 1}-1", "n", n)
        call(key, "EVAL", "redis.call('INCR', KEYS[1]) redis.call('INCR', KEYS[2])", 2, tag + "a", tag + "b")
        call(key, "SET", tag + "e", n, "EX", 1000)

    def stop(self):
        self.ends.set()
        self.join(60)
        return self.error

    def check(self, case):
        call = self.client.call
        for at, key in enumerate(self.keys):
            wanted = [str(n).encode() for n in range(at, self.rounds, len(self.keys))]
            if not wanted:
                continue
            tag = "{" + key + "}" + self.name_
            case.assertEqual(int(call(key, "GET", tag + "s")), len(wanted), tag)
            case.assertEqual(call(key, "LRANGE", tag + "l", 0, -1), wanted)
            case.assertEqual(set(call(key, "HKEYS", tag + "h")), set(wanted))
            case.assertEqual(set(call(key, "SMEMBERS", tag + "m")), set(wanted))
            case.assertEqual(call(key, "ZRANGE", tag + "z", 0, -1), wanted)
            case.assertEqual(call(key, "XLEN", tag + "x"), len(wanted))
            case.assertEqual(int(call(key, "GET", tag + "a")), len(wanted))
            case.assertEqual(int(call(key, "GET", tag + "b")), len(wanted))
            case.assertEqual(call(key, "GET", tag + "e"), wanted[-1])
            case.assertTrue(800 < call(key, "TTL", tag + "e") <= 1000)


class UnderLoadTest(harness.TestCase):
    def setUp(self):
        self.cluster = made_cluster.Cluster(self, settings={"enable-debug-command": "yes",
                                                            "appendonly": "yes", "save": ""})
        self.a, self.b = self.cluster.leaders()[:2]
        self.first, self.last = slots_of(self.a)
        self.client = self.cluster.client(timeout=20)
        self.client.learn()

    def fill(self, names):
        """Keys of each kind, with deadlines and without; one is big."""
        call = self.client.call
        for name in names:
            call(name, "SET", name, name * 3)
            call(name, "HSET", "{" + name + "}h", *[n for n in range(200)])
            call(name, "HPEXPIRE", "{" + name + "}h", 900_000, "FIELDS", 1, 0)
            call(name, "ZADD", "{" + name + "}z", *[n for n in range(200)])
            call(name, "XADD", "{" + name + "}x", "5-1", "a", 1)
            call(name, "XGROUP", "CREATE", "{" + name + "}x", "g", "0")
            call(name, "PEXPIRE", "{" + name + "}z", 900_000)
        big = names[0]
        for first in range(0, BIG, 50_000):
            call(big, "SADD", "{" + big + "}big", *range(first, first + 50_000))

    def test_slots_move_under_load(self):
        names = keys_in(self.a, self.first, self.last, 60)
        half = (self.first + self.last) // 2
        self.fill(names)
        every = [form.replace("k", name) for name in names for form in ("k", "{k}h", "{k}z", "{k}x")]
        every.append("{" + names[0] + "}big")
        before = {name: digest(self.client, name) for name in every}
        others = [f"other:{n}" for n in range(20)]
        loads = [Load(self.cluster, f":{n}:", names[n::2] + others[n::2]) for n in range(2)]
        harness.wait_until(lambda: all(load.rounds > 20 for load in loads), 30)
        # Two migrations of one order: the second waits for the first.
        with self.a.client() as client:
            ids = lines(self.a)
            client.execute_command("CLUSTER", "MIGRATESLOTS",
                                   "SLOTSRANGE", self.first, half - 1, "NODE", ids[self.b.port].id,
                                   "SLOTSRANGE", half, self.last - 10, "NODE", ids[self.b.port].id)
        harness.wait_until(lambda: len(migrations(self.a)) == 2 and
                           all(one["state"] in OVER for one in migrations(self.a)), 90)
        self.assertEqual([one["state"] for one in migrations(self.a)], ["success"] * 2, migrations(self.a))
        seen = loads[0].rounds
        harness.wait_until(lambda: loads[0].rounds > seen + 20 or loads[0].error, 30)
        self.assertEqual([load.stop() for load in loads], [None, None])
        for load in loads:
            load.check(self)
        self.assertEqual(owner_of(self.b, half), self.b.port)
        self.assertEqual(owner_of(self.b, self.last), self.a.port)
        self.assertEqual({name: digest(self.client, name) for name in every}, before)
        self.check_places(names)

    def check_places(self, names):
        """The source, its follower and its file have let go; the target's have what it has."""
        moved = [name for name in names if redis.crc.key_slot(name.encode()) <= self.last - 10]
        follower_a = self.cluster.followers_of(self.a)[0]
        follower_b = self.cluster.followers_of(self.b)[0]
        for server in (self.a, follower_a):
            with server.client() as client:
                harness.wait_until(lambda c=client: all(c.execute_command(
                    "CLUSTER", "COUNTKEYSINSLOT", redis.crc.key_slot(name.encode())) == 0 for name in moved), 60)
        with self.b.client() as there, follower_b.client() as copy:
            harness.wait_until(lambda: copy.dbsize() == there.dbsize(), 30)
            for name in moved[:5]:
                tag = "{" + name + "}h"
                self.assertEqual(copy.execute_command("DEBUG", "DIGEST-VALUE", name, tag),
                                 there.execute_command("DEBUG", "DIGEST-VALUE", name, tag))
        with self.a.client() as client:
            left = client.dbsize()
        self.a.stop()
        self.a.start()
        with self.a.client() as client:
            self.assertEqual(client.dbsize(), left)


class AccidentsTest(harness.TestCase):
    """On three nodes without followers; a snapshot that takes its time is what accidents happen in."""

    def setUp(self):
        self.cluster = made_cluster.Cluster(self, count=3, replicas=0, settings={
            "enable-debug-command": "yes", "appendonly": "yes", "save": ""})
        self.a, self.b, self.c = self.cluster.leaders()
        self.first, self.last = slots_of(self.a)
        self.client = self.cluster.client(timeout=20)
        self.names = keys_in(self.a, self.first, self.last, 300)
        for name in self.names:
            self.client.call(name, "SET", name, name)

    def set_delay(self, micros):
        with self.a.client() as client:
            client.config_set("rdb-key-save-delay", micros)

    def begin_slowly(self):
        self.set_delay(100_000)
        migrate(self.a, self.b, (self.first, self.last))
        harness.wait_until(lambda: migrations(self.a)[0]["state"] == "snapshotting", 20)
        harness.wait_until(lambda: migrations(self.b), 20)

    def assert_nothing_moved(self):
        self.assertEqual(owner_of(self.c, self.first), self.a.port)
        client = self.cluster.client(timeout=20)
        self.assertEqual([client.call(name, "GET", name) for name in self.names],
                         [name.encode() for name in self.names])
        with self.b.client() as there:
            harness.wait_until(lambda: there.dbsize() == 0, 30)
            slots = {redis.crc.key_slot(name.encode()) for name in self.names}
            harness.wait_until(lambda: all(
                there.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot) == 0 for slot in slots), 30)

    def test_accidents_change_nothing(self):
        with self.subTest("what makes no sense is refused"):
            self.refusals()
        with self.subTest("cancelled"):
            self.begin_slowly()
            with self.b.client() as there:
                self.assertEqual(there.dbsize(), 0)  # What has come is nobody's to see.
            with self.a.client() as client:
                client.execute_command("CLUSTER", "CANCELSLOTMIGRATIONS")
            self.assertEqual(outcome(self.a)["state"], "cancelled")
            self.assert_nothing_moved()
        with self.subTest("flushed"):
            self.begin_slowly()
            with self.b.client() as there:
                there.flushall()
            self.set_delay(0)
            self.assertEqual(outcome(self.a)["state"], "failed")
            self.assert_nothing_moved()
        with self.subTest("the target dies"):
            self.begin_slowly()
            self.b.kill()
            self.set_delay(0)
            self.assertEqual(outcome(self.a)["state"], "failed")
            self.b.start()
            self.cluster.await_whole()
            self.assert_nothing_moved()
        with self.subTest("the source dies"):
            self.begin_slowly()
            self.a.kill()
            self.a.start()
            self.cluster.await_whole()
            self.assert_nothing_moved()
        with self.subTest("then it works"):
            self.set_delay(0)
            harness.wait_until(self.moves, 30)
            self.assertEqual(owner_of(self.c, self.first), self.b.port)
            client = self.cluster.client(timeout=20)
            self.assertEqual([client.call(name, "GET", name) for name in self.names],
                             [name.encode() for name in self.names])

    def moves(self):
        migrate(self.a, self.b, (self.first, self.last))
        return outcome(self.a)["state"] == "success"

    def refusals(self):
        ids = lines(self.a)
        with self.a.client() as client:
            for words, error in (
                    ((self.first, self.last, "NODE", ids[self.a.port].id), "can't be migrated to the node that owns"),
                    ((*slots_of(self.c), "NODE", ids[self.b.port].id), "I'm not the owner of hash slot"),
                    ((self.first, self.last, "NODE", "0" * 40), "Unknown node"),
                    ((self.first, self.first, self.first, self.first, "NODE", ids[self.b.port].id),
                     "specified multiple times")):
                with self.assertRaisesRegex(redis.ResponseError, error):
                    client.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *words)
        self.assertEqual(migrations(self.a), [])


if __name__ == "__main__":
    harness.main()
