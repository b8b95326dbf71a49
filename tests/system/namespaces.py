# SPDX-License-Identifier: Apache-2.0
"""Nodes in network namespaces of their own, joined by a bridge; and what can befall the wires.

    hub ── br0 ─┬─ p1 ══ eth0 ── node 1, 10.77.0.1
                ├─ p2 ══ eth0 ── node 2, 10.77.0.2
                └─ p0 ══ eth0 ── the test itself, 10.77.0.254

The namespaces have no names: they live as long as the file descriptors that this process has of them and the
processes in them, so that nothing stays behind, however the test ends. A cut is a wrong hardware address that the
sender knows of the receiver: what it sends is silently lost, one way. A narrow wire is a queue in the hub, and loss
is a rule of nftables there. Needs root, Linux and iproute2: `lacks()` tells what is missing; and nftables to lose().
"""
import ctypes
import os
import shutil
import subprocess

import harness

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
SUBNET = "10.77.0"
TEST = 0  # The test's own place at the bridge; nodes are 1, 2, …
TEST_HOST = 254
NOWHERE = "02:00:00:00:00:ff"  # A hardware address that nobody has.
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _own_namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter(namespace):
    """This thread's sockets, and what it starts, are there from now on."""
    _check(_libc.setns(namespace, NEW_NETWORK))


def _make_namespace():
    """Leaves this thread in it."""
    _check(_libc.unshare(NEW_NETWORK))
    return _own_namespace()


def run_in(namespace, *words, stdin=""):
    done = subprocess.run([str(word) for word in words], preexec_fn=lambda: enter(namespace), text=True,
                          input=stdin, capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def lacks():
    """Why it can't be done here; None if it can. Tries all of it."""
    if not _is_installed("ip"):
        return "ip is not installed: scripts/deps network does it"
    try:
        network = Network(2)
        try:
            network.cut([1], [2])
            network.narrow(1, 1000, 100)
            if network.can_lose:
                network.lose([1], 10)
            network.heal()
        finally:
            network.close()
    except OSError as error:
        return f"network namespaces can't be made here: {error}"
    return None


def _is_installed(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


class Network:
    """A hub, a namespace for each of `count` nodes, and one for the test, which enters it until close()."""

    def __init__(self, count):
        self.before = _own_namespace()
        self.open = [self.before]
        self.can_lose = _is_installed("nft")
        self.lossy = False
        self.cuts, self.narrowed = {}, set()  # By sender: receivers; places.
        try:
            self.hub = self._namespace()
            self.nodes = {place: self._namespace() for place in range(1, count + 1)}
            self.own = self._namespace()
            self._wire()
            enter(self.own)
        except OSError:
            self.close()
            raise

    def _namespace(self):
        namespace = _make_namespace()
        self.open.append(namespace)
        run_in(namespace, "ip", "link", "set", "lo", "up")
        return namespace

    def _wire(self):
        run_in(self.hub, "ip", "link", "add", "br0", "type", "bridge")
        run_in(self.hub, "ip", "link", "set", "br0", "up")
        for place, namespace in {TEST: self.own, **self.nodes}.items():
            there = f"/proc/{os.getpid()}/fd/{namespace}"
            run_in(self.hub, "ip", "link", "add", f"p{place}", "type", "veth", "peer", "name", "eth0", "netns", there)
            run_in(self.hub, "ip", "link", "set", f"p{place}", "master", "br0", "up")
            run_in(namespace, "ip", "addr", "add", f"{self.host(place)}/24", "dev", "eth0")
            run_in(namespace, "ip", "link", "set", "eth0", "up")
        if self.can_lose:
            run_in(self.hub, "nft", "add table bridge faults; "
                   "add chain bridge faults forward { type filter hook forward priority 0; }")

    @staticmethod
    def host(place):
        return f"{SUBNET}.{TEST_HOST if place == TEST else place}"

    # --- What befalls them ---

    def cut(self, senders, receivers):
        """What senders send does not arrive at receivers: one way."""
        for sender in senders:
            hosts = [self.host(receiver) for receiver in receivers]
            self._at(sender, [f"neigh replace {host} lladdr {NOWHERE} nud permanent dev eth0" for host in hosts])
            self.cuts.setdefault(sender, set()).update(hosts)

    def part(self, some, others):
        self.cut(some, others)
        self.cut(others, some)

    def lose(self, places, percent):
        """So much of what comes from there or goes there. REQUIRES: can_lose."""
        ports = "{ " + ", ".join(f"p{place}" for place in places) + " }"
        self.lossy = True
        for way in ("iifname", "oifname"):
            run_in(self.hub, "nft", f"add rule bridge faults forward {way} {ports} "
                   f"numgen random mod 100 < {percent} drop")

    def narrow(self, place, kbits, queue_ms):
        """What goes to a place waits in a queue, for so long at most; what has no room there is lost."""
        run_in(self.hub, "tc", "qdisc", "replace", "dev", f"p{place}", "root", "tbf", "rate", f"{kbits}kbit",
               "burst", "4kb", "latency", f"{queue_ms}ms")
        self.narrowed.add(place)

    def heal(self):
        for sender, hosts in self.cuts.items():
            self._at(sender, [f"neigh del {host} dev eth0" for host in hosts])
        for place in sorted(self.narrowed):
            run_in(self.hub, "tc", "qdisc", "del", "dev", f"p{place}", "root")
        if self.lossy:
            run_in(self.hub, "nft", "flush chain bridge faults forward")
        self.cuts, self.narrowed, self.lossy = {}, set(), False

    def _at(self, place, commands):
        """Commands for ip, at a place."""
        namespace = self.own if place == TEST else self.nodes[place]
        run_in(namespace, "ip", "-batch", "-", stdin="".join(command + "\n" for command in commands))

    def close(self):
        enter(self.before)
        for namespace in self.open:
            os.close(namespace)
        self.open = []


class Node(harness.Henge):
    """A server at a place of the network."""

    def __init__(self, network, place, settings=None):
        self.namespace = network.nodes[place]
        self.place = place
        super().__init__({"protected-mode": "no", **(settings or {})}, port=7000 + place, host=network.host(place))

    def before_exec(self):
        enter(self.namespace)
        super().before_exec()
