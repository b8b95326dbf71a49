#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A follower with several lanes: whole transactions, moments that are a place in the stream, promotion."""
import os
import random
import sys
import threading
import time

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import harness  # noqa: E402  Found through the path above.
from replication_test import digest, follow, is_up, offset, play  # noqa: E402

PAIRS = 40
SECONDS = 3


class Load:
    """Writes of all kinds, in runs as long as lanes need to have something each."""

    def __init__(self, leader):
        self._leader = leader
        self._stop = threading.Event()
        works = [lambda c, seed: play(c, seed, 1 << 30, self._stop)] * 2 + [self._bursts, self._pairs]
        self._threads = [threading.Thread(target=work, args=(leader.client(), seed))
                         for seed, work in enumerate(works)]

    def _bursts(self, client, seed):
        rng = random.Random(seed)
        while not self._stop.is_set():
            pipe = client.pipeline(transaction=False)
            for _ in range(500):
                pipe.set(f"burst:{rng.randrange(3000)}", rng.random())
                pipe.zadd(f"sorted:{rng.randrange(100)}", {rng.randrange(50): rng.random()})
            pipe.execute()

    def _pairs(self, client, _):
        number = 0
        while not self._stop.is_set():
            number += 1
            pipe = client.pipeline(transaction=False)
            for pair in range(PAIRS):
                pipe.execute_command("MULTI")
                pipe.set(f"a:{pair}", number)
                pipe.set(f"b:{pair}", number)
                pipe.execute_command("EXEC")
                for other in range(20):
                    pipe.set(f"single:{pair}:{other}", number)
            pipe.execute()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Watch:
    """Reads both keys of pairs at once, in several ways, until it is over; keeps what was torn."""

    def __init__(self, server):
        self._over = threading.Event()
        self.torn, self.read = [], 0
        ways = (self._transaction, lambda c, a, b: c.mget(a, b), self._script)
        self._threads = [threading.Thread(target=self._watch, args=(server.client(), way)) for way in ways]

    @staticmethod
    def _transaction(client, a, b):
        return client.pipeline(transaction=True).get(a).get(b).execute()

    @staticmethod
    def _script(client, a, b):
        return client.eval("return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}", 2, a, b)

    def _watch(self, client, way):
        rng = random.Random(1)
        while not self._over.is_set():
            pair = rng.randrange(PAIRS)
            one, other = way(client, f"a:{pair}", f"b:{pair}")
            self.read += 1
            if one != other:
                self.torn.append((pair, one, other))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()


class ApplyTest(harness.TestCase):
    streams = True

    def node(self, threads, **settings):
        settings = {key.replace("_", "-"): value for key, value in settings.items()}
        return self.henge({"repl-grpc": "yes" if self.streams else "no", "io-threads": threads,
                           "repl-backlog-size": "64mb", **settings})

    def following(self, leader, threads, **settings):
        follower = self.node(threads, **settings)
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower), 30, "the link")
        return follower

    def stutter(self, follower, seconds):
        """Stops it now and then, so that it finds much to do at once."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            follower.pause()
            harness.let_pass(0.1)
            follower.resume()
            harness.let_pass(0.2)

    def await_same(self, leader, *followers):
        # What expires is deleted by the leader, some time.
        leader.client().eval("for _, k in ipairs(redis.call('keys', 't*')) do redis.call('del', k) end", 0)
        for follower in followers:
            harness.wait_until(lambda: is_up(follower), 30, "the link")
            harness.wait_until(lambda: offset(follower) == offset(leader), 60, "the offset")
            harness.wait_until(lambda: digest(follower) == digest(leader), 10, "the same data")

    def test_transactions_are_seen_whole_and_moments_are_places(self):
        leader = self.node(2)
        follower = self.following(leader, 4, appendonly="yes")
        chained = self.following(follower, 2)
        with Load(leader), Watch(follower) as watch:
            self.stutter(follower, SECONDS / 2)
            late = self.following(follower, 4)  # A full sync of what is being changed.
            follower.client().bgsave()
            self.stutter(follower, SECONDS / 2)
            harness.wait_until(lambda: follower.client().info("persistence")["rdb_bgsave_in_progress"] == 0, 30)
        self.assertEqual(watch.torn, [])
        self.assertGreater(watch.read, 100)
        self.await_same(leader, follower, chained, late)
        calls = follower.client().info("commandstats")
        self.assertGreater(calls["cmdstat_zadd"]["calls"], 100)

        before, syncs = digest(follower), leader.client().info("stats")["sync_full"]
        follower.kill()
        follower.settings.update({"appendonly": "no", "replicaof": f"127.0.0.1:{leader.port}"})
        follower.start()  # From what BGSAVE wrote amid the load; the rest comes from the leader.
        self.await_same(leader, follower)
        self.assertEqual(digest(follower), before)
        self.assertEqual(leader.client().info("stats")["sync_full"], syncs)

    def test_its_append_only_file_has_all(self):
        leader = self.node(2)
        follower = self.following(leader, 4, appendonly="yes")
        with Load(leader):
            self.stutter(follower, SECONDS / 3)
            follower.client().bgrewriteaof()
            self.stutter(follower, SECONDS / 3)
        self.await_same(leader, follower)
        before = digest(follower)
        harness.wait_until(lambda: follower.client().info("persistence")["aof_rewrite_in_progress"] == 0, 30)
        follower.stop()
        follower.start()
        self.assertEqual(digest(follower), before)

    def test_promoted_amid_the_load_it_is_a_place_in_the_stream(self):
        leader = self.node(2)
        follower = self.following(leader, 4)
        chained = self.following(follower, 2)
        with Load(leader):
            self.stutter(follower, SECONDS / 3)
            follower.client().execute_command("REPLICAOF", "NO", "ONE")
            at = offset(follower)
        self.await_same(follower, chained)
        # Who has applied that much of the first leader's stream has the same, so the second goes on for it.
        self.assertLessEqual(follower.client().info("replication")["second_repl_offset"], at + 1)
        self.assertEqual(leader.client().info("replication")["role"], "master")
        follow(leader, follower)
        with Load(follower):
            self.stutter(leader, SECONDS / 3)
        self.await_same(follower, leader, chained)

    def test_who_waits_for_acknowledgements_gets_what_is_applied(self):
        leader = self.node(2)
        follower = self.following(leader, 4)
        client, other = leader.client(), follower.client()
        with Load(leader):
            for number in range(30):
                client.set("waited", number)
                self.assertEqual(client.wait(1, 10000), 1)
                self.assertEqual(other.get("waited"), b"%d" % number)


class PsyncApplyTest(ApplyTest):
    """The same in Redis's protocol."""

    streams = False


if __name__ == "__main__":
    harness.main()
