#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Values and files both ways between Henge and Debian's Redis: every type and encoding, a seeded
random keyspace, compared key by key.

    rdb_test.py [SERVER]
"""
import os
import random
import shutil
import subprocess

import harness
from rdb_keyspace import fill, picture, set_limits

SEED = int(os.environ.get("HENGE_SEED", "20261121"))
KEYS = 400
# Redis 7.0 reads up to 10; each is a form of its own for several types.
VERSIONS_FOR_REDIS_7_0 = (9, 10)
WITH_COUNTERS = 10  # From that version on, streams and groups say what was ever added and read.
END = b"\xff" + bytes(8)  # The checksum zero: not to be checked.


def dumps(client):
    keys = sorted(client.keys("*"))
    return {key: client.dump(key) for key in keys}


def restore_all(client, payloads):
    for key, payload in payloads.items():
        client.restore(key, 0, payload)


def length(size):
    """An RDB length."""
    if size < 64:
        return bytes([size])
    if size < 16384:
        return bytes([0x40 | size >> 8, size & 0xff])
    return b"\x80" + size.to_bytes(4, "big")


def file_of(payloads, version):
    """An RDB file with the values that payloads hold: each begins with the type and ends with two
    bytes of version and eight of checksum."""
    keys = b"".join(payload[:1] + length(len(key)) + key + payload[1:-10]
                    for key, payload in payloads.items())
    return b"REDIS%04d" % version + b"\xfe\x00" + keys + END


class RdbTest(harness.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def assert_same(self, ours, theirs, version=10):
        counters = version >= WITH_COUNTERS
        expected, got = picture(theirs, counters), picture(ours, counters)
        self.assertEqual(sorted(expected), sorted(got))
        for key in expected:
            self.assertEqual(expected[key], got[key], f"key {key}, seed {SEED}")

    def test_redis_payloads_are_restored_here(self):
        redis, henge = self.redis().client(), self.henge().client()
        fill(redis, self.random, KEYS)
        restore_all(henge, dumps(redis))
        self.assert_same(henge, redis)

    def test_our_payloads_are_restored_by_redis(self):
        henge = self.henge().client()
        fill(henge, self.random, KEYS)
        for version in VERSIONS_FOR_REDIS_7_0:
            for compression in ("yes", "no"):
                henge.config_set("rdb-version", version)
                henge.config_set("rdbcompression", compression)
                redis = self.redis({"sanitize-dump-payload": "yes"}).client()
                restore_all(redis, dumps(henge))
                self.assert_same(henge, redis, version)

    def test_our_payloads_come_back_here(self):
        henge, other = self.henge().client(), self.henge().client()
        fill(henge, self.random, KEYS)
        set_limits(other)
        for version in (9, 10, 11, 12):
            henge.config_set("rdb-version", version)
            other.flushall()
            restore_all(other, dumps(henge))
            self.assert_same(other, henge, version)
            for key in henge.keys("*"):
                if henge.type(key) == b"string":
                    continue  # Of which APPEND and its kin make raw ones.
                self.assertEqual(henge.object("encoding", key), other.object("encoding", key), key)

    def test_redis_accepts_a_file_of_our_values(self):
        henge = self.henge().client()
        fill(henge, self.random, KEYS)
        for version in VERSIONS_FOR_REDIS_7_0:
            henge.config_set("rdb-version", version)
            redis = self.redis()
            path = os.path.join(redis.folder, "dump.rdb")
            redis.kill()
            with open(path, "wb") as file:
                file.write(file_of(dumps(henge), version))
            checked = subprocess.run(["redis-check-rdb", path], capture_output=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stdout)
            redis.start()
            self.assert_same(henge, redis.client(), version)

    def move_file(self, source, target, version=10):
        """Saves at the source and starts the target on that file."""
        source.client().save()
        target.kill()
        shutil.copy(os.path.join(source.folder, "dump.rdb"), target.folder)
        target.start()
        self.assert_same(source.client(), target.client(), version)

    def test_redis_loads_our_file(self):
        henge = self.henge()
        fill(henge.client(), self.random, KEYS)
        for version in VERSIONS_FOR_REDIS_7_0:
            henge.client().config_set("rdb-version", version)
            self.move_file(henge, self.redis(), version)
            checked = subprocess.run(
                ["redis-check-rdb", os.path.join(henge.folder, "dump.rdb")], capture_output=True,
                check=False)
            self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_we_load_the_file_of_redis(self):
        redis = self.redis()
        fill(redis.client(), self.random, KEYS)
        self.move_file(redis, self.henge())

    def test_fields_keep_their_deadlines_in_a_file(self):
        henge = self.henge()
        client = henge.client()
        for name, fields in (("small", 5), ("large", 2000)):
            client.hset(name, mapping={f"f{i}": i for i in range(fields)})
            client.execute_command("HPEXPIREAT", name, 4_000_000_000_000, "FIELDS", 2, "f1", "f3")
        before = picture(client)
        client.save()
        henge.kill()
        client = henge.start().client()
        self.assertEqual(picture(client), before)
        for name in ("small", "large"):
            self.assertEqual(
                client.execute_command("HPEXPIRETIME", name, "FIELDS", 3, "f0", "f1", "f3"),
                [-1, 4_000_000_000_000, 4_000_000_000_000])

    def check(self, path):
        return subprocess.run([harness.henge_binary(), "--check-rdb", path], capture_output=True,
                              text=True, check=False)

    def test_files_of_redis_are_checked(self):
        redis = self.redis({"rdbcompression": self.random.choice(("yes", "no"))})
        client = redis.client()
        fill(client, self.random, KEYS)
        client.pexpireat(client.keys("*")[0], 4_000_000_000_000)
        client.function_load("#!lua name=lib\nredis.register_function('f', function() end)")
        client.save()
        path = os.path.join(redis.folder, "dump.rdb")
        checked = self.check(path)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn(f"{client.dbsize()} keys, 1 of them with a deadline; 1 functions",
                      checked.stdout)
        with open(path, "r+b") as file:
            file.seek(-30, os.SEEK_END)
            inverted = bytes(255 - byte for byte in file.read(1))
            file.seek(-30, os.SEEK_END)
            file.write(inverted)
        damaged = self.check(path)
        self.assertEqual(damaged.returncode, 1)
        self.assertRegex(damaged.stderr, "offset [0-9]+: ")

    def test_what_is_no_file_is_said(self):
        self.assertEqual(self.check("/nowhere").returncode, 1)
        self.assertEqual(self.check("/dev/null").returncode, 1)


if __name__ == "__main__":
    harness.main()
