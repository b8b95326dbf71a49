#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the same random commands to Henge and to the reference until their replies differ.

    compare.py [--seconds 60] [--seed N] [--groups list,set …] [--commands lpos,linsert …]

What differs is cut down to the requests that matter and printed as a transcript, with the
reference's replies. Replies that may differ (random members, cursors, the order of a set) are left
out or put in order. Differences that Debian's 7.0 has with 7.2 show too: the reader decides.
"""
import argparse
import random
import sys
import time

import run  # First: it knows where the harness is.
import grammar
import notation
import resp
import transcript

CALLS = 60  # In a sequence, before everything is deleted and the next begins.
PROTOCOLS = (2, 3, 2)  # Of a sequence's connections.
GROUPS = ("generic", "string", "bitmap", "list", "set", "sorted-set", "hash", "hyperloglog", "geo",
          "stream", "transactions")
AS_WELL = ("select", "swapdb", "dbsize", "flushdb")
# They wait, walk by the server's own order, name what is encoded how, or tell the time.
LEFT_OUT = {"wait", "keys", "object|encoding", "object|idletime", "object|freq", "object|help",
            "migrate", "dump", "restore", "pfdebug", "pfselftest"}
DEADLINES = {"ttl": 2, "pttl": 2000, "expiretime": 2, "pexpiretime": 2000}
TRANSACTIONS = 0.1  # The share of MULTI, EXEC and their like.


def in_words(reply):
    """A RESP3 reply as strings, lists and dicts."""
    if reply.kind == "map":
        items = [in_words(item) for item in reply.value]
        return dict(zip(items[::2], items[1::2]))
    if isinstance(reply.value, list):
        return [in_words(item) for item in reply.value]
    return reply.value.decode() if isinstance(reply.value, bytes) else reply.value


class Descriptions:
    """The reference's commands that Henge has and whose replies can be compared."""

    def __init__(self, henge, reference, groups, wanted):
        connection = resp.Connection(reference.port)
        connection.call("HELLO", 3)
        docs, info = {}, {}
        self._flatten(in_words(connection.call("COMMAND", "DOCS")), docs)
        self._tips(in_words(connection.call("COMMAND")), info)
        known = {name.lower() for name in in_words(resp.Connection(henge.port).call("COMMAND", "LIST"))}
        self.docs = {name: doc for name, doc in docs.items()
                     if name in known and name not in LEFT_OUT and not doc.get("subcommands")
                     and (doc["group"] in groups or name in AS_WELL)
                     and (not wanted or name in wanted or doc["group"] == "transactions")
                     and "blocking" not in info[name][0]
                     and "nondeterministic_output" not in info[name][1]}
        self.unordered = {name for name in self.docs
                          if "nondeterministic_output_order" in info[name][1]}

    def _flatten(self, docs, found):
        for name, doc in docs.items():
            found[name] = doc
            self._flatten(doc.get("subcommands", {}), found)

    def _tips(self, commands, found):
        for command in commands:
            found[command[0]] = (command[2], command[7])
            self._tips(command[9], found)


class Pair:
    """A connection of the same client to both servers; remembers what it queued."""

    def __init__(self, ports, protocol, unordered):
        self._ends = [resp.Connection(port) for port in ports]
        for end in self._ends if protocol == 3 else ():
            end.call("HELLO", 3)
        self._unordered = unordered
        self._queued = []

    def call(self, words):
        """Both replies, and whether they agree."""
        replies = [end.call(*words) for end in self._ends]
        name = words[0].lower()
        if name == "exec" and replies[0].kind == replies[1].kind == "array":
            agree = (len(replies[0].value) == len(replies[1].value) == len(self._queued) and
                     all(self._agree(*each) for each in zip(self._queued, *(r.value for r in replies))))
        else:
            agree = self._agree(name, *replies)
        if replies[1].value == b"QUEUED":
            self._queued.append(name)
        elif replies[1].kind != "error" or name == "exec":
            self._queued = []
        return replies, agree

    def _agree(self, name, henge, reference):
        if name in DEADLINES and henge.kind == reference.kind == "int" and reference.value > 0:
            return abs(henge.value - reference.value) <= DEADLINES[name]
        if name in self._unordered:
            return self._sorted(henge) == self._sorted(reference)
        return henge == reference

    def _sorted(self, reply):
        items = reply.value if isinstance(reply.value, list) else [reply]
        return reply.kind, sorted(map(notation.render, items))

    def close(self):
        for end in self._ends:
            end.close()


class Comparison:
    def __init__(self, henge, reference, descriptions, seed):
        self._ports = (henge.port, reference.port)
        self._descriptions = descriptions
        self._random = random.Random(seed)
        self._grammar = grammar.Grammar(descriptions.docs, self._random)
        self.calls = 0

    def sequence(self):
        by_kind = {True: [], False: []}
        for name, doc in sorted(self._descriptions.docs.items()):
            by_kind[doc["group"] == "transactions"].append(name)
        transactions = self._random.random() < 0.4
        sequence = []
        for _ in range(CALLS):
            kind = transactions and self._random.random() < TRANSACTIONS
            name = self._random.choice(by_kind[kind])
            sequence.append((self._random.randrange(len(PROTOCOLS)), self._grammar.call(name)))
        return sequence

    def _connect(self):
        return [Pair(self._ports, protocol, self._descriptions.unordered) for protocol in PROTOCOLS]

    def difference(self, sequence):
        """How far the servers agree: the number of calls up to the one that differs, or None."""
        pairs = self._connect()
        try:
            pairs[0].call(["FLUSHALL"])
            for count, (index, words) in enumerate(sequence, 1):
                self.calls += 1
                if not pairs[index].call(words)[1]:
                    return count
            last = pairs[0].call(["DISCARD"]), pairs[0].call(["DEBUG", "DIGEST"])
            return None if last[1][1] else len(sequence) + 1
        finally:
            for pair in pairs:
                pair.close()

    def shrink(self, sequence):
        """The calls without which the difference goes away."""
        sequence = sequence[:self.difference(sequence)]
        at = len(sequence) - 1
        while at >= 0:
            shorter = sequence[:at] + sequence[at + 1:]
            if shorter and self.difference(shorter) is not None:
                sequence = shorter
            at -= 1
        return sequence

    def show(self, sequence):
        pairs = self._connect()
        pairs[0].call(["FLUSHALL"])
        if any(PROTOCOLS[index] == 3 for index, _ in sequence):
            print("b> HELLO 3\n<any>")
        for index, words in sequence + [(0, ["DEBUG", "DIGEST"])]:
            (henge, reference), agree = pairs[index].call(words)
            if words[0] == "DEBUG" and agree:
                continue
            name = "abc"[index] if any(i for i, _ in sequence) else ""
            print(f"{name}> " + " ".join(as_word(word) for word in words))
            print(notation.render(reference))
            if not agree:
                print("# Henge: " + notation.render(henge).replace("\n", "\n#"))
        for pair in pairs:
            pair.close()


def as_word(word):
    plain = word and all(c.isalnum() or c in "-+.*_" for c in word)
    return word if plain else notation.escape(word.encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6))
    parser.add_argument("--groups", default=",".join(GROUPS))
    parser.add_argument("--commands", default="")
    parser.add_argument("--differences", type=int, default=1, help="how many to look for")
    options = parser.parse_args()
    with run.harness.Henge() as henge, run.harness.Redis() as reference:
        wanted = options.commands.split(",") if options.commands else []
        descriptions = Descriptions(henge, reference, options.groups.split(","), wanted)
        comparison = Comparison(henge, reference, descriptions, options.seed)
        found, until = 0, time.monotonic() + options.seconds
        while found < options.differences and time.monotonic() < until:
            sequence = comparison.sequence()
            if comparison.difference(sequence) is not None:
                found += 1
                print(f"\n= seed {options.seed}")
                comparison.show(comparison.shrink(sequence))
        print(f"{comparison.calls} calls of {len(descriptions.docs)} commands, "
              f"{found} differences, seed {options.seed}")
        return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
