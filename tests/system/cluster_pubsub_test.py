#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Publish and subscribe between the nodes of a cluster: who gets what, in which order, and who is not asked."""
import os
import sys
import threading

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), path)
                for path in (".", "../compat")]

import harness  # noqa: E402  Found through the path above.
import resp  # noqa: E402

NODES = 3
MESSAGES = 10_000


class Cluster:
    """Three nodes that know each other."""

    def __init__(self, test, settings=None):
        self.test = test
        self.ports = []
        while len(self.ports) < NODES:
            port = harness.free_port()
            if port not in self.ports:
                self.ports.append(port)
        members = " ".join(f"n{i}=127.0.0.1:{port}@{port + 10000}"
                           for i, port in enumerate(self.ports))
        self.nodes = [test.henge({"io-threads": 2, "cluster-enabled": "yes",
                                  "cluster-self": f"n{i}", "cluster-nodes": members,
                                  "cluster-node-timeout": 2000, **(settings or {})}, port)
                      for i, port in enumerate(self.ports)]
        self.wait_until_whole()

    def wait_until_whole(self):
        harness.wait_until(lambda: all(self.hears_all(i) for i in range(NODES)), 20,
                           "every node to hear every other")

    def info(self, i, counter):
        """A counter of CLUSTER INFO; those that are zero are left out there."""
        with self.nodes[i].client(decode_responses=True) as client:
            return int(client.cluster("INFO").get(f"cluster_stats_messages_{counter}", 0))

    def hears_all(self, i):
        with self.nodes[i].client() as client:
            if client.cluster("INFO")["cluster_state"] != "ok":
                return False
        return self.arrives_from_all(i)

    def arrives_from_all(self, i):
        """What each of the others publishes now."""
        listener = self.connect(i)
        channel = f"probe:{i}"
        listener.call("SUBSCRIBE", channel)
        try:
            for other in range(NODES):
                if other == i:
                    continue
                self.connect(other).call("PUBLISH", channel, "?")
                listener.read(1)
        except resp.NoReply:
            return False
        finally:
            listener.close()
        return True

    def connect(self, i, timeout=20):
        connection = resp.Connection(self.ports[i], timeout)
        self.test.addCleanup(connection.close)
        return connection


def message(reply):
    """(channel, payload) of a message, (pattern, channel, payload) of one by a pattern."""
    kind, *rest = [field.value for field in reply.value]
    assert kind in (b"message", b"pmessage"), reply
    return tuple(part.decode() for part in rest)


def nothing_comes(connection):
    try:
        reply = connection.read(0.2)
    except resp.NoReply:
        return True
    raise AssertionError(f"it got {reply}")


class ClusterPubsubTest(harness.TestCase):
    def test_a_message_reaches_those_who_listen_on_any_node(self):
        cluster = Cluster(self)
        for to in range(NODES):
            listener = cluster.connect(to)
            listener.call("SUBSCRIBE", "news")
            listener.send([b"PSUBSCRIBE", b"n[aeiou]ws", b"other*"])
            listener.read()
            listener.read()
            for by in range(NODES):
                publisher = cluster.connect(by)
                # The reply counts those of the node itself, as in Redis.
                self.assertEqual(publisher.call("PUBLISH", "news", f"by {by}").value,
                                 2 if by == to else 0)
                got = {message(listener.read()) for _ in range(2)}
                self.assertEqual(got, {("news", f"by {by}"), ("n[aeiou]ws", "news", f"by {by}")})
                publisher.call("PUBLISH", "none", "of this")
                publisher.close()
            self.assertTrue(nothing_comes(listener))
            listener.close()
            node = cluster.connect(to)  # Until the node has noticed.
            harness.wait_until(lambda: node.call("PUBSUB", "NUMPAT").value == 0
                               and not node.call("PUBSUB", "CHANNELS").value)

    def test_transactions_and_scripts_reach_all_nodes_too(self):
        cluster = Cluster(self)
        listener = cluster.connect(1)
        listener.call("SUBSCRIBE", "news")
        publisher = cluster.connect(0)
        publisher.call("MULTI")
        for payload in ("one", "two"):
            publisher.call("PUBLISH", "news", payload)
        self.assertEqual([reply.value for reply in publisher.call("EXEC").value], [0, 0])
        publisher.call("EVAL", "return redis.call('PUBLISH', 'news', 'three')", 0)
        self.assertEqual([message(listener.read())[1] for _ in range(3)], ["one", "two", "three"])

    def test_only_who_wants_it_is_told(self):
        cluster = Cluster(self)
        interested, other = cluster.connect(1), cluster.connect(2)
        interested.call("SUBSCRIBE", "news")
        other.call("SUBSCRIBE", "else")
        sent, got, unasked = (cluster.info(0, "publish_sent"), cluster.info(1, "publish_received"),
                              cluster.info(2, "publish_received"))
        publisher = cluster.connect(0)
        for _ in range(100):
            publisher.call("PUBLISH", "news", "x")
            publisher.call("PUBLISH", "nobody's", "x")
            interested.read()
        self.assertEqual(cluster.info(0, "publish_sent") - sent, 100)
        self.assertEqual(cluster.info(1, "publish_received") - got, 100)
        self.assertEqual(cluster.info(2, "publish_received"), unasked)
        interested.call("UNSUBSCRIBE")
        sent = cluster.info(0, "publish_sent")

        def told_no_longer():
            before = cluster.info(0, "publish_sent")
            publisher.call("PUBLISH", "news", "x")
            harness.let_pass(0.05)
            return cluster.info(0, "publish_sent") == before
        harness.wait_until(told_no_longer)

    def test_who_has_subscribed_gets_what_is_published_next_anywhere(self):
        cluster = Cluster(self)
        publishers = [cluster.connect(i) for i in range(NODES)]
        for number in range(200):
            listener = cluster.connect(number % NODES)
            listener.call("SUBSCRIBE", f"c{number}")
            for publisher in publishers:
                publisher.call("PUBLISH", f"c{number}", "x")
            for _ in publishers:
                self.assertEqual(message(listener.read(5)), (f"c{number}", "x"))
            listener.close()

    def test_ten_thousand_messages_none_lost_none_twice_in_order(self):
        cluster = Cluster(self)
        listeners = [cluster.connect(i) for i in range(NODES)]
        for listener in listeners:
            listener.call("SUBSCRIBE", "news")

        def publish(by):
            connection = cluster.connect(by)
            count = MESSAGES // NODES + (by < MESSAGES % NODES)
            for first in range(0, count, 100):
                numbers = range(first, min(first + 100, count))
                for number in numbers:
                    connection.send([b"PUBLISH", b"news", b"%d:%d" % (by, number)])
                for _ in numbers:
                    connection.read()
        publishers = [threading.Thread(target=publish, args=(by,)) for by in range(NODES)]
        for publisher in publishers:
            publisher.start()
        for listener in listeners:
            got = [message(listener.read())[1].split(":") for _ in range(MESSAGES)]
            for by in range(NODES):
                numbers = [int(number) for who, number in got if int(who) == by]
                self.assertEqual(numbers, list(range(len(numbers))))
        for publisher in publishers:
            publisher.join()
        for listener in listeners:
            self.assertTrue(nothing_comes(listener))

    def test_a_node_that_died_hears_again_what_its_clients_want(self):
        cluster = Cluster(self)
        survivor = cluster.connect(0)
        survivor.call("SUBSCRIBE", "news")
        cluster.connect(1).call("SUBSCRIBE", "news")
        cluster.nodes[1].kill()
        publisher = cluster.connect(2)
        for number in range(10):
            publisher.call("PUBLISH", "news", str(number))
            self.assertEqual(message(survivor.read()), ("news", str(number)))
        cluster.nodes[1].start()
        cluster.wait_until_whole()
        listener = cluster.connect(1)
        listener.call("SUBSCRIBE", "news")
        publisher.call("PUBLISH", "news", "again")
        self.assertEqual(message(listener.read()), ("news", "again"))
        # What the survivor wants, the node that came back knows.
        cluster.connect(1).call("PUBLISH", "news", "back")
        self.assertEqual({message(survivor.read())[1] for _ in range(2)}, {"again", "back"})

    def test_a_node_that_hangs_costs_the_others_nothing(self):
        cluster = Cluster(self, {"cluster-link-sendbuf-limit": "1mb"})
        stuck, well = cluster.connect(1), cluster.connect(2)
        for listener in (stuck, well):
            listener.call("SUBSCRIBE", "news")
        cluster.nodes[1].pause()
        try:
            publisher = cluster.connect(0)
            payload = b"x" * 10_000
            for _ in range(1000):
                publisher.call("PUBLISH", "news", payload)
                well.read()
            with cluster.nodes[0].client() as client:
                info = client.cluster("INFO")
                self.assertGreaterEqual(int(info["total_cluster_links_buffer_limit_exceeded"]), 1)
                self.assertLess(client.info("memory")["mem_cluster_links"], 2_000_000)
        finally:
            cluster.nodes[1].resume()


if __name__ == "__main__":
    harness.main()
