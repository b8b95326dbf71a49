# SPDX-License-Identifier: Apache-2.0
"""How the replies of a command compare when they may differ, and what brings both servers together
again after a command that does what it likes.

Without a rule replies are equal or they differ. A rule's `agree` looks at the two replies; its
`settle` runs after the call outside of transactions, may ask both servers (a Pair) for more, and
returns a complaint or None. A call with `settle` ends a batch. `changes` says that the command leaves
different values behind: when EXEC made the call, nobody can tell what came after it.
"""
import collections

import scripted
from wire import Typed, is_error, items_of

DEADLINE_SLACK_SECONDS = 5
SCAN_ROUNDS = 10000  # A cursor that still goes on after so many calls goes in circles.

Rule = collections.namedtuple("Rule", "agree settle changes", defaults=(None, False))


def multiset(henge, reference):
    return _sorted(henge) == _sorted(reference)


def _sorted(reply):
    items = items_of(reply)
    sign = reply.sign if isinstance(reply, Typed) else "*"
    return (sign, sorted(items, key=repr)) if items is not None else reply


def _pairs(reply):
    items = items_of(reply)
    if items is None or len(items) % 2:
        return reply
    sign = reply.sign if isinstance(reply, Typed) else "*"
    return sign, sorted(zip(items[::2], items[1::2]), key=repr)


def pairs(_, henge, reference):
    """Fields and values, in the order of a hash table."""
    return _pairs(henge) == _pairs(reference)


def unordered(_, henge, reference):
    return multiset(henge, reference)


def near(slack):
    def agree(_, henge, reference):
        if isinstance(henge, int) and isinstance(reference, int) and reference > 0:
            return abs(henge - reference) <= slack
        return henge == reference
    return agree


def same_kind(_, henge, reference):
    """Of lists, as many items of the same types."""
    if isinstance(henge, Typed) and isinstance(reference, Typed):
        if henge.sign != reference.sign or henge.sign in "-+":
            return henge == reference
    mine, theirs = items_of(henge), items_of(reference)
    if mine is None or theirs is None:
        return type(henge) is type(reference)
    return len(mine) == len(theirs) and all(same_kind(_, a, b) for a, b in zip(mine, theirs))


def without(*names):
    """XINFO's maps, but for these fields, wherever they stand."""
    def strip(reply):
        items = items_of(reply)
        if items is None:
            return reply
        items = [strip(item) for item in items]
        for at in range(len(items) - 2, -1, -1):
            if isinstance(items[at], bytes) and items[at] in names:
                del items[at:at + 2]
        return (reply.sign if isinstance(reply, Typed) else "*", items)
    return lambda _, henge, reference: strip(henge) == strip(reference)


def pending(words, henge, reference):
    """XPENDING's rows hold how long ago an entry was delivered."""
    def strip(reply):
        rows = items_of(reply)
        if not rows or not all(isinstance(row, list) and len(row) == 4 for row in rows):
            return reply
        return [[row[0], row[1], row[3]] for row in rows]
    return strip(henge) == strip(reference)


def full_info(words, henge, reference):
    """XINFO STREAM FULL: pending entries come with the time of their delivery."""
    def strip(reply):
        items = items_of(reply)
        if items is None:
            return reply
        if len(items) in (3, 4) and isinstance(items[0], bytes) and b"-" in items[0] and \
                isinstance(items[-2], int):
            return [*items[:-2], items[-1]]
        return [strip(item) for item in items]
    return VOLATILE_INFO(words, strip(henge), strip(reference))


VOLATILE_INFO = without(b"idle", b"inactive", b"seen-time", b"active-time", b"radix-tree-keys",
                        b"radix-tree-nodes", b"consumers")


def busy_consumers(words, henge, reference):
    """Since 7.2 who claims or reads nothing is a consumer, too: only those with pending entries count."""
    def strip(reply):
        rows = items_of(reply)
        if rows is None or any(items_of(row) is None for row in rows):
            return reply
        return [row for row in rows if items_of(row)[3:4] != [0]]
    return VOLATILE_INFO(words, strip(henge), strip(reference))


def info(words, henge, reference):
    if words[1].upper() == b"CONSUMERS":
        return busy_consumers(words, henge, reference)
    return (full_info if len(words) > 3 else VOLATILE_INFO)(words, henge, reference)


def group(words, henge, reference):
    if words[1].upper() == b"CREATECONSUMER" and isinstance(henge, int) and isinstance(reference, int):
        return True
    return henge == reference


def settle_random(probe, width):
    """What Henge drew must be there: `probe` makes of the key and the items a call that says so."""
    def settle(pair, words, henge, reference):
        drawn = items_of(henge) if len(words) > 2 else [henge]
        if is_error(henge) or not drawn or drawn == [None]:
            return None
        if drawn and isinstance(drawn[0], list):
            drawn = [item for row in drawn for item in row]
        with_values = len(words) > 3
        names = drawn[::2] if with_values else drawn
        found = pair.ask(probe(words[1], names))[0]
        if with_values and not _as_texts(found) == _as_texts(drawn[1::2]):
            return f"what was drawn has other values: {found}"
        if None in found or (width == "flags" and 0 in found):
            return f"what was drawn is not there: {found}"
        if not words[2:3] or not words[2].startswith(b"-"):
            if len(set(names)) != len(names):
                return "a positive count drew something twice"
        return None
    return settle


def _as_texts(values):
    return [value.value if isinstance(value, Typed) else value for value in values]


def settle_key(pair, words, henge, reference):
    """RANDOMKEY: the key exists."""
    if isinstance(henge, bytes) and pair.ask((b"EXISTS", henge))[0] != 1:
        return "no such key"
    return None


def settle_popped(pair, words, henge, reference):
    """SPOP: each must have popped what the other still has; then both have lost both."""
    mine, theirs = (set(items_of(r) or ([r] if isinstance(r, bytes) else [])) for r in (henge, reference))
    if len(mine) != len(items_of(henge) or [0] * len(mine)):
        return "something was popped twice"
    if mine == theirs:
        return None
    only_mine, only_theirs = sorted(mine - theirs), sorted(theirs - mine)
    removed = pair.tell((b"SREM", words[1], *only_theirs), (b"SREM", words[1], *only_mine))
    expected = [len(only_theirs), len(only_mine)]
    return None if removed == expected else f"popped what was not there: SREM gave {removed}"


def settle_gone(pair, words, henge, reference):
    pair.tell(*[(b"DEL", words[1])] * 2)
    return None


def settle_new_entry(pair, words, henge, reference):
    """XADD with an identifier made of the time: both streams go."""
    return settle_gone(pair, words, henge, reference) if henge != reference else None


def settle_scan(pair, words, henge, reference):
    """Goes on with both cursors to the end, and compares all that came."""
    at = 1 if words[0].upper() == b"SCAN" else 2
    if words[at] != b"0":
        return None
    width = 2 if words[0].upper() in (b"HSCAN", b"ZSCAN") else 1
    scored = words[0].upper() == b"ZSCAN"
    found = []
    for end, reply in enumerate((henge, reference)):
        items = set()
        for _ in range(SCAN_ROUNDS):
            if not isinstance(reply, list) or len(reply) != 2:
                found.append(reply)
                break
            items |= set(zip(*[map(_rounded if scored else bytes, reply[1])] * width))
            if reply[0] == b"0":
                found.append(items)
                break
            reply = pair.ask((*words[:at], reply[0], *words[at + 1:]), end)[0]
        else:
            return f"still going after {SCAN_ROUNDS} calls"
    return None if found[0] == found[1] else f"whole iterations differ: {found[0]} and {found[1]}"


def _rounded(text):
    """A score's text, however many digits it has; a listpack knows no -0."""
    try:
        return repr(float(text) + 0.0).encode()
    except ValueError:
        return text


def anything(_, henge, reference):
    """SCAN's replies: settle_scan compares."""
    return is_error(henge) == is_error(reference) and (not is_error(henge) or henge == reference)


def added(words, henge, reference):
    return same_kind(words, henge, reference) if b"*" in words else henge == reference


def _in_no_order(upper):
    """BY a constant sorts nothing, and ALPHA does not part what is equal up to a NUL."""
    constant = any(word == b"BY" and b"*" not in pattern for word, pattern in zip(upper, upper[1:]))
    return constant or b"ALPHA" in upper and any(word in upper for word in (b"BY", b"GET", b"STORE"))


def sort_reply(words, henge, reference):
    """Without an order, a set's is its table's; with LIMIT, which items are seen as well."""
    upper = [word.upper() for word in words]
    if henge == reference:
        return True
    if not isinstance(henge, list) or not isinstance(reference, list) or len(henge) != len(reference):
        return False
    if not _in_no_order(upper):
        return b"ALPHA" in upper and any(b"\x00" in item for item in (*henge, *reference) if item)
    return b"LIMIT" in upper or multiset(henge, reference)


def settle_sort(pair, words, henge, reference):
    """What was stored in no order is a list of another order."""
    pair.tell(*[(b"DEL", stored_in(words))] * 2)
    return None


def stored_in(words):
    """The key that takes what the call finds, or None."""
    words = scripted.inner(words)
    upper = [word.upper() for word in words]
    if upper and upper[0].endswith(b"STORE"):
        return words[1] if len(words) > 1 else None
    places = [at for at, word in enumerate(upper[:-1]) if word in (b"STORE", b"STOREDIST")]
    return words[places[-1] + 1] if places else None


def key_unlike_reference(words):
    """The key whose waiting clients Henge and the reference may serve otherwise; or None.

    Redis overlooks what is stored over another value, and 7.0 ends waits with entries that are trimmed at once, or
    were before any group of the stream was destroyed.
    """
    words = scripted.inner(words)
    if words[:1] and words[0].upper() == b"XGROUP":
        return words[2] if len(words) > 2 and words[1].upper() == b"DESTROY" else None
    if words[:1] and words[0].upper() == b"XADD":
        return words[1] if any(word.upper() in (b"MAXLEN", b"MINID") for word in words[2:5]) else None
    return stored_in(words)


def _geo_members(reply):
    return [item[0] if isinstance(item, list) else item for item in reply]


def geo_counted(words, henge, reference):
    """As many members; whether they are as near, settle_geo sees."""
    if isinstance(henge, list) and isinstance(reference, list):
        return len(henge) == len(reference)
    return henge == reference


def settle_geo(pair, words, henge, reference):
    """Members as far as each other may stand for each other where COUNT cuts."""
    if henge == reference:
        return None
    at = [word.upper() for word in words].index(b"COUNT")
    everything = pair.ask((*words[:at], *words[at + 2:], b"WITHDIST"), 1)[0]
    distances = {item[0]: item[1] for item in everything}
    if [distances.get(name) for name in _geo_members(henge)] != [distances[name] for name in _geo_members(reference)]:
        return "not as near"
    return None


def settle_geo_stored(pair, words, henge, reference):
    key = stored_in(words)
    stored = [pair.ask((b"ZRANGE", key, b"0", b"-1"), end)[0] for end in (0, 1)]
    if stored[0] != stored[1]:
        pair.tell(*[(b"DEL", key)] * 2)
    return None if len(stored[0]) == len(stored[1]) else "other numbers were stored"


GEO_COUNTED = Rule(geo_counted, settle_geo)
GEO_COUNTED_STORED = Rule(geo_counted, settle_geo_stored, True)

RULES = {
    **{name: Rule(unordered) for name in ("SMEMBERS", "SUNION", "SINTER", "SDIFF", "KEYS", "HKEYS", "HVALS")},
    "HGETALL": Rule(pairs),
    **{name: Rule(near(DEADLINE_SLACK_SECONDS)) for name in ("TTL", "EXPIRETIME")},
    **{name: Rule(near(1000 * DEADLINE_SLACK_SECONDS)) for name in ("PTTL", "PEXPIRETIME")},
    "SRANDMEMBER": Rule(same_kind, settle_random(lambda k, m: (b"SMISMEMBER", k, *m), "flags")),
    "HRANDFIELD": Rule(same_kind, settle_random(lambda k, m: (b"HMGET", k, *m), "values")),
    "ZRANDMEMBER": Rule(same_kind, settle_random(lambda k, m: (b"ZMSCORE", k, *m), "values")),
    "RANDOMKEY": Rule(same_kind, settle_key),
    "SPOP": Rule(same_kind, settle_popped, True),
    "XADD": Rule(added, settle_new_entry, True),
    **{name: Rule(anything, settle_scan) for name in ("SCAN", "HSCAN", "SSCAN", "ZSCAN")},
    "XPENDING": Rule(pending),
    "XINFO": Rule(info),
    "XGROUP": Rule(group),
    "SORT": Rule(sort_reply, settle_sort, True),
    **{name: GEO_COUNTED for name in ("GEOSEARCH", "GEOSEARCHSTORE", "GEORADIUS", "GEORADIUS_RO",
                                      "GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO")},
    "SORT_RO": Rule(sort_reply),
}
RULES = {name.encode(): rule for name, rule in RULES.items()}
PLAIN = Rule(lambda words, henge, reference: henge == reference)


def rule_of(words):
    words = scripted.inner(words)
    rule = RULES.get(words[0].upper(), PLAIN)
    if rule.settle is settle_new_entry and b"*" not in words:
        return PLAIN
    if rule is GEO_COUNTED:
        upper = [word.upper() for word in words]
        if b"COUNT" not in upper or b"ANY" in upper:
            return PLAIN
        return GEO_COUNTED_STORED if stored_in(words) else rule
    if rule.settle is settle_sort:
        upper = [word.upper() for word in words]
        return rule if b"STORE" in upper[:-1] and _in_no_order(upper) else RULES[b"SORT_RO"]
    return rule


def numbers_agree(henge, reference):
    """Equal but for texts of the same double: 7.2 prints the fewest digits that say which."""
    if henge == reference:
        return True
    mine, theirs = items_of(henge), items_of(reference)
    if mine is not None and theirs is not None:
        return (type(henge) is type(reference) and len(mine) == len(theirs) and
                all(numbers_agree(a, b) for a, b in zip(mine, theirs)))
    if isinstance(henge, Typed) and isinstance(reference, Typed):
        return henge.sign == reference.sign == "," and _same_double(henge.value, reference.value)
    return isinstance(henge, bytes) and isinstance(reference, bytes) and _same_double(henge, reference)


def _same_double(henge, reference):
    try:
        return float(henge) == float(reference)
    except ValueError:
        return False


def encodings_agree(kind, henge, reference):
    """OBJECT ENCODING of a key of this type. Since 7.2 short lists and small sets are listpacks."""
    if kind == b"list":
        return henge in (b"listpack", b"quicklist") and reference == b"quicklist"
    if kind == b"set" and reference == b"hashtable":
        return henge in (b"listpack", b"hashtable")
    return henge == reference
