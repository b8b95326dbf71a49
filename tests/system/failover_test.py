#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Leaders that die, stand still, go and come back: who leads then, and what is left of the writes.

A cluster made by redis-cli of three leaders with a follower each.
"""
import threading
import time

import harness
import made_cluster
import redis
from made_cluster import LED_AGAIN_SECONDS, lines


class Appends(threading.Thread):
    """Appends numbers to lists through a cluster client until it is stopped; remembers what was acknowledged."""

    def __init__(self, cluster, keys=24, name="list"):
        super().__init__(daemon=True)
        self.client = cluster.client()
        self.keys = [f"{name}:{n}" for n in range(keys)]
        self.acknowledged = {key: [] for key in self.keys}
        self.refused = 0
        self.error = None  # The last one.
        self.done = threading.Event()

    def run(self):
        number = 0
        while not self.done.is_set():
            number += 1
            key = self.keys[number % len(self.keys)]
            try:
                self.client.call(key, "RPUSH", key, number)
                self.acknowledged[key].append(number)
            except (redis.RedisError, OSError, AssertionError) as error:
                self.refused += 1
                self.error = error

    def total(self):
        return sum(map(len, self.acknowledged.values()))

    def await_progress(self, more=200, seconds=LED_AGAIN_SECONDS):
        wanted = self.total() + more
        try:
            harness.wait_until(lambda: self.total() >= wanted, seconds)
        except AssertionError:
            raise AssertionError(f"{wanted - self.total()} writes lack after {seconds} s; refused: {self.refused}, "
                                 f"the last by {self.error!r}") from None

    def stop(self):
        self.done.set()
        self.join()

    def lost(self, client):
        """Acknowledged numbers that no list has; the order of what is there must be the order of the writes."""
        lost = []
        for key, wanted in self.acknowledged.items():
            found = [int(word) for word in client.call(key, "LRANGE", key, 0, -1)]
            if sorted(set(found)) != list(dict.fromkeys(found)):
                raise AssertionError(f"{key} is out of order")
            lost += sorted(set(wanted) - set(found))
        return lost


class FailoverTest(harness.TestCase):
    def cluster(self, **settings):
        return made_cluster.Cluster(self, settings={"write-concern": "insync", "insync-followers-min": 0, "appendonly": "no",
                                                    **{k.replace("_", "-"): v for k, v in settings.items()}})

    def under_writes(self):
        """A cluster that is written to; and of it the leader of one group, and its follower."""
        cluster = self.cluster()
        writer = Appends(cluster)
        writer.start()
        writer.await_progress()
        leader = cluster.leaders()[0]
        follower, = cluster.followers_of(leader)
        return cluster, writer, leader, follower

    def shut_down(self, leader):
        """It hands over first."""
        self.assertEqual(leader.stop(), 0)
        self.assertIn("A follower leads instead of this node", leader.log())

    def test_a_follower_leads_when_its_leader_is_killed(self):
        cluster, writer, leader, follower = self.under_writes()
        made_cluster.await_in_sync(leader)
        leader.kill()
        cluster.await_led_by(follower, leader)
        cluster.await_whole()
        writer.await_progress()
        leader.start()
        harness.wait_until(lambda: lines(leader)[leader.port].leader == lines(leader)[follower.port].id)
        cluster.await_whole()
        writer.await_progress()
        writer.stop()
        self.assertEqual(writer.lost(cluster.client()), [])
        self.assertEqual(leader.client().dbsize(), follower.client().dbsize())

    def test_a_leader_that_stood_still_acknowledges_nothing_more(self):
        cluster, writer, leader, follower = self.under_writes()
        made_cluster.await_in_sync(leader)
        leader.pause()
        self.await_led_by_others(cluster, follower, leader)
        writer.await_progress()
        leader.resume()
        harness.wait_until(lambda: lines(leader)[leader.port].leader is not None, LED_AGAIN_SECONDS)
        cluster.await_whole()
        writer.await_progress()
        writer.stop()
        self.assertEqual(writer.lost(cluster.client()), [])

    def await_led_by_others(self, cluster, follower, leader):
        others = [server for server in cluster.alive() if server is not leader]
        harness.wait_until(lambda: all(lines(server)[follower.port].leader is None for server in others),
                           LED_AGAIN_SECONDS, "another leader")

    def test_cluster_failover_loses_nothing_and_no_client_sees_an_error(self):
        cluster = self.cluster()
        writer = Appends(cluster)
        writer.start()
        writer.await_progress()
        for _ in range(3):
            leader = cluster.leaders()[0]
            follower, = cluster.followers_of(leader)
            self.assertTrue(follower.client().execute_command("CLUSTER FAILOVER"))
            cluster.await_led_by(follower, leader)
            cluster.await_whole()
            writer.await_progress()
        writer.stop()
        self.assertEqual(writer.lost(cluster.client()), [])
        self.assertEqual((writer.refused, writer.client.retries), (0, 0), (writer.error, writer.client.error))

    def test_a_leader_that_is_shut_down_hands_over_first(self):
        cluster, writer, leader, follower = self.under_writes()
        self.shut_down(leader)
        cluster.await_led_by(follower, leader)
        writer.await_progress()
        writer.stop()
        self.assertEqual(writer.lost(cluster.client()), [])

    def test_a_leader_that_is_shut_down_waits_for_a_follower_that_is_about_to_be_in_sync(self):
        cluster, writer, leader, follower = self.under_writes()
        made_cluster.await_in_sync(leader)
        follower.pause()
        harness.wait_until(lambda: leader.client().info("replication")["insync_followers"] == 0, LED_AGAIN_SECONDS)
        follower.resume()
        self.shut_down(leader)
        writer.await_progress()
        writer.stop()
        self.assertEqual(writer.lost(cluster.client()), [])

    def test_all_come_back_after_a_power_failure(self):
        """A leader's disk has all that it acknowledged: a follower whose disk has less does not lead instead."""
        cluster = self.cluster(appendonly="yes", appendfsync="always")
        writers = [Appends(cluster, name=f"writer{n}") for n in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.await_progress()
        before = {server.port: lines(server)[server.port].id for server in cluster.servers}
        for server in cluster.servers:
            server.process.kill()
        for server in cluster.servers:
            server.process.wait()
        for writer in writers:
            writer.stop()
        for server in cluster.servers:
            server.start()
        cluster.await_whole()
        self.assertEqual({server.port: lines(server)[server.port].id for server in cluster.servers}, before)
        for writer in writers:
            self.assertEqual(writer.lost(cluster.client()), [])

    def test_the_side_without_a_majority_answers_clusterdown(self):
        cluster = self.cluster()
        leaders = cluster.leaders()
        for server in cluster.servers:
            if server is not leaders[0]:
                server.pause()
        client = leaders[0].client(decode_responses=True)
        slot_key = next(f"key:{n}" for n in range(10000)
                        if self.owner_of(leaders[0], f"key:{n}") == leaders[0].port)

        def refused():
            try:
                client.set(slot_key, "x")
            except redis.ResponseError as error:
                return str(error).startswith("CLUSTERDOWN")
            return False
        harness.wait_until(refused, LED_AGAIN_SECONDS, "CLUSTERDOWN")
        began = time.monotonic()
        while time.monotonic() - began < 1:
            self.assertTrue(refused())
        for server in cluster.servers:
            if server is not leaders[0]:
                server.resume()
        cluster.await_whole()
        cluster.client().call(slot_key, "SET", slot_key, "y")

    def tag_of(self, server):
        """A hash tag of whose slot that node is the owner."""
        return next(str(n) for n in range(10000) if self.owner_of(server, f"{{{n}}}") == server.port)

    def owner_of(self, server, key):
        with server.client(decode_responses=True) as client:
            slot = client.execute_command("CLUSTER KEYSLOT", key)
            for first, last, leader, *_ in client.execute_command("CLUSTER SLOTS"):
                if first <= slot <= last:
                    return int(leader[1])
        return None


if __name__ == "__main__":
    harness.main()
