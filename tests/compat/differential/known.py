# SPDX-License-Identifier: Apache-2.0
"""Differences that are meant: Debian's 7.0.15 is older than 7.2, or Henge differs by design.

docs/differences.md names each (differential_test.py looks). `matches` sees the words of a call, both
replies where these differ, and the names of all commands that were called before; what a forgiven
call touched is deleted on both sides.
"""
import collections

import rules
from wire import Typed, is_error

Known = collections.namedtuple("Known", "name matches")


def name_of(words):
    return words[0].upper()


def error(reply, start=b""):
    return is_error(reply) and reply.value.startswith(start)


def _new_parameter(words, henge, reference, called):
    return (name_of(words) == b"CONFIG" and words[2:] and words[2].startswith(b"set-max-listpack") and
            error(reference, b"ERR Unknown option") and henge == Typed("+", b"OK"))


# The shapes leave WITHSCORE out: inside MULTI it would end the reference's transaction.
def _with_score(words, henge, reference, called):
    return (name_of(words) in (b"ZRANK", b"ZREVRANK") and len(words) >= 4 and
            (error(reference, b"ERR wrong number of arguments") or
             error(reference, b"ERR Wrong number of args calling Redis command from script")))


def _bits_left_alone(words, henge, reference, called):
    return (words[:2] == (b"OBJECT", b"ENCODING") and reference == b"raw" and henge in (b"int", b"embstr") and
            called & {b"SETBIT", b"BITFIELD"})


def _ends_at_nul(words, henge, reference, called):
    if name_of(words).endswith(b"SCAN") and error(henge, b"ERR invalid cursor"):
        return any(b"\x00" in word for word in words)
    return (error(henge) and error(reference) and b"\x00" in henge.value and
            reference.value.startswith(henge.value.partition(b"\x00")[0]))


def _stale_error(words, henge, reference, called):
    return (name_of(words).startswith(b"SORT") and not is_error(henge) and
            error(reference, b"ERR One or more scores can't be converted into double"))


def _fewer_digits(words, henge, reference, called):
    prints_scores = name_of(words)[:1] in (b"Z", b"B") or name_of(words).startswith(b"GEO")
    return prints_scores and rules.numbers_agree(henge, reference)


def _converted_beforehand(words, henge, reference, called):
    pairs = ((b"skiplist", b"listpack"), (b"hashtable", b"listpack"), (b"hashtable", b"intset"),
             (b"listpack", b"intset"))
    return words[:2] == (b"OBJECT", b"ENCODING") and (henge, reference) in pairs


def _unbalanced(words, henge, reference, called):
    return error(henge, b"ERR Unbalanced '") and error(reference, b"ERR Unbalanced XREAD list")


def _stream_gone(words, henge, reference, called):
    gone = (b"UNBLOCKED the stream key no longer exists",
            b"NOGROUP the consumer group this client was blocked on no longer exists")
    return error(henge, b"NOGROUP No such key") and any(error(reference, text) for text in gone)


def _last_entry(words, henge, reference, called):
    return name_of(words) == b"XREAD" and b"+" in words and error(reference, b"ERR Invalid stream ID")


def _set_below_deleted(words, henge, reference, called):
    return error(henge, b"ERR The ID specified in XSETID is smaller than current max_deleted")


def _smallest_rank(words, henge, reference, called):
    return name_of(words) == b"LPOS" and b"-9223372036854775808" in words and error(henge)


def _left_packed(words, henge, reference, called):
    return (words[:2] == (b"OBJECT", b"ENCODING") and (henge, reference) == (b"listpack", b"skiplist") and
            called & {b"SORT", b"SORT_RO"})


def _trimmed_at_once(words, henge, reference, called):
    streams = rules.items_of(reference) or []
    if isinstance(reference, Typed):  # A map.
        streams = list(zip(streams[::2], streams[1::2]))
    return (name_of(words).startswith(b"XREAD") and not is_error(henge) and
            any(isinstance(stream, (list, tuple)) and list(stream[1:]) == [[]] for stream in streams))


def _endless_timeout(words, henge, reference, called):
    return error(henge, b"ERR timeout is out of range")


TABLE = (
    Known("a timeout that overflows", _endless_timeout),
    Known("an entry that is trimmed at once ends no wait", _trimmed_at_once),
    Known("SORT leaves a sorted set packed", _left_packed),
    Known("the error of an unbalanced list of streams", _unbalanced),
    Known("what XREADGROUP says that waited for a stream now deleted", _stream_gone),
    Known("`XREAD … STREAMS key +`", _last_entry),
    Known("XSETID below the largest deleted entry", _set_below_deleted),
    Known("LPOS with the smallest RANK", _smallest_rank),
    Known("a call that brings more than fits converts beforehand", _converted_beforehand),
    Known("scores with the fewest digits that tell them apart", _fewer_digits),
    Known("SORT of numbers that follow an overflow", _stale_error),
    Known("a SETBIT or BITFIELD that changes nothing", _bits_left_alone),
    Known("an argument with a NUL", _ends_at_nul),
    Known("`set-max-listpack-entries` and `set-max-listpack-value`", _new_parameter),
    Known("ZRANK and ZREVRANK WITHSCORE", _with_score),
)


def known(words, henge, reference, called):
    """The entry that says why these replies differ, or None."""
    for entry in TABLE:
        if entry.matches(words, henge, reference, called):
            return entry
    return None
