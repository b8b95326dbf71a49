# SPDX-License-Identifier: Apache-2.0
"""The image, compose.yaml and docs/operating/containers.md under a real engine (podman). `make test-containers`.

Prometheus and Grafana of compose.yaml are not started, as their images can't be had where only Debian's packages can:
Debian's Prometheus reads the same files. HENGE_IMAGE_IS_BUILT=1 takes localhost/henge as it is.
"""
import json
import os
import re
import unittest

from engine import ROOT, Engine, run

import harness  # Behind engine, which knows where it is.
from prometheus_server import Prometheus

MOST_BYTES = 25 * 1000 * 1000  # 4 of them are for TLS, to an etcd.
PORTS = (7001, 7002, 7003)
METRICS = (9121, 9122, 9123)
UP_SECONDS = 90
ENGINE = None


def setUpModule():
    global ENGINE  # pylint: disable=global-statement
    ENGINE = Engine()
    unittest.addModuleCleanup(ENGINE.close)
    if "HENGE_IMAGE_IS_BUILT" not in os.environ:
        ENGINE.build()


def cli(*words):
    return run("redis-cli", *words, check=False)


def container(service):
    """As docker-compose calls it."""
    names = ENGINE.podman("ps", "-a", "--format", "{{.Names}}").splitlines()
    found = [name for name in names if re.fullmatch(rf"henge-test[-_]{service}[-_]1", name)]
    return found[0] if found else service  # Which is not there, and so not healthy.


class ImageTest(unittest.TestCase):
    def test_is_small_and_not_roots(self):
        (image,) = json.loads(ENGINE.podman("image", "inspect", "localhost/henge:latest"))
        print(f"image: {image['Size']} bytes")
        self.assertLess(image["Size"], MOST_BYTES)
        self.assertEqual(image["Config"]["User"], "10001:10001")
        self.assertIn("/data", image["Config"]["Volumes"])

    def test_the_page_works_as_pasted(self):
        with open(os.path.join(ROOT, "docs/operating/containers.md"), encoding="utf-8") as page:
            (block,) = re.findall(r"^## An image\n+```sh\n(.*?)^```$", page.read(), re.M | re.S)
        port = harness.free_port()
        lines = [line.replace("docker", "podman").replace("6379:6379", f"{port}:6379").replace("-p 6379", f"-p {port}")
                 .replace("henge --max", "localhost/henge --max") for line in block.splitlines()]
        self.addCleanup(ENGINE.podman, "volume", "rm", "-f", "henge", check=False)
        self.addCleanup(ENGINE.podman, "rm", "-f", "henge", check=False)
        for line in lines[1:]:  # The first was done by setUpModule.
            said = run("bash", "-c", line, env=ENGINE.environment)
            if line.startswith("podman run"):
                harness.wait_until(lambda: ENGINE.is_healthy("henge"), UP_SECONDS)
            if "PING" in line:
                self.assertEqual(said, "PONG")
                self.assertEqual(cli("-p", port, "CONFIG", "GET", "maxmemory").split()[1], str(1 << 30))
                self.assertEqual(cli("-p", port, "CONFIG", "GET", "dir").split()[1], "/data")


class ComposeTest(unittest.TestCase):
    def up(self, profile, services):
        self.addCleanup(ENGINE.compose, profile, "down", "-v")
        ENGINE.compose(profile, "up", "-d", *services)
        self.await_healthy(services)

    def await_healthy(self, services):
        harness.wait_until(lambda: all(ENGINE.is_healthy(container(name)) for name in services), UP_SECONDS, "healthy nodes")

    @staticmethod
    def await_slots():
        """Each node sees all of them served."""
        harness.wait_until(lambda: all(cli("-p", port, "CLUSTER", "INFO").startswith("cluster_state:ok") for port in PORTS),
                           UP_SECONDS)

    def test_a_cluster_of_three_shards(self):
        services = ("shard-1", "shard-2", "shard-3")
        self.up("cluster", services)
        self.await_slots()
        for i in range(50):  # Most are another node's: redis-cli follows -MOVED.
            self.assertEqual(cli("-c", "-p", PORTS[0], "SET", f"key:{i}", i), "OK")
        owned = [int(cli("-p", port, "DBSIZE")) for port in PORTS]
        self.assertEqual(sum(owned), 50)
        self.assertGreater(min(owned), 0)
        ENGINE.end_process(container("shard-2"))
        harness.wait_until(lambda: ENGINE.podman("inspect", "--format", "{{.RestartCount}}", container("shard-2")) == "1",
                           UP_SECONDS, "its restart")
        self.await_healthy(services)  # With its data.
        self.await_slots()
        self.assertEqual([cli("-c", "-p", PORTS[2], "GET", f"key:{i}") for i in range(50)], [str(i) for i in range(50)])

    def test_a_leader_and_two_followers(self):
        services = ("node-1", "node-2", "node-3")
        self.up("group", services)
        with Prometheus(dict(zip(services, METRICS))) as prometheus:
            harness.wait_until(lambda: prometheus.query('group:henge_leaders:sum == 1'), UP_SECONDS)
            harness.wait_until(lambda: len(prometheus.query("up == 1")) == 3, UP_SECONDS)
            self.lose_the_leader(services)
            harness.wait_until(lambda: "HengeFailover" in prometheus.fired(), UP_SECONDS)

    def lose_the_leader(self, services):
        def leader():
            roles = [cli("-p", port, "ROLE").split("\n")[0] for port in PORTS]
            return roles.index("master") if roles.count("master") == 1 else None
        first = harness.wait_until(lambda: None if leader() is None else [leader()], UP_SECONDS)[0]
        self.assertEqual(cli("-p", PORTS[first], "SET", "key", "value"), "OK")  # A follower has it.
        ENGINE.podman("kill", container(services[first]))
        second = harness.wait_until(lambda: [leader()] if leader() not in (None, first) else None, UP_SECONDS)[0]
        self.assertEqual(cli("-p", PORTS[second], "GET", "key"), "value")
        self.assertEqual(harness.wait_until(lambda: cli("-p", PORTS[second], "SET", "key", "other"), UP_SECONDS), "OK")
        ENGINE.podman("start", container(services[first]))
        self.await_healthy(services)
        harness.wait_until(lambda: cli("-p", PORTS[first], "GET", "key") == "other", UP_SECONDS)


if __name__ == "__main__":
    unittest.main()
