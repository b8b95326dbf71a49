# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/operating: each command line in a block `sh` works as it stands there, each block `yaml` is sound.

Ports, addresses and files are those of the test; all else is pasted. migrate-from-redis.md has migrate_test.py,
containers.md tests/containers.
"""
import glob
import os
import re
import subprocess
import tempfile

import harness
from local_cluster import LocalCluster, tool
from plain_group import Group

PAGES = os.path.join(harness.ROOT, "docs/operating")
ELSEWHERE = {"migrate-from-redis.md", "containers.md"}

# What a line says, by its words. One that is not here fails.
SAYS = [
    (r"--daemonize yes", r""),
    (r"PING", r"PONG"),
    (r"CONFIG SET", r"OK"),
    (r"INFO memory", r"maxmemory_human:1\.00G"),
    (r"henge-server\S* --healthcheck", r"healthy"),
    (r"SHUTDOWN NOSAVE", r""),
    (r"/health\b", r'\{"status":"ok"\}'),
    (r"/ready\b", r'\{"status":"ready"\}'),
    (r"/metrics\b", r".*redis_up 1\n.*"),
    (r"--metrics-reference", r"# Metrics\n.*"),
    (r"promtool check", r".*SUCCESS.*"),
    (r"promtool test", r".*SUCCESS.*"),
    (r"CLUSTER INFO", r"cluster_state:ok"),
    (r"CLUSTER NODES", r"(\w{40} 127\.0\.0\.1:\d+@\d+ (myself,)?master - 0 \d+ \d+ connected [\d -]+\n?){3}"),
    (r"--cluster check", r".*\[OK\] All 16384 slots covered\."),
    (r"--cluster info", r".*\[OK\] \d+ keys in 3 masters.*"),
    (r"SET greeting", r"OK"),
    (r"GET-MASTER-ADDR-BY-NAME", r"127\.0\.0\.1\n\d+"),
    (r"CKQUORUM", r"OK 3 usable Sentinels.*"),
    (r"SENTINEL REPLICAS", r"name\n.*"),
    (r"ROLE", r"master\n.*"),
    (r"INFO sentinel", r"# Sentinel.*sentinel_masters:1.*"),
    (r"FAILOVER", r"OK"),
]


def blocks(page, kind):
    with open(os.path.join(PAGES, page), encoding="utf-8") as text:
        return re.findall(rf"^```{kind}\n(.*?)^```$", text.read(), re.M | re.S)


def shell_lines(page):
    return [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").split("\n") if line.strip()]


class OperatingTest(harness.TestCase):
    def say(self, line, **replaced):
        """The line's output, with the test's names for what the page names; as expected, or it fails."""
        line = line.replace("henge-server", harness.henge_binary()).replace(" deploy/", f" {harness.ROOT}/deploy/")
        for said, real in replaced.items():
            line = re.sub(rf"\b{said.lstrip('_')}\b", str(real), line)
        wanted = [says for words, says in SAYS if re.search(words, line)]
        self.assertGreaterEqual(len(wanted), 1, f"operating_test.py does not know what this says: {line}")
        said = tool("bash", "-c", line).strip()
        self.assertTrue(re.fullmatch(wanted[0], said, re.S), f"{line}\nsays: {said}")

    def try_a_node(self, page, lines):
        """Lines that start a node, and ask it."""
        port, metrics = harness.free_port(), harness.free_port()
        with tempfile.TemporaryDirectory() as folder:
            pid_file = os.path.join(folder, "pid")
            self.addCleanup(subprocess.run, ["redis-cli", "-p", str(port), "SHUTDOWN", "NOSAVE"], check=False,
                            capture_output=True)
            self.assertIn("--daemonize yes", lines[0], page)
            for line in lines:
                line = line.replace("/tmp/henge-6379.pid", pid_file).replace("--dir /tmp ", f"--dir {folder} ")
                self.say(line, _6379=port, _9121=metrics)
                if "--daemonize" in line:
                    harness.wait_until(lambda: not harness.is_free(port))
                    harness.wait_until(harness.redis.Redis(port=port).ping)

    def test_the_first_page(self):
        lines = shell_lines("README.md")
        alone = [line for line in lines if "7000" not in line]
        self.try_a_node("README.md", alone)
        cluster = LocalCluster()
        self.addCleanup(cluster.close)
        cluster.start()
        for line in lines[len(alone):]:
            self.say(line, _7000=cluster.port)

    def test_monitoring(self):
        self.try_a_node("monitoring.md", shell_lines("monitoring.md"))

    def test_leader_and_followers(self):
        group = Group()
        self.addCleanup(group.close)
        for line in shell_lines("leader-and-followers.md"):
            line = line.replace("10.0.0.2 6379", f"127.0.0.1 {group.followers()[0].port}")
            before = group.leader()
            self.say(line, _6379=before.port)
            if "FAILOVER" in line:
                group.await_leader(other_than=before)
                group.await_whole()

    def test_no_page_is_forgotten(self):
        run = {"README.md", "monitoring.md", "leader-and-followers.md"}
        pages = {os.path.basename(path) for path in glob.glob(PAGES + "/*.md")}
        self.assertEqual({page for page in pages - run - ELSEWHERE if shell_lines(page)}, set())

    def test_configurations_are_sound(self):
        found = 0
        for path in glob.glob(PAGES + "/*.md"):
            for text in blocks(os.path.basename(path), "yaml"):
                found += 1
                with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                    file.write(text)
                    file.flush()
                    self.assertIn("sound", tool(harness.henge_binary(), "--check-config", file.name), path)
        self.assertGreater(found, 2)

    def test_each_alert_is_explained(self):
        with open(os.path.join(harness.ROOT, "deploy/prometheus/alerts.yml"), encoding="utf-8") as file:
            alerts = re.findall(r"alert: (\w+)", file.read())
        with open(os.path.join(PAGES, "monitoring.md"), encoding="utf-8") as file:
            explained = re.findall(r"^\| (Henge\w+) \|", file.read(), re.M)
        self.assertEqual(explained, alerts)


if __name__ == "__main__":
    harness.main()
