# SPDX-License-Identifier: Apache-2.0
"""Cuts a sequence that shows a difference down to what matters, and writes it as a transcript."""
import time

import notation
from session import BLOCK, CHECK, NAMES, Session
from wire import as_reply

ATTEMPTS = 600
SECONDS = 60


class Shrinker:
    """`differs` says of calls what differs, or None."""

    def __init__(self, differs):
        self._differs = differs
        self._left = ATTEMPTS
        self.last = None  # The difference that the shortest sequence so far has shown.
        self._until = time.monotonic() + SECONDS

    def shrink(self, calls, difference):
        calls = self._up_to(calls, difference)
        size = max(1, len(calls) // 2)
        while size:
            calls = self._without_runs(calls, size)
            size //= 2
        calls = self._without_runs(calls, 1)
        return self._with_shorter_calls(calls)

    def _up_to(self, calls, difference):
        """What came before the difference; checks only at the end, if one found it."""
        kept = [call for call in calls[:difference.at + 1] if call[1]]
        return kept if calls[difference.at][1] else kept + [CHECK]

    def _attempt(self, calls):
        """The calls up to their difference, or None."""
        if self._left == 0 or not calls or time.monotonic() > self._until:
            return None
        self._left -= 1
        difference = self._differs(calls)
        if difference is None:
            return None
        self.last = difference
        return calls[:difference.at + 1]

    def _without_runs(self, calls, size):
        at = len(calls) - size
        while at > -size:
            start = max(at, 0)
            shorter = calls[:start] + calls[at + size:]
            found = self._attempt(shorter)
            if found:
                calls = found
                at = min(at, len(calls))
            at -= size
        return calls

    def _with_shorter_calls(self, calls):
        for at in range(len(calls) - 1, -1, -1):
            word = 1
            while at < len(calls) and calls[at][1][:1] != (BLOCK,) and word < len(calls[at][1]):
                words = calls[at][1]
                found = self._attempt([*calls[:at], (calls[at][0], words[:word] + words[word + 1:]),
                                       *calls[at + 1:]])
                calls = found or calls
                word += 0 if found else 1
        return calls


def as_word(word):
    plain = word and all(byte in b"-+.*_#>$=" or chr(byte).isalnum() and byte < 128 for byte in word)
    return word.decode() if plain else notation.escape(word)


def transcript(calls, ports, protocols, keys, found):
    """The calls with the reference's replies, and Henge's where they are others; `found`: what was found."""
    used = {index for index, words in calls if words}
    lines, shown, waiting = [], [], set()
    for index in sorted(used):
        if protocols[index] == 3:
            lines += [f"{NAMES[index]}> HELLO 3", "<any>"]

    def observe(index, words, henge, reference):
        if words[0].upper() == b"CONFIG" and words[1].upper() == b"SET" and len(words) == 4:
            lines.append("@config " + " ".join(map(as_word, words[2:])))
            return
        if words[0] == BLOCK:
            waiting.add(index)
            lines.append(f"{NAMES[index]}>> " + " ".join(map(as_word, words[1:])))
            return
        if index in waiting:
            waiting.discard(index)
            lines.append(f"# At the latest now, CLIENT UNBLOCK of {NAMES[index]}.\n{NAMES[index]}<")
        else:
            lines.append(f"{NAMES[index]}> " + " ".join(map(as_word, words)))
        lines.append(notation.render(as_reply(reference)))
        if henge != reference:
            lines.append("# Henge: " + notation.render(as_reply(henge)).replace("\n", "\n# "))

    difference = Session(ports, protocols, keys, observe=observe).run(calls)
    if difference is None:
        del lines[:-20]
        shown.append(f"# This time both agreed: only the last calls are shown. Before: {found}")
    elif difference.complaint:
        shown.append(f"# {difference.complaint}")
        if difference.words and not calls[difference.at][1]:
            shown.append("> " + " ".join(map(as_word, difference.words)))
            shown.append(notation.render(as_reply(difference.reference)))
            shown.append("# Henge: " + notation.render(as_reply(difference.henge)))
    return "\n".join(lines + shown)
