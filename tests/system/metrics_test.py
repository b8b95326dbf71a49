# SPDX-License-Identifier: Apache-2.0
"""What Prometheus scrapes is what INFO says, under redis_exporter's names."""
import glob
import json
import os
import re
import threading
import time
import urllib.error
import urllib.request

import yaml

import harness

# Fields of INFO that stand still between two looks, and their metrics.
SAME = {
    "process_id": "redis_process_id",
    "maxclients": "redis_max_clients",
    "connected_clients": "redis_connected_clients",
    "blocked_clients": "redis_blocked_clients",
    "maxmemory": "redis_memory_max_bytes",
    "used_memory_startup": "redis_memory_used_startup_bytes",
    "used_memory_dataset": "redis_memory_used_dataset_bytes",
    "total_system_memory": "redis_total_system_memory_bytes",
    "lazyfree_pending_objects": "redis_lazyfree_pending_objects",
    "loading": "redis_loading_dump_file",
    "rdb_changes_since_last_save": "redis_rdb_changes_since_last_save",
    "aof_enabled": "redis_aof_enabled",
    "connected_slaves": "redis_connected_slaves",
    "repl_backlog_size": "redis_replication_backlog_bytes",
    "total_connections_received": "redis_connections_received_total",
    "rejected_connections": "redis_rejected_connections_total",
    "expired_keys": "redis_expired_keys_total",
    "evicted_keys": "redis_evicted_keys_total",
    "keyspace_hits": "redis_keyspace_hits_total",
    "keyspace_misses": "redis_keyspace_misses_total",
    "total_error_replies": "redis_total_error_replies",
}
# Those that only grow, from one look to the next.
GROWING = {
    "uptime_in_seconds": "redis_uptime_in_seconds",
    "total_commands_processed": "redis_commands_processed_total",
    "total_net_input_bytes": "redis_net_input_bytes_total",
    "total_net_output_bytes": "redis_net_output_bytes_total",
    "used_cpu_user": "redis_cpu_user_seconds_total",
    "used_cpu_sys": "redis_cpu_sys_seconds_total",
    "eventloop_cycles": "redis_eventloop_cycles_total",
}
# Metrics that stock dashboards ask for, beside these.
PRESENT = ["redis_up", "redis_memory_used_bytes", "redis_memory_used_rss_bytes",
           "redis_memory_used_peak_bytes", "redis_mem_fragmentation_ratio",
           "redis_allocator_active_bytes", "redis_allocator_allocated_bytes",
           "redis_allocator_resident_bytes", "redis_slowlog_length", "redis_slowlog_last_id",
           "redis_start_time_seconds", "redis_instance_info", "henge_build_info",
           "henge_worker_busy_seconds_total", "henge_reclaimer_pending_objects",
           "henge_log_lines_dropped_total", "henge_expiry_lag_seconds_count"]

# redis_exporter calls them so, and has them as gauges.
CALLED_TOTAL_BUT_GAUGES = {"redis_rdb_saves_total", "redis_migrate_cached_sockets_total",
                           "redis_memory_used_vm_total", "redis_cluster_messages_sent_total",
                           "redis_cluster_messages_received_total"}
# Told by servers in other circumstances: replicas, members of a cluster, with a log, while they load
# or save (progress_test.py), later Redis.
ELSEWHERE = ("henge_loading_", "henge_snapshot_", "henge_cluster_", "henge_slot_", "henge_slots_",
             "redis_connected_slave_", "redis_slave_", "redis_master_", "redis_cluster_",
             "henge_group_", "redis_aof_", "redis_pubsub_clients", "redis_expired_subkeys_total",
             "henge_follower_lag_bytes")

SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


DOCS = os.path.join(harness.ROOT, "docs/reference/metrics.md")
DOCS_ROW = re.compile(r'^\| `(\w+)` \| (\w+) \| ([^|]+) \| ([^|]*) \| (.+) \|$')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "counter": ("",)}


class Metrics:
    """One scrape: metrics["name"], or metrics["name", ("label", "value"), …].

    Reads the text format strictly: a family is its HELP, its TYPE, then its samples, once.
    """

    def __init__(self, text):
        self.values, self.types, self.helps, self.label_names = {}, {}, {}, {}
        assert text.endswith("\n"), "the last line has no end"
        family = None
        for line in text.splitlines():
            if line.startswith("# HELP "):
                _, _, family, meaning = line.split(" ", 3)
                assert family not in self.helps, f"{family} has two families"
                self.helps[family] = meaning
            elif line.startswith("# TYPE "):
                _, _, name, self.types[family] = line.split(" ")
                assert name == family, f"{name}'s type within {family}"
            else:
                self._sample(family, line)

    def _sample(self, family, line):
        name, labels, value = SAMPLE.match(line).groups()
        kind = self.types[family]
        assert name.removeprefix(family) in SUFFIXES[kind], f"{name} within {family}, a {kind}"
        key = (name, *sorted(LABEL.findall(labels or "")))
        assert key not in self.values, f"{key} is given twice"
        self.values[key] = float(value)
        names = [label for label, _ in LABEL.findall(labels or "") if label != "le"]
        assert self.label_names.setdefault(family, names) == names, f"labels of {family} vary"

    def __getitem__(self, key):
        return self.values[key if isinstance(key, tuple) else (key,)]

    def names(self):
        return {key[0] for key in self.values}

    def labels(self, name):
        return [dict(key[1:]) for key in self.values if key[0] == name]


def get(port, path):
    """(status, body)"""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def documented():
    """{name: (type, labels, meaning)} of docs/reference/metrics.md, whose units are given too."""
    told = {}
    with open(DOCS, encoding="utf-8") as page:
        for line in page:
            if line.startswith("| `"):
                name, kind, unit, labels, meaning = DOCS_ROW.match(line).groups()
                assert unit.strip(), name
                told[name] = (kind, labels.strip().split(", ") if labels.strip() else [], meaning)
    return told


class MetricsTest(harness.TestCase):
    def setUp(self):
        self.port = harness.free_port()
        self.server = self.henge({"metrics-port": self.port})
        self.client = self.server.client()

    def scrape(self):
        status, text = get(self.port, "/metrics")
        self.assertEqual(status, 200)
        return Metrics(text)

    def test_says_what_info_says(self):
        self.client.mset({"a": 1, "b": 2})
        self.client.get("a")
        self.client.get("nothing")
        with self.assertRaises(harness.redis.exceptions.ResponseError):
            self.client.execute_command("GET")
        before = self.client.info("everything")
        metrics = self.scrape()
        after = self.client.info("everything")
        for field, name in SAME.items():
            self.assertEqual(metrics[name], before[field], field)
        for field, name in GROWING.items():
            self.assertLessEqual(before[field], metrics[name] + 1e-9, field)
            self.assertLessEqual(metrics[name], after[field] + 1e-9, field)

    def test_has_what_dashboards_ask_for(self):
        names = self.scrape().names()
        self.assertEqual([name for name in PRESENT if name not in names], [])

    def test_counters_are_called_so(self):
        for name, kind in self.scrape().types.items():
            if name.endswith("_total") and name not in CALLED_TOTAL_BUT_GAUGES:
                self.assertEqual(kind, "counter", name)

    def test_the_reference_tells_of_every_metric(self):
        self.client.config_set("latency-monitor-threshold", 1)
        self.client.execute_command("DEBUG", "SLEEP", 0.01)
        self.client.set("k", 1)
        with self.assertRaises(harness.redis.exceptions.ResponseError):
            self.client.execute_command("NOSUCHCOMMAND")
        metrics = self.scrape()
        told = documented()
        for name, kind in metrics.types.items():
            self.assertIn(name, told)
            documented_kind, labels, meaning = told[name]
            self.assertEqual((kind, metrics.label_names[name], metrics.helps[name]),
                             (documented_kind, labels, meaning), name)
        self.assertEqual([name for name in told
                          if name not in metrics.types and not name.startswith(ELSEWHERE)], [])

    def test_histograms_are_sound(self):
        for i in range(50):
            self.client.set(f"k{i}", i)
        metrics = self.scrape()
        buckets = {}
        for name, *labels in metrics.values:
            if name == "redis_commands_latencies_usec_bucket" and ("cmd", "set") in labels:
                bound = float(dict(labels)["le"].replace("+Inf", "inf"))
                buckets[bound] = metrics[(name, *labels)]
        counts = [buckets[bound] for bound in sorted(buckets)]
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(buckets[float("inf")], 50)
        self.assertEqual(metrics["redis_commands_latencies_usec_count", ("cmd", "set")], 50)

    def test_scrapes_while_clients_work(self):
        stop = threading.Event()

        def work():
            with self.server.client() as client:
                while not stop.is_set():
                    pipe = client.pipeline(transaction=False)
                    for i in range(100):
                        pipe.set(f"k{i}", "v", px=5)
                    pipe.execute()

        worker = threading.Thread(target=work)
        worker.start()
        try:
            before = self.scrape()
            for _ in range(20):
                after = self.scrape()
                for key, value in before.values.items():
                    family = re.sub("_(bucket|sum|count)$", "", key[0])
                    if before.types.get(key[0], before.types.get(family)) != "gauge":
                        self.assertLessEqual(value, after.values[key], key)
                before = after
        finally:
            stop.set()
            worker.join()
        self.assertGreater(before["redis_commands_total", ("cmd", "set")], 0)

    def test_the_tables(self):
        places = self.scrape()["henge_table_places"]
        for start in range(0, 20000, 1000):
            self.client.mset({f"k{i}": "v" for i in range(start, start + 1000)})
        metrics = harness.wait_until(  # They are looked at once a second.
            lambda: (m := self.scrape())["henge_table_places"] >= places + 20000 and m)
        self.assertLess(metrics["henge_table_places"], places + 20000 / 0.4)
        self.assertGreater(metrics["henge_table_bytes"], 8 * 20000)

    def test_commands_and_errors(self):
        for i in range(3):
            self.client.set(f"k{i}", i)
        with self.assertRaises(harness.redis.exceptions.ResponseError):
            self.client.execute_command("NOSUCHCOMMAND")
        metrics = self.scrape()
        stats = self.client.info("commandstats")["cmdstat_set"]
        self.assertEqual(metrics["redis_commands_total", ("cmd", "set")], 3)
        self.assertAlmostEqual(metrics["redis_commands_duration_seconds_total", ("cmd", "set")],
                               stats["usec"] / 1e6)
        self.assertEqual(metrics["redis_commands_latencies_usec_count", ("cmd", "set")], 3)
        self.assertEqual(
            metrics["redis_commands_latencies_usec_bucket", ("cmd", "set"), ("le", "+Inf")], 3)
        self.assertEqual(metrics["redis_errors_total", ("err", "ERR")], 1)

    def test_databases(self):
        self.client.set("a", 1)
        self.client.set("b", 1, ex=1000)
        metrics = self.scrape()
        self.assertEqual(metrics["redis_db_keys", ("db", "db0")], 2)
        self.assertEqual(metrics["redis_db_keys_expiring", ("db", "db0")], 1)
        self.assertEqual(metrics["redis_db_keys", ("db", "db5")], 0)

    def test_the_slow_log(self):
        self.client.config_set("slowlog-log-slower-than", 0)
        self.client.ping()
        metrics = self.scrape()
        self.assertEqual(metrics["redis_slowlog_length"], self.client.slowlog_len())
        self.assertGreaterEqual(metrics["redis_slowlog_last_id"], 1)

    def test_says_what_it_is(self):
        info = self.client.info()
        (labels,) = self.scrape().labels("redis_instance_info")
        for name in ("role", "redis_version", "redis_mode", "os", "maxmemory_policy", "run_id"):
            self.assertEqual(labels[name], info[name], name)

    def test_how_late_keys_are_deleted(self):
        started = time.monotonic()
        for i in range(100):
            self.client.set(f"k{i}", i, px=20)
        harness.wait_until(lambda: self.client.dbsize() == 0)
        metrics = self.scrape()
        self.assertEqual(metrics["henge_expiry_lag_seconds_count"], 100)
        longest = metrics["henge_expiry_lag_max_seconds"]
        self.assertLessEqual(longest, time.monotonic() - started)
        self.assertLessEqual(metrics["henge_expiry_lag_seconds_sum"], 100 * longest + 1e-9)
        self.assertEqual(metrics["henge_expiry_backlog_seconds"], 0)

    def test_workers_add_up(self):
        metrics = self.scrape()
        workers = metrics.labels("henge_worker_commands_total")
        self.assertEqual(len(workers), self.client.info("server")["henge_workers"])
        total = sum(metrics["henge_worker_commands_total", ("worker", w["worker"])]
                    for w in workers)
        self.assertEqual(total, metrics["redis_commands_processed_total"])

    def test_health_and_readiness(self):
        self.assertEqual(get(self.port, "/health"), (200, '{"status":"ok"}\n'))
        self.assertEqual(get(self.port, "/ready"), (200, '{"status":"ready"}\n'))
        self.assertEqual(get(self.port, "/nothing")[0], 404)

    def test_the_port_is_free_again_after_the_end(self):
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.assertEqual(get(self.port, "/health")[0], 200)


class DeployTest(harness.TestCase):
    """The dashboard and the alerts ask for metrics there are."""

    def expressions(self):
        for path in glob.glob(os.path.join(harness.ROOT, "deploy/grafana/dashboards/*.json")):
            with open(path, encoding="utf-8") as file:
                for panel in json.load(file)["panels"]:
                    for target in panel.get("targets", []):
                        yield target["expr"]
        folder = os.path.join(harness.ROOT, "deploy/prometheus")
        with open(os.path.join(folder, "prometheus.yml"), encoding="utf-8") as file:
            names = yaml.safe_load(file)["rule_files"]
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for group in yaml.safe_load(file)["groups"]:
                    for rule in group["rules"]:
                        yield rule["expr"]

    def test_every_metric_asked_for_is_told(self):
        told = documented()
        asked = 0
        for expression in self.expressions():
            for name in re.findall(r"(?<![:\w])(?:redis|henge)_\w+", expression):
                family = re.sub("_(bucket|sum|count)$", "", name)
                self.assertTrue(name in told or told.get(family, ("",))[0] == "histogram",
                                f"{name} in {expression}")
                counted = re.search(rf"\b(?:rate|increase)\({name}\b", expression)
                if counted and name in told and not name.endswith("_last_id"):
                    self.assertEqual(told[name][0], "counter", expression)
                asked += 1
        self.assertGreater(asked, 40)


class WaitsTest(harness.TestCase):
    """How long writes wait: for the disk, and since the disk is too far behind."""

    def scraped(self, settings):
        port = harness.free_port()
        server = self.henge({"metrics-port": port, "appendonly": "yes", **settings})
        return server, lambda: Metrics(get(port, "/metrics")[1])

    def test_replies_that_are_held_until_the_disk_has_them(self):
        server, scrape = self.scraped({"appendfsync": "always"})
        with server.client() as client:
            for i in range(20):
                client.set(f"k{i}", "v")
        disk, followers = ("until", "disk"), ("until", "followers")
        # A client may have its reply a moment before it is counted.
        metrics = harness.wait_until(lambda: (m := scrape())["henge_commit_wait_seconds_count", disk] >= 20 and m)
        self.assertGreater(metrics["henge_commit_wait_seconds_sum", disk], 0)
        self.assertEqual(metrics["henge_commit_wait_seconds_bucket", ("le", "+Inf"), disk],
                         metrics["henge_commit_wait_seconds_count", disk])
        self.assertEqual(metrics["henge_commit_wait_seconds_count", followers], 0)
        self.assertGreater(metrics["henge_aof_sync_seconds_count"], 0)
        self.assertGreater(metrics["henge_journal_bytes_total"], 20 * 20)
        self.assertEqual(metrics["henge_journal_stalled"], 0)

    def test_reads_wait_for_nothing(self):
        server, scrape = self.scraped({"appendfsync": "always"})
        with server.client() as client:
            for _ in range(20):
                client.get("k")
        self.assertEqual(scrape()["henge_commit_wait_seconds_count", ("until", "disk")], 0)

    def test_writes_that_are_held_back_while_the_disk_is_too_far_behind(self):
        server, scrape = self.scraped({})
        with server.client() as client:
            client.execute_command("DEBUG", "AOF-FLUSH-SLEEP", 60000000)
        value = b"v" * (4 << 20)
        with server.client(socket_timeout=2) as client:
            with self.assertRaises(harness.redis.exceptions.TimeoutError):
                for _ in range(100):  # The journal may be 256 MB ahead of the disk.
                    client.set("key", value)
            self.assertEqual(scrape()["henge_journal_stalled"], 1)
            self.assertGreater(scrape()["henge_journal_memory_bytes"], 200 << 20)
        self.assertGreater(scrape()["henge_journal_stall_seconds_total"], 0)


class NoMetricsTest(harness.TestCase):
    def test_a_port_in_use_stops_the_start(self):
        with self.henge_socket() as taken:
            server = harness.Henge({"metrics-port": taken.getsockname()[1]})
            self.addCleanup(server.close)
            with self.assertRaisesRegex(AssertionError, "metrics-port"):
                server.start()

    @staticmethod
    def henge_socket():
        taken = harness.socket.socket()
        taken.bind(("127.0.0.1", harness.free_port()))
        taken.listen()
        return taken


class ClusterMetricsTest(harness.TestCase):
    def test_cluster_info(self):
        port = harness.free_port()
        server = self.henge({"cluster-enabled": "yes", "metrics-port": port})
        server.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        harness.wait_until(lambda: Metrics(get(port, "/metrics")[1])["redis_cluster_state"] == 1)
        metrics = Metrics(get(port, "/metrics")[1])
        self.assertEqual(metrics["redis_cluster_enabled"], 1)
        self.assertEqual(metrics["redis_cluster_slots_assigned"], 16384)
        self.assertEqual(metrics["redis_cluster_known_nodes"], 1)
        self.assertEqual(metrics["redis_cluster_messages_sent_total"], 0)
        self.assertEqual([name for name in documented()
                          if name.startswith("redis_cluster_") and name not in metrics.types], [])


if __name__ == "__main__":
    harness.main()
