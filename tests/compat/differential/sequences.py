# SPDX-License-Identifier: Apache-2.0
"""Random sequences: calls of a few families that share their keys, transactions, checks between."""
import bisect
import itertools

import commands
import pools
import scripted
import session
from session import CHECK, NAMES
from shapes import Shape

LENGTH = 600
CHECK_EVERY = 150
RUN = 40  # Calls in a row on one connection, at most.
ALL_FAMILIES = 0.15  # The share of sequences that mix all.
BLOCK = 0.015  # The share of places where a transaction begins.
STRAY = 0.003
SCRIPTED = 0.05  # The share of calls that a script makes.
WAITS = 0.006  # The share of places where a client begins to wait.


class Weighted:
    def __init__(self, shapes):
        self._shapes = shapes
        self._sums = list(itertools.accumulate(shape.weight for shape in shapes))

    def draw(self, draw):
        at = bisect.bisect(self._sums, draw.random() * self._sums[-1])
        return self._shapes[min(at, len(self._shapes) - 1)].draw(draw)


class Sequences:
    """Those of the commands in `names`, as COMMAND LIST calls them, and of these families."""

    def __init__(self, names, families=()):
        self._families, self._blocking = {}, {}
        self._scripts = "eval" in names
        for family, lines in commands.BLOCKING.items():
            shapes = [Shape(line, names) for line in lines.strip().split("\n")]
            shapes = [shape for shape in shapes if shape.name in names]
            if shapes:
                self._blocking[family] = Weighted(shapes)
        for family, lines in commands.FAMILIES.items():
            shapes = [Shape(line, names) for line in lines.strip().split("\n")]
            shapes = [shape for shape in shapes if shape.name in names]
            if any(shape.name != "config|set" for shape in shapes) and (not families or family in families):
                self._families[family] = Weighted(shapes)
        self._transactions = Weighted([Shape(line, names)
                                       for line in commands.TRANSACTIONS.strip().split("\n")])

    def names(self):
        return list(self._families)

    def draw(self, seed):
        """The calls of a seed and the keys that they use."""
        draw = pools.Draw(seed)
        families = self._some_families(draw)
        kinds = {kind for family in families for kind in commands.KINDS.get(family, ())}
        if not kinds or "sort" in families:
            kinds = {kind for family in self._families for kind in commands.KINDS.get(family, ())}
            families += [family for family in self._families if family in commands.KINDS]
        draw.begin(sorted(kinds or pools.KEY_KINDS))
        calls = []
        sources = [self._families[family] for family in families]
        self._waits = [self._blocking[family] for family in families if family in self._blocking]
        while len(calls) < LENGTH:
            self._run(draw, sources, calls)
        names = draw.key_names()
        return calls + [CHECK], sorted({word for _, words in calls for word in words if word in names})

    def _some_families(self, draw):
        names = list(self._families)
        if draw.random() < ALL_FAMILIES:
            return names
        across = [name for name in commands.ACROSS if name in names and draw.random() < 0.4]
        return draw.sample(names, min(len(names), draw.choice((1, 1, 2)))) + across

    def _run(self, draw, sources, calls):
        client = draw.randrange(len(NAMES))
        for _ in range(draw.randint(1, RUN)):
            kind = draw.random()
            if kind < BLOCK:
                self._block(draw, sources, calls, client)
            elif kind < BLOCK + STRAY:
                calls.append((client, self._transactions.draw(draw)))
            elif kind < BLOCK + STRAY + WAITS and self._waits:
                waiting = draw.choice([other for other in range(len(NAMES)) if other != client])
                calls.append((waiting, (session.BLOCK, *draw.one_of(self._waits).draw(draw))))
            else:
                calls.append((client, self._call(draw, sources)))
            if len(calls) % CHECK_EVERY == 0:
                calls.append(CHECK)

    def _call(self, draw, sources):
        words = draw.one_of(sources).draw(draw)
        if draw.random() < SCRIPTED and self._scripts:
            return scripted.wrap(draw, words, draw.key_names())
        return words

    def _block(self, draw, sources, calls, client):
        """MULTI to EXEC, at times watched, with another client in between."""
        others = [other for other in range(len(NAMES)) if other != client]
        if draw.random() < 0.4:
            calls.append((client, (b"WATCH", draw.any(), draw.any())))
            if draw.random() < 0.7:
                calls.append((draw.choice(others), self._call(draw, sources)))
        calls.append((client, (b"MULTI",)))
        calls += [(client, self._call(draw, sources)) for _ in range(draw.randint(0, 6))]
        if draw.random() < 0.1:
            calls.append((draw.choice(others), self._call(draw, sources)))
        calls.append((client, (b"DISCARD",) if draw.random() < 0.1 else (b"EXEC",)))
