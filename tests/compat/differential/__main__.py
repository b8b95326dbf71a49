#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends random sequences of calls to Henge and to Debian's redis-server and compares all that comes back.

    tests/compat/differential [--seconds 60] [--seed N] [--type list,zset …] [--resp3] …

What differs is cut down to the calls that matter and printed as a transcript. The seed in its title
plays that sequence again: --seed N --sequences 1.
"""
import argparse
import collections
import multiprocessing
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(os.path.dirname(HERE)), "system")]

import harness  # noqa: E402  Found through the path above.
import sequences  # noqa: E402
import wire  # noqa: E402
from session import BLOCK, Session  # noqa: E402
from shrink import Shrinker, transcript  # noqa: E402

PROTOCOLS = {None: (2, 3, 2), 2: (2, 2, 2), 3: (3, 3, 3)}
REPETITIONS = 2  # Of a sequence in which something differed: what hangs on timing does not come again.

Report = collections.namedtuple("Report", "calls sequences differences forgiven passing")


def names_of(port):
    connection = wire.Connection(port)
    names = {name.decode().lower() for name in connection.call("COMMAND", "LIST")}
    connection.close()
    return names


class Lane:
    """Two servers of its own and the sequences of every `step`-th seed."""

    def __init__(self, options, first, step):
        self._options, self._seed, self._step = options, first, step
        self._protocols = PROTOCOLS[options.protocol]
        self._servers = (harness.Redis() if options.itself else harness.Henge(), harness.Redis())
        self._forgiven = collections.Counter()
        self._calls = self._played = 0
        self._signatures = collections.Counter()
        self._passing = 0  # Differences that playing the sequence again did not show.

    def run(self, print_one):
        try:
            for server in self._servers:
                server.start()
            self._sequences = sequences.Sequences(
                names_of(self._servers[0].port) & names_of(self._servers[1].port), self._options.type)
            until = time.monotonic() + self._options.seconds
            while time.monotonic() < until and not self._enough():
                self._sequence(print_one)
                self._seed += self._step
        finally:
            for server in self._servers:
                server.close()
        return Report(self._calls, self._played, self._signatures, self._forgiven, self._passing)

    def _enough(self):
        options = self._options
        return (len(self._signatures) >= options.differences or
                options.sequences and self._played >= options.sequences or
                options.operations and self._calls >= options.operations)

    def _ports(self):
        return [server.port for server in self._servers]

    def _sequence(self, print_one):
        calls, keys = self._sequences.draw(self._seed)
        session = Session(self._ports(), self._protocols, keys, self._forgiven)
        difference = session.run(calls)
        self._calls += session.calls
        self._played += 1
        if difference is None:
            return
        died = [server for server in self._servers if not server.alive()]
        if died:
            return self._death(died, calls[:difference.at + 1], print_one)
        if not any(Session(self._ports(), self._protocols, keys).run(calls) for _ in range(REPETITIONS)):
            self._passing += 1
            return print_one(f"= seed {self._seed}, once and not again: {difference}")
        shrinker = Shrinker(lambda some: Session(self._ports(), self._protocols, keys).run(some))
        shorter = shrinker.shrink(calls, difference)
        signature = signature_of(shorter)
        self._signatures[signature] += 1
        if self._signatures[signature] == 1:
            print_one(f"= seed {self._seed}\n" +
                      transcript(shorter, self._ports(), self._protocols, keys, (difference, shrinker.last)) + "\n")

    def _death(self, died, calls, print_one):
        self._signatures["(death)"] += 1
        for server in died:
            print_one(f"= seed {self._seed}: {server.name} died; its log:\n{server.log()}")
            server.start()


def signature_of(calls):
    """What is most probably the same difference: the last command, and whether a check found it."""
    names = [words[words[0] == BLOCK].upper().decode("latin-1") for _, words in calls if words]
    return " ".join(names[-1:]) + ("" if calls[-1][1] else ", seen by a check")


def run_lane(options, first, step, results):
    def print_one(text):
        print("\n" + text, flush=True)
    try:
        results.put(Lane(options, first, step).run(print_one))
    except BaseException as error:
        results.put(error)
        raise


def run(options, seed):
    """Every lane's sequences from this seed on; the report of all together."""
    results = multiprocessing.Queue()
    lanes = [multiprocessing.Process(target=run_lane, args=(options, seed + n, options.lanes, results))
             for n in range(options.lanes)]
    started = time.monotonic()
    for lane in lanes:
        lane.start()
    reports = [results.get() for _ in lanes]
    for lane in lanes:
        lane.join()
    for report in reports:
        if isinstance(report, BaseException):
            raise report
    spent = time.monotonic() - started
    calls, played = sum(r.calls for r in reports), sum(r.sequences for r in reports)
    found = sum((r.differences for r in reports), collections.Counter())
    forgiven = sum((r.forgiven for r in reports), collections.Counter())
    for name, count in sorted(forgiven.items()):
        print(f"known: {name}, {count} times")
    for name, count in sorted(found.items()):
        print(f"different: {name}, in {count} sequences")
    if passing := sum(r.passing for r in reports):
        print(f"once and not again, which fails nothing: {passing}")
    print(f"seed {seed}: {calls} calls in {played} sequences, {calls / spent:.0f} a second, "
          f"{len(found)} differences", flush=True)
    return len(found)


def parse_options():
    parser = argparse.ArgumentParser(prog="differential", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="for each seed")
    parser.add_argument("--operations", type=int, help="end after so many calls, in each lane")
    parser.add_argument("--sequences", type=int, help="end after so many sequences, in each lane")
    parser.add_argument("--seed", default="random", help="a number, random, or several with commas")
    parser.add_argument("--type", default="", help="families with commas: " + ", ".join(sequences.commands.FAMILIES))
    parser.add_argument("--resp2", dest="protocol", action="store_const", const=2)
    parser.add_argument("--resp3", dest="protocol", action="store_const", const=3,
                        help="on all connections; else both are mixed")
    parser.add_argument("--differences", type=int, default=5, help="end after so many different ones")
    parser.add_argument("--itself", action="store_true",
                        help="the reference in Henge's place: what differs then is this program's fault")
    parser.add_argument("--lanes", type=int, default=1, help="processes, each with two servers")
    options = parser.parse_args()
    options.type = [name for name in options.type.split(",") if name]
    unknown = set(options.type) - set(sequences.commands.FAMILIES)
    if unknown:
        parser.error(f"no family {', '.join(sorted(unknown))}")
    return options


def main():
    options = parse_options()
    found = 0
    for seed in options.seed.split(","):
        found += run(options, random.randrange(10 ** 9) if seed == "random" else int(seed))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
