# SPDX-License-Identifier: Apache-2.0
"""cjson, cmsgpack, struct and bit give what those of Debian's redis-server give: random values, texts and
formats through EVAL on both.

    tests/system/script_libraries_test.py BINARY [SEED [CALLS]]     # another seed; more of them
"""
import random
import re
import sys

import harness
from wire import Wire, WireError, encode

SEED = 7204
CALLS = 4000  # Of each library.
BATCH = 200
EDGES = (0, 1, -1, 2, 7, 8, 31, 32, 127, 128, 255, 256, -128, -129, 32767, 32768, -32769, 65535, 65536,
         2 ** 31 - 1, 2 ** 31, -2 ** 31, -2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -2 ** 53, 2 ** 63, -2 ** 63)
# Written so that both servers can be compared whatever the order of a table.
SHOW = """
local function show(v, depth)
  if type(v) == 'number' then return v ~= v and 'nan' or string.format('%.14g', v) end
  if type(v) == 'string' then return (v:gsub('[^%w ]', function(c) return string.format('\\\\%d.', c:byte()) end)) end
  if type(v) ~= 'table' then return type(v) == 'userdata' and 'null' or tostring(v) end
  if depth > 40 then return 'deep' end
  local parts = {}
  for k, inner in pairs(v) do parts[#parts + 1] = type(k) .. show(k, 0) .. '=' .. show(inner, depth + 1) end
  table.sort(parts)
  return '{' .. table.concat(parts, ',') .. '}'
end
"""


def lua_text(data):
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'


class Draw(random.Random):
    def number(self):
        kind = self.random()
        if kind < 0.4:
            return repr(self.choice(EDGES))
        if kind < 0.6:
            return repr(self.randint(-1000, 1000))
        if kind < 0.8:
            return repr(self.uniform(-1, 1) * 10 ** self.randint(-20, 20))
        return self.choice(("0.5", "-0.5", "1e300", "1e-300", "3.25", "0.1", "1/3", "16777216.5"))

    def bytes_of(self, longest=40):
        kind = self.random()
        if kind < 0.5:
            return "".join(self.choice("abc xyz019") for _ in range(self.randint(0, longest))).encode()
        if kind < 0.75:
            return "".join(self.choice('aé€😀"\\/\n\t\x00\x1f\x7f') for _ in range(self.randint(0, 10))).encode()
        return self.randbytes(self.randint(0, longest))

    def value(self, depth=0):
        """As Lua's source. No table has more than one field besides its list, so that it has one order."""
        kind = self.random()
        if kind < 0.3:
            return self.number()
        if kind < 0.55:
            return lua_text(self.bytes_of())
        if kind < 0.65 or depth > 3:
            return self.choice(("true", "false", "cjson.null" if depth else "nil", "{}"))
        items = [self.value(depth + 1) for _ in range(self.randint(0, 5))]
        if kind < 0.85:
            return "{" + ",".join(items) + "}"
        if kind < 0.95:
            key = self.choice((lua_text(self.bytes_of()), self.choice(("1", "2", "3", "11", "1.5", "-1"))))
            return "{[" + key + "]=" + self.value(depth + 1) + "}"
        return "{" + ",".join(self.choice((item, "nil")) for item in [*items, "1"]) + "}"

    def json(self, depth=0):
        kind = self.random()
        if kind < 0.25:
            return self.choice(("0", "-0", "1", "12", "-3.5", "1e5", "1E-7", "123456789012345678", "0.1e+2", "1e400",
                                "01", "0x10", "-", "+1", ".5", "5.", "nan", "inf", "-Infinity", "1e"))
        if kind < 0.5:
            return '"' + "".join(self.choice(("a", "é", "\\n", "\\u0041", "\\ud83d\\ude00", "\\ud83d", "\\u00", "\\x",
                                              "\\/", '\\"', " ", "€", "\\u0000", "\t"))
                                 for _ in range(self.randint(0, 6))) + '"'
        if kind < 0.6 or depth > 3:
            return self.choice(("true", "false", "null", "[]", "{}", "nul", "tru", ""))
        space = self.choice(("", " ", "\n\t"))
        if kind < 0.8:
            return "[" + (space + ",").join(self.json(depth + 1) for _ in range(self.randint(0, 4))) + "]"
        return "{" + ",".join(f'"{self.choice("abc1")}"{space}:{self.json(depth + 1)}'
                              for _ in range(self.randint(0, 3))) + "}"

    def spoilt(self, data):
        data = bytearray(data)
        for _ in range(self.choice((0, 0, 0, 1, 1, 3))):
            kind = self.random()
            at = self.randrange(len(data) + 1)
            if kind < 0.4 and at < len(data):
                data[at] = self.randrange(256)
            elif kind < 0.7:
                del data[at:at + self.randint(1, 4)]
            else:
                data[at:at] = self.randbytes(self.randint(1, 3))
        return bytes(data)

    def packed(self, depth=0):
        """MessagePack's bytes."""
        kind = self.random()
        if kind < 0.4:
            return self.choice((b"\x00", b"\x7f", b"\xff", b"\xe0", b"\xc0", b"\xc2", b"\xc3",
                                b"\xcc" + self.randbytes(1), b"\xcd" + self.randbytes(2),
                                b"\xce" + self.randbytes(4), b"\xcf\x00\x00" + self.randbytes(6),
                                b"\xd0" + self.randbytes(1), b"\xd1" + self.randbytes(2), b"\xd2" + self.randbytes(4),
                                b"\xd3\xff\xff" + self.randbytes(6), b"\xca\x3f\x80\x00\x00",
                                b"\xcb\x40\x09\x21\xfb\x54\x44\x2d\x18"))
        if kind < 0.7 or depth > 3:
            text = self.bytes_of(31)[:31]
            return self.choice((bytes([0xa0 + len(text)]), b"\xd9" + bytes([len(text)]), b"\xda\x00" + bytes([len(text)]),
                                b"\xdb\x00\x00\x00" + bytes([len(text)]), b"\xc4" + bytes([len(text)]))) + text
        count = self.randint(0, 4)
        items = b"".join(self.packed(depth + 1) for _ in range(count))
        if kind < 0.85:
            return self.choice((bytes([0x90 + count]), b"\xdc\x00" + bytes([count]), b"\xdd\x00\x00\x00" + bytes([count]))) + items
        pairs = b"".join(bytes([0xa1, 97 + i]) + self.packed(depth + 1) for i in range(count))
        return self.choice((bytes([0x80 + count]), b"\xde\x00" + bytes([count]))) + pairs

    def format(self):
        """Without c0 after a number that no length can be: what it is then is nobody's promise."""
        text = "".join(self.choice("bBhHlLTfdxs") if self.random() < 0.6 else
                       self.choice((" ", "<", ">", "=", "!", "!4", "!8", "i", "I", "i2", "I3", "i8", "I8", "c5", "c0", "c",
                                    "i33", "!3", "q", "a")) for _ in range(self.randint(0, 6)))
        return re.sub("([fd][^bBhHlLTiI]*)c0", r"\1c1", text)


def cjson_call(draw):
    kind = draw.random()
    if kind < 0.5:
        return f"return cjson.encode({draw.value()})"
    text = draw.json().encode()
    return f"return show(cjson.decode({lua_text(draw.spoilt(text) if kind < 0.6 else text)}), 0)"


def cmsgpack_call(draw):
    kind = draw.random()
    if kind < 0.4:
        values = ",".join(draw.value() for _ in range(draw.randint(1, 3)))
        return f"return show(cmsgpack.pack({values.replace('cjson.null', 'nil')}), 0)"
    data = lua_text(draw.spoilt(b"".join(draw.packed() for _ in range(draw.randint(1, 3)))))
    if kind < 0.7:
        return f"return show({{cmsgpack.unpack({data})}}, 0)"
    if kind < 0.85:
        return f"return show({{cmsgpack.unpack_one({data}, {draw.choice((0, 0, 1, 2, 5, 100))})}}, 0)"
    return f"return show({{cmsgpack.unpack_limit({data}, {draw.randint(0, 4)}, {draw.choice((0, 0, 1, 2))})}}, 0)"


def struct_call(draw):
    kind = draw.random()
    text = lua_text(draw.format().encode())
    if kind < 0.1:
        return f"return struct.size({text})"
    if kind < 0.5:
        values = [draw.choice((draw.number(), str(draw.randint(-100, 100)), lua_text(draw.bytes_of(8))))
                  for _ in range(draw.randint(0, 7))]
        return f"return show(struct.pack({','.join([text, *values])}), 0)"
    data = lua_text(draw.randbytes(draw.randint(0, 40)))
    at = draw.choice(("", "", ",1", ",3", ",40", ",0"))
    return f"return show({{struct.unpack({text},{data}{at})}}, 0)"


def bit_call(draw):
    name = draw.choice(("tobit", "bnot", "bswap", "tohex", "band", "bor", "bxor", "lshift", "rshift", "arshift",
                        "rol", "ror"))
    count = {"tobit": 1, "bnot": 1, "bswap": 1, "band": 3, "bor": 3, "bxor": 3}.get(name, 2)
    numbers = [str(draw.choice(EDGES)) if draw.random() < 0.5 else str(draw.randint(-2 ** 33, 2 ** 33))
               for _ in range(count)]
    if name == "tohex" and draw.random() < 0.7:
        numbers[1] = str(draw.randint(-10, 10))
    return f"return tostring(bit.{name}({','.join(numbers)}))"


def plain(reply):
    """Without what depends on the script's text; and a missing argument may be a nil."""
    if not isinstance(reply, WireError):
        return reply
    return WireError(re.sub(r" script: .*|user_script:\d+: ", "", reply).replace("got no value", "got nil"))


class LibrariesTest(harness.TestCase):
    def compare(self, name, call):
        draw = Draw(f"{SEED} {name}")
        servers = [self.henge(), self.redis()]
        wires = [Wire(("127.0.0.1", server.port)) for server in servers]
        for wire in wires:
            self.addCleanup(wire.close)
        differ = []
        for _ in range(CALLS // BATCH):
            scripts = [call(draw) for _ in range(BATCH)]
            replies = []
            for wire in wires:
                wire.send(b"".join(encode("EVAL", SHOW + script, 0) for script in scripts))
                replies.append([plain(wire.read()) for _ in scripts])
                wire.call("SCRIPT", "FLUSH")
            for script, ours, theirs in zip(scripts, *replies):
                if ours != theirs:
                    differ.append(f"{script}\n  Henge:     {ours!r}\n  reference: {theirs!r}")
        if differ:
            self.fail(f"{len(differ)} differ\n" + "\n".join(sorted(differ, key=len)[:20]))

    def test_cjson(self):
        self.compare("cjson", cjson_call)

    def test_cmsgpack(self):
        self.compare("cmsgpack", cmsgpack_call)

    def test_struct(self):
        self.compare("struct", struct_call)

    def test_bit(self):
        self.compare("bit", bit_call)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        SEED, CALLS = sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else CALLS
        del sys.argv[2:]
    harness.main()
