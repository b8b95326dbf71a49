# SPDX-License-Identifier: Apache-2.0
"""Calls made by a script: EVAL of one command, which is judged as that command is."""

ANY = b"return redis.pcall(unpack(ARGV))"
# Seen to touch nothing but its key, so that Henge runs it beside others.
OWN = b"return redis.pcall('%s', KEYS[1], unpack(ARGV))"
# The second line 7.0 refuses.
NOT_BY_SCRIPTS = (b"CONFIG", b"DEBUG", b"MULTI", b"EXEC", b"DISCARD", b"WATCH", b"UNWATCH", b"EVAL",
                  b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP")


def wrap(draw, words, keys):
    """The call, made by a script that declares some of its keys."""
    if words[0].upper() in NOT_BY_SCRIPTS:
        return words
    if len(words) > 1 and words[1] in keys and words[0].isalpha() and draw.random() < 0.6:
        return (b"EVAL", OWN % words[0], b"1", *words[1:])
    declared = [word for word in words[1:] if word in keys and draw.random() < 0.7]
    return (b"EVAL", ANY, b"%d" % len(declared), *declared, *words)


def inner(words):
    """What the script of a call runs; the call itself if it is none."""
    if words[:1] != (b"EVAL",) or len(words) < 4 or not words[2].isdigit():
        return words
    if words[1] == ANY:
        return words[3 + int(words[2]):] or words
    name = words[1].partition(b"'")[2].partition(b"'")[0]
    return (name, *words[3:]) if words[1] == OWN % name else words
