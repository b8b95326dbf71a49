# SPDX-License-Identifier: Apache-2.0
"""A command's shape in one line, and random calls from it.

    ZADD zset [NX|XX] [GT|LT] [CH] [INCR] (score member)+

What is written in upper case stands in the call as it is; a word in lower case is drawn by the method
of Draw that has its name. [ ] may be missing, | is a choice, + is once or several times, and
`n:key` is a number of keys and that many keys. `0.2` in front is the shape's weight, 1 without.
"""
import re

import pools

OPTIONAL = 0.35
REPEATS = (1, 1, 1, 2, 2, 3, 5)
DEADLINES = {b"EXPIRE", b"PEXPIRE", b"SET", b"SETEX", b"PSETEX", b"GETEX"}
WRONG_DEADLINES = tuple(word for word in pools.WRONG if not word.strip(b" +").isdigit() or int(word) > 10 ** 9)
LIE = 0.02  # The share of numbers of keys that are wrong.
_TOKEN = re.compile(r"\s*([\[\]()|+]|[^\s\[\]()|+]+)")


class Shape:
    """The calls of one command. `name` is as in COMMAND LIST."""

    def __init__(self, line, names):
        weight = re.match(r"([\d.]+) ", line)
        self.weight = float(weight[1]) if weight else 1.0
        self._tokens = _TOKEN.findall(line[weight.end():] if weight else line)
        self._at = 0
        self._emit = self._alternatives()
        assert self._at == len(self._tokens), f"{line}: cannot read {self._tokens[self._at:]}"
        words = line[weight.end() if weight else 0:].lower().split() + [""]
        self.name = f"{words[0]}|{words[1]}" if f"{words[0]}|{words[1]}" in names else words[0]

    def draw(self, draw):
        """The words of one call."""
        words = []
        self._emit(draw, words)
        if draw.random() < pools.HOSTILE * len(words) and not _spares(words):
            _spoil(draw, words)
        return tuple(words)

    def _alternatives(self):
        options = [self._sequence()]
        while self._at < len(self._tokens) and self._tokens[self._at] == "|":
            self._at += 1
            options.append(self._sequence())
        if len(options) == 1:
            return options[0]
        return lambda draw, words: draw.one_of(options)(draw, words)

    def _sequence(self):
        parts = []
        while self._at < len(self._tokens) and self._tokens[self._at] not in "|])":
            parts.append(self._item())

        def emit(draw, words):
            for part in parts:
                part(draw, words)
        return emit

    def _item(self):
        token = self._tokens[self._at]
        self._at += 1
        if token in "[(":
            part = self._alternatives()
            self._at += 1
            if token == "[":
                return _maybe(part)
        else:
            part = _word(token)
        if self._at < len(self._tokens) and self._tokens[self._at] == "+":
            self._at += 1
            return _several(part)
        return part


def _maybe(part):
    def emit(draw, words):
        if draw.random() < OPTIONAL:
            part(draw, words)
    return emit


def _several(part):
    def emit(draw, words):
        for _ in range(draw.one_of(REPEATS)):
            part(draw, words)
    return emit


def _word(token):
    if token.startswith("n:"):
        return _counted(getattr(pools.Draw, token[2:]))
    if re.fullmatch("[a-z_]+", token):
        method = getattr(pools.Draw, token)
        return lambda draw, words: words.append(method(draw))
    literal = token.encode()
    return lambda draw, words: words.append(literal)


def _counted(key):
    def emit(draw, words):
        count = draw.one_of((1, 2, 2, 3))
        words.append(draw.one_of(pools.WRONG) if draw.random() < LIE else b"%d" % count)
        words.extend(key(draw) for _ in range(count))
    return emit


def _spares(words):
    """Parameters hold for all, nobody may wait for long, and sets of one score must keep it."""
    name = words[0]
    return (name == b"CONFIG" or name[:2] in (b"BL", b"BR", b"BZ") or
            name == b"ZADD" and words[1].startswith(b"lex"))


def _spoil(draw, words):
    """One argument goes, comes, moves or becomes nonsense."""
    at = draw.randrange(1, len(words) + 1)
    wrong = WRONG_DEADLINES if words[0] in DEADLINES else pools.WRONG
    kind = draw.random()
    if kind < 0.6 and at < len(words):
        words[at] = draw.one_of(wrong)
    elif kind < 0.75 and at < len(words):
        del words[at]
    elif kind < 0.9:
        words.insert(at, draw.one_of(wrong + tuple(words[1:])))
    elif at < len(words):
        words[at] = words[at].swapcase()
