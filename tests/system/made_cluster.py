# SPDX-License-Identifier: Apache-2.0
"""Clusters as operators make them: lone nodes, then `redis-cli --cluster create`; and what their nodes say."""
import random

import harness
import redis
import redis.crc
from local_cluster import tool
from redis.cluster import ClusterParser

SLOTS = 16384
MAKE_SECONDS = 60
LED_AGAIN_SECONDS = 20


def redis_cli(*words, stdin=None):
    return tool("redis-cli", "--cluster", *words, stdin=stdin)


def address(server):
    return f"{server.host}:{server.port}"


def cluster_info(server):
    with server.client(decode_responses=True) as client:
        return {name: value for name, value in client.execute_command("CLUSTER INFO").items()}


def await_in_sync(leader):
    """Where the machine is busy a follower may lag for a moment: then nobody could lead instead."""
    harness.wait_until(lambda: leader.client().info("replication")["insync_followers"] == 1, LED_AGAIN_SECONDS)


class Line:
    """A node as a line of CLUSTER NODES describes it."""

    def __init__(self, port, fields):
        self.port = port
        self.id = fields["node_id"]
        self.flags = fields["flags"].split(",")
        self.leader = None if fields["master_id"] == "-" else fields["master_id"]
        self.epoch = int(fields["epoch"])
        self.slots = sum(int(span[-1]) - int(span[0]) + 1 for span in fields["slots"])
        self.marks = fields["migrations"]
        self.linked = fields["connected"]


def lines(server):
    """CLUSTER NODES, by port."""
    with server.client(decode_responses=True) as client:
        told = client.execute_command("CLUSTER NODES")
    found = (Line(int(at.split("@")[0].rsplit(":", 1)[1]), fields) for at, fields in told.items())
    return {line.port: line for line in found}


class Client:
    """What a good cluster client does: keeps a map of slots, follows -MOVED and -ASK, asks others when one is gone.

    (Debian's python3-redis loses itself when a node that it began with is dead.)
    """

    TRIES = 100
    PAUSE = 0.02  # Seconds, while there is nobody to ask.

    def __init__(self, ports, timeout=3):
        self.ports, self.timeout = list(ports), timeout
        self.connections, self.owners = {}, {}
        self.retries = 0   # Errors that were not shown to the caller, but for redirections.
        self.error = None  # The last of them.

    def at(self, port):
        if port not in self.connections:
            pool = redis.ConnectionPool(port=port, socket_timeout=self.timeout, parser_class=ClusterParser)
            self.connections[port] = redis.Redis(connection_pool=pool)
        return self.connections[port]

    def drop(self, port):
        gone = self.connections.pop(port, None)
        if gone is not None:
            gone.close()

    def learn(self):
        for port in random.sample(self.ports, len(self.ports)):
            try:
                spans = self.at(port).execute_command("CLUSTER SLOTS")
            except (redis.RedisError, OSError):
                self.drop(port)
                continue
            self.owners = {slot: int(leader[1]) for first, last, leader, *_ in spans
                           for slot in range(first, last + 1)}
            return

    def call(self, key, *words):
        """The reply. A write whose connection breaks is not made again: OSError or RedisError, outcome unknown."""
        slot = redis.crc.key_slot(key.encode())
        asked = None
        for _ in range(self.TRIES):
            port = asked or self.owners.get(slot)
            if port is None:
                self.learn()
                if slot not in self.owners:
                    harness.let_pass(self.PAUSE)
                continue
            try:
                connection = self.at(port)
                if asked:
                    connection.execute_command("ASKING")
                asked = None
                return connection.execute_command(*words)
            except redis.exceptions.AskError as error:
                asked = int(error.port)
            except redis.exceptions.MovedError as error:
                self.owners[slot] = int(error.port)
                if error.port not in self.ports:
                    self.ports.append(int(error.port))
            except (redis.exceptions.ClusterDownError, redis.exceptions.TryAgainError,
                    redis.exceptions.BusyLoadingError) as error:
                self.retry(slot, error)
            except (redis.ConnectionError, redis.TimeoutError) as error:
                self.drop(port)
                self.owners = {slot: owner for slot, owner in self.owners.items() if owner != port}
                if "refused" not in str(error):
                    raise
                self.retry(slot, error)
        raise AssertionError(f"{words[0]} {key} found nobody in {self.TRIES} tries")

    def retry(self, slot, error):
        self.retries += 1
        self.error = error
        self.owners.pop(slot, None)
        harness.let_pass(self.PAUSE)

    def close(self):
        for port in list(self.connections):
            self.drop(port)


class Cluster:
    """Six lone nodes or as many as wanted, of a test's; the leaders come first."""

    def __init__(self, case, count=6, replicas=1, settings=None, make=None):
        make = make or case.henge
        self.case = case
        self.servers = [make({"cluster-enabled": "yes", "cluster-node-timeout": 1500, **(settings or {})})
                        for _ in range(count)]
        self.by_port = {server.port: server for server in self.servers}
        redis_cli("create", *map(address, self.servers), "--cluster-replicas", replicas, "--cluster-yes")
        self.await_whole()

    def alive(self):
        return [server for server in self.servers if server.alive()]

    def await_whole(self, seconds=MAKE_SECONDS):
        """Until all that live agree, each slot is served, and each follower follows."""
        try:
            harness.wait_until(lambda: self._lacks() is None, seconds)
        except AssertionError:
            raise AssertionError(f"not whole within {seconds} s: {self._lacks()}") from None

    def await_led_by(self, follower, leader):
        """Until all who live agree that the follower leads what the leader led."""
        def is_so():
            views = [lines(server) for server in self.alive()]
            return all(view[follower.port].leader is None and view[follower.port].slots > 0 and
                       view[leader.port].slots == 0 for view in views)
        harness.wait_until(is_so, LED_AGAIN_SECONDS, "another leader")

    def _lacks(self):
        """What is missing until it is whole, in words."""
        views = []
        for server in self.alive():
            state = cluster_info(server)["cluster_state"]
            if state != "ok":
                return f"{server.port} says {state}"
            view = lines(server)
            views.append({port: (line.leader, line.slots) for port, line in view.items()})
            if view[server.port].leader is not None:
                with server.client() as client:
                    link = client.info("replication").get("master_link_status")
                if link != "up":
                    return f"{server.port} follows {view[server.port].leader}: {link}\n{server.log(12)}"
        if any(view != views[0] for view in views):
            return f"they disagree: {views}"
        return None

    def leaders(self, seen_by=None):
        view = lines(seen_by or self.alive()[0])
        return [self.by_port[port] for port, line in view.items()
                if line.leader is None and line.slots > 0]

    def followers_of(self, leader, seen_by=None):
        view = lines(seen_by or self.alive()[0])
        return [self.by_port[port] for port, line in view.items()
                if line.leader == view[leader.port].id]

    def client(self, **options):
        return Client([server.port for server in self.alive()], **options)
