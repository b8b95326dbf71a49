#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What followers have: WAIT, WAITAOF, write-concern insync, failover, and going on after restarts."""
import os
import sys
import threading

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), path)
                for path in (".", "../compat")]

import harness  # noqa: E402  Found through the path above.


def info(server, section="replication"):
    return server.client().info(section)


def follow(server, leader):
    server.client().execute_command("REPLICAOF", "127.0.0.1", leader.port)


def is_up(server):
    return info(server).get("master_link_status") == "up"


def state(server):
    """As ps has it: T is stopped."""
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def blocked(server):
    return info(server, "clients")["blocked_clients"]


class Case(harness.TestCase):
    def pair(self, leader=None, follower=None):
        servers = self.henge(leader or {}), self.henge(follower or {})
        follow(servers[1], servers[0])
        harness.wait_until(lambda: is_up(servers[1]), 20, "the link")
        harness.wait_until(lambda: info(servers[0])["connected_slaves"] == 1)
        return servers

    def async_call(self, server, *words):
        got = []

        def call():
            try:
                got.append(server.client().execute_command(*words))
            except Exception as error:  # pylint: disable=broad-except
                got.append(str(error))
        thread = threading.Thread(target=call)
        thread.start()
        return thread, got


class WaitTest(Case):
    def test_a_follower_is_counted_once_it_has_it(self):
        leader, follower = self.pair()
        client = leader.client()
        client.set("k", "v")
        self.assertEqual(client.execute_command("WAIT", 1, 5000), 1)
        self.assertEqual(client.execute_command("WAIT", 2, 50), 1)
        follower.pause()
        harness.wait_until(lambda: state(follower) == "T")
        client.set("k", "w")
        self.assertEqual(client.execute_command("WAIT", 1, 50), 0)
        thread, got = self.async_call(leader, "WAIT", 1, 0)
        thread.join()
        self.assertEqual(got, [1], "who has not written has nothing to wait for")
        pipe = client.pipeline(transaction=True)
        pipe.set("k", "x")
        pipe.execute_command("WAIT", 1, 0)
        self.assertEqual(pipe.execute(), [True, 0])
        follower.resume()
        self.assertEqual(client.execute_command("WAIT", 1, 5000), 1)
        with self.assertRaisesRegex(Exception, "WAIT cannot be used with replica instances"):
            follower.client().execute_command("WAIT", 1, 1)
        with self.assertRaisesRegex(Exception, "WAITAOF cannot be used with replica instances"):
            follower.client().execute_command("WAITAOF", 0, 1, 1)

    def test_redis_is_counted(self):
        leader, follower = self.henge(), self.redis()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower), 20)
        client = leader.client()
        client.set("k", "v")
        self.assertEqual(client.execute_command("WAIT", 1, 5000), 1)

    def test_waitaof(self):
        leader, follower = self.pair({"appendonly": "yes"}, {"appendonly": "yes"})
        harness.wait_until(
            lambda: info(follower, "persistence")["aof_rewrite_in_progress"] == 0)
        client = leader.client()
        for _ in range(3):
            client.incr("n")
            self.assertEqual(client.execute_command("WAITAOF", 1, 1, 10000), [1, 1])

    def test_who_waits_when_the_node_begins_to_follow(self):
        leader, other = self.henge(), self.henge()
        calls = [self.async_call(leader, "BLPOP", "list", 0), self.async_call(leader, "WAIT", 1, 0)]
        harness.wait_until(lambda: blocked(leader) == 2)
        follow(leader, other)
        for thread, got in calls:
            thread.join(10)
            self.assertIn("force unblock from blocking operation, instance state changed", str(got))


class InsyncTest(Case):
    SETTINGS = {"write-concern": "insync", "insync-max-lag": 500, "io-threads": 2}

    def test_writes_need_followers(self):
        leader, follower = self.henge(self.SETTINGS), self.henge()
        client = leader.client()
        with self.assertRaisesRegex(Exception, "NOREPLICAS"):
            client.set("k", "v")
        follow(follower, leader)
        harness.wait_until(lambda: info(leader).get("insync_followers") == 1, 20)
        client.set("k", "v")
        self.assertEqual(follower.client().get("k"), b"v", "acknowledged means: it is there")
        follower.pause()
        harness.wait_until(lambda: state(follower) == "T")
        thread, got = self.async_call(leader, "SET", "k", "w")
        harness.wait_until(lambda: info(leader).get("insync_followers") == 0)
        self.assertEqual(got, [], "it can't be acknowledged")
        with self.assertRaisesRegex(Exception, "NOREPLICAS"):
            client.set("k", "x")
        self.assertEqual(client.get("k"), b"w")
        follower.resume()
        thread.join(10)
        self.assertEqual(got, [True])
        harness.wait_until(lambda: info(leader).get("insync_followers") == 1)
        client.config_set("write-concern", "async")
        follower.kill()
        client.set("k", "y")

    def test_no_acknowledged_write_is_lost_with_the_leader(self):
        for round_number in range(3):
            leader, one, two = self.henge(self.SETTINGS), self.henge(), self.henge()
            follow(one, leader)
            follow(two, leader)
            harness.wait_until(lambda: info(leader).get("insync_followers") == 2, 20)
            acknowledged = [0] * 8

            def write(number):
                client = leader.client()
                try:
                    while True:
                        pipe = client.pipeline(transaction=False)
                        for n in range(8):
                            pipe.set(f"{number}:{acknowledged[number] + n}", "v")
                        pipe.execute()
                        acknowledged[number] += 8
                except Exception:  # pylint: disable=broad-except
                    pass  # It is dead.
            load = [threading.Thread(target=write, args=(n,)) for n in range(8)]
            for thread in load:
                thread.start()
            before = sum(acknowledged)
            harness.wait_until(lambda: sum(acknowledged) > before + 400 * (round_number + 1), 30)
            leader.kill()
            for thread in load:
                thread.join()
            best = max((one, two), key=lambda s: info(s)["slave_repl_offset"])
            best.client().execute_command("REPLICAOF", "NO", "ONE")
            self.assertGreater(sum(acknowledged), 100)
            there = best.client()
            for number, count in enumerate(acknowledged):
                missing = [n for n in range(count) if not there.exists(f"{number}:{n}")][:3] \
                    if there.exists(*[f"{number}:{n}" for n in range(count)] or ["x"]) != count else []
                self.assertEqual(missing, [])
            for server in (leader, one, two):
                server.close()

    def test_a_leader_that_steps_down_promises_nothing(self):
        leader, follower = self.henge(self.SETTINGS), self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: info(leader).get("insync_followers") == 1, 20)
        follower.pause()
        harness.wait_until(lambda: state(follower) == "T")
        thread, got = self.async_call(leader, "SET", "k", "w")
        harness.wait_until(lambda: leader.client().get("k") == b"w")  # Its reply is held.
        leader.client().execute_command("REPLICAOF", "127.0.0.1", follower.port)
        thread.join(10)
        self.assertEqual(len(got), 1)
        self.assertNotEqual(got, [True])
        follower.resume()


class RestartTest(Case):
    def restarts(self, leader_settings, follower_settings):
        leader = self.henge(leader_settings)
        follower = self.henge({**follower_settings, "replicaof": ["127.0.0.1", leader.port]})
        harness.wait_until(lambda: is_up(follower), 20)
        client = leader.client()
        for n in range(1000):
            client.set(f"k{n}", n)
        return leader, follower

    def await_same(self, leader, follower):
        harness.wait_until(lambda: is_up(follower), 30, "the link")
        harness.wait_until(lambda: info(leader)["master_repl_offset"] ==
                           info(follower)["master_repl_offset"], 20, "the offset")
        self.assertEqual(leader.client().execute_command("DEBUG", "DIGEST"),
                         follower.client().execute_command("DEBUG", "DIGEST"))

    def test_a_follower_goes_on(self):
        for settings in {"save": ["3600", "1"]}, {"appendonly": "yes", "save": ""}:
            with self.subTest(settings=settings):
                leader, follower = self.restarts({}, settings)
                harness.wait_until(
                    lambda: info(follower, "persistence")["aof_rewrite_in_progress"] == 0)
                follower.stop()
                for n in range(500):
                    leader.client().set(f"more{n}", n)
                leader.client().select(1)
                follower.start()
                self.await_same(leader, follower)
                self.assertEqual(info(leader, "stats")["sync_full"], 1)

    def test_a_leader_goes_on(self):
        for settings in {"save": ["3600", "1"]}, {"appendonly": "yes", "save": ""}:
            with self.subTest(settings=settings):
                leader, follower = self.restarts(settings, {})
                before = info(leader)["master_replid"]
                leader.stop()
                leader.start()
                harness.wait_until(lambda: is_up(follower), 30, "the link")
                self.assertEqual(info(leader)["master_replid2"], before)
                leader.client().set("after", "restart")
                self.await_same(leader, follower)
                self.assertEqual(info(leader, "stats")["sync_full"], 0)

    def test_a_crashed_leader_is_followed_anew(self):
        leader, follower = self.restarts({"appendonly": "yes", "appendfsync": "always"}, {})
        leader.kill()
        leader.start()
        self.await_same(leader, follower)
        self.assertEqual(info(leader, "stats")["sync_full"], 1)

    def test_a_leader_that_comes_back_empty_wipes_nobody(self):
        leader, follower = self.restarts({"save": ""}, {"save": ""})
        harness.wait_until(lambda: follower.client().dbsize() == 1000)
        leader.kill()
        leader.start()
        harness.wait_until(lambda: "has no data" in follower.log(200), 20, "the refusal")
        self.assertEqual(follower.client().dbsize(), 1000)
        follower.client().config_set("allow-empty-leader", "yes")
        harness.wait_until(lambda: follower.client().dbsize() == 0, 20)
        # By hand it needs no permission.
        follower.client().config_set("allow-empty-leader", "no")
        follower.client().execute_command("REPLICAOF", "NO", "ONE")
        follower.client().set("k", "v")
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower) and follower.client().dbsize() == 0, 20)


class MessagesTest(Case):
    def test_messages_reach_subscribers_of_followers(self):
        leader, follower = self.pair()
        heard = follower.client().pubsub()
        heard.subscribe("channel")
        self.assertEqual(heard.get_message(timeout=5)["type"], "subscribe")
        leader.client().publish("channel", "message")
        leader.client().eval("return redis.call('publish', 'channel', 'script')", 0)
        self.assertEqual(heard.get_message(timeout=5)["data"], b"message")
        self.assertEqual(heard.get_message(timeout=5)["data"], b"script")

    def test_links_can_be_killed(self):
        leader, follower = self.pair()
        self.assertEqual(follower.client().execute_command("CLIENT", "KILL", "TYPE", "master"), 1)
        harness.wait_until(lambda: info(leader, "stats")["sync_partial_ok"] == 1)
        harness.wait_until(lambda: is_up(follower))
        self.assertEqual(leader.client().execute_command("CLIENT", "KILL", "TYPE", "replica"), 1)
        harness.wait_until(lambda: info(leader, "stats")["sync_partial_ok"] == 2)


class FailoverTest(Case):
    def test_leader_and_follower_change_places(self):
        leader, follower = self.pair()
        stop = threading.Event()
        acknowledged = []

        def write():
            client, n = leader.client(), 0
            while not stop.is_set():
                try:
                    client.set(f"k{n}", n)
                    acknowledged.append(n)
                    n += 1
                except Exception:  # pylint: disable=broad-except
                    return  # It reads only.
        thread = threading.Thread(target=write)
        thread.start()
        harness.wait_until(lambda: len(acknowledged) > 100)
        self.assertEqual(leader.client().execute_command("FAILOVER", "TIMEOUT", 10000), b"OK")
        harness.wait_until(lambda: info(leader)["role"] == "slave", 20)
        stop.set()
        thread.join()
        harness.wait_until(lambda: info(follower)["role"] == "master")
        harness.wait_until(lambda: is_up(leader))
        self.assertEqual(info(leader)["master_failover_state"], "no-failover")
        self.assertEqual(follower.client().dbsize(), len(acknowledged))
        self.assertEqual(info(follower, "stats")["sync_full"], 0)
        follower.client().set("after", "failover")
        harness.wait_until(lambda: leader.client().get("after") == b"failover")

    def test_to_redis_and_back(self):
        leader, follower = self.henge(), self.redis()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower), 20)
        leader.client().set("k", "v")
        harness.wait_until(lambda: info(leader)["slave0"]["state"] == "online")
        leader.client().execute_command("FAILOVER", "TO", "127.0.0.1", follower.port)
        harness.wait_until(lambda: is_up(leader), 20)
        self.assertEqual(info(follower)["role"], "master")
        follower.client().execute_command("FAILOVER")
        harness.wait_until(lambda: is_up(follower), 20)
        self.assertEqual(info(leader)["role"], "master")
        self.assertEqual(leader.client().get("k"), b"v")

    def test_who_leads_is_not_changed_while_failing_over(self):
        leader, follower = self.henge(), self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower), 20)
        harness.wait_until(lambda: info(leader)["slave0"]["state"] == "online")
        follower.pause()
        leader.client().set("k", "v")
        leader.client().execute_command("FAILOVER")
        for words in ("NO", "ONE"), ("127.0.0.1", follower.port):
            with self.assertRaisesRegex(Exception, "REPLICAOF not allowed while failing over"):
                leader.client().execute_command("REPLICAOF", *words)
        leader.client().execute_command("FAILOVER", "ABORT")
        follower.resume()
        leader.client().execute_command("REPLICAOF", "NO", "ONE")
        self.assertEqual(info(leader)["role"], "master")

    def test_a_failover_that_can_not_be(self):
        leader = self.henge()
        client = leader.client()
        for words, text in ((), "requires connected replicas"), (("ABORT",), "No failover in progr"):
            with self.assertRaisesRegex(Exception, text):
                client.execute_command("FAILOVER", *words)
        follower = self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))
        with self.assertRaisesRegex(Exception, "not a replica"):
            client.execute_command("FAILOVER", "TO", "127.0.0.1", 1)
        with self.assertRaisesRegex(Exception, "not valid when server is a replica"):
            follower.client().execute_command("FAILOVER")
        follower.pause()
        harness.wait_until(lambda: state(follower) == "T")
        client.set("k", "v")
        client.execute_command("FAILOVER", "TIMEOUT", 300)
        self.assertEqual(info(leader)["master_failover_state"], "waiting-for-sync")
        harness.wait_until(lambda: info(leader)["master_failover_state"] == "no-failover")
        client.execute_command("FAILOVER")
        client.execute_command("FAILOVER", "ABORT")
        client.set("k", "w")
        follower.resume()


if __name__ == "__main__":
    harness.main()
