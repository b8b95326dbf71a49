# SPDX-License-Identifier: Apache-2.0
"""Random calls of every command, from the reference's own description of its arguments.

COMMAND DOCS is the grammar: a tree of tokens, keys and values, some optional, some repeated. What it
calls an integer is mostly one here; sometimes it is not, since errors must agree as well.
"""
REPEATS = 3  # At most, of an argument that may stand several times.
WORDS = ("a", "b", "c", "abc", "", "10", "-7", "3.25", "x" * 70, "9223372036854775807", "\x00\r\n")
INTEGERS = ("0", "1", "2", "-1", "3", "7", "-2", "100", "-100", "1000")
DOUBLES = ("0", "1", "-1.5", "3", "2.25", "1e3", "inf", "-inf")
WRONG = ("x", "", "9223372036854775807", "99999999999999999999", "1.5", "nan", "(1", "+")
PATTERNS = ("*", "a*", "?", "[a-c]", "nosuch*", "*1")
BOUNDS = ("0", "1", "-1", "(1", "(2.25", "+inf", "-inf", "100")
LEX_BOUNDS = ("-", "+", "[a", "(a", "[b", "(abc", "[")
FAR = 33177117420  # A deadline far enough that no test sees it come.
OTHER_GROUPS_KEY = 0.08
WRONG_VALUE = 0.03
OPTION = 0.4


class Grammar:
    """Draws calls with `random`, a random.Random; docs as COMMAND DOCS gives them in RESP3."""

    def __init__(self, docs, random):
        self._docs, self._random = docs, random
        self._groups = sorted({doc["group"] for doc in docs.values()})
        self._relative = 1000

    def call(self, name):
        doc = self._docs[name]
        words = name.split("|")
        for argument in doc.get("arguments", []):
            words += self._argument(argument, doc["group"])
        if self._random.random() < WRONG_VALUE:  # Too few or too many.
            words = words[:-1] if len(words) > 1 and self._random.random() < 0.5 else words + ["x"]
        return words

    def _argument(self, argument, group):
        flags = argument.get("flags", ())
        if "optional" in flags and self._random.random() > OPTION:
            return []
        times = self._random.randint(1, REPEATS) if "multiple" in flags else 1
        words = []
        for i in range(times):
            if "token" in argument and (i == 0 or "multiple_token" in flags):
                words += [argument["token"]] if argument["token"] else []
            words += self._value(argument, group)
        return words

    def _value(self, argument, group):
        kind = argument["type"]
        if kind == "pure-token":
            return []
        if kind == "oneof":
            return self._argument(self._random.choice(argument["arguments"]), group)
        if kind == "block":
            return [word for part in argument["arguments"] for word in self._argument(part, group)]
        if kind == "key":
            return [self._key(group)]
        if self._random.random() < WRONG_VALUE:
            return [self._random.choice(WRONG)]
        if kind == "unix-time":
            return [self._deadline(argument["name"], may_be_past=group != "string")]
        return [self._scalar(kind, argument["name"])]

    def _key(self, group):
        if self._random.random() < OTHER_GROUPS_KEY or group == "generic":
            group = self._random.choice(self._groups)
        return f"{group}{self._random.randint(1, 3)}"

    def _deadline(self, name, may_be_past):  # Not of SET: who deletes the key then, and when?
        if may_be_past and self._random.random() < 0.1:
            return "1"
        return str((FAR + self._random.randint(1, 9)) * 1000 ** ("milli" in name))

    def _scalar(self, kind, name):
        if kind == "integer" and ("seconds" in name):  # Never the same twice: GT compares them.
            self._relative += 1009
            return str(self._relative * 1000 ** ("milli" in name))
        if kind == "integer" and name == "numkeys":
            return str(self._random.randint(1, REPEATS))
        if kind == "integer":
            return self._random.choice(INTEGERS)
        if kind == "double":
            return self._random.choice(BOUNDS if name in ("min", "max") else DOUBLES)
        if kind == "pattern":
            return self._random.choice(PATTERNS)
        if name in ("min", "max", "start", "stop"):
            return self._random.choice(LEX_BOUNDS + BOUNDS)
        return self._random.choice(WORDS)
