#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The cluster that `make run` starts, used as a newcomer uses it: scripts/run, Redis's own tools,
redis-py's cluster client, scripts/stop.
"""
import re

import harness
from local_cluster import LocalCluster, tool
from redis.cluster import RedisCluster

SLOTS = 16384


class ClusterClientsTest(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = LocalCluster()
        cls.addClassCleanup(cls.cluster.close)
        cls.output = cls.cluster.start()

    def tearDown(self):
        for port in self.cluster.ports:
            tool("redis-cli", "-p", port, "FLUSHALL")

    def cli(self, *words, node=0, stdin=None):
        return tool("redis-cli", "-c", "-p", self.cluster.ports[node], *words, stdin=stdin).strip()

    def redis_py(self):
        client = RedisCluster(host="127.0.0.1", port=self.cluster.port, decode_responses=True)
        self.addCleanup(client.close)
        return client

    # --- scripts/run -------------------------------------------------------------------------

    def test_run_says_what_to_type(self):
        typed = re.findall(r"^ +(redis-cli .*?)(?: +#.*)?$", self.output, re.M)
        self.assertEqual(len(typed), 3)
        answers = [tool(*command.split()).strip() for command in typed]
        self.assertEqual(answers[:2], ["OK", "hello"])
        self.assertIn("keys in 3 masters", answers[2])

    def test_run_refuses_to_start_twice(self):
        code, output = self.cluster.script("run")
        self.assertEqual(code, 1)
        self.assertIn("runs already", output)

    def test_run_and_stop_leave_nothing(self):
        other = LocalCluster()
        self.addCleanup(other.close)
        self.assertEqual(other.script("run")[0], 0)
        self.assertEqual(other.script("stop"), (0, ""))
        harness.wait_until(lambda: all(harness.is_free(port) for port in other.ports))
        self.assertEqual(other.script("stop"), (0, ""))

    def test_run_tells_why_a_node_does_not_start(self):
        other = LocalCluster()
        self.addCleanup(other.close)
        with harness.Redis(port=other.port + 1):
            code, output = other.script("run")
        self.assertEqual(code, 1)
        self.assertIn("node n2 has ended", output)
        self.assertIn("Failed listening on port", output)
        self.assertTrue(harness.is_free(other.port))

    # --- redis-cli ---------------------------------------------------------------------------

    def test_keys_of_all_slots_through_any_node(self):
        for i in range(60):
            self.assertEqual(self.cli("SET", f"key:{i}", i, node=i % 3), "OK")
        for i in range(60):
            self.assertEqual(self.cli("GET", f"key:{i}", node=(i + 1) % 3), str(i))
        sizes = [int(tool("redis-cli", "-p", port, "DBSIZE")) for port in self.cluster.ports]
        self.assertEqual(sum(sizes), 60)
        self.assertGreater(min(sizes), 5)

    def test_a_session_follows_its_keys_and_a_transaction_holds(self):
        # GET takes redis-cli to the key's node, where MULTI then begins.
        script = "SET a 1\nSET b 2\nGET {t}x\nMULTI\nINCR {t}x\nINCR {t}x\nEXEC\nGET b\nGET a\n"
        lines = [line for line in self.cli(stdin=script).split("\n")
                 if line and not line.startswith("-> Redirected")]
        self.assertEqual(lines, ["OK", "OK", "OK", "QUEUED", "QUEUED", "1", "2", "2", "1"])

    def test_cluster_check_and_info(self):
        address = f"127.0.0.1:{self.cluster.port}"
        check = tool("redis-cli", "--cluster", "check", address)
        self.assertIn("[OK] All nodes agree about slots configuration.", check)
        self.assertIn("[OK] All 16384 slots covered.", check)
        self.assertIn("keys in 3 masters", tool("redis-cli", "--cluster", "info", address))
        called = tool("redis-cli", "--cluster", "call", address, "PING")
        self.assertEqual(called.count("PONG"), 3)

    def test_load_per_node_is_bounded(self):
        check = tool("redis-cli", "--cluster", "info", f"127.0.0.1:{self.cluster.port}")
        slots = [int(number) for number in re.findall(r"\| (\d+) slots", check)]
        self.assertEqual(sum(slots), SLOTS)
        self.assertLessEqual(max(slots), 1.1 * SLOTS / 3)

    # --- redis-benchmark ---------------------------------------------------------------------

    def test_benchmark_pipelined(self):
        for port in self.cluster.ports:
            tool("redis-cli", "-p", port, "CONFIG", "RESETSTAT")
        said = tool("redis-benchmark", "--cluster", "-p", self.cluster.port, "-n", "100000",
                    "-P", "16", "-r", "10000", "-t", "set,get,incr,mset", "-q")
        self.assertIn("Cluster has 3 master nodes", said)
        for name in ("SET", "GET", "INCR", "MSET"):
            self.assertRegex(said, rf"{name}[^\n]*: [\d.]+ requests per second")
        # In cluster mode it counts errors as answers; so ask the nodes.
        for port in self.cluster.ports:
            stats = tool("redis-cli", "-p", port, "INFO", "commandstats")
            for name in ("set", "get", "incr", "mset"):
                self.assertRegex(stats, rf"cmdstat_{name}:calls=[1-9]\d+,.*"
                                        r"rejected_calls=0,failed_calls=0")

    # --- redis-py ----------------------------------------------------------------------------

    def test_redis_py_keys(self):
        client = self.redis_py()
        self.assertEqual(len(client.get_primaries()), 3)
        for i in range(300):
            self.assertTrue(client.set(f"py:{i}", i))
        self.assertEqual([client.get(f"py:{i}") for i in range(300)], [str(i) for i in range(300)])
        self.assertEqual(len(client.keys("py:1*", target_nodes=RedisCluster.PRIMARIES)), 111)
        self.assertEqual(sorted(client.scan_iter("py:*", count=7)),
                         sorted(f"py:{i}" for i in range(300)))
        self.assertEqual(client.dbsize(target_nodes=RedisCluster.PRIMARIES), 300)
        self.assertEqual(client.delete(*(f"py:{i}" for i in range(10))), 10)
        self.assertEqual(client.exists("py:9", "py:10", "py:11"), 2)

    def test_redis_py_many_slots_at_once(self):
        client = self.redis_py()
        values = {f"many:{i}": str(i) for i in range(100)}
        client.mset_nonatomic(values)
        self.assertEqual(client.mget_nonatomic(list(values)), list(values.values()))
        with client.pipeline() as pipe:
            for key in values:
                pipe.incr(key)
            self.assertEqual(pipe.execute(), [i + 1 for i in range(100)])
        self.assertEqual(client.mget("{tag}a", "{tag}b"), [None, None])

    def test_redis_py_knows_slots_as_the_nodes_do(self):
        client = self.redis_py()
        for key in ("foo", "{user}:1", "a{b}c{d}", "{}x", "ünïcode"):
            slot = int(tool("redis-cli", "-p", self.cluster.port, "CLUSTER", "KEYSLOT", key))
            self.assertEqual(client.keyslot(key), slot)
            owner = client.get_node_from_key(key)
            self.assertIsNone(client.get(key))
            self.assertEqual(int(tool("redis-cli", "-p", owner.port, "CLUSTER", "COUNTKEYSINSLOT",
                                      slot)), 0)


if __name__ == "__main__":
    harness.main()
