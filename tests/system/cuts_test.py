#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The link between a leader under load and its follower is cut at random moments, also during full
syncs; either is killed and started again. In the end both have the same data, and no full copy was
made that the backlog does not explain. HENGE_CUTS: how many events; HENGE_SEED: which.
"""
import asyncio
import os
import random
import socket
import struct
import sys
import threading

import redis

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import harness  # noqa: E402  Found through the path above.
import replication_test  # noqa: E402
from replication_test import digest, is_up, offset  # noqa: E402

CUTS = int(os.environ.get("HENGE_CUTS", "6"))
SEED = int(os.environ.get("HENGE_SEED", random.randrange(1 << 30)))
HOST = "127.0.0.2"  # Where the proxy listens, on the same ports as the leader on 127.0.0.1.
PORTS_ABOVE = 10000  # From a node's port to that of its streams.
LOADS = 3


class Proxy:
    """Carries bytes to the leader, until told to cut."""

    def __init__(self, port):
        self._pairs = set()
        self._open = True
        self._loop = asyncio.new_event_loop()
        self._servers = [self._loop.run_until_complete(asyncio.start_server(
            lambda reader, writer, to=to: self._serve(reader, writer, to), HOST, to))
            for to in (port, port + PORTS_ABOVE)]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self):
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for server in self._servers:
            server.close()
        self._loop.close()

    def cut(self, stay_cut=False):
        """All connections are reset, what was under way is lost; new ones are refused while it stays."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._reset, stay_cut, done)
        done.wait(10)

    def mend(self):
        self._open = True

    def _reset(self, stay_cut, done):
        self._open = not stay_cut
        for writer in list(self._pairs):
            if not writer.is_closing():
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
        done.set()

    async def _serve(self, reader, writer, port):
        if not self._open:
            writer.transport.abort()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_writer}
        self._pairs |= both
        await asyncio.gather(self._copy(reader, to_writer), self._copy(to_reader, writer))
        self._pairs -= both

    @staticmethod
    async def _copy(reader, writer):
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.transport.abort()


class Load:
    """Threads that write all the time, and go on when the leader is back."""

    def __init__(self, leader, seed):
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(leader, seed + n), daemon=True)
                         for n in range(LOADS)]
        for thread in self._threads:
            thread.start()

    def _write(self, leader, seed):
        while not self._stop.is_set():
            try:
                with leader.client() as client:
                    replication_test.play(client, seed, 1 << 30, self._stop)
            except redis.exceptions.RedisError:
                harness.let_pass(harness.POLL_SECONDS)

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class CutsTest(harness.TestCase):
    streams = True

    def setUp(self):
        self.rng = random.Random(f"{SEED} {self.streams} {self._testMethodName}")
        print(f"HENGE_SEED={SEED} HENGE_CUTS={CUTS}", self.id())
        settings = {"repl-grpc": "yes" if self.streams else "no"}
        # So long that only the test of a short one is about the backlog, however slow the machine.
        self.leader = self.henge({"io-threads": 2, "appendonly": "yes",
                                  "repl-backlog-size": "64mb", **settings})
        self.follower = self.henge(settings)
        self.proxy = Proxy(self.leader.port)
        self.addCleanup(self.proxy.close)
        self.full_syncs = 0  # Of leaders that were killed.
        self.explained = 0

    def follow(self):
        self.follower.client().execute_command("REPLICAOF", HOST, self.leader.port)

    def full(self):
        return self.full_syncs + self.leader.client().info("stats")["sync_full"]

    def is_linked(self):
        return is_up(self.follower)

    def cut(self):
        if not self.is_linked():
            self.explained += 1  # It may be within a full sync, which begins anew then.
        if self.rng.random() < 0.3:
            self.proxy.cut(stay_cut=True)
            harness.let_pass(self.rng.random())
            self.proxy.mend()
        else:
            self.proxy.cut()

    def kill_follower(self):
        self.explained += 1
        self.follower.kill()
        self.follower.start()
        self.follow()

    def kill_leader(self):
        self.explained += 1  # What it said last may not be in its file.
        self.full_syncs = self.full()
        self.leader.kill()
        self.leader.start(loaded=False)
        harness.wait_until(self.leader.client().ping, 60, "the leader's data")

    def sync_anew(self):
        """A full copy, which is cut."""
        self.follower.client().execute_command("REPLICAOF", "NO", "ONE")
        self.follower.client().set("a branch", "of its own")
        self.explained += 1
        self.follow()
        harness.let_pass(self.rng.random() * 0.3)
        self.cut()

    def await_same(self):
        harness.wait_until(self.is_linked, 60, "the link")
        self.leader.client().eval(
            "for _, k in ipairs(redis.call('keys', 't*')) do redis.call('del', k) end", 0)
        harness.wait_until(lambda: offset(self.follower) == offset(self.leader), 30, "the offset")
        self.assertEqual(digest(self.follower), digest(self.leader))

    def run_events(self, choices, synced=False):
        """`synced`: only once the first full sync is over."""
        load = Load(self.leader, SEED)
        self.addCleanup(load.end)
        self.explained = 1
        self.follow()
        if synced:
            harness.wait_until(self.is_linked, 60, "the first link")
        for _ in range(CUTS):
            harness.let_pass(self.rng.random() * 0.5)
            if self.rng.random() < 0.7:
                harness.wait_until(self.is_linked, 60, "the link")
                harness.let_pass(self.rng.random() * 0.2)
            self.rng.choice(choices)()
        load.end()
        self.await_same()
        print(f"{CUTS} events: {self.full()} full syncs, {self.explained} explained, "
              f"{self.leader.client().info('stats')['sync_partial_ok']} partial of the last leader")

    def test_cuts_cost_what_was_missed(self):
        self.run_events([self.cut], synced=True)
        self.assertEqual(self.full(), 1)

    def test_cuts_kills_and_full_syncs(self):
        for first in range(0, 100000, 1000):
            self.leader.client().eval(
                "for n = ARGV[1], ARGV[1] + 999 do redis.call('SET', 'p:' .. n, ARGV[2]) end", 0,
                first, "x" * 100)
        self.run_events([self.cut] * 5 + [self.sync_anew] * 2 + [self.kill_follower, self.kill_leader])
        self.assertLessEqual(self.full(), self.explained)

    def test_a_backlog_that_is_too_short(self):
        self.leader.client().config_set("repl-backlog-size", 16384)
        self.run_events([self.cut])
        self.assertLessEqual(self.full(), CUTS + self.explained)


class PsyncCutsTest(CutsTest):
    streams = False


if __name__ == "__main__":
    harness.main()
