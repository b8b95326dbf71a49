#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays transcripts against Henge and against Debian's redis-server, the reference.

    run.py [--target henge|redis|both] [FILE.rt | FOLDER …]
        --allow-missing           a case that meets a command Henge does not have yet is skipped
    run.py --record FILE.rt …   writes the reference's replies under requests that have none

The servers are started here, on loopback ports nobody uses. The last line counts the cases.
"""
import argparse
import glob
import os
import queue
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import harness  # noqa: E402  Found through the path above.
import notation  # noqa: E402
import player  # noqa: E402
import resp  # noqa: E402
import transcript  # noqa: E402

SERVERS = {"henge": harness.Henge, "redis": harness.Redis}
SERVERS_PER_TARGET = 2
CLUSTER_OF_ONE = {"cluster-enabled": "yes", "cluster-node-timeout": 500}


def version_tuple(text):
    return tuple(int(part) for part in text.split(".")[:3])


def why_skip(case, target, version):
    """The reason why this case is not for this server, or None."""
    if target == "henge":
        return case.conditions.get("reference-only")
    if "henge-only" in case.conditions:
        return case.conditions["henge-only"]
    since = case.conditions.get("since")
    if since and version_tuple(since) > version:
        return f"the reference is older than {since}"
    return None


class Tally:
    """What came of the cases; filled by several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0

    def add(self, outcome, report=None):
        with self._lock:
            setattr(self, outcome, getattr(self, outcome) + 1)
            if report:
                print(report, flush=True)


def indent(text):
    return text.replace("\n", "\n            ")


def report_of(path, target, case, error):
    step = error.step
    asked = step.text if step.action == "call" else f"{step.action} {step.text}"
    return (f"{os.path.relpath(path)}:{step.line}: [{target}] {case.title}: {step.conn}> {asked}\n"
            f"  expected: {indent(error.expected)}\n  got:      {indent(error.got)}")


class Pair:
    """Two servers of one kind, by itself and as a cluster of one; each starts when it is needed."""

    def __init__(self, target):
        self._servers = {False: SERVERS[target](), True: SERVERS[target](CLUSTER_OF_ONE)}
        self._versions = {}

    def running(self, case):
        server = self._servers[case.in_cluster()]
        if not server.alive():
            server.start()
        return server

    def version(self, server):
        if server not in self._versions:
            info = server.client().info("server")
            self._versions[server] = version_tuple(info.get("redis_version", "7.2.4"))
        return self._versions[server]

    def close(self):
        for server in self._servers.values():
            server.close()


class Lane(threading.Thread):
    """One pair of servers and the files that it is given, one after another."""

    def __init__(self, target, files, tally, allow_missing=False):
        super().__init__(daemon=True)
        self._target, self._files, self._tally = target, files, tally
        self._missing = ('-"ERR unknown command', "-ERR unknown subcommand") if allow_missing else ()
        self._pair = Pair(target)

    def run(self):
        try:
            while True:
                path = self._files.get_nowait()
                try:
                    for case in transcript.load(path).cases:
                        self._play_case(path, case)
                except Exception as error:  # Whatever goes wrong is this file's failure.
                    self._tally.add("failed", f"{os.path.relpath(path)}: [{self._target}] "
                                              f"{type(error).__name__}: {error}")
        except queue.Empty:
            pass
        except AssertionError as error:
            self._tally.add("failed", f"[{self._target}] {error}")
        finally:
            self._pair.close()

    def _play_case(self, path, case):
        server = self._pair.running(case)
        if why_skip(case, self._target, self._pair.version(server)):
            return self._tally.add("skipped")
        try:
            player.Player(server.port, cluster=case.in_cluster()).play(case)
            self._tally.add("passed")
        except player.Mismatch as error:
            if self._missing and error.got.startswith(self._missing):
                self._tally.add("skipped")
            else:
                self._tally.add("failed", report_of(path, self._target, case, error))
        if not server.alive():
            self._tally.add("failed", f"{os.path.relpath(path)}:{case.line}: [{self._target}] "
                                      f"the server died; its log:\n{server.log()}")


def find_files(arguments):
    found = []
    for argument in arguments or [HERE]:
        if os.path.isdir(argument):
            found += glob.glob(os.path.join(argument, "**", "*.rt"), recursive=True)
        else:
            found.append(argument)
    return sorted(found)


def run(targets, paths, allow_missing):
    tally, lanes = Tally(), []
    for target in targets:
        files = queue.Queue()
        for path in paths:
            files.put(path)
        lanes += [Lane(target, files, tally, allow_missing and target == "henge")
                  for _ in range(min(SERVERS_PER_TARGET, len(paths)))]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    if tally.skipped:
        print(f"{tally.skipped} skipped: not for that server, or not there yet")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


def record(target, paths):
    """Fills in what the server replies where a transcript says nothing."""
    servers = Pair(target)
    try:
        for path in paths:
            script, replies = transcript.load(path), {}
            for case in script.cases:
                port = servers.running(case).port
                try:
                    player.Player(port, replies, case.in_cluster()).play(case)
                except player.Mismatch as error:
                    print(report_of(path, target, case, error))
            write_replies(script, replies)
    finally:
        servers.close()
    return 0


def write_replies(script, replies):
    lines = []
    for number, line in enumerate(script.lines, 1):
        lines.append(line)
        if number in replies:
            lines.append(replies[number])
    with open(script.path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines).rstrip("\n") + "\n")
    print(f"{os.path.relpath(script.path)}: {len(replies)} replies written")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=["henge", "redis", "both"], default="both")
    parser.add_argument("--allow-missing", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    paths = find_files(options.files)
    if options.record:
        return record("henge" if options.target == "henge" else "redis", paths)
    return run(["redis", "henge"] if options.target == "both" else [options.target], paths,
               options.allow_missing)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (transcript.BadTranscript, notation.BadNotation, resp.Closed) as error:
        sys.exit(str(error))
