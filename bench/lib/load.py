# SPDX-License-Identifier: Apache-2.0
"""Load on servers that take turns, from redis-benchmark or a lighter client, and what it cost them.

    first, second = load.compare((a, b), load.Point("GET", 16, 32), rounds=5, seconds=1.5)
    print(second.user / first.user)
"""
import csv
import dataclasses
import os
import statistics
import subprocess

from lib import resp, servers

KEYS = 1_000_000
CONNECTIONS = 50
SHARES = 12  # Requests come in multiples, so that clients can share them.


@dataclasses.dataclass
class Sample:
    rate: float  # Requests per second.
    user: float  # Microseconds per request.
    system: float
    busy: float  # Share of the core.

    @property
    def cost(self):
        return self.user + self.system


@dataclasses.dataclass(frozen=True)
class Point:
    command: str
    pipeline: int
    size: int  # Bytes of a value; 0 where there is none.


def run_words(server, pipeline, requests, words, range_below=KEYS):
    """bench/load_client, sending this command; `{r}` in a word is a random number below
    `range_below`. Returns requests per second as it saw them."""
    path = os.path.join(servers.ROOT, "build/release/bin/load_client")
    if not os.path.exists(path):
        raise SystemExit(f"{path} is missing: cmake --build --preset release --target load_client")
    words = (server.port, pipeline, range_below, CONNECTIONS, requests, *words)
    done = subprocess.run([path, *map(str, words)], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{server.name}: {' '.join(map(str, words))}\n{done.stderr}")
    return float(done.stdout)


def run_light(server, point, requests):
    """What redis-benchmark would send, from bench/load_client."""
    key = "counter:{r}" if point.command == "INCR" else "key:{r}"
    words = [point.command, key] + (["x" * point.size] if point.command == "SET" else [])
    return run_words(server, point.pipeline, requests, words)


def run_clients(server, point, requests, clients=1):
    """Shares the requests among so many redis-benchmarks; returns requests per second as they saw them.

    Processes, as redis-benchmark's own threads notice the end of a run a quarter of a second late.
    """
    command = ["redis-benchmark", "-p", str(server.port), "-t", point.command.lower(),
               "-n", str(requests // clients), "-P", str(point.pipeline), "-d", str(point.size or 3),
               "-r", str(KEYS), "-c", str(CONNECTIONS // clients), "--csv"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for _ in range(clients)]
    rate = 0.0
    for process in running:
        printed = process.communicate()[0]
        rows = list(csv.DictReader(printed.splitlines()))
        if process.returncode != 0 or len(rows) != 1:
            raise SystemExit(f"{server.name}: {' '.join(command)}\n{printed}")
        rate += float(rows[0]["rps"])
    return rate


def measure(server, point, requests, run):
    before = server.cpu()
    rate = run(server, point, requests)
    used = server.cpu() - before
    cost = used.total * 1e6 / requests
    return Sample(rate, cost * used.user_share, cost * (1 - used.user_share),
                  used.total * rate / requests)


def summarize(samples):
    """Medians; of user and system time the means, as they are sampled and so average out."""
    def median(field):
        return statistics.median(getattr(s, field) for s in samples)
    user = statistics.mean(s.user for s in samples)
    system = statistics.mean(s.system for s in samples)
    scale = statistics.median(s.cost for s in samples) / (user + system)
    return Sample(median("rate"), user * scale, system * scale, median("busy"))


def compare(pair, point, rounds, seconds, run=run_clients):
    """What both servers did, summarized; each sample takes the slower one about `seconds`. `run` is
    the load: run(server, point, requests) → requests per second."""
    trial = 4000 * point.pipeline
    slowest = min(run(server, point, trial) for server in pair)
    requests = max(trial, int(slowest * seconds)) // SHARES * SHARES
    samples = [[] for _ in pair]
    for _ in range(rounds):
        for server, own in zip(pair, samples):
            own.append(measure(server, point, requests, run))
    return [summarize(own) for own in samples]


def fill(server, size):
    with server.client(timeout=600) as client:
        client.call("FLUSHALL")
        resp.load_counters(client, range(KEYS))
        resp.load_strings(client, range(KEYS), "x" * size)


def cost_cell(sample):
    return f"{sample.cost:.2f} ({sample.user:.2f} + {sample.system:.2f})"
