#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keyspace notifications: a long list of commands must cause the same stream of events, in the same
order, on Henge and on Debian's redis-server."""
import os
import shlex
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), path)
                for path in (".", "../compat")]

import harness  # noqa: E402  Found through the path above.
import resp  # noqa: E402

# One line, one case: commands separated by semicolons, on an empty database.
CASES = """
SET k v; SET k w; SET k v EX 100; SET k v KEEPTTL; SET k v GET; SET k v XX; SET k v NX; SETNX k v; SETNX n v
SETEX k 10 v; PSETEX k 10000 v; GETEX k; GETEX k PERSIST; GETEX k EX 10; GETEX k PXAT 1; GETDEL k; GETSET k v; GETDEL k
APPEND k a; APPEND k b; SETRANGE k 3 x; SETRANGE k 3 ""; STRLEN k; GETRANGE k 0 1
INCR n; INCRBY n 5; DECR n; DECRBY n 2; INCRBYFLOAT n 1.5; INCR n
MSET a 1 b 2 a 3; MSETNX c 1 d 2; MSETNX c 1 e 2; MGET a b c
SETBIT k 7 1; SETBIT k 7 1; BITFIELD k SET u8 0 255; BITFIELD k GET u8 0; BITFIELD k INCRBY u8 0 1 INCRBY u8 8 1
SET a x; SET b y; BITOP AND r a b; BITOP OR r none none2; BITOP NOT r a
DEL none; SET k v; DEL k k2; SET k v; UNLINK k; SET a 1; SET b 2; DEL a b
SET k v; EXPIRE k 100; EXPIRE k 100 NX; PEXPIRE k 100000; EXPIREAT k 4000000000; PERSIST k; PERSIST k; EXPIRE none 10
SET k v; EXPIRE k -1; SET k v; PEXPIREAT k 1; SET k v; EXPIREAT k 1
SET a v; RENAME a b; SET a w; RENAME a b; RENAMENX b c; SET d v; RENAMENX c d; RENAME d d
SET a v; COPY a b; COPY a b; COPY a b REPLACE; COPY a b DB 3; MOVE a 3; MOVE a 4; MOVE none 3
SET k v; TOUCH k; OBJECT ENCODING k; TYPE k; EXISTS k none; DUMP k
LPUSH l a b; RPUSH l c; LPUSHX l d; RPUSHX none x; LINSERT l BEFORE a z; LINSERT l AFTER nope z; LSET l 0 q; LTRIM l 0 2
RPUSH l a b c a; LREM l 1 a; LREM l 1 nope; LPOP l; RPOP l; LPOP l 5; RPOP l; LPOP none
RPUSH l a b c; LTRIM l 5 6; RPUSH l a; LREM l 0 a; RPUSH l a; RPOP l
RPUSH a 1 2 3; RPOPLPUSH a b; LMOVE a b LEFT RIGHT; LMOVE a a LEFT RIGHT; RPOPLPUSH a b; RPOPLPUSH a b
RPUSH a 1 2; BLPOP a 0; BRPOP a 0; RPUSH a 1 2; BLMOVE a b LEFT LEFT 0; BRPOPLPUSH a b 0; RPUSH a 1 2 3; LMPOP 1 a LEFT COUNT 2; BLMPOP 0 1 a RIGHT
SADD s a b c; SADD s a; SREM s a; SREM s nope; SPOP s; SPOP s 5; SADD s x; SREM s x
SADD a 1 2 3; SADD b 2 3 4; SMOVE a b 1; SMOVE a b 9; SMOVE a a 2; SINTERSTORE c a b; SUNIONSTORE c a b; SDIFFSTORE c a a; SDIFFSTORE c a a; SINTERCARD 2 a b
SADD a 1; SMOVE a b 1; SADD t 1; SINTERSTORE t none none2; SUNIONSTORE t none
HSET h f v g w; HSET h f v; HSETNX h f x; HSETNX h n x; HMSET h a 1; HINCRBY h c 1; HINCRBYFLOAT h d 1.5; HDEL h f g; HDEL h nope; HGET h a; HDEL h n a c d
ZADD z 1 a 2 b 3 c; ZADD z 1 a; ZADD z XX CH 5 a; ZADD z NX 9 a; ZADD z INCR 1 a; ZINCRBY z 2 b; ZREM z a; ZREM z nope; ZREM z b c
ZADD z 1 a 2 b 3 c 4 d 5 e 6 f; ZPOPMIN z; ZPOPMAX z; ZREMRANGEBYRANK z 0 0; ZREMRANGEBYSCORE z 3 3; ZREMRANGEBYSCORE z 100 200; ZADD y 0 a 0 b; ZREMRANGEBYLEX y - [a; ZREMRANGEBYLEX y - +
ZADD a 1 x 2 y; ZADD b 1 y 2 w; ZUNIONSTORE c 2 a b; ZINTERSTORE c 2 a b; ZDIFFSTORE c 2 a a; ZDIFFSTORE c 2 a b; ZRANGESTORE d a 0 -1; ZRANGESTORE d a 5 6; ZRANGESTORE none a 5 6
ZADD z 1 a 2 b; BZPOPMIN z 0; BZPOPMAX z 0; ZADD z 1 a 2 b 3 c; ZMPOP 1 z MIN; BZMPOP 0 1 z MAX COUNT 5; ZPOPMIN z
GEOADD g 13 38 p 15 37 q; GEOADD g 13 38 p; GEOSEARCHSTORE r g FROMMEMBER p BYRADIUS 500 km; GEOSEARCHSTORE r g FROMLONLAT 0 0 BYRADIUS 1 m; GEORADIUS g 15 37 500 km STORE t; GEORADIUS g 15 37 500 km STOREDIST u
PFADD p a b; PFADD p a; PFADD q c; PFMERGE r p q; PFCOUNT p q; PFADD e
XADD x 1-1 f v; XADD x MAXLEN 1 2-1 f v; XTRIM x MAXLEN 0; XADD x 3-1 f v; XDEL x 3-1; XDEL x 9-9; XSETID x 9-9; XADD x NOMKSTREAM 10-1 f v; XADD none NOMKSTREAM 10-1 f v
XADD x 1-1 f v; XADD x 2-1 f v; XGROUP CREATE x g 0; XGROUP CREATE y g 0 MKSTREAM; XGROUP CREATECONSUMER x g c; XGROUP CREATECONSUMER x g c; XREADGROUP GROUP g d COUNT 1 STREAMS x >; XACK x g 1-1; XREADGROUP GROUP g d STREAMS x >; XCLAIM x g e 0 2-1; XAUTOCLAIM x g f 0 0; XGROUP SETID x g 0; XGROUP DELCONSUMER x g d; XGROUP DELCONSUMER x g nope; XGROUP DESTROY x g; XGROUP DESTROY x g
RPUSH l 3 1 2; SORT l; SORT l STORE r; SORT none STORE r; SORT none STORE r
SET k v; FLUSHDB; SET k v; FLUSHALL; SET k v; SWAPDB 0 1
MULTI; SET a 1; INCR a; LPUSH l x; DEL a l; EXEC
MULTI; SET a 1; DISCARD; SET b 2
SELECT 5; SET k v; SELECT 0; DEL k; SELECT 5; DEL k
SET k v PX 1; DEBUG SLEEP 0.01; GET k
SET k v PX 1; DEBUG SLEEP 0.01; SET k w
HSET h f v; PEXPIRE h 1; DEBUG SLEEP 0.01; HSET h g w
SADD s a; SET s x; LPUSH s y; DEL s; LPUSH s y; SET s z
SET a x; RESTORE b 0 "\\x00\\x01x\\x0b\\x00" REPLACE; SET c v; LPUSH c x; INCR a; EXPIRE a 10 XX; EXPIRE a 10; EXPIRE a 20 GT
SET a 1; GETEX a PX 1; DEBUG SLEEP 0.01; EXISTS a; SET a 1 EXAT 1
"""
MARK = b"the end"


def commands(case):
    return [shlex.split(part) for part in case.split(";") if part.strip()]


def wire(word):
    return word.encode().decode("unicode_escape").encode("latin-1")


class Player:
    def __init__(self, server, classes):
        self.control = resp.Connection(server.port)
        self.control.call("CONFIG", "SET", "notify-keyspace-events", classes)
        self.control.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        self.listener = resp.Connection(server.port)
        self.listener.call("PSUBSCRIBE", "__key*__:*", "mark")
        self.listener.read()

    def play(self, case):
        """The events the case caused: (channel, message)."""
        self.control.call("FLUSHALL")
        self.control.call("SELECT", "0")
        for words in commands(case):
            self.control.send([wire(word) for word in words])
            self.control.read()
        self.control.call("PUBLISH", "mark", MARK)
        events = []
        while True:
            message = [part.value for part in self.listener.read().value]
            if message[3] == MARK:
                return events
            events.append((message[2].decode(), message[3].decode("latin-1")))


class NotificationsTest(harness.TestCase):
    def compare(self, classes, at_least):
        told = 0
        with harness.Henge({"io-threads": 2}) as henge, harness.Redis() as reference:
            ours, theirs = Player(henge, classes), Player(reference, classes)
            for case in CASES.strip().splitlines():
                with self.subTest(case=case):
                    events = theirs.play(case)
                    self.assertEqual(ours.play(case), events)
                    told += len(events)
        self.assertGreater(told, at_least)

    def test_the_streams_of_all_classes_are_equal(self):
        self.compare("KEA", 400)

    def test_misses_are_told(self):
        self.compare("KEm", 20)

    def test_only_what_was_asked_for_is_told(self):
        self.compare("Elg$", 100)

    def test_new_keys_are_told_before_what_made_them(self):
        self.compare("KEn", 100)

    def test_keys_whose_time_is_up_are_told_by_themselves(self):
        with harness.Henge() as henge:
            control = henge.client()
            control.config_set("notify-keyspace-events", "Ex")
            listener = henge.client().pubsub(ignore_subscribe_messages=True)
            listener.subscribe("__keyevent@0__:expired")
            self.await_listener(control, "__keyevent@0__:expired")
            control.set("k", "v", px=20)
            message = harness.wait_until(lambda: listener.get_message(timeout=0.1))
            self.assertEqual(message["data"], b"k")

    def await_listener(self, control, channel):
        harness.wait_until(lambda: control.pubsub_numsub(channel)[0][1] == 1, what="a listener")

    def test_evicted_keys_are_told(self):
        with harness.Henge() as henge:
            control = henge.client()
            control.config_set("notify-keyspace-events", "Ee")
            listener = henge.client().pubsub(ignore_subscribe_messages=True)
            listener.subscribe("__keyevent@0__:evicted")
            self.await_listener(control, "__keyevent@0__:evicted")
            control.set("k", "v")
            control.config_set("maxmemory-policy", "allkeys-lru")
            control.config_set("maxmemory", "1")
            try:
                control.set("other", "v")
            except Exception:  # noqa: BLE001  There may be no room for it.
                pass
            message = harness.wait_until(lambda: listener.get_message(timeout=0.1))
            self.assertIn(message["data"], (b"k", b"other"))


if __name__ == "__main__":
    harness.main()
