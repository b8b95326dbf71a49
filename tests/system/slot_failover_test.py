#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CLUSTER MIGRATESLOTS while a leader at either end dies or stands still, and its follower leads instead.

Whatever becomes of the migration: what was acknowledged is there, once, at who owns the slots; nobody else has a key
of them; and it can be asked for again. HENGE_ROUNDS: how many more rounds with a fault at any moment; HENGE_SEED.
"""
import os
import random
import threading

import harness
import made_cluster
import redis
import redis.crc
from made_cluster import LED_AGAIN_SECONDS, lines
from slot_migration_test import OVER, keys_in, migrate, migrations, owner_of, slots_of

ROUNDS = int(os.environ.get("HENGE_ROUNDS", "1"))
SEED = int(os.environ.get("HENGE_SEED", "7"))
SLOTS = 1000      # So many move.
STATIC = 120      # Keys that nobody writes meanwhile, and
LISTS = 12        # lists that somebody does.
VALUE = 20_000    # Bytes: a snapshot of some messages.
SLOWLY = 30_000   # Microseconds for each key of a snapshot.
AT_REST_SECONDS = 40


class Appends(threading.Thread):
    """Appends numbers to lists; remembers what was acknowledged, or what a follower has, too, where it must ask."""

    def __init__(self, cluster, keys, asks):
        super().__init__(daemon=True)
        self.client, self.keys, self.asks = cluster.client(), keys, asks
        self.acknowledged = {key: [] for key in keys}
        self.number, self.error, self.ends = 0, None, threading.Event()
        self.start()

    def run(self):
        while not self.ends.is_set():
            self.number += 1
            key = self.keys[self.number % len(self.keys)]
            try:
                self.client.call(key, "RPUSH", key, self.number)
                port = self.client.owners[redis.crc.key_slot(key.encode())]
                if not self.asks or self.client.at(port).execute_command("WAIT", 1, 1000) > 0:
                    self.acknowledged[key].append(self.number)
            except (redis.RedisError, OSError, AssertionError, KeyError) as error:
                self.error = error

    def await_more(self, count=100):
        wanted = self.total() + count
        harness.wait_until(lambda: self.total() >= wanted, LED_AGAIN_SECONDS, f"writes; the last error: {self.error!r}")

    def total(self):
        return sum(map(len, self.acknowledged.values()))

    def stop(self):
        self.ends.set()
        self.join()


class FailoverTest(harness.TestCase):
    def begin(self, concern):
        self.cluster = made_cluster.Cluster(self, settings={
            "write-concern": concern, "insync-followers-min": 0, "appendonly": "no"})
        self.asks = concern != "insync"
        # Two groups, of which one has the slots; who leads in them changes.
        self.groups = [[leader, *self.cluster.followers_of(leader)] for leader in self.cluster.leaders()[:2]]
        self.first, _ = slots_of(self.groups[0][0])
        self.last = self.first + SLOTS - 1
        names = keys_in(self.groups[0][0], self.first, self.last, STATIC + LISTS)
        self.static, self.lists = names[:STATIC], names[STATIC:]
        self.client = self.cluster.client()
        for name in self.static:
            self.client.call(name, "SET", name, name.ljust(VALUE, "."))
        self.writer = Appends(self.cluster, self.lists, self.asks)
        self.addCleanup(self.writer.stop)
        self.writer.await_more()

    def ends(self):
        """(who owns the slots, who leads the other group)"""
        view = self.views()[0]
        leaders = [next(server for server in group if view[server.port].leader is None) for group in self.groups]
        return leaders if owner_of(leaders[0], self.first) == leaders[0].port else leaders[::-1]

    def views(self):
        return [lines(server) for server in self.cluster.alive() if server is not self.stands]

    stands = None  # A node that does not answer now.

    def accident(self, at_source, stop, begun):
        """One end's leader is lost when `begun` says so; the migration's states afterwards, as both ends tell them."""
        source, target = self.ends()
        victim = source if at_source else target
        group = next(group for group in self.groups if victim in group)
        heir, = [server for server in group if server is not victim]
        for leader in (source, target):
            self.await_follower(leader)
        migrate(source, target, (self.first, self.last))
        begun(source, target)
        if stop:
            self.stands = victim
            victim.pause()
        else:
            victim.kill()
        self.set_delay(0)
        harness.wait_until(lambda: all(view[heir.port].leader is None for view in self.views()), LED_AGAIN_SECONDS)
        if stop:
            victim.resume()
            self.stands = None
        else:
            victim.start()
        self.cluster.await_whole()
        self.writer.await_more()
        self.await_over()
        return [one["state"] for server in (source, target) for one in migrations(server)[:1]]

    def await_over(self):
        harness.wait_until(lambda: all(one["state"] in OVER for server in self.cluster.servers
                                       for one in migrations(server)), AT_REST_SECONDS)

    def await_follower(self, leader):
        """It is at work: with `async` by the same means, though nobody waits for it."""
        def is_there():
            with leader.client() as client:
                told = client.info("replication")
            return told["connected_slaves"] == 1 and told.get("insync_followers", 1) == 1
        harness.wait_until(is_there, LED_AGAIN_SECONDS)

    def slowly(self, source, target):
        """Half of it is there, with the target's follower, too."""
        group = next(group for group in self.groups if target in group)
        slots = [redis.crc.key_slot(name.encode()) for name in self.static]

        def come(server):
            with server.client() as client:
                return any(client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in slots)
        harness.wait_until(lambda: all(come(server) for server in group), 20)
        self.assertEqual(migrations(source)[0]["state"], "snapshotting")

    def set_delay(self, micros):
        for server in self.cluster.alive():
            if server is not self.stands:
                with server.client() as client:
                    client.config_set("rdb-key-save-delay", micros)

    def check(self):
        """Everything is where it should be, and nowhere else."""
        owner, _ = self.ends()
        here = next(group for group in self.groups if owner in group)
        for server in self.cluster.servers:
            harness.wait_until(lambda server=server: self.count(server) == (len(self.static + self.lists) if server in here
                                                                           else 0), AT_REST_SECONDS)
        self.assertEqual([self.client.call(name, "GET", name) for name in self.static],
                         [name.ljust(VALUE, ".").encode() for name in self.static])
        for key in self.lists:
            acknowledged = list(self.writer.acknowledged[key])  # What comes after the look may not be seen by it.
            found = [int(word) for word in self.client.call(key, "LRANGE", key, 0, -1)]
            self.assertEqual(found, sorted(set(found)), key)
            self.assertEqual(sorted(set(acknowledged) - set(found)), [], key)

    @staticmethod
    def count(server):
        """Keys that a walk sees: nothing is hidden for ever, and nothing is left over; -1 if slots hold others."""
        with server.client() as client:
            seen = list(client.scan_iter(count=1000))
            slots = {redis.crc.key_slot(name) for name in seen}
            held = sum(client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in slots)
            return len(seen) if held == len(seen) == client.dbsize() else -1

    def moves(self):
        """It is asked for again, and comes to pass."""
        source, target = self.ends()

        def done():
            migrate(source, target, (self.first, self.last))
            harness.wait_until(lambda: migrations(source)[0]["state"] in OVER, 30)
            return migrations(source)[0]["state"] == "success"
        harness.wait_until(done, 30)
        self.assertEqual(owner_of(source, self.last), target.port)

    def play(self, at_source, stop):
        with self.subTest(lost="source" if at_source else "target", stop=stop):
            self.set_delay(SLOWLY)
            told = self.accident(at_source, stop, self.slowly)
            self.set_delay(0)
            # A process that died has forgotten what it did.
            self.assertEqual(told, ["failed"] * (2 if stop else 1))
            self.check()
            self.moves()
            self.check()

    def test_insync(self):
        self.begin("insync")
        for at_source, stop in ((True, False), (False, False), (True, True), (False, True)):
            self.play(at_source, stop)

    def test_async(self):
        self.begin("async")
        for at_source in (True, False):
            self.play(at_source, stop=False)

    def test_at_any_moment(self):
        """The migration may be over before: it takes some tens of milliseconds."""
        rng = random.Random(SEED)
        self.begin("insync")
        for number in range(1, ROUNDS + 1):
            at_source, stop, moment = rng.random() < 0.5, rng.random() < 0.5, rng.uniform(0, 0.2)
            print(f"round {number}: source {at_source}, stop {stop}, {moment:.3f} s", end="", flush=True)
            told = self.accident(at_source, stop, lambda _source, _target, moment=moment: harness.let_pass(moment))
            print(f": {told}", flush=True)
            self.check()


if __name__ == "__main__":
    harness.main()
