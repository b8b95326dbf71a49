# SPDX-License-Identifier: Apache-2.0
"""tests/suites/run.py against a suite that says what it is told to: what it lets pass and what not."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

RUNNER = pathlib.Path(__file__).resolve().parent.parent / "suites" / "run.py"
SUITE = "#!/bin/sh\ncat says.conf\n"


class SuiteRunnerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        suite = self.folder / "suite"
        (suite / "tests").mkdir(parents=True)
        (suite / "runtest").write_text(SUITE)
        os.chmod(suite / "runtest", 0o755)
        (suite / "redis.conf").write_text("")
        self.suite = suite

    def run_with(self, ratchet, says, *flags):
        (self.suite / "says.conf").write_text(says)
        (self.folder / "ratchet").write_text(ratchet)
        done = subprocess.run(
            [sys.executable, RUNNER, self.suite, "--ratchet", self.folder / "ratchet", "--work",
             self.folder / "work", "--server", "/bin/true", *flags], capture_output=True, text=True)
        return done.returncode, done.stdout

    def test_all_is_as_it_should_be(self):
        code, out = self.run_with("[redis own unit/a] 2\nthird: why\n",
                                  "[ok]: first (3 ms)\n[ok]: second: with a colon (1 ms)\n"
                                  "[err]: third in tests/unit/a.tcl\nwhatever\n")
        self.assertEqual(code, 0, out)
        self.assertIn("2 passed, 1 failed", out)

    def test_a_test_that_fails_without_a_reason(self):
        code, out = self.run_with("[redis own unit/a] 1\n",
                                  "[ok]: first (3 ms)\n[err]: second in tests/unit/a.tcl\n")
        self.assertEqual(code, 1)
        self.assertIn("failed: second", out)

    def test_a_block_that_was_dropped_in_silence(self):
        code, out = self.run_with("[redis own unit/a] 2\n", "[ok]: first (3 ms)\n")
        self.assertEqual(code, 1)
        self.assertIn("1 passed, 2 must", out)

    def test_what_passes_leaves_the_list(self):
        ratchet = "# About.\n\n[redis own unit/a] 1\nfirst: why\nsecond: why\n"
        says = "[ok]: first (3 ms)\n[ok]: third (3 ms)\n[err]: second in tests/unit/a.tcl\n"
        code, out = self.run_with(ratchet, says)
        self.assertEqual(code, 1)
        self.assertIn("said to fail: first", out)
        code, out = self.run_with(ratchet, says, "--update")
        self.assertEqual(code, 0, out)
        self.assertEqual((self.folder / "ratchet").read_text(),
                         "# About.\n\n[redis own unit/a] 2\nsecond: why\n")

    def test_what_is_left_out_is_not_played(self):
        (self.suite / "runtest").write_text("#!/bin/sh\ncat says.conf\necho \"$@\"\n")
        code, out = self.run_with("[redis own unit/a] 1\nsecond one: left out, why\nthird: why\n",
                                  "[ok]: first (3 ms)\n")
        self.assertEqual(code, 0, out)
        log = (self.folder / "work" / "logs" / "redis_own_unit_a.log").read_text()
        self.assertIn("--skiptest second one", log)
        self.assertNotIn("--skiptest third", log)

    def test_what_fails_is_not_added_by_update(self):
        ratchet = "[redis own unit/a] 1\n"
        code, _ = self.run_with(ratchet, "[exception]: second\n", "--update")
        self.assertEqual(code, 1)
        self.assertNotIn("second", (self.folder / "ratchet").read_text())

    def test_the_legacy_tests_of_clusters(self):
        (self.suite / "runtest-cluster").write_text("#!/bin/sh\ncat says.conf tests/instances.tcl\n")
        os.chmod(self.suite / "runtest-cluster", 0o755)
        includes = self.suite / "tests" / "cluster" / "tests" / "includes"
        includes.mkdir(parents=True)
        (includes / "init-tests.tcl").write_text("        R $id MULTI\n        R $id EXEC\n")
        (self.suite / "tests" / "instances.tcl").write_text(
            "set ::redis_base_port 30000\nset ::redis_port_count 1024\n")
        code, out = self.run_with(
            "[redis legacy 00-base] 2\n",
            "10:00:00> first: \x1b[0;32mOK\x1b[0m\n10:00:01> second: redis/3 Waiting...\nOK\n"
            "10:00:02> third: FAILED: no\n(Jumping to next unit after error)\n")
        self.assertEqual(code, 1)
        self.assertIn("2 passed, 1 failed", out)
        self.assertIn("failed: third", out)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
