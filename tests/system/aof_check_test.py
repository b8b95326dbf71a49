#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""henge-server --check-aof beside redis-check-aof, on append-only files that Debian's Redis wrote and
on what is left of them: the same verdict, and the same offset up to which all is good.

    aof_check_test.py [SERVER]
"""
import os
import random
import re
import shutil
import subprocess

import harness

SEED = int(os.environ.get("HENGE_SEED", "20261121"))
SET = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
MULTI, EXEC = b"*1\r\n$5\r\nMULTI\r\n", b"*1\r\n$4\r\nEXEC\r\n"


def good_until(output):
    """The last file's; None where no analysis was printed."""
    found = re.findall(r"ok_up_to=(\d+)", output)
    return int(found[-1]) if found else None


class AofCheckTest(harness.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def run_tool(self, command, *args, answer="y\n"):
        done = subprocess.run([*command, *args], capture_output=True, text=True, errors="replace",
                              input=answer, check=False, timeout=60)
        return done.returncode, done.stdout

    def ours(self, *args, answer="y\n"):
        return self.run_tool([harness.henge_binary(), "--check-aof"], *args, answer=answer)

    def theirs(self, *args, answer="y\n"):
        return self.run_tool(["redis-check-aof"], *args, answer=answer)

    def assert_same_verdict(self, path, note=""):
        our_code, our_output = self.ours(path)
        their_code, their_output = self.theirs(path)
        about = f"{note}, seed {SEED}\n{our_output}\n{their_output}"
        self.assertEqual(our_code, their_code, about)
        self.assertEqual(good_until(our_output), good_until(their_output), about)

    def folder_of_redis(self):
        """A multi-part AOF with a base in RDB's form, and two increments."""
        redis = self.redis({"appendonly": "yes", "appendfsync": "always", "save": "",
                            "auto-aof-rewrite-percentage": "0"})
        client = redis.client()
        for i in range(100):
            client.set(f"a{i}", "x" * self.random.randrange(100))
        client.bgrewriteaof()
        harness.wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        for i in range(100):
            pipe = client.pipeline(transaction=i % 5 == 0)
            pipe.set(f"b{i}", "y" * self.random.randrange(100))
            pipe.rpush("list", i, "\r\n")
            pipe.execute()
        client.config_set("aof-timestamp-enabled", "yes")
        client.set("last", 1)
        redis.kill()
        return os.path.join(redis.folder, "appendonlydir")

    def parts(self, folder):
        """The manifest, and the last increment."""
        names = sorted(os.listdir(folder))
        manifest = next(name for name in names if name.endswith(".manifest"))
        return os.path.join(folder, manifest), os.path.join(
            folder, [name for name in names if name.endswith(".incr.aof")][-1])

    def test_what_redis_wrote_is_valid(self):
        manifest, increment = self.parts(self.folder_of_redis())
        code, output = self.ours(manifest)
        self.assertEqual(code, 0, output)
        self.assertIn("Start to check BASE AOF (RDB format).", output)
        self.assertIn("All AOF files and manifest are valid", output)
        self.assert_same_verdict(increment)

    def test_every_tear_is_judged_as_redis_does(self):
        _, increment = self.parts(self.folder_of_redis())
        with open(increment, "rb") as file:
            whole = file.read()
        for _ in range(40):
            size = self.random.randrange(1, len(whole))
            with open(increment, "wb") as file:
                file.write(whole[:size])
            if b"#" in whole[size - 30:size] and not whole[:size].endswith(b"\n"):
                continue  # A torn annotation is fine with Redis; but what it appends would be lost.
            self.assert_same_verdict(increment, f"cut at {size}")

    def test_damage_is_judged_as_redis_does(self):
        path = os.path.join(self.folder(), "damaged.aof")
        for content in (SET + b"!!!", SET + b"*3\r\n+SET", SET + EXEC, MULTI + SET, MULTI + MULTI,
                        SET + MULTI + SET + EXEC, SET + b"*1\r\n$2\r\nabc\r\n", SET + b"*3\r\n\0\0\0",
                        b"#TS:1700000000\r\n" + SET):
            with open(path, "wb") as file:
                file.write(content)
            self.assert_same_verdict(path, repr(content))

    def test_fix_cuts_what_redis_would_cut_and_keeps_it(self):
        manifest, increment = self.parts(self.folder_of_redis())
        with open(increment, "ab") as file:
            file.write(SET[:-3])
        size = os.path.getsize(increment)
        self.assertEqual(self.ours("--fix", manifest, answer="n\n")[0], 1)
        self.assertEqual(os.path.getsize(increment), size)
        code, output = self.ours("--fix", manifest)
        self.assertEqual(code, 0, output)
        self.assertEqual(os.path.getsize(increment), size - len(SET) + 3)
        with open(f"{increment}.cut-{size - len(SET) + 3}", "rb") as file:
            self.assertEqual(file.read(), SET[:-3])
        code, output = self.theirs(manifest)
        self.assertEqual(code, 0, output)

    def test_a_length_that_points_behind_the_end_is_damage_if_commands_follow(self):
        """Where Redis sees a tear, and would drop them."""
        path = os.path.join(self.folder(), "flipped.aof")
        with open(path, "wb") as file:
            file.write(SET + SET.replace(b"$1", b"$9999", 1) + SET * 3)
        code, output = self.ours(path)
        self.assertEqual(code, 1)
        self.assertIn("among them whole commands", output)
        self.assertEqual(good_until(output), len(SET))

    def test_arguments(self):
        for args in ((), ("--fox", "file"), ("a", "b", "c", "d")):
            code, output = self.ours(*args)
            self.assertEqual(code, 1)
            self.assertIn("Usage: ", output)
        self.assertEqual(self.ours("/nowhere")[0], 1)

    def folder(self):
        path = os.path.join(self.redis().folder, "files")
        os.mkdir(path)
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path


if __name__ == "__main__":
    harness.main()
