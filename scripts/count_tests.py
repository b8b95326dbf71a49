#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the tests inside a CTest run: count_tests.py LastTest.log.

CTest counts programs; a program here holds many tests. A GoogleTest binary and a unittest program
count by their own summary, another by its last line "N passed, N failed", and one with neither (or
one that died half way) as a single test with CTest's verdict.
"""
import re
import sys

PROGRAM = re.compile(r"^\d+/\d+ Testing: (.*)$", re.M)
OWN_LINE = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
GTEST_PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?\.$", re.M)
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in", re.M)
UNITTEST_FAILED = re.compile(r"(?:failures|errors)=(\d+)")
GTEST_FAILED = re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below:$", re.M)


def count_program(output):
    """(passed, failed) of one program's part of the log."""
    ok = re.search(r"^Test Passed\.$", output, re.M) is not None
    own, gtest = OWN_LINE.findall(output), GTEST_PASSED.search(output)
    if own:
        passed, failed = map(int, own[-1])
    elif gtest:
        bad = GTEST_FAILED.search(output)
        passed, failed = int(gtest[1]), int(bad[1]) if bad else 0
    elif UNITTEST_RAN.search(output):
        failed = sum(map(int, UNITTEST_FAILED.findall(output)))
        passed = int(UNITTEST_RAN.search(output)[1]) - failed
    else:
        passed, failed = int(ok), int(not ok)
    if not ok and failed == 0:
        failed = 1
    return passed, failed


def count(log):
    parts = PROGRAM.split(log)[1:]
    sums = [0, 0]
    for output in parts[1::2]:
        for i, n in enumerate(count_program(output)):
            sums[i] += n
    return sums


if __name__ == "__main__":
    with open(sys.argv[1], errors="replace") as log_file:
        print("{} passed, {} failed".format(*count(log_file.read())))
