# SPDX-License-Identifier: Apache-2.0
"""Plays a sequence of calls on Henge and the reference side by side, in batches.

A call is (connection, words); CHECK compares everything that is kept. Words that begin with BLOCK are sent
without waiting for the reply, which is compared before the connection's next call: CLIENT UNBLOCK makes
it come. A run ends at the first difference that known.py does not name.
"""
import collections
import re

import known
import rules
import scripted
from wire import Connection, Gone, encode, is_error, is_queued

BATCH = 64
NAMES = "abc"  # Of the connections.
CHECK = (0, ())
BLOCK = b"@block"
BLOCKED = re.compile(rb" flags=\w*b")
POLLS = 20000  # Of whether a call blocks.
DEFAULTS = {b"hash-max-listpack-entries": b"128", b"hash-max-listpack-value": b"64",
            b"list-max-listpack-size": b"-2", b"list-compress-depth": b"0",
            b"set-max-intset-entries": b"512", b"set-max-listpack-entries": b"128",
            b"set-max-listpack-value": b"64", b"zset-max-listpack-entries": b"128",
            b"zset-max-listpack-value": b"64", b"hll-sparse-max-bytes": b"3000",
            b"stream-node-max-entries": b"100"}
DATABASES = 16

Difference = collections.namedtuple("Difference", "at words henge reference complaint")


class Found(Exception):
    """Carries the Difference."""


class Pair:
    """The connections of the same clients to both servers. ends[0] is Henge, ends[1] the reference."""

    def __init__(self, ports, protocols):
        self._control = [Connection(port) for port in ports]
        self._clients = []
        for protocol in protocols:
            ends = [Connection(port) for port in ports]
            for end in ends if protocol == 3 else ():
                end.call("HELLO", "3")
            self._clients.append(ends)
        self.current = self._control

    def number_clients(self):
        self._ids = [[end.call("CLIENT", "ID") for end in ends] for ends in self._clients]

    def blocks(self, index):
        """Of both ends, whether the client waits in a command; else its reply has come."""
        found = []
        for end, (client, control, number) in enumerate(zip(self._clients[index], self._control, self._ids[index])):
            for _ in range(POLLS):
                if client.has_reply():
                    found.append(False)
                    break
                if BLOCKED.search(control.call("CLIENT", "LIST", "ID", number)):
                    found.append(True)
                    break
            else:
                raise Gone(f"a client of {'Henge' if end == 0 else 'the reference'} neither waits nor gets a reply")
        return found

    def unblock(self, index):
        return [control.call("CLIENT", "UNBLOCK", number)
                for control, number in zip(self._control, self._ids[index])]

    def of(self, index):
        self.current = self._clients[index]
        return self.current

    def ask(self, words, end=0):
        """The reply of one server, on the connection that is in use."""
        self.current[end].send(encode(words))
        return self.current[end].read(1)[0]

    def tell(self, henge, reference):
        """A call for each server, on the connection that is in use; both replies."""
        for end, words in zip(self.current, (henge, reference)):
            end.send(encode(words))
        return [end.read(1)[0][0] for end in self.current]

    def control(self, calls, ends=(0, 1)):
        data = b"".join(map(encode, calls))
        for end in ends:
            self._control[end].send(data)
        return [self._control[end].read(len(calls))[0] for end in ends]

    def close(self):
        for ends in (self._control, *self._clients):
            for end in ends:
                end.close()


class Session:
    def __init__(self, ports, protocols, keys, forgiven=None, observe=None):
        self._pair = Pair(ports, protocols)
        self._keys = keys
        self._called = set()
        self._queued = {}  # By connection, what MULTI has queued.
        self._forgiven = forgiven if forgiven is not None else collections.Counter()
        self._observe = observe
        self._at = 0
        self._parted = False  # Whether only one server did what a transaction said.
        self._timed = False  # Whether entries were made that are named by their time.
        self._waiting = {}  # By connection, the call that its client waits in: (at, words).
        self.calls = 0

    def run(self, calls, empty=True):
        """The first Difference, or None. Without `empty` it takes the servers as they are."""
        defaults = [(b"CONFIG", b"SET", *item) for item in DEFAULTS.items()]
        try:
            self._pair.control([(b"FLUSHALL",), *defaults] if empty else defaults)
            self._run(calls)
            return None
        except Found as found:
            return found.args[0]
        except Gone as gone:
            return Difference(self._at, (), None, None, str(gone))
        finally:
            self._leave()

    def _leave(self):
        """Nobody who still waits may take what the next sequence adds."""
        try:
            for client in self._waiting:
                self._pair.unblock(client)
        except Gone:
            pass
        self._pair.close()

    def _run(self, calls):
        batch, client = [], None
        if any(words[:1] == (BLOCK,) for _, words in calls):
            self._pair.number_clients()
        for at, (index, words) in enumerate(calls):
            special = not words or words[0] == BLOCK
            if batch and (index != client or len(batch) == BATCH or special):
                self._play(client, batch)
                batch = []
            self._at, client = at, index
            if words and index in self._waiting:
                self._finish(index)
            if self._waiting and self._waited_for(rules.key_unlike_reference(words)):
                if batch:
                    self._play(client, batch)
                    batch = []
                if rules.stored_in(words) is None or self._is_there(rules.stored_in(words)):
                    continue  # What follows from it would not show here, but later.
            if self._waiting and words and words[0].upper() == b"EXEC":
                if batch:
                    self._play(client, batch)
                    batch = []
                self._end_choices(index)
            if special:
                self._block(at, index, words[1:]) if words else self._check(at)
                continue
            batch.append((at, words))
            if rules.rule_of(words).settle or words[0].upper() == b"EXEC":
                self._play(client, batch)
                batch = []
        if batch:
            self._play(client, batch)
        for client in sorted(self._waiting):
            self._finish(client)

    def _waited_for(self, key):
        return any(key in words[1:] for _, words in self._waiting.values())

    def _end_choices(self, client):
        """Ends the waits for several keys of which a transaction names more than one: of those 7.0 serves
        the first that was filled, 7.2 the first that the client named."""
        named = {word for words in self._queued.get(client, ()) for word in words[1:]} & set(self._keys)
        for other, (_, words) in sorted(self._waiting.items()):
            if len(named.intersection(words[1:])) > 1:
                self._finish(other)

    def _is_there(self, key):
        return self._pair.control([(b"EXISTS", key)], ends=(1,))[0] != [0]

    def _block(self, at, client, words):
        for end in self._pair.of(client):
            end.send(encode(words))
        self.calls += 1
        henge, reference = self._pair.blocks(client)
        if henge != reference:
            if reference and self._refused(client, words):
                return None
            raise Found(Difference(at, words, None, None, f"only {'Henge' if henge else 'the reference'} waits"))
        if not reference:
            return self._compare_waited(client, at, words,
                                        *[end.read(1)[0][0] for end in self._pair.of(client)])
        self._waiting[client] = (at, words)
        if self._observe:
            self._observe(client, (BLOCK, *words), None, None)
        return None

    def _refused(self, client, words):
        """Whether Henge, as is known, refuses at once what the reference waits for."""
        henge, reference = self._pair.of(client)
        if not self._forgive(words, henge.read(1)[0][0], None):
            return False
        self._pair.unblock(client)
        reference.read(1)
        return True

    def _compare_waited(self, client, at, words, henge, reference):
        try:
            self._compare(client, at, words, henge, reference)
        except Found as found:
            if found.args[0].complaint or not self._forgive(words, henge, reference):
                raise

    def _finish(self, client):
        at, words = self._waiting.pop(client)
        unblocked = self._pair.unblock(client)
        replies = [end.read(1)[0][0] for end in self._pair.of(client)]
        if self._timed and words[0].upper().startswith(b"XREAD"):
            return
        self._compare_waited(client, at, words, *replies)
        if unblocked[0] != unblocked[1] and not self._forgive(words, *replies):
            raise Found(Difference(at, words, *replies, f"CLIENT UNBLOCK gave {unblocked}"))

    def _play(self, client, batch):
        henge, reference = self._pair.of(client)
        data = b"".join([encode(words) for _, words in batch])
        henge.send(data)
        reference.send(data)
        theirs, raw = reference.read(len(batch))
        mine = henge.read_like(theirs, raw)
        self.calls += len(batch)
        for number, ((at, words), mine, theirs) in enumerate(zip(batch, mine, theirs)):
            self._at = at
            self._called.add(scripted.inner(words)[0].upper())
            try:
                self._compare(client, at, words, mine, theirs)
            except Found as found:
                if found.args[0].complaint or not self._forgive(words, mine, theirs):
                    raise
                self._forget(client, batch[number:])
                return

    def _forgive(self, words, henge, reference):
        entry = known.known(scripted.inner(words), henge, reference, self._called)
        if entry:
            self._forgiven[entry.name] += 1
        return entry is not None

    def _forget(self, client, batch):
        """Nothing after a forgiven difference counts: what it named goes, on both sides."""
        queued = self._queued.pop(client, None)
        self._pair.tell(*[(b"DISCARD",)] * 2)
        if queued is not None:
            self._pair.tell(*[(b"FLUSHALL",)] * 2)
            return
        words = {word for _, words in batch for word in words}  # Nonsense, too, becomes a key at times.
        self._pair.tell(*[(b"DEL", *words, *(() if words & set(self._keys) else self._keys))] * 2)

    def _compare(self, client, at, words, henge, reference):
        name = words[0].upper()
        rule = rules.rule_of(words)
        self._timed = self._timed or rule.settle is rules.settle_new_entry
        queued = self._queued.get(client)
        if is_queued(reference):
            self._queued.setdefault(client, []).append(words)
            rule = rules.PLAIN
        elif name == b"MULTI" and not is_error(reference):
            self._queued[client] = []
        elif name in (b"EXEC", b"DISCARD") and queued is not None:
            del self._queued[client]
        transaction = name == b"EXEC" and queued and isinstance(reference, list)
        if self._observe:
            self._observe(client, words, henge, reference)
        if transaction:
            agree = self._transaction_agrees(queued, henge, reference)
        else:
            agree = henge == reference and not rule.settle or rule.agree(scripted.inner(words), henge, reference)
        if not agree:
            raise Found(Difference(at, words, henge, reference, ""))
        if transaction:
            if self._parted or any(rules.rule_of(words).changes for words in queued):
                self._parted = False
                self._forget(client, [(at, words) for words in queued])
        elif rule.settle and not is_queued(reference) and not is_error(reference):
            complaint = rule.settle(self._pair, scripted.inner(words), henge, reference)
            if complaint:
                raise Found(Difference(at, words, henge, reference, complaint))

    def _transaction_agrees(self, queued, henge, reference):
        if not isinstance(henge, list) or not len(henge) == len(reference) == len(queued):
            return False
        for words, mine, theirs in zip(queued, henge, reference):
            rule = rules.rule_of(words)
            if not rule.agree(scripted.inner(words), mine, theirs):
                if not self._forgive(words, mine, theirs):
                    return False
                self._parted = is_error(mine) != is_error(theirs)
            if rule.changes or self._parted:
                return True
        return True

    def _check(self, at):
        """Types, encodings, values and the number of keys; the digest is of all databases."""
        calls = [call for key in self._keys for call in ((b"TYPE", key), (b"OBJECT", b"ENCODING", key))]
        calls += [(b"DEBUG", b"DIGEST-VALUE", *self._keys), (b"DBSIZE",), (b"DEBUG", b"DIGEST")]
        henge, reference = self._pair.control(calls)
        for n, key in enumerate(self._keys):
            kind, encodings = reference[2 * n], (henge[2 * n + 1], reference[2 * n + 1])
            if henge[2 * n] != kind or not (rules.encodings_agree(kind.value, *encodings) or
                                            self._forgive(calls[2 * n + 1], *encodings)):
                raise Found(Difference(at, calls[2 * n + 1], *encodings, "encodings differ"))
        if henge[-2] != reference[-2]:
            raise Found(Difference(at, calls[-2], henge[-2], reference[-2], "the numbers of keys differ"))
        if henge[-3:] != reference[-3:]:
            self._compare_values(at)

    def _compare_values(self, at):
        """All keys one by one, since digests of sorted sets hold the texts of scores."""
        for database in range(DATABASES):
            henge, reference = self._pair.control([(b"SELECT", b"%d" % database), (b"KEYS", b"*")])
            keys = sorted(set(henge[1]) | set(reference[1]))
            calls = [(b"DEBUG", b"DIGEST-VALUE", key) for key in keys]
            for key, call, mine, theirs in zip(keys, calls, *self._pair.control(calls)):
                if mine == theirs:
                    continue
                members = self._pair.control([(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES")])
                if is_error(members[1][0]) or not rules.numbers_agree(*(replies[0] for replies in members)):
                    self._pair.control([(b"SELECT", b"0")])
                    raise Found(Difference(at, call, mine, theirs, f"values differ in database {database}"))
        self._pair.control([(b"SELECT", b"0")])
