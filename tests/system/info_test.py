# SPDX-License-Identifier: Apache-2.0
"""INFO says all that the reference's INFO says, section by section, and its numbers are true.

Dashboards and scripts read these fields by name: one that is missing breaks them.
"""
import harness

SECTIONS = ["server", "clients", "memory", "persistence", "stats", "replication", "cpu", "modules",
            "errorstats", "cluster", "keyspace", "commandstats", "latencystats"]

# Fields of the reference that Henge leaves out, each with its reason.
LEFT_OUT = {}

# What 7.2 added to the 7.0 that Debian ships.
SINCE_7_2 = {
    "clients": ["total_blocking_keys", "total_blocking_keys_on_nokey"],
    "stats": ["io_threaded_reads_processed", "io_threaded_writes_processed", "eventloop_cycles",
              "eventloop_duration_sum", "eventloop_duration_cmd_sum",
              "instantaneous_eventloop_cycles_per_sec", "instantaneous_eventloop_duration_usec",
              "acl_access_denied_auth", "acl_access_denied_cmd", "acl_access_denied_key",
              "acl_access_denied_channel", "instantaneous_input_repl_kbps",
              "instantaneous_output_repl_kbps", "current_eviction_exceeded_time",
              "total_eviction_exceeded_time", "pubsubshard_channels"],
    "persistence": ["aof_rewrites", "aof_rewrites_consecutive_failures", "rdb_saves",
                    "async_loading", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"],
    "memory": ["mem_total_replication_buffers", "used_memory_vm_functions",
               "used_memory_functions", "number_of_libraries"],
}


def sections_of(client, *names):
    """{section: {field: value}} of INFO's text, in order."""
    text = client.execute_command("INFO", *names)
    if isinstance(text, dict):
        raise AssertionError("wants the raw text")
    out = {}
    for line in text.decode().split("\r\n"):
        if line.startswith("# "):
            fields = out.setdefault(line[2:].lower(), {})
        elif line:
            name, _, value = line.partition(":")
            fields[name] = value
    return out


def raw_client(server):
    client = server.client()
    client.set_response_callback("INFO", lambda text, **_: text)
    return client


def exercise(client):
    """The same small life for both servers, so that every section has something to say."""
    client.set("a", 1)
    client.set("b", 2, ex=100)
    client.get("a")
    client.get("nothing")
    for wrong in (("INCR", "a", "x"), ("NOSUCHCOMMAND",)):
        try:
            client.execute_command(*wrong)
        except harness.redis.exceptions.ResponseError:
            pass


class FieldsTest(harness.TestCase):
    def setUp(self):
        self.henge_client = raw_client(self.henge())
        self.redis_client = raw_client(self.redis())
        exercise(self.henge_client)
        exercise(self.redis_client)

    def test_every_section_has_the_references_fields(self):
        ours = sections_of(self.henge_client, "everything")
        theirs = sections_of(self.redis_client, "everything")
        self.assertEqual([name for name in theirs if name not in ours], [])
        missing = [f"{section}: {field}" for section, fields in theirs.items() for field in fields
                   if field not in ours[section] and field not in LEFT_OUT]
        self.assertEqual(missing, [])

    def test_fields_that_7_2_added(self):
        ours = sections_of(self.henge_client, "everything")
        missing = [f"{section}: {field}" for section, fields in SINCE_7_2.items()
                   for field in fields if field not in ours[section]]
        self.assertEqual(missing, [])

    def test_sections_come_in_the_references_order(self):
        theirs = list(sections_of(self.redis_client))
        ours = [name for name in sections_of(self.henge_client) if name in theirs]
        self.assertEqual(ours, theirs)

    def test_fields_keep_the_references_order(self):
        ours = sections_of(self.henge_client, "default")
        for section, fields in sections_of(self.redis_client, "default").items():
            shared = [name for name in ours[section] if name in fields]
            self.assertEqual(shared, [name for name in fields if name in shared], section)

    def test_debug_shows_by_name_alone(self):
        self.assertNotIn("debug", sections_of(self.henge_client, "everything"))
        before = sections_of(self.henge_client, "debug")["debug"]
        self.assertEqual(list(before), ["eventloop_duration_aof_sum", "eventloop_duration_cron_sum",
                                        "eventloop_duration_max", "eventloop_cmd_per_cycle_max"])
        self.assertGreater(int(before["eventloop_cmd_per_cycle_max"]), 0)
        harness.wait_until(
            lambda: int(sections_of(self.henge_client, "debug")["debug"]["eventloop_duration_cron_sum"])
            > int(before["eventloop_duration_cron_sum"]))

    def test_a_section_can_be_asked_for_by_any_case(self):
        self.assertEqual(list(sections_of(self.henge_client, "CPU", "Stats")), ["stats", "cpu"])
        self.assertEqual(sections_of(self.henge_client, "nosuchsection"), {})


class ValuesTest(harness.TestCase):
    def test_counts_what_happened(self):
        client = raw_client(self.henge())
        exercise(client)
        stats = sections_of(client, "stats", "keyspace", "commandstats", "errorstats")
        self.assertEqual(stats["stats"]["keyspace_hits"], "1")
        self.assertEqual(stats["stats"]["keyspace_misses"], "1")
        self.assertEqual(stats["stats"]["total_error_replies"], "2")
        self.assertRegex(stats["keyspace"]["db0"], r"^keys=2,expires=1,avg_ttl=\d+")
        self.assertTrue(stats["commandstats"]["cmdstat_set"].startswith("calls=2,"))
        self.assertEqual(stats["errorstats"]["errorstat_ERR"], "count=2")

    def test_time_below_a_microsecond_adds_up(self):
        client = raw_client(self.henge())
        pipeline = client.pipeline(transaction=False)
        for _ in range(20000):
            pipeline.get("nothing")
        pipeline.execute()
        said = sections_of(client, "commandstats")["commandstats"]["cmdstat_get"]
        fields = dict(field.split("=") for field in said.split(","))
        self.assertEqual(fields["calls"], "20000")
        self.assertGreater(int(fields["usec"]), 20000 * 0.02)  # A GET takes 20 ns at least.

    def test_resetstat_starts_counting_anew(self):
        client = raw_client(self.henge())
        exercise(client)
        client.config_resetstat()
        stats = sections_of(client, "stats", "errorstats")
        for field in ("keyspace_hits", "total_error_replies", "expired_keys"):
            self.assertEqual(stats["stats"][field], "0", field)
        self.assertEqual(stats["errorstats"], {})

    def test_says_for_how_long_memory_is_over_the_limit(self):
        client = raw_client(self.henge())
        exceeded = lambda: int(sections_of(client, "stats")["stats"]["current_eviction_exceeded_time"])
        self.assertEqual(exceeded(), 0)
        client.config_set("maxmemory", 1)
        harness.wait_until(lambda: exceeded() > 0)
        client.config_set("maxmemory", 0)
        harness.wait_until(lambda: exceeded() == 0)
        total = int(sections_of(client, "stats")["stats"]["total_eviction_exceeded_time"])
        self.assertGreater(total, 0)

    def test_names_its_binary_and_its_configuration(self):
        fields = sections_of(raw_client(self.henge()), "server")["server"]
        self.assertTrue(fields["executable"].endswith("henge-server"))
        self.assertEqual(fields["config_file"], "")

    def test_percentiles_are_those_configured(self):
        client = raw_client(self.henge({"latency-tracking-info-percentiles": ["50", "99.99"]}))
        exercise(client)
        fields = sections_of(client, "latencystats")["latencystats"]
        self.assertRegex(fields["latency_percentiles_usec_set"], r"^p50=[\d.]+,p99\.99=[\d.]+$")


if __name__ == "__main__":
    harness.main()
