# SPDX-License-Identifier: Apache-2.0
"""Latency of single requests, seen by a process of its own while something else loads the server.

    with probe.Probe({"GET": (port, encode("GET", "key"))}) as watching:
        ...
    watching.results["GET"]     # a Latencies

The probe sends one request, waits for the answer, takes the next of its list, and pauses a little. It
runs as soon as its answer is there where we may ask for that (SCHED_FIFO; else at a high priority): its
own waits for the processor, which it shares with a follower's threads, are not the server's.
"""
import array
import multiprocessing
import socket
import time

from lib import servers

PAUSE_SECONDS = 0.0002
MAX_REPLY = 65536


class Latencies:
    """A set of durations in nanoseconds."""

    def __init__(self, nanos):
        self.sorted = sorted(nanos)

    def __len__(self):
        return len(self.sorted)

    def micros(self, share):
        return self.sorted[min(len(self.sorted) - 1, int(len(self.sorted) * share))] / 1000

    def above(self, seconds):
        return sum(1 for nanos in self.sorted if nanos > seconds * 1e9)

    def row(self):
        """p50, p99, p99.9 and the longest in microseconds, and how many took more than 1 ms."""
        return (*(f"{self.micros(share):,.0f}" for share in (0.5, 0.99, 0.999, 1)),
                f"{self.above(0.001):,} of {len(self):,}")


def pool(all_latencies):
    return Latencies([nanos for latencies in all_latencies for nanos in latencies.sorted])


ROW_HEADER = ("p50 µs", "p99 µs", "p99.9 µs", "longest µs", "above 1 ms")


class Probe:
    """`targets`: name → (port, request as bytes). Every answer must come in one piece."""

    def __init__(self, targets):
        self.targets = targets
        self.results = {}

    def __enter__(self):
        context = multiprocessing.get_context("fork")
        self._stop = context.Event()
        self._pipe, theirs = context.Pipe(duplex=False)
        ready = context.Event()
        self._process = context.Process(target=self._run, args=(theirs, ready), daemon=True)
        self._process.start()
        if not ready.wait(20):
            raise SystemExit("the probe did not start")
        return self

    def __exit__(self, *_):
        self._stop.set()
        found = self._pipe.recv()
        self._process.join()
        self.results = {name: Latencies(nanos) for name, nanos in found.items()}

    def _run(self, pipe, ready):
        servers.run_first()
        found = {name: array.array("Q") for name in self.targets}
        rounds = [(self._connect(port), request, found[name])
                  for name, (port, request) in self.targets.items()]
        clock = time.perf_counter_ns
        ready.set()
        while not self._stop.is_set():
            for connection, request, nanos in rounds:
                before = clock()
                connection.send(request)
                connection.recv(MAX_REPLY)
                nanos.append(clock() - before)
                time.sleep(PAUSE_SECONDS)
        pipe.send(found)

    @staticmethod
    def _connect(port):
        connection = socket.create_connection(("127.0.0.1", port), 60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
