# SPDX-License-Identifier: Apache-2.0
"""A mixed load from many connections that know what they did, and the check of what a server has of
it after its death.

    load = Load(seed)
    load.start(port); ...; server.kill(); load.end()
    server.start()
    load.check(server, promised_until, killed_at, everything=True)    # raises AssertionError
"""
import random
import threading
import time

import kill_model
from wire import Closed, Wire, WireError, encode

PLAYERS = 10
WAITERS = 2
NEVER = float("inf")


class Op:
    """One call or transaction: sent whole, there wholly or not."""
    __slots__ = ("commands", "shared", "pushed", "counted", "sent", "sent_ms", "acked", "reply",
                 "refused")

    def __init__(self, commands):
        self.commands = commands  # On the connection's own keys.
        self.shared = self.pushed = None  # What it appends to the shared list, or to the queue.
        self.counted = 0  # How often it increments the shared counter.
        self.acked = NEVER
        self.refused = False
        self.reply = kill_model.UNKNOWN

    def encoded(self, names):
        calls = list(self.commands)
        calls += [("INCR", names["counter"])] * self.counted
        if self.shared:
            calls.append(("RPUSH", names["list"], self.shared))
        if self.pushed:
            calls.append(("RPUSH", names["queue"], self.pushed))
        if len(calls) == 1:
            return encode(*calls[0]), 1
        return b"".join(encode(*call) for call in [("MULTI",), *calls, ("EXEC",)]), len(calls) + 2


class Player:
    """A connection with keys of its own, and what it has done since they were last known."""

    def __init__(self, number, seed, refusal):
        self.refusal = refusal
        self.name = f"p{number}"
        self.random = random.Random(seed)
        self.base = kill_model.State(self.name)
        self.count = 0
        self.begin()

    def begin(self):
        self.ops = []
        self.refusals = 0
        self.error = None
        self.state = kill_model.State(self.name)
        self.state.keys = dict(self.base.keys)

    def new_op(self):
        self.count += 1
        choice = self.random.random()
        op = Op([])
        if choice < 0.06:
            op.counted = 1
        elif choice < 0.14:
            op.pushed = f"{self.name}.{self.count}"
        elif choice < 0.3:
            for _ in range(self.random.randrange(2, 6)):
                self.invent_into(op, in_transaction=True)
            if self.random.random() < 0.5:
                op.counted = 1
                op.shared = f"{self.name}.{self.count}"
        else:
            self.invent_into(op, in_transaction=False)
        return op

    def invent_into(self, op, in_transaction):
        command = self.state.invent(self.random, self.count * 10 + len(op.commands))
        while in_transaction and command[0] == "SPOP":
            command = self.state.invent(self.random, self.count)
        op.commands.append(command)
        if command[0] != "SPOP":
            self.state.apply(command, None, 0)

    def new_batch(self):
        batch = [self.new_op()]
        most = self.random.choice((0, 0, 0, 3, 12))
        for _ in range(0 if self.refusal else most):
            if batch[-1].commands and batch[-1].commands[0][0] == "SPOP":
                break  # What comes next depends on its reply.
            batch.append(self.new_op())
        return batch

    def play(self, port, names, stop):
        try:
            with Wire(("127.0.0.1", port)) as wire:
                while not stop.is_set():
                    self.play_batch(wire, names)
        except (Closed, OSError):
            pass  # It was killed.
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def play_batch(self, wire, names):
        batch = self.new_batch()
        parts = [op.encoded(names) for op in batch]
        for op in batch:
            op.sent, op.sent_ms = time.monotonic(), time.time() * 1000
        self.ops += batch
        wire.send(b"".join(data for data, _ in parts))
        for op, (_, replies) in zip(batch, parts):
            got = [wire.read() for _ in range(replies)]
            inside = got[-1] if isinstance(got[-1], list) and replies > 1 else []
            refused = [reply for reply in got + inside if isinstance(reply, WireError)]
            op.reply, op.acked = got[-1], time.monotonic()
            if refused:
                self.refuse(op, refused)
            elif op.commands and op.commands[0][0] == "SPOP":
                self.state.apply(op.commands[0], op.reply, 0)

    def refuse(self, op, errors):
        """Where a refusal is expected, it must have changed nothing."""
        if not self.refusal or not any(error.startswith(self.refusal) for error in errors):
            raise AssertionError(f"{op.commands}: {errors}")
        op.refused = True
        self.refusals += 1
        self.state.keys = dict(self.base.keys)
        for done in self.ops:
            for command in [] if done.refused else done.commands:
                self.state.apply(command, done.reply, done.sent_ms)
        time.sleep(0.005)

    def candidates(self, found, shared, read_ms, at_least):
        """After which numbers of its calls its keys were as they are found, from at_least on."""
        state = kill_model.State(self.name)
        state.keys = dict(self.base.keys)
        items = []
        fit, best = [], None

        def fits(key):
            return kill_model.same(key, state.keys[key], found[key], read_ms)

        wrong = {key for key in state.keys if not fits(key)}
        for count in range(len(self.ops) + 1):
            differs = wrong | ({"shared"} if items != shared else set())
            if not differs and count >= at_least:
                fit.append(count)
            if best is None or len(differs) <= len(best[1]):
                best = (count, differs, {key: state.keys.get(key, items) for key in differs})
            if count == len(self.ops):
                break
            op = self.ops[count]
            if op.refused:
                continue
            for command in op.commands:
                for key in state.apply(command, op.reply, op.sent_ms, found.get):
                    (wrong.discard if fits(key) else wrong.add)(key)
            if op.shared:
                items.append(op.shared)
        if fit:
            return fit
        count, _, expected = best
        raise AssertionError(
            f"{self.name}: of {len(self.ops)} calls at least {at_least} are promised; nearest is "
            f"{count}, but there expected {expected}, found "
            f"{ {key: found.get(key, shared) for key in expected} }, "
            f"calls around {[op.commands for op in self.ops[max(0, count - 2):count + 3]]}")


class Waiter:
    """Takes from the queue what others push: for good, or to another list."""

    def __init__(self, number, refusal):
        self.refusal = refusal
        self.number = number
        self.begin()

    def begin(self):
        self.taken = {}  # Item: when that was acknowledged.
        self.moved = {}
        self.under_way = False
        self.error = None

    def play(self, port, names, stop):
        try:
            with Wire(("127.0.0.1", port)) as wire:
                while not stop.is_set():
                    self.under_way = True
                    self.take(wire, names)
                    self.under_way = False
        except (Closed, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def take(self, wire, names):
        if self.number % 2:
            item = wire.call("BLMOVE", names["queue"], names["moved"], "LEFT", "RIGHT", "0.2")
        else:
            item = wire.call("BLPOP", names["queue"], "0.2")
        if isinstance(item, WireError):
            if self.refusal and item.startswith(self.refusal):
                return
            raise AssertionError(item)
        if item is not None and self.number % 2:
            self.moved[item.decode()] = time.monotonic()
        elif item is not None:
            self.taken[item[1].decode()] = time.monotonic()


class Load:
    """All connections, and what must be there of what they did."""

    """`refusal`: how errors begin with which calls may be refused meanwhile."""

    def __init__(self, seed, refusal=None):
        self.refusal = refusal
        self.players = [Player(i, seed * 1000 + i, refusal) for i in range(PLAYERS)]
        self.waiters = [Waiter(i, refusal) for i in range(WAITERS)]
        self.round = self.calls = 0
        self.most_lost = 0.0  # Seconds, of what was acknowledged.

    def start(self, port):
        self.round += 1
        self.names = {name: f"shared:{name}:{self.round}"
                      for name in ("counter", "list", "queue", "moved")}
        self.stop = threading.Event()
        self.threads = []
        for one in self.players + self.waiters:
            one.begin()
            thread = threading.Thread(target=one.play, args=(port, self.names, self.stop))
            thread.start()
            self.threads.append(thread)

    def acknowledged(self):
        return min(sum(op.acked < NEVER for op in player.ops[:50]) for player in self.players)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        for one in self.players + self.waiters:
            if one.error is not None:
                raise one.error

    def check(self, server, promised_until, killed_at, everything):
        """What was acknowledged by then must be there. `everything`: all that is lost counts as
        such."""
        with Wire(("127.0.0.1", server.port)) as wire:
            found = {key: self.read(wire, key)
                     for player in self.players for key in player.state.keys}
            read_ms = time.time() * 1000
            shared, queue, moved = (self.read_list(wire, name)
                                    for name in ("list", "queue", "moved"))
            counter = int(wire.call("GET", self.names["counter"]) or 0)
            wire.call("DEL", *self.names.values())
        fits = []
        for player in self.players:
            self.calls += len(player.ops)
            at_least = sum(op.acked <= promised_until for op in player.ops)
            own = {key: found[key] for key in player.state.keys}
            items = [item for item in shared if item.startswith(player.name + ".")]
            fits.append(player.candidates(own, items, read_ms, at_least))
            player.base.keys = own
        self.check_counter(counter, fits)
        unpopped = self.check_queue(queue, moved, fits, promised_until)
        self.check_moment(fits, unpopped, killed_at, everything)

    @staticmethod
    def read(wire, key):
        calls = kill_model.reading(key)
        wire.send(b"".join(encode(*call) for call in calls))
        return kill_model.found(key, [wire.read() for _ in calls])

    def read_list(self, wire, name):
        return [item.decode() for item in wire.call("LRANGE", self.names[name], 0, -1)]

    def there(self, fits, at):
        """The calls that are there by the first or the last number that fits."""
        return [op for player, fit in zip(self.players, fits)
                for op in player.ops[:fit[at]] if not op.refused]

    def check_counter(self, counter, fits):
        low, high = (sum(op.counted for op in self.there(fits, at)) for at in (0, -1))
        if not low <= counter <= high:
            raise AssertionError(f"the shared counter is {counter}, not between {low} and {high}")

    def check_queue(self, queue, moved, fits, promised_until):
        """Each item is in one place. Gives when those that came back were acknowledged as taken."""
        surely, maybe = ({op.pushed for op in self.there(fits, at) if op.pushed} for at in (0, -1))
        there = queue + moved
        if len(set(there)) != len(there) or not set(there) <= maybe:
            raise AssertionError(f"the queue has too much: {queue}, {moved}, {sorted(maybe)}")
        for items in (queue, moved):
            for player in self.players:
                own = [item.split(".") for item in items if item.startswith(player.name + ".")]
                if own != sorted(own, key=lambda parts: int(parts[1])):
                    raise AssertionError(f"out of order: {items}")
        taken = {item: at for waiter in self.waiters for item, at in waiter.taken.items()}
        gone = surely - set(there) - set(taken)
        if len(gone) > sum(waiter.under_way for waiter in self.waiters):
            raise AssertionError(f"nobody took {gone}")
        shifted = {item: at for waiter in self.waiters for item, at in waiter.moved.items()}
        back = [at for item, at in taken.items() if item in there]
        back += [at for item, at in shifted.items() if item in queue]
        if back and min(back) <= promised_until:
            raise AssertionError(f"what was taken is in the queue again: {queue}, {moved}")
        return back

    def check_moment(self, fits, unpopped, killed_at, everything):
        last_sent = max([player.ops[fit[0] - 1].sent
                         for player, fit in zip(self.players, fits) if fit[0]], default=0)
        missing = [player.ops[fit[-1]].acked for player, fit in zip(self.players, fits)
                   if fit[-1] < len(player.ops)]
        first_missing = min(missing + unpopped, default=NEVER)
        if first_missing < last_sent:
            raise AssertionError(f"what was acknowledged is missing, though what was sent "
                                 f"{last_sent - first_missing:.4f} s later is there")
        if everything:
            self.most_lost = max(self.most_lost, killed_at - first_missing)
