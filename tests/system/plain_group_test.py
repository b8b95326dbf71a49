#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A leader and followers without sharding: plain servers to clients, who find the leader as behind Sentinels."""
import os
import re
import subprocess
import threading
import unittest

import harness
import redis
from plain_group import NAME, Group, as_dict, replicas

NODE_MODULES = os.path.join(harness.ROOT, "build/clients/node_modules")
FOLLOWING = os.path.join(harness.ROOT, "tests/clients/sentinel_writes.js")
PAGE = os.path.join(harness.ROOT, "docs/operating/leader-and-followers.md")
LED_AGAIN_SECONDS = 30


class Appends(threading.Thread):
    """Appends numbers to a list of whoever Sentinels say leads; remembers what was acknowledged."""

    def __init__(self, group, key):
        super().__init__(daemon=True)
        self.client = group.sentinel().master_for(NAME, socket_timeout=3)
        self.key, self.acknowledged = key, []
        self.error = None
        self.done = threading.Event()

    def run(self):
        number = 0
        while not self.done.is_set():
            number += 1
            try:
                self.client.rpush(self.key, number)
                self.acknowledged.append(number)
            except (redis.RedisError, OSError) as error:
                self.error = error
                self.done.wait(0.02)

    def await_progress(self, more=100):
        wanted = len(self.acknowledged) + more
        try:
            harness.wait_until(lambda: len(self.acknowledged) >= wanted, LED_AGAIN_SECONDS)
        except AssertionError:
            raise AssertionError(f"no progress; the last error: {self.error!r}") from None

    def lost(self, leader):
        self.done.set()
        self.join()
        with leader.client() as client:
            found = [int(word) for word in client.lrange(self.key, 0, -1)]
        if sorted(set(found)) != list(dict.fromkeys(found)):
            raise AssertionError("the list is out of order")
        return sorted(set(self.acknowledged) - set(found))


class PlainGroupTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.group = Group()
        cls.addClassCleanup(cls.group.close)

    def setUp(self):
        for node in self.group.nodes:
            if not node.alive():
                node.start()
        self.group.await_whole()
        self.addCleanup(self.print_logs)

    def print_logs(self):
        if not self._outcome.success:
            for node in self.group.nodes:
                print(f"--- log of {node.node_name} on port {node.port}:\n{node.log()}")

    def leader(self):
        return self.group.await_leader()

    def assert_error(self, text, node, *words):
        with self.assertRaises(redis.ResponseError) as caught:
            node.ask(*words)
        self.assertEqual(str(caught.exception), text)

    # --- A plain server ---------------------------------------------------------------------------

    def test_clients_see_plain_servers(self):
        leader, follower = self.leader(), self.group.followers()[0]
        for node in (leader, follower):
            self.assertEqual(node.info("cluster"), {"cluster_enabled": 0})
            self.assertEqual(node.info("server")["redis_mode"], "standalone")
            self.assert_error("This instance has cluster support disabled", node, "CLUSTER", "INFO")
        with leader.client(db=15) as client:
            client.mset({"one": 1, "two": 2, "three": 3})  # Of different slots.
            client.wait(2, 5000)
        with follower.client(db=15) as client:
            self.assertEqual(client.mget("one", "two"), [b"1", b"2"])
        self.assert_error("You can't write against a read only replica.", follower, "SET", "a", 1)
        self.assertEqual(follower.ask("ROLE")[:4], ["slave", "127.0.0.1", leader.port, "connected"])
        role = leader.ask("ROLE")
        self.assertEqual((role[0], sorted(int(port) for _, port, _ in role[2])),
                         ("master", sorted(node.port for node in self.group.followers())))
        self.assertEqual(as_dict(follower.ask("HELLO", 2))["role"], "replica")
        self.assert_error("REPLICAOF not allowed in a group that elects its leader. Use FAILOVER instead.",
                          follower, "REPLICAOF", "NO", "ONE")
        self.assertEqual(leader.info()["role"], "master")
        self.assertEqual((follower.info()["role"], follower.info()["master_port"]), ("slave", leader.port))

    # --- Who leads --------------------------------------------------------------------------------

    def test_another_leads_when_the_leader_is_killed_and_nothing_acknowledged_is_lost(self):
        writer = Appends(self.group, "killed")
        writer.start()
        writer.await_progress()
        old = self.leader()
        self.group.await_whole()
        old.kill()
        new = self.group.await_leader(other_than=old)
        writer.await_progress()
        old.start()
        harness.wait_until(lambda: old.info().get("master_link_status") == "up", LED_AGAIN_SECONDS)
        self.assertEqual(old.ask("ROLE")[:3], ["slave", "127.0.0.1", new.port])
        writer.await_progress()
        self.assertEqual(writer.lost(new), [])
        self.group.await_whole()
        with old.client() as client:
            harness.wait_until(lambda: client.llen("killed") == len(writer.acknowledged)
                               or client.llen("killed") > len(writer.acknowledged))

    def test_hand_overs_are_followed_and_told(self):
        writer = Appends(self.group, "handed over")
        writer.start()
        for hand_over in (lambda leader, to: leader.ask("FAILOVER", "TO", "127.0.0.1", to.port),
                          lambda leader, to: leader.ask("FAILOVER", "TIMEOUT", 10000),
                          lambda leader, to: to.ask("SENTINEL", "FAILOVER", NAME)):
            self.group.await_whole()
            writer.await_progress()
            leader, follower = self.leader(), self.group.followers()[0]
            with follower.client(decode_responses=True) as listening:
                messages = listening.pubsub(ignore_subscribe_messages=True)
                messages.subscribe("+switch-master")
                messages.get_message(timeout=5)
                self.assertIn(hand_over(leader, follower), ("OK", True))
                new = self.group.await_leader(other_than=leader)
                heard = harness.wait_until(lambda: messages.get_message(timeout=1), LED_AGAIN_SECONDS, "+switch-master")
                self.assertEqual(heard["data"], f"{NAME} 127.0.0.1 {leader.port} 127.0.0.1 {new.port}")
            writer.await_progress()
        self.assertEqual(writer.lost(self.leader()), [])

    def test_the_page_for_operators(self):
        with open(PAGE, encoding="utf-8") as page:
            text = page.read()
        path = os.path.join(self.group.nodes[0].folder, "page.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.search(r"```yaml\n(.*?)```", text, re.DOTALL).group(1))
        subprocess.run([harness.henge_binary(), "--check-config", path], check=True, capture_output=True, timeout=30)
        questions, changes = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in (*questions.splitlines(), *changes.splitlines()):
            self.group.await_whole()
            leader, follower = self.leader(), self.group.followers()[0]
            line = line.replace("-p 6379", f"-p {leader.port}").replace("10.0.0.2 6379", f"127.0.0.1 {follower.port}")
            done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=30, check=True)
            self.assertNotRegex(done.stdout, "^[A-Z]*ERR|^NO", line)
            self.assertNotEqual(done.stdout.strip(), "", line)
            if "FAILOVER" in line:
                self.group.await_leader(other_than=leader)

    def test_a_leader_that_is_shut_down_hands_over_first(self):
        leader = self.leader()
        self.assertEqual(leader.stop(), 0)
        self.assertIn("A follower leads instead of this node", leader.log())
        self.group.await_leader(other_than=leader)

    def test_a_leader_without_the_majority_refuses_writes_and_is_no_longer_named(self):
        leader, others = self.leader(), self.group.followers()
        for node in others:
            node.pause()
        try:
            harness.wait_until(lambda: leader.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) is None, LED_AGAIN_SECONDS)
            self.assert_error("NOREPLICAS This leader has lost touch with the majority of its group: "
                              "no writes are accepted", leader, "SET", "minority", 1)
            self.assertIsNone(leader.ask("GET", "minority"))
            harness.wait_until(lambda: error_of(leader, "SENTINEL", "CKQUORUM", NAME).startswith("NOQUORUM 1 usable"),
                               LED_AGAIN_SECONDS, "NOQUORUM")
            state = as_dict(leader.ask("SENTINEL", "MASTER", NAME))
            self.assertIn("s_down", state["flags"].split(","))
        finally:
            for node in others:
                node.resume()
        self.group.await_whole()
        with self.leader().client() as client:
            self.assertTrue(client.set("minority", 2))

    # --- What Sentinel-aware clients ask ----------------------------------------------------------

    def test_replies_have_the_shape_of_sentinels(self):
        leader = self.leader()
        real = harness.Redis({"enable-debug-command": "yes"})
        self.addCleanup(real.close)
        real.start()
        replica = harness.Redis({"replicaof": ["127.0.0.1", real.port]})
        self.addCleanup(replica.close)
        replica.start()
        harness.wait_until(lambda: replica.client().info("replication")["master_link_status"] == "up", 30)
        sentinels = [Sentinel(real.port) for _ in range(2)]
        for sentinel in sentinels:
            self.addCleanup(sentinel.close)
            sentinel.start()
        one = sentinels[0]
        harness.wait_until(lambda: ask(one, "SENTINEL", "SENTINELS", NAME) and ask(one, "SENTINEL", "REPLICAS", NAME), 30)
        for words in (("MASTER", NAME), ("MASTERS",), ("REPLICAS", NAME), ("SLAVES", NAME), ("SENTINELS", NAME),
                      ("GET-MASTER-ADDR-BY-NAME", NAME), ("GET-MASTER-ADDR-BY-NAME", "nobody"), ("MASTER", "nobody"),
                      ("REPLICAS", "nobody"), ("FAILOVER", "nobody"), ("MASTER",), ("RESET", "a", "b"), ("BOGUS",),
                      ("IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", "1", "0", "*"), ("MYID",), ("PENDING-SCRIPTS",)):
            with self.subTest(words=words):
                self.assertEqual(shape(leader, *words), shape(one, *words))
        ours, theirs = (set(node.client().info("sentinel")) for node in (leader, one))
        self.assertEqual(ours, theirs)
        state = as_dict(leader.ask("SENTINEL", "MASTER", NAME))
        self.assertEqual((state["ip"], state["port"], state["flags"], state["num-slaves"], state["quorum"]),
                         ("127.0.0.1", str(leader.port), "master", "2", "2"))
        for follower in replicas(leader):
            self.assertEqual((follower["master-port"], follower["flags"]), (str(leader.port), "slave"))
        self.assertRegex(leader.ask("SENTINEL", "CKQUORUM", NAME), "^OK 3 usable Sentinels")
        for words in (("MONITOR", "a", "b", 1, 2), ("REMOVE", NAME), ("RESET", "*"), ("SET", NAME, "quorum", 1)):
            with self.assertRaisesRegex(redis.ResponseError, "^Not supported: this node watches its own group alone"):
                leader.ask("SENTINEL", *words)

    @unittest.skipUnless(os.path.isdir(os.path.join(NODE_MODULES, "ioredis")), "run scripts/deps clients")
    def test_ioredis_follows(self):
        ports = [str(node.port) for node in self.group.nodes]
        with subprocess.Popen(["node", FOLLOWING, NAME, *ports], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env={**os.environ, "NODE_PATH": NODE_MODULES}) as client:
            self.addCleanup(client.kill)

            def acknowledged():
                """Writes that it had acknowledged, after some more."""
                client.stdin.write("more\n")
                client.stdin.flush()
                return int(client.stdout.readline())
            first = acknowledged()
            old = self.leader()
            self.assertEqual(old.ask("FAILOVER"), "OK")
            new = self.group.await_leader(other_than=old)
            second = acknowledged()
            self.group.await_whole()
            new.kill()
            last = self.group.await_leader(other_than=new)
            total = acknowledged()
            self.assertTrue(0 < first < second < total)
            client.stdin.close()
            self.assertEqual(client.wait(30), 0)
        with last.client() as leader:
            self.assertGreaterEqual(leader.scard("written by ioredis"), total)


class Sentinel(harness.Redis):
    """Debian's redis-server as a Sentinel."""

    name = "sentinel"

    def __init__(self, port):
        super().__init__()
        self.watched = port

    def command_line(self):
        path = os.path.join(self.folder, "sentinel.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
                       f"sentinel monitor {NAME} 127.0.0.1 {self.watched} 2\n")
        return [self.binary(), path, "--sentinel"]


def ask(server, *words):
    with server.client(decode_responses=True) as client:
        client.response_callbacks.clear()
        return client.execute_command(*words)


def error_of(server, *words):
    """Its text; empty: there was none."""
    try:
        ask(server, *words)
    except redis.ResponseError as error:
        return str(error)
    return ""


def shape(server, *words):
    """A reply's names and types: values that are not names are what kind of text they are."""
    try:
        reply = ask(server, "SENTINEL", *words)
    except redis.ResponseError as error:
        return str(error)
    return shape_of(reply[0] if words[0] in ("MASTERS", "REPLICAS", "SLAVES", "SENTINELS") else reply)


def shape_of(reply):
    if not isinstance(reply, list) or len(reply) < 6:
        return [kind(word) for word in reply] if isinstance(reply, list) else kind(reply)
    return [(name, kind(value)) for name, value in as_dict(reply).items()]


def kind(value):
    if not isinstance(value, str):
        return value if value is None or value in (0, 1) else type(value)
    if value.lstrip("-").isdigit():
        return "a number"
    return "an id" if len(value) == 40 or value == "?" else "text"  # Nobody is voted for at first.


if __name__ == "__main__":
    harness.main()
