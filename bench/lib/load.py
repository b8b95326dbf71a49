# SPDX-License-Identifier: Apache-2.0
"""Load from redis-benchmark on servers that take turns, and what it cost them.

    first, second = load.compare((a, b), load.Point("GET", 16, 32), rounds=5, seconds=1.5)
    print(second.user / first.user)
"""
import csv
import dataclasses
import statistics
import subprocess

from lib import resp

KEYS = 1_000_000


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


def run_client(server, point, requests, extra=()):
    """Runs redis-benchmark once; returns requests per second as it saw them."""
    command = ["redis-benchmark", "-p", str(server.port), "-t", point.command.lower(),
               "-n", str(requests), "-P", str(point.pipeline), "-d", str(point.size or 3),
               "-r", str(KEYS), "-c", "50", "--csv", *extra]
    done = subprocess.run(command, capture_output=True, text=True)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    if done.returncode != 0 or len(rows) != 1:
        raise SystemExit(f"{server.name}: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return float(rows[0]["rps"])


def measure(server, point, requests, extra=()):
    before = server.cpu()
    rate = run_client(server, point, requests, extra)
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


def compare(pair, point, rounds, seconds, extra=()):
    """What both servers did, summarized; each sample takes the slower one about `seconds`."""
    trial = 2000 * point.pipeline
    slowest = min(run_client(server, point, trial, extra) for server in pair)
    requests = max(trial, int(slowest * seconds))
    samples = [[] for _ in pair]
    for _ in range(rounds):
        for server, own in zip(pair, samples):
            own.append(measure(server, point, requests, extra))
    return [summarize(own) for own in samples]


def fill(server, size):
    with server.client(timeout=600) as client:
        client.call("FLUSHALL")
        resp.load_counters(client, range(KEYS))
        resp.load_strings(client, range(KEYS), "x" * size)


def cost_cell(sample):
    return f"{sample.cost:.2f} ({sample.user:.2f} + {sample.system:.2f})"
