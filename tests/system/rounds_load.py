# SPDX-License-Identifier: Apache-2.0
"""Cluster clients that append to lists, read them and count, and write down what they did and what came of it."""
import random
import threading
import time

import redis.crc
import wire
from histories import APPEND, COUNT, FAIL, OK, READ, UNKNOWN, Operation

TIMEOUT = 1.0  # Seconds; then the outcome is unknown.
PAUSE = 0.02
LISTS = 9
COUNTERS = 6
# Refused before anything was done, whatever was asked. Anything else is a failure of the test.
REFUSALS = ("MOVED ", "ASK ", "CLUSTERDOWN ", "TRYAGAIN ", "LOADING ", "READONLY ", "NOREPLICAS ", "MASTERDOWN ")


class Unanswered(Exception):
    """Nobody knows what came of it."""


class Unreached(Exception):
    """It was not sent, or refused; `moved` is the address where it belongs, if that was said."""

    def __init__(self, why, moved=None):
        super().__init__(why)
        self.moved = moved


class Client:
    """A cluster client that makes no call twice. `addresses`: of all nodes."""

    def __init__(self, addresses):
        self.addresses = list(addresses)
        self.connections = {}
        self.owners = {}
        self.refusals = {}  # Counted by their first word.

    def call(self, key, *words):
        """(reply, who answered). Unanswered or Unreached otherwise."""
        slot = redis.crc.key_slot(key.encode())
        address = self.owners.get(slot) or self.learn(slot)
        try:
            return self._ask(address, words), address
        except Unreached as refused:
            self.owners = {s: owner for s, owner in self.owners.items() if owner != address}
            if refused.moved:
                self.owners[slot] = refused.moved
            word = str(refused).split(" ", maxsplit=1)[0]
            self.refusals[word] = self.refusals.get(word, 0) + 1
            raise
        except Unanswered:
            self.owners = {s: owner for s, owner in self.owners.items() if owner != address}
            raise

    def learn(self, slot):
        for address in random.sample(self.addresses, len(self.addresses)):
            try:
                spans = self._ask(address, ("CLUSTER", "SLOTS"))
            except (Unanswered, Unreached):
                continue
            for first, last, leader, *_ in spans:
                self.owners.update(dict.fromkeys(range(first, last + 1), (leader[0].decode(), leader[1])))
            if slot in self.owners:
                return self.owners[slot]
        raise Unreached("nobody knows whose slot it is")

    def _ask(self, address, words):
        connection = self.connections.pop(address, None)
        try:
            connection = connection or wire.Wire(address, timeout=TIMEOUT)
        except OSError as error:
            raise Unreached(f"connect: {error}") from None
        try:
            reply = connection.call(*words)
        except (OSError, wire.Closed) as error:
            connection.close()
            raise Unanswered(str(error)) from None
        self.connections[address] = connection
        if not isinstance(reply, wire.WireError):
            return reply
        if not reply.startswith(REFUSALS):
            raise AssertionError(f"{words} at {address}: {reply}")
        raise Unreached(reply, _address_in(reply))

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections = {}


def _address_in(reply):
    if not reply.startswith("MOVED "):
        return None
    host, port = reply.split()[2].rsplit(":", 1)
    return host, int(port)


class Keys:
    """Those of one round, and the next number to append."""

    def __init__(self, name):
        self.lists = [f"list:{name}:{n}" for n in range(LISTS)]
        self.counters = [f"counter:{name}:{n}" for n in range(COUNTERS)]
        self._lock = threading.Lock()
        self._number = 0

    def number(self):
        with self._lock:
            self._number += 1
            return self._number


class Worker(threading.Thread):
    """One client, until stop()."""

    def __init__(self, addresses, keys, seed):
        super().__init__(daemon=True)
        self.client, self.keys = Client(addresses), keys
        self.rng = random.Random(seed)
        self.operations = []
        self.done = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.done.is_set():
                one = self._next()
                self._perform(one)
                self.operations.append(one)
                self.done.wait(PAUSE if one.outcome == FAIL else self.rng.random() * 0.008)
        except Exception as error:  # pylint: disable=broad-except  The test tells it.
            self.error = error
        self.client.close()

    def _next(self):
        kind = self.rng.choices([APPEND, READ, COUNT], [6, 3, 2])[0]
        key = self.rng.choice(self.keys.counters if kind == COUNT else self.keys.lists)
        return Operation(kind, key, 0, 0, UNKNOWN, self.keys.number() if kind == APPEND else None)

    def _perform(self, one):
        words = {APPEND: ("RPUSH", one.key, one.value), READ: ("LRANGE", one.key, 0, -1),
                 COUNT: ("INCR", one.key)}[one.kind]
        one.begin = time.monotonic()
        try:
            one.reply, one.node = self.client.call(one.key, *words)
            one.outcome = OK
        except Unreached:
            one.outcome = FAIL
        except Unanswered:
            one.outcome = UNKNOWN
        one.end = time.monotonic()
        if one.kind == READ and one.outcome == OK:
            one.reply = [int(value) for value in one.reply]


class Load:
    """Several of them on the keys of one round."""

    def __init__(self, addresses, name, seed, clients=5):
        self.addresses = addresses
        self.keys = Keys(name)
        self.workers = [Worker(addresses, self.keys, f"{seed} {n}") for n in range(clients)]
        for worker in self.workers:
            worker.start()

    def acknowledged(self, since=0.0):
        """The keys that have taken a write that began after `since`."""
        return {one.key for worker in self.workers for one in list(worker.operations)
                if one.outcome == OK and one.kind != READ and one.begin >= since}

    def stop(self):
        """All that was done."""
        for worker in self.workers:
            worker.done.set()
        for worker in self.workers:
            worker.join()
        for worker in self.workers:
            if worker.error is not None:
                raise worker.error
        return [one for worker in self.workers for one in worker.operations]

    def refusals(self):
        total = {}
        for worker in self.workers:
            for word, count in worker.client.refusals.items():
                total[word] = total.get(word, 0) + count
        return total

    def find(self):
        """(lists, counters) as they are now."""
        client = Client(self.addresses)
        try:
            lists = {key: [int(value) for value in client.call(key, "LRANGE", key, 0, -1)[0]]
                     for key in self.keys.lists}
            counters = {key: int(client.call(key, "GET", key)[0] or 0) for key in self.keys.counters}
        finally:
            client.close()
        return lists, counters
