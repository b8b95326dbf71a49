# SPDX-License-Identifier: Apache-2.0
"""The blocks of docs/performance.md: between `<!-- name:begin -->` and `<!-- name:end -->`.

Each begins with the command that made it and what stood around it: date, processor, load, versions.
"""
import os
import shlex
import sys
import time

from lib.servers import ROOT

PAGE = os.path.join(ROOT, "docs/performance.md")


def processor():
    with open("/proc/cpuinfo") as stream:
        for line in stream:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown processor"


class Report:
    """Collects a section's lines from the start of the run, and writes its block at the end."""

    def __init__(self, name, *servers):
        self.name = name
        self.versions = [server.version() for server in servers]
        self.load = os.getloadavg()[0]
        self.lines = []

    def caption(self):
        script = os.path.relpath(os.path.abspath(sys.argv[0]), ROOT)
        command = shlex.join([script, *(a for a in sys.argv[1:] if a != "--write")])
        return (f"`{command}` on {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC; "
                f"{processor()}, {os.cpu_count()} cores, Linux {os.uname().release}; "
                f"{', '.join(self.versions)}; load average {self.load:.1f} before and "
                f"{os.getloadavg()[0]:.1f} after.")

    def say(self, line=""):
        self.lines.append(line)

    def table(self, header, rows):
        """A Markdown table; columns after the first are numbers, to the right."""
        self.say("| " + " | ".join(header) + " |")
        self.say("|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|")
        for row in rows:
            self.say("| " + " | ".join(str(cell) for cell in row) + " |")
        self.say()

    def finish(self, write):
        """Prints the block; puts it on the page when `write`."""
        block = "\n".join([self.caption(), "", *self.lines]).rstrip() + "\n"
        print(block)
        if write:
            replace_block(self.name, block)


def replace_block(name, block):
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    with open(PAGE) as stream:
        page = stream.read()
    if begin not in page or end not in page:
        raise SystemExit(f"{PAGE} has no markers for {name}")
    head, rest = page.split(begin, 1)
    tail = rest.split(end, 1)[1]
    with open(PAGE, "w") as stream:
        stream.write(head + begin + block + end + tail)


def add_arguments(parser):
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, for a first look")
    parser.add_argument("--write", action="store_true",
                        help="put the block into docs/performance.md")
