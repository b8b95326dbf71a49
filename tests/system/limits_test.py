# SPDX-License-Identifier: Apache-2.0
"""What a client may cost, and what it may not do to the others."""
import os
import resource
import select
import shutil
import socket
import stat
import tempfile
import threading
import time

import redis

import harness
from wire import Closed, Wire, WireError, encode

MEGABYTE = 1 << 20


class LimitsCase(harness.TestCase):
    def serve(self, **settings):
        self.server = self.henge({name.replace("_", "-"): value
                                  for name, value in settings.items()})

    def wire(self, **options):
        wire = Wire(("127.0.0.1", self.server.port), **options)
        self.addCleanup(wire.close)
        return wire

    def lone_wire(self):
        """The only client: the harness's own may be seen for a moment."""
        wire = self.wire()
        harness.wait_until(lambda: wire.call("CLIENT", "LIST").count(b"\n") == 1)
        return wire

    def config(self, wire, **settings):
        for name, value in settings.items():
            self.assertEqual(wire.call("CONFIG", "SET", name.replace("_", "-"), value), "OK")

    def resident_bytes(self):
        with open(f"/proc/{self.server.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    def cpu_seconds(self):
        with open(f"/proc/{self.server.process.pid}/stat") as stat_file:
            user, system = stat_file.read().split()[13:15]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def client_fields(self, observer, name):
        """CLIENT LIST's fields of the client of that name, or None when it is gone."""
        for line in observer.call("CLIENT", "LIST").decode().splitlines():
            fields = dict(word.split("=", 1) for word in line.split(" "))
            if fields["name"] == name:
                return fields
        return None

    def assert_cut(self, observer, name, seconds=10):
        harness.wait_until(lambda: self.client_fields(observer, name) is None, seconds,
                           f"{name} to be cut")


class QueryBufferTest(LimitsCase):
    def test_a_command_beyond_the_limit_is_cut(self):
        self.serve(client_query_buffer_limit="1mb")
        wire, observer = self.wire(), self.wire()
        wire.call("CLIENT", "SETNAME", "greedy")
        self.assertEqual(wire.call("SET", "fits", b"x" * (MEGABYTE - 1000)), "OK")
        wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n")
        with self.assertRaises(Closed):
            for _ in range(200):
                wire.send(b"x" * 50_000)
            wire.read()
        self.assert_cut(observer, "greedy")
        self.assertEqual(observer.call("EXISTS", "k"), 0)

    def test_many_small_arguments_count_too(self):
        self.serve(client_query_buffer_limit="1mb")
        wire = self.wire()
        with self.assertRaises(Closed):
            wire.send(b"*1000000\r\n$4\r\nMSET\r\n" + b"$1\r\nk\r\n" * 300_000)
            wire.read()

    def test_a_pipeline_is_not_a_query(self):
        self.serve(client_query_buffer_limit="1mb")
        wire, command = self.wire(), encode("SET", "k", "v" * 1000)
        wire.send(command * 5000)
        self.assertEqual({wire.read() for _ in range(5000)}, {"OK"})

    def test_a_blocked_client_sends_on(self):
        """What a paused client sends is left in the socket."""
        self.serve(client_query_buffer_limit="1mb")
        wire, observer = self.wire(timeout=60), self.wire()
        observer.call("CLIENT", "PAUSE", 100_000, "WRITE")
        count = 4000
        sender = threading.Thread(target=wire.send, args=(encode("SET", "k", "v" * 1000) * count,))
        sender.start()
        before = self.resident_bytes()
        self.assertEqual(observer.call("PING"), "PONG")
        self.assertLess(self.resident_bytes() - before, 8 * MEGABYTE)
        observer.call("CLIENT", "UNPAUSE")
        self.assertEqual({wire.read() for _ in range(count)}, {"OK"})
        sender.join()


class ClientEvictionTest(LimitsCase):
    def half_a_query(self, name, size):
        """A client that has sent so many bytes of a command, and no more."""
        wire = self.wire()
        wire.call("CLIENT", "SETNAME", name)
        self.send_half(wire, size)
        return wire

    def send_half(self, wire, size):
        try:
            wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (size + 10_000) + b"x" * size)
        except Closed:
            pass  # One that goes too far may be cut before it has sent all.

    def assert_holds(self, observer, name, size):
        harness.wait_until(
            lambda: int(self.client_fields(observer, name)["tot-mem"]) >= size, what=name)

    def test_the_largest_go_first(self):
        self.serve(maxmemory_clients="6mb")
        observer = self.wire()
        for name, size in (("small", MEGABYTE), ("large", 3 * MEGABYTE)):
            self.half_a_query(name, size)
            self.assert_holds(observer, name, size)
        self.half_a_query("more", 2 * MEGABYTE)
        self.assert_cut(observer, "large")
        self.assert_holds(observer, "more", 2 * MEGABYTE)
        self.assert_holds(observer, "small", MEGABYTE)
        self.assertIn(b"evicted_clients:1\r\n", observer.call("INFO", "stats"))

    def test_who_asked_not_to_be_evicted_stays(self):
        self.serve(maxmemory_clients="10%", maxmemory="50mb")
        observer, keeper = self.wire(), self.wire()
        keeper.call("CLIENT", "SETNAME", "keeper")
        keeper.call("CLIENT", "NO-EVICT", "ON")
        self.send_half(keeper, 4 * MEGABYTE)
        self.assert_holds(observer, "keeper", 4 * MEGABYTE)
        self.half_a_query("greedy", 2 * MEGABYTE)
        self.assert_cut(observer, "greedy")
        self.assert_holds(observer, "keeper", 4 * MEGABYTE)

    def test_a_limit_set_later_counts_who_is_there(self):
        self.serve()
        observer = self.wire()
        self.half_a_query("early", 3 * MEGABYTE)
        self.assert_holds(observer, "early", 3 * MEGABYTE)
        self.config(observer, maxmemory_clients="2mb")
        self.half_a_query("late", MEGABYTE)
        self.assert_cut(observer, "early")


class OutputBufferTest(LimitsCase):
    def greedy(self, command, times):
        """A client that asks and never reads."""
        wire = self.wire(receive_buffer=4096)
        wire.call("CLIENT", "SETNAME", "greedy")
        try:
            wire.send(command * times)
        except Closed:
            pass
        return wire

    def test_the_hard_limit_cuts(self):
        self.serve(client_output_buffer_limit="normal 8mb 0 0")
        observer = self.wire()
        observer.call("SET", "k", b"v" * 10_000)
        self.greedy(encode("GET", "k"), 20_000)
        self.assert_cut(observer, "greedy")
        self.assertEqual(observer.call("STRLEN", "k"), 10_000)

    def test_one_reply_beyond_the_hard_limit(self):
        self.serve(client_output_buffer_limit="normal 1mb 0 0")
        wire = self.wire()
        wire.call("SET", "k", b"v" * 2 * MEGABYTE)
        wire.send(encode("GET", "k"))
        with self.assertRaises(Closed):
            wire.read()
        self.assertEqual(self.wire().call("STRLEN", "k"), 2 * MEGABYTE)

    def test_the_soft_limit_cuts_a_client_that_is_silent(self):
        self.serve(client_output_buffer_limit="normal 0 1mb 1")
        observer = self.wire()
        observer.call("SET", "k", b"v" * 10_000)
        self.greedy(encode("GET", "k"), 1500)
        start = time.monotonic()
        self.assertIsNotNone(self.client_fields(observer, "greedy"))
        self.assert_cut(observer, "greedy")
        self.assertGreater(time.monotonic() - start, 0.8)

    def test_below_the_soft_limit_in_time(self):
        self.serve(client_output_buffer_limit="normal 0 1mb 2")
        wire = self.wire()
        wire.call("SET", "k", b"v" * 10_000)
        for _ in range(3):  # Above for a moment, again and again.
            wire.send(encode("GET", "k") * 500)
            self.assertEqual({len(wire.read()) for _ in range(500)}, {10_000})

    def test_nobody_is_cut_by_default(self):
        self.serve()
        observer, count = self.wire(), 8000
        observer.call("SET", "k", b"v" * 10_000)
        wire = self.greedy(encode("GET", "k"), count)
        harness.wait_until(
            lambda: int(self.client_fields(observer, "greedy")["omem"]) > 20 * MEGABYTE)
        self.assertEqual({len(wire.read()) for _ in range(count)}, {10_000})
        harness.wait_until(lambda: self.client_fields(observer, "greedy")["omem"] == "0")

    def test_replies_to_nobody_are_given_back(self):
        """The memory of a client that went away with its replies unread."""
        self.serve()
        observer = self.wire()
        observer.call("SET", "k", b"v" * 10_000)
        before = self.resident_bytes()
        for _ in range(3):
            wire = self.greedy(encode("GET", "k"), 10_000)
            harness.wait_until(
                lambda: int(self.client_fields(observer, "greedy")["omem"]) > 50 * MEGABYTE)
            wire.close()
            self.assert_cut(observer, "greedy")
        harness.wait_until(lambda: self.resident_bytes() - before < 100 * MEGABYTE)


class SlowReaderTest(LimitsCase):
    def test_slow_readers_block_nobody(self):
        """Big values, shared: twenty clients ask for 16 GB in all and read none of it."""
        self.serve(io_threads=2)
        observer = self.wire()
        observer.call("SET", "k", b"v" * 8 * MEGABYTE)
        before = self.resident_bytes()
        for _ in range(20):
            self.wire(receive_buffer=4096).send(encode("GET", "k") * 100)
        worst = 0
        for i in range(500):
            start = time.monotonic()
            self.assertEqual(observer.call("SET", f"small{i}", i), "OK")
            worst = max(worst, time.monotonic() - start)
        self.assertLess(worst, 1.0)
        self.assertLess(self.resident_bytes() - before, 64 * MEGABYTE)
        fresh = self.wire()
        self.assertEqual(fresh.call("STRLEN", "k"), 8 * MEGABYTE)

    def test_a_value_replaced_while_it_is_sent(self):
        self.serve()
        slow, other = self.wire(receive_buffer=4096), self.wire()
        first, second = b"1" * 4 * MEGABYTE, b"2" * 4 * MEGABYTE
        other.call("SET", "k", first)
        slow.send(encode("GET", "k") * 2)
        harness.wait_until(lambda: b"cmd=get" in other.call("CLIENT", "LIST"))
        other.call("SETRANGE", "k", 0, "x")
        other.call("APPEND", "k", "tail")
        other.call("SET", "k", second)
        self.assertTrue(slow.read() == first and slow.read() == first)
        self.assertTrue(slow.call("GET", "k") == second)


class BigValueTest(LimitsCase):
    SIZE = 512 * MEGABYTE

    def peak_bytes(self):
        """The most the server was resident since the last call."""
        pid = self.server.process.pid
        with open(f"/proc/{pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        with open(f"/proc/{pid}/clear_refs", "w") as clear:
            clear.write("5")
        return peak * 1024

    def test_a_big_value_exists_once(self):
        """What was read is what is kept, and what is sent."""
        self.serve()
        wire, block = self.wire(timeout=120), b"x" * MEGABYTE
        self.peak_bytes()
        before = self.resident_bytes()

        def check(what, most=1.1):
            grown = (self.peak_bytes() - before) / self.SIZE
            print(f"resident during {what}: {grown:.2f} of the value")
            self.assertLess(grown, most)
        wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % self.SIZE)
        for _ in range(self.SIZE // len(block)):
            wire.send(block)
        wire.send(b"\r\n")
        self.assertEqual(wire.read(), "OK")
        check("SET")
        self.assertEqual(len(wire.call("GET", "k")), self.SIZE)
        check("GET")
        self.assertEqual(wire.call("SETRANGE", "k", 5, "y"), self.SIZE)
        self.assertEqual(wire.call("GETRANGE", "k", 3, 7), b"xxyxx")
        check("SETRANGE")
        self.assertEqual(wire.call("DEL", "k"), 1)
        harness.wait_until(lambda: self.resident_bytes() - before < 64 * MEGABYTE, 20,
                           "the memory to be given back")

    def test_what_follows_a_big_value_is_not_mixed_with_it(self):
        self.serve()
        wire, other = self.wire(), self.wire()
        for size in (100_000, 300_000, MEGABYTE, 3 * MEGABYTE + 17):
            value = bytes([size % 251]) * size
            wire.send(encode("SET", "a", value) + encode("APPEND", "a", "!") +
                      encode("SET", "b", value) + encode("GET", "a")[:-5])
            self.assertEqual([wire.read() for _ in range(3)], ["OK", size + 1, "OK"])
            self.assertEqual(other.call("SETRANGE", "b", size - 1, "1234"), size + 3)
            self.assertEqual(other.call("GET", "b"), value[:-1] + b"1234")
            wire.send(encode("GET", "a")[-5:] + encode("COPY", "a", "c", "REPLACE"))
            self.assertEqual(wire.read(), value + b"!")
            self.assertEqual(wire.read(), 1)
            self.assertEqual(other.call("SETRANGE", "c", 0, "c"), size + 1)
            self.assertEqual(wire.call("GET", "a"), value + b"!")


    def test_two_big_values_in_one_command(self):
        """Cut where the reader doesn't know how much is to come."""
        self.serve()
        wire, first, second = self.wire(), b"1" * 700_000, b"2" * 900_000
        command = encode("MSET", "a", first, "b", second)
        for cut in (command.index(b"1\r\n$1") + 1, command.index(b"$900000") + 3):
            wire.send(command[:cut])
            time.sleep(0.05)
            wire.send(command[cut:])
            self.assertEqual(wire.read(), "OK")
            self.assertTrue(wire.call("MGET", "a", "b") == [first, second])


class ConnectionsTest(LimitsCase):
    STORM = 5000
    SPARE = 500

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = min(hard, 3 * self.STORM)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def assert_clients(self, observer, count):
        harness.wait_until(
            lambda: b"connected_clients:%d\r\n" % count in observer.call("INFO", "clients"), 20)

    def crowd(self, count):
        """Connected sockets that said and heard nothing yet."""
        sockets = []
        for _ in range(count):
            sockets.append(socket.create_connection(("127.0.0.1", self.server.port), timeout=20))
            self.addCleanup(sockets[-1].close)
        return sockets

    @staticmethod
    def converse(sockets, request, reply):
        """Sends the request on all, then reads on all; `reply` is what each must hear."""
        for sock in sockets:
            sock.sendall(request)
        for sock in sockets:
            heard = b""
            while len(heard) < len(reply):
                data = sock.recv(1 << 20)
                if not data:
                    raise AssertionError(f"closed after {heard[-100:]}")
                heard += data
            if heard != reply:
                raise AssertionError(f"heard {heard[:100]} instead of {reply[:100]}")

    def test_a_client_too_many(self):
        self.serve(maxclients=3)
        wires = [self.lone_wire(), self.wire(), self.wire()]
        self.assertEqual([wire.call("PING") for wire in wires], ["PONG"] * 3)
        refused = self.wire()
        self.assertEqual(refused.read(), WireError("ERR max number of clients reached"))
        self.assertTrue(refused.at_end())
        self.assertIn(b"rejected_connections:1\r\n", wires[0].call("INFO", "stats"))
        wires.pop().close()

        def admitted():
            with Wire(("127.0.0.1", self.server.port)) as wire:
                return wire.call("PING") == "PONG"
        harness.wait_until(admitted)
        self.config(wires[0], maxclients=100)
        self.assertEqual([self.wire().call("PING") for _ in range(20)], ["PONG"] * 20)

    def test_a_storm_of_connections(self):
        """All at once, not one after the other: a client's first word goes with its connect."""
        self.serve(maxclients=self.STORM + 100)
        observer = self.wire()
        for _ in range(2):
            start = time.monotonic()
            poller, sockets = select.epoll(), {}
            for _ in range(self.STORM):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", self.server.port))
                sockets[sock.fileno()] = sock
                poller.register(sock, select.EPOLLOUT)
            waiting, replies = set(sockets), []
            while waiting and time.monotonic() < start + 30:
                for number, events in poller.poll(1):
                    if events & select.EPOLLOUT:
                        sockets[number].sendall(encode("INCR", "n"))
                        poller.modify(number, select.EPOLLIN)
                    else:
                        replies.append(int(sockets[number].recv(100)[1:]))
                        waiting.remove(number)
                        poller.unregister(number)
            took = time.monotonic() - start
            print(f"{self.STORM} clients connected and served in {took:.2f} s")
            self.assertEqual(sorted(replies), list(range(1, self.STORM + 1)))
            self.assertLess(took, 10)  # About one on an idle machine.
            self.assert_clients(observer, self.STORM + 1)
            for sock in sockets.values():
                sock.close()
            poller.close()
            self.assert_clients(observer, 1)
            observer.call("DEL", "n")

    def connections_by_worker(self):
        """How many sockets each worker's epoll watches: those of clients, give or take two."""
        folder, counts = f"/proc/{self.server.process.pid}", []
        for fd in os.listdir(folder + "/fd"):
            if os.readlink(f"{folder}/fd/{fd}") == "anon_inode:[eventpoll]":
                with open(f"{folder}/fdinfo/{fd}") as info:
                    counts.append(sum(line.startswith("tfd:") for line in info))
        return counts

    def test_connections_are_spread_by_load(self):
        self.serve(io_threads=4)
        sockets = self.crowd(400)
        self.converse(sockets, b"PING\r\n", b"+PONG\r\n")
        first = self.connections_by_worker()
        self.assertEqual(len(first), 4)
        self.assertLessEqual(max(first) - min(first), 4, first)
        # Those who go leave the workers uneven; those who come make them even again.
        for sock in sockets[0:400:4]:
            sock.close()
        observer = self.wire()
        self.assert_clients(observer, 301)
        uneven = self.connections_by_worker()
        self.assertGreater(max(uneven) - min(uneven), 20, uneven)
        self.converse(self.crowd(100), b"PING\r\n", b"+PONG\r\n")
        again = self.connections_by_worker()
        self.assertLessEqual(max(again) - min(again), 4, again)

    def test_ten_thousand_idle_connections(self):
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(10_000, soft - self.SPARE)
        self.serve(maxclients=count + 100, io_threads=2)
        self.converse(self.crowd(200), b"PING\r\n", b"+PONG\r\n")  # What the first ones cost.
        before = self.resident_bytes()
        sockets = self.crowd(count - 200)
        value = b"v" * 3000
        for what, request, reply in (
                ("said PING", b"PING\r\n", b"+PONG\r\n"),
                ("set and got 3 KB", encode("SET", "k", value) + encode("GET", "k"),
                 b"+OK\r\n$3000\r\n" + value + b"\r\n")):
            self.converse(sockets, request, reply)
            each = (self.resident_bytes() - before) / len(sockets)
            print(f"{len(sockets)} idle connections that {what}: {each:.0f} bytes each")
            self.assertLess(each, 2048)

    def test_what_a_client_did_leaves_nothing(self):
        """Long pipelines, many arguments, long lines, transactions: all given back when idle."""
        self.serve()
        observer, sockets = self.wire(), self.crowd(550)
        first, rest = sockets[:50], sockets[50:]

        def used_memory():
            info = observer.call("INFO", "memory").decode()
            return int(info.split("used_memory:")[1].split("\r\n")[0])
        self.converse(sockets, b"PING\r\n", b"+PONG\r\n")
        self.do_all_sorts(first)  # What the keys, and a worker, come to hold.
        before = used_memory()
        self.do_all_sorts(rest)
        each = (used_memory() - before) / len(rest)
        print(f"left behind by what a client did: {each:.0f} bytes")
        self.assertLess(each, 4096)

    def do_all_sorts(self, sockets):
        queued = 300
        self.converse(sockets, b"PING\r\n" * 1000, b"+PONG\r\n" * 1000)
        self.converse(sockets, b"ECHO " + b"x" * 60_000 + b"\r\n",
                      b"$60000\r\n" + b"x" * 60_000 + b"\r\n")
        wide = encode("MSET", *[word for i in range(2000) for word in (f"k{i}", "v")])
        for sock in sockets:
            sock.sendall(wide[:len(wide) // 2])
        self.converse(sockets, wide[len(wide) // 2:], b"+OK\r\n")
        watch = encode("WATCH", *[f"k{i}" for i in range(queued)]) + encode("MULTI")
        for last, ends in (("DISCARD", b"+OK\r\n"),
                           ("EXEC", b"*%d\r\n" % queued + b"$1\r\nv\r\n" * queued)):
            self.converse(sockets, watch + encode("GET", "k1") * queued + encode(last),
                          b"+OK\r\n+OK\r\n" + b"+QUEUED\r\n" * queued + ends)

    def test_connections_that_say_nothing_and_go(self):
        self.serve()
        for _ in range(self.STORM):
            Wire(("127.0.0.1", self.server.port)).close()
        observer = self.wire()
        harness.wait_until(lambda: b"connected_clients:1\r\n" in observer.call("INFO", "clients"))

    def test_out_of_descriptors(self):
        """The server goes on, and takes connections again when descriptors come back."""
        self.serve()
        pid = self.server.process.pid
        first = self.lone_wire()
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 5, hard))
        wires = [self.wire() for _ in range(20)]
        self.assertEqual(first.call("PING"), "PONG")
        busy = self.cpu_seconds()
        harness.let_pass(1)
        self.assertLess(self.cpu_seconds() - busy, 0.5)  # It doesn't try all the time.
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 500, hard))
        self.assertEqual([wire.call("PING") for wire in wires], ["PONG"] * 20)


class IdleTest(LimitsCase):
    def test_the_idle_are_closed(self):
        self.serve(timeout=1)
        idle, busy, blocked = self.wire(), self.wire(), self.wire()
        idle.call("CLIENT", "SETNAME", "idle")
        blocked.call("CLIENT", "SETNAME", "blocked")
        blocked.send(encode("WAIT", 5, 20_000))
        self.assert_cut(busy, "idle")
        self.assertTrue(idle.at_end())
        self.assertIsNotNone(self.client_fields(busy, "blocked"))

    def test_a_client_that_still_sends_is_not_idle(self):
        self.serve(timeout=1)
        wire = self.wire()
        deadline = time.monotonic() + 3.5
        wire.send(b"*2\r\n$4\r\nECHO\r\n$100000\r\n")
        sent = 0
        while time.monotonic() < deadline and sent < 99_000:
            wire.send(b"x" * 500)
            sent += 500
            time.sleep(0.02)
        wire.send(b"x" * (100_000 - sent) + b"\r\n")
        self.assertEqual(len(wire.read()), 100_000)

    def test_a_client_that_still_reads_is_not_idle(self):
        self.serve(timeout=1)
        wire, size = self.wire(receive_buffer=256 * 1024), 64 * MEGABYTE
        wire.call("SET", "k", b"x" * size)
        wire.send(encode("GET", "k"))
        deadline = time.monotonic() + 3.5
        received, data = 0, b"-"
        while data and received < size:
            slowly = time.monotonic() < deadline
            data = wire.socket.recv(200_000 if slowly else MEGABYTE)
            received += len(data)
            if slowly:
                time.sleep(0.02)
        self.assertGreaterEqual(received, size)

    def test_keepalive_is_set_on_accepted_sockets(self):
        self.serve(tcp_keepalive=100)
        timed = self.wire()
        self.assertEqual(self.keepalive_timer(timed), "02")
        self.config(timed, tcp_keepalive=50)
        self.assertEqual(self.keepalive_timer(self.wire()), "02")
        self.config(timed, tcp_keepalive=0)
        untimed = self.wire()
        self.assertEqual(self.keepalive_timer(untimed), "00")

    def keepalive_timer(self, wire):
        """The kind of timer the kernel runs on the server's end: 02 is keepalive, 00 none."""
        self.assertEqual(wire.call("PING"), "PONG")
        ours = ":%04X" % wire.socket.getsockname()[1]
        theirs = ":%04X" % self.server.port

        def settled():
            with open("/proc/net/tcp") as table:
                for row in (line.split() for line in table):
                    if row[1].endswith(theirs) and row[2].endswith(ours):
                        kind = row[5].split(":")[0]
                        return kind if kind in ("00", "02") else None
            return None
        return harness.wait_until(settled)


class UnixSocketTest(LimitsCase):
    def test_a_socket_with_its_permissions(self):
        folder = tempfile.mkdtemp(prefix="henge-test-unix-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        path = os.path.join(folder, "henge.sock")
        self.serve(unixsocket=path, unixsocketperm="700", maxclients=2)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700)
        tcp, local = self.lone_wire(), Wire(path)
        self.addCleanup(local.close)
        self.assertEqual(tcp.call("SET", "k", b"v" * MEGABYTE), "OK")
        self.assertEqual(local.call("GET", "k"), b"v" * MEGABYTE)
        self.assertIn(b" addr=%s:0 laddr=%s:0 " % (path.encode(), path.encode()),
                      local.call("CLIENT", "INFO"))
        with Wire(path) as refused:
            self.assertEqual(refused.read(), WireError("ERR max number of clients reached"))
        self.server.stop()
        self.assertFalse(os.path.exists(path))

    def test_only_a_unix_socket(self):
        """Without a TCP port; the socket a killed server left behind is no obstacle."""
        folder = tempfile.mkdtemp(prefix="henge-test-unix-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        path = os.path.join(folder, "henge.sock")
        for _ in range(2):
            server = harness.Henge({"port": 0, "unixsocket": path})
            server.client = lambda **options: redis.Redis(unix_socket_path=path)
            self.addCleanup(server.close)
            server.start()
            with Wire(path) as wire:
                self.assertEqual(wire.call("PING"), "PONG")
            server.kill()
            self.assertTrue(os.path.exists(path))


if __name__ == "__main__":
    harness.main()
