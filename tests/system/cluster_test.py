#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three nodes from one list of members: what cluster clients see, and what a dead node changes.

Usage: cluster_test.py SERVER [unittest arguments]
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import harness
import redis
from redis.cluster import ClusterNode, RedisCluster

SERVER = None
NAMES = ("n1", "n2", "n3")
SLOTS = 16384
NODE_TIMEOUT_MS = 1500


def free_ports(count):
    """Pairs of a client port and the bus port above it."""
    return [(port, port + 10000) for port in (harness.free_port() for _ in range(count))]


def until(condition, what, seconds=15):
    """Polls until the condition holds; an error of the client means "not yet"."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
            last = None
        except (redis.RedisError, OSError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what} ({last})")


def run(*command, stdin=None):
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120,
                          check=False)


def replies(node, script):
    """What redis-cli prints for the script's commands, on one connection."""
    lines = run("redis-cli", "-p", str(node.port), stdin=script).stdout.split("\n")
    return [line for line in lines if line]


class Node:
    """One server process of the cluster."""

    def __init__(self, cluster, name, port, bus_port):
        self.cluster, self.name, self.port, self.bus_port = cluster, name, port, bus_port
        self.process = None
        self.client = redis.Redis(port=port, socket_timeout=10, decode_responses=True)
        self.client.response_callbacks.clear()  # Replies as they are on the wire.

    def start(self):
        path = os.path.join(self.cluster.directory, self.name + ".log")
        with open(path, "ab") as log:
            self.process = subprocess.Popen(
                [SERVER, *self.cluster.arguments(self)],
                cwd=self.cluster.directory, stdout=log, stderr=log)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def command(self, *words):
        return self.client.execute_command(*words)

    def info(self):
        lines = self.command("CLUSTER", "INFO").split("\r\n")
        return dict(line.split(":") for line in lines if line)

    def nodes(self):
        """CLUSTER NODES by port: the fields of each line."""
        lines = [line.split(" ") for line in self.command("CLUSTER", "NODES").splitlines()]
        return {int(fields[1].split("@")[0].split(":")[1]): fields for fields in lines}


class Cluster:
    """Three nodes in a directory of their own."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="henge-cluster-")
        self.nodes = [Node(self, name, *ports)
                      for name, ports in zip(NAMES, free_ports(len(NAMES)))]

    def arguments(self, node):
        members = " ".join(f"{n.name}=127.0.0.1:{n.port}@{n.bus_port}" for n in self.nodes)
        return ["--port", str(node.port), "--bind", "127.0.0.1", "--io-threads", "2",
                "--cluster-enabled", "yes", "--cluster-self", node.name,
                "--cluster-config-file", node.name, "--cluster-nodes", members, "--cluster-node-timeout", str(NODE_TIMEOUT_MS)]

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait_until_whole()

    def wait_until_whole(self):
        for node in self.nodes:
            until(lambda n=node: n.info()["cluster_state"] == "ok" and
                  all(fields[7] == "connected" for fields in n.nodes().values()),
                  f"{node.name} sees a whole cluster")

    def stop(self):
        for node in self.nodes:
            node.kill()
            node.client.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def owner_of(self, slot):
        for first, last, endpoint in self.nodes[0].command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(n for n in self.nodes if n.port == endpoint[1])
        raise AssertionError(f"slot {slot} has no owner")

    def owner_and_stranger(self, key):
        slot = self.nodes[0].command("CLUSTER", "KEYSLOT", key)
        owner = self.owner_of(slot)
        return slot, owner, next(n for n in self.nodes if n is not owner)


class ClusterTest(unittest.TestCase):
    """Each test leaves the cluster whole and its keys behind."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()

    # --- What the nodes say ------------------------------------------------------------------

    def test_nodes_agree_on_slots(self):
        first, *others = [node.command("CLUSTER", "SLOTS") for node in self.cluster.nodes]
        for other in others:
            self.assertEqual(first, other)
        covered = [slot for start, end, _ in first for slot in range(start, end + 1)]
        self.assertEqual(covered, list(range(SLOTS)))
        self.assertEqual({endpoint[1] for _, _, endpoint in first},
                         {node.port for node in self.cluster.nodes})

    def test_notations_agree(self):
        node = self.cluster.nodes[1]
        by_id = {}
        for start, end, (host, port, node_id, metadata) in node.command("CLUSTER", "SLOTS"):
            self.assertEqual((host, metadata), ("127.0.0.1", []))
            by_id.setdefault(node_id, []).append((start, end))
        for shard in node.command("CLUSTER", "SHARDS"):
            shard = dict(zip(shard[::2], shard[1::2]))
            member = dict(zip(shard["nodes"][0][::2], shard["nodes"][0][1::2]))
            ranges = list(zip(shard["slots"][::2], shard["slots"][1::2]))
            self.assertEqual(ranges, by_id[member["id"]])
            self.assertEqual((member["role"], member["health"]), ("master", "online"))
        for port, fields in node.nodes().items():
            ends = [text.split("-") for text in fields[8:]]
            ranges = [(int(end[0]), int(end[-1])) for end in ends]
            self.assertEqual(ranges, by_id[fields[0]])
            self.assertEqual(fields[2], "myself,master" if port == node.port else "master")

    def test_identity_and_links(self):
        ids = [node.command("CLUSTER", "MYID") for node in self.cluster.nodes]
        self.assertEqual(len(set(ids)), 3)
        for node, node_id in zip(self.cluster.nodes, ids):
            self.assertEqual(node.nodes()[node.port][0], node_id)
            links = [dict(zip(link[::2], link[1::2])) for link in node.command("CLUSTER", "LINKS")]
            self.assertEqual({link["node"] for link in links}, set(ids) - {node_id})
            info = node.info()
            self.assertEqual((info["cluster_known_nodes"], info["cluster_size"]), ("3", "3"))
            self.assertGreater(int(info["cluster_stats_messages_sent"]), 0)

    def test_a_slot_given_away_is_gone_for_all(self):
        node = self.cluster.nodes[0]
        slot = int(node.nodes()[node.port][8].split("-")[0])
        node.command("CLUSTER", "DELSLOTS", slot)
        for other in self.cluster.nodes:
            until(lambda other=other: other.info()["cluster_slots_assigned"] == str(SLOTS - 1), "all know")
        node.command("CLUSTER", "ADDSLOTS", slot)
        self.cluster.wait_until_whole()

    # --- Redirections ------------------------------------------------------------------------

    def test_moved(self):
        slot, owner, stranger = self.cluster.owner_and_stranger("{moved}")
        with self.assertRaises(redis.ResponseError) as caught:
            stranger.command("SET", "{moved}a", 1)
        self.assertEqual(str(caught.exception), f"MOVED {slot} 127.0.0.1:{owner.port}")
        self.assertEqual(owner.command("SET", "{moved}a", 1), "OK")

    def test_several_keys(self):
        _, owner, _ = self.cluster.owner_and_stranger("{many}")
        self.assertEqual(owner.command("DEL", "{many}a", "{many}b"), 0)
        with self.assertRaisesRegex(redis.ResponseError, "don't hash to the same slot"):
            owner.command("DEL", "{many}a", "b", "c")

    def test_transaction_on_the_wrong_node(self):
        slot, owner, stranger = self.cluster.owner_and_stranger("{tx}")
        script = "MULTI\nSET {tx}a 1\nEXEC\n"
        moved = f"MOVED {slot} 127.0.0.1:{owner.port}"
        answers = replies(stranger, script)
        self.assertEqual(answers[:2], ["OK", moved])
        self.assertTrue(answers[2].startswith("EXECABORT"), answers)
        self.assertEqual(replies(owner, script), ["OK", "QUEUED", "OK"])

    def test_transaction_over_slots(self):
        _, owner, _ = self.cluster.owner_and_stranger("{tx}")
        other = next(f"{{tx{i}}}" for i in range(1000)
                     if self.cluster.owner_and_stranger(f"{{tx{i}}}")[1] is owner)
        script = f"MULTI\nSET {{tx}}a 1\nSET {other} 2\nEXEC\n"
        answers = replies(owner, script)
        self.assertEqual(answers[:3], ["OK", "QUEUED", "QUEUED"])
        self.assertTrue(answers[3].startswith("CROSSSLOT"), answers)

    # --- Clients -----------------------------------------------------------------------------

    def test_redis_cli_follows(self):
        port = str(self.cluster.nodes[0].port)
        for i in range(30):
            done = run("redis-cli", "-c", "-p", port, "SET", f"followed:{i}", str(i))
            self.assertEqual(done.stdout.strip(), "OK", done.stderr)
        port = str(self.cluster.nodes[2].port)
        for i in range(30):
            done = run("redis-cli", "-c", "-p", port, "GET", f"followed:{i}")
            self.assertEqual(done.stdout.strip(), str(i), done.stderr)

    def test_redis_cli_check(self):
        done = run("redis-cli", "--cluster", "check", f"127.0.0.1:{self.cluster.nodes[1].port}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("All 16384 slots covered", done.stdout)

    def test_redis_benchmark(self):
        done = run("redis-benchmark", "--cluster", "-p", str(self.cluster.nodes[0].port),
                   "-n", "3000", "-c", "6", "-r", "10000", "-t", "set,get", "-q")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("3 master nodes", done.stdout)
        self.assertRegex(done.stdout, r"SET: [\d.]+ requests per second")
        self.assertRegex(done.stdout, r"GET: [\d.]+ requests per second")

    def test_redis_py(self):
        start = [ClusterNode("127.0.0.1", self.cluster.nodes[0].port)]
        with RedisCluster(startup_nodes=start, decode_responses=True) as client:
            for i in range(1000):
                client.set(f"py:{i}", i)
            for i in range(1000):
                self.assertEqual(client.get(f"py:{i}"), str(i))
            self.assertEqual(len(client.get_primaries()), 3)

    # --- Failures ----------------------------------------------------------------------------

    def test_a_node_dies_and_returns(self):
        witness, dead = self.cluster.nodes[0], self.cluster.nodes[2]
        mine = next(f"alive:{i}" for i in range(1000)
                    if self.cluster.owner_and_stranger(f"alive:{i}")[1] is witness)
        dead.kill()
        self.addCleanup(self.cluster.wait_until_whole)
        self.addCleanup(lambda: dead.process is None and dead.start())
        until(lambda: witness.nodes()[dead.port][7] == "disconnected", "the link is down")
        until(lambda: witness.info()["cluster_state"] == "fail", "the cluster is down")
        until(lambda: witness.nodes()[dead.port][2] == "master,fail", "it is judged")
        self.assertGreater(int(witness.info()["cluster_slots_fail"]), 0)
        with self.assertRaisesRegex(redis.RedisError, "cluster is down"):
            witness.command("SET", mine, 1)
        dead.start()
        self.cluster.wait_until_whole()
        self.assertEqual(witness.nodes()[dead.port][2], "master")
        self.assertEqual(witness.command("SET", mine, 1), "OK")


class LonelyNodeTest(unittest.TestCase):
    """--cluster-enabled without members: Redis's cluster of one, without slots."""

    def start(self, *options):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.stop)
        node = self.node = self.cluster.nodes[0]
        self.cluster.arguments = lambda _: ["--port", str(node.port), "--bind", "127.0.0.1",
                                            "--cluster-enabled", "yes", *options]
        node.start()
        until(lambda: node.command("PING"), "the node answers")

    def take_all_slots(self):
        self.node.command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        until(lambda: self.node.info()["cluster_state"] == "ok", "the cluster of one is whole")

    def test_a_hostname_is_an_endpoint_with_metadata(self):
        self.start("--cluster-announce-ip", "localhost")
        self.node.command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        [[first, last, endpoint]] = self.node.command("CLUSTER", "SLOTS")
        self.assertEqual((first, last), (0, SLOTS - 1))
        self.assertEqual(endpoint, ["localhost", self.node.port, self.node.command(
            "CLUSTER", "MYID"), ["hostname", "localhost"]])
        self.assertEqual(self.node.nodes()[self.node.port][1],
                         f"localhost:{self.node.port}@{self.node.bus_port},localhost")

    def test_the_endpoints_that_the_configuration_wants_are_told_from_the_start(self):
        self.start("--cluster-preferred-endpoint-type", "unknown-endpoint")
        self.take_all_slots()
        [[_, _, endpoint]] = self.node.command("CLUSTER", "SLOTS")
        self.assertIsNone(endpoint[0])

    def test_exec_asks_again_whose_slot_it_is(self):
        self.start()
        self.take_all_slots()
        slot = self.node.command("CLUSTER", "KEYSLOT", "a")
        with self.node.client.client() as session:
            session.response_callbacks.clear()
            session.execute_command("MULTI")
            self.assertEqual(session.execute_command("SET", "a", 1), "QUEUED")
            self.node.command("CLUSTER", "DELSLOTS", slot)
            with self.assertRaisesRegex(redis.RedisError, "slot not served"):
                session.execute_command("EXEC")
            with self.assertRaisesRegex(redis.RedisError, "EXEC without MULTI"):
                session.execute_command("EXEC")
        self.node.command("CLUSTER", "ADDSLOTS", slot)
        self.assertIsNone(self.node.command("GET", "a"))

    def test_reads_while_down(self):
        self.start("--cluster-allow-reads-when-down", "yes")
        self.take_all_slots()
        self.node.command("SET", "a", 1)
        self.node.command("CLUSTER", "DELSLOTS", 7)
        self.assertEqual(self.node.command("GET", "a"), "1")
        with self.assertRaisesRegex(redis.RedisError, "only accepts read commands"):
            self.node.command("SET", "a", 2)

    def test_slots_come_and_go(self):
        self.start()
        self.assertEqual(self.node.info()["cluster_state"], "fail")
        with self.assertRaisesRegex(redis.RedisError, "slot not served"):
            self.node.command("SET", "a", 1)
        self.take_all_slots()
        self.assertEqual(self.node.command("SET", "a", 1), "OK")
        slot = self.node.command("CLUSTER", "KEYSLOT", "a")
        self.assertEqual(self.node.command("CLUSTER", "GETKEYSINSLOT", slot, 10), ["a"])
        self.assertEqual(self.node.command("CLUSTER", "COUNTKEYSINSLOT", slot), 1)
        self.node.command("CLUSTER", "DELSLOTS", 7)
        with self.assertRaisesRegex(redis.RedisError, "cluster is down"):
            self.node.command("GET", "a")


if __name__ == "__main__":
    SERVER = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
