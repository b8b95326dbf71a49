# SPDX-License-Identifier: Apache-2.0
"""`henge-server --healthcheck` beside real nodes: 0 where clients are served, 1 with the reason where not."""
import subprocess

import harness
from plain_group import Group


def check(*arguments):
    """Its exit code and what it says."""
    done = subprocess.run([harness.henge_binary(), "--healthcheck", *map(str, arguments)], capture_output=True,
                          text=True, timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


class HealthCheckTest(harness.TestCase):
    def test_a_node_on_its_own(self):
        server = self.henge()
        self.assertEqual(check("--port", server.port), (0, "healthy"))
        server.stop()
        code, said = check("--port", server.port)
        self.assertEqual(code, 1)
        self.assertIn(f"127.0.0.1:{server.port}", said)

    def test_the_password_is_that_of_the_configuration(self):
        server = self.henge({"requirepass": "secret"})
        self.assertEqual(check("--port", server.port, "--requirepass", "secret"), (0, "healthy"))
        code, said = check("--port", server.port)
        self.assertEqual((code, said.split()[0]), (1, "NOAUTH"))

    def test_a_node_that_loads_is_not_well_yet(self):
        server = self.henge({"save": "", "enable-debug-command": "yes"})
        with server.client() as client:
            client.execute_command("DEBUG", "POPULATE", 1000)
            client.save()
        server.stop()
        server.settings["key-load-delay"] = 100000  # µs a key.
        server.start(loaded=False)
        code, said = check("--port", server.port)
        self.assertEqual((code, said.split()[0]), (1, "LOADING"))

    def test_a_node_of_a_cluster_is_well_when_the_cluster_serves(self):
        server = self.henge({"cluster-enabled": "yes"})
        question = ("--port", server.port, "--cluster-enabled", "yes")
        self.assertEqual(check(*question), (1, "cluster_state:fail"))
        self.assertEqual(check("--port", server.port), (0, "healthy"))  # The node itself is.
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        harness.wait_until(lambda: check(*question) == (0, "healthy"))


class GroupTest(harness.TestCase):
    def test_members_of_a_group_are_well_while_there_is_a_leader(self):
        group = Group()
        self.addCleanup(group.close)
        for node in group.nodes:
            self.assertEqual(check(node.folder + "/henge.yaml"), (0, "healthy"))
        last = group.followers()[0]
        for node in group.nodes:
            if node is not last:
                node.kill()
        harness.wait_until(lambda: check(last.folder + "/henge.yaml")[0] == 1, 30)


if __name__ == "__main__":
    harness.main()
