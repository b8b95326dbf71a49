# SPDX-License-Identifier: Apache-2.0
"""How transcripts write requests and replies; README.md here is the grammar.

parse_request reads arguments as redis-cli does. parse_reply makes of an expectation a tree of nodes
that say whether a reply matches; render writes a reply back in the same notation.
"""
import re

ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "a": b"\a", "b": b"\b", "0": b"\0"}
LIST_PREFIXES = {"[": "array", "set[": "set", "push[": "push", "{": "map",
                 "<unordered>[": "unordered", "<contains>[": "contains"}
CLOSERS = {"[": "]", "{": "}"}

_STRING = r'"(?:\\.|[^"\\])*"'
_TOKEN = re.compile(
    rf"\s*(?P<token>(?:set|push|<unordered>|<contains>)?\[|\{{|\]|\}}|=>"
    rf"|(?P<prefix>[+\-~=]|=\w+:)?(?P<string>{_STRING})(?:\*(?P<times>\d+))?"
    rf"|\((?:nil|nil-array|true|false)\)|<[^>]*>|:-?\d+|,[^\s\]}}]+|big:-?\d+|[+\-][^\s\]}}]+)",
    re.S)


class BadNotation(Exception):
    pass


def unescape(text):
    """The bytes of the inside of a "..." literal."""
    def one(match):
        code = match[1]
        if code[0] == "x":
            return bytes([int(code[1:], 16)])
        return ESCAPES.get(code, code.encode())
    parts, end = [], 0
    for match in re.finditer(r"\\(x[0-9a-fA-F]{2}|.)", text, re.S):
        parts += [text[end:match.start()].encode(), one(match)]
        end = match.end()
    return b"".join(parts + [text[end:].encode()])


def escape(data):
    """A "..." literal of these bytes; text that is UTF-8 stays readable."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    if text is None:
        inside = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else _escape_byte(b) for b in data)
    else:
        inside = "".join(c if c.isprintable() and c not in '"\\' else
                         "".join(_escape_byte(b) for b in c.encode()) for c in text)
    return f'"{inside}"'


def _escape_byte(byte):
    known = {10: "\\n", 13: "\\r", 9: "\\t", 34: '\\"', 92: "\\\\"}
    return known.get(byte, f"\\x{byte:02x}")


def parse_request(text):
    """The arguments of a request line."""
    args, at = [], 0
    pattern = re.compile(rf"\s*(?:(?P<string>{_STRING})(?:\*(?P<times>\d+))?|'(?P<single>[^']*)'"
                         r"|\{(?P<first>\d+)\.\.(?P<last>\d+)\}|(?P<word>[^\s\"']\S*))(?=\s|$)")
    while text[at:].strip():
        match = pattern.match(text, at)
        if match is None:
            raise BadNotation(f"cannot read the argument at {text[at:].strip()!r}")
        if match["string"] is not None:
            args.append(unescape(match["string"][1:-1]) * int(match["times"] or 1))
        elif match["single"] is not None:
            args.append(match["single"].encode())
        elif match["first"] is not None:
            args += [b"%d" % n for n in range(int(match["first"]), int(match["last"]) + 1)]
        else:
            args.append(match["word"].encode())
        at = match.end()
    return args


class Literal:
    """Exactly this reply. A nil is a nil in both protocols."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value

    def matches(self, reply, saved):
        if self.kind == "nil-array" and reply.kind == "nil":
            return True  # RESP3 has one null.
        return (self.kind, self.value) == (reply.kind, reply.value)


class Pattern:
    """A text reply that the regular expression describes as a whole."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern, re.S)

    def matches(self, reply, saved):
        return (reply.kind in ("simple", "bulk", "verbatim", "double")
                and self.pattern.fullmatch(reply.value.decode("latin-1")) is not None)


class Items:
    """A list reply, item by item: in order, in any order, or as a part of the whole."""

    def __init__(self, kind, items):
        self.kind, self.items = kind, items

    def matches(self, reply, saved):
        kinds = {"unordered": ("array", "set"), "contains": ("array", "set")}
        if reply.kind not in kinds.get(self.kind, (self.kind,)):
            return False
        if self.kind != "contains" and len(reply.value) != len(self.items):
            return False
        if self.kind in ("array", "push"):
            return all(item.matches(got, saved) for item, got in zip(self.items, reply.value))
        width = 2 if self.kind == "map" else 1
        wanted = [self.items[i:i + width] for i in range(0, len(self.items), width)]
        left = [reply.value[i:i + width] for i in range(0, len(reply.value), width)]
        for items in sorted(wanted, key=lambda group: not isinstance(group[0], Literal)):
            for index, got in enumerate(left):
                if all(item.matches(one, saved) for item, one in zip(items, got)):
                    del left[index]
                    break
            else:
                return False
        return True


class Matcher:
    """<any>, <int>, <int 1..10>, <float 3.14 0.01>, <bulk>, <array 3>, <error ERR>, <save name>."""

    def __init__(self, text):
        self.word, _, self.rest = text.partition(" ")
        if not hasattr(self, "_" + self.word):
            raise BadNotation(f"no matcher <{text}>")
        if self.word == "int" and self.rest and not re.fullmatch(r"-?\d*\.\.-?\d*", self.rest):
            raise BadNotation(f"<{text}>: want <int LOW..HIGH>")

    def matches(self, reply, saved):
        return getattr(self, "_" + self.word)(reply, saved)

    def _any(self, reply, saved):
        return True

    def _int(self, reply, saved):
        if reply.kind != "int":
            return False
        low, _, high = self.rest.partition("..")
        return (not low or reply.value >= int(low)) and (not high or reply.value <= int(high))

    def _float(self, reply, saved):
        wanted, _, tolerance = self.rest.partition(" ")
        try:
            return (reply.kind in ("bulk", "double", "simple") and
                    abs(float(reply.value) - float(wanted)) <= float(tolerance or 1e-9))
        except ValueError:
            return False

    def _bulk(self, reply, saved):
        return reply.kind == "bulk"

    def _array(self, reply, saved):
        return reply.kind == "array" and (not self.rest or len(reply.value) == int(self.rest))

    def _error(self, reply, saved):
        return (reply.kind == "error" and
                re.match(self.rest, reply.value.decode("latin-1"), re.S) is not None)

    def _save(self, reply, saved):
        if reply.kind not in ("simple", "bulk", "int", "double"):
            return False
        value = reply.value
        saved[self.rest] = str(value) if reply.kind == "int" else escape(value)[1:-1]
        return True

    def _nothing(self, reply, saved):
        return False  # A reply came; the runner knows when none did.


def parse_reply(text):
    """The expectation that these lines write."""
    text = text.strip()
    if text[:1] in "+-" and text[1:2] != '"' and "\n" not in text:
        return Literal("simple" if text[0] == "+" else "error", unescape(text[1:]))
    if text[:1] == "~" and text[1:2] != '"':
        return Pattern(text[1:])
    node, at = _parse(text, 0)
    if text[at:].strip():
        raise BadNotation(f"more than one reply: {text[at:].strip()!r}")
    return node


def _parse(text, at):
    match = _TOKEN.match(text, at)
    if match is None:
        raise BadNotation(f"cannot read the reply at {text[at:].strip()[:60]!r}")
    token, at = match["token"], match.end()
    if token in LIST_PREFIXES:
        return _parse_items(token, text, at)
    if match["string"] is not None:
        return _parse_string(match), at
    if token[0] == "<":
        return Matcher(token[1:-1]), at
    if token[0] == "(":
        word = token[1:-1]
        return (Literal(word, None) if "nil" in word else Literal("bool", word == "true")), at
    if token[0] == ":":
        return Literal("int", int(token[1:])), at
    if token.startswith("big:"):
        return Literal("big", token[4:].encode()), at
    kinds = {",": "double", "+": "simple", "-": "error"}
    if token[0] not in kinds:
        raise BadNotation(f"unexpected {token!r}")
    return Literal(kinds[token[0]], token[1:].encode()), at


def _parse_string(match):
    prefix, inside = match["prefix"], match["string"][1:-1]
    if prefix == "~":
        return Pattern(inside.replace('\\"', '"'))
    data = unescape(inside) * int(match["times"] or 1)
    if prefix and prefix[0] == "=":
        return Literal("verbatim", prefix[1:].encode() + data)
    return Literal({"+": "simple", "-": "error"}.get(prefix, "bulk"), data)


def _parse_items(opener, text, at):
    closer, items = CLOSERS[opener[-1]], []
    while True:
        rest = re.compile(r"\s*(=>)?\s*").match(text, at)
        at = rest.end()
        if at >= len(text):
            raise BadNotation(f"{opener} is not closed by {closer}")
        if text[at] == closer:
            return Items(LIST_PREFIXES[opener], items), at + 1
        node, at = _parse(text, at)
        items.append(node)


def render(reply, indent=0):
    """The reply in the notation of transcripts."""
    if reply.kind in ("simple", "error"):
        sign = "+" if reply.kind == "simple" else "-"
        text = escape(reply.value)
        plain = " " not in text if indent else text[1:-1] == text[1:-1].strip()
        return sign + (text[1:-1] if plain and text != '""' else text)
    if reply.kind == "verbatim":
        return "=" + reply.value[:4].decode() + escape(reply.value[4:])
    scalars = {"int": lambda v: f":{v}", "bulk": escape, "nil": lambda v: "(nil)",
               "nil-array": lambda v: "(nil-array)", "double": lambda v: "," + v.decode(),
               "bool": lambda v: "(true)" if v else "(false)", "big": lambda v: "big:" + v.decode()}
    if reply.kind in scalars:
        return scalars[reply.kind](reply.value)
    return _render_items(reply, indent)


def _render_items(reply, indent):
    opener = {kind: text for text, kind in LIST_PREFIXES.items()}[reply.kind]
    closer = CLOSERS[opener[-1]]
    items = [render(item, indent + 2) for item in reply.value]
    if reply.kind == "map":
        items = [f"{key} => {value}" for key, value in zip(items[::2], items[1::2])]
    line = opener + " ".join(items) + closer
    if len(line) + indent <= 80 and "\n" not in line:
        return line
    margin = "\n" + " " * (indent + 2)
    return opener + margin + margin.join(items) + "\n" + " " * indent + closer
