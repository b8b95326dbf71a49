# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests: on loopback, on ports nobody uses, in folders that go away.

    with harness.Henge() as server:            # or harness.Redis(), Debian's
        server.client().set("k", "v")          # python3-redis
        server.kill()                          # kill -9
        server.start()                         # the same port, folder and settings
        harness.wait_until(lambda: server.client().get("k") == b"v")

A test that fails wants the server's log: harness.TestCase prints it. Servers die with the test
program, whatever becomes of it.
"""
import ctypes
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import redis

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START_SECONDS = 20
POLL_SECONDS = 0.02
PR_SET_PDEATHSIG = 1
RESERVED = os.path.join(tempfile.gettempdir(), "henge-test-ports")
_reserved = []  # Open files, locked.
_libc = ctypes.CDLL(None)


def henge_binary():
    """The server under test: $HENGE_SERVER, which CTest sets, or the release build's."""
    return os.environ.get("HENGE_SERVER", os.path.join(ROOT, "build/release/bin/henge-server"))


def free_port():
    """A port below the ephemeral range on which nobody listens; nor on the one 10000 above. No other test gets it."""
    while True:
        port = random.randint(15000, 22000)
        if reserve(port) and is_free(port) and is_free(port + 10000):
            return port


def reserve(port):
    """False if another test program has it, which may start its server in a moment. Held until this one ends."""
    os.makedirs(RESERVED, exist_ok=True)
    mark = open(os.path.join(RESERVED, str(port)), "wb")  # pylint: disable=consider-using-with
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        mark.close()
        return False
    _reserved.append(mark)
    return True


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def size_without_room(path):
    """Of an append-only file: without the zeros that `appendfsync always` keeps behind its end."""
    with open(path, "rb") as file:
        return len(file.read().rstrip(b"\0"))


def wait_until(condition, seconds=10, what=None):
    """Polls until condition() is true and returns what it gave; a test failure when it never is.

    Connection errors count as "not yet": servers come and go in these tests.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = condition()
            if value:
                return value
        except redis.exceptions.RedisError:
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what or condition}")
        time.sleep(POLL_SECONDS)


def let_pass(seconds):
    """Lets time pass in which something is measured; never to wait for something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


class Server:
    """One server process. `settings` are Redis's parameters by name, given as flags."""

    name = "server"

    def __init__(self, settings=None, port=None, host="127.0.0.1"):
        self.host = host
        self.port = port or free_port()
        self.folder = tempfile.mkdtemp(prefix=f"henge-test-{self.name}-")
        self.settings = {"port": self.port, "bind": host, "dir": self.folder, "save": "",
                         "enable-debug-command": "yes", "enable-protected-configs": "yes",
                         "enable-module-command": "yes", **(settings or {})}
        self.environment = {}  # Besides that of the test.
        self.process = None

    def binary(self):
        raise NotImplementedError

    def command_line(self):
        line = [self.binary()]
        for name, value in self.settings.items():
            line += ["--" + name, *([str(v) for v in value] if isinstance(value, list)
                                    else [str(value)])]
        return line

    def start(self, loaded=True):
        """Until it answers; with `loaded`, until what was on disk is loaded, too."""
        self.spawn()
        try:
            wait_until(lambda: self._answers(loaded), START_SECONDS, f"{self.name} on port {self.port}")
        except AssertionError as error:
            raise AssertionError(f"{error}; its log:\n{self.log()}") from None
        return self

    def spawn(self):
        """Does not wait until it answers."""
        with open(self.log_path(), "ab") as log:
            self.process = subprocess.Popen(
                self.command_line(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                cwd=self.folder, env={**os.environ, **self.environment},
                preexec_fn=self.before_exec)

    def before_exec(self):
        """In the new process."""
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def _answers(self, loaded):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}")
        try:
            with self.client() as client:
                return client.ping()
        except redis.exceptions.BusyLoadingError:
            return not loaded
        except redis.exceptions.AuthenticationError:
            return True

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds=20):
        """Asks it to end (SIGTERM) and fails when it does not; gives its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} ignored SIGTERM for {seconds} s") from None

    def kill(self):
        """kill -9: what it did not write is lost."""
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def client(self, **options):
        return redis.Redis(host=self.host, port=self.port, **{"socket_timeout": 10, **options})

    def log_path(self):
        return os.path.join(self.folder, "log")

    def log(self, lines=40):
        try:
            with open(self.log_path(), errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except FileNotFoundError:
            return ""

    def close(self):
        """Ends it at once and removes its folder."""
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


class Henge(Server):
    name = "henge"

    def binary(self):
        return henge_binary()


class Redis(Server):
    """Debian's redis-server, the reference."""

    name = "redis"

    def binary(self):
        return shutil.which("redis-server")


class TestCase(unittest.TestCase):
    """Closes the servers it was asked for, and prints their logs when a test fails."""

    def henge(self, settings=None, port=None):
        return self._serve(Henge(settings, port))

    def redis(self, settings=None, port=None):
        return self._serve(Redis(settings, port))

    def _serve(self, server):
        self.addCleanup(server.close)
        self.addCleanup(self._print_log, server)  # Cleanups run last in, first out.
        return server.start()

    def _print_log(self, server):
        if not self._outcome.success:
            print(f"--- log of {server.name} on port {server.port}:\n{server.log()}")


def main():
    """unittest's main, where CTest may give the server before the names of tests.

    In a folder that goes away: who is started without one of its own leaves nothing behind, nor
    finds what another left.
    """
    if len(sys.argv) > 1 and os.access(sys.argv[1], os.X_OK):
        os.environ["HENGE_SERVER"] = sys.argv.pop(1)
    os.environ["HENGE_SERVER"] = os.path.abspath(henge_binary())
    with tempfile.TemporaryDirectory(prefix="henge-test-") as folder:
        os.chdir(folder)
        unittest.main()
