# SPDX-License-Identifier: Apache-2.0
"""What clients did to lists and counters, and whether that can be explained by one server that does one thing at a time.

Each operation has a beginning, an end and an outcome:

    ok        acknowledged: it took effect between its beginning and its end
    fail      refused: it took no effect
    unknown   the connection broke, or nothing came in time: it took effect some time later, or never

Values appended are never used twice, so the final list tells which appends took effect and in which order; the
reads in between, and the times, must agree with that. (So does Elle, for transactions; here each operation is one
command on one key.) `check` returns a Verdict.

Promised with `write-concern insync`, and checked:
  lost        what was acknowledged is in the final list
  twice       … once
  invented    what is in the list was appended by somebody, and not refused
  order       an append that was acknowledged before another began stands before it
  place       an append stands where its reply said: the list's length
  stale       a read sees each append that was acknowledged before the read began, and what reads saw that had ended
  fork        what a read sees begins like the final list, but for what was never acknowledged ("unacknowledged" counts
              such reads: reads do not wait for followers, and what they see early may be lost with the leader)
  counter     a counter's end lies between its acknowledged increments and those with all unknown ones, and no two
              acknowledged increments gave the same number
With `async` (strict=False) what is acknowledged may be lost with a leader, and what reads have seen: only
"twice", "invented" and the upper bound of counters are violations; lost appends are told in Verdict.lost.
"""
import dataclasses

OK, FAIL, UNKNOWN = "ok", "fail", "unknown"
APPEND, READ, COUNT = "append", "read", "count"


@dataclasses.dataclass(slots=True)
class Operation:
    kind: str
    key: str
    begin: float
    end: float
    outcome: str
    value: int = None    # Of an append.
    reply: object = None  # A length, the list, or the counter.
    node: object = None  # Who answered.


@dataclasses.dataclass
class Verdict:
    violations: list = dataclasses.field(default_factory=list)  # (what, sentence)
    lost: dict = dataclasses.field(default_factory=dict)  # Acknowledged appends that are not there, by key.
    unacknowledged: int = 0  # Reads that saw what was lost later, which nobody was told to be safe.
    counts: dict = dataclasses.field(default_factory=dict)

    def add(self, what, sentence):
        self.violations.append((what, sentence))

    def kinds(self):
        return sorted({what for what, _ in self.violations})


def check(operations, lists, counters, strict=True):
    """`lists`, `counters`: what is there in the end, by key."""
    verdict = Verdict()
    for outcome in (OK, FAIL, UNKNOWN):
        verdict.counts[outcome] = sum(one.outcome == outcome for one in operations)
    by_key = {}
    for one in operations:
        by_key.setdefault(one.key, []).append(one)
    for key, found in lists.items():
        _check_list(verdict, key, found, by_key.get(key, []), strict)
    for key, found in counters.items():
        _check_counter(verdict, key, found, by_key.get(key, []), strict)
    return verdict


def _check_list(verdict, key, found, operations, strict):
    appends = {one.value: one for one in operations if one.kind == APPEND}
    reads = [one for one in operations if one.kind == READ and one.outcome == OK]
    places = {value: place for place, value in enumerate(found)}
    if len(places) != len(found):
        verdict.add("twice", f"{key} holds {sorted({v for v in found if found.count(v) > 1})} more than once")
    for value in found:
        if value not in appends:
            verdict.add("invented", f"{key} holds {value}, which nobody appended")
        elif appends[value].outcome == FAIL:
            verdict.add("invented", f"{key} holds {value}, which was refused: {appends[value]}")
    acknowledged = [one for one in appends.values() if one.outcome == OK]
    lost = sorted((one.value for one in acknowledged if one.value not in places))
    if lost:
        verdict.lost[key] = lost
    if not strict:
        return
    for value in lost:
        verdict.add("lost", f"{key} lacks {appends[value]}")
    for one in acknowledged:
        if one.value in places and one.reply != places[one.value] + 1:
            verdict.add("place", f"{key} has it at {places[one.value] + 1}: {one}")
    _check_order(verdict, key, [one for value, one in appends.items() if value in places], places)
    for read in reads:
        _check_prefix(verdict, key, read, found, appends)
    _check_fresh(verdict, acknowledged, reads, places)


def _check_order(verdict, key, there, places):
    """In the list's order no append may begin after the end of one that stands behind it."""
    earliest = None  # Of those behind, the acknowledged one that ended first.
    for one in sorted(there, key=lambda one: -places[one.value]):
        if earliest is not None and earliest.end < one.begin:
            verdict.add("order", f"{key}: {one} stands before {earliest}")
        if one.outcome == OK and (earliest is None or one.end < earliest.end):
            earliest = one


def _check_prefix(verdict, key, read, found, appends):
    common = 0
    while common < min(len(read.reply), len(found)) and read.reply[common] == found[common]:
        common += 1
    rest = read.reply[common:]
    if not rest:
        return
    there = set(found)
    wrong = [value for value in rest
             if value in there or value not in appends or appends[value].outcome != UNKNOWN]
    if wrong:
        verdict.add("fork", f"{key}: a read at {read.node} from {read.begin:.6f} saw {wrong} from place {common + 1} on")
    else:
        verdict.unacknowledged += 1


def _check_fresh(verdict, acknowledged, reads, places):
    """What had been acknowledged, or read, when a read began, it must see."""
    known = [(one.end, places[one.value] + 1, one) for one in acknowledged if one.value in places]
    for read in reads:
        seen = [places[value] + 1 for value in read.reply if value in places]
        known.append((read.end, max(seen, default=0), read))
    known.sort(key=lambda item: item[0])
    at, most, witness = 0, 0, None
    for read in sorted(reads, key=lambda read: read.begin):
        while at < len(known) and known[at][0] < read.begin:
            if known[at][1] > most:
                most, witness = known[at][1:]
            at += 1
        seen = max((places[value] + 1 for value in read.reply if value in places), default=0)
        if seen < most:
            verdict.add("stale", f"{read.key}: a read at {read.node}, {read.begin:.6f} to {read.end:.6f}, sees {seen} of "
                        f"{most} that were known by {witness.kind} {witness.value} at {witness.node} at {witness.end:.6f}")


def _check_counter(verdict, key, found, operations, strict):
    counts = [one for one in operations if one.kind == COUNT]
    replies = [one.reply for one in counts if one.outcome == OK]
    unknown = sum(one.outcome == UNKNOWN for one in counts)
    least = len(replies) if strict else 0
    if not least <= found <= len(replies) + unknown:
        verdict.add("counter", f"{key} is {found}: acknowledged {len(replies)}, unknown {unknown}")
    if strict and len(set(replies)) != len(replies):
        verdict.add("counter", f"{key}: two increments were answered by the same number")
