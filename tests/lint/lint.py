#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the house rules that a compiler does not: lint.py [ROOT].

Prints what offends as path:line: [rule] message, and fails. tests/lint/waivers.txt holds the
exceptions, a line each: `rule path[:function] limit reason`. A waiver that is not needed any more
fails too, and so does growth beyond its limit: the file only shrinks.
"""
import os
import re
import sys

import rules
import source

WAIVERS = "tests/lint/waivers.txt"
WAIVABLE = {"file_length", "function_length"}


class Waiver:
    def __init__(self, line, text):
        fields = text.split(None, 3)
        if len(fields) < 4 or fields[0] not in WAIVABLE or not fields[2].isdigit():
            raise ValueError(f"{WAIVERS}:{line}: want `rule path[:function] limit reason`")
        self.line = line
        self.rule, self.target, self.limit = fields[0], fields[1], int(fields[2])
        self.used = False

    def covers(self, rule, path, message):
        """Whether it excuses this finding; a finding above the limit is not excused."""
        name = re.match(r"([\w:~.]+): ", message) if rule == "function_length" else None
        target = f"{path}:{name[1]}" if name else path
        if (self.rule, self.target) != (rule, target):
            return False
        self.used = True
        return int(re.search(r"(\d+) lines", message)[1]) <= self.limit


def read_waivers(files):
    waivers = []
    for file in files:
        if file.path == WAIVERS:
            for number, text in enumerate(file.lines, 1):
                if text and not text.startswith("#"):
                    waivers.append(Waiver(number, text))
    return waivers


def check(root):
    """Every finding of every rule, as printable lines."""
    files = source.read_tree(root)
    waivers = read_waivers(files)
    findings = []
    for rule in rules.RULES:
        name = rule.__name__
        for path, line, message in rule(files):
            excused = [waiver.covers(name, path, message) for waiver in waivers]
            if not any(excused):
                findings.append(f"{path}:{line}: [{name}] {message}")
    findings += [f"{WAIVERS}:{waiver.line}: [waivers] not needed any more: take the line out"
                 for waiver in waivers if not waiver.used]
    return findings


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../..")
    try:
        findings = check(os.path.abspath(root))
    except ValueError as error:
        findings = [str(error)]
    print("\n".join(findings) if findings else "lint: nothing to say")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
