#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Snapshots of collections with very many members of every type, while clients change them: what a
file brings back is what there was at one moment, whole.

    large_snapshot_test.py [SERVER]

HENGE_ELEMENTS sets how many members each collection has.
"""
import os
import subprocess
import threading

import harness
import redis

ELEMENTS = int(os.environ.get("HENGE_ELEMENTS", "30000"))
CHUNK = 500
KINDS = ("hash", "set", "zset", "list", "stream")


def fill(client, stem):
    """Five large collections, `stem`:hash and so on."""
    pipe = client.pipeline(transaction=False)
    for first in range(0, ELEMENTS, CHUNK):
        numbers = range(first, first + CHUNK)
        pipe.hset(f"{stem}:hash", mapping={f"field {i}": f"value {i}" for i in numbers})
        pipe.sadd(f"{stem}:set", *[f"member {i}" for i in numbers])
        pipe.zadd(f"{stem}:zset", {f"member {i}": i + 0.5 for i in numbers})
        pipe.rpush(f"{stem}:list", *[f"element {i}" for i in numbers])
        for i in range(first + 1, first + CHUNK + 1, 10):
            pipe.xadd(f"{stem}:stream", {"a": i, "b": "text"}, id=f"1-{i}")
        pipe.execute()
    client.xgroup_create(f"{stem}:stream", "group", id="0")
    client.xreadgroup("group", "consumer", {f"{stem}:stream": ">"}, count=ELEMENTS)


def put_round(client, stem, n):
    """The commands by which each collection shows the number of the round, in the order of KINDS."""
    client.hset(f"{stem}:hash", "round", n)
    client.sadd(f"{stem}:set", f"round {n}")
    client.zadd(f"{stem}:zset", {"round": -n})
    client.rpush(f"{stem}:list", f"round {n}")
    client.xadd(f"{stem}:stream", {"round": n}, id=f"2-{n}")


def rounds_of(client, stem):
    """The round that each shows, 0 where there was none yet."""
    last = client.xrevrange(f"{stem}:stream", count=1)[0][0].split(b"-")
    return [int(client.hget(f"{stem}:hash", "round") or 0),
            client.scard(f"{stem}:set") - ELEMENTS,
            int(-(client.zscore(f"{stem}:zset", "round") or 0)),
            client.llen(f"{stem}:list") - ELEMENTS,
            int(last[1]) if last[0] == b"2" else 0]


class Writer(threading.Thread):
    """Puts round after round until it is told to stop; `acknowledged` rounds are done."""

    def __init__(self, server, stem, transactions):
        super().__init__()
        self.client = server.client()
        self.stem, self.transactions = stem, transactions
        self.acknowledged = 0
        self.error = None
        self.stop = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stop.is_set():
                if self.transactions:
                    pipe = self.client.pipeline(transaction=True)
                    put_round(pipe, self.stem, self.acknowledged + 1)
                    pipe.execute()
                else:
                    put_round(self.client, self.stem, self.acknowledged + 1)
                self.acknowledged += 1
        except redis.exceptions.RedisError as error:
            self.error = error


class LargeSnapshotTest(harness.TestCase):
    def assert_whole(self, client, stem):
        """All that fill() put there."""
        numbers = range(ELEMENTS)
        there = client.hgetall(f"{stem}:hash")
        there.pop(b"round", None)
        self.assertEqual(there, {b"field %d" % i: b"value %d" % i for i in numbers})
        there = {m for m in client.smembers(f"{stem}:set") if not m.startswith(b"round")}
        self.assertEqual(there, {b"member %d" % i for i in numbers})
        self.assertEqual(client.zrange(f"{stem}:zset", 0, "+inf", byscore=True, withscores=True),
                         [(b"member %d" % i, i + 0.5) for i in numbers])
        self.assertEqual(client.lrange(f"{stem}:list", 0, ELEMENTS - 1),
                         [b"element %d" % i for i in numbers])
        entries = client.xrange(f"{stem}:stream", max="1-99999999")
        self.assertEqual([fields[b"a"] for _, fields in entries],
                         [b"%d" % i for i in range(1, ELEMENTS + 1, 10)])
        pending = client.xpending(f"{stem}:stream", "group")
        self.assertEqual(pending["pending"], ELEMENTS // 10)

    def assert_one_moment(self, client, before, after):
        """Each writer's rounds up to some moment between the two counts, and nothing behind it."""
        one, many = rounds_of(client, "alone"), rounds_of(client, "together")
        self.assertEqual(one, sorted(one, reverse=True))
        self.assertLessEqual(one[0] - one[-1], 1)
        self.assertEqual(len(set(many)), 1, many)
        for shown, low, high in ((one[-1], before[0], after[0]), (many[0], before[1], after[1])):
            self.assertGreaterEqual(shown, low)
            self.assertLessEqual(shown, high + 1)  # One may have been done without a reply yet.

    def saved(self, client, field):
        info = client.info("persistence")
        return info[field] == 0 and info["rdb_last_bgsave_status"] == "ok"

    def run_save(self, settings, save, in_progress):
        server = self.henge({"io-threads": 2, **settings})
        client = server.client()
        for stem in ("alone", "together", "gone", "renamed", "flushed"):
            fill(server.client(db=1) if stem == "flushed" else client, stem)
        writers = [Writer(server, "alone", False), Writer(server, "together", True)]
        other = server.client()
        harness.wait_until(lambda: min(w.acknowledged for w in writers) > 3)
        before = [w.acknowledged for w in writers]
        save(client)
        harness.wait_until(lambda: client.info("persistence")[in_progress] == 0 or
                           client.info("persistence")["current_save_keys_total"] > 0)
        self.after_the_moment(server, client)
        while not self.saved(client, in_progress):
            other.incr("other")  # Goes on undisturbed.
        after = [w.acknowledged for w in writers]
        for writer in writers:
            writer.stop.set()
            writer.join()
            self.assertIsNone(writer.error)
        return server, before, after

    def after_the_moment(self, server, client):
        pass

    def changes_after_the_moment(self, server, client):
        """What the file must know nothing of."""
        kinds = [f"gone:{kind}" for kind in KINDS]
        self.assertEqual(client.unlink(*kinds[:3]), 3)
        self.assertEqual(client.delete(*kinds[3:]), 2)
        self.assertEqual(client.exists(*kinds), 0)
        client.set(kinds[0], "another")
        for kind in KINDS:
            client.rename(f"renamed:{kind}", f"moved:{kind}")
        self.assertTrue(server.client(db=1).flushdb())

    def test_bgsave_is_of_one_moment(self):
        self.after_the_moment = self.changes_after_the_moment
        server, before, after = self.run_save({}, lambda c: c.bgsave(), "rdb_bgsave_in_progress")
        server.kill()
        client = server.start().client()
        for stem in ("alone", "together", "gone", "renamed"):
            self.assert_whole(client, stem)
        self.assert_whole(server.client(db=1), "flushed")
        self.assertEqual(client.dbsize(), 4 * len(KINDS) + client.exists("other"))
        self.assert_one_moment(client, before, after)

    def test_redis_reads_what_was_saved_in_slices(self):
        server = self.henge({"rdb-version": 10})
        client = server.client()
        fill(client, "alone")
        client.bgsave()
        harness.wait_until(lambda: client.info("persistence")["rdb_saves"] == 1)
        check = subprocess.run(["redis-check-rdb", os.path.join(server.folder, "dump.rdb")],
                               capture_output=True, text=True, check=False)
        self.assertEqual(check.returncode, 0, check.stdout)
        theirs = self.redis()
        theirs.kill()
        os.replace(os.path.join(server.folder, "dump.rdb"),
                   os.path.join(theirs.folder, "dump.rdb"))
        self.assert_whole(theirs.start().client(), "alone")

    def test_a_rewrite_loses_nothing(self):
        server, *_ = self.run_save({"appendonly": "yes", "appendfsync": "always"},
                                   lambda c: c.bgrewriteaof(), "aof_rewrite_in_progress")
        expected = {stem: rounds_of(server.client(), stem) for stem in ("alone", "together")}
        server.kill()
        client = server.start().client()
        for stem, rounds in expected.items():
            self.assertEqual(rounds_of(client, stem), rounds)
            self.assert_whole(client, stem)

    def test_who_waits_may_leave_or_be_let_go(self):
        """Connections that wait for a value to be saved are closed, and the value deleted."""
        server = self.henge({"rdbcompression": "no"})
        client = server.client()
        fill(client, "alone")
        client.bgsave()
        harness.wait_until(lambda: client.info("persistence")["rdb_saves"] == 1 or
                           client.info("persistence")["current_save_keys_total"] > 0)
        waiting = [server.client() for _ in range(20)]
        for one in waiting:
            one.connection_pool.get_connection("").send_command("HSET", "alone:hash", "a", 1)
        for one in waiting[::2]:
            one.connection_pool.disconnect()
        client.unlink("alone:hash")
        harness.wait_until(lambda: client.info("persistence")["rdb_saves"] == 1)
        client.ping()


if __name__ == "__main__":
    harness.main()
