#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Snapshots of a server at work: BGSAVE, SAVE, save points, shutdown, and what comes back after a
restart, here and in Debian's Redis.

    snapshot_test.py [SERVER]
"""
import os
import random
import signal
import subprocess
import threading

import harness
import redis
from rdb_keyspace import fill, picture, set_limits
from wire import Wire

SEED = int(os.environ.get("HENGE_SEED", "20261121"))
KEYS = 300
MISCONF = "MISCONF Redis is configured to save RDB snapshots"


class SnapshotCase(harness.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def dump_path(self, server):
        return os.path.join(server.folder, "dump.rdb")

    def restarted(self, server, **settings):
        """A new process over the same folder."""
        server.settings.update({name.replace("_", "-"): value for name, value in settings.items()})
        return server.start().client()

    def wait_saved(self, client):
        harness.wait_until(lambda: client.info("persistence")["rdb_bgsave_in_progress"] == 0,
                           what="the end of the snapshot")


class RestartTest(SnapshotCase):
    def test_what_was_saved_is_there_again(self):
        server = self.henge()
        client = server.client()
        fill(client, self.random, KEYS)
        client.set("soon", "gone", px=1)
        client.set("later", "here", ex=10_000)
        client.execute_command("SELECT", 7)
        client.set("elsewhere", 1)
        client.execute_command("SELECT", 0)
        expected = picture(client)
        self.assertTrue(client.save())
        server.kill()

        client = self.restarted(server)
        set_limits(client)
        expected.pop(b"soon", None)
        self.assertEqual(picture(client), expected)
        self.assertGreater(client.ttl("later"), 9000)
        self.assertEqual(server.client(db=7).get("elsewhere"), b"1")
        self.assertEqual(client.info("persistence")["rdb_changes_since_last_save"], 0)

    def test_redis_reads_our_file_and_we_read_its(self):
        ours, theirs = self.henge({"rdb-version": 10}), self.redis()
        fill(ours.client(), self.random, KEYS)
        self.assertTrue(ours.client().save())
        check = subprocess.run(["redis-check-rdb", self.dump_path(ours)], capture_output=True,
                               text=True, check=False)
        self.assertEqual(check.returncode, 0, check.stdout)
        theirs.kill()
        os.replace(self.dump_path(ours), self.dump_path(theirs))
        client = self.restarted(theirs)
        set_limits(client)
        self.assertEqual(picture(client), picture(ours.client()))

        client.save()
        ours.kill()
        os.replace(self.dump_path(theirs), self.dump_path(ours))
        here = self.restarted(ours)
        set_limits(here)
        self.assertEqual(picture(here), picture(client))

    def test_commands_are_refused_while_it_loads(self):
        server = self.henge()
        client = server.client()
        client.execute_command("DEBUG", "POPULATE", 3000)
        client.save()
        server.kill()
        server.settings["key-load-delay"] = 2000
        server.start(loaded=False)
        client = server.client()
        loading = client.info("persistence")
        self.assertEqual(loading["loading"], 1)
        self.assertGreater(loading["loading_total_bytes"], 10_000)
        with self.assertRaisesRegex(redis.exceptions.BusyLoadingError, "is loading the dataset"):
            client.get("key:1")
        client.config_set("key-load-delay", 0)
        server.kill()
        server.settings["key-load-delay"] = 0
        self.assertEqual(self.restarted(server).dbsize(), 3000)

    def test_a_damaged_file_ends_the_start_and_stays_as_it_is(self):
        server = self.henge()
        client = server.client()
        fill(client, self.random, 50)
        client.save()
        server.kill()
        path = self.dump_path(server)
        with open(path, "rb") as file:
            sound = file.read()
        for damaged in (sound[: len(sound) // 2], sound[:-1], b"",
                        sound[:-20] + bytes([sound[-20] ^ 1]) + sound[-19:], b"REDIS9999"):
            with open(path, "wb") as file:
                file.write(damaged)
            process = subprocess.run(server.command_line(), cwd=server.folder, capture_output=True,
                                     text=True, timeout=30, check=False)
            self.assertEqual(process.returncode, 1)
            self.assertRegex(process.stdout + process.stderr, "offset [0-9]+|version|empty|short")
            with open(path, "rb") as file:
                self.assertEqual(file.read(), damaged)


class CommandsTest(SnapshotCase):
    def test_one_snapshot_at_a_time(self):
        server = self.henge({"io-threads": 2})
        client = server.client()
        client.execute_command("DEBUG", "POPULATE", 300_000)
        before = client.lastsave()
        self.assertTrue(client.bgsave(schedule=False))
        try:
            client.bgsave(schedule=False)
        except redis.exceptions.ResponseError as error:
            self.assertEqual(str(error), "Background save already in progress")
        self.wait_saved(client)
        self.assertGreaterEqual(client.lastsave(), before)
        info = client.info("persistence")
        self.assertEqual((info["rdb_last_bgsave_status"], info["rdb_saves"]), ("ok", 1))

    def test_a_transaction_schedules_it(self):
        server = self.henge()
        client = server.client()
        wire = Wire(("127.0.0.1", server.port))
        self.addCleanup(wire.close)
        for call in (("MULTI",), ("SET", "a", "1"), ("BGSAVE",)):
            wire.call(*call)
        self.assertEqual(wire.call("EXEC")[1], "Background saving scheduled")
        harness.wait_until(lambda: client.info("persistence")["rdb_saves"] == 1)
        with self.assertRaisesRegex(redis.exceptions.ResponseError, "EXECABORT|not allowed"):
            client.pipeline().execute_command("SAVE").execute()

    def test_a_save_point_saves_by_itself(self):
        server = self.henge()
        client = server.client()
        client.config_set("save", "1 10")
        for i in range(9):
            client.set(f"k{i}", i)
        self.assertEqual(client.info("persistence")["rdb_changes_since_last_save"], 9)
        client.set("k9", 9)
        harness.wait_until(lambda: client.info("persistence")["rdb_saves"] == 1)
        self.assertEqual(client.info("persistence")["rdb_changes_since_last_save"], 0)

    def test_a_slow_snapshot_can_be_cancelled(self):
        server = self.henge({"rdb-key-save-delay": 10_000_000})
        client = server.client()
        client.execute_command("DEBUG", "POPULATE", 100)
        wire = Wire(("127.0.0.1", server.port))
        self.addCleanup(wire.close)
        for schedule, reply in ((False, "Background saving cancelled"),
                                (True, "Scheduled background saving cancelled")):
            if schedule:
                wire.call("BGREWRITEAOF")
                wire.call("BGSAVE", "SCHEDULE")
            else:
                wire.call("BGSAVE")
                harness.wait_until(lambda: self.unfinished(server))
            self.assertEqual(wire.call("BGSAVE", "CANCEL"), reply)
            self.wait_saved(client)
            self.assertIn("not in progress or scheduled", wire.call("BGSAVE", "CANCEL"))
        info = client.info("persistence")
        self.assertEqual((info["rdb_last_bgsave_status"], info["rdb_saves"]), ("ok", 0))
        self.assertEqual(info["rdb_changes_since_last_save"], 100)
        self.assertEqual(self.unfinished(server), [])

    def unfinished(self, server):
        return [name for name in os.listdir(server.folder) if name.startswith("temp-")]

    def test_info_follows_a_snapshot(self):
        server = self.henge({"rdb-key-save-delay": 1_000_000, "io-threads": 1})
        client = server.client()
        client.execute_command("DEBUG", "POPULATE", 1000, "key", 500)
        client.bgsave(schedule=False)
        info = harness.wait_until(lambda: (i := client.info("persistence"))[
            "current_save_keys_total"] == 1000 and i)
        self.assertLess(info["current_save_keys_processed"], 1000)
        self.assertGreaterEqual(info["rdb_current_bgsave_time_sec"], 0)
        before = info["current_cow_size"]
        for i in range(1000):
            client.setrange(f"key:{i}", 0, "x" * 500)
        info = client.info("persistence")
        self.assertGreater(info["current_cow_size"], before + 200_000)
        self.assertGreater(info["current_fork_perc"], 0)
        client.execute_command("BGSAVE", "CANCEL")
        self.wait_saved(client)
        info = client.info("persistence")
        self.assertGreater(info["rdb_last_cow_size"], 200_000)
        self.assertEqual((info["current_save_keys_total"], info["current_cow_size"],
                          info["rdb_current_bgsave_time_sec"]), (0, 0, -1))

    def test_what_flushall_threw_away_does_not_come_back(self):
        server = self.henge({"save": [3600, 1000]})
        client = server.client()
        client.mset({f"k{i}": i for i in range(100)})
        for slow, flush in ((False, lambda: client.flushall()),
                            (True, lambda: client.flushall()),
                            (True, lambda: client.pipeline().flushall().execute())):
            client.mset({f"k{i}": i for i in range(100)})
            self.assertTrue(client.save())
            if slow:
                client.config_set("rdb-key-save-delay", 10_000_000)
                client.execute_command("BGSAVE")
                harness.wait_until(lambda: self.unfinished(server))
            saves = client.info("persistence")["rdb_saves"]
            flush()
            harness.wait_until(lambda: client.info("persistence")["rdb_saves"] == saves + 1)
            server.kill()
            client = self.restarted(server)
            self.assertEqual(client.dbsize(), 0)

    def test_flushall_writes_no_file_where_nothing_is_saved(self):
        server = self.henge()
        server.client().set("a", 1)
        server.client().flushall()
        self.assertFalse(os.path.exists(self.dump_path(server)))

    def test_reload_keeps_everything(self):
        client = self.henge().client()
        fill(client, self.random, KEYS)
        expected = picture(client)
        client.execute_command("DEBUG", "RELOAD")
        self.assertEqual(picture(client), expected)
        with self.assertRaisesRegex(redis.exceptions.ResponseError, "Error trying to load"):
            client.execute_command("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH")
        client.set("more", 1)
        client.execute_command("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE")
        self.assertEqual(client.get("more"), b"1")
        client.execute_command("DEBUG", "RELOAD", "NOSAVE")
        self.assertEqual(picture(client), expected)

    def test_writes_are_refused_after_a_failure_until_one_succeeds(self):
        server = self.henge({"save": ["3600", "1"]})
        client = server.client()
        client.set("a", 1)
        client.config_set("dbfilename", "taken")
        os.mkdir(os.path.join(server.folder, "taken"))
        with self.assertRaises(redis.exceptions.ResponseError):
            client.save()
        self.assertEqual(client.info("persistence")["rdb_last_bgsave_status"], "err")
        with self.assertRaisesRegex(redis.exceptions.ResponseError, MISCONF):
            client.set("a", 2)
        self.assertEqual(client.get("a"), b"1")
        client.config_set("stop-writes-on-bgsave-error", "no")
        client.set("a", 3)
        client.config_set("stop-writes-on-bgsave-error", "yes")
        client.config_set("dbfilename", "free.rdb")
        self.assertTrue(client.save())
        client.set("a", 4)
        self.assertEqual(sorted(os.listdir(server.folder)), ["free.rdb", "log", "taken"])


class ShutdownTest(SnapshotCase):
    def test_sigterm_saves_where_there_are_save_points(self):
        for save, there in (([3600, 1], True), ("", False)):
            server = self.henge({"save": save})
            server.client().set("a", 1)
            self.assertEqual(server.stop(), 0)
            self.assertEqual(os.path.exists(self.dump_path(server)), there)

    def test_shutdown_saves_as_it_is_told(self):
        for options, save, there in ((("NOSAVE",), [3600, 1], False), (("SAVE",), "", True),
                                     ((), [3600, 1], True), ((), "", False)):
            server = self.henge({"save": save})
            client = server.client()
            client.set("a", 1)
            with self.assertRaises(redis.exceptions.ConnectionError):
                client.execute_command("SHUTDOWN", *options)
            self.assertEqual(server.process.wait(20), 0)
            self.assertEqual(os.path.exists(self.dump_path(server)), there, options)

    def test_a_server_that_can_not_save_goes_on(self):
        server = self.henge({"dbfilename": "taken", "stop-writes-on-bgsave-error": "no"})
        os.mkdir(os.path.join(server.folder, "taken"))
        client = server.client()
        for _ in range(2):
            with self.assertRaisesRegex(redis.exceptions.ResponseError, "Errors trying to SHUTDOWN"):
                client.execute_command("SHUTDOWN", "SAVE")
            client.set("a", 1)
        with self.assertRaises(redis.exceptions.ConnectionError):
            client.execute_command("SHUTDOWN", "SAVE", "FORCE")
        self.assertEqual(server.process.wait(20), 0)

    def saving_at_the_end(self):
        """A server whose final snapshot takes long, and a client."""
        server = self.henge({"save": [3600, 1], "rdb-key-save-delay": 10_000_000})
        client = server.client()
        client.mset({f"k{i}": i for i in range(20)})
        return server, client

    def wait_for_the_file(self, server):
        name = os.path.join(server.folder, f"temp-{server.process.pid}.rdb")
        harness.wait_until(lambda: os.path.exists(name), what=name)
        return name

    def test_a_shutdown_is_aborted(self):
        server, client = self.saving_at_the_end()
        asking = Wire(("127.0.0.1", server.port))
        self.addCleanup(asking.close)
        asking.send(b"SHUTDOWN\r\n")
        name = self.wait_for_the_file(server)
        self.assertEqual(client.get("k1"), b"1")
        self.assertTrue(client.execute_command("SHUTDOWN", "ABORT"))
        self.assertIn("Errors trying to SHUTDOWN", str(asking.read()))
        client.set("k1", 2)
        harness.wait_until(lambda: not os.path.exists(name))
        with self.assertRaisesRegex(redis.exceptions.ResponseError, "No shutdown in progress"):
            client.execute_command("SHUTDOWN", "ABORT")
        with self.assertRaises(redis.exceptions.ConnectionError):
            client.execute_command("SHUTDOWN", "NOSAVE")
        self.assertEqual(server.process.wait(20), 0)

    def test_a_signal_waits_for_what_runs_at_intervals(self):
        server, client = self.saving_at_the_end()
        client.execute_command("DEBUG", "PAUSE-CRON", 1)
        server.process.terminate()
        harness.wait_until(lambda: client.execute_command("SHUTDOWN", "ABORT"))
        client.execute_command("DEBUG", "PAUSE-CRON", 0)
        client.set("k1", 2)
        harness.wait_until(lambda: "Shutdown manually aborted" in server.log())

    def test_who_insists_gets_no_file(self):
        server, _ = self.saving_at_the_end()
        server.process.send_signal(signal.SIGINT)
        name = self.wait_for_the_file(server)
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.process.wait(20), 1)
        self.assertFalse(os.path.exists(name))
        self.assertFalse(os.path.exists(self.dump_path(server)))

    def test_signals_do_what_the_parameters_say(self):
        for number, name, wish, there in ((signal.SIGTERM, "sigterm", "nosave", False),
                                          (signal.SIGINT, "sigint", "save", True),
                                          (signal.SIGINT, "sigint", "nosave now force", False)):
            server = self.henge({"save": [3600, 1] if "no" in wish else "",
                                 f"shutdown-on-{name}": wish.split()})
            server.client().set("a", 1)
            server.process.send_signal(number)
            self.assertEqual(server.process.wait(20), 0)
            self.assertEqual(os.path.exists(self.dump_path(server)), there, wish)

    def test_an_append_only_file_without_its_first_base_holds_the_server(self):
        server = self.henge({"rdb-key-save-delay": 10_000_000})
        client = server.client()
        client.mset({f"k{i}": i for i in range(20)})
        client.config_set("appendonly", "yes")
        harness.wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"])
        with self.assertRaisesRegex(redis.exceptions.ResponseError, "Errors trying to SHUTDOWN"):
            client.execute_command("SHUTDOWN")
        harness.wait_until(lambda: "Writing initial AOF, can't exit" in server.log())
        with self.assertRaises(redis.exceptions.ConnectionError):
            client.execute_command("SHUTDOWN", "FORCE")
        self.assertEqual(server.process.wait(20), 0)

    def test_nothing_acknowledged_is_lost_by_a_shutdown_that_saves(self):
        server = self.henge({"save": [3600, 1], "io-threads": 2})
        acknowledged = [0, 0]

        def write(which):
            client = server.client()
            try:
                while True:
                    client.incr(f"counter{which}")
                    acknowledged[which] += 1
            except redis.exceptions.ConnectionError:
                pass

        threads = [threading.Thread(target=write, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        harness.wait_until(lambda: min(acknowledged) > 200)
        self.assertEqual(server.stop(), 0)
        for thread in threads:
            thread.join()
        client = self.restarted(server)
        for which in range(2):
            # One more may have been done whose reply did not arrive.
            self.assertIn(int(client.get(f"counter{which}")) - acknowledged[which], (0, 1))


if __name__ == "__main__":
    harness.main()
