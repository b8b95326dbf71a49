#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The transcript runner itself: its notation, and that it fails where it must."""
import contextlib
import io
import os
import sys
import tempfile
import unittest

import run  # First: it knows where the harness is.
import notation
import transcript
from resp import Reply


def bulk(text):
    return Reply("bulk", text)


class Notation(unittest.TestCase):
    def matches(self, text, reply, saved=None):
        return notation.parse_reply(text).matches(reply, {} if saved is None else saved)

    def test_requests_are_read_as_redis_cli_does(self):
        self.assertEqual(notation.parse_request(r'''SET "a b\x00\"" 'c\n' ${x}'''),
                         [b"SET", b'a b\x00"', b"c\\n", b"${x}"])
        self.assertEqual(notation.parse_request('RPUSH l {9..11} "ab"*2 {tag}'),
                         [b"RPUSH", b"l", b"9", b"10", b"11", b"abab", b"{tag}"])
        with self.assertRaises(notation.BadNotation):
            notation.parse_request('SET "a')

    def test_what_is_rendered_matches(self):
        replies = [
            Reply("simple", b"OK"), Reply("error", b"ERR no 'such' thing"), Reply("int", -3),
            bulk(b"a\r\n\x00\xff\"\\"), bulk("é".encode()), bulk(b""), Reply("nil", None),
            Reply("nil-array", None), Reply("double", b"-1.5"), Reply("bool", True),
            Reply("big", b"123"), Reply("verbatim", b"txt:a b"), Reply("array", []),
            Reply("array", [bulk(b"a" * 60), Reply("array", [Reply("int", 1), Reply("nil", None)]),
                            Reply("error", b"ERR a b"), Reply("simple", b"a b"), bulk(b"b" * 60)]),
            Reply("map", [bulk(b"k"), Reply("int", 1), bulk(b"l"), Reply("map", [])]),
            Reply("set", [bulk(b"x")]), Reply("push", [bulk(b"message"), bulk(b"c")]),
        ]
        for reply in replies:
            with self.subTest(reply):
                self.assertTrue(self.matches(notation.render(reply), reply))
                for other in replies:
                    if other is not reply and (other.kind, reply.kind) != ("nil", "nil-array"):
                        self.assertFalse(self.matches(notation.render(reply), other))

    def test_matchers(self):
        self.assertTrue(self.matches("<int 1..3>", Reply("int", 3)))
        self.assertFalse(self.matches("<int 1..3>", Reply("int", 4)))
        self.assertTrue(self.matches("~a.c", bulk(b"abc")))
        self.assertFalse(self.matches("~a.c", bulk(b"abcd")))
        self.assertTrue(self.matches("<float 1 0.1>", bulk(b"1.05")))
        self.assertTrue(self.matches("<error WRONG>", Reply("error", b"WRONGTYPE x")))
        array = Reply("array", [bulk(b"a"), bulk(b"b"), bulk(b"b")])
        self.assertTrue(self.matches('<unordered>["b" "a" "b"]', array))
        self.assertFalse(self.matches('<unordered>["b" "a" "a"]', array))
        self.assertTrue(self.matches('<unordered>[<any> "b" "b"]', array))
        self.assertTrue(self.matches('<contains>["b"]', array))
        self.assertFalse(self.matches('<contains>["c"]', array))
        saved = {}
        self.assertTrue(self.matches("[<save x> <any> <any>]", array, saved))
        self.assertEqual(saved, {"x": "a"})

    def test_slips_are_refused(self):
        for text in ("<nosuch>", '["a"', '"a" "b"', "<int 3>", "bare", "[=>"):
            with self.subTest(text), self.assertRaises(notation.BadNotation):
                notation.parse_reply(text)
        for text in ("+OK\n", "> SET k v\n@nosuch\n", "@config a\n> PING\n+PONG\n", "> P\n<nosuch>\n"):
            with self.subTest(text), self.assertRaises(transcript.BadTranscript):
                transcript.Transcript("x.rt", text).check()


class Runner(unittest.TestCase):
    def play(self, text, target="redis"):
        """The runner's exit code and what it prints, for one file against one server."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.rt")
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                code = run.run([target], [path], False)
            return code, printed.getvalue()

    def test_says_where_and_what(self):
        code, printed = self.play("= one\n> SET k v\n+OK\n> GET k\n\"w\"\n= two\n> GET k\n(nil)\n")
        self.assertEqual(code, 1)
        self.assertIn("x.rt:4: [redis] one: > GET k\n  expected: \"w\"\n  got:      \"v\"", printed)
        self.assertIn("1 passed, 1 failed", printed)

    def test_connections_blocking_and_pushes(self):
        code, printed = self.play("""
= a client waits
a>> BLPOP k 0
@blocked 1
a< <nothing>
> RPUSH k v
:1
a< ["k" "v"]
= pushed messages
@resp3
a> SUBSCRIBE ch
push["subscribe" "ch" :1]
> PUBLISH ch hi
:1
a< push["message" "ch" "hi"]
= raw bytes, and a connection that the server ends
a>raw "PING\\r\\n*x\\r\\n"
+PONG
a< <error ERR Protocol>
@closed a
= what was saved
> INCRBY n 41
<save n>
> INCR n
:42
> ECHO "${n}"
"41"
= configuration
@config maxmemory-samples 3
> CONFIG GET maxmemory-samples
["maxmemory-samples" "3"]
= comes back
> CONFIG GET maxmemory-samples
["maxmemory-samples" "5"]
= waiting
> SET k v PX 20
+OK
@await
> GET k
(nil)
""")
        self.assertIn("7 passed, 0 failed", printed)
        self.assertEqual(code, 0)

    def test_conditions_skip(self):
        _, printed = self.play("= a\n@since 99.0\n> NOSUCH\n+OK\n= b\n@henge-only it differs\n"
                               "> NOSUCH\n+OK\n= c\n> PING\n+PONG\n")
        self.assertIn("2 skipped", printed)
        self.assertIn("1 passed, 0 failed", printed)

    def test_a_case_may_want_a_cluster(self):
        _, printed = self.play("= a\n> HELLO\n<contains>[\"standalone\"]\n"
                               "= b\n@cluster\n> HELLO\n<contains>[\"cluster\"]\n> SET k v\n+OK\n")
        self.assertIn("2 passed, 0 failed", printed)

    def test_silence_of_the_transcript_is_a_failure(self):
        code, printed = self.play("> PING\n")
        self.assertEqual(code, 1)
        self.assertIn("the transcript does not say", printed)


if __name__ == "__main__":
    sys.exit(unittest.main())
