# SPDX-License-Identifier: Apache-2.0
"""A leader and its followers with automatic failover: three nodes by YAML, `cluster.sharding: off`."""
import os

import harness
import redis
import redis.sentinel

NAME = "mymaster"
YAML = """
server:
  bind: [127.0.0.1]
  port: {port}
  dir: {folder}
persistence:
  save: ""
replication:
  write-concern: insync
cluster:
  enabled: true
  sharding: off
  self: {name}
  nodes:
{nodes}
"""


class Node(harness.Henge):
    """A member; knows all of them."""

    def __init__(self, name, ports):
        super().__init__({}, ports[name])
        self.node_name, self.ports = name, ports

    def command_line(self):
        priorities = {"n1": 10}
        zones = {"n1": "a", "n2": "b", "n3": "c"}
        nodes = "\n".join(f"    - {{id: {name}, host: 127.0.0.1, port: {port}, "
                          f"priority: {priorities.get(name, 0)}, zone: {zones[name]}}}"
                          for name, port in self.ports.items())
        path = os.path.join(self.folder, "henge.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(YAML.format(port=self.port, folder=self.folder, name=self.node_name, nodes=nodes))
        return [self.binary(), path]

    def ask(self, *words):
        with self.client(decode_responses=True) as client:
            client.response_callbacks.clear()  # Replies as they are.
            return client.execute_command(*words)

    def info(self, section="replication"):
        with self.client(decode_responses=True) as client:
            return client.info(section)


class Group:
    def __init__(self, node=Node):
        ports = {}
        while len(ports) < 3:
            port = harness.free_port()
            if port not in ports.values():
                ports[f"n{len(ports) + 1}"] = port
        self.nodes = [node(name, ports) for name in ports]
        for node in self.nodes:
            node.spawn()
        self.await_whole()

    def close(self):
        for node in self.nodes:
            node.close()

    def alive(self):
        return [node for node in self.nodes if node.alive()]

    def leader(self):
        """Whom all that live name, if it says so itself; else None."""
        named = {tuple(node.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) or ()) for node in self.alive()}
        if len(named) != 1:
            return None
        leading = [node for node in self.alive() if ("127.0.0.1", str(node.port)) in named]
        return leading[0] if leading and leading[0].ask("ROLE")[0] == "master" else None

    def followers(self):
        leader = self.leader()
        return [node for node in self.alive() if node is not leader]

    def await_leader(self, other_than=None, seconds=30):
        def found():
            leader = self.leader()
            return leader if leader is not other_than else None
        return harness.wait_until(found, seconds, "a leader")

    def await_whole(self, seconds=60):
        """Until one leads and all others that live are in sync with it."""
        def is_whole():
            leader = self.leader()
            return leader is not None and leader.info()["insync_followers"] == len(self.alive()) - 1 and all(
                state["flags"] == "slave" and state["master-link-status"] == "ok"
                for state in replicas(leader) if int(state["port"]) in [n.port for n in self.alive()])
        harness.wait_until(is_whole, seconds, "a whole group")

    def sentinel(self):
        return redis.sentinel.Sentinel([("127.0.0.1", node.port) for node in self.nodes], socket_timeout=3)


def as_dict(flat):
    return dict(zip(flat[::2], flat[1::2]))


def replicas(node):
    return [as_dict(flat) for flat in node.ask("SENTINEL", "REPLICAS", NAME)]
