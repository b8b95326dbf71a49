# SPDX-License-Identifier: Apache-2.0
"""A transcript file, read: cases of steps. README.md here is the grammar."""
import os
import re

import notation

REQUEST = re.compile(r"^(?P<conn>\w*)>(?P<mode>>|raw\b)?(?:\s+(?P<rest>.*))?$")
READ = re.compile(r"^(?P<conn>\w*)<\s*$|^(?P<conn2>\w*)<\s+(?P<rest>\S.*)$")
DIRECTIVES = {
    "resp3": 0, "resp2": 0, "config": 2,
    "await": 0, "close": 1, "closed": 1, "blocked": 1,
}
CONDITIONS = {"since": 1, "henge-only": 1, "reference-only": 1, "cluster": 0}  # → words at least


class BadTranscript(Exception):
    pass


class Step:
    """A request to send, a reply to read, or a directive.

    action: call, send, send_raw, call_raw, read, or a directive's name.
    """

    def __init__(self, line, action, conn="", text=""):
        self.line, self.action, self.conn, self.text = line, action, conn, text
        self.expected = []  # The lines of the expectation.
        self.awaited = False

    def expects_reply(self):
        return self.action in ("call", "call_raw", "read")


class Case:
    def __init__(self, line, title):
        self.line, self.title = line, title
        self.steps = []
        self.conditions = {}

    def in_cluster(self):
        """Whether its server is a cluster of one node."""
        return "cluster" in self.conditions


class Transcript:
    def __init__(self, path, text):
        self.path = path
        self.lines = text.split("\n")
        self.cases = []
        self._read()

    def _read(self):
        conditions, case = {}, None
        step, awaited = None, False
        for number, line in enumerate(self.lines, 1):
            if line.startswith("= "):
                case = Case(number, line[2:].strip())
                case.conditions = dict(conditions)
                self.cases.append(case)
                step = None
                continue
            if not line.strip() or line.startswith("#"):
                if step is not None and step.expected:
                    step = None
                continue
            if case is None and line.startswith("@") and line[1:].split()[0] in CONDITIONS:
                self._condition(number, line, conditions)
                continue
            if case is None:
                case = Case(number, os.path.basename(self.path)[: -len(".rt")])
                case.conditions = dict(conditions)
                self.cases.append(case)
            if line.startswith("@"):
                if line[1:].split()[0] in CONDITIONS:
                    self._condition(number, line, case.conditions)
                elif line.strip() == "@await":
                    awaited = True
                else:
                    case.steps.append(self._directive(number, line))
                step = None
                continue
            started = self._start_of_step(number, line)
            if started is not None:
                step, step_awaited = started, awaited
                step.awaited, awaited = step_awaited, False
                case.steps.append(step)
            elif step is not None and step.expects_reply():
                step.expected.append(line)
            else:
                raise BadTranscript(f"{self.path}:{number}: neither a request nor part of a reply")

    def _condition(self, number, line, conditions):
        name, _, value = line[1:].partition(" ")
        if len(value.split()) < CONDITIONS[name]:
            raise BadTranscript(f"{self.path}:{number}: @{name} needs a value")
        conditions[name] = value.strip()

    def _directive(self, number, line):
        name, _, rest = line[1:].partition(" ")
        if name not in DIRECTIVES:
            raise BadTranscript(f"{self.path}:{number}: no directive @{name}")
        step = Step(number, name, text=rest.strip())
        if len(notation.parse_request(rest)) != DIRECTIVES[name]:
            raise BadTranscript(f"{self.path}:{number}: @{name} takes {DIRECTIVES[name]} words")
        return step

    def _start_of_step(self, number, line):
        request = REQUEST.match(line)
        if request:
            actions = {None: "call", ">": "send", "raw": "call_raw"}
            rest = request["rest"] or ""
            return Step(number, actions[request["mode"]], request["conn"], rest)
        read = READ.match(line)
        if read:
            step = Step(number, "read", read["conn"] or read["conn2"] or "")
            if read["rest"]:
                step.expected.append(read["rest"])
            return step
        return None

    def check(self):
        """Reads every request and expectation once, so that a slip is found before a server is."""
        for case in self.cases:
            for step in case.steps:
                try:
                    if step.action in ("call", "send", "call_raw"):
                        notation.parse_request(substitute(step.text, {}, "0"))
                    if step.expected:
                        notation.parse_reply(substitute("\n".join(step.expected), {}, "0"))
                except notation.BadNotation as error:
                    raise BadTranscript(f"{self.path}:{step.line}: {error}") from None

    def requests(self):
        """Every request of the file, as argument lists."""
        for case in self.cases:
            for step in case.steps:
                if step.action in ("call", "send"):
                    yield notation.parse_request(substitute(step.text, {}, "0"))


def substitute(text, saved, default=None):
    """Replaces ${name} by what <save name> kept."""
    def value(match):
        if match[1] in saved or default is not None:
            return saved.get(match[1], default)
        raise notation.BadNotation(f"nothing saved as {match[1]}")
    return re.sub(r"\$\{(\w+)\}", value, text)


def load(path):
    with open(path, encoding="utf-8") as stream:
        transcript = Transcript(path, stream.read())
    transcript.check()
    return transcript
