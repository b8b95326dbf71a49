#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How a server starts and ends: limits of the system, ports taken, in the background, by signals."""
import contextlib
import os
import signal
import socket
import subprocess

import redis

import harness
from local_cluster import tool


class FewFiles(harness.Henge):
    """A server that may open so many files and not more."""

    def __init__(self, files):
        super().__init__()
        self.files = files

    def command_line(self):
        return ["/bin/sh", "-c", f'ulimit -n {self.files}; exec "$0" "$@"', *super().command_line()]


class OpenFilesTest(harness.TestCase):
    def test_maxclients_is_lowered_to_what_fits(self):
        for files, clients in ((1000, 872), (60, 30)):
            with self.subTest(files), FewFiles(files) as server:
                with server.client() as client:
                    self.assertEqual(client.config_get("maxclients"), {"maxclients": str(clients)})
                harness.wait_until(lambda: f"maxclients={clients}" in server.log())

    def test_a_client_too_many_is_told(self):
        with FewFiles(100) as server:
            with server.client() as client:
                limit = int(client.config_get("maxclients")["maxclients"])
            sockets = [socket.create_connection(("127.0.0.1", server.port), timeout=10)
                       for _ in range(limit + 20)]
            answers = []
            for number in range(limit + 20):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    sockets[number].sendall(b"PING\r\n")
                    answers.append(sockets[number].recv(100))
            for one in sockets:
                one.close()
        self.assertGreaterEqual(answers.count(b"+PONG\r\n"), limit - 3)  # Former ones may linger.
        self.assertLessEqual(answers.count(b"+PONG\r\n"), limit)
        refusals = {answer for answer in answers if answer not in (b"+PONG\r\n", b"")}
        self.assertEqual(refusals, {b"-ERR max number of clients reached\r\n"})

    def test_config_set_cannot_promise_more_than_fits(self):
        with FewFiles(1000) as server, server.client() as client:
            with self.assertRaisesRegex(redis.ResponseError, "not able to handle"):
                client.config_set("maxclients", 5000)
            self.assertEqual(client.config_get("maxclients"), {"maxclients": "872"})
            client.config_set("maxclients", 500)


class StartTest(harness.TestCase):
    def test_a_port_that_is_taken(self):
        server = self.henge()
        done = subprocess.run([harness.henge_binary(), "--port", str(server.port)],
                              cwd=server.folder, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"Failed listening on port {server.port}", done.stdout)
        self.assertTrue(server.client().ping())

    def test_in_the_background_with_a_pid_file(self):
        server = harness.Henge()
        self.addCleanup(server.close)
        pid_file = os.path.join(server.folder, "pid")
        log_file = os.path.join(server.folder, "henge.log")
        tool(harness.henge_binary(), "--port", server.port, "--dir", server.folder,
             "--daemonize", "yes", "--pidfile",
             pid_file, "--logfile", log_file)
        harness.wait_until(lambda: server.client().ping())
        with open(pid_file, encoding="ascii") as file:
            pid = int(file.read())
        self.addCleanup(lambda: os.path.exists(f"/proc/{pid}") and os.kill(pid, signal.SIGKILL))
        self.assertEqual(server.client().info("server")["process_id"], pid)
        os.kill(pid, signal.SIGTERM)
        harness.wait_until(lambda: not os.path.exists(f"/proc/{pid}"))
        self.assertFalse(os.path.exists(pid_file))
        with open(log_file, encoding="utf-8") as log:
            self.assertIn("Received SIGTERM", log.read())

    def test_it_ends_by_signals_and_by_command(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), harness.Henge() as server:
                server.process.send_signal(number)
                self.assertEqual(server.process.wait(20), 0)
        with harness.Henge() as server:
            server.client().shutdown(nosave=True)
            self.assertEqual(server.process.wait(20), 0)

    def test_version_and_help(self):
        self.assertRegex(tool(harness.henge_binary(), "--version"), r"^Henge server v=\d+\.\d+\.\d+ ")
        self.assertIn("Usage: henge-server", tool(harness.henge_binary(), "--help"))


if __name__ == "__main__":
    harness.main()
