# SPDX-License-Identifier: Apache-2.0
"""What the log says and where it goes. Tools (Redis's own test suite, for one) wait for its lines."""
import json
import os
import re
import signal
import socket
import subprocess

import harness

LINE = re.compile(r"(\d+):[MS] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.\-*#] (.+)")


def lines_of(path):
    """The lines written so far; none before there is a file."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as log:
        return log.read().rpartition("\n")[0].splitlines()


class LoggingTest(harness.TestCase):
    def messages(self, server, path=None):
        """The messages of a log in the text format, whose every line is checked."""
        found = []
        for line in lines_of(path or server.log_path()):
            match = LINE.fullmatch(line)
            self.assertTrue(match, line)
            self.assertEqual(int(match[1]), server.process.pid)
            found.append(match[2])
        return found

    def wait_for(self, server, text, path=None):
        harness.wait_until(lambda: any(text in m for m in self.messages(server, path)), what=text)

    def test_start_and_end_as_tools_expect(self):
        server = self.henge()
        self.wait_for(server, "Ready to accept connections tcp")
        # As the suite's wait_server_started has it.
        started = rf" PID: {server.process.pid}.*Server initialized"
        self.assertRegex("\n".join(lines_of(server.log_path())), re.compile(started, re.DOTALL))
        self.assertEqual(server.stop(), 0)
        messages = self.messages(server)
        self.assertIn('User requested shutdown... reason="Received SIGTERM"', messages)
        self.assertTrue(messages[-1].endswith("is now ready to exit, bye bye..."), messages[-1])

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", harness.free_port()))
            taken.listen()
            server = harness.Henge(port=taken.getsockname()[1])
            self.addCleanup(server.close)
            with self.assertRaisesRegex(AssertionError, "Failed listening on port"):
                server.start()

    def test_a_file_relative_to_the_folder(self):
        server = self.henge({"logfile": "henge.log"})
        path = os.path.join(server.folder, "henge.log")
        self.wait_for(server, "Ready to accept connections", path)
        self.assertEqual(lines_of(server.log_path()), [])
        self.assertEqual(server.client().config_get("logfile"), {"logfile": "henge.log"})
        os.rename(path, path + ".1")  # As logrotate does; no signal is needed.
        server.client().execute_command("DEBUG", "LOG", "after")
        self.wait_for(server, "DEBUG LOG: after", path)

    def test_a_file_that_cannot_be_opened(self):
        server = harness.Henge({"logfile": "/nonexistent/henge.log"})
        self.addCleanup(server.close)
        with self.assertRaisesRegex(AssertionError, "Can't open the log file /nonexistent"):
            server.start()

    def test_json(self):
        server = self.henge({"log-format": "json"})
        server.client().execute_command("DEBUG", "LOG", 'a "quote", a\nline, \xff')
        self.assertEqual(server.stop(), 0)
        told = [json.loads(line) for line in lines_of(server.log_path())]
        for line in told:
            self.assertEqual(line["pid"], server.process.pid)
            self.assertIn(line["level"], ("notice", "warning"))
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d\d:\d\d$")
        listening = [line for line in told if line["message"] == "Listening"]
        self.assertEqual(listening[0]["port"], server.port)
        self.assertTrue(any(line["message"].startswith('DEBUG LOG: a "quote", a\nline, ')
                            for line in told))

    def test_the_format_changes_at_run_time(self):
        server = self.henge()
        self.wait_for(server, "Ready to accept connections")
        client = server.client()
        client.config_set("log-format", "json")
        client.execute_command("DEBUG", "LOG", "first")
        client.execute_command("DEBUG", "LOG", "second")
        harness.wait_until(lambda: "second" in lines_of(server.log_path())[-1])
        self.assertEqual(json.loads(lines_of(server.log_path())[-1])["message"],
                         "DEBUG LOG: second")
        client.config_set("log-format", "text")
        client.execute_command("DEBUG", "LOG", "third")
        harness.wait_until(lambda: LINE.fullmatch(lines_of(server.log_path())[-1]))

    def test_the_level_changes_at_run_time(self):
        server = self.henge()
        client = server.client()

        def accepted():
            return sum(m.startswith("Accepted ") for m in self.messages(server))

        server.client().ping()
        client.config_set("loglevel", "verbose")
        server.client().ping()
        self.wait_for(server, "Accepted id=")
        self.assertEqual(accepted(), 1)
        client.config_set("loglevel", "warning")
        server.client().ping()
        client.execute_command("DEBUG", "LOG", "a warning")
        self.wait_for(server, "DEBUG LOG: a warning")
        self.assertEqual(accepted(), 1)
        client.config_set("loglevel", "nothing")
        client.execute_command("DEBUG", "LOG", "unheard")
        client.config_set("loglevel", "notice")
        client.execute_command("DEBUG", "LOG", "heard")
        self.wait_for(server, "DEBUG LOG: heard")
        self.assertFalse(any("unheard" in m for m in self.messages(server)))

    def test_warns_of_what_is_hardly_meant(self):
        server = self.henge({"maxmemory": 1000})
        self.wait_for(server, "maxmemory is less than a megabyte")

    def test_a_folder_that_is_absent(self):
        server = harness.Henge({"dir": "/nonexistent"})
        self.addCleanup(server.close)
        with self.assertRaisesRegex(AssertionError, "dir|chdir"):
            server.start()

    def test_a_crash_is_told_with_its_stack(self):
        server = self.henge()
        os.kill(server.process.pid, signal.SIGABRT)
        self.assertEqual(server.process.wait(20), -signal.SIGABRT)
        log = "\n".join(lines_of(server.log_path()))
        for text in ("crashed by signal: 6", "STACK TRACE", f"Killed by PID: {os.getpid()}"):
            self.assertIn(text, log)

    def test_a_crash_on_purpose(self):
        for command, number in (("SEGFAULT", signal.SIGSEGV), ("PANIC", signal.SIGABRT),
                                ("ASSERT", signal.SIGABRT)):
            with self.subTest(command), harness.Henge() as server:
                with self.assertRaises(harness.redis.exceptions.ConnectionError):
                    server.client(retry=None).execute_command("DEBUG", command)
                self.assertEqual(server.process.wait(20), -number)
                log = "\n".join(lines_of(server.log_path()))
                self.assertIn(f"crashed by signal: {number.value}", log)
                self.assertIn("Dispatcher::", log)

    def test_in_the_background(self):
        server = harness.Henge({"daemonize": "yes", "logfile": "henge.log",
                                "pidfile": "henge.pid"})
        self.addCleanup(server.close)
        with open(os.devnull, "w", encoding="utf-8") as null:
            server.process = subprocess.Popen(server.command_line(), stdout=null, cwd=server.folder)
        self.assertEqual(server.process.wait(20), 0)  # The one in front.
        pid_file = os.path.join(server.folder, "henge.pid")
        harness.wait_until(lambda: server.client().ping())
        with open(pid_file, encoding="utf-8") as file:
            pid = int(file.read())
        try:
            log = "\n".join(lines_of(os.path.join(server.folder, "henge.log")))
            self.assertIn(f" PID: {pid}", log)
        finally:
            os.kill(pid, signal.SIGTERM)
        harness.wait_until(lambda: not os.path.exists(pid_file))


if __name__ == "__main__":
    harness.main()
