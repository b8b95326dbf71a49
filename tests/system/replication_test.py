#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Leaders and followers: Henge and redis-server in every pairing, under load, cut, promoted."""
import contextlib
import os
import random
import sys
import threading
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), path)
                for path in (".", "../compat")]

import harness  # noqa: E402  Found through the path above.
from wire import Wire, encode  # noqa: E402

KEYS = 300
CALLS = 4000


def play(client, seed, calls, stop=None):
    """Writes of all types, transactions and scripts, on a few keys in two databases."""
    rng = random.Random(seed)
    for _ in range(calls):
        if stop is not None and stop.is_set():
            return
        key = f"{rng.randrange(KEYS)}"
        member = f"m{rng.randrange(40)}"
        pipe = client.pipeline(transaction=rng.random() < 0.3)
        for _ in range(rng.randrange(1, 5)):
            rng.choice([
                lambda p: p.set("s" + key, "x" * rng.randrange(200)),
                lambda p: p.set("t" + key, "x", px=rng.randrange(20, 2000)),
                lambda p: p.incr("i" + key),
                lambda p: p.append("s" + key, member),
                lambda p: p.rpush("l" + key, member, "y"),
                lambda p: p.lpop("l" + key),
                lambda p: p.sadd("e" + key, member, rng.randrange(1000)),
                lambda p: p.spop("e" + key),
                lambda p: p.hset("h" + key, member, rng.random()),
                lambda p: p.hincrbyfloat("f" + key, member, 0.25),
                lambda p: p.zadd("z" + key, {member: rng.randrange(100)}),
                lambda p: p.zpopmin("z" + key),
                lambda p: p.xadd("x" + key, {"f": member}, maxlen=50),
                lambda p: p.eval("redis.call('set', KEYS[1], ARGV[1]);"
                                 "return redis.call('incr', KEYS[2])", 2, "a" + key, "b" + key, member),
                lambda p: p.delete("s" + key, "l" + key),
                lambda p: p.expire("h" + key, 1000),
            ])(pipe)
        pipe.execute(raise_on_error=False)


def digest(server):
    return server.client().execute_command("DEBUG", "DIGEST")


def offset(server):
    return server.client().info("replication")["master_repl_offset"]


def follow(server, leader):
    server.client().execute_command("REPLICAOF", "127.0.0.1", leader.port)


def library(says):
    return f"#!lua name=l\nredis.register_function('f', function() return '{says}' end)"


def is_up(server):
    return server.client().info("replication").get("master_link_status") == "up"


class StaleTest(harness.TestCase):
    def test_a_transaction_that_became_stale_is_refused(self):
        server = self.henge({"replica-serve-stale-data": "no"})
        with Wire(("127.0.0.1", server.port)) as client, Wire(("127.0.0.1", server.port)) as other:
            client.call("MULTI")
            client.call("GET", "k")
            self.assertEqual(other.call("REPLICAOF", "127.0.0.1", harness.free_port()), "OK")
            reply = client.call("EXEC")
            self.assertIn("EXECABORT", reply)
            self.assertIn("MASTERDOWN", reply)
            other.call("REPLICAOF", "NO", "ONE")
            self.assertIsNone(client.call("GET", "k"))


class ReplicationTest(harness.TestCase):
    streams = True  # Between Henge's nodes: gRPC.

    def henge(self, settings=None, port=None):
        return super().henge({"repl-grpc": "yes" if self.streams else "no", **(settings or {})}, port)

    def await_same(self, leader, *followers):
        """Nothing expires any more once all keys with a deadline are gone."""
        leader.client().eval(
            "local keys = redis.call('keys', 't*');"
            "for _, k in ipairs(keys) do redis.call('del', k) end", 0)
        for follower in followers:
            harness.wait_until(lambda: is_up(follower), 30, "the link")
            harness.wait_until(lambda: offset(follower) == offset(leader), 30, "the offset")
            # A Redis has what expired in its digest until its cycle has found it.
            harness.wait_until(lambda: digest(follower) == digest(leader), 10, "the same data")

    def test_two_followers_have_what_the_leader_has(self):
        leader, one, two = (self.henge({"io-threads": 2}) for _ in range(3))
        play(leader.client(), 1, 500)
        follow(one, leader)
        load = [threading.Thread(target=play, args=(leader.client(), seed, CALLS // 4))
                for seed in (2, 3, 4, 5)]
        for thread in load:
            thread.start()
        follow(two, leader)
        for thread in load:
            thread.join()
        self.await_same(leader, one, two)
        self.assertEqual(leader.client().info("replication")["connected_slaves"], 2)
        self.assertEqual(one.client().info("replication")["master_link_protocol"],
                         "grpc" if self.streams else "psync")

    def test_followers_are_clients_of_their_type(self):
        leader, follower = self.henge(), self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))
        client = leader.client()
        harness.wait_until(lambda: len(client.client_list(_type="replica")) == 1)
        shown = client.client_list(_type="replica")[0]
        self.assertEqual((shown["flags"], shown["cmd"]), ("S", "replconf"))
        self.assertIn(shown["id"], [one["id"] for one in client.client_list()])
        self.assertEqual(client.client_list(client_id=[shown["id"]])[0]["addr"], shown["addr"])
        self.assertEqual(client.info("replication")["connected_slaves"], 1)
        self.assertEqual(client.info("clients")["connected_clients"], 1)
        for number, filters in enumerate((["ID", shown["id"]], ["TYPE", "replica"]), 1):
            self.assertEqual(client.execute_command("CLIENT", "KILL", *filters), 1)
            harness.wait_until(lambda: client.info("stats")["sync_partial_ok"] == number)
            harness.wait_until(lambda: is_up(follower))

    def test_databases_are_swapped_and_emptied_under_load(self):
        leader, follower = self.henge({"io-threads": 2}), self.henge({"io-threads": 2})
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))
        stop = threading.Event()
        load = [threading.Thread(target=play, args=(leader.client(db=db), 20 + db, CALLS, stop))
                for db in (0, 1, 2)]
        for thread in load:
            thread.start()
        client = leader.client()
        for n in range(40):
            play(client, 30 + n, 10)
            client.execute_command(*[("SWAPDB", 0, 1), ("FLUSHDB",), ("SWAPDB", 1, 2),
                                     ("FLUSHALL", "ASYNC" if n % 8 == 3 else "SYNC")][n % 4])
        stop.set()
        for thread in load:
            thread.join()
        for db in (1, 2):  # await_same does it in the first.
            leader.client(db=db).eval(
                "for _, k in ipairs(redis.call('keys', 't*')) do redis.call('del', k) end", 0)
        self.await_same(leader, follower)
        self.assertEqual(leader.client().info("stats")["sync_full"], 1)

    def test_what_is_loaded_aside_is_seen_at_one_moment(self):
        leader = self.henge({"repl-backlog-size": 16384})
        follower = self.henge({"repl-diskless-load": "swapdb", "io-threads": 2})
        client, reader = leader.client(), follower.client()
        client.set("k", "old")
        client.execute_command("FUNCTION", "LOAD", library("old"))
        follow(follower, leader)
        self.await_same(leader, follower)
        follower.pause()
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")
        client.config_set("rdb-key-save-delay", 1000000)
        client.set("k", "new")
        client.execute_command("FUNCTION", "LOAD", "REPLACE", library("new"))
        for n in range(40):
            client.set(f"big{n}", "x" * 10000)
        follower.resume()
        harness.wait_until(lambda: reader.info("persistence")["async_loading"] == 1)
        self.assertEqual(reader.info("persistence")["loading"], 0)
        self.assertEqual((reader.get("k"), reader.fcall("f", 0), reader.dbsize()), (b"old", b"old", 1))
        for refused in (("REPLICAOF", "NO", "ONE"), ("CONFIG", "SET", "appendonly", "yes")):
            with self.assertRaisesRegex(Exception, "loading the dataset"):
                reader.execute_command(*refused)
        client.config_set("rdb-key-save-delay", 0)
        self.await_same(leader, follower)
        self.assertEqual((reader.get("k"), reader.fcall("f", 0), reader.dbsize()), (b"new", b"new", 41))
        self.assertEqual(reader.info("persistence")["async_loading"], 0)
        self.assertEqual(client.info("stats")["sync_full"], 2)

    def test_what_could_not_be_loaded_aside_has_changed_nothing(self):
        leader = self.henge({"rdb-key-save-delay": 1000000})
        follower = self.henge({"repl-diskless-load": "swapdb"})
        reader = follower.client()
        reader.set("k", "own")
        for n in range(40):
            leader.client().set(f"k{n}", "v")
        follow(follower, leader)
        harness.wait_until(lambda: reader.info("persistence")["loading"] == 1)
        with self.assertRaisesRegex(Exception, "loading the dataset"):  # Of another history.
            reader.get("k")
        leader.kill()
        harness.wait_until(lambda: reader.info("persistence")["loading"] == 0)
        self.assertEqual((reader.get("k"), reader.dbsize()), (b"own", 1))

    def test_redis_follows(self):
        leader, follower = self.henge({"io-threads": 2}), self.redis()
        play(leader.client(), 6, 500)
        follow(follower, leader)
        play(leader.client(), 7, 1000)
        self.await_same(leader, follower)

    def test_redis_leads_and_its_data_moves_over(self):
        leader = self.redis({"repl-diskless-sync-delay": 0, "repl-ping-replica-period": 3600})
        follower = self.henge({"io-threads": 2})
        chained = self.henge()
        play(leader.client(), 8, 500)
        follow(follower, leader)
        follow(chained, follower)
        play(leader.client(), 9, 1000)
        # A key that expired there between the two commands would be a write that the new leader lacks.
        leader.client().execute_command("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        self.await_same(leader, follower, chained)
        follower.client().execute_command("REPLICAOF", "NO", "ONE")
        follow(leader, follower)
        play(follower.client(), 10, 500)
        self.await_same(follower, leader, chained)
        self.assertEqual(follower.client().info("stats")["sync_partial_ok"], 2)

    def test_a_follower_reads_and_does_not_write(self):
        leader, follower = self.henge(), self.henge()
        follow(follower, leader)
        leader.client().set("k", "v")
        leader.client().set("short", "v", px=50)
        self.await_same(leader, follower)
        client = follower.client()
        self.assertEqual(client.get("k"), b"v")
        with self.assertRaisesRegex(Exception, "You can't write against a read only replica"):
            client.set("k", "w")
        harness.wait_until(lambda: client.get("short") is None)
        self.assertEqual(client.execute_command("ROLE")[0], b"slave")

    def test_a_configuration_names_the_leader(self):
        leader = self.henge()
        leader.client().set("k", "v")
        follower = self.henge({"replication-role": "follower", "replicaof": f"127.0.0.1:{leader.port}"})
        self.await_same(leader, follower)
        for contradiction in ({"replication-role": "follower"},
                              {"replication-role": "leader", "replicaof": "127.0.0.1:1"}):
            with self.assertRaisesRegex(AssertionError, "replication-role is"):
                self.henge(contradiction)

    def test_a_link_is_killed_by_the_leaders_address(self):
        leader, follower = self.henge(), self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))
        follower.client().execute_command("CLIENT", "KILL", f"127.0.0.1:{leader.port}")
        harness.wait_until(lambda: leader.client().info("stats")["sync_partial_ok"] == 1)
        self.await_same(leader, follower)

    def test_subscribers_and_waiters_on_a_follower_hear(self):
        leader, follower = self.henge(), self.henge({"notify-keyspace-events": "KEA"})
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))
        events = follower.client().pubsub()
        events.psubscribe("__keyevent@0__:*")
        self.assertEqual(events.get_message(timeout=5)["type"], "psubscribe")
        reader = follower.client()
        got = []
        thread = threading.Thread(
            target=lambda: got.append(reader.xread({"stream": "$"}, block=10000)))
        thread.start()
        harness.wait_until(lambda: follower.client().info("clients")["blocked_clients"] == 1)
        leader.client().xadd("stream", {"a": "b"})
        self.assertEqual(events.get_message(timeout=5)["channel"], b"__keyevent@0__:xadd")
        thread.join()
        self.assertEqual(got[0][0][0], b"stream")

    def test_a_file_of_a_follower_has_its_leaders_writes(self):
        leader = self.henge()
        follower = self.henge({"appendonly": "yes", "io-threads": 2})
        play(leader.client(), 12, 300)
        follow(follower, leader)
        play(leader.client(), 13, 500)
        self.await_same(leader, follower)
        before = digest(follower)
        harness.wait_until(
            lambda: follower.client().info("persistence")["aof_rewrite_in_progress"] == 0)
        follower.stop()
        follower.start()
        self.assertEqual(digest(follower), before)

    def test_what_expired_while_the_leader_was_away_goes_from_its_followers_too(self):
        for settings in ({"save": "3600 1"}, {"appendonly": "yes"}):
            with self.subTest(settings):
                leader, follower = self.henge(settings), self.henge()
                follow(follower, leader)
                harness.wait_until(lambda: is_up(follower))
                client = leader.client()
                client.set("stays", "v")
                for n in range(200):
                    client.set(f"short:{n}", "v", px=1500)
                if "appendonly" in settings:  # Into the base, which is what leaves them out.
                    client.bgrewriteaof()
                    harness.wait_until(
                        lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
                self.assertEqual(client.dbsize(), 201)
                self.await_same(leader, follower)
                gone_at = time.monotonic() + 1.5
                leader.stop()
                harness.wait_until(lambda: time.monotonic() > gone_at)
                leader.start()
                harness.wait_until(lambda: follower.client().dbsize() == 1)
                stats = leader.client().info("stats")
                self.assertEqual((stats["sync_full"], stats["sync_partial_ok"]), (0, 1))

    def test_a_follower_shows_its_password_and_says_where_it_is(self):
        leader = self.henge()
        follower = self.henge({"masterauth": "wrong", "replica-announce-ip": "192.0.2.7",
                               "replica-announce-port": 7777, "replica-priority": 9})
        ours = leader.client()
        ours.set("k", "v")
        ours.config_set("requirepass", "secret")
        follow(follower, leader)
        harness.wait_until(lambda: "AUTH" in follower.log(), 20, "the refusal")
        self.assertFalse(is_up(follower))
        for user in "", "default":
            follower.client().config_set("masteruser", user)
            follower.client().config_set("masterauth", "secret")
            follow(follower, leader)
            harness.wait_until(lambda: is_up(follower), 20, "the link")
            self.assertEqual(follower.client().get("k"), b"v")
            follower.client().execute_command("REPLICAOF", "NO", "ONE")
        follow(follower, leader)
        shown = harness.wait_until(lambda: ours.execute_command("ROLE")[2], 20, "the follower")
        self.assertEqual(shown[0][:2], [b"192.0.2.7", b"7777"])
        known = ours.info("replication")["slave0"]
        self.assertEqual((known["ip"], known["port"]), ("192.0.2.7", 7777))
        self.assertEqual(follower.client().info("replication")["slave_priority"], 9)

    def test_who_is_silent_for_the_timeout_is_cut_off(self):
        leader, follower = self.henge({"repl-ping-replica-period": 1}), self.henge()
        follow(follower, leader)
        self.await_same(leader, follower)
        for server in leader, follower:
            server.client().config_set("repl-timeout", 3)
        followers = lambda: leader.client().info("replication")["connected_slaves"]  # noqa: E731
        follower.pause()
        harness.wait_until(lambda: followers() == 0, 20, "the leader to give up")
        follower.resume()
        self.await_same(leader, follower)
        leader.pause()
        harness.wait_until(lambda: not is_up(follower), 20, "the follower to give up")
        leader.resume()
        self.await_same(leader, follower)
        self.assertEqual(leader.client().info("stats")["sync_full"], 1)

    def test_who_waits_for_a_full_sync_longer_than_the_timeout_is_not_forgotten(self):
        leader = self.henge({"repl-diskless-sync-delay": 5})
        follower = self.henge({"repl-timeout": 3})
        leader.client().set("k", "v")
        follow(follower, leader)
        self.await_same(leader, follower)
        self.assertEqual(leader.client().info("stats")["sync_full"], 1)

    def test_who_is_stopped_while_it_loads_a_full_sync_has_what_it_had(self):
        leader = self.henge()
        slow = {"key-load-delay": 50000, "appendonly": "yes"}  # All keys would take minutes.
        play(leader.client(), 8, 200)
        leader.client().execute_command("DEBUG", "POPULATE", 20000)
        for loads in ("disabled", "swapdb"):
            follower = self.henge({**slow, "repl-diskless-load": loads})
            client = follower.client()
            client.set("own", "v")
            follow(follower, leader)
            harness.wait_until(lambda: client.info("persistence")["loading"] == 1
                               and "Loading RDB" in follower.log(), 30, "the load")
            self.assertEqual(follower.stop(), 0)
            self.assertNotIn("Done loading RDB", follower.log())
            follower.start()
            self.assertEqual((client.get("own"), client.dbsize()), (b"v", 1))
            client.config_set("key-load-delay", 0)
            follow(follower, leader)
            self.await_same(leader, follower)

    def test_what_goes_between_leader_and_follower_is_counted(self):
        leader, follower = self.henge(), self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))

        def counted():
            return (leader.client().info("stats")["total_net_repl_output_bytes"],
                    follower.client().info("stats")["total_net_repl_input_bytes"])

        before = counted()
        leader.client().set("k", "x" * 100000)
        self.await_same(leader, follower)
        for now, then in zip(counted(), before):
            self.assertGreater(then, 0)  # The snapshot.
            self.assertTrue(100000 < now - then < 150000, now - then)
        leader.client().config_resetstat()
        self.assertLess(counted()[0], 100000)

    def test_what_debug_populates_is_its_nodes_alone(self):
        leader, follower = self.henge(), self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))
        leader.client().execute_command("DEBUG", "POPULATE", 10)
        leader.client().set("k", "v")
        harness.wait_until(lambda: follower.client().get("k"))
        self.assertEqual((leader.client().dbsize(), follower.client().dbsize()), (11, 1))

    def test_a_file_that_begins_in_another_database_says_so(self):
        leader, follower = self.henge(), self.henge({"appendonly": "yes"})
        follow(follower, leader)
        client = leader.client(db=5)
        self.await_same(leader, follower)
        client.set("before", "1")  # The stream says SELECT 5 here, and not again.
        harness.wait_until(lambda: follower.client(db=5).get("before"))

        def rest():
            info = follower.client().info("persistence")
            return info["aof_rewrite_in_progress"] == info["aof_rewrite_scheduled"] == 0

        harness.wait_until(rest)
        follower.client().bgrewriteaof()
        harness.wait_until(rest)
        client.execute_command("SET", "behind", "1")
        harness.wait_until(lambda: follower.client(db=5).get("behind"))
        follower.stop()
        follower.settings["replicaof"] = "no one"
        follower.start()
        self.assertEqual(follower.client(db=5).get("behind"), b"1")


class PsyncTest(ReplicationTest):
    """The same in Redis's protocol, and what can be done to a connection."""

    streams = False

    def test_a_replica_whose_command_is_answered_is_cut_off(self):
        leader = self.henge()
        for words, error in ((("PING",), ""), (("SLOWLOG", "GET"), ""), (("CONFIG", "GET", "*"), ""),
                             (("GET", "k"), "Replica can't interact with the keyspace")):
            with self.subTest(words), Wire(("127.0.0.1", leader.port)) as replica:
                self.assertIn("FULLRESYNC", replica.call("PSYNC", "?", "-1"))
                replica.send(encode(*words))
                with contextlib.suppress(ConnectionError):
                    while replica.socket.recv(65536):  # The snapshot may have been on its way.
                        pass
                name = "|".join(word for word in words[:2] if word != "k").lower()
                wanted = f"Replica generated a reply to command '{name}', disconnecting it: id="
                harness.wait_until(lambda: wanted in leader.log(), what=wanted)
                if error:
                    self.assertRegex(leader.log(), f"This master is .*'-ERR {error}' after .*'get'")
        self.assertEqual(leader.client().info("stats")["unexpected_error_replies"], 1)
        self.assertTrue(leader.client().ping())

    def test_an_offset_that_is_no_number_is_refused(self):
        leader = self.henge()
        with Wire(("127.0.0.1", leader.port)) as replica:
            self.assertIn("not an integer", replica.call("PSYNC", "?", "x"))
            self.assertEqual(replica.call("PING"), "PONG")
        harness.wait_until(lambda: "asks for synchronization but with a wrong offset" in leader.log())

    def test_a_new_history_begins_at_0(self):
        leader = self.henge()
        for _ in range(2):
            with Wire(("127.0.0.1", leader.port)) as replica:
                self.assertRegex(str(replica.call("PSYNC", "?", "-1")), "FULLRESYNC [0-9a-f]{40} 0$")

    def test_a_short_absence_costs_what_was_missed(self):
        leader, follower = self.henge(), self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))
        for _ in range(5):
            leader.client().execute_command("CLIENT", "KILL", "TYPE", "replica")
            play(leader.client(), 11, 100)
            self.await_same(leader, follower)
        stats = leader.client().info("stats")
        self.assertEqual((stats["sync_full"], stats["sync_partial_ok"]), (1, 5))

    def test_a_long_absence_costs_a_full_copy(self):
        leader, follower = self.henge({"repl-backlog-size": 20000}), self.henge()
        follow(follower, leader)
        harness.wait_until(lambda: is_up(follower))
        follower.pause()
        leader.client().execute_command("CLIENT", "KILL", "TYPE", "replica")
        for n in range(6):
            leader.client().set(f"big{n}", "x" * 10000)
        follower.resume()
        self.await_same(leader, follower)
        self.assertEqual(leader.client().info("stats")["sync_full"], 2)


if __name__ == "__main__":
    harness.main()
