#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The replication backlog on disk (repl-backlog-disk-size): long absences, and disks that are full."""
import os
import resource
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import harness  # noqa: E402  Found through the path above.

VALUE = "x" * 10_000
MISSED = 3000  # Writes, many times the backlog in memory.
DISK = 64 << 20


def info(server, section="replication"):
    return server.client().info(section)


def is_up(server):
    return info(server).get("master_link_status") == "up"


def digest(server):
    return server.client().execute_command("DEBUG", "DIGEST")


def write(server, count, name="big"):
    pipe = server.client().pipeline(transaction=False)
    for n in range(count):
        pipe.set(f"{name}{n % 100}", VALUE + str(n))
        if n % 100 == 99:
            pipe.execute()
    pipe.execute()


class BacklogTest(harness.TestCase):
    streams = True

    def pair(self, disk=DISK):
        grpc = {"repl-grpc": "yes" if self.streams else "no"}
        leader = self.henge({"repl-backlog-size": 20_000, "repl-backlog-disk-size": disk, **grpc})
        follower = self.henge(grpc)
        follower.client().execute_command("REPLICAOF", "127.0.0.1", leader.port)
        harness.wait_until(lambda: is_up(follower), 20, "the link")
        return leader, follower

    def send_away(self, leader, follower):
        follower.pause()
        leader.client().execute_command("CLIENT", "KILL", "TYPE", "replica")
        harness.wait_until(lambda: info(leader)["connected_slaves"] == 0, 20, "the cut")

    def await_same(self, leader, follower):
        harness.wait_until(lambda: is_up(follower), 30, "the link")
        harness.wait_until(
            lambda: info(leader)["master_repl_offset"] == info(follower)["master_repl_offset"], 30)
        self.assertEqual(digest(leader), digest(follower))

    def counts(self, leader):
        stats = info(leader, "stats")
        return stats["sync_full"], stats["sync_partial_ok"]

    def test_a_long_absence_costs_what_was_missed(self):
        leader, follower = self.pair()
        write(leader, 100)
        self.await_same(leader, follower)
        before = info(follower)["master_repl_offset"]
        for round in 1, 2:
            self.send_away(leader, follower)
            write(leader, MISSED)
            said = info(leader)
            self.assertLessEqual(said["repl_backlog_first_byte_offset"], before + 1)
            self.assertEqual(said["repl_backlog_first_byte_offset"] + said["repl_backlog_histlen"],
                             said["master_repl_offset"] + 1)
            self.assertEqual(said["repl_backlog_disk_size"], DISK)
            follower.resume()
            self.await_same(leader, follower)
            write(leader, 100, "behind")
            self.await_same(leader, follower)
            self.assertEqual(self.counts(leader), (1, round))

    def test_one_beyond_its_size_costs_a_full_copy(self):
        leader, follower = self.pair(disk=4 << 20)
        self.send_away(leader, follower)
        write(leader, MISSED)
        harness.wait_until(lambda: info(leader)["repl_backlog_disk_bytes"] <= 6 << 20)
        follower.resume()
        self.await_same(leader, follower)
        self.assertEqual(self.counts(leader), (2, 0))

    def test_a_full_disk_ends_it_and_nothing_else(self):
        leader, follower = self.pair()
        write(leader, 500)
        harness.wait_until(lambda: info(leader)["repl_backlog_disk_bytes"] > 4_000_000)
        pid = leader.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
        write(leader, 500)
        harness.wait_until(lambda: "not kept on disk for now" in leader.log(1000), 10, "the log line")
        self.assertEqual(info(leader)["repl_backlog_disk_bytes"], 0)
        self.assertEqual(leader.log(1000).count("not kept on disk for now"), 1)
        self.await_same(leader, follower)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        leader.client().set("there", "is room")
        harness.wait_until(lambda: info(leader)["repl_backlog_disk_bytes"] > 0, 20)
        self.await_same(leader, follower)
        self.send_away(leader, follower)
        write(leader, MISSED)
        follower.resume()
        self.await_same(leader, follower)
        self.assertEqual(self.counts(leader), (1, 1))

    def test_it_leaves_no_files_and_can_be_turned_off(self):
        leader, follower = self.pair()
        write(leader, 500)
        harness.wait_until(lambda: info(leader)["repl_backlog_disk_bytes"] > 4_000_000)
        self.assertEqual([name for name in os.listdir(leader.folder) if "backlog" in name], [])
        leader.client().config_set("repl-backlog-disk-size", 0)
        harness.wait_until(lambda: "repl_backlog_disk_bytes" not in info(leader))
        self.send_away(leader, follower)
        write(leader, MISSED)
        follower.resume()
        self.await_same(leader, follower)
        self.assertEqual(self.counts(leader), (2, 0))


class PsyncBacklogTest(BacklogTest):
    """The same in Redis's protocol."""

    streams = False


if __name__ == "__main__":
    harness.main()
