# SPDX-License-Identifier: Apache-2.0
"""What a server must hold, by what its clients know: keys that one connection alone writes, as the
plain Python values that its commands make of them.

    state = State()
    command = state.invent(random, n)      # some write that makes sense now; changes nothing
    state.apply(command, reply)            # what it does; gives the keys it touched

A key's kind is in its name: "p3:l1" is list 1 of connection 3.
"""

KINDS = {"s": 3, "c": 2, "e": 2, "l": 3, "h": 3, "t": 3, "z": 2, "x": 2}
FAR = 4_000_000_000_000  # A deadline in milliseconds that no test sees.
UNKNOWN = object()  # The reply that did not arrive.
READS = {"s": ("GET",), "c": ("GET",), "e": ("GET",), "l": ("LRANGE", "0", "-1"), "h": ("HGETALL",),
         "t": ("SMEMBERS",), "z": ("ZRANGE", "0", "-1", "WITHSCORES"), "x": ("XRANGE", "-", "+")}
GROUP = "group"


def kind_of(key):
    return key.split(":")[1][0]


def reading(key):
    """The calls whose replies `found` takes."""
    name, *rest = READS[kind_of(key)]
    calls = [(name, key, *rest), ("PEXPIRETIME", key)]
    if kind_of(key) == "x":
        calls += [("XINFO", "STREAM", key), ("XINFO", "GROUPS", key),
                  ("XPENDING", key, GROUP, "-", "+", "1000")]
    return calls


def text(value):
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else value


def found(key, replies):
    """The value and the deadline that the server has, in State's form; None: no such key."""
    kind, value, deadline = kind_of(key), replies[0], replies[1]
    if deadline == -2:
        return None
    if kind in "sce":
        value = text(value)
    elif kind == "l":
        value = [text(item) for item in value]
    elif kind == "t":
        value = {text(item) for item in value}
    elif kind == "h":
        value = dict(zip(map(text, value[::2]), map(text, value[1::2])))
    elif kind == "z":
        value = {text(m): float(score) for m, score in zip(value[::2], value[1::2])}
    else:
        value = found_stream(value, *replies[2:])
    return value, deadline


def found_stream(entries, info, groups, pending):
    facts = {text(name): text(value) for name, value in zip(info[::2], info[1::2])}
    stream = {"entries": [(text(entry), [text(f) for f in fields]) for entry, fields in entries],
              "last": int(facts["last-generated-id"].split("-")[0]),
              "added": facts["entries-added"], "group": None}
    for group in groups:
        named = {text(name): text(value) for name, value in zip(group[::2], group[1::2])}
        stream["group"] = {"delivered": int(named["last-delivered-id"].split("-")[0]),
                           "pending": [text(item[0]) for item in pending]}
    return stream


class State:
    def __init__(self, owner):
        self.keys = {f"{owner}:{kind}{i}": None for kind, n in KINDS.items() for i in range(n)}

    def value(self, key):
        return None if self.keys[key] is None else self.keys[key][0]

    # --- What comes next ---

    def invent(self, random, n):
        """A command; n makes its values like no other's."""
        key = random.choice([key for key in self.keys])
        kind = kind_of(key)
        other = random.choice([k for k in self.keys if kind_of(k) == kind])
        if random.random() < 0.06 and self.keys[key] is not None and kind != "e":
            choice = random.randrange(4)
            if choice == 0:
                return ("DEL", key)
            if choice == 1 and other != key:
                return ("RENAME", key, other)
            if choice == 2:
                return ("PEXPIREAT", key, str(FAR + n))
            return ("PERSIST", key)
        return getattr(self, "_invent_" + kind)(random, key, other, n)

    def _invent_s(self, random, key, other, n):
        size = 30_000 if random.random() < 0.02 else random.randrange(60)
        value = self.value(key)
        if value is not None and len(value) < 2000 and random.random() < 0.5:
            if random.random() < 0.5:
                return ("APPEND", key, f"+{n}")
            return ("SETRANGE", key, str(random.randrange(len(value) + 3)), f"r{n}")
        if value is not None and random.random() < 0.1:
            return ("COPY", key, other, "REPLACE") if other != key else ("GETDEL", key)
        if random.random() < 0.1:
            return ("SET", key, f"v{n}", "PXAT", str(FAR + n))
        return ("SET", key, f"v{n}" + "x" * size)

    def _invent_c(self, random, key, _, n):
        return ("INCRBY", key, str(n)) if random.random() < 0.8 else ("DECR", key)

    def _invent_e(self, random, key, _, n):
        return ("SET", key, f"v{n}", "PX", str(random.choice((20, 200, 1000, 10_000))))

    def _invent_l(self, random, key, other, n):
        length = len(self.value(key) or ())
        choice = random.randrange(9)
        if length < 3 or (choice < 3 and length < 300):
            return (random.choice(("RPUSH", "LPUSH")), key,
                    *(f"i{n}.{i}" + "y" * random.choice((0, 0, 50))
                      for i in range(random.randrange(1, 5))))
        if choice == 4:
            return ("LTRIM", key, "1", str(random.randrange(20, 100)))
        if choice == 5:
            return ("LSET", key, str(random.randrange(length)), f"set{n}")
        if choice == 6:
            return ("LINSERT", key, "BEFORE", random.choice(self.value(key)), f"ins{n}")
        if choice == 7:
            return ("LMOVE", key, other, "LEFT", "RIGHT")
        return (random.choice(("LPOP", "RPOP")), key, str(random.randrange(1, 3)))

    def _invent_h(self, random, key, _, n):
        value = self.value(key) or {}
        choice = random.random()
        if value and choice < 0.25:
            return ("HDEL", key, *random.sample(sorted(value), random.randrange(len(value)) + 1))
        if choice < 0.35:
            return ("HINCRBY", key, "counted", str(n))
        return ("HSET", key, *(word for i in range(random.randrange(1, 4))
                               for word in (f"f{random.randrange(200)}", f"v{n}.{i}")))

    def _invent_t(self, random, key, other, n):
        value = self.value(key) or set()
        choice = random.random()
        if value and choice < 0.2:
            return ("SREM", key, random.choice(sorted(value)))
        if value and choice < 0.3:
            return ("SMOVE", key, other, random.choice(sorted(value)))
        if value and choice < 0.4:
            return ("SPOP", key)
        if len(value) > 200:
            return ("DEL", key)
        return ("SADD", key, *(random.choice((f"m{n}.{i}", str(n * 10 + i)))
                               for i in range(random.randrange(1, 4))))

    def _invent_z(self, random, key, _, n):
        value = self.value(key) or {}
        choice = random.random()
        if value and choice < 0.15:
            return ("ZREM", key, random.choice(sorted(value)))
        if value and choice < 0.3:
            return ("ZPOPMIN", key, "2")
        if len(value) > 200:
            return ("ZREMRANGEBYRANK", key, "0", "100")
        if value and choice < 0.5:
            return ("ZINCRBY", key, str(n), random.choice(sorted(value)))
        return ("ZADD", key, str(random.randrange(1000)), f"m{n}",
                str(n), f"k{random.randrange(50)}")

    def _invent_x(self, random, key, _, n):
        value = self.value(key)
        choice = random.random()
        if value is None or choice < 0.5:
            last = 0 if value is None else value["last"]
            return ("XADD", key, f"{last + random.randrange(1, 3)}-1", "n", str(n))
        if value["group"] is None:
            return ("XGROUP", "CREATE", key, GROUP, "0")
        pending = value["group"]["pending"]
        if pending and choice < 0.65:
            return ("XACK", key, GROUP, random.choice(pending))
        if choice < 0.8:
            return ("XREADGROUP", "GROUP", GROUP, "me", "COUNT", "2", "STREAMS", key, ">")
        if choice < 0.9 and value["entries"]:
            return ("XDEL", key, random.choice(value["entries"])[0])
        return ("XTRIM", key, "MAXLEN", "=", str(random.randrange(5, 60)))

    # --- What it does ---

    def apply(self, command, reply, now_ms, hint=None):
        """The keys that it touched. now_ms: when it was sent, for deadlines. Where the reply is
        UNKNOWN but says what happened, `hint` (a function from key to what was found) decides."""
        name, *args = command
        if name == "XGROUP":
            name, args = "XGROUP_CREATE", args[1:]
        if name == "XREADGROUP":
            args = [args[6], args[4]]
        return getattr(self, "_" + name.lower())(*args, reply=reply, now_ms=now_ms, hint=hint)

    def _put(self, key, value, deadline=None):
        """Keeps the deadline that there is unless one is given; nothing left: no key."""
        if value is None or value in ([], {}, set()):
            self.keys[key] = None
        else:
            old = -1 if self.keys[key] is None else self.keys[key][1]
            self.keys[key] = (value, old if deadline is None else deadline)
        return (key,)

    def _set(self, key, value, option=None, at=None, now_ms=0, **_):
        if option == "PX":  # Up to when it may be there; the server's own moment is later.
            return self._put(key, value, int(at) + now_ms)
        return self._put(key, value, -1 if option is None else int(at))

    def _append(self, key, tail, **_):
        return self._put(key, (self.value(key) or "") + tail)

    def _setrange(self, key, at, part, **_):
        value = (self.value(key) or "").ljust(int(at), "\0")
        return self._put(key, value[:int(at)] + part + value[int(at) + len(part):])

    def _getdel(self, key, **_):
        return self._put(key, None)

    _del = _getdel

    def _copy(self, key, other, _replace, **_):
        if self.keys[key] is not None:
            self.keys[other] = self.keys[key]
        return (other,)

    def _rename(self, key, other, **_):
        self.keys[other], self.keys[key] = self.keys[key], None
        return (key, other)

    def _pexpireat(self, key, at, **_):
        return self._put(key, self.value(key), int(at))

    def _persist(self, key, **_):
        return self._put(key, self.value(key), -1)

    def _incrby(self, key, n, **_):
        return self._put(key, str(int(self.value(key) or 0) + int(n)))

    def _decr(self, key, **_):
        return self._incrby(key, -1)

    def _rpush(self, key, *items, **_):
        return self._put(key, (self.value(key) or []) + list(items))

    def _lpush(self, key, *items, **_):
        return self._put(key, list(reversed(items)) + (self.value(key) or []))

    def _ltrim(self, key, first, last, **_):
        return self._put(key, (self.value(key) or [])[int(first):int(last) + 1])

    def _lset(self, key, at, item, **_):
        items = list(self.value(key))
        items[int(at)] = item
        return self._put(key, items)

    def _linsert(self, key, _where, pivot, item, **_):
        items = list(self.value(key) or [])
        if pivot in items:
            items.insert(items.index(pivot), item)
        return self._put(key, items)

    def _lpop(self, key, n, **_):
        return self._put(key, (self.value(key) or [])[int(n):])

    def _rpop(self, key, n, **_):
        items = self.value(key) or []
        return self._put(key, items[:max(0, len(items) - int(n))])

    def _lmove(self, key, other, *_, **__):
        items = self.value(key) or []
        if items:
            self._put(key, items[1:])
            self._put(other, (self.value(other) or []) + items[:1])
        return (key, other)

    def _hset(self, key, *words, **_):
        return self._put(key, {**(self.value(key) or {}), **dict(zip(words[::2], words[1::2]))})

    def _hdel(self, key, *fields, **_):
        return self._put(key, {f: v for f, v in (self.value(key) or {}).items() if f not in fields})

    def _hincrby(self, key, field, n, **_):
        value = self.value(key) or {}
        return self._put(key, {**value, field: str(int(value.get(field, 0)) + int(n))})

    def _sadd(self, key, *members, **_):
        return self._put(key, (self.value(key) or set()) | set(members))

    def _srem(self, key, member, **_):
        return self._put(key, (self.value(key) or set()) - {member})

    def _smove(self, key, other, member, **_):
        if member in (self.value(key) or set()):
            self._put(other, (self.value(other) or set()) | {member})
            if other != key:
                self._srem(key, member)
        return (key, other)

    def _spop(self, key, reply, hint, **_):
        members = self.value(key) or set()
        if reply is UNKNOWN and members:
            now = hint(key)
            missing = members - (now[0] if now else set())
            return self._put(key, members - {sorted(missing or members)[0]})
        return self._put(key, members - {text(reply)})

    def _zadd(self, key, *words, **_):
        pairs = zip(words[1::2], map(float, words[::2]))
        return self._put(key, {**(self.value(key) or {}), **dict(pairs)})

    def _zincrby(self, key, n, member, **_):
        value = self.value(key) or {}
        return self._put(key, {**value, member: value.get(member, 0.0) + int(n)})

    def _zrem(self, key, member, **_):
        return self._put(key, {m: s for m, s in (self.value(key) or {}).items() if m != member})

    def _ranked(self, key):
        value = self.value(key) or {}
        return sorted(value, key=lambda member: (value[member], member.encode("latin-1")))

    def _zpopmin(self, key, n, **_):
        value = self.value(key) or {}
        return self._put(key, {member: value[member] for member in self._ranked(key)[int(n):]})

    def _zremrangebyrank(self, key, _first, last, **_):
        return self._zpopmin(key, int(last) + 1)

    def _stream(self, key, **changes):
        empty = {"entries": [], "last": 0, "added": 0, "group": None}
        return self._put(key, {**(self.value(key) or empty), **changes})

    def _xadd(self, key, entry, *fields, **_):
        value = self.value(key) or {"entries": [], "added": 0}
        return self._stream(key, entries=value["entries"] + [(entry, list(fields))],
                            last=int(entry.split("-")[0]), added=value["added"] + 1)

    def _xdel(self, key, entry, **_):
        if self.value(key) is None:
            return (key,)
        return self._stream(key, entries=[e for e in self.value(key)["entries"] if e[0] != entry])

    def _xtrim(self, key, _how, _exactly, most, **_):
        if self.value(key) is None:
            return (key,)
        return self._stream(key, entries=self.value(key)["entries"][-int(most):])

    def _xgroup_create(self, key, _group, _from, **_):
        return self._stream(key, group={"delivered": 0, "pending": []})

    def _xreadgroup(self, key, count, **_):
        value = self.value(key)
        group = value["group"]
        new = [e[0] for e in value["entries"] if int(e[0].split("-")[0]) > group["delivered"]]
        new = new[:int(count)]
        if not new:
            return (key,)
        return self._stream(key, group={"delivered": int(new[-1].split("-")[0]),
                                        "pending": group["pending"] + new})

    def _xack(self, key, _group, entry, **_):
        group = self.value(key)["group"]
        pending = [there for there in group["pending"] if there != entry]
        return self._stream(key, group={**group, "pending": pending})


def existing(stream):
    """Without what is pending of entries that are deleted: a base of commands can't have it, as in
    Redis."""
    if stream["group"] is None:
        return stream
    entries = {entry for entry, _ in stream["entries"]}
    pending = [entry for entry in stream["group"]["pending"] if entry in entries]
    return {**stream, "group": {**stream["group"], "pending": pending}}


def same(key, expected, there, read_to_ms):
    """Whether the found value is the expected one, as it was read in that span of time."""
    if kind_of(key) == "x" and expected is not None and there is not None:
        return (existing(expected[0]), expected[1]) == (existing(there[0]), there[1])
    if kind_of(key) != "e":
        return expected == there
    if expected is None or there is None:
        # What was set may be gone when its time is over, and only then.
        return there is None and (expected is None or expected[1] <= read_to_ms)
    # The server counts from when it got the command, which is when it was sent or somewhat later.
    return expected[0] == there[0] and -50 <= there[1] - expected[1] <= 5000
