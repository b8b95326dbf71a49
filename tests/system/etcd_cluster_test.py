#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clusters whose topology is in an etcd: how they come together, failover, and what they do while etcd is away."""
import base64
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import urllib.request

import redis
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


class Authority:
    """Signs certificates of its own for the members of an etcd, and for a client."""

    def __init__(self, folder):
        self.folder, self.cert = folder, os.path.join(folder, "ca.pem")
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                 "-subj", "/CN=authority", "-keyout", os.path.join(folder, "ca.key"), "-out", self.cert)

    @staticmethod
    def run(*words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def sign(self, name, usage):
        """The files of a certificate for this host and of its key. An etcd takes the name for a user's, so clients have none."""
        base = os.path.join(self.folder, name)
        with open(base + ".ext", "w", encoding="ascii") as extensions:
            extensions.write(f"subjectAltName=IP:127.0.0.1\nextendedKeyUsage={usage}\n")
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/O=" + name,
                 "-keyout", base + ".key", "-out", base + ".csr")
        self.run("x509", "-req", "-in", base + ".csr", "-CA", self.cert, "-CAkey", os.path.join(self.folder, "ca.key"),
                 "-CAcreateserial", "-days", "1", "-extfile", base + ".ext", "-out", base + ".pem")
        return base + ".pem", base + ".key"


class GuardedEtcd:
    """Three members that speak TLS, ask clients for a certificate and a login, and let one user at "/test" alone."""
    USER, PASSWORD = "henge", "stones"

    def __init__(self, case):
        self.folder = tempfile.mkdtemp(prefix="henge-test-etcd-")
        case.addCleanup(self.close)
        self.ports = [(harness.free_port(), harness.free_port()) for _ in range(3)]
        self.endpoints = " ".join(f"https://127.0.0.1:{port}" for port, _ in self.ports)
        self.authority = Authority(self.folder)
        self.server = self.authority.sign("server", "serverAuth,clientAuth")
        self.client = self.authority.sign("client", "clientAuth")
        self.processes = [None] * 3
        for member in range(3):
            self.start(member)
        self.guard()

    def start(self, member):
        clients = f"https://127.0.0.1:{self.ports[member][0]}"
        peers = [f"http://127.0.0.1:{port}" for _, port in self.ports]
        with open(os.path.join(self.folder, f"log{member}"), "ab") as log:
            self.processes[member] = subprocess.Popen(
                ["etcd", "--name", str(member), "--data-dir", os.path.join(self.folder, f"data{member}"),
                 "--listen-client-urls", clients, "--advertise-client-urls", clients,
                 "--cert-file", self.server[0], "--key-file", self.server[1], "--client-cert-auth",
                 "--trusted-ca-file", self.authority.cert, "--listen-peer-urls", peers[member],
                 "--initial-advertise-peer-urls", peers[member],
                 "--initial-cluster", ",".join(f"{n}={url}" for n, url in enumerate(peers)),
                 "--heartbeat-interval", "50", "--election-timeout", "300"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=lambda: harness._libc.prctl(harness.PR_SET_PDEATHSIG, signal.SIGKILL))

    def kill(self, member):
        self.processes[member].kill()
        self.processes[member].wait()

    def close(self):
        for process in self.processes:
            if process is not None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, path, **request):
        """By etcd's JSON gateway."""
        context = ssl.create_default_context(cafile=self.authority.cert)
        context.load_cert_chain(*self.client)
        with urllib.request.urlopen(f"https://127.0.0.1:{self.ports[0][0]}/v3/{path}", json.dumps(request).encode(),
                                    timeout=10, context=context) as answer:
            return json.load(answer)

    def answers(self):
        try:
            return self.ask("kv/range", key="YQ==")
        except OSError:
            return None

    def guard(self):
        harness.wait_until(self.answers, KNOWN_SECONDS, "an etcd of three members")
        first, end = (base64.b64encode(key).decode() for key in (b"/test/", b"/test0"))
        self.ask("auth/user/add", name="root", password="root")
        self.ask("auth/user/grant", user="root", role="root")
        self.ask("auth/role/add", name="keeper")
        self.ask("auth/role/grant", name="keeper", perm={"permType": "READWRITE", "key": first, "range_end": end})
        self.ask("auth/user/add", name=self.USER, password=self.PASSWORD)
        self.ask("auth/user/grant", user=self.USER, role="keeper")
        self.ask("auth/enable")

    def directives(self, **others):
        return {"cluster-enabled": "yes", "cluster-coordinator": "etcd", "cluster-etcd-prefix": "/test",
                "cluster-etcd-endpoints": self.endpoints, "cluster-etcd-ca-cert-file": self.authority.cert,
                "cluster-etcd-cert-file": self.client[0], "cluster-etcd-key-file": self.client[1],
                "cluster-etcd-user": self.USER, "cluster-etcd-password": self.PASSWORD, **others}


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


class GuardedEtcdTest(harness.TestCase):
    def node(self, etcd, **others):
        return self.henge(etcd.directives(**{name.replace("_", "-"): value for name, value in others.items()}))

    def test_nodes_log_in_and_stay_while_one_member_of_etcd_after_the_other_goes(self):
        etcd = GuardedEtcd(self)
        leader, other = self.node(etcd), self.node(etcd)
        harness.wait_until(lambda: len(lines(leader)) == len(lines(other)) == 2, KNOWN_SECONDS, "two nodes that know each other")
        with leader.client() as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, SLOTS - 1)
        harness.wait_until(lambda: cluster_info(other)["cluster_state"] == "ok", KNOWN_SECONDS)
        # Each restarted member has forgotten who was logged in.
        for member in range(3):
            etcd.kill(member)
            with leader.client() as client:
                harness.wait_until(lambda client=client, member=member: self.bumps(client, member), KNOWN_SECONDS,
                                   "a change of the topology while a member is away")
            etcd.start(member)
        for server in (leader, other):
            harness.wait_until(lambda server=server: cluster_info(server)["cluster_state"] == "ok", KNOWN_SECONDS)
        with leader.client() as client:
            self.assertTrue(client.set("key", "value"))

    @staticmethod
    def bumps(client, slot):
        """A change that is only there when etcd has it."""
        try:
            client.execute_command("CLUSTER DELSLOTS", slot)
            return client.execute_command("CLUSTER ADDSLOTS", slot)
        except redis.exceptions.RedisError as error:
            if "already unassigned" in str(error):
                return client.execute_command("CLUSTER ADDSLOTS", slot)
            return None

    def test_who_is_refused_says_why(self):
        etcd = GuardedEtcd(self)
        for others, why in (({"cluster_etcd_password": "wrong"}, "invalid user ID or password"),
                            ({"cluster_etcd_user": "", "cluster_etcd_password": ""}, "permission denied"),
                            ({"cluster_etcd_prefix": "/other"}, "permission denied")):
            server = self.node(etcd, **others)
            harness.wait_until(lambda server=server, why=why: why in server.log(200), KNOWN_SECONDS, why)
            self.assertIn("etcd refuses this node", server.log(200))
            self.assertEqual(cluster_info(server)["cluster_state"], "fail")
            self.assertNotIn("stones", server.log(10000))
            server.kill()
        with self.assertRaisesRegex(Exception, "https://"):
            self.henge(etcd.directives(**{"cluster-etcd-endpoints": "127.0.0.1:1"}))


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
