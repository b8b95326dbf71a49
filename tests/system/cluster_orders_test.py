#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What operators order when nodes are gone: FAILOVER FORCE and TAKEOVER, RESET, and the way back by MEET.

Clusters made by redis-cli. What the nodes decide by themselves is in failover_test.py.
"""
import threading

import harness
import made_cluster
import redis
from made_cluster import LED_AGAIN_SECONDS, cluster_info, lines

KEYS = 300


class OrdersTest(harness.TestCase):
    def cluster(self, **options):
        cluster = made_cluster.Cluster(self, settings={"write-concern": "insync", "insync-followers-min": 0,
                                                       "appendonly": "no"}, **options)
        client = cluster.client()
        for number in range(KEYS):
            client.call(f"key:{number}", "SET", f"key:{number}", number)
        return cluster

    def assert_all_keys_are_there(self, cluster):
        client = cluster.client()
        self.assertEqual([int(client.call(f"key:{n}", "GET", f"key:{n}") or -1) for n in range(KEYS)],
                         list(range(KEYS)))

    def order(self, server, *words):
        with server.client() as client:
            return client.execute_command("CLUSTER", *words)

    def refused(self, server, *words):
        """The error's text, or None."""
        try:
            self.order(server, *words)
        except redis.ResponseError as error:
            return str(error)
        return None


class FailoverOrdersTest(OrdersTest):
    def test_force_and_takeover(self):
        cluster = self.cluster()
        leader = cluster.leaders()[0]
        follower, = cluster.followers_of(leader)
        self.force_where_nobody_would_lead_by_itself(cluster, leader, follower)
        cluster.await_whole()
        self.assert_all_keys_are_there(cluster)
        self.nobody_takes_a_lead(cluster, leader)

    def force_where_nobody_would_lead_by_itself(self, cluster, leader, follower):
        follower.client().config_set("cluster-replica-no-failover", "yes")
        harness.wait_until(lambda: all("nofailover" in lines(server)[follower.port].flags
                                       for server in cluster.servers))
        leader.pause()
        others = [server for server in cluster.servers if server is not leader]
        harness.wait_until(lambda: all("fail" in lines(server)[leader.port].flags for server in others),
                           LED_AGAIN_SECONDS)
        self.assertIsNotNone(lines(follower)[follower.port].leader)
        self.assertIn("use CLUSTER FAILOVER FORCE", self.refused(follower, "FAILOVER"))
        # Where the leader was the judge as well there is none for a moment.
        harness.wait_until(lambda: self.refused(follower, "FAILOVER", "FORCE") is None, LED_AGAIN_SECONDS)
        harness.wait_until(lambda: all(lines(server)[follower.port].leader is None and
                                       lines(server)[follower.port].slots > 0 for server in others),
                           LED_AGAIN_SECONDS)
        leader.resume()
        harness.wait_until(lambda: lines(leader)[leader.port].leader == lines(leader)[follower.port].id,
                           LED_AGAIN_SECONDS)

    def nobody_takes_a_lead(self, cluster, follower):
        """Neither while all is well, nor with the majority gone; and when it is back all is as before."""
        self.assertIn("TAKEOVER is not supported", self.refused(follower, "FAILOVER", "TAKEOVER"))
        before = lines(follower)
        stopped = [server for server in cluster.servers if server is not follower][:4]
        for server in stopped:
            server.pause()
        harness.wait_until(lambda: cluster_info(follower)["cluster_state"] == "fail", LED_AGAIN_SECONDS)
        self.assertIn("TAKEOVER is not supported", self.refused(follower, "FAILOVER", "TAKEOVER"))
        self.assertIsNotNone(self.refused(follower, "FAILOVER", "FORCE"))
        self.assertEqual(follower.client().role()[0], b"slave")
        for server in stopped:
            server.resume()
        cluster.await_whole()
        after = lines(follower)
        self.assertEqual(sorted((line.id, line.slots) for line in after.values()),
                         sorted((line.id, line.slots) for line in before.values()))
        self.assert_all_keys_are_there(cluster)


class ResetTest(OrdersTest):
    def test_reset_and_the_way_back(self):
        cluster = self.cluster()
        leader = cluster.leaders()[0]
        follower, = cluster.followers_of(leader)
        self.a_follower_s_reader_gets_what_it_waits_for(leader, follower)
        self.a_leader_with_keys_refuses(leader)
        for how, keeps_its_id in (("SOFT", True), ("HARD", False)):
            self.leave(cluster, follower, how, keeps_its_id)
            self.come_back(cluster, follower, leader)
        self.come_back_after_a_failover(cluster, leader, follower)
        self.assert_all_keys_are_there(cluster)

    def a_follower_s_reader_gets_what_it_waits_for(self, leader, follower):
        """It is nobody's lease that its reply needs."""
        with leader.client() as client:
            key = next(f"stream:{n}" for n in range(1000) if self.owns(client, leader, f"stream:{n}"))
            got = []

            def read():
                with follower.client() as reader:
                    reader.execute_command("READONLY")
                    got.append(reader.xread({key: "0"}, block=10_000))
            thread = threading.Thread(target=read)
            thread.start()
            harness.wait_until(lambda: follower.client().info("clients")["blocked_clients"] == 1)
            entry = client.xadd(key, {"field": "value"})
            thread.join()
            self.assertEqual(got, [[[key.encode(), [(entry, {b"field": b"value"})]]]])
            client.delete(key)

    def owns(self, client, leader, key):
        slot = client.execute_command("CLUSTER KEYSLOT", key)
        return any(first <= slot <= last and node[1] == leader.port
                   for first, last, node, *_ in client.execute_command("CLUSTER SLOTS"))

    def a_leader_with_keys_refuses(self, leader):
        before = lines(leader)[leader.port]
        for how in ((), ("SOFT",), ("HARD",)):
            self.assertIn("can't be called with master nodes containing keys", self.refused(leader, "RESET", *how))
        after = lines(leader)[leader.port]
        self.assertEqual((after.id, after.slots), (before.id, before.slots))

    def leave(self, cluster, node, how, keeps_its_id):
        """As a cluster of its own, without data; the others know."""
        before = lines(node)[node.port].id
        self.order(node, "RESET", how)
        [alone] = lines(node).values()
        self.assertEqual((alone.id == before, alone.leader, alone.slots), (keeps_its_id, None, 0))
        info = cluster_info(node)
        self.assertEqual((info["cluster_state"], info["cluster_known_nodes"], info["cluster_slots_assigned"]),
                         ("fail", "1", "0"))
        if how == "HARD":
            self.assertEqual((info["cluster_current_epoch"], info["cluster_my_epoch"]), ("0", "0"))
        self.assertEqual(node.client().dbsize(), 0)
        self.assertEqual(node.client().role()[0], b"master")
        others = [server for server in cluster.servers if server is not node]
        harness.wait_until(lambda: all(before not in [line.id for line in lines(server).values()]
                                       for server in others))

    def come_back(self, cluster, node, leader):
        self.order(node, "MEET", leader.host, leader.port)
        harness.wait_until(lambda: leader.port in lines(node))
        self.order(node, "REPLICATE", lines(leader)[leader.port].id)
        cluster.await_whole()
        self.assertEqual(lines(leader)[node.port].leader, lines(leader)[leader.port].id)
        harness.wait_until(lambda: node.client().dbsize() == leader.client().dbsize() > 0)

    def come_back_after_a_failover(self, cluster, leader, follower):
        """Who led before is another node from now on, and empty; it gets all from who leads now."""
        made_cluster.await_in_sync(leader)
        leader.kill()
        cluster.await_led_by(follower, leader)
        leader.start()
        harness.wait_until(lambda: lines(leader)[leader.port].leader == lines(leader)[follower.port].id,
                           LED_AGAIN_SECONDS)
        cluster.await_whole()
        self.leave(cluster, leader, "HARD", False)
        self.come_back(cluster, leader, follower)


if __name__ == "__main__":
    harness.main()
