#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The append-only file of a server at work: what it holds after kill -9, rewrites, turning it on and
off, torn ends, errors of the disk, and Debian's Redis reading it and being read.

    aof_test.py [SERVER]
"""
import glob
import hashlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading

import harness
import redis
from rdb_keyspace import fill, picture, set_limits
from wire import encode

SEED = int(os.environ.get("HENGE_SEED", "20261121"))
KILLS = int(os.environ.get("HENGE_KILLS", "5"))
KEYS = 200


def contents(client):
    """Without what groups count and consumers that own nothing: Redis's log does not keep them."""
    return {key: facts[:2] for key, facts in picture(client).items()}


class AofCase(harness.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def appending(self, **settings):
        return self.henge({"appendonly": "yes", "appendfsync": "always",
                           **{name.replace("_", "-"): value for name, value in settings.items()}})

    def restarted(self, server):
        return server.start().client()

    def parts(self, server):
        with open(os.path.join(server.folder, "appendonlydir", "appendonly.aof.manifest"),
                  encoding="ascii") as manifest:
            return [line.split()[1] for line in manifest]

    def last_part(self, server):
        return os.path.join(server.folder, "appendonlydir", self.parts(server)[-1])

    def kill(self, server):
        """And cuts the room that `always` keeps behind the file's end, which Redis takes for damage."""
        server.kill()
        path = self.last_part(server)
        os.truncate(path, harness.size_without_room(path))

    def wait_rewritten(self, client, count):
        harness.wait_until(lambda: client.info("persistence")["aof_rewrites"] >= count and
                           client.info("persistence")["aof_rewrite_in_progress"] == 0,
                           what="the end of the rewrite")


class RecoveryTest(AofCase):
    def test_everything_is_there_after_kill_9(self):
        server = self.appending()
        fill(server.client(), self.random, KEYS)
        expected = contents(server.client())
        server.kill()
        client = self.restarted(server)
        self.assertEqual(contents(client), expected)
        client.flushall()
        fill(client, self.random, KEYS)
        client.bgrewriteaof()
        self.wait_rewritten(client, 1)
        client.flushdb()
        fill(client, self.random, KEYS // 2)
        expected = contents(client)
        server.kill()
        self.assertEqual(contents(self.restarted(server)), expected)

    def test_its_files_are_named_as_redis_names_them(self):
        server, reference = self.appending(), self.redis({"appendonly": "yes"})
        self.assertEqual(self.parts(server), self.parts(reference))
        for one in (server, reference):
            one.client().bgrewriteaof()
            harness.wait_until(lambda one=one: ".2.base." in self.parts(one)[0] and
                               len(self.parts(one)) == 2)
        self.assertEqual(self.parts(server), self.parts(reference))

    def test_a_torn_end_is_cut_and_kept(self):
        server = self.appending()
        client = server.client()
        for i in range(20):
            client.set(f"key{i}", i)
        self.kill(server)
        path = self.last_part(server)
        for torn in (b"*3\r\n$3\r\nSET\r\n$4\r\nkey2",
                     b"*3\r\n$3\r\nSET" + b"\0" * 500):
            with open(path, "ab") as file:
                file.write(torn)
            client = self.restarted(server)
            self.assertEqual(client.dbsize(), 20)
            kept = glob.glob(path + ".cut-*")
            with open(kept[0], "rb") as file:
                self.assertEqual(file.read(), torn)
            os.remove(kept[0])
            self.kill(server)

    def test_damage_ends_the_start(self):
        server = self.appending()
        for i in range(20):
            server.client().set(f"key{i}", i)
        server.kill()
        path = self.last_part(server)
        with open(path, "rb") as file:
            content = file.read()
        damaged = content.replace(b"$4\r\nkey7", b"$5\r\nkey7", 1)
        with open(path, "wb") as file:
            file.write(damaged)
        with self.assertRaisesRegex(AssertionError, "ended with 1"):
            server.start()
        self.assertRegex(server.log(), "offset [0-9]+")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), damaged)

    def test_a_command_that_is_unknown_ends_the_start(self):
        server = self.appending()
        self.kill(server)
        with open(self.last_part(server), "ab") as file:
            file.write(encode("set", "a", "1") * 1000 + encode("nonsense", "a"))
        with self.assertRaisesRegex(AssertionError, "ended with 1"):
            server.start()
        self.assertRegex(server.log(), "Unknown command 'nonsense' reading .*offset [0-9]+")

    def test_what_had_expired_when_it_was_written_is_not_seen(self):
        server = self.appending()
        self.kill(server)
        with open(self.last_part(server), "ab") as file:
            for words in (("rpush", "list", "foo"), ("pexpireat", "list", "1000"),
                          ("rpush", "list", "bar"), ("set", "kept", "1"), ("lpush", "kept", "refused"),
                          ("expire", "kept", "-1")):
                file.write(encode(*words))
        client = self.restarted(server)
        self.assertEqual((client.llen("list"), client.get("kept")), (0, None))

    def test_the_rdb_file_is_read_where_there_is_no_aof(self):
        server = self.henge()
        server.client().set("a", 1)
        server.client().save()
        server.kill()
        server.settings["appendonly"] = "yes"
        client = self.restarted(server)
        self.assertEqual(client.get("a"), b"1")
        client.set("a", 2)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.restarted(server).get("a"), b"2")

    def change_at_random(self, client):
        """Commands of one key and of several, of whole databases, and transactions."""
        key, other, third = (f"k{self.random.randrange(40)}" for _ in range(3))
        kind = self.random.randrange(12)
        if kind < 4:
            client.append(key, key[-1])
        elif kind == 4:
            client.mset({key: 1, other: 2, third: 3})
        elif kind == 5:
            client.delete("n" + other)
            client.copy(key, "n" + other)
        elif kind == 6:
            client.rpush("l" + key, other, third)
            client.lmove("l" + key, "l" + other)
        elif kind == 7:
            client.sadd("s" + key, *range(self.random.randrange(20)), "a")
            client.sunionstore("s" + third, "s" + key, "s" + other)
        elif kind == 8:
            with client.pipeline() as transaction:
                transaction.append(key, "x").append(other, "y").delete(third).incr("n").execute()
        elif kind == 9 and self.random.random() < 0.1:
            client.execute_command("SWAPDB", 0, 3)
        elif kind == 10 and self.random.random() < 0.1:
            client.flushdb()
        elif kind == 11:
            client.execute_command("COPY", key, "moved", "DB", 7, "REPLACE")
            client.delete(other)
            client.move(key, 7)

    def test_commands_are_done_again_in_their_order(self):
        server = self.appending(appendfsync="everysec", io_threads=2)
        clients = [server.client(db=db) for db in (0, 3)]
        for _ in range(3000):
            self.change_at_random(self.random.choice(clients))
        expected = clients[0].execute_command("DEBUG", "DIGEST")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.restarted(server).execute_command("DEBUG", "DIGEST"), expected,
                         f"seed {SEED}")

    def test_progress_shows_and_nothing_expires_while_it_is_loaded(self):
        server = self.appending()
        self.kill(server)
        with open(self.last_part(server), "ab") as file:
            for words in (("set", "k", "v"), ("pexpireat", "k", "1000"), ("persist", "k")):
                file.write(encode(*words))
        server.settings["key-load-delay"] = 10**9
        client = server.start(loaded=False).client()
        total = sum(os.path.getsize(os.path.join(server.folder, "appendonlydir", part))
                    for part in self.parts(server))
        harness.wait_until(  # The files are opened.
            lambda: client.info("persistence")["loading_total_bytes"] == total)
        info = client.info("persistence")
        self.assertEqual(info["loading"], 1)
        self.assertLess(info["loading_loaded_bytes"], total)
        with self.assertRaises(redis.exceptions.BusyLoadingError):
            client.get("k")
        # One command, and a while in which what has expired would be found.
        client.config_set("key-load-delay", 400_000)
        harness.wait_until(lambda: client.get("k") == b"v")
        self.assertEqual(client.info("persistence")["loading"], 0)

    def test_a_single_file_of_an_older_redis_is_taken_in_once(self):
        server = self.appending()
        client = server.client()
        client.set("new", 1)
        server.kill()
        old = os.path.join(server.folder, "appendonly.aof")
        with open(old, "wb") as file:
            file.write(encode("set", "old", "1"))
        # There is a set of files already: what stands beside it is not theirs.
        client = self.restarted(server)
        self.assertEqual((client.get("old"), client.get("new")), (None, b"1"))
        server.kill()
        shutil.rmtree(os.path.join(server.folder, "appendonlydir"))
        client = self.restarted(server)
        self.assertEqual((client.get("old"), client.get("new")), (b"1", None))
        self.assertEqual(self.parts(server), ["appendonly.aof", "appendonly.aof.1.incr.aof"])
        self.assertFalse(os.path.exists(old))
        client.set("next", 1)
        server.kill()
        self.assertEqual(self.restarted(server).dbsize(), 2)

    def test_scripts_of_an_older_redis_are_run(self):
        server = self.appending()
        server.client().ping()
        server.kill()
        shutil.rmtree(os.path.join(server.folder, "appendonlydir"))
        add = "return redis.call('incrby', KEYS[1], ARGV[1])"
        digest = hashlib.sha1(add.encode()).hexdigest()
        library = ("#!lua name=old\nredis.register_function('double', function(keys) "
                   "return redis.call('set', keys[1], 2 * redis.call('get', keys[1])) end)")
        calls = [("set", "n", "1"), ("eval", add, "1", "n", "2"), ("script", "load", add), ("evalsha", digest, "1", "n", "4"),
                 ("multi",), ("evalsha", digest, "1", "n", "8"), ("set", "other", "1"), ("exec",),
                 ("eval", "for i = 1, 3 do redis.call('rpush', 'list', i) end redis.call('select', 3) "
                  "redis.call('set', 'three', 3)", "0"),
                 ("function", "load", library), ("fcall", "double", "1", "n"),
                 ("eval", "redis.call('set', 'half', 1) error('x')", "0"), ("set", "last", "1")]
        with open(os.path.join(server.folder, "appendonly.aof"), "wb") as file:
            file.write(b"".join(encode(*call) for call in calls))
        for _ in range(2):
            client = self.restarted(server)
            self.assertEqual(client.mget("n", "other", "half", "last"), [b"30", b"1", b"1", b"1"])
            self.assertEqual(client.lrange("list", 0, -1), [b"1", b"2", b"3"])
            self.assertEqual(client.execute_command("EVALSHA", digest, 1, "n", 0), 30)
            self.assertEqual(client.info("keyspace")["db3"]["keys"], 1)
            server.kill()

    def test_redis_reads_ours_and_we_read_its(self):
        ours = self.appending(rdb_version=10)
        theirs = self.redis({"appendonly": "yes", "appendfsync": "always"})
        fill(ours.client(), self.random, KEYS)
        ours.client().bgrewriteaof()
        self.wait_rewritten(ours.client(), 1)
        ours.client().flushall()
        fill(ours.client(), self.random, KEYS)
        expected = contents(ours.client())
        self.assertEqual(ours.stop(), 0)
        theirs.kill()
        self.move(ours, theirs)
        client = self.restarted(theirs)
        set_limits(client)
        self.assertEqual(contents(client), expected)
        client.set("theirs", 1)
        expected = contents(client)
        theirs.kill()
        self.move(theirs, ours)
        here = self.restarted(ours)
        set_limits(here)
        self.assertEqual(contents(here), expected)

    def test_a_base_of_commands_is_loaded_here_and_by_redis(self):
        ours = self.appending(aof_use_rdb_preamble="no")
        theirs = self.redis({"appendonly": "yes", "appendfsync": "always"})
        self.assertEqual(self.parts(ours), ["appendonly.aof.1.base.aof", "appendonly.aof.1.incr.aof"])
        client = ours.client()
        fill(client, self.random, KEYS)
        client.select(3)
        fill(client, self.random, KEYS // 4)
        client.select(0)
        client.bgrewriteaof()
        self.wait_rewritten(client, 1)
        self.assertTrue(self.parts(ours)[0].endswith(".base.aof"), self.parts(ours))
        client.hset("deadlines", mapping={f"f{i}": i for i in range(200)})
        client.execute_command("HPEXPIRE", "deadlines", 10**9, "FIELDS", 2, "f1", "f2")
        deadlines = client.execute_command("HPEXPIRETIME", "deadlines", "FIELDS", 3, "f1", "f2", "f3")
        client.bgrewriteaof()
        self.wait_rewritten(client, 2)
        expected = contents(client)
        ours.kill()
        client = self.restarted(ours)
        set_limits(client)
        self.assertEqual(contents(client), expected)
        self.assertEqual(client.execute_command("HPEXPIRETIME", "deadlines", "FIELDS", 3, "f1", "f2", "f3"),
                         deadlines)
        client.delete("deadlines")
        client.bgrewriteaof()
        self.wait_rewritten(client, 1)
        expected = contents(client)
        self.kill(ours)
        theirs.kill()
        self.move(ours, theirs)
        client = self.restarted(theirs)
        set_limits(client)
        self.assertEqual(contents(client), expected)

    def move(self, source, target):
        folder = os.path.join(target.folder, "appendonlydir")
        for path in glob.glob(os.path.join(folder, "*")):
            os.remove(path)
        for path in glob.glob(os.path.join(source.folder, "appendonlydir", "*")):
            os.replace(path, os.path.join(folder, os.path.basename(path)))


class RunningTest(AofCase):
    def test_it_is_turned_on_and_off_at_run_time(self):
        server = self.henge()
        client = server.client()
        fill(client, self.random, KEYS)
        client.config_set("appendonly", "yes")
        self.wait_rewritten(client, 1)
        client.set("later", 1)
        expected = contents(client)
        client.config_set("appendonly", "no")
        client.set("unseen", 1)
        self.assertEqual(server.stop(), 0)
        server.settings["appendonly"] = "yes"
        self.assertEqual(contents(self.restarted(server)), expected)

    def test_it_rewrites_itself_when_it_has_grown(self):
        server = self.appending(auto_aof_rewrite_min_size="50kb")
        client = server.client()
        for i in range(300):
            client.set("key", "x" * 1000 + str(i))
        self.wait_rewritten(client, 1)
        client.set("key", "short")
        server.kill()
        self.assertEqual(self.restarted(server).get("key"), b"short")

    def test_it_rewrites_itself_by_percentage_only(self):
        server = self.appending(auto_aof_rewrite_min_size="1kb", auto_aof_rewrite_percentage=0)
        client = server.client()
        for i in range(200):
            client.set("key", "x" * 1000 + str(i))
        client.bgrewriteaof()
        self.wait_rewritten(client, 1)
        info = client.info("persistence")
        self.assertEqual(info["aof_rewrites"], 1)  # None but this one.
        client.config_set("auto-aof-rewrite-percentage", 100)
        while client.info("persistence")["aof_rewrites"] == 1:
            client.set("key", "x" * 1000)
            current = client.info("persistence")
            self.assertLess(current["aof_current_size"], info["aof_base_size"] + 10**6)
        self.wait_rewritten(client, 2)

    def test_rewrites_that_fail_are_tried_less_and_less_often(self):
        server = self.appending(auto_aof_rewrite_percentage=0)
        client = server.client()
        client.set("a", 1)
        # Where the base would be written stands a folder.
        hurdle = os.path.join(server.folder, "appendonlydir", "temp-rewriteaof-appendonly.aof.part")
        os.mkdir(hurdle)
        for failures in (1, 2, 3):
            client.bgrewriteaof()
            harness.wait_until(lambda: client.info("persistence")[  # pylint: disable=cell-var-from-loop
                "aof_rewrites_consecutive_failures"] == failures)
            client.incr("a")
        self.assertEqual(client.info("persistence")["aof_last_bgrewrite_status"], "err")
        self.assertIn("triggered the limit, will retry in 1 minutes", server.log())
        self.assertEqual(self.parts(server)[0], "appendonly.aof.1.base.rdb")
        os.rmdir(hurdle)
        client.bgrewriteaof()
        self.wait_rewritten(client, 1)
        self.assertEqual(client.info("persistence")["aof_rewrites_consecutive_failures"], 0)
        self.assertEqual((self.parts(server)[0], len(self.parts(server))),
                         ("appendonly.aof.2.base.rdb", 2))
        server.kill()
        self.assertEqual(self.restarted(server).get("a"), b"4")

    def test_the_disk_is_left_to_the_rewrite_if_that_is_wished(self):
        server = self.appending(no_appendfsync_on_rewrite="yes")
        client = server.client()
        client.set("a", 1)
        client.config_set("rdb-key-save-delay", 10**9)
        client.bgrewriteaof()
        harness.wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"])
        # Nothing is written now; with `always` the reply would wait for that.
        client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 10**9)
        client.set("b", 1)
        client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 0)
        client.config_set("rdb-key-save-delay", 0)
        self.wait_rewritten(client, 1)
        client.set("c", 1)
        server.kill()
        self.assertEqual(self.restarted(server).dbsize(), 3)

    def test_replies_that_are_held_come_when_always_is_turned_off(self):
        server = self.appending(io_threads=2)
        client, writer = server.client(), server.client()
        client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 10**9)
        for policy in ("no", "everysec"):
            got = []
            thread = threading.Thread(target=lambda: got.append(writer.incr("a")))  # pylint: disable=cell-var-from-loop
            client.config_set("appendfsync", "always")
            thread.start()
            harness.wait_until(lambda: client.get("a"))
            client.config_set("appendfsync", policy)
            client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 0)
            thread.join()
            self.assertEqual(len(got), 1)
            client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 10**9)
        client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 0)

    def test_a_pipeline_without_end_waits_for_the_disk(self):
        server = self.appending()
        client = server.client()
        client.set("large", "x" * 1000)
        client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 10**9)
        count = 20_000
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            sender = threading.Thread(
                target=raw.sendall, args=(encode("set", "a", "1") + encode("get", "large") * count,))
            sender.start()
            memory = lambda: max(int(each["omem"]) for each in client.client_list())
            harness.wait_until(lambda: memory() > 256 * 1024)
            for _ in range(20):
                self.assertLess(memory(), 1024 * 1024)
            client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 0)
            expected = len(b"+OK\r\n") + count * len(b"$1000\r\n" + b"x" * 1000 + b"\r\n")
            while expected > 0:
                received = len(raw.recv(1 << 16))
                self.assertGreater(received, 0)
                expected -= received
            sender.join()

    def test_waitaof_waits_for_the_disk(self):
        for policy in ("always", "everysec"):
            client = self.appending(appendfsync=policy).client()
            client.set("a", 1)
            self.assertEqual(client.execute_command("WAITAOF", 1, 0, 0), [1, 0])
            client.set("a", 2)
            self.assertEqual(client.execute_command("WAITAOF", 1, 1, 1500), [1, 0])
        client.config_set("appendonly", "no")
        with self.assertRaisesRegex(redis.exceptions.ResponseError, "appendonly is disabled"):
            client.execute_command("WAITAOF", 1, 0, 0)

    def test_transactions_come_back_whole(self):
        server = self.appending()
        client = server.client()
        with client.pipeline() as pipe:
            pipe.set("a", 1).incr("a").rpush("l", 1, 2, 3).expire("l", 1000)
            pipe.execute()
        self.kill(server)
        with open(self.last_part(server), "rb") as file:
            content = file.read()
        self.assertIn(b"MULTI", content)
        with open(self.last_part(server), "wb") as file:
            file.write(content[:-20])
        self.assertEqual(self.restarted(server).dbsize(), 0)


class ReloadTest(AofCase):
    def test_debug_loadaof_brings_back_what_was_written(self):
        server = self.appending(appendfsync="everysec", io_threads=2)
        client = server.client()
        for preamble in ("yes", "no"):
            client.config_set("aof-use-rdb-preamble", preamble)
            client.flushdb()
            fill(client, self.random, KEYS)
            client.bgrewriteaof()
            client.flushdb()
            fill(client, self.random, KEYS // 2)
            expected = contents(client)
            digest = client.execute_command("DEBUG", "DIGEST")
            client.execute_command("DEBUG", "LOADAOF")
            self.assertEqual(contents(client), expected)
            self.assertEqual(client.execute_command("DEBUG", "DIGEST"), digest)
        with client.pipeline() as transaction:
            transaction.set("in", 1).execute_command("DEBUG", "LOADAOF")
            with self.assertRaisesRegex(redis.exceptions.ResponseError, "trying to load the AOF"):
                transaction.execute()
        self.assertEqual(client.dbsize(), len(expected) + 1)

    def test_debug_loadaof_refuses_a_file_that_is_damaged(self):
        server = self.appending()
        client = server.client()
        client.set("a", 1)
        with open(self.last_part(server), "ab") as file:
            file.write(b"*3\r\n$3\r\nSET\r\n")
        size = os.path.getsize(self.last_part(server))
        with self.assertRaisesRegex(redis.exceptions.ResponseError, "Error trying to load the AOF"):
            client.execute_command("DEBUG", "LOADAOF")
        self.assertEqual(os.path.getsize(self.last_part(server)), size)
        self.assertEqual(glob.glob(self.last_part(server) + ".cut-*"), [])

    def test_turning_it_off_gives_up_the_rewrite(self):
        server = self.appending()
        client = server.client()
        client.set("a", 1)
        client.config_set("rdb-key-save-delay", 10**9)
        client.bgrewriteaof()
        with self.assertRaisesRegex(redis.exceptions.ResponseError, "already in progress"):
            client.bgrewriteaof()
        client.config_set("appendonly", "no")
        client.bgrewriteaof()  # It comes when the other has been given up.
        client.config_set("rdb-key-save-delay", 0)
        self.wait_rewritten(client, 1)
        self.assertIn("no child process", server.log())
        server.kill()
        self.assertEqual(self.restarted(server).get("a"), b"1")

    def test_no_reply_comes_before_its_write(self):
        server = self.appending()
        client = server.client()
        for _ in range(5):
            client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 100_000)
            size = harness.size_without_room(self.last_part(server))
            client.incr("n")
            self.assertGreater(harness.size_without_room(self.last_part(server)), size)
        client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 0)


    def test_functions_are_kept(self):
        server = self.appending()
        client = server.client()
        code = "#!lua name={0}\nredis.register_function('{0}', function() return {1} end)"
        for name, preamble in (("one", "yes"), ("two", "no")):
            client.config_set("aof-use-rdb-preamble", preamble)
            client.function_load(code.format(name, 1))
            client.bgrewriteaof()
            self.wait_rewritten(client, 1 if name == "one" else 2)
            client.function_load(code.format("later", len(name)), replace=True)
            client.execute_command("DEBUG", "LOADAOF")
            self.assertEqual((client.fcall(name, 0), client.fcall("later", 0)), (1, 3))
        client.execute_command("DEBUG", "RELOAD")
        self.assertEqual((client.fcall("one", 0), client.fcall("two", 0)), (1, 1))
        server.kill()
        client = self.restarted(server)
        self.assertEqual([client.fcall(name, 0) for name in ("one", "two", "later")], [1, 1, 3])


class FullDiskTest(AofCase):
    """On a file system of its own, of a few megabytes."""

    def small_disk(self):
        folder = tempfile.mkdtemp(prefix="henge-test-disk-")
        self.addCleanup(os.rmdir, folder)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("may not mount")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        return folder

    def test_writes_are_refused_until_there_is_room_again(self):
        folder = self.small_disk()
        server = self.appending(dir=folder, io_threads=2)
        writer = server.client(socket_timeout=1)
        stored = 0
        # The one that finds the disk full waits for its acknowledgement; those after it are refused.
        with self.assertRaises((redis.exceptions.TimeoutError, redis.exceptions.ResponseError)):
            while True:
                writer.set(f"key{stored}", "x" * 100_000)
                stored += 1
        client = server.client()
        harness.wait_until(lambda: client.info("persistence")["aof_last_write_status"] == "err")
        with self.assertRaisesRegex(redis.exceptions.ResponseError,
                                    "MISCONF Errors writing to the AOF file: No space left"):
            client.set("refused", 1)
        self.assertEqual(len(client.get("key0")), 100_000)
        with client.pipeline() as reads:
            self.assertEqual(reads.strlen("key0").exists("key1").execute(), [100_000, 1])
        subprocess.run(["mount", "-o", "remount,size=30m", folder], check=True)
        harness.wait_until(lambda: client.info("persistence")["aof_last_write_status"] == "ok")
        harness.wait_until(lambda: client.set("accepted", 1))
        server.kill()
        client = self.restarted(server)
        self.assertEqual(client.get("accepted"), b"1")
        self.assertGreaterEqual(client.dbsize(), stored + 1)
        self.assertIsNone(client.get("refused"))


class KillTest(AofCase):
    """Counters that each have one writer: what was acknowledged must be there, and nothing that was
    never sent."""

    def play(self, server, rewriting):
        sent, acknowledged = [0] * 6, [0] * 6
        base = [int(server.client().get(f"counter{i}") or 0) for i in range(6)]

        def write(which):
            client = server.client()
            try:
                while True:
                    sent[which] += 1
                    if which % 2:
                        client.incr(f"counter{which}")
                    else:
                        with client.pipeline() as pipe:
                            pipe.incr(f"counter{which}")
                            pipe.lpush(f"list{which}", sent[which])
                            pipe.execute()
                    acknowledged[which] += 1
            except redis.exceptions.RedisError:
                pass

        threads = [threading.Thread(target=write, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        harness.wait_until(lambda: min(acknowledged) > self.random.randrange(5, 60))
        if rewriting:
            server.client().bgrewriteaof()
        harness.let_pass(self.random.random() * 0.1)
        server.kill()
        for thread in threads:
            thread.join()
        client = self.restarted(server)
        for i in range(6):
            found = int(client.get(f"counter{i}")) - base[i]
            self.assertGreaterEqual(found, acknowledged[i], f"counter{i}, seed {SEED}")
            self.assertLessEqual(found, sent[i])
            if i % 2 == 0:
                self.assertEqual(client.llen(f"list{i}"), base[i] + found)

    def test_nothing_acknowledged_is_lost(self):
        server = self.appending(io_threads=2)
        for i in range(6):
            server.client().set(f"counter{i}", 0)
        for kill in range(KILLS):
            self.play(server, rewriting=kill % 2 == 1)


if __name__ == "__main__":
    harness.main()
