#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/operating/migrate-from-redis.md, under load: nothing acknowledged is lost."""
import os
import re
import subprocess
import threading

import harness

PAGE = os.path.join(harness.ROOT, "docs/operating/migrate-from-redis.md")


def blocks():
    """The page's commands, block by block, without comments."""
    with open(PAGE, encoding="utf-8") as page:
        found = re.findall(r"```sh\n(.*?)```", page.read(), re.DOTALL)
    return [[line.split("  #")[0].strip() for line in block.splitlines()] for block in found]


class Writer(threading.Thread):
    """Counts up in as many keys as it can, wherever it is sent; remembers what was acknowledged."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.acknowledged = {}
        self.stop = threading.Event()

    def run(self):
        number = 0
        while not self.stop.is_set():
            server = self.server
            try:
                with server.client(socket_timeout=1) as client:
                    while not self.stop.is_set() and self.server is server:
                        number += 1
                        client.set(f"key:{number % 500}", number)
                        self.acknowledged[f"key:{number % 500}"] = number
            except harness.redis.exceptions.RedisError:
                pass  # Paused for longer than it waits, or a replica: it tries again.


class MigrateTest(harness.TestCase):
    def run_lines(self, lines):
        output = []
        for line in lines:
            for port, server in (("6379", self.old), ("6390", self.new)):
                line = line.replace(f"-p {port}", f"-p {server.port}").replace(
                    f"127.0.0.1 {port}", f"127.0.0.1 {server.port}")
            done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=30,
                                  check=False)
            output.append(done.stdout)
            self.assertNotIn("ERR", done.stdout, line)
        return output

    def assert_has_all(self, server, writer):
        with server.client() as client:
            for key, number in writer.acknowledged.items():
                self.assertGreaterEqual(int(client.get(key) or 0), number, key)

    def test_there_and_back(self):
        self.old = self.redis({"repl-diskless-sync-delay": 0})
        self.new = self.henge()
        start, switch, back = blocks()
        self.assertTrue(start[0].startswith("henge-server"))  # The harness has started it.
        writer = Writer(self.old)
        writer.start()
        self.run_lines(start[1:2])
        harness.wait_until(lambda: "master_link_status:up" in self.run_lines(start[2:])[0], 30)

        paused, theirs, ours, promoted = switch
        self.run_lines([paused])
        harness.wait_until(
            lambda: [re.search(r":(\d+)", text).group(1) for text in self.run_lines([theirs])]
            == [re.search(r":(\d+)", text).group(1) for text in self.run_lines([ours])])
        self.run_lines([promoted])
        writer.server = self.new
        self.assert_has_all(self.new, writer)
        seen = max(writer.acknowledged.values())
        harness.wait_until(lambda: max(writer.acknowledged.values()) > seen + 1000, 30)

        self.run_lines(back)
        harness.wait_until(
            lambda: self.old.client().info("replication").get("master_link_status") == "up", 30)
        writer.stop.set()
        writer.join(10)
        harness.wait_until(lambda: self.old.client().info("replication")["slave_repl_offset"]
                           == self.new.client().info("replication")["master_repl_offset"], 30)
        self.assert_has_all(self.old, writer)
        self.assertEqual(self.new.client().info("stats")["sync_partial_ok"], 1, "no full copy back")
        self.assertEqual(self.old.client().execute_command("DEBUG", "DIGEST"),
                         self.new.client().execute_command("DEBUG", "DIGEST"))


if __name__ == "__main__":
    harness.main()
