#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rounds of one fault each on a cluster of six under load, made by redis-cli; behind each its histories are checked.

The nodes are real processes in network namespaces of their own (namespaces.py). Where such can't be made, processes
are killed and stopped on loopback only; HENGE_ROUNDS_NETWORK=1 makes that a failure.
HENGE_ROUNDS: how many rounds; HENGE_SEED: which. What each round was is printed, with what came of it.
"""
import glob
import os
import random
import re
import time
import unittest

import harness
import histories
import made_cluster
import namespaces
import rounds_faults
import rounds_load
import wire

ROUNDS = int(os.environ.get("HENGE_ROUNDS", "3"))
SEED = int(os.environ.get("HENGE_SEED", "340"))  # A leader isolated, one killed, one that is not heard.
LACKING = namespaces.lacks()
MANY = 10  # Rounds from which on each way to replicate is tried.
NODES = 6
WHOLE_SECONDS = 60
LED_SECONDS = 30
LOG_LINES = 150


class Scene:
    """The cluster, as faults choose among its nodes."""

    def __init__(self, cluster, network, keeps_all):
        self.cluster, self.network = cluster, network
        self.nodes = cluster.servers
        self.many = ROUNDS >= MANY    # All kinds of faults have their turn.
        self.keeps_all = keeps_all    # Though all processes die at once.

    def leaders(self):
        return self.cluster.leaders()

    def followers(self):
        leaders = self.leaders()
        return [node for node in self.nodes if node not in leaders]

    def judges(self):
        """Who says that it judges, in the latest term: each judged by itself before it was met."""
        terms = {}
        for node in self.nodes:
            said = re.findall(r'judges (failures from now on|no more).*?term"?[=:]\s*"?(\d+)', node.log(100000))
            if said and said[-1][0] != "no more":
                terms[int(said[-1][1])] = node
        return [terms[max(terms)]]

    def number(self, node):
        return self.nodes.index(node) + 1

    @staticmethod
    def wait(seconds):
        harness.let_pass(seconds)


class Round:
    """Load, a fault, its end, and the check."""

    def __init__(self, scene, rng, name, strict):
        self.scene, self.rng, self.name, self.strict = scene, rng, name, strict
        self.fault = rounds_faults.choose(rng, scene)
        self.hold = rng.choice([0.3, 1, 2, 3, 5])
        self.led_again = None  # Seconds from the end of the fault until all keys took writes.

    def run(self):
        addresses = [(node.host, node.port) for node in self.scene.nodes]
        load = rounds_load.Load(addresses, self.name, self.rng.random())
        operations = None
        try:
            self._await_writes(load, time.monotonic())
            self.fault.begin()
            self.scene.wait(self.hold)
            self.fault.end()
            ended = time.monotonic()
            self._await_writes(load, ended)
            self.led_again = time.monotonic() - ended
            self.scene.cluster.await_whole(WHOLE_SECONDS)
        finally:
            operations = load.stop()
        self._await_in_sync()
        lists, counters = self._find(load)
        return histories.check(operations, lists, counters, self.strict), load.refusals()

    def _await_writes(self, load, since):
        """Until each key took one."""
        wanted = {*load.keys.lists, *load.keys.counters}
        try:
            harness.wait_until(lambda: wanted <= load.acknowledged(since), LED_SECONDS)
        except AssertionError:
            raise AssertionError(f"no writes to {sorted(wanted - load.acknowledged(since))} in {LED_SECONDS} s; "
                                 f"refused: {load.refusals()}") from None

    def _await_in_sync(self):
        """So that the next fault is the only one there is."""
        for leader in self.scene.leaders():
            harness.wait_until(lambda leader=leader: leader.client().info("replication")["connected_slaves"] == 1 and
                               (not self.strict or leader.client().info("replication")["insync_followers"] == 1),
                               WHOLE_SECONDS, f"the follower of {self.scene.number(leader)} in sync")

    @staticmethod
    def _find(load):
        found = []

        def find():
            try:
                found.append(load.find())
            except (rounds_load.Unanswered, rounds_load.Unreached):
                return False
            return True
        harness.wait_until(find, LED_SECONDS)
        return found[0]


class RoundsTest(harness.TestCase):
    def setUp(self):
        self.rng = random.Random(f"{SEED} {self._testMethodName}")
        self.network = None
        if LACKING is None:
            self.network = namespaces.Network(NODES)
            self.addCleanup(self.network.close)

    def _print_log(self, server):
        if not self._outcome.success:
            print(f"--- log of {server.name} on port {server.port}:\n{server.log(LOG_LINES)}")

    def node(self, settings):
        if self.network is None:
            return self.henge(settings)
        self.placed += 1
        return self._serve(namespaces.Node(self.network, self.placed, settings))

    def cluster(self, **settings):
        self.placed = 0
        return made_cluster.Cluster(self, NODES, make=self.node, settings={
            "appendonly": "no", **{name.replace("_", "-"): value for name, value in settings.items()}})

    def play(self, cluster, strict, keeps_all=False):
        scene = Scene(cluster, self.network, keeps_all)
        totals = {}
        for number in range(1, ROUNDS + 1):
            one = Round(scene, self.rng, f"{number}", strict)
            print(f"round {number}: {one.fault}, {one.hold} s", end="", flush=True)
            verdict, refusals = one.run()
            counts = {**verdict.counts, "lost": sum(map(len, verdict.lost.values())),
                      "read and lost": verdict.unacknowledged}
            if not strict:
                counts["in no file"] = self.check_discarded(cluster, one.fault, verdict)
            print(f"; writes again after {one.led_again:.1f} s; {counts} {refusals}", flush=True)
            for what, count in counts.items():
                totals[what] = totals.get(what, 0) + count
            self.assertEqual(verdict.violations[:10], [], f"seed {SEED}, round {number}: {one.fault}")
        print(f"{self._testMethodName}: {ROUNDS} rounds, seed {SEED}: {totals}", flush=True)

    def test_insync_loses_nothing(self):
        self.play(self.cluster(write_concern="insync"), strict=True)

    @unittest.skipIf(ROUNDS < MANY, "takes as long again")
    def test_insync_with_files_loses_nothing(self):
        self.play(self.cluster(write_concern="insync", appendonly="yes", appendfsync="always"), True, keeps_all=True)

    @unittest.skipIf(ROUNDS < MANY, "takes as long again")
    def test_async_loses_no_more_than_it_tells(self):
        self.play(self.cluster(write_concern="async"), strict=False)

    def discarded(self, cluster):
        """What nodes have thrown away, but kept in files."""
        found = b""
        for node in cluster.servers:
            for path in glob.glob(os.path.join(node.folder, "discarded-*.aof")):
                with open(path, "rb") as file:
                    found += file.read()
        return found

    def check_discarded(self, cluster, fault, verdict):
        """What a leader acknowledged and another does not have is in a file, unless its process died."""
        found = self.discarded(cluster)
        missing = [(key, value) for key, values in verdict.lost.items() for value in values
                   if wire.encode("RPUSH", key, value) not in found]
        if not fault.kills:
            self.assertEqual(missing, [], f"seed {SEED}: lost, and in no file: {fault}")
        return len(missing)


if __name__ == "__main__":
    print(f"seed {SEED}")
    if LACKING is not None:
        print(f"on loopback, without a network of its own: {LACKING}")
        if os.environ.get("HENGE_ROUNDS_NETWORK"):
            raise SystemExit("but one is asked for")
    harness.main()
