#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged files: seeded mutations of real ones with values of all types, given to --check-rdb,
--check-aof and to real starts. Each is refused with offset and reason, exit code 1 and the file as
it was, or loaded, if nothing tells that it is damaged; no crash, no hang, no memory for lengths
that can't be.

    HENGE_MUTATIONS=3000 HENGE_SEED=7 damage_test.py [SERVER]
"""
import glob
import os
import random
import re
import shutil
import subprocess
import tempfile
import time

import harness
from rdb_keyspace import fill
from wire import Closed, Wire

SEED = int(os.environ.get("HENGE_SEED", "20261121"))
MUTATIONS = int(os.environ.get("HENGE_MUTATIONS", "150"))  # Of each kind of file, by the checkers.
STARTS = max(10, MUTATIONS // 10)  # Of each kind, by starting a server.
SECONDS = 30
SANITIZED = "asan" in harness.henge_binary() or "tsan" in harness.henge_binary()
MOST_KB = 1_500_000 if SANITIZED else 200_000
# What a refusal says.
REASONS = ("offset [0-9]+|0x +[0-9a-f]+: |version|[Ee]mpty|short|[Mm]anifest|line [0-9]+|"
           "can't be read|Cannot open")


def mutate(data, rand):
    """One to three changes of some bytes, as disks and hands make them."""
    data = bytearray(data)
    what = []
    for _ in range(rand.choice((1, 1, 1, 2, 3))):
        at = rand.randrange(len(data)) if data else 0
        size = min(rand.choice((1, 2, 9, 100)), len(data) - at)
        kind = rand.choice(("flip", "flip", "flip", "set", "set", "cut", "drop", "twice", "zeros",
                            "swap"))
        what.append(f"{kind} {at}+{size}")
        if kind == "flip":
            if data:
                data[at] ^= 1 << rand.randrange(8)
        elif kind == "set":
            if data:
                data[at] = rand.choice((0, 1, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xfa, 0xfd,
                                        0xfe, 0xff, rand.randrange(256)))
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at:at + size]
        elif kind == "twice":
            data[at:at] = data[at:at + size]
        elif kind == "zeros":
            data[at:at + size] = bytes(size)
        else:
            other = rand.randrange(len(data)) if data else 0
            data[at:at + size], data[other:other + size] = (data[other:other + size],
                                                            data[at:at + size])
    return bytes(data), ", ".join(what)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


class DamageCase(harness.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.folder = tempfile.mkdtemp(prefix="henge-test-damage-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.counts = {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def report(self, name):
        facts = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        print(f"{name}: {facts}; seed {SEED}", flush=True)

    def run_tool(self, *args, about):
        """Exit code and output of a checker, which must end soon, by itself, in little memory."""
        with open(os.path.join(self.folder, "output"), "w+b") as output:
            process = subprocess.Popen([harness.henge_binary(), *args], stdout=output,
                                       stderr=output, stdin=subprocess.DEVNULL)
            deadline = time.monotonic() + SECONDS
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() > deadline:
                    process.kill()
                    self.keep(about)
                    self.fail(f"{about}: it did not end")
                time.sleep(0.002)
            process.returncode = code = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read().decode(errors="replace")
        if code not in (0, 1) or usage.ru_maxrss > MOST_KB:
            self.keep(about)
            self.fail(f"{about}: exit code {code}, {usage.ru_maxrss} kB: {text[-3000:]}")
        return code, text

    def keep(self, about):
        """The files that it was about, for who looks into it."""
        kept = tempfile.mkdtemp(prefix="henge-damaged-")
        shutil.copytree(self.folder, kept, dirs_exist_ok=True)
        print(f"{about}: kept in {kept}")

    def start_on(self, server, paths, about):
        """Starts on files that are there. Either it ends with 1 and leaves them, or it works: then
        everything is looked at, saved, and it ends in peace. Gives whether it did."""
        before = {path: read(path) for path in paths}
        open(server.log_path(), "w", encoding="utf-8").close()
        server.spawn()
        try:
            harness.wait_until(lambda: server._answers(True), SECONDS)
        except AssertionError:
            if server.process.poll() != 1 or not re.search(REASONS, server.log(400)):
                self.keep_server(server, about)
                self.fail(f"{about}: exit code {server.process.poll()}\n{server.log()}")
            for path, data in before.items():
                self.assertEqual(read(path), data, about)
            self.count("starts refused")
            return False
        try:
            with Wire(("127.0.0.1", server.port), SECONDS) as wire:
                self.look_at_all(wire)
            self.assertEqual(server.stop(), 0)
        except (Closed, OSError, AssertionError) as error:
            self.keep_server(server, about)
            self.fail(f"{about}: {error}\n{server.log()}")
        self.count("starts that loaded")
        return True

    def keep_server(self, server, about):
        shutil.copytree(server.folder, os.path.join(self.folder, "server"), dirs_exist_ok=True)
        self.keep(about)

    def look_at_all(self, wire):
        """Reads every value, changes some, saves them."""
        for number in range(16):
            wire.call("SELECT", number)
            for key in wire.call("KEYS", "*"):
                calls = [("DEBUG", "DIGEST-VALUE", key), ("DUMP", key), ("OBJECT", "ENCODING", key)]
                calls += {"list": [("LPOP", key), ("LPUSH", key, "a"), ("LINDEX", key, -2)],
                          "set": [("SPOP", key), ("SADD", key, "b", "1")],
                          "hash": [("HRANDFIELD", key, 3, "WITHVALUES"), ("HSET", key, "f", "v")],
                          "zset": [("ZPOPMAX", key), ("ZADD", key, 5, "m"), ("ZRANK", key, "m")],
                          "stream": [("XINFO", "STREAM", key, "FULL"), ("XTRIM", key, "MAXLEN", 2)],
                          "string": [("APPEND", key, "x"), ("PFCOUNT", key)],
                          }.get(wire.call("TYPE", key), [])
                for call in calls:
                    wire.call(*call)
        self.assertEqual(wire.call("SAVE"), "OK")


class RdbDamageTest(DamageCase):
    def files(self):
        """RDB files of several versions, {name: content}."""
        server = self.henge({"save": ""})
        client = server.client()
        files = {}
        for version, compression, checksum in ((9, "no", "no"), (10, "yes", "no"), (11, "no", "no"),
                                               (12, "yes", "no"), (11, "yes", "yes")):
            client.flushall()
            fill(client, self.random, 40)
            client.pexpireat(client.keys("*")[0], 4_000_000_000_000)
            if version == 12:
                client.hset("fields", mapping={f"f{i}": i for i in range(30)})
                client.execute_command("HPEXPIREAT", "fields", 4_000_000_000_000, "FIELDS", 2,
                                       "f1", "f3")
            client.config_set("rdb-version", version)
            client.config_set("rdbcompression", compression)
            client.config_set("maxmemory-policy", self.random.choice(
                ("noeviction", "allkeys-lru", "allkeys-lfu")))
            # Without a checksum the parsers themselves must see what is wrong.
            client.save()
            data = read(os.path.join(server.folder, "dump.rdb"))
            if checksum == "no":
                data = data[:-8] + bytes(8)
            files[f"version {version}, compression {compression}, checksum {checksum}"] = data
        return files

    def test_the_checker_refuses_or_accepts_and_never_crashes(self):
        path = os.path.join(self.folder, "dump.rdb")
        files = self.files()
        for i in range(MUTATIONS):
            name = self.random.choice(list(files))
            data, what = mutate(files[name], self.random)
            about = f"seed {SEED}, {i}: {name}: {what}"
            write(path, data)
            code, text = self.run_tool("--check-rdb", path, about=about)
            if code == 1:
                self.assertRegex(text, REASONS, about)
            if name.endswith("checksum yes") and data != files[name]:
                self.assertEqual((code, data.startswith(files[name])), (1, False), about)
            self.count("refused" if code else "accepted")
        self.report("RDB, checked")

    def test_a_start_agrees_with_the_checker(self):
        files = self.files()
        server = self.henge({"save": ""})
        server.kill()
        path = os.path.join(server.folder, "dump.rdb")
        for i in range(STARTS):
            name = self.random.choice(list(files))
            data, what = mutate(files[name], self.random)
            about = f"seed {SEED}, start {i}: {name}: {what}"
            write(path, data)
            shutil.copy(path, self.folder)
            code, text = self.run_tool("--check-rdb", path, about=about)
            loaded = self.start_on(server, [path], about)
            self.assertEqual(code, 0 if loaded else 1, f"{about}\n{text}\n{server.log()}")
        self.report("RDB, started on")


class AofDamageTest(DamageCase):
    def parts(self):
        """{name: content} of a folder with a base, two increments and the manifest."""
        server = self.henge({"appendonly": "yes", "auto-aof-rewrite-percentage": 0,
                             "aof-disable-auto-gc": "no"})
        client = server.client()
        fill(client, self.random, 30)
        client.bgrewriteaof()
        harness.wait_until(lambda: client.info("persistence")["aof_rewrites"] == 1)
        client.config_set("aof-timestamp-enabled", "yes")
        for i in range(30):
            with client.pipeline() as pipe:
                pipe.set(f"transaction{i}", "v" * 100).rpush("list", i, "\r\n").incr("counter")
                pipe.execute()
        client.flushdb()
        fill(client, self.random, 30)
        # A rewrite whose base could not be put in its place leaves one increment more.
        os.mkdir(os.path.join(server.folder, "appendonlydir", "appendonly.aof.3.base.rdb"))
        client.bgrewriteaof()
        harness.wait_until(lambda: client.info("persistence")["aof_last_bgrewrite_status"] == "err")
        os.rmdir(os.path.join(server.folder, "appendonlydir", "appendonly.aof.3.base.rdb"))
        client.flushdb()
        fill(client, self.random, 20)
        self.assertEqual(server.stop(), 0)
        return {os.path.basename(path): read(path)
                for path in glob.glob(os.path.join(server.folder, "appendonlydir", "appendonly*"))}

    def lay_out(self, folder, parts):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        for name, data in parts.items():
            write(os.path.join(folder, name), data)

    def test_the_checker_refuses_or_accepts_and_never_crashes(self):
        parts = self.parts()
        folder = os.path.join(self.folder, "aof")
        manifest = os.path.join(folder, "appendonly.aof.manifest")
        for i in range(MUTATIONS):
            name = self.random.choice(sorted(parts))
            data, what = mutate(parts[name], self.random)
            about = f"seed {SEED}, {i}: {name}: {what}"
            self.lay_out(folder, {**parts, name: data})
            code, text = self.run_tool("--check-aof", manifest, about=about)
            if code == 1:
                self.assertRegex(text, REASONS, about)
            there = {part: read(os.path.join(folder, part)) for part in os.listdir(folder)}
            self.assertEqual(there, {**parts, name: data}, about)
            self.count("refused" if code else "accepted")
        self.report("AOF, checked")

    def test_a_start_refuses_or_loads_and_loses_nothing(self):
        parts = self.parts()
        manifest = next(name for name in parts if name.endswith("manifest"))
        increments = sorted(name for name in parts if ".incr." in name)
        self.assertEqual(len(increments), 2)
        server = self.henge({"appendonly": "yes", "auto-aof-rewrite-percentage": 0,
                             "rdbchecksum": "no"})
        server.kill()
        folder = os.path.join(server.folder, "appendonlydir")
        for i in range(STARTS):
            name = self.random.choice([*increments, *increments, *sorted(parts)])
            data, what = mutate(parts[name], self.random)
            about = f"seed {SEED}, start {i}: {name}: {what}"
            self.lay_out(folder, {**parts, name: data})
            for rest in glob.glob(os.path.join(server.folder, "*.rdb")):
                os.remove(rest)
            self.lay_out(os.path.join(self.folder, "before"), {**parts, name: data})
            paths = [os.path.join(folder, part) for part in parts]
            if not self.start_on(server, paths, about):
                self.assertEqual(sorted(os.listdir(folder)), sorted(parts), about)
                continue
            self.assert_kept(folder, {**parts, name: data}, manifest, about)
        self.report("AOF, started on")

    def assert_kept(self, folder, parts, manifest, about):
        """What was loaded is there; what was cut stands beside it."""
        for name, data in parts.items():
            if name == manifest:
                continue
            path = os.path.join(folder, name)
            self.assertTrue(os.path.exists(path), f"{about}: {name} is gone; {parts[manifest]}")
            now = read(path)
            for cut in glob.glob(path + ".cut-*"):
                size = int(cut.rsplit("-", 1)[1])
                self.count("ends cut")
                self.assertEqual(now[:size] + read(cut), data, about)
                now = data
            self.assertTrue(now.startswith(data), about)


if __name__ == "__main__":
    harness.main()
