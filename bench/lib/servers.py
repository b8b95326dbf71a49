# SPDX-License-Identifier: Apache-2.0
"""Servers under measurement: Henge's release build and Debian's redis-server, pinned to cores.

    with servers.Henge() as henge, servers.Redis() as redis:
        before = henge.cpu()
        ...
        used = henge.cpu() - before        # seconds of user and of system time

Each is a process of its own without persistence, on a free loopback port, and dies with us.
"""
import atexit
import ctypes
import dataclasses
import glob
import os
import random
import resource
import signal
import socket
import subprocess
import tempfile
import time

from lib import resp

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER_CORE = 0
CLIENT_CORE = 1
BOTH_CORES = (SERVER_CORE, CLIENT_CORE)
START_SECONDS = 20
PRIORITY = -10
PR_SET_PDEATHSIG = 1
TICK = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None)


@dataclasses.dataclass
class CpuTime:
    """Seconds. The total is exact; its parts are sampled in ticks, so measure over seconds."""
    user: float
    system: float
    total: float

    def __sub__(self, other):
        return CpuTime(self.user - other.user, self.system - other.system,
                       self.total - other.total)

    @property
    def user_share(self):
        parts = self.user + self.system
        return self.user / parts if parts > 0 else 0.0


class Server:
    name = ""
    persistence_off = ["--save", "", "--appendonly", "no"]

    def __init__(self, *flags, cores=(SERVER_CORE,)):
        self.flags = list(flags)
        self.cores = cores
        self.port = free_port()
        self.process = None
        self.folder = tempfile.TemporaryDirectory(prefix="henge-bench-")

    def binary(self):
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    def __enter__(self):
        command = [self.binary(), "--port", str(self.port), "--bind", "127.0.0.1",
                   "--dir", self.folder.name, *self.persistence_off, *self.flags]
        log = open(os.path.join(self.folder.name, "log"), "wb")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                        preexec_fn=self._prepare_child)
        log.close()
        self._wait_for_answer()
        return self

    def _prepare_child(self):
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, self.cores)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        raise_priority()

    def _wait_for_answer(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with self.client() as client:
                    client.call("PING")
                return
            except resp.ServerError:
                return  # It says that it is loading.
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{self.name} did not start; its log:\n{self.log()}") from None
                time.sleep(0.02)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def log(self):
        with open(os.path.join(self.folder.name, "log"), errors="replace") as stream:
            return "".join(stream.readlines()[-20:])

    def client(self, timeout=60):
        return resp.Client(self.port, timeout)

    def cpu(self):
        """CPU time of all threads so far."""
        with open(f"/proc/{self.process.pid}/stat") as stream:
            fields = stream.read().rsplit(")", 1)[1].split()
        return CpuTime(int(fields[11]) / TICK, int(fields[12]) / TICK, self._run_seconds())

    def _run_seconds(self):
        """The scheduler's own account of the same time, to the nanosecond."""
        nanos = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            with open(path) as stream:
                nanos += int(stream.read().split()[0])
        return nanos / 1e9

    def rss(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm") as stream:
            return int(stream.read().split()[1]) * resource.getpagesize()

    def require(self, *commands):
        """Ends the run when the server lacks a command: nothing is left out in silence."""
        with self.client() as client:
            for command in commands:
                try:
                    client.call(command)  # Without arguments: only whether it is known matters.
                except resp.ServerError as error:
                    if "unknown command" in str(error):
                        raise SystemExit(f"{self.name} has no {command}") from None


class Henge(Server):
    name = "Henge"

    def binary(self):
        path = os.environ.get("HENGE_SERVER",
                              os.path.join(ROOT, "build/release/bin/henge-server"))
        if not os.path.exists(path):
            raise SystemExit(f"{path} is missing: make build")
        return path

    def version(self):
        said = subprocess.run([self.binary(), "--version"], capture_output=True, text=True,
                              check=True).stdout
        return "Henge " + said.split("v=")[1].split()[0]


class Redis(Server):
    name = "Redis"

    def binary(self):
        return os.environ.get("REDIS_SERVER", "redis-server")

    def version(self):
        said = subprocess.run([self.binary(), "--version"], capture_output=True, text=True,
                              check=True).stdout
        return "Redis " + said.split("v=")[1].split()[0]


def free_port():
    while True:
        port = random.randint(15000, 22000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def pin_client(core=CLIENT_CORE):
    """Moves this process, and those it starts, to the clients' core."""
    os.sched_setaffinity(0, {core})


def raise_priority():
    """For this process and those it starts from now on, where it is allowed: what is measured should
    not be a busy machine's other work. Our session is raised, too, since the scheduler weighs sessions
    first (sched_autogroup); it is lowered when we end."""
    if os.geteuid() != 0:
        return
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    if _weigh_session(PRIORITY):
        atexit.register(_weigh_session, 0)


def run_first():
    """For this process alone, where it is allowed: it gets its processor as soon as it wants it."""
    raise_priority()
    if os.geteuid() == 0:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def _weigh_session(nice):
    try:
        with open("/proc/self/autogroup", "w") as stream:
            stream.write(str(nice))
        return True
    except OSError:
        return False
