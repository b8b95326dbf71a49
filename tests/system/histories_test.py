#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a history is seen: each kind of wrong planted in one that is right."""
import copy
import random
import unittest

import histories
from histories import APPEND, COUNT, FAIL, OK, READ, UNKNOWN, Operation


def right_history(seed, keys=3, operations=400):
    """(operations, lists, counters) of one server that does one thing at a time, with overlapping clients.

    Those that stay unknown take effect later or not at all; reads see what is there.
    """
    rng = random.Random(seed)
    lists = {f"list{n}": [] for n in range(keys)}
    counters = {"counter": 0}
    done, late, now = [], [], 0.0
    for value in range(operations):
        now += rng.random()
        begin, end = now - rng.random() * 3, now + rng.random() * 3  # Takes effect at `now`.
        if late and rng.random() < 0.3:
            one = late.pop()
            if rng.random() < 0.7 and one.kind == APPEND:
                lists[one.key].append(one.value)
        outcome = rng.choices([OK, FAIL, UNKNOWN], [8, 1, 1])[0]
        kind = rng.choice([APPEND, APPEND, READ, COUNT])
        key = "counter" if kind == COUNT else rng.choice(list(lists))
        one = Operation(kind, key, begin, end, outcome, value if kind == APPEND else None)
        if outcome == UNKNOWN:
            late.append(one)
        if outcome == OK and kind == APPEND:
            lists[key].append(value)
            one.reply = len(lists[key])
        elif outcome == OK and kind == READ:
            one.reply = list(lists[key])
        elif outcome == OK:
            counters[key] += 1
            one.reply = counters[key]
        done.append(one)
    return done, lists, counters


class RightHistories(unittest.TestCase):
    def test_nothing_is_said_of_them(self):
        for seed in range(30):
            verdict = histories.check(*right_history(seed))
            self.assertEqual(verdict.violations, [], seed)
            self.assertEqual(sum(verdict.counts.values()), 400)

    def test_nor_of_an_empty_one(self):
        self.assertEqual(histories.check([], {"list": []}, {"counter": 0}).violations, [])


class PlantedHistories(unittest.TestCase):
    """An append of ten, acknowledged one after the other, with a read behind each."""

    def setUp(self):
        self.operations, self.list = [], []
        for value in range(10):
            self.list.append(value)
            self.operations += [
                Operation(APPEND, "list", 10 * value, 10 * value + 1, OK, value, value + 1, "a"),
                Operation(READ, "list", 10 * value + 2, 10 * value + 3, OK, None, list(self.list), "a")]

    def kinds(self, strict=True, counters=None):
        return histories.check(self.operations, {"list": self.list}, counters or {}, strict).kinds()

    def test_right_as_it_is(self):
        self.assertEqual(self.kinds(), [])

    def test_a_lost_append(self):
        self.list.pop()
        self.assertIn("lost", self.kinds())
        self.assertEqual(self.kinds(strict=False), [])
        self.assertEqual(histories.check(self.operations, {"list": self.list}, {}, False).lost, {"list": [9]})

    def test_one_lost_in_the_middle_that_no_read_saw(self):
        self.operations = [one for one in self.operations if one.kind == APPEND]
        del self.list[4]
        self.assertEqual(self.kinds(), ["lost", "place"])

    def test_an_append_done_twice(self):
        self.list.append(3)
        self.assertIn("twice", self.kinds())
        self.assertEqual(self.kinds(strict=False), ["twice"])

    def test_one_that_nobody_made(self):
        self.list.append(77)
        self.assertEqual(self.kinds(), ["invented"])

    def test_one_that_was_refused(self):
        self.operations.append(Operation(APPEND, "list", 200, 201, FAIL, 10))
        self.list.append(10)
        self.assertEqual(self.kinds(), ["invented"])

    def test_an_unknown_one_is_there_or_not(self):
        self.operations.append(Operation(APPEND, "list", 50, 51, UNKNOWN, 10))
        self.assertEqual(self.kinds(), [])
        self.list.append(10)
        self.assertEqual(self.kinds(), [])

    def test_an_unknown_one_is_not_there_before_it_began(self):
        self.operations = [one for one in self.operations if one.kind == APPEND]
        for one in self.operations:
            one.reply += 1
        self.operations.append(Operation(APPEND, "list", 50, 51, UNKNOWN, 10))
        self.list.insert(0, 10)
        self.assertEqual(self.kinds(), ["order"])

    def test_wrong_order(self):
        self.operations = [one for one in self.operations if one.kind == APPEND]
        self.list[2], self.list[3] = self.list[3], self.list[2]
        self.operations[2].reply, self.operations[3].reply = 4, 3
        self.assertEqual(self.kinds(), ["order"])

    def test_order_is_free_where_they_overlap(self):
        self.operations = [one for one in self.operations if one.kind == APPEND]
        self.list[2], self.list[3] = self.list[3], self.list[2]
        self.operations[2].reply, self.operations[3].reply = 4, 3
        self.operations[2].end = 35
        self.assertEqual(self.kinds(), [])

    def test_two_leaders_that_both_acknowledge(self):
        """Each appends behind the same beginning; one of the two tails is gone afterwards."""
        for n, node in ((10, "b"), (11, "a")):
            self.operations.append(Operation(APPEND, "list", 200 + n, 201 + n, OK, n, 11, node))
        self.list.append(11)
        self.assertEqual(self.kinds(), ["lost"])
        self.list.insert(10, 10)
        self.assertEqual(self.kinds(), ["place"])

    def test_a_stale_read(self):
        self.operations.append(Operation(READ, "list", 100, 101, OK, None, self.list[:9], "b"))
        self.assertEqual(self.kinds(), ["stale"])

    def test_a_read_that_overlaps_an_append_need_not_see_it(self):
        self.operations.append(Operation(READ, "list", 90.5, 101, OK, None, self.list[:9], "b"))
        self.assertEqual(self.kinds(), [])

    def test_a_read_after_a_read_that_saw_more(self):
        self.operations.append(Operation(APPEND, "list", 100, 130, UNKNOWN, 10))
        self.list.append(10)
        self.operations.append(Operation(READ, "list", 105, 106, OK, None, list(self.list), "b"))
        self.assertEqual(self.kinds(), [])
        self.operations.append(Operation(READ, "list", 107, 108, OK, None, self.list[:10], "a"))
        self.assertEqual(self.kinds(), ["stale"])

    def test_a_read_of_what_was_never_acknowledged_and_is_gone(self):
        self.operations.append(Operation(APPEND, "list", 100, 130, UNKNOWN, 10))
        self.operations.append(Operation(READ, "list", 105, 106, OK, None, [*self.list, 10], "b"))
        verdict = histories.check(self.operations, {"list": self.list}, {})
        self.assertEqual((verdict.violations, verdict.unacknowledged), ([], 1))

    def test_a_read_of_another_list(self):
        read = copy.deepcopy(self.list)
        read[5], read[6] = read[6], read[5]
        self.operations.append(Operation(READ, "list", 100, 101, OK, None, read, "b"))
        self.assertEqual(self.kinds(), ["fork"])

    def test_counters(self):
        for n in range(5):
            self.operations.append(Operation(COUNT, "counter", n, n + 1, OK, None, n + 1))
        self.operations.append(Operation(COUNT, "counter", 9, 10, UNKNOWN))
        for found, kinds in ((4, ["counter"]), (5, []), (6, []), (7, ["counter"])):
            self.assertEqual(self.kinds(counters={"counter": found}), kinds, found)
        self.assertEqual(self.kinds(False, {"counter": 4}), [])
        self.assertEqual(self.kinds(False, {"counter": 7}), ["counter"])

    def test_two_increments_with_one_answer(self):
        for n in range(2):
            self.operations.append(Operation(COUNT, "counter", n, n + 1, OK, None, 1))
        self.assertEqual(self.kinds(counters={"counter": 2}), ["counter"])


if __name__ == "__main__":
    unittest.main()
