# SPDX-License-Identifier: Apache-2.0
"""deploy/prometheus and deploy/grafana against Debian's Prometheus and real nodes: the rules are right, every query of
every dashboard finds data, and each alert fires when its cause is made. `for` and ranges are short (prometheus_server.py)."""
import contextlib
import glob
import os
import subprocess
import sys
import threading

import yaml

import harness
from plain_group import Group, Node
from prometheus_server import FILES, Prometheus, dashboard_queries

DATA_SECONDS = 60
# What the well-known dashboard for redis_exporter asks (763 of grafana.com).
DASHBOARD_763 = [
    'max(max_over_time(redis_uptime_in_seconds{instance=~".*"}[10s]))',
    'sum(redis_connected_clients{instance=~".*"})',
    'sum(100 * (redis_memory_used_bytes{instance=~"small"} / redis_memory_max_bytes{instance=~"small"}))',
    'sum(rate(redis_commands_total{instance=~".*"}[10s])) by (cmd)',
    'irate(redis_keyspace_hits_total{instance=~".*"}[10s])',
    'irate(redis_keyspace_misses_total{instance=~".*"}[10s])',
    'redis_memory_used_bytes{instance=~".*"}',
    'redis_memory_max_bytes{instance=~".*"}',
    'sum(rate(redis_net_input_bytes_total{instance=~".*"}[10s]))',
    'sum(rate(redis_net_output_bytes_total{instance=~".*"}[10s]))',
    'sum(redis_db_keys{instance=~".*"}) by (db, instance)',
    'sum(redis_db_keys{instance=~".*"}) by (instance) - sum(redis_db_keys_expiring{instance=~".*"}) by (instance)',
    'sum(redis_db_keys_expiring{instance=~".*"}) by (instance)',
    'sum(rate(redis_expired_keys_total{instance=~".*"}[10s])) by (instance)',
    'sum(rate(redis_evicted_keys_total{instance=~".*"}[10s])) by (instance)',
    'topk(5, irate(redis_commands_total{instance=~".*"}[10s]))',
    'sum(irate(redis_commands_duration_seconds_total{instance=~".*"}[10s])) by (cmd)'
    ' / sum(irate(redis_commands_total{instance=~".*"}[10s])) by (cmd)',
    'sum(redis_blocked_clients{instance=~".*"})',
]


class GroupNode(Node):
    """A member of a group whose replies to writes wait for disk and followers, and which is scraped."""

    def __init__(self, name, ports):
        super().__init__(name, ports)
        self.metrics_port = harness.free_port()

    def command_line(self):
        return [*super().command_line(), "--metrics-port", str(self.metrics_port), "--appendonly", "yes",
                "--appendfsync", "always", "--enable-debug-command", "yes"]


class ScrapedTestCase(harness.TestCase):
    def setUp(self):
        self.targets = {}
        self.stop = threading.Event()

    def scraped(self, name, settings=None):
        """A node on its own, by its name in metrics."""
        port = harness.free_port()
        server = self.henge({"metrics-port": port, "io-threads": 1, **(settings or {})})
        self.targets[name] = port
        return server

    def scraped_group(self):
        group = Group(GroupNode)
        self.addCleanup(group.close)
        self.targets.update({node.node_name: node.metrics_port for node in group.nodes})
        return group

    def prometheus(self):
        """Cleanups run last in, first out: it ends before the nodes."""
        return self.enter(Prometheus(self.targets))

    def enter(self, context):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return stack.enter_context(context)

    def keep(self, work):
        """Calls it again and again until the test ends, in a thread."""
        def run():
            while not self.stop.is_set():
                with contextlib.suppress(harness.redis.exceptions.RedisError, OSError):
                    work()
                self.stop.wait(0.01)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.stop.set)


class FilesTest(harness.TestCase):
    def test_promtool_finds_configuration_and_rules_sound(self):
        self.promtool("check", "config", "prometheus.yml")
        self.promtool("test", "rules", *sorted(glob.glob(FILES + "/tests/*.yml")))

    def promtool(self, *words):
        done = subprocess.run(["promtool", *words], cwd=FILES, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_has_a_test(self):
        with open(FILES + "/alerts.yml", encoding="utf-8") as file:
            names = {rule["alert"] for group in yaml.safe_load(file)["groups"] for rule in group["rules"]}
        with open(FILES + "/tests/alerts_test.yml", encoding="utf-8") as file:
            fired = {case["alertname"] for test in yaml.safe_load(file)["tests"]
                     for case in test.get("alert_rule_test", []) if case.get("exp_alerts")}
        self.assertEqual(fired, names)

    def test_the_dashboards_are_what_their_script_writes(self):
        done = subprocess.run([sys.executable, os.path.join(harness.ROOT, "deploy/grafana/dashboards.py"), "--check"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


class DashboardsTest(ScrapedTestCase):
    def load(self, *servers):
        """What a cache sees: hits, misses, keys that expire, a mistake."""
        for server in servers:
            client = server.client()
            self.addCleanup(client.close)
            self.keep(lambda client=client: self.a_bit_of_all(client))

    @staticmethod
    def a_bit_of_all(client):
        pipe = client.pipeline(transaction=False)
        for i in range(20):
            pipe.set(f"key:{i}", "v" * 100)
            pipe.get(f"key:{i}")
            pipe.get(f"nothing:{i}")
            pipe.set(f"soon:{i}", "v", px=5)
        pipe.execute()
        client.execute_command("NOSUCHCOMMAND")

    def test_every_query_finds_data(self):
        group = self.scraped_group()
        small = self.scraped("small", {"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru"})
        cluster = self.scraped("cluster", {"cluster-enabled": "yes"})
        with cluster.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        self.load(group.leader(), small, cluster)
        prometheus = self.prometheus()
        queries = [*dashboard_queries(), *(("763", "", query) for query in DASHBOARD_763)]
        self.assertGreater(len(queries), 100)

        def without_data():
            nonlocal queries
            queries = [asked for asked in queries if not prometheus.has_data(asked[2])]
            return queries
        with contextlib.suppress(AssertionError):  # Told of below.
            harness.wait_until(lambda: not without_data(), DATA_SECONDS)
        self.assertEqual(queries, [])
        self.assertEqual(len(prometheus.query("up == 1")), len(self.targets))


class AlertsTest(ScrapedTestCase):
    def make_causes(self):
        """All at once, each at nodes of its own."""
        self.evict(self.scraped("small", {"maxmemory": "4mb", "maxmemory-policy": "allkeys-lru"}))
        self.crowd(self.scraped("crowded", {"maxclients": 8}))
        self.delay_replies(self.scraped("slow", {"appendonly": "yes", "appendfsync": "always"}))
        self.fall_behind(self.scraped("stalled", {"appendonly": "yes"}))
        self.break_snapshots(self.scraped("broken"))
        self.keep_busy(self.scraped("busy"))
        self.expire_late(self.scraped("late"))
        self.scraped("mute", {"logfile": "/dev/full", "loglevel": "debug"})
        self.scraped("slotless", {"cluster-enabled": "yes"})

    def evict(self, server):
        client = server.client()
        self.addCleanup(client.close)
        numbers = iter(range(10 ** 9))

        def write():
            pipe = client.pipeline(transaction=False)
            for _ in range(200):
                pipe.set(f"key:{next(numbers)}", "v" * 400)
            pipe.execute()
        self.keep(write)

    def crowd(self, server):
        held = [self.enter(contextlib.closing(server.client())) for _ in range(8)]
        for client in held:
            client.ping()
        self.keep(lambda: server.client().ping())

    def delay_replies(self, server):
        client = self.enter(contextlib.closing(server.client()))
        client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 300000)
        self.keep(lambda: client.set("key", "value"))

    def fall_behind(self, server):
        """By more than the journal may hold for the disk."""
        with server.client() as client:
            client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 60000000)
        client = self.enter(contextlib.closing(server.client(socket_timeout=1)))
        value = b"v" * (1 << 20)
        self.keep(lambda: client.set("key", value))

    @staticmethod
    def break_snapshots(server):
        os.makedirs(server.folder + "/dump.rdb/in the way")
        with server.client() as client:
            client.set("key", "value")
            client.bgsave()

    def keep_busy(self, server):
        client = self.enter(contextlib.closing(server.client()))
        self.keep(lambda: client.execute_command("DEBUG", "SLEEP", 2))

    def expire_late(self, server):
        """Its worker has a moment between commands: far too little for all the keys that are due by then."""
        client = self.enter(contextlib.closing(server.client(socket_timeout=1)))

        def work():
            pipe = client.pipeline(transaction=True)
            pipe.eval("for i = 1, 200000 do redis.call('SET', i, '', 'PX', 1000) end", 0)
            pipe.execute_command("DEBUG", "SLEEP", 7)
            pipe.execute()
        self.keep(work)

    @staticmethod
    def lag(leader, follower, prometheus):
        """Leaders let go of a follower that is silent for ten seconds: Prometheus has to look at this one already."""
        harness.wait_until(lambda: prometheus.query('up{instance="leader"} == 1'), DATA_SECONDS)
        with leader.client() as client, follower.client() as other:
            harness.wait_until(lambda: other.info("replication")["master_link_status"] == "up", 30)
            follower.pause()
            for i in range(32):
                client.set(f"key:{i}", b"v" * (1 << 20))

    def lose_leaders(self, group, prometheus):
        """One after the other, until nobody is left to lead."""
        leads = 'henge_group_leads{instance=~"n[123]"}'
        harness.wait_until(lambda: prometheus.query(f"count({leads}) == 3 and sum({leads}) == 1"), DATA_SECONDS)
        first = group.leader()
        first.kill()
        second = group.await_leader(other_than=first)
        harness.wait_until(lambda: "HengeFailover" in prometheus.fired(), DATA_SECONDS)
        second.kill()

    def test_each_fires_when_its_cause_is_made(self):
        group = self.scraped_group()
        self.make_causes()
        leader = self.scraped("leader")
        follower = self.henge({"replicaof": ["127.0.0.1", leader.port]})
        prometheus = self.prometheus()
        self.lag(leader, follower, prometheus)
        self.lose_leaders(group, prometheus)
        with open(FILES + "/alerts.yml", encoding="utf-8") as file:
            expected = {rule["alert"] for one in yaml.safe_load(file)["groups"] for rule in one["rules"]}
        with contextlib.suppress(AssertionError):  # Told of below.
            harness.wait_until(lambda: prometheus.fired() >= expected, DATA_SECONDS)
        self.assertEqual(prometheus.fired() & expected, expected)


if __name__ == "__main__":
    harness.main()
