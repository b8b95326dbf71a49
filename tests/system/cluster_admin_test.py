#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""redis-cli --cluster, every subcommand of it, on Henge nodes."""
import os
import re

import harness
import made_cluster
import redis
from made_cluster import SLOTS, address, cluster_info, lines, redis_cli
from wire import Closed, Push, Wire, WireError, encode


class CreateTest(harness.TestCase):
    def test_create_gives_each_leader_its_follower(self):
        cluster = made_cluster.Cluster(self)
        view = lines(cluster.servers[0])
        leaders = [line for line in view.values() if line.leader is None]
        followers = [line for line in view.values() if line.leader is not None]
        self.assertEqual((len(leaders), len(followers)), (3, 3))
        self.assertEqual(sum(line.slots for line in leaders), SLOTS)
        self.assertEqual({line.leader for line in followers}, {line.id for line in leaders})
        for server in cluster.servers:
            info = cluster_info(server)
            self.assertEqual((info["cluster_known_nodes"], info["cluster_size"], info["cluster_slots_ok"]),
                             ("6", "3", str(SLOTS)))

    def test_create_without_replicas_and_from_another_node_s_view(self):
        cluster = made_cluster.Cluster(self, count=3, replicas=0)
        for server in cluster.servers:
            self.assertEqual(len(cluster.leaders(server)), 3)
        client = cluster.client()
        for number in range(300):
            client.call(f"key:{number}", "SET", f"key:{number}", number)
        self.assertEqual([int(client.call(f"key:{n}", "GET", f"key:{n}")) for n in range(300)], list(range(300)))

    def test_a_cluster_remembers_itself(self):
        cluster = made_cluster.Cluster(self, count=3, replicas=0)
        before = {port: (line.id, line.slots) for port, line in lines(cluster.servers[0]).items()}
        for server in cluster.servers:
            server.stop()
        for server in cluster.servers:
            server.start()
        cluster.await_whole()
        for server in cluster.servers:
            self.assertEqual({port: (line.id, line.slots) for port, line in lines(server).items()}, before)


class AnnouncementTest(harness.TestCase):
    def test_what_config_set_announces_is_shown_at_once_and_soon_everywhere(self):
        cluster = made_cluster.Cluster(self, count=3, replicas=0)
        node, other = cluster.servers[:2]
        own = lines(node)[node.port].id

        def endpoint(server):
            """(host, port, metadata) of the node in CLUSTER SLOTS, and its line of CLUSTER NODES."""
            with server.client(decode_responses=True) as client:
                client.response_callbacks.clear()
                host, port, _, told = next(span[2] for span in client.execute_command("CLUSTER SLOTS")
                                           if span[2][2] == own)
                [line] = [line for line in client.execute_command("CLUSTER NODES").splitlines()
                          if line.startswith(own)]
            return (host, port, told), line.split()[1]

        before = endpoint(node)
        changed = node.port + 1
        for settings, slots, address_told in (
                ({"cluster-announce-hostname": "here.example"},
                 ("127.0.0.1", node.port, ["hostname", "here.example"]),
                 f"127.0.0.1:{node.port}@{node.port + 10000},here.example"),
                ({"cluster-announce-ip": "localhost", "cluster-announce-port": str(changed)},
                 ("localhost", changed, ["hostname", "here.example"]),
                 f"localhost:{changed}@{node.port + 10000},here.example"),
                ({"cluster-announce-hostname": "", "cluster-announce-ip": "127.0.0.1", "cluster-announce-port": "0"},
                 *before)):
            with node.client() as client:
                for name, value in settings.items():
                    client.config_set(name, value)
            self.assertEqual(endpoint(node), (slots, address_told))
            harness.wait_until(lambda wanted=(slots, address_told): endpoint(other) == wanted)
        with node.client() as client:
            for name, value, why in (("cluster-announce-hostname", "?.com", "alphanumeric"),
                                     ("cluster-announce-human-nodename", "a b!", "invalid character")):
                with self.assertRaisesRegex(redis.ResponseError, why):
                    client.config_set(name, value)
            client.config_set("cluster-replica-no-failover", "yes")
        harness.wait_until(lambda: "nofailover" in lines(other)[node.port].flags)
        self.a_new_port_is_told(node, other)
        self.nobody_else_waits_for_the_others_to_agree(node, cluster.servers[1:])

    def a_new_port_is_told(self, node, other):
        own = lines(node)[node.port]
        moved = harness.free_port()
        with node.client() as client:
            for port in (moved, node.port):
                client.config_set("port", port)
                harness.wait_until(lambda port=port: port in lines(other) and lines(other)[port].id == own.id)

    def nobody_else_waits_for_the_others_to_agree(self, node, others):
        """One worker: had it waited for the others, which stand still, nobody could count its blocked clients."""
        names = iter(range(1000))

        def waits_alone():
            with node.client() as client:
                connection = redis.Connection(port=node.port)
                connection.send_command("CONFIG", "SET", "cluster-announce-hostname", f"host{next(names)}.example")
                blocked = client.info("clients")["blocked_clients"]
                self.assertEqual(connection.read_response(), b"OK")
                connection.disconnect()
                return blocked == 1

        for server in others:
            server.pause()
        try:
            harness.wait_until(waits_alone)
        finally:
            for server in others:
                server.resume()


class HomesTest(harness.TestCase):
    """Seven nodes, so that one leader of three has two followers."""

    def setUp(self):
        self.cluster = made_cluster.Cluster(self, count=7)
        self.client = self.cluster.client()
        for number in range(1000):
            self.client.call(f"key:{number}", "SET", f"key:{number}", number)

    def followers(self, server):
        return self.cluster.followers_of(server)

    def test_followers_go_where_they_are_needed(self):
        rich = next(server for server in self.cluster.leaders() if len(self.followers(server)) == 2)
        poor = next(server for server in self.cluster.leaders() if server is not rich)
        self.lose_the_only_follower(rich, poor)
        self.take_a_slot_with_keys(rich, poor)
        self.give_all_slots_away(rich, poor)

    def lose_the_only_follower(self, rich, poor):
        [follower] = self.followers(poor)
        follower.kill()
        harness.wait_until(lambda: any(server.alive() for server in self.followers(poor)),
                           made_cluster.LED_AGAIN_SECONDS)
        self.assertEqual(len(self.followers(rich)), 1)
        self.cluster.await_whole()

    def take_a_slot_with_keys(self, source, target):
        """The keys go at the leader that lost the slot and at its follower; they are nobody's then, as with Redis."""
        [follower] = self.followers(source)
        name = next(f"key:{n}" for n in range(1000) if self.client.call(f"key:{n}", "EXISTS", f"key:{n}") and
                    self.client.owners[redis.crc.key_slot(f"key:{n}".encode())] == source.port)
        slot = redis.crc.key_slot(name.encode())
        to = lines(target)[target.port].id
        with source.client() as client:
            with self.assertRaisesRegex(redis.ResponseError, "while I still hold keys"):
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", to)
        target.client().execute_command("CLUSTER SETSLOT", slot, "NODE", to)
        for server in (source, follower):
            harness.wait_until(lambda at=server.client(): at.execute_command("CLUSTER COUNTKEYSINSLOT", slot) == 0)
        self.assertIsNone(self.client.call(name, "GET", name))
        self.client.call(name, "SET", name, "again")
        source.client().execute_command("CLUSTER SETSLOT", slot, "NODE", to)  # So it is.
        self.assertEqual(self.client.call(name, "GET", name), b"again")

    def give_all_slots_away(self, source, target):
        [follower] = self.followers(source)
        kept = sum(server.client().dbsize() for server in (source, target))
        view = lines(target)
        with source.client() as client:
            spans = [(int(first), int(last)) for first, last, leader, *_ in client.execute_command("CLUSTER SLOTS")
                     if leader[1] == source.port]
            first, last = spans.pop()  # All but the very last slot at once.
            spans += [(first, last - 1)] if first < last else []
            client.execute_command("CLUSTER MIGRATESLOTS", "SLOTSRANGE", *(end for span in spans for end in span),
                                   "NODE", view[target.port].id)
        harness.wait_until(lambda: lines(target)[source.port].slots == 1, made_cluster.LED_AGAIN_SECONDS)
        self.cluster.await_whole()
        redis_cli("reshard", address(target), "--cluster-from", view[source.port].id, "--cluster-to",
                  view[target.port].id, "--cluster-slots", 1, "--cluster-yes")
        wanted = {source, follower}
        harness.wait_until(lambda: wanted <= set(self.followers(target)), made_cluster.LED_AGAIN_SECONDS)
        self.cluster.await_whole()
        for server in (source, follower, target):
            harness.wait_until(lambda at=server.client(): at.dbsize() == kept)


class SubcommandsTest(harness.TestCase):
    """On one cluster of three leaders with a follower each, in an order that makes sense."""

    def setUp(self):
        self.cluster = made_cluster.Cluster(self)
        self.at = address(self.cluster.servers[0])
        self.client = self.cluster.client()
        for number in range(2000):
            self.client.call(f"key:{number}", "SET", f"key:{number}", number)

    def check(self):
        self.cluster.await_whole()
        told = redis_cli("check", self.at)
        self.assertIn("[OK] All nodes agree about slots configuration.", told)
        self.assertIn("[OK] All 16384 slots covered.", told)
        return told

    def assert_all_keys_are_there(self):
        client = self.cluster.client()
        self.assertEqual([int(client.call(f"key:{n}", "GET", f"key:{n}") or -1) for n in range(2000)], list(range(2000)))

    def test_what_only_looks(self):
        self.check()
        self.assertIn("2000 keys in 3 masters", redis_cli("info", self.at))
        self.assertEqual(redis_cli("call", self.at, "PING").count("PONG"), 6)
        folder = os.path.join(self.cluster.servers[0].folder, "backup")
        os.mkdir(folder)
        redis_cli("backup", self.at, folder)
        self.assertEqual(len([name for name in os.listdir(folder) if name.endswith(".rdb")]), 3)
        redis_cli("set-timeout", self.at, 2000)
        for server in self.cluster.servers:
            self.assertEqual(server.client().config_get("cluster-node-timeout"),
                             {"cluster-node-timeout": "2000"})
        # Who judges failures gives leases of four fifths of it at once.
        harness.wait_until(lambda: any(re.search(r"judges failures from now on.*lease_ms=1600\b", server.log(500))
                                       for server in self.cluster.servers), 20)

    def test_slots_move(self):
        view = lines(self.cluster.servers[0])
        source, target = (view[server.port] for server in self.cluster.leaders()[:2])
        redis_cli("reshard", self.at, "--cluster-from", source.id, "--cluster-to", target.id,
                  "--cluster-slots", 500, "--cluster-yes")
        self.check()
        after = lines(self.cluster.servers[0])
        self.assertEqual((after[source.port].slots, after[target.port].slots),
                         (source.slots - 500, target.slots + 500))
        self.assert_all_keys_are_there()
        redis_cli("rebalance", self.at, "--cluster-threshold", 1)
        self.check()
        slots = [line.slots for line in lines(self.cluster.servers[0]).values() if line.leader is None]
        self.assertLess(max(slots) - min(slots), 200)
        self.assert_all_keys_are_there()

    def assert_takes_keys_once_it_is_well(self, newcomer):
        slot, key = 15495, "a"
        harness.wait_until(lambda: len(lines(newcomer)) == 7 and cluster_info(newcomer)["cluster_state"] == "ok")
        with newcomer.client() as client:
            owner = next(leader[2] for first, last, leader, *_ in client.execute_command("CLUSTER SLOTS")
                         if first <= slot <= last)
            self.assertTrue(client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", owner))
            for words in (("SET", key, "1"), ("DEL", key)):
                client.execute_command("ASKING")
                self.assertTrue(client.execute_command(*words))
            self.assertTrue(client.execute_command("CLUSTER SETSLOT", slot, "STABLE"))

    def test_nodes_come_and_go(self):
        newcomer = self.henge({"cluster-enabled": "yes", "cluster-node-timeout": 1500})
        follower = self.henge({"cluster-enabled": "yes", "cluster-node-timeout": 1500})
        redis_cli("add-node", address(newcomer), self.at)
        self.assert_takes_keys_once_it_is_well(newcomer)
        self.cluster.servers.append(newcomer)
        self.cluster.by_port[newcomer.port] = newcomer
        self.cluster.await_whole()
        own = lines(newcomer)[newcomer.port].id
        redis_cli("add-node", address(follower), self.at, "--cluster-slave", "--cluster-master-id", own)
        self.cluster.servers.append(follower)
        self.cluster.by_port[follower.port] = follower
        self.cluster.await_whole()
        self.assertEqual(lines(newcomer)[follower.port].leader, own)
        redis_cli("reshard", self.at, "--cluster-from", "all", "--cluster-to", own, "--cluster-slots", 300,
                  "--cluster-yes")
        self.check()
        self.assertGreaterEqual(lines(newcomer)[newcomer.port].slots, 295)
        self.assert_all_keys_are_there()
        harness.wait_until(lambda: follower.client().dbsize() == newcomer.client().dbsize() > 0)

        other = next(server for server in self.cluster.leaders() if server is not newcomer)
        redis_cli("reshard", self.at, "--cluster-from", own, "--cluster-to",
                  lines(other)[other.port].id, "--cluster-slots", 300, "--cluster-yes")
        self.check()
        redis_cli("del-node", self.at, lines(newcomer)[follower.port].id)
        redis_cli("del-node", self.at, own)
        for server in (newcomer, follower):
            self.cluster.servers.remove(server)
        self.check()
        self.assertEqual(len(lines(self.cluster.servers[0])), 6)
        self.assert_all_keys_are_there()

    def test_fix_finishes_a_move_that_was_broken_off(self):
        source, target = self.cluster.leaders()[:2]
        view = lines(source)
        with source.client(decode_responses=True) as client:
            slot = next(client.execute_command("CLUSTER KEYSLOT", f"key:{n}") for n in range(2000)
                        if client.execute_command(
                            "CLUSTER COUNTKEYSINSLOT",
                            client.execute_command("CLUSTER KEYSLOT", f"key:{n}")) > 0)
            target.client().execute_command("CLUSTER SETSLOT", slot, "IMPORTING", view[source.port].id)
            client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", view[target.port].id)
            redis_cli("fix", self.at)
            self.check()
            self.assert_all_keys_are_there()
            # On its way back, its keys are at the source: that becomes the owner, by a transaction of redis-cli.
            client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", view[target.port].id)
            with target.client() as owner:
                owner.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", view[source.port].id)
                keys = owner.execute_command("CLUSTER GETKEYSINSLOT", slot, 100)
                owner.execute_command("MIGRATE", source.host, source.port, "", 0, 5000, "KEYS", *keys)
            redis_cli("fix", self.at)
        self.check()
        self.assert_all_keys_are_there()
        self.assertEqual(lines(source)[source.port].slots, view[source.port].slots)
        # Nobody owns it.
        source.client().execute_command("CLUSTER DELSLOTS", slot)
        harness.wait_until(lambda: cluster_info(source)["cluster_state"] == "fail")
        redis_cli("fix", self.at, stdin="yes\n")
        self.check()
        self.assert_all_keys_are_there()

    def test_import_takes_what_another_server_has(self):
        origin = self.redis()
        for number in range(500):
            origin.client().set(f"imported:{number}", number)
        redis_cli("import", self.at, "--cluster-from", address(origin), "--cluster-copy")
        client = self.cluster.client()
        self.assertEqual([int(client.call(f"imported:{n}", "GET", f"imported:{n}")) for n in range(500)], list(range(500)))
        self.assertEqual(origin.client().dbsize(), 500)


class TransactionTest(harness.TestCase):
    """EXEC, when a command in its queue waits until the nodes agree."""

    def setUp(self):
        # One worker has to serve everybody; and nobody gives up soon while others stand still.
        settings = {"io-threads": 1, "cluster-node-timeout": 5000}
        cluster = made_cluster.Cluster(self, count=3, replicas=0, settings=settings)
        self.node, *self.others = cluster.servers
        self.client = self.node.client(decode_responses=True)
        self.addCleanup(self.client.close)
        self.wire = Wire((self.node.host, self.node.port), timeout=60)
        self.addCleanup(self.wire.close)
        self.slot, self.owner = next((last, leader[2].decode()) for _, last, leader, *_
                                     in self.wire.call("CLUSTER", "SLOTS") if leader[1] != self.node.port)

    def ask(self, *calls):
        """Sends them in a transaction, and one behind; reads the replies before EXEC's."""
        self.wire.send(b"".join(encode(*call) for call in (["MULTI"], *calls, ["EXEC"], ["ECHO", "behind"])))
        self.assertEqual([self.wire.read() for _ in range(len(calls) + 1)], ["OK"] + ["QUEUED"] * len(calls))

    def stop_others(self):
        """From then on nothing can be agreed on: they do stand still."""
        for other in self.others:
            other.pause()
        for other in self.others:
            os.waitpid(other.process.pid, os.WUNTRACED)

    def importing(self):
        return ["CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.owner]

    def await_parked(self):
        """Gives the client's id. The worker that EXEC waits on answers this."""
        def parked():
            return [line["id"] for line in self.client.client_list() if line["cmd"] == "exec" and "b" in line["flags"]]
        return harness.wait_until(parked)[0]

    def test_its_replies_come_in_order_and_with_a_key_locked_nothing_waits(self):
        self.ask(["PING"], self.importing(), ["CLUSTER", "MYID"], ["CLUSTER", "SETSLOT", self.slot, "STABLE"], ["PING"])
        own = lines(self.node)[self.node.port].id.encode()
        self.assertEqual(self.wire.read(), ["PONG", "OK", own, "OK", "PONG"])
        self.assertEqual(self.wire.read(), b"behind")
        # Not while keys are locked.
        key = next(f"key:{n}" for n in range(100)
                   if not isinstance(self.wire.call("GET", f"key:{n}"), WireError))
        self.ask(["SET", key, "1"], self.importing(), ["GET", key])
        first, refused, last = self.wire.read()
        self.assertEqual((first, last), ("OK", b"1"))
        self.assertRegex(refused, "can't agree within a transaction")
        self.assertEqual(self.wire.read(), b"behind")

    def test_others_are_served_meanwhile_and_who_is_killed_does_not_go_on(self):
        self.wire.call("HELLO", 3)
        self.wire.call("SUBSCRIBE", "news")
        self.stop_others()
        self.ask(self.importing(), ["CONFIG", "SET", "slowlog-max-len", "77"])
        self.await_parked()
        self.assertTrue(self.client.ping())
        self.client.publish("news", "meanwhile")
        self.assertEqual(self.client.config_get("slowlog-max-len")["slowlog-max-len"], "128")
        for other in self.others:
            other.resume()
        self.assertEqual(self.wire.read(), ["OK", "OK"])
        self.assertEqual(self.wire.read(), Push([b"message", b"news", b"meanwhile"]))
        self.assertEqual(self.wire.read(), b"behind")
        self.assertEqual(self.client.config_get("slowlog-max-len")["slowlog-max-len"], "77")

        self.stop_others()
        self.ask(self.importing(), ["CONFIG", "SET", "slowlog-max-len", "88"])
        client_id = self.await_parked()
        self.client.client_unblock(client_id, error=True)
        unblocked, last = self.wire.read()
        self.assertRegex(unblocked, "^UNBLOCKED")
        self.assertEqual((last, self.wire.read()), ("OK", b"behind"))
        self.ask(["CLUSTER", "SETSLOT", self.slot, "STABLE"], ["CONFIG", "SET", "slowlog-max-len", "99"])
        self.await_parked()
        self.client.client_kill_filter(_id=client_id)
        with self.assertRaises(Closed):
            self.wire.read()
        for other in self.others:
            other.resume()
        # When this is agreed on, what the transaction waited for would be known.
        self.client.execute_command("CLUSTER", "SETSLOT", self.slot, "STABLE")
        self.assertEqual(self.client.config_get("slowlog-max-len")["slowlog-max-len"], "88")


if __name__ == "__main__":
    harness.main()
