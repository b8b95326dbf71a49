# SPDX-License-Identifier: Apache-2.0
"""Scripts on several workers: hostile ones, ones that touch what they did not declare, slow ones,
and what is counted of them."""
import os
import threading
import unittest

import harness
from wire import Wire, WireError, encode

WORKERS = 4
BUSY_MS = 100
LOOP = "while true do end"
SANITIZED = "asan" in harness.henge_binary() or "tsan" in harness.henge_binary()
REPORTS = ("ThreadSanitizer", "AddressSanitizer", "LeakSanitizer", "runtime error:")
os.environ.setdefault("TSAN_OPTIONS", "ignore_noninstrumented_modules=1 suppressions=" +
                      os.path.join(harness.ROOT, "tests/tsan.supp"))

# Each must fail or succeed as said, and leave the server and the next script as they were.
HOSTILE = {
    # Lua's parser, bytecode and reader functions (CVE-2025-49844, CVE-2025-46819, CVE-2015-4335).
    "return tostring(loadstring(string.char(27) .. 'Lua' .. ('x'):rep(100)))": b"nil",
    "loadstring(string.dump(function() return 1 end))()": "attempt to call a nil value",
    "local n = 0 return tostring(load(function() n = n + 1 collectgarbage() "
    "if n < 50 then return 'local a = 1 ' end end, ('n'):rep(5000)))": "function",
    "return tostring(loadstring('return ' .. ('('):rep(100000)))": b"nil",
    "return tostring(loadstring(('['):rep(1) .. ('='):rep(1000000) .. '['))": b"nil",
    # Integers beyond the library's (CVE-2025-46817, CVE-2024-31449, CVE-2018-11219, CVE-2020-14147).
    "return {unpack({1, 2, 3}, -2147483648, 2147483647)}": "too many results to unpack",
    "return {unpack({1, 2, 3}, 0, 2147483647)}": "too many results to unpack",
    "return {unpack({}, 1e308, 1e309)}": "too many results to unpack",
    "return bit.tohex(65535, -2147483648)": b"0000FFFF",
    "return struct.pack('>I2147483648', 1)": "integral size overflow",
    "return struct.pack('>I33', 1)": "larger than limit",
    "return struct.unpack('c2147483647', 'x')": "data string too short",
    "return struct.unpack('>I4', 'xxxx', 2147483647)": "data string too short",
    "return struct.unpack('bc0', '\\255x')": "data string too short",
    "return struct.size('!2147483647i')": "is not a power of 2",
    "return #('x'):rep(2147483647)": "not enough memory",
    "return table.insert({}, -2147483648, 1)": "position out of bounds",
    "return #cmsgpack.pack(unpack({}, 1, 7990))": 7990,
    "return struct.size('c2147483647c2147483647')": 4294967294,
    "return bit.lshift(1, 4294967297)": 2,
    # Finalizers, which would run while memory is being swept (CVE-2024-46981).
    "local t = setmetatable({}, {__gc = function() error('x') end}) t = nil collectgarbage() return 'none'": b"none",
    # Metatables of basic types, and shared tables (CVE-2025-46818).
    "return {tostring(getmetatable(1)), tostring(getmetatable(true)), tostring(getmetatable(nil)), "
    "tostring(getmetatable(print))}": "nonexistent global variable 'print'",
    "return {tostring(getmetatable(1)), tostring(getmetatable(true)), tostring(getmetatable(nil)), "
    "tostring(getmetatable(pcall))}": [b"nil"] * 4,
    "setmetatable('', {})": "table expected",
    "rawset(getmetatable(''), '__index', {})": "readonly",
    "getmetatable(getmetatable('')).__metatable = nil": "readonly",
    "getmetatable('').__index = nil": "readonly",
    "getmetatable('').__index.upper = nil": "readonly",
    "setmetatable(_G, {})": "readonly",
    "getmetatable(_G).__index = {}": "readonly",
    "rawset(redis, 'call', nil)": "readonly",
    "table.insert(cjson, 1)": "readonly",
    "for _, t in pairs({string, table, math, bit, cmsgpack, struct, cjson, coroutine}) do "
    "assert(not pcall(function() t.x = 1 end)) end return 'kept'": b"kept",
    "local _, shown = pairs(redis) shown.call = nil": "readonly",
    "return tostring(newproxy)": "nonexistent global variable 'newproxy'",
    "return debug": "nonexistent global variable 'debug'",
    "return require('os')": "nonexistent global variable 'require'",
    "return os.execute('true')": "attempt to call field 'execute'",
    "return getfenv(0).KEYS and tostring(getfenv(pcall) == _G)": b"true",
    "setfenv(0, {})": "cannot change environment",
    "setfenv(pcall, {})": "cannot change environment",
    # The thread's stack.
    "return string.find(('a'):rep(300000), ('a?'):rep(300000) .. 'b')": "pattern too complex",
    "return ('x'):gsub(('('):rep(100000), '')": "pattern too complex",
    "return cjson.decode(('['):rep(100000))": "too many nested",
    "cjson.decode_max_depth(100000000) return cjson.decode(('['):rep(1000000))": "too many nested",
    "local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)": "excessive nesting",
    "return cmsgpack.unpack(('\\145'):rep(1000000))": "stack overflow",
    "return cmsgpack.unpack('\\221\\255\\255\\255\\255')": "Missing bytes",
    "return cmsgpack.unpack('\\219\\255\\255\\255\\255x')": "Missing bytes",
    "local function f() return f() + 1 end return f()": "stack overflow",
    "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x": "loop in gettable",
    "local f = coroutine.wrap(function() error({}) end) f()": "unknown error",
    "return select('#', unpack({}, 1, 7000))": 7000,
    "error(setmetatable({}, {__tostring = function() error('x') end}))": "unknown error",
    "return redis.call(unpack({'get'}, 1, 7900))": "must be strings or integers",
}


class ScriptsCase(harness.TestCase):
    def setUp(self):
        self.server = self.henge({"io-threads": WORKERS, "busy-reply-threshold": BUSY_MS})
        self.control = self.wire()

    def tearDown(self):
        log = self.server.log()
        self.assertFalse([report for report in REPORTS if report in log], log)

    def wire(self):
        wire = Wire(("127.0.0.1", self.server.port), timeout=30)
        self.addCleanup(wire.close)
        return wire


class HostileTest(ScriptsCase):
    def test_no_script_harms_the_next(self):
        wire = self.wire()
        for script, expected in HOSTILE.items():
            with self.subTest(script=script[:100]):
                reply = wire.call("EVAL", script, 0)
                if isinstance(expected, str):
                    self.assertIn(expected, reply.decode() if isinstance(reply, bytes) else reply)
                elif expected == 0:
                    self.assertIn(reply, ([], 0))
                else:
                    self.assertEqual(reply, expected)
                self.assertEqual(wire.call("EVAL", "return redis.call('ping')", 0), "PONG")

    @unittest.skipIf(SANITIZED, "a gigabyte, three times, each byte looked at")
    def test_memory_comes_back(self):
        def used():
            text = self.control.call("INFO", "memory").decode()
            return int(text.split("used_memory_vm_eval:")[1].split("\r")[0])
        wire = self.wire()
        for _ in range(3):
            wire.call("EVAL", "local t = {} while true do t[#t + 1] = ('x'):rep(10000000) .. #t end", 0)
        wire.call("EVAL", "collectgarbage() collectgarbage() return 1", 0)
        self.assertLess(used(), 10 << 20)


class UndeclaredTest(ScriptsCase):
    def test_scripts_and_transactions_move_money_and_lose_none(self):
        accounts = 40
        for i in range(accounts):
            self.control.call("SET", f"account:{i}", 1000)
        transfer = ("local from, to = ARGV[1], ARGV[2] "
                    "redis.call('decrby', from, 1) redis.call('incrby', to, 1) "
                    "return redis.call('dbsize')")
        # Proven to touch only its keys, this one runs beside others.
        declared = ("redis.call('decrby', KEYS[1], 1) redis.call('incrby', KEYS[2], 1) "
                    "local sum = 0 for i = 3, #KEYS do sum = sum + redis.call('get', KEYS[i]) end "
                    "return sum")
        every = [f"account:{i}" for i in range(accounts)]
        failures = []

        def run(worker):
            wire = self.wire()
            for i in range(300):
                a = f"account:{(worker * 7 + i) % accounts}"
                b = f"account:{(worker * 13 + i * 3) % accounts}"
                if worker % 4 == 3:
                    with_all = every if i % 10 == 0 else []
                    reply = wire.call("EVAL", declared, 2 + len(with_all), a, b, *with_all)
                    if with_all and reply != 1000 * accounts:
                        failures.append(reply)
                elif worker % 4 == 0:
                    reply = wire.call("EVAL", transfer, 0, a, b)
                elif worker % 4 == 1:
                    reply = wire.call("EVAL", transfer, 2, a, b, a, b)
                else:
                    wire.send(encode("MULTI") + encode("DECR", a) + encode("EVAL", transfer, 0, a, b) +
                              encode("INCR", a) + encode("MGET", a, b) + encode("EXEC"))
                    reply = [wire.read() for _ in range(6)][-1]
                if isinstance(reply, WireError):
                    failures.append(reply)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive(), "a script waits for ever")
        self.assertEqual(failures, [])
        total = sum(int(self.control.call("GET", f"account:{i}")) for i in range(accounts))
        self.assertEqual(total, 1000 * accounts)


class ServerApiTest(ScriptsCase):
    """The table goes by two names; what is wrong is told in the words of who calls it so."""

    def test_scripts(self):
        for table, words in (("redis", "Unknown Redis command called"), ("server", "Unknown command called")):
            self.assertIn(words, self.control.call("EVAL", f"return {table}.call('nope')", 0))
            self.assertIn(f"{table}.setresp() requires",
                          self.control.call("EVAL", f"return {table}.setresp()", 0))
            self.assertEqual(self.control.call("EVAL", f"return {table}.call('ping')", 0), "PONG")

    def test_libraries(self):
        for table in ("redis", "server"):
            code = f"#!lua name=one\n{table}.register_function"
            self.assertIn(f"{table}.register_function must be a function",
                          self.control.call("FUNCTION", "LOAD", code + "('f', 1)"))
            self.control.call("FUNCTION", "LOAD", "REPLACE", code + "('f', function() return 1 end)")
            self.assertEqual(self.control.call("FCALL", "f", 0), 1)


class StatisticsTest(ScriptsCase):
    def stat(self, section, name):
        for line in self.control.call("INFO", section).decode().split("\r\n"):
            if line.startswith(name + ":"):
                return line
        return ""

    def test_an_error_counts_once_and_fails_the_script(self):
        for script in ("return redis.call('incr', KEYS[1])", "return redis.pcall('incr', KEYS[1])"):
            self.control.call("SET", "k", "text")
            self.control.call("CONFIG", "RESETSTAT")
            self.assertIn("not an integer", self.control.call("EVAL", script, 1, "k"))
            self.assertEqual(self.stat("errorstats", "errorstat_ERR"), "errorstat_ERR:count=1")
            self.assertIn("failed_calls=1", self.stat("commandstats", "cmdstat_eval"))
            self.assertIn("failed_calls=1", self.stat("commandstats", "cmdstat_incr"))

    def test_flush_gives_memory_back_on_all_workers(self):
        for wire in [self.wire() for _ in range(3 * WORKERS)]:
            wire.call("EVAL", "return 1", 0)
        self.assertNotEqual(self.stat("memory", "used_memory_vm_eval"), "used_memory_vm_eval:0")
        self.control.call("SCRIPT", "FLUSH")
        harness.wait_until(
            lambda: self.stat("memory", "used_memory_vm_eval") == "used_memory_vm_eval:0",
            what="no interpreter")


class SlowTest(ScriptsCase):
    def busy(self, script=LOOP, *arguments):
        """A client whose script is slow by now."""
        wire = self.wire()
        wire.send(encode("EVAL", script, *(arguments or ("0",))))
        harness.wait_until(lambda: str(self.control.call("PING")).startswith("BUSY"),
                           what="a busy script")
        return wire

    def test_others_are_told_and_may_kill_it(self):
        others = [self.wire() for _ in range(2 * WORKERS)]
        slow = self.busy()
        for wire in others + [self.wire() for _ in range(2 * WORKERS)]:
            self.assertIn("BUSY", wire.call("GET", "x"))
            self.assertEqual(wire.call("MULTI"), "OK")
            self.assertIn("BUSY", wire.call("GET", "x"))
            self.assertIn("EXECABORT", wire.call("EXEC"))
        self.assertEqual(self.control.call("SCRIPT", "KILL"), "OK")
        self.assertIn("killed by user", slow.read())
        self.assertEqual(self.control.call("PING"), "PONG")
        self.assertIn("NOTBUSY", self.control.call("SCRIPT", "KILL"))

    def test_no_pcall_keeps_it_alive(self):
        slow = self.busy("while true do pcall(function() while true do end end) end")
        self.assertEqual(self.control.call("SCRIPT", "KILL"), "OK")
        self.assertIn("killed by user", slow.read())
        self.assertEqual(slow.call("EVAL", "return 1", 0), 1)

    def test_who_waits_for_its_keys_is_told(self):
        waiting = [self.wire() for _ in range(2 * WORKERS)]
        slow = self.wire()
        slow.send(encode("EVAL", "redis.call('get', KEYS[1]) " + LOOP, 1, "k"))
        for wire in waiting:
            wire.send(encode("GET", "k"))
        for wire in waiting:
            reply = wire.read()  # Unless it came before the script.
            self.assertTrue(reply is None or "BUSY" in reply, reply)
        self.assertEqual(self.control.call("SCRIPT", "KILL"), "OK")
        self.assertIn("killed by user", slow.read())

    def test_one_that_wrote_goes_on(self):
        slow = self.wire()
        slow.send(encode("EVAL", "redis.call('set', KEYS[1], 1) for i = 1, 300000000 do end return 'done'",
                         1, "k"))
        harness.wait_until(lambda: str(self.control.call("PING")).startswith("BUSY"), what="busy")
        self.assertIn("UNKILLABLE", self.control.call("SCRIPT", "KILL"))
        self.assertIn("BUSY", self.control.call("SHUTDOWN"))
        self.assertEqual(slow.read(), b"done")
        self.assertEqual(self.control.call("GET", "k"), b"1")

    def test_functions_have_their_own_kill(self):
        self.control.call("FUNCTION", "LOAD",
                          "#!lua name=slow\nredis.register_function('f', function() while true do end end)")
        slow = self.wire()
        slow.send(encode("FCALL", "f", 0))
        harness.wait_until(lambda: str(self.control.call("PING")).startswith("BUSY"), what="busy")
        self.assertIn("BUSY", self.control.call("SCRIPT", "KILL"))
        running = self.control.call("FUNCTION", "STATS")[1]
        self.assertEqual(running[1], b"f")
        self.assertEqual(running[3], [b"FCALL", b"f", b"0"])
        self.assertEqual(self.control.call("FUNCTION", "KILL"), "OK")
        self.assertIn("killed by user", slow.read())

    def test_the_server_can_be_ended(self):
        self.busy("redis.call('set', 'k', 1) " + LOOP)
        self.control.send(encode("SHUTDOWN", "NOSAVE"))
        harness.wait_until(lambda: not self.server.alive(), what="the end")


if __name__ == "__main__":
    harness.main()
