#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""README.md's examples, typed as they stand there: each works and says what is expected of it.

Ports, the program and the pid file are those of the test; all else is pasted.
"""
import json
import os
import re
import shlex
import subprocess
import tempfile

import harness
from local_cluster import LocalCluster, tool

PAGE = os.path.join(harness.ROOT, "README.md")
# The examples' ports; those of `make run`, and the one of a node by itself.
CLUSTER_PORTS, LONELY_PORT = (7000, 7001, 7002), 6390

# What an example says, by its words after redis-cli's options. One that is not here fails.
SAYS = [
    (r"SET greeting", r"OK"),
    (r"GET greeting", r"hello, ring"),
    (r"INCR visitors", r"1"),
    (r"CLUSTER NODES", r"(\w{40} 127\.0\.0\.1:\d+@\d+ (myself,)?master - 0 \d+ \d+ connected\n?){3}"),
    (r"--cluster info", r".*\[OK\] \d+ keys in 3 masters.*"),
    (r"--cluster -p \d+ -t set,get", r".*SET: .* requests per second.*GET: .*per second.*"),
    (r"--daemonize yes", r""),
    (r"SET stone granite EX 60", r"OK"),
    (r"INFO keyspace", r"# Keyspace\s+db0:keys=1,expires=1,avg_ttl=\d+"),
    (r"SHUTDOWN NOSAVE", r""),
]


def blocks(kind):
    """The fenced blocks of one language."""
    with open(PAGE, encoding="utf-8") as page:
        return re.findall(rf"^```{kind}\n(.*?)^```$", page.read(), re.M | re.S)


def shell_lines():
    """The commands of all sh blocks, with continued lines joined."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    return [line for line in text.split("\n") if line.strip()]


class ReadmeTest(harness.TestCase):
    def setUp(self):
        self.cluster = LocalCluster()
        self.addCleanup(self.cluster.close)
        self.lonely_port = harness.free_port()

    def pasted(self, line):
        """The line with the test's ports and files."""
        for said, real in zip(CLUSTER_PORTS, self.cluster.ports):
            line = re.sub(rf"\b{said}\b", str(real), line)
        line = line.replace(f"/tmp/henge-{LONELY_PORT}.pid", self.cluster.folder + "/lonely.pid")
        line = re.sub(rf"\b{LONELY_PORT}\b", str(self.lonely_port), line)
        return line.replace("build/release/bin/henge-server", harness.henge_binary())

    def expect(self, line):
        wanted = [says for words, says in SAYS if re.search(words, line)]
        self.assertEqual(len(wanted), 1, f"readme_test.py does not know what this says: {line}")
        said = tool("bash", "-c", line).strip()
        self.assertTrue(re.fullmatch(wanted[0], said, re.S), f"{line}\nsays: {said}")

    def test_examples_work_as_pasted(self):
        self.cluster.start()
        self.addCleanup(lambda: os.path.exists(self.cluster.folder + "/lonely.pid") and subprocess.run(
            ["redis-cli", "-p", str(self.lonely_port), "SHUTDOWN", "NOSAVE"], check=False))
        typed = [self.pasted(line) for line in shell_lines() if not line.startswith("make ")]
        self.assertGreater(len(typed), 8)
        for line in typed:
            self.expect(line)
            if "--daemonize" in line:
                harness.wait_until(lambda: not harness.is_free(self.lonely_port))

    def test_make_knows_the_targets(self):
        with open(os.path.join(harness.ROOT, "Makefile"), encoding="utf-8") as makefile:
            targets = set(re.findall(r"^([\w-]+):", makefile.read(), re.M))
        for page in ("README.md", "CONTRIBUTING.md", "docs/performance.md"):
            with open(os.path.join(harness.ROOT, page), encoding="utf-8") as text:
                named = set(re.findall(r"(?:^|`)make ([\w-]+)", text.read(), re.M))
            self.assertLessEqual(named, targets, page)

    def test_make_helps(self):
        said = tool("make", "-C", harness.ROOT, "--no-print-directory")
        for target in ("build", "run", "test", "lint", "fuzz", "bench"):
            self.assertIn(f"make {target} ", said)

    def test_the_configuration_is_sound_and_serves(self):
        (text,) = blocks("yaml")
        command = re.search(r"start with: henge-server (.*)", text)[1]
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "henge.yaml"), "w", encoding="utf-8") as file:
                file.write(self.pasted(text))
            binary = harness.henge_binary()
            self.assertIn("sound", tool(binary, "--check-config", folder + "/henge.yaml"))
            with open(folder + "/log", "wb") as log, subprocess.Popen(
                    [binary, *shlex.split(command)], cwd=folder, stdout=log, stderr=log) as server:
                try:
                    self.check_configured(folder)
                finally:
                    server.terminate()

    def check_configured(self, folder):
        client = harness.redis.Redis(port=self.lonely_port, decode_responses=True)
        self.addCleanup(client.close)
        harness.wait_until(client.ping)
        wanted = {"maxmemory": str(1 << 30), "maxmemory-policy": "allkeys-lru", "io-threads": "4",
                  "loglevel": "debug", "log-format": "json"}
        self.assertEqual({name: client.config_get(name)[name] for name in wanted}, wanted)
        with open(folder + "/log", encoding="utf-8") as log:
            for line in log:
                self.assertIsInstance(json.loads(line), dict)

    def test_the_configuration_of_debians_redis_loads_as_it_is(self):
        path = "/etc/redis/redis.conf"
        if not os.access(path, os.R_OK):
            self.skipTest(f"{path} is not ours to read")
        self.assertIn("sound", tool(harness.henge_binary(), "--check-config", path))

    def test_what_would_be_missed_is_refused(self):
        for flags in (("--tls-port", "1"),):
            with self.subTest(flags):
                done = subprocess.run([harness.henge_binary(), *flags, "--check-config"],
                                      capture_output=True, text=True, timeout=20, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("can't do this yet", done.stderr)

    def test_a_wrong_configuration_is_refused_with_file_and_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "wrong.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("server:\n  port: 6390\n  prot: 1\n")
            done = subprocess.run([harness.henge_binary(), path], capture_output=True, text=True,
                                  timeout=20, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("wrong.yaml", done.stderr)
        self.assertRegex(done.stderr, r"\b3\b")

    def test_the_defaults_are_those_it_tells(self):
        says = tool(harness.henge_binary(), "--config-reference")
        self.assertRegex(says, r"`port` \|[^|]*\| `6379`")
        self.assertRegex(says, r"`bind` \|[^|]*\| `127\.0\.0\.1 -::1`")


if __name__ == "__main__":
    harness.main()
