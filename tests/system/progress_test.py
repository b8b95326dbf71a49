#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How far loading, saving and rewriting have come, in INFO, metrics and the log, while a slow disk
or slow loading makes them take seconds.

    progress_test.py [SERVER]
"""
import re
import urllib.request

import harness
from lossy_disk import LossyDisk

KEYS = 200_000


class ProgressTest(harness.TestCase):
    def on_slow_disk(self, settings):
        self.metrics_port = harness.free_port()
        server = harness.Henge({"io-threads": 2, "rdbcompression": "no",
                                "metrics-port": self.metrics_port, **settings})
        self.disk = LossyDisk(server)
        self.addCleanup(self.disk.close)
        self.server = self._serve(server)
        self.client = self.server.client()
        self.client.execute_command("DEBUG", "POPULATE", KEYS, "key", 100)

    def info(self):
        return self.client.info("persistence")

    def metrics(self, name):
        """{labels: value} of a family; none while it has no subject."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            text = answer.read().decode()
        return {labels: float(value) for labels, value in
                re.findall(rf"^{name}(\{{[^}}]*\}})? ([0-9.e+]+)$", text, re.M)}

    def said(self, what):
        return [int(n) for n in re.findall(rf"{what} goes on.*?percent=(\d+)", self.server.log(500))]

    def watch(self, going_on, fields):
        """What INFO says from look to look while the work goes on."""
        seen = []

        def over():
            info = self.info()
            if info[going_on]:
                seen.append(tuple(info[field] for field in fields))
            return not info[going_on]

        harness.wait_until(over, 60)
        return seen

    def check_snapshot(self, seen, work, said):
        done = [saved for saved, _, _ in seen]
        self.assertEqual(done, sorted(done))
        self.assertGreater(len({saved for saved in done if 0 < saved < KEYS}), 5)
        self.assertEqual({total for _, total, _ in seen if total}, {KEYS})
        for saved, total, percent in seen:
            self.assertAlmostEqual(percent, 100 * saved / total if total else 0, delta=0.01)
        self.assertGreaterEqual(len(said), 1)
        self.assertEqual(said, sorted(said))
        self.assertLessEqual(set(said), set(range(10, 101)))
        self.assertEqual(self.metrics("henge_snapshot_keys"), {})
        self.assertIn(f'work="{work}"', self.labels)

    def note_metrics(self, saved_at_least):
        def known():
            keys, saved, size = (self.metrics("henge_snapshot_" + name)
                                 for name in ("keys", "saved_keys", "written_bytes"))
            (self.labels, total), = keys.items()
            return total == KEYS and KEYS > saved[self.labels] > saved_at_least and (
                size[self.labels] > 100 * saved_at_least)
        harness.wait_until(known)

    def test_of_saving(self):
        self.on_slow_disk({})
        self.disk.fail("write temp- slow")
        self.client.bgsave()
        harness.wait_until(lambda: self.info()["current_save_keys_processed"] > 1000)
        self.note_metrics(1000)
        seen = self.watch("rdb_bgsave_in_progress", (
            "current_save_keys_processed", "current_save_keys_total", "current_fork_perc"))
        self.check_snapshot(seen, "save", self.said("Background saving"))

    def test_of_rewriting(self):
        self.on_slow_disk({"appendonly": "yes"})
        self.disk.fail("write rewriteaof slow")
        self.client.bgrewriteaof()
        harness.wait_until(lambda: self.info()["current_save_keys_processed"] > 1000)
        self.note_metrics(1000)
        seen = self.watch("aof_rewrite_in_progress", (
            "current_save_keys_processed", "current_save_keys_total", "current_fork_perc"))
        self.check_snapshot(seen, "rewrite", self.said("Background append only file rewriting"))

    def test_of_loading(self):
        self.on_slow_disk({})
        self.client.save()
        self.server.kill()
        self.server.settings["key-load-delay"] = 25
        self.server.start(loaded=False)
        harness.wait_until(lambda: self.metrics("henge_loading_loaded_bytes")[""] > 100_000)
        self.assertGreater(self.metrics("henge_loading_loaded_keys")[""], 100)
        self.assertGreater(self.metrics("henge_loading_bytes")[""], 100 * KEYS)
        seen = self.watch("loading", ("loading_loaded_bytes", "loading_total_bytes",
                                      "loading_loaded_perc"))
        done = [loaded for loaded, _, _ in seen]
        self.assertEqual(done, sorted(done))
        self.assertGreater(len(set(done)), 5)
        for loaded, total, percent in seen:
            self.assertAlmostEqual(percent, 100 * loaded / total, delta=0.01)
        said = self.said("Loading")
        self.assertGreaterEqual(len(said), 1)
        self.assertEqual(said, sorted(said))
        self.assertEqual(self.metrics("henge_loading_bytes"), {})
        self.assertEqual(self.client.dbsize(), KEYS)


if __name__ == "__main__":
    harness.main()
