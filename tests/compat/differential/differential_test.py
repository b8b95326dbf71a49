#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The differential tester finds what it should, and nothing else.

    differential_test.py [SERVER]
"""
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(os.path.dirname(HERE)), "system")]

import commands  # noqa: E402
import harness  # noqa: E402  Found through the path above.
import known  # noqa: E402
import pools  # noqa: E402
import rules  # noqa: E402
import sequences  # noqa: E402
import shapes  # noqa: E402
import wire  # noqa: E402
from session import CHECK, Session  # noqa: E402
from shrink import Shrinker, transcript  # noqa: E402

PROTOCOLS = (2, 3, 2)
DOCUMENT = os.path.join(harness.ROOT, "docs/differences.md")


def calls_of(text, connection=0):
    return [(connection, tuple(word.encode() for word in line.split())) for line in text.strip().split("\n")]


class ShapeTest(unittest.TestCase):
    def words(self, line, seed):
        draw = pools.Draw(seed).begin(["list"])
        return shapes.Shape(line, {"xgroup|create"}).draw(draw)

    def test_reads_weight_and_name(self):
        self.assertEqual(shapes.Shape("0.5 SET string text", ()).weight, 0.5)
        self.assertEqual(shapes.Shape("XGROUP CREATE stream group 0", {"xgroup|create"}).name, "xgroup|create")
        self.assertEqual(shapes.Shape("SORT any", ()).name, "sort")

    def test_draws_choices_options_and_repetitions(self):
        pattern = re.compile(rb"LMOVE list\d (LEFT|RIGHT)( COUNT)?( X)+")
        drawn = {b" ".join(self.words("LMOVE list (LEFT|RIGHT) [COUNT] X+", seed)) for seed in range(200)}
        whole = [words for words in drawn if pattern.fullmatch(words)]
        self.assertGreater(len(whole), len(drawn) / 2)  # Some are spoilt.
        self.assertTrue(any(b"COUNT" in words for words in whole))

    def test_counts_keys(self):
        good = [words for words in (self.words("LMPOP n:list LEFT", seed) for seed in range(50))
                if words[1].isdigit() and int(words[1]) == len(words) - 3]
        self.assertGreater(len(good), 30)

    def test_refuses_words_that_draw_nothing(self):
        self.assertRaises(AttributeError, shapes.Shape, "GET nonsense", ())
        self.assertRaises(AssertionError, shapes.Shape, "GET string ] x", ())

    def test_a_seed_is_a_sequence(self):
        some = sequences.Sequences({"set", "get", "lpush", "multi", "exec", "discard", "watch", "unwatch"})
        self.assertEqual(some.draw(7), some.draw(7))
        self.assertNotEqual(some.draw(7), some.draw(8))


class WireTest(unittest.TestCase):
    def test_reads_every_type(self):
        data = b"*3\r\n:1\r\n$2\r\nab\r\n*-1\r\n%1\r\n+k\r\n#t\r\n=6\r\ntxt:ab\r\n_\r\n$-1\r\n-ERR x\r\n,1.5\r\n"
        replies, at = [], 0
        while at < len(data):
            reply, at = wire.parse(data, at)
            replies.append(reply)
        typed = wire.Typed
        self.assertEqual(replies, [[1, b"ab", typed("*", None)],
                                   typed("%", [typed("+", b"k"), typed("#", b"t")]),
                                   typed("=", b"txt:ab"), None, None, typed("-", b"ERR x"),
                                   typed(",", b"1.5")])

    def test_notices_the_end_within_a_reply(self):
        data = b"*2\r\n$5\r\nhello\r\n%1\r\n=5\r\ntxt:a\r\n:1\r\n"
        for length in range(len(data)):
            self.assertRaises(wire.Incomplete, wire.parse, data[:length], 0)


class RuleTest(unittest.TestCase):
    def agree(self, words, henge, reference):
        words = tuple(words.encode().split())
        return rules.rule_of(words).agree(words, henge, reference)

    def test_most_replies_must_be_equal(self):
        self.assertFalse(self.agree("LRANGE l 0 -1", [b"a", b"b"], [b"b", b"a"]))
        self.assertFalse(self.agree("GET k", b"1", 1))

    def test_the_order_of_a_set_is_free(self):
        self.assertTrue(self.agree("SMEMBERS s", [b"a", b"b"], [b"b", b"a"]))
        self.assertFalse(self.agree("SMEMBERS s", [b"a", b"a"], [b"b", b"a"]))
        self.assertFalse(self.agree("SMEMBERS s", wire.Typed("~", [b"a"]), [b"a"]))

    def test_fields_stay_with_their_values(self):
        self.assertTrue(self.agree("HGETALL h", [b"a", b"1", b"b", b"2"], [b"b", b"2", b"a", b"1"]))
        self.assertFalse(self.agree("HGETALL h", [b"a", b"2", b"b", b"1"], [b"b", b"2", b"a", b"1"]))

    def test_deadlines_may_be_near(self):
        self.assertTrue(self.agree("PTTL k", 100000, 100900))
        self.assertFalse(self.agree("PTTL k", -1, -2))
        self.assertFalse(self.agree("TTL k", 100, 900))

    def test_what_was_drawn_must_be_of_a_kind(self):
        self.assertTrue(self.agree("SRANDMEMBER s 2", [b"a", b"b"], [b"c", b"a"]))
        self.assertFalse(self.agree("SRANDMEMBER s 2", [b"a"], [b"c", b"a"]))
        self.assertFalse(self.agree("SPOP s", b"a", None))

    def test_times_of_streams_are_free(self):
        mine, theirs = ([[b"1-1", b"alice", idle, 2]] for idle in (5, 9))
        self.assertTrue(self.agree("XPENDING s g - + 9", mine, theirs))
        self.assertTrue(self.agree("XINFO CONSUMERS s g", [[b"name", b"a", b"pending", 1, b"idle", 1]], [[b"name", b"a", b"pending", 1, b"idle", 2]]))
        self.assertFalse(self.agree("XINFO CONSUMERS s g", [[b"name", b"a", b"pending", 1]], [[b"name", b"b", b"pending", 1]]))

    def test_sort_by_nothing_is_in_no_order(self):
        self.assertTrue(self.agree("SORT s BY nosort", [b"a", b"b"], [b"b", b"a"]))
        self.assertFalse(self.agree("SORT s BY w*", [b"a", b"b"], [b"b", b"a"]))

    def test_counted_places_may_be_others_as_far(self):
        counted = "GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 9 km COUNT 2"
        self.assertTrue(self.agree(counted, [b"a", b"b"], [b"b", b"c"]))
        self.assertFalse(self.agree(counted, [b"a"], [b"b", b"c"]))
        self.assertFalse(self.agree(counted + " ANY", [b"a", b"b"], [b"b", b"c"]))
        self.assertFalse(self.agree("GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 9 km", [b"a", b"b"], [b"b", b"a"]))

    def test_sees_where_a_call_stores(self):
        for text, key in (("SUNIONSTORE a b", b"a"), ("sort a by x store b", b"b"), ("SUNION a b", None),
                          ("GEORADIUS a 0 0 1 km STORE b STOREDIST c", b"c"), ("SORT a STORE", None)):
            self.assertEqual(rules.stored_in(tuple(text.encode().split())), key, text)


class CoverageTest(harness.TestCase):
    def test_every_data_command_has_a_shape_or_a_reason(self):
        connection = wire.Connection(self.redis().port)
        names = {name.decode().lower() for name in connection.call("COMMAND", "LIST")}
        shaped = {shapes.Shape(line, names).name for lines in (*commands.FAMILIES.values(), commands.TRANSACTIONS)
                  for line in lines.strip().split("\n")}
        groups = self.groups(connection)
        connection.close()
        lacking = [name for name, group in groups.items() if group in commands.GROUPS
                   and name not in shaped and name not in commands.LEFT_OUT]
        self.assertEqual(lacking, [])

    def groups(self, connection):
        """Without containers: {name: group}."""
        found, docs = {}, connection.call("COMMAND", "DOCS")
        for name, doc in zip(docs[::2], docs[1::2]):
            fields = dict(zip(doc[::2], doc[1::2]))
            names = fields.get(b"subcommands", [])[::2] or [name]
            found.update((each.decode(), fields[b"group"].decode()) for each in names)
        return found

    def test_known_differences_are_documented(self):
        with open(DOCUMENT, encoding="utf-8") as stream:
            text = " ".join(stream.read().lower().split())
        for entry in known.TABLE:
            self.assertIn(entry.name.lower(), text)


class SessionTest(harness.TestCase):
    def setUp(self):
        odd = self.redis({"rename-command": ["LLEN", ""]})
        self.ports = (odd.port, self.redis().port)

    def differs(self, calls):
        return Session(self.ports, PROTOCOLS, (b"k", b"l")).run(calls)

    def test_finds_cuts_down_and_shows_a_difference(self):
        calls = calls_of("SET k 1\nRPUSH l a b c\nGET k\nLLEN l\nDEL l") + [CHECK]
        difference = self.differs(calls)
        self.assertEqual((difference.at, difference.reference), (3, 3))
        shorter = Shrinker(self.differs).shrink(calls, difference)
        self.assertEqual(shorter[-1][1][:1], (b"LLEN",))
        self.assertEqual(len(shorter), 1)
        text = transcript(shorter, self.ports, PROTOCOLS, (b"k", b"l"), difference)
        self.assertRegex(text, r"^a> LLEN.*\n.*\n# Henge: -.*unknown command")

    def test_a_difference_in_a_transaction_is_one(self):
        calls = calls_of("MULTI\nSET k 1\nGET k\nEXEC\nMULTI\nLLEN l\nEXEC", 1)
        self.assertEqual(self.differs(calls).at, 5)

    def test_checks_values_and_encodings(self):
        ends = [wire.Connection(port) for port in self.ports]
        self.assertIsNone(self.differs(calls_of("SET k 1") + [CHECK]))
        for text, complaint in (("SET k 2", "values differ in database 0"), ("APPEND k 2", "encodings differ")):
            self.assertIsNone(self.differs(calls_of("SET k 1") + [CHECK]))
            ends[0].call(*text.split())
            difference = Session(self.ports, PROTOCOLS, (b"k",)).run([CHECK], empty=False)
            self.assertEqual(difference.complaint, complaint)
        for end in ends:
            end.close()

    def test_popped_members_leave_both_alike(self):
        calls = calls_of("SADD k 1 2 3 4 5 6 7 8 9\nSPOP k 3\nSPOP k\nSRANDMEMBER k 4\nSCARD k\n"
                         "MULTI\nSPOP l\nSADD l 1 2 3\nSPOP l 2\nEXEC")
        self.assertIsNone(self.differs(calls + [CHECK]))


if __name__ == "__main__":
    harness.main()
