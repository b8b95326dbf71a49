#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under a mixed load, mostly with the disk losing what was not synced,
and whether what is there afterwards is what was promised:

  always    every write that was acknowledged
  everysec  every write that was acknowledged two seconds before the kill
  no        as everysec if only the process dies; else the beginning of what happened
  BGSAVE    every write that was acknowledged when the last snapshot that was finished began

and always what one moment had: each connection's keys are as after one of its calls, a transaction
is there wholly or not, and nothing is there that began when something missing had been
acknowledged.

    HENGE_KILLS=200 HENGE_SEED=7 kills_test.py [SERVER]
"""
import os
import random
import time

import harness
import redis
from kill_load import NEVER, Load
from lossy_disk import LossyDisk

SEED = int(os.environ.get("HENGE_SEED", "20261121"))
KILLS = int(os.environ.get("HENGE_KILLS", "6"))
STILL = 20_000  # Keys that nobody changes, so that saving and loading take a while.
LOSS_SECONDS = 2.0


class KillCase(harness.TestCase):
    """A server on a lossy disk, its load, and what happens until the kill."""

    def prepare(self, settings, lies=False, sync_us=3000, seed=SEED):
        self.random = random.Random(seed)
        self.about = f"seed {seed}"
        server = harness.Henge({"io-threads": 2, "auto-aof-rewrite-percentage": 0, **settings})
        self.disk = LossyDisk(server, sync_us, lies)
        self.addCleanup(self.disk.close)
        self.server = self._serve(server)
        self.load = Load(seed)
        with self.server.client().pipeline(transaction=False) as pipe:
            for i in range(STILL):
                pipe.set(f"still:{i}", f"value:{i}" + "x" * (i % 100))
            pipe.execute()
        self.kills = self.cuts = 0

    def info(self):
        return self.server.client().info("persistence")

    def kill(self):
        at = time.monotonic()
        self.server.kill()
        self.kills += 1
        if self.random.random() < self.cut_share:
            self.cuts += 1
            self.about += "; power: " + self.disk.lose_power(self.random)
        else:
            self.disk.survive()
        return at

    def kill_while_it_starts(self):
        """Nothing has been promised since; what is there must stay."""
        self.server.settings["key-load-delay"] = 20
        self.server.spawn()
        harness.let_pass(self.random.random() * 0.15)
        self.kill()
        self.server.settings.pop("key-load-delay")

    def round(self, number, act, seconds):
        """Load, `act` (which gives until when things are promised, if not to the end), a kill."""
        self.about = f"seed {SEED}, round {number}"
        self.load.start(self.server.port)
        try:
            if self.random.random() < 0.8:
                few = self.random.randrange(3, 30)
                harness.wait_until(lambda: self.load.acknowledged() > few, 30)
            until = act()
            harness.let_pass(self.random.random() * seconds)
            until = min(until, self.promise_to())
        except redis.exceptions.RedisError as error:
            raise AssertionError(f"{self.about}: {error}") from None
        finally:
            killed_at = self.kill()
            self.load.end()
        while self.random.random() < 0.25:
            self.kill_while_it_starts()
        self.server.start()
        try:
            promised = min(until, killed_at - self.window)
            self.load.check(self.server, promised, killed_at, everything=until == NEVER)
            still = self.server.client().mget([f"still:{i}" for i in range(0, STILL, 97)])
            self.assertNotIn(None, still)
        except AssertionError as error:
            raise AssertionError(f"{self.about}: {error}") from None

    def promise_to(self):
        return NEVER

    def report(self, name):
        print(f"{name}: {self.kills} kills, {self.cuts} of them with the power; {self.load.calls} "
              f"calls; the oldest that was lost had been acknowledged {self.load.most_lost:.3f} s "
              f"before; seed {SEED}", flush=True)


class AppendOnlyKillsTest(KillCase):
    cut_share = 0.7
    off_since = NEVER

    def act(self):
        """One of the things that go on beside the load."""
        self.off_since = NEVER
        what = self.random.choice(
            ("nothing", "rewrite", "rewrites", "automatic", "save", "off", "off and on"))
        self.about += f", {what}"
        client = self.server.client()
        client.config_set("auto-aof-rewrite-percentage", 1 if what == "automatic" else 0)
        client.config_set("auto-aof-rewrite-min-size", "1kb")
        for name in ("aof-use-rdb-preamble", "aof-timestamp-enabled"):
            client.config_set(name, self.random.choice(("yes", "no")))
        if what in ("rewrite", "rewrites"):
            client.bgrewriteaof()
        if what == "rewrites":
            harness.wait_until(lambda: not self.info()["aof_rewrite_in_progress"])
            client.bgrewriteaof()
        if what == "save":
            client.bgsave()
        if what.startswith("off"):
            self.off_since = time.monotonic()
            client.config_set("appendonly", "no")
        if what == "off and on":
            self.turn_on(client)
        return NEVER

    def turn_on(self, client):
        harness.let_pass(self.random.random() * 0.05)
        rewrites = self.info()["aof_rewrites"]
        harness.wait_until(lambda: client.config_set("appendonly", "yes"))
        if self.random.random() < 0.5:
            return  # What was acknowledged since it was off is promised to nobody yet.
        harness.wait_until(lambda: self.info()["aof_rewrites"] > rewrites)
        self.off_since = NEVER

    def promise_to(self):
        return self.off_since

    def run_policy(self, policy, window, seconds, kills=KILLS):
        self.window = window
        self.prepare({"appendonly": "yes", "appendfsync": policy})
        self.server.client().bgrewriteaof()
        harness.wait_until(lambda: self.info()["aof_rewrites"] == 1, 30)
        for number in range(kills):
            self.round(number, self.act, seconds)
        self.report(policy)

    def test_always_loses_nothing_acknowledged(self):
        self.run_policy("always", 0.0, 0.3)

    def test_everysec_loses_two_seconds_at_most(self):
        self.run_policy("everysec", LOSS_SECONDS, 2.5)

    def test_no_loses_the_end_only(self):
        self.run_policy("no", NEVER, 0.3, kills=(KILLS + 3) // 4)

    def test_no_loses_next_to_nothing_if_only_the_process_dies(self):
        self.cut_share = 0
        self.run_policy("no", LOSS_SECONDS / 4, 1, kills=(KILLS + 3) // 4)

    def test_a_disk_that_lies_would_be_noticed(self):
        self.window = 0.0
        self.cut_share = 1
        self.prepare({"appendonly": "yes", "appendfsync": "always"}, lies=True)
        with self.assertRaisesRegex(AssertionError,
                                    "are promised|None unexpectedly found|nobody took|ended with"):
            for number in range(10):
                self.round(number, lambda: NEVER, 0.1)


class SnapshotKillsTest(KillCase):
    cut_share = 0.7
    window = 0.0

    def act(self):
        """Snapshots one after the other. Gives when the last that was finished began."""
        client = self.server.client()
        for _ in range(self.random.randrange(3)):
            saves, began = self.info()["rdb_saves"], time.monotonic()
            client.bgsave()
            harness.wait_until(lambda: self.info()["rdb_saves"] > saves)
            self.finished = began
        client.bgsave()
        return NEVER

    def promise_to(self):
        return self.finished

    def test_what_a_snapshot_had_is_there(self):
        self.prepare({"appendonly": "no"})
        self.server.client().save()
        for number in range((KILLS + 1) // 2):
            self.finished = 0
            self.round(number, self.act, 0.1)
        self.report("BGSAVE")


if __name__ == "__main__":
    harness.main()
