# SPDX-License-Identifier: Apache-2.0
"""What arguments are drawn from: few keys, fields and members, so that calls meet what others left.

A method of Draw is a word of the shapes in commands.py: `key` there is what Draw.key() gives.
"""
import random

KEY_KINDS = ("string", "bitmap", "list", "hash", "set", "zset", "stream", "hll", "geo", "lex")
OTHER_KIND = 0.03  # The share of keys that are of another type than the command wants.
HOSTILE = 0.012  # The share of arguments that are none of what is wanted.
WRONG = (b"", b"x", b" 1", b"1 ", b"+1", b"01", b"-0", b"1.5", b"1e2", b"0x10", b"nan", b"(1", b"(", b"[", b"+",
         b"-", b"*", b"inf", b"-1", b"0", b"9223372036854775807", b"-9223372036854775808",
         b"9223372036854775808", b"18446744073709551615", b"99999999999999999999", b"4294967296",
         b"\x00", b"\r\n", b"\xff\xfe", b"NX", b"COUNT", b"LIMIT", b"WITHSCORES", b"y" * 300)
INTS = (b"0", b"1", b"-1", b"2", b"3", b"5", b"7", b"-2", b"-7", b"10", b"100", b"-100", b"255",
        b"256", b"32767", b"32768", b"-32769", b"2147483647", b"2147483648", b"-2147483649",
        b"1000000", b"9223372036854775806", b"9223372036854775807", b"-9223372036854775808")
SMALL = (b"0", b"1", b"2", b"3", b"4", b"5", b"-1", b"-2", b"-3", b"-5", b"10", b"-10", b"100")
COUNTS = (b"1", b"1", b"2", b"3", b"5", b"10", b"0", b"-1", b"-3", b"100")
DOUBLES = (b"0", b"1", b"-1", b"2", b"3.5", b"-1.5", b"0.1", b"1e3", b"1e-7", b"3.0000000001", b"1e17",
           b"-1e300", b"1.7976931348623157e308", b"5e-324", b"inf", b"-inf", b"+inf", b"-0",
           b"9007199254740993", b"123456789012345678", b"1e21", b"0.30000000000000004")
FAR_SECONDS = 33177117420  # A deadline far enough that no test sees it come.
LONGITUDES = (b"13.361389", b"15.087269", b"2.349014", b"-122.27652", b"0", b"180", b"-180", b"116.397")
LATITUDES = (b"38.115556", b"37.502669", b"48.864716", b"37.805186", b"0", b"85.05112878", b"-85", b"39.9")
PATTERNS = (b"*", b"*", b"a*", b"?", b"[a-c]*", b"[^a]*", b"*1", b"nosuch*", b"\\*", b"m?", b"*[", b"")
TEXTS = (b"a", b"b", b"c", b"abc", b"", b"hello world", b"\x00\r\n", b"\xff", b"foobar", b"x" * 20, b"x" * 44,
         b"x" * 45, b"x" * 63, b"x" * 64, b"x" * 65, b"x" * 200, b"3.25", b"1e5", b"007", b" 12", b"-0")
ENCODINGS = (b"u8", b"i8", b"u16", b"i16", b"u1", b"i5", b"u63", b"i64", b"u64", b"i65", b"u0", b"x8")


class Draw(random.Random):
    """Arguments for one sequence of calls; everything follows from the seed."""

    def begin(self, kinds):
        """A new sequence, on keys of these kinds: how many there are of what changes with it."""
        self._relative, self._entry = 1000, 0
        self._keys = {kind: [b"%s%d" % (kind.encode(), n) for n in range(self.randint(1, 3))]
                      for kind in KEY_KINDS}
        self._all_keys = [key for kind in kinds if kind != "lex" for key in self._keys[kind]] or [b"string0"]
        names = [b"m%d" % n for n in range(self.choice((3, 8, 40)))]
        numbers = [b"%d" % n for n in range(self.choice((2, 10, 60)))]
        kind = self.random()
        self._members = numbers if kind < 0.2 else names if kind < 0.4 else \
            names + numbers + list(self.sample(TEXTS, 5)) + list(self.sample(INTS, 5))
        return self

    def one_of(self, options):
        return options[int(self.random() * len(options))]

    def key_names(self):
        return {key for keys in self._keys.values() for key in keys}

    def _key(self, kind):
        return self.one_of(self._all_keys if self.random() < OTHER_KIND else self._keys[kind])

    def string(self): return self._key("string")
    def bitmap(self): return self._key("bitmap")
    def list(self): return self._key("list")
    def hash(self): return self._key("hash")
    def set(self): return self._key("set")
    def zset(self): return self._key("zset")
    def stream(self): return self._key("stream")
    def hll(self): return self._key("hll")
    def geo(self): return self._key("geo")
    def lexed(self): return self.one_of(self._keys["lex"])
    def any(self): return self.one_of(self._all_keys)

    def absent(self): return b"nosuchkey"

    def member(self): return self.one_of(self._members)
    field = member

    def text(self):
        kind = self.random()
        if kind < 0.5:
            return self.one_of(self._members)
        return self.one_of(TEXTS if kind < 0.9 else INTS)

    def text_or_digits(self): return self.one_of(INTS if self.random() < 0.4 else TEXTS)
    def int(self): return self.one_of(INTS if self.random() < 0.5 else SMALL)
    def small(self): return self.one_of(SMALL)
    def index(self): return self.one_of(SMALL if self.random() < 0.95 else INTS)
    def count(self): return self.one_of(COUNTS)
    def natural(self): return b"%d" % self.randint(0, 6)
    def double(self): return self.one_of(DOUBLES)
    def zero_or_much(self): return self.one_of((b"0", b"0", b"1000000000"))

    def score(self):
        return b"%d" % self.randint(-3, 9) if self.random() < 0.7 else self.one_of(DOUBLES)

    def bound(self):
        score = self.score()
        return b"(" + score if self.random() < 0.3 else self.one_of((score, score, b"-inf", b"+inf"))

    def lex(self):
        return self.one_of((b"-", b"+", b"[" + self.member(), b"(" + self.member(), b"[", b"(a"))

    def pattern(self): return self.one_of(PATTERNS)

    def seconds(self):
        """A deadline from now, in an hour or later; never the same twice, since GT compares them."""
        self._relative += 1009
        return b"%d" % (self._relative + 3600)

    def milliseconds(self): return self.seconds() + b"000"
    def unix_seconds(self): return b"%d" % (FAR_SECONDS + self.randint(1, 9))
    def unix_milliseconds(self): return self.unix_seconds() + b"000"
    def past(self): return self.one_of((b"-1", b"0", b"-9223372036854775808"))
    def past_date(self): return self.one_of((b"-1", b"0", b"1", b"-9223372036854775808"))

    def bit(self): return self.one_of((b"0", b"1"))

    def bit_offset(self):
        return b"%d" % self.randint(0, 300) if self.random() < 0.97 else self.one_of(
            (b"-1", b"4294967296", b"9999999999999"))

    def field_offset(self):
        offset = b"%d" % self.randint(0, 200)
        return offset if self.random() < 0.6 else b"#%d" % self.randint(0, 12)

    def field_value(self): return self.one_of(INTS[:-1] + SMALL)  # See BITFIELD in known.py.

    def byte_offset(self):
        return b"%d" % self.randint(0, 80) if self.random() < 0.97 else self.one_of(
            (b"-1", b"536870912", b"9223372036854775807"))

    def bits(self): return self.one_of(ENCODINGS)

    def longitude(self): return self._coordinate(LONGITUDES, 181)
    def latitude(self): return self._coordinate(LATITUDES, 86)

    def _coordinate(self, known, limit):
        return self.one_of(known) if self.random() < 0.6 else b"%.4f" % self.uniform(-limit, limit)

    def distance(self): return self.one_of((b"0", b"1", b"100", b"1000", b"20000", b"-1", b"0.5", b"1e5"))
    def unit(self): return self.one_of((b"m", b"km", b"ft", b"mi", b"KM"))

    def id(self):
        """A stream's entry: most name one of few, some are incomplete."""
        kind = self.random()
        if kind < 0.8:
            return b"%d-%d" % (self.randint(0, 40), self.randint(0, 2))
        if kind < 0.95:
            return b"%d" % self.randint(0, 40)
        return self.one_of((b"0-0", b"18446744073709551615-18446744073709551615", b"-", b"+", b"$", b"1-",
                            b"18446744073709551616", b"9999-1"))

    def new_id(self):
        kind = self.random()
        self._entry += 1
        if kind < 0.6:
            return b"%d-%d" % (self._entry, self.randint(0, 2))
        if kind < 0.8:
            return b"%d-*" % self._entry
        return self.id()

    def range_id(self):
        kind = self.random()
        if kind < 0.4:
            return self.one_of((b"-", b"+"))
        return (b"(" if kind > 0.9 else b"") + self.id()

    def group(self): return self.one_of((b"g1", b"g1", b"g2", b"nosuch"))
    def consumer(self): return self.one_of((b"alice", b"bob", b"carol"))
    def database(self): return self.one_of((b"0", b"0", b"1", b"2", b"15", b"16", b"-1", b"x"))
    def wait(self): return self.one_of((b"0.001", b"0.002", b"0.001", b"-1", b"x"))

    def sort_pattern(self):
        return self.one_of((b"nosort", b"string*", b"zset*", b"hash*->m1", b"hash*->1", b"*", b"x",
                            b"weight_*", b"*->m1", b"hash*->", b"nokey_*->f", b"#"))

    def get_pattern(self):
        return self.one_of((b"#", b"#", b"string*", b"hash*->m1", b"hash*->1", b"nokey_*", b"x", b"hash*->"))

    def threshold(self): return self.one_of((b"0", b"1", b"3", b"4", b"8", b"16", b"64", b"128", b"512"))
    def node_size(self): return self.one_of((b"-2", b"-1", b"1", b"2", b"4", b"8", b"128"))
    def swap_db(self): return self.one_of((b"0", b"1", b"1"))
