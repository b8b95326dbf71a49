#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clusters whose topology is in an etcd: how they come together, failover, and what they do while etcd is away."""
import os
import shutil
import signal
import subprocess
import tempfile

import harness
import made_cluster
from failover_test import Appends
from made_cluster import LED_AGAIN_SECONDS, SLOTS, cluster_info, lines

KNOWN_SECONDS = 30


class Etcd:
    """Debian's etcd-server, on loopback, with a folder of its own."""

    def __init__(self, case):
        self.port, self.peers = harness.free_port(), harness.free_port()
        self.endpoint = f"127.0.0.1:{self.port}"
        self.folder = tempfile.mkdtemp(prefix="henge-test-etcd-")
        self.process = None
        case.addCleanup(self.close)

    def start(self):
        peers, clients = f"http://127.0.0.1:{self.peers}", f"http://{self.endpoint}"
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                ["etcd", "--data-dir", os.path.join(self.folder, "data"), "--listen-client-urls", clients,
                 "--advertise-client-urls", clients, "--listen-peer-urls", peers,
                 "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=lambda: harness._libc.prctl(harness.PR_SET_PDEATHSIG, signal.SIGKILL))
        return self

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class EtcdCluster(made_cluster.Cluster):
    """Six nodes that find each other in etcd: three leaders with a follower each, which an operator made them."""

    def __init__(self, case, etcd):
        self.case, self.etcd = case, etcd
        self.servers = [case.henge({"cluster-enabled": "yes", "cluster-coordinator": "etcd",
                                    "cluster-etcd-endpoints": etcd.endpoint, "cluster-etcd-prefix": "/test",
                                    "appendonly": "no", "write-concern": "insync", "insync-followers-min": 0})
                        for _ in range(6)]
        self.by_port = {server.port: server for server in self.servers}
        harness.wait_until(lambda: all(len(lines(server)) == 6 for server in self.servers), KNOWN_SECONDS,
                           "six nodes that know each other")
        leaders, followers = self.servers[:3], self.servers[3:]
        for number, leader in enumerate(leaders):
            with leader.client() as client:
                client.execute_command("CLUSTER ADDSLOTSRANGE", SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1)
        for leader, follower in zip(leaders, followers):
            with follower.client() as client:
                client.execute_command("CLUSTER REPLICATE", lines(leader)[leader.port].id)
        self.await_whole()

    def judge(self):
        """Who judges failures, as the nodes' logs tell."""
        def judges(server):
            said = [line for line in server.log(10000).splitlines() if " judges failures" in line or " judges no more" in line]
            return said and "judges failures" in said[-1]
        found = [server for server in self.alive() if judges(server)]
        return found[0] if len(found) == 1 else None


class EtcdClusterTest(harness.TestCase):
    def test_leaders_and_the_judge_are_replaced_and_writes_wait_while_etcd_is_away(self):
        etcd = Etcd(self).start()
        cluster = EtcdCluster(self, etcd)
        writer = Appends(cluster)
        writer.start()
        writer.await_progress()
        judge = harness.wait_until(cluster.judge)
        followers = {leader: cluster.followers_of(leader)[0] for leader in cluster.leaders()}
        dies = judge if judge in followers else next(leader for leader in followers if followers[leader] is not judge)
        made_cluster.await_in_sync(dies)
        dies.kill()
        if judge is not dies:
            judge.kill()
        cluster.await_led_by(followers[dies], dies)
        cluster.await_whole()
        writer.await_progress()
        etcd.kill()
        one = cluster.leaders()[0]
        harness.wait_until(lambda: cluster_info(one)["cluster_state"] == "fail", LED_AGAIN_SECONDS,
                           "a leader whose lease has ended")
        etcd.start()
        cluster.await_whole()
        writer.await_progress()
        writer.stop()
        self.assertEqual(writer.lost(cluster.client()), [])

    def test_nodes_that_list_their_members_may_start_before_etcd(self):
        etcd = Etcd(self)
        ports = [harness.free_port() for _ in range(3)]
        members = [f"n{n}=127.0.0.1:{port}" for n, port in enumerate(ports)]
        servers = [self.henge({"cluster-enabled": "yes", "cluster-coordinator": "etcd", "cluster-self": f"n{n}",
                               "cluster-nodes": members, "cluster-etcd-endpoints": etcd.endpoint}, port)
                   for n, port in enumerate(ports)]
        self.assertEqual({cluster_info(server)["cluster_state"] for server in servers}, {"fail"})
        etcd.start()
        harness.wait_until(lambda: {cluster_info(server)["cluster_state"] for server in servers} == {"ok"}, KNOWN_SECONDS)
        client = made_cluster.Client(ports)
        self.assertTrue(client.call("key", "SET", "key", "value"))
        self.assertEqual(client.call("key", "GET", "key"), b"value")
        client.close()
        restarted = servers[0]
        restarted.kill()
        restarted.start()
        harness.wait_until(lambda: cluster_info(restarted)["cluster_state"] == "ok", KNOWN_SECONDS)
        with restarted.client() as client:
            with self.assertRaisesRegex(Exception, "by its own cluster-etcd-prefix"):
                client.execute_command("CLUSTER MEET", "127.0.0.1", harness.free_port())


if __name__ == "__main__":
    harness.main()
