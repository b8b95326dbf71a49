# SPDX-License-Identifier: Apache-2.0
"""What goes over a client's wire: RESP2, RESP3, inline commands, pipelines, garbage, big values."""
import threading

import harness
from wire import Closed, Wire, WireError, encode

MEGABYTE = 1 << 20


class WireCase(harness.TestCase):
    SETTINGS = {}

    def setUp(self):
        self.server = self.henge(self.SETTINGS)

    def wire(self, **options):
        wire = Wire(("127.0.0.1", self.server.port), **options)
        self.addCleanup(wire.close)
        return wire


class FramesTest(WireCase):
    def test_inline_commands(self):
        wire = self.wire()
        wire.send(b"SET key \"two words\\x21\\n\"\r\nGET key\n\r\n\n  \r\nGET 'k''ey\r\n")
        self.assertEqual([wire.read() for _ in range(3)],
                         ["OK", b"two words!\n",
                          "ERR Protocol error: unbalanced quotes in request"])
        self.assertTrue(wire.at_end())

    def test_inline_and_multibulk_in_one_write(self):
        wire = self.wire()
        wire.send(b"PING\r\n" + encode("ECHO", "a") + b"*0\r\n*-1\r\nPING b\r\n" + encode("PING"))
        self.assertEqual([wire.read() for _ in range(4)], ["PONG", b"a", b"b", "PONG"])

    def test_a_command_byte_by_byte(self):
        wire = self.wire()
        for byte in encode("SET", "key", "v" * 50) + b"get key\r\n":
            wire.send(bytes([byte]))
        self.assertEqual([wire.read(), wire.read()], ["OK", b"v" * 50])

    def test_hello_switches_protocols(self):
        wire = self.wire()
        self.assertIsInstance(wire.call("HELLO"), list)
        hello = wire.call("HELLO", 3, "SETNAME", "tester")
        self.assertEqual((hello[b"server"], hello[b"proto"], hello[b"mode"], hello[b"role"]),
                         (b"redis", 3, b"standalone", b"master"))
        self.assertIn(b"name=tester resp=3".split()[0], wire.call("CLIENT", "INFO"))
        self.assertIsInstance(wire.call("CONFIG", "GET", "maxclients"), dict)
        wire.send(encode("GET", "none"))
        self.assertEqual(wire.socket.recv(100), b"_\r\n")
        self.assertEqual(wire.call("HELLO", 4), "NOPROTO unsupported protocol version")
        self.assertEqual(wire.call("HELLO", "x"),
                         "ERR Protocol version is not an integer or out of range")
        self.assertIsInstance(wire.call("HELLO", 2), list)
        wire.send(encode("GET", "none"))
        self.assertEqual(wire.socket.recv(100), b"$-1\r\n")

    def test_redis_py_in_pipelines(self):
        with self.server.client() as client:
            pipe = client.pipeline(transaction=False)
            for i in range(1000):
                pipe.set(f"k{i}", i)
                pipe.get(f"k{i}")
            self.assertEqual(pipe.execute()[1::2], [str(i).encode() for i in range(1000)])

    def test_quit(self):
        wire = self.wire()
        wire.send(encode("PING") + encode("QUIT") + encode("SET", "after", "quit"))
        self.assertEqual([wire.read(), wire.read()], ["PONG", "OK"])
        self.assertTrue(wire.at_end())
        self.assertIsNone(self.wire().call("GET", "after"))


class GarbageTest(WireCase):
    """Each violation's text, after which the connection ends."""

    VIOLATIONS = [
        (b"*a\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*99999999999999999999\r\n", "invalid multibulk length"),
        (b"*\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*1" + b"1" * 70000, "too big mbulk count string"),
        (b"*1\r\nfoo\r\n", "expected '$', got 'f'"),
        (b"*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
        (b"*2\r\n$4\r\nECHO\r\n:1\r\n", "expected '$', got ':'"),
        (b"*1\r\n$a\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
        (b"*1\r\n$" + b"1" * 70000, "too big bulk count string"),
        (b"x" * 70000, "too big inline request"),
        (b"x" * 70000 + b"\r\n", "too big inline request"),
        (b"SET a 'b\r\n", "unbalanced quotes in request"),
        (b'SET a "b"c\r\n', "unbalanced quotes in request"),
    ]

    def test_each_violation(self):
        for sent, text in self.VIOLATIONS:
            with self.subTest(sent=sent[:30]):
                wire = self.wire()
                wire.send(encode("PING") + sent)
                self.assertEqual(wire.read(), "PONG")
                self.assertEqual(wire.read(), WireError("ERR Protocol error: " + text))
                self.assertTrue(wire.at_end())

    def test_the_reference_says_the_same(self):
        reference = self.redis()
        for sent, text in self.VIOLATIONS:
            if sent.startswith(b"x") and sent.endswith(b"\r\n"):
                continue  # Depends there on how the bytes fell into reads.
            with self.subTest(sent=sent[:30]), Wire(("127.0.0.1", reference.port)) as wire:
                wire.send(sent)
                self.assertEqual(wire.read(), WireError("ERR Protocol error: " + text))

    def test_in_the_middle_of_a_transaction(self):
        wire = self.wire()
        wire.send(encode("MULTI") + encode("SET", "a", 1) + b"*1\r\n!\r\n" + encode("EXEC"))
        self.assertEqual([wire.read(), wire.read()], ["OK", "QUEUED"])
        self.assertIn("Protocol error", wire.read())
        self.assertTrue(wire.at_end())
        self.assertEqual(self.wire().call("EXISTS", "a"), 0)

    def test_killed_in_the_middle_of_a_command(self):
        whole = encode("SET", "half", "v" * 100_000)
        for cut in (1, 5, 20, 1000, len(whole) - 1):
            wire = self.wire()
            wire.send(whole[:cut])
            wire.close()
        wire = self.wire()
        wire.send(encode("SET", "before", 1) + whole[:-50])
        self.assertEqual(wire.read(), "OK")
        wire.close()
        other = self.wire()
        self.assertEqual(other.call("MGET", "half", "before"), [None, b"1"])
        harness.wait_until(lambda: other.call("CLIENT", "LIST").count(b"\n") == 1)


class StrangersTest(WireCase):
    SETTINGS = {"requirepass": "secret"}

    def test_strangers_cost_little(self):
        for sent, text in ((b"*11\r\n", "unauthenticated multibulk length"),
                           (b"*2\r\n$4\r\nECHO\r\n$16385\r\n", "unauthenticated bulk length")):
            wire = self.wire()
            wire.send(sent)
            self.assertEqual(wire.read(), "ERR Protocol error: " + text)
            self.assertTrue(wire.at_end())

    def test_the_password_opens(self):
        wire = self.wire()
        wire.send(encode("AUTH", "secret") + encode("SET", "a", "v" * 20_000))
        self.assertEqual([wire.read(), wire.read()], ["OK", "OK"])
        self.assertEqual(wire.call("MGET", *["a"] * 20), [b"v" * 20_000] * 20)


class PipelineTest(WireCase):
    def test_a_hundred_thousand_commands_in_one_write(self):
        count = 100_000
        wire = self.wire()
        wire.send(b"".join(encode("SET", f"k{i % 1000}", i) for i in range(count)))
        self.assertEqual({wire.read() for _ in range(count)}, {"OK"})
        wire.send(b"".join(encode("INCR", "counter") for _ in range(count)))
        self.assertEqual([wire.read() for _ in range(count)], list(range(1, count + 1)))

    def test_replies_larger_than_every_socket_buffer(self):
        """The client writes everything before it reads anything: neither side may wait for ever."""
        wire, count, value = self.wire(), 20_000, b"v" * 4096
        wire.call("SET", "k", value)
        wire.send(encode("GET", "k") * count)
        self.assertTrue(all(wire.read() == value for _ in range(count)))

    def test_large_and_small_values_mixed(self):
        wire = self.wire()
        sizes = [0, 1, 100, 16 * 1024 - 1, 16 * 1024, 40_000, 3, 300_000, 7, 5 * MEGABYTE, 2]
        values = [bytes([65 + i]) * size for i, size in enumerate(sizes)]
        wire.send(b"".join(encode("SET", f"k{i}", v) + encode("STRLEN", f"k{i}")
                           for i, v in enumerate(values)))
        for size in sizes:
            self.assertEqual([wire.read(), wire.read()], ["OK", size])
        wire.send(b"".join(encode("GET", f"k{i}") for i in range(len(sizes))))
        for value in values:
            self.assertEqual(wire.read(), value)


class BigValueTest(WireCase):
    SIZE = 512 * MEGABYTE

    def test_round_trip_of_the_largest_value(self):
        wire = self.wire(timeout=120)
        pattern = bytes(range(256)) * 4096
        wire.send(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n" % self.SIZE)
        for _ in range(self.SIZE // len(pattern)):
            wire.send(pattern)
        wire.send(b"\r\n")
        self.assertEqual(wire.read(), "OK")
        self.assertEqual(wire.call("STRLEN", "big"), self.SIZE)
        value = wire.call("GET", "big")
        self.assertEqual(len(value), self.SIZE)
        view = memoryview(value)
        for at in range(0, self.SIZE, len(pattern)):
            self.assertEqual(view[at:at + len(pattern)], pattern)
        self.assertIn("exceeds maximum allowed size", wire.call("APPEND", "big", "x"))

    def test_the_limit_can_be_set(self):
        wire = self.wire()
        wire.call("CONFIG", "SET", "proto-max-bulk-len", MEGABYTE)
        self.assertEqual(wire.call("SET", "a", b"x" * MEGABYTE), "OK")
        wire.send(b"*1\r\n$%d\r\n" % (MEGABYTE + 1))
        self.assertEqual(wire.read(), "ERR Protocol error: invalid bulk length")
        self.assertTrue(wire.at_end())

    def test_several_big_values_at_once(self):
        def work(number, failures):
            try:
                wire, value = self.wire(), bytes([number]) * (8 * MEGABYTE + number)
                for _ in range(3):
                    if wire.call("SET", f"k{number}", value) != "OK" or \
                       wire.call("GET", f"k{number}") != value:
                        failures.append(number)
            except (Closed, OSError) as error:
                failures.append(error)
        failures = []
        threads = [threading.Thread(target=work, args=(i, failures)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    harness.main()
