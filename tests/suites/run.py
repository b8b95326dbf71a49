#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the Tcl suites of Redis or Valkey against Henge: tests/suites/run.py SUITE_DIR [options].

SUITE_DIR is a checkout of redis/redis or valkey-io/valkey; it is copied, not changed, and nothing of it
is built. In the copy Valkey's tests are played without its dual-channel replication, which Henge has not.
Modes: `own` (the suite starts its servers, which speak Redis's protocol to each other), `stream` (the same,
but they speak gRPC), `external` (one that runs), `cluster` (one that runs, with all slots), `legacy` (Redis
7.2's tests/cluster, on twenty servers of its own; a unit is a file there, like 02-failover). What
is known to fail, and why, is in ratchet.txt beside this file; it only shrinks:

    [redis own integration/failover] 12       how many tests must pass
    failovers can be aborted: why             one that fails; "a race …": now and then;
                                              "left out, why": it is not played, as it takes minutes to fail

The exit code is 1 if any other test fails, fewer pass, or one passes that is said to fail. --update writes
higher counts and strikes out what passes; names are only ever added by hand.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RATCHET = HERE / "ratchet.txt"
PROGRAMS = ("server", "cli", "benchmark", "check-aof", "check-rdb")
SERVER_FLAGS = ("--bind", "127.0.0.1", "--save", "", "--enable-protected-configs", "yes",
                "--enable-debug-command", "yes", "--enable-module-command", "yes")
# A server of the suite's own is given its file; other calls ask for the version and such.
STARTER = """#!/bin/sh
case "$1" in
  *.conf*) exec {server} "$@" {flags} ;;
  *) exec {server} "$@" ;;
esac
"""
SLOTS = "16383"
UNIT_SECONDS = 3000     # For a unit; a test that hangs ends it sooner.
TEST_SECONDS = 900      # One of them makes a hundred full syncs.
PORT = 14000            # So that what nodes add to their ports is a port.
PORTS = 500
HEADING = re.compile(r"\[(\w+) (\w+) (\S+)\] (\d+)$")
LEGACY_TEST = re.compile(r"\d\d:\d\d:\d\d> (.*?): ")
LEGACY_END = re.compile(r"(OK|FAILED: .*)$")  # Perhaps lines below.
# What is changed in the copy: where its ports are.
LEGACY_CHANGES = (
    ("tests/instances.tcl", "set ::redis_base_port 30000", "set ::redis_base_port {port}"),
    ("tests/instances.tcl", "set ::redis_port_count 1024", "set ::redis_port_count {ports}"),
)
COLOUR = re.compile(r"\x1b\[[\d;]*m")
# Behind what the harness says while it waits, without a line's end.
RESULT = re.compile(r"(?:Waiting for [^\[]*)?\[(ok|err|exception|TIMEOUT)\]: (.*)$")
SOMETIMES = "a race"    # So begins the reason of what fails now and then,
LEFT_OUT = "left out"   # and of what is not played.
TAIL = re.compile(r"( in tests/\S+\.tcl| \(\d+ ms\))$")


class Expected:
    """Of one unit in one mode: how many pass at least, and which may fail."""

    def __init__(self, least=0):
        self.least = least
        self.failures = {}  # Name -> reason.


def read_ratchet(path):
    """(flavour, mode, unit) -> Expected, in the file's order; comments are those of the beginning."""
    comments, units, current = [], {}, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            if not units and line:
                comments.append(line)
            continue
        heading = HEADING.match(line)
        if heading:
            current = units.setdefault(heading.groups()[:3], Expected(int(heading[4])))
            continue
        name, colon, reason = line.rpartition(": ")
        if not colon or current is None:
            raise SystemExit(f"{path}:{number}: neither a unit nor 'test: reason'")
        current.failures[name] = reason
    return comments, units


def write_ratchet(path, comments, units):
    lines = list(comments)
    for key, unit in units.items():
        lines += ["", f"[{' '.join(key)}] {unit.least}"]
        lines += [f"{name}: {reason}" for name, reason in unit.failures.items()]
    path.write_text("\n".join(lines) + "\n")


def flavour_of(suite):
    return "valkey" if (suite / "valkey.conf").exists() else "redis"


def leave_out_dual_channel(tests):
    """Many tests are played with it on and off; neither may be set."""
    for path in (tests / "integration").glob("*.tcl"):
        text = path.read_text(errors="surrogateescape")
        text = re.sub(r'dualchannel \{"?(yes|no)"? "?(yes|no)"?\}', "dualchannel {no}", text)
        text = re.sub(r"^.*(config set dual-channel-replication-enabled|replicas_waiting_psync).*$", "", text,
                      flags=re.M)
        path.write_text(text, errors="surrogateescape")


def prepare(suite, server, streams, to):
    """A tree of the suite in `to` that finds our server where it looks for its own."""
    shutil.rmtree(to, ignore_errors=True)
    (to / "src").mkdir(parents=True)
    for name in ("tests", "utils"):
        if (suite / name).is_dir():
            shutil.copytree(suite / name, to / name, symlinks=True)
    leave_out_dual_channel(to / "tests")
    for path in (*suite.glob("runtest*"), *suite.glob("*.conf")):
        shutil.copy(path, to)
    (to / "tests" / "tmp").mkdir(exist_ok=True)
    starter = to / "src" / "starter"
    starter.write_text(STARTER.format(server=server, flags="" if streams else "--repl-grpc no"))
    starter.chmod(0o755)
    for program in PROGRAMS:
        target = starter if program == "server" else shutil.which(f"redis-{program}")
        for prefix in ("redis", "valkey"):
            if target:
                (to / "src" / f"{prefix}-{program}").symlink_to(target)


def prepare_legacy(tree, port):
    for name, before, after in LEGACY_CHANGES:
        path = tree / name
        text = path.read_text()
        if before not in text:
            raise SystemExit(f"{path} has no {before!r}: the legacy tests are those of Redis 7.2")
        path.write_text(text.replace(before, after.format(port=port, ports=PORTS)))


class External:
    """A server that the suite finds running."""

    def __init__(self, server, port, clustered):
        self.directory = tempfile.TemporaryDirectory(prefix="henge-suite-")
        flags = [*SERVER_FLAGS, *(("--cluster-enabled", "yes") if clustered else ())]
        self.process = subprocess.Popen(
            [server, "--port", str(port), "--dir", self.directory.name, *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self.cli = ["redis-cli", "-p", str(port)]
        self.await_reply("PONG", "ping")
        if clustered:
            subprocess.run([*self.cli, "cluster", "addslotsrange", "0", SLOTS], check=True,
                           stdout=subprocess.DEVNULL)
            self.await_reply("cluster_state:ok", "cluster", "info")

    def await_reply(self, wanted, *words):
        for _ in range(600):
            reply = subprocess.run([*self.cli, *words], capture_output=True, text=True).stdout
            if wanted in reply:
                return
            time.sleep(0.05)
        raise SystemExit(f"the server did not say {wanted}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait()
        self.directory.cleanup()


def read_results(log):
    """Names that passed, as often as they did, and names that did not."""
    passed, failed = [], []
    for line in log.read_text(errors="replace").splitlines():
        found = RESULT.match(line)
        if not found:
            continue
        name = TAIL.sub("", found[2])
        (passed if found[1] == "ok" else failed).append(name)
    return passed, failed


def read_legacy_results(log):
    passed, failed, running = [], [], None
    for line in log.read_text(errors="replace").splitlines():
        line = COLOUR.sub("", line)
        begins = LEGACY_TEST.match(line)
        if begins:
            failed += [running] if running else []
            running = begins[1]
        ends = LEGACY_END.search(line)
        if ends and running:
            (passed if ends[1] == "OK" else failed).append(running)
            running = None
    return passed, failed + ([running] if running else [])


def run_unit(tree, mode, unit, left_out, server, port, log):
    if mode == "legacy":
        return run_logged(["./runtest-cluster", "--single", unit], tree, log)
    command = ["./runtest", "--single", unit, "--durable", "--timeout", str(TEST_SECONDS), "--verbose",
               "--baseport", str(port), "--portcount", str(PORTS), "--clients", "1"]
    for name in left_out:
        command += ["--skiptest", name]
    if mode in ("own", "stream"):
        return run_logged(command, tree, log)
    command += ["--host", "127.0.0.1", "--port", str(port + PORTS), "--tags", "-slow"]
    clustered = mode == "cluster"
    with External(server, port + PORTS, clustered):
        return run_logged(command + (["--cluster-mode"] if clustered else []), tree, log)


def run_logged(command, tree, log):
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        try:
            subprocess.run(command, cwd=tree, stdout=out, stderr=subprocess.STDOUT,
                           env={**os.environ, "TERM": "dumb"}, timeout=UNIT_SECONDS)
        except subprocess.TimeoutExpired:
            out.write("\n[TIMEOUT]: the unit took too long\n")


def judge(expected, passed, failed):
    """What is wrong, a line each; what of `expected` passed."""
    wrong = [f"failed: {name}" for name in failed if name not in expected.failures]
    if len(passed) < max(expected.least, 1):
        wrong.append(f"{len(passed)} passed, {max(expected.least, 1)} must")
    mended = [name for name, reason in expected.failures.items()
              if name in passed and name not in failed and not reason.startswith(SOMETIMES)]
    wrong += [f"passes, but is said to fail: {name}" for name in mended]
    return wrong, mended


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suite", type=pathlib.Path)
    parser.add_argument("--server", type=pathlib.Path, default=ROOT / "build/release/bin/henge-server")
    parser.add_argument("--ratchet", type=pathlib.Path, default=RATCHET)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/suite")
    parser.add_argument("--mode", choices=("own", "stream", "external", "cluster", "legacy"), help="only this one")
    parser.add_argument("--port", type=int, default=PORT, help=f"the first of {PORTS}, on loopback")
    parser.add_argument("--units", help="only these, with commas between; also such as are not listed")
    parser.add_argument("--update", action="store_true", help="raise the counts, strike what passes")
    options = parser.parse_args()
    if not (options.suite / "runtest").exists():
        raise SystemExit(f"{options.suite} is no checkout of Redis or Valkey: it has no runtest")
    comments, units = read_ratchet(options.ratchet)
    flavour = flavour_of(options.suite)
    chosen = [key for key in units if key[0] == flavour and options.mode in (None, key[1])]
    if options.units:
        wanted = options.units.split(",")
        chosen = [key for key in chosen if key[2] in wanted]
        listed = {key[2] for key in chosen}
        chosen += [(flavour, options.mode or "own", unit) for unit in wanted if unit not in listed]
    tree = options.work / flavour
    total, bad = 0, 0
    for key in chosen:
        prepare(options.suite, options.server.resolve(), key[1] == "stream", tree)
        if key[1] == "legacy":
            prepare_legacy(tree, options.port)
        log = options.work / "logs" / ("_".join(key).replace("/", "_") + ".log")
        expected = units.get(key, Expected())
        left_out = [name for name, why in expected.failures.items() if why.startswith(LEFT_OUT)]
        run_unit(tree, key[1], key[2], left_out, options.server.resolve(), options.port, log)
        passed, failed = (read_legacy_results if key[1] == "legacy" else read_results)(log)
        wrong, mended = judge(expected, passed, failed)
        total += len(passed)
        print(f"{' '.join(key)}: {len(passed)} passed, {len(failed)} failed", flush=True)
        if options.update and key in units:
            expected.least = max(expected.least, len(passed))
            for name in mended:
                del expected.failures[name]
            wrong = [line for line in wrong if not line.startswith("passes")]
        for line in wrong:
            print(f"  {line}", flush=True)
        bad += bool(wrong)
    if options.update:
        write_ratchet(options.ratchet, comments, units)
    print(f"{total} tests passed in {len(chosen)} units; {bad} units are not as they should be")
    return 1 if bad or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
