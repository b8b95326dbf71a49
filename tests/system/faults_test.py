#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that fails: calls of a real server return EIO or ENOSPC, once here, once there. Writes are
refused with MISCONF, reads go on, all heals with the disk, and nothing acknowledged is lost, even
when the power fails then.

    HENGE_FAULTS=100 HENGE_SEED=7 faults_test.py [SERVER]
"""
import os
import random
import subprocess
import tempfile
import threading
import time

import harness
import redis
from kill_load import Load
from lossy_disk import LossyDisk

SEED = int(os.environ.get("HENGE_SEED", "20261121"))
ROUNDS = int(os.environ.get("HENGE_FAULTS", "8"))
MISCONF = "MISCONF Errors writing to the AOF file: "
REASON = {"EIO": "Input/output error", "ENOSPC": "No space left on device",
          "half": "No space left on device", "EROFS": "Read-only file system"}
INCREMENT = ("write incr EIO", "write incr ENOSPC", "write incr half", "sync incr EIO")
# What a rewrite needs, step by step.
REWRITE = ("open rewriteaof EIO", "write rewriteaof ENOSPC", "write rewriteaof half",
           "sync rewriteaof EIO", "rename .base. EIO", "syncdir appendonlydir EIO",
           "open manifest EIO", "write manifest ENOSPC", "sync manifest EIO", "rename manifest EIO",
           "open .incr. ENOSPC", "unlink appendonly EIO")
SAVE = ("open temp- EIO", "write temp- ENOSPC", "write temp- half", "sync temp- EIO",
        "rename dump.rdb EIO")


class FaultCase(harness.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def on_failing_disk(self, settings):
        server = harness.Henge({"io-threads": 2, **settings})
        self.disk = LossyDisk(server, sync_us=2000)
        self.addCleanup(self.disk.close)
        self.server = self._serve(server)
        self.client = self.server.client()
        return server

    def info(self, field):
        return self.client.info("persistence")[field]

    def after_power_cut(self):
        self.server.kill()
        self.lost = self.disk.lose_power(self.random)
        return self.server.start().client()


class RoomTest(FaultCase):
    """Behind the end of a file whose syncs take long (ADR 0013)."""

    def setUp(self):
        super().setUp()
        self.on_failing_disk({"appendonly": "yes", "appendfsync": "always",
                              "auto-aof-rewrite-percentage": 0})
        self.folder = os.path.join(self.server.folder, "appendonlydir")
        self.path = os.path.join(self.folder, "appendonly.aof.1.incr.aof")

    def until_there_is_room(self):
        self.client.set("n", 0)
        harness.wait_until(lambda: self.client.incr("n") and os.path.getsize(self.path) > 100_000,
                           what="room")

    def size(self):
        return harness.size_without_room(self.path)

    def test_it_is_no_part_of_the_file(self):
        self.until_there_is_room()
        base = os.path.getsize(os.path.join(self.folder, "appendonly.aof.1.base.rdb"))
        self.assertEqual(self.info("aof_current_size"), self.size() + base)
        n = self.client.get("n")
        self.server.kill()
        self.client = self.server.start().client()
        self.assertEqual(self.client.get("n"), n)
        self.assertFalse([name for name in os.listdir(self.folder) if ".cut-" in name])

    def test_long_records_and_other_policies_do_without(self):
        self.until_there_is_room()
        self.client.set("long", "x" * 2000)
        self.assertEqual(os.path.getsize(self.path), self.size())
        self.server.stop()
        self.server.start()
        self.client = self.server.client()
        self.until_there_is_room()
        self.client.config_set("appendfsync", "everysec")
        self.client.set("a", 1)
        harness.wait_until(lambda: os.path.getsize(self.path) == self.size(), what="no room")
        self.client.config_set("appendfsync", "always")
        self.until_there_is_room()
        self.server.stop()
        self.assertEqual(os.path.getsize(self.path), self.size())

    def test_a_rewrite_leaves_none_behind(self):
        self.until_there_is_room()
        with open(self.path, "rb") as old:  # It goes with the rewrite.
            self.client.bgrewriteaof()
            harness.wait_until(lambda: self.info("aof_rewrites") == 1)
            self.assertFalse(old.read().endswith(b"\0"))


class AppendOnlyFaultsTest(FaultCase):
    def appending(self, policy="always"):
        return self.on_failing_disk({"appendonly": "yes", "appendfsync": policy,
                                     "auto-aof-rewrite-percentage": 0})

    def refused(self, reason):
        """Whether writes are refused for that reason by now. One that is not waits for the disk."""
        try:
            self.server.client(socket_timeout=0.3).set("probe", 1)
        except redis.exceptions.ResponseError as error:
            self.assertEqual(str(error), MISCONF + reason)
            with self.assertRaisesRegex(redis.exceptions.ResponseError, "MISCONF"):
                self.server.client().ping()
            return True
        return False

    def test_writes_are_refused_reads_go_on_and_it_heals(self):
        for policy in ("always", "everysec"):
            self.appending(policy)
            for i, fault in enumerate(INCREMENT):
                with self.subTest(policy=policy, fault=fault):
                    self.client.set(f"before{i}", "x" * 1000)
                    self.disk.fail(fault)
                    harness.wait_until(lambda: self.refused(REASON[fault.split()[2]]))
                    self.assertEqual(self.info("aof_last_write_status"), "err")
                    self.assertEqual(self.client.get(f"before{i}"), b"x" * 1000)
                    with self.client.pipeline() as reads:
                        self.assertEqual(reads.exists("before0").ttl("before0").execute(), [1, -1])
                    with self.client.pipeline() as writes, self.assertRaisesRegex(
                            redis.exceptions.ResponseError, "EXECABORT|MISCONF"):
                        writes.set("refused", 1).execute()
                    self.disk.fail()
                    harness.wait_until(lambda: self.info("aof_last_write_status") == "ok")
                    harness.wait_until(lambda: self.client.set(f"after{i}", 1))
            self.assertEqual(self.client.execute_command("WAITAOF", 1, 0, 5000), [1, 0])
            client = self.after_power_cut()
            for i in range(len(INCREMENT)):
                self.assertEqual(client.mget(f"before{i}", f"after{i}"), [b"x" * 1000, b"1"])
            self.assertIsNone(client.get("refused"))

    def test_who_waits_for_the_disk_is_answered_when_it_heals(self):
        self.appending()
        for fault in INCREMENT:
            with self.subTest(fault=fault):
                self.disk.fail(fault)
                replies = []
                waiting = threading.Thread(
                    target=lambda: replies.append(self.client.incr("counter")))
                waiting.start()
                probe = self.server.client()
                harness.wait_until(
                    lambda: probe.info("persistence")["aof_last_write_status"] == "err")
                self.assertEqual(replies, [])
                self.disk.fail()
                waiting.join()
                self.assertEqual(len(replies), 1)
                harness.wait_until(lambda: self.client.set("accepted", 1))
        self.assertEqual(self.after_power_cut().get("counter"), str(len(INCREMENT)).encode())

    def test_everysec_goes_no_further_beyond_a_disk_that_stalls(self):
        """Replies wait for it: two seconds of writes are lost at most when the power fails then."""
        self.appending("everysec")
        for heals in (True, False):
            acknowledged = []
            stop = threading.Event()

            def write(port=self.server.port, stop=stop, acknowledged=acknowledged):
                client = redis.Redis(port=port, socket_timeout=60)
                try:
                    while not stop.is_set():
                        acknowledged.append((client.incr("counter"), time.monotonic()))
                except redis.exceptions.ConnectionError:
                    pass  # It was killed.

            thread = threading.Thread(target=write)
            thread.start()
            harness.wait_until(lambda count=acknowledged: len(count) > 100)
            self.disk.fail("sync incr stall")
            harness.wait_until(lambda count=acknowledged: time.monotonic() - count[-1][1] > 1, 30)
            stood, stood_at = acknowledged[-1]
            self.assertEqual(self.client.exists("counter"), 1)
            self.assertIn("The disk is slow", self.server.log())
            if heals:
                self.disk.fail()
                harness.wait_until(lambda count=acknowledged: count[-1][0] > stood + 100)
                stop.set()
                thread.join()
                continue
            self.server.kill()
            thread.join()
            self.disk.fail()
            self.lost = self.disk.lose_power(self.random)
            found = int(self.server.start().client().get("counter"))
            lost = [stood_at - at for value, at in acknowledged if value > found]
            self.assertLess(max(lost, default=0), 2.5)

    def test_a_rewrite_that_fails_changes_nothing(self):
        self.appending()
        for i, fault in enumerate(REWRITE):
            with self.subTest(fault=fault):
                self.client.set(f"key{i}", i)
                self.disk.fail(fault)
                self.client.bgrewriteaof()
                harness.wait_until(lambda: not self.info("aof_rewrite_in_progress") or
                                   self.info("aof_last_write_status") == "err")
                # Its own step, and no other, may have gone through all the same.
                self.disk.fail()
                harness.wait_until(lambda: self.info("aof_last_write_status") == "ok" and
                                   not self.info("aof_rewrite_in_progress"))
                harness.wait_until(lambda: self.client.set(f"during{i}", i))
                if self.random.random() < 0.5:
                    self.client = self.after_power_cut()
                    for j in range(i + 1):
                        self.assertEqual(self.client.get(f"key{j}"), str(j).encode(), self.lost)
                        self.assertEqual(self.client.get(f"during{j}"), str(j).encode(), self.lost)
        rewrites = self.info("aof_rewrites")
        self.client.bgrewriteaof()
        harness.wait_until(lambda: self.info("aof_rewrites") == rewrites + 1)
        self.assertEqual(self.info("aof_last_bgrewrite_status"), "ok")
        folder = os.path.join(self.server.folder, "appendonlydir")
        harness.wait_until(lambda: len(os.listdir(folder)) == 3, what="the old parts to go")

    def test_it_is_not_turned_on_while_the_disk_fails(self):
        self.on_failing_disk({"appendonly": "no"})
        self.client.set("a", 1)
        self.disk.fail("open appendonly EROFS")
        with self.assertRaisesRegex(redis.exceptions.ResponseError, "CONFIG SET failed"):
            self.client.config_set("appendonly", "yes")
        self.disk.fail("write rewriteaof EIO")
        self.client.config_set("appendonly", "yes")
        harness.wait_until(lambda: self.info("aof_last_bgrewrite_status") == "err")
        self.client.set("b", 2)
        self.disk.fail()
        self.client.bgrewriteaof()
        harness.wait_until(lambda: self.info("aof_rewrites") == 1)
        self.server.settings["appendonly"] = "yes"
        self.assertEqual(self.after_power_cut().mget("a", "b"), [b"1", b"2"])

    def test_a_start_that_may_not_write_ends_and_touches_nothing(self):
        self.appending()
        self.client.set("a", 1)
        self.server.kill()
        before = self.files()
        for fault in ("open incr EIO", "sync incr EIO", "syncdir appendonlydir EIO"):
            self.disk.fail(fault)
            with self.assertRaisesRegex(AssertionError, "ended with 1"):
                self.server.start()
            self.assertIn("Input/output error", self.server.log())
            self.assertEqual(self.files(), before)
        self.disk.fail()
        self.assertEqual(self.server.start().client().get("a"), b"1")

    def files(self):
        """What is in them, without the room behind the append-only file."""
        found = {}
        for folder, _, names in os.walk(self.server.folder):
            for name in names:
                if name != "log":
                    with open(os.path.join(folder, name), "rb") as file:
                        found[name] = file.read().rstrip(b"\0")
        return found

    def test_nothing_acknowledged_is_lost_whatever_fails(self):
        """A mixed load while the disk fails and heals, rewrites and snapshots go on, and the power
        fails, with `always`: a refused write has not happened."""
        self.appending()
        load = Load(SEED, refusal=("MISCONF", "EXECABORT"))
        refusals = 0
        for number in range(ROUNDS):
            about = f"seed {SEED}, round {number}"
            load.start(self.server.port)
            try:
                about += "".join(self.some_fault() for _ in range(self.random.randrange(1, 4)))
                if self.random.random() < 0.7:
                    self.disk.fail()
                    harness.let_pass(self.random.random() * 0.3)
            finally:
                killed_at = time.monotonic()
                self.server.kill()
                load.end()
            self.disk.fail()
            about += "; power: " + self.disk.lose_power(self.random)
            refusals += sum(player.refusals for player in load.players)
            try:
                self.server.start()
                load.check(self.server, killed_at, killed_at, everything=True)
            except AssertionError as error:
                raise AssertionError(f"{about}: {error}") from None
        print(f"faults: {ROUNDS} kills, {load.calls} calls, {refusals} refused; seed {SEED}")
        self.assertGreater(refusals, 0)

    def some_fault(self):
        faults = self.random.sample(INCREMENT + REWRITE + SAVE, self.random.randrange(1, 4))
        client = self.server.client()
        harness.let_pass(self.random.random() * 0.1)
        begin = self.random.choice((client.bgrewriteaof, client.bgsave, client.ping))
        try:
            if self.random.random() < 0.5:
                begin()
            self.disk.fail(*faults)
            begin()
        except redis.exceptions.ResponseError:
            pass  # One is under way.
        harness.let_pass(self.random.random() * 0.4)
        if self.random.random() < 0.5:
            self.disk.fail()
        return f", {faults}"


class SnapshotFaultsTest(FaultCase):
    def test_a_snapshot_that_fails_leaves_the_last_one(self):
        self.on_failing_disk({"save": ["3600", "1"], "appendonly": "no"})
        self.client.set("a", 1)
        self.client.save()
        with open(os.path.join(self.server.folder, "dump.rdb"), "rb") as file:
            before = file.read()
        for fault in SAVE:
            with self.subTest(fault=fault):
                self.client.set("b", "x" * 1_000_000)
                self.disk.fail(fault)
                self.client.bgsave()
                harness.wait_until(lambda: self.info("rdb_last_bgsave_status") == "err")
                harness.wait_until(lambda: not self.info("rdb_bgsave_in_progress"))
                with self.assertRaisesRegex(redis.exceptions.ResponseError, "MISCONF Redis is"):
                    self.client.set("c", 1)
                self.assertEqual(self.client.get("a"), b"1")
                with self.assertRaises(redis.exceptions.ResponseError):
                    self.client.save()
                with open(os.path.join(self.server.folder, "dump.rdb"), "rb") as file:
                    self.assertEqual(file.read(), before)
                self.assertEqual(sorted(os.listdir(self.server.folder)), ["dump.rdb", "log"])
                self.disk.fail()
                self.client.bgsave()
                harness.wait_until(lambda: self.info("rdb_last_bgsave_status") == "ok")
                self.client.set("c", 1)
                self.client.delete("b", "c")
                self.client.save()
                with open(os.path.join(self.server.folder, "dump.rdb"), "rb") as file:
                    before = file.read()
        self.assertEqual(self.after_power_cut().get("a"), b"1")


class SmallDiskTest(FaultCase):
    """On a file system of its own, of a few megabytes."""

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="henge-test-disk-")
        self.addCleanup(os.rmdir, self.folder)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.folder],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("may not mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", "-l", self.folder], check=True)

    def test_snapshots_and_rewrites_fail_on_a_full_disk_and_leave_no_rest(self):
        server = self.henge({"dir": self.folder, "rdbcompression": "no", "save": ["3600", "1"]})
        self.client = client = server.client()
        client.set("a", "x" * 100_000)
        client.save()
        client.config_set("stop-writes-on-bgsave-error", "no")
        for i in range(60):
            client.set(f"key{i}", self.random.randbytes(100_000))
        client.bgsave()
        harness.wait_until(lambda: self.info("rdb_last_bgsave_status") == "err")
        self.assertIn("No space left on device", server.log())
        self.assertEqual(os.listdir(self.folder), ["dump.rdb"])
        client.config_set("appendonly", "yes")
        harness.wait_until(lambda: self.info("aof_last_bgrewrite_status") == "err")
        self.assertEqual(client.strlen("key7"), 100_000)
        harness.wait_until(lambda: client.set("more", "x"))
        subprocess.run(["mount", "-o", "remount,size=40m", self.folder], check=True)
        client.bgrewriteaof()
        harness.wait_until(lambda: self.info("aof_rewrites") == 1)
        harness.wait_until(client.bgsave)
        harness.wait_until(lambda: self.info("rdb_last_bgsave_status") == "ok")
        server.kill()
        server.settings["appendonly"] = "yes"
        self.assertEqual(server.start().client().dbsize(), 62)


if __name__ == "__main__":
    harness.main()
