#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every command has a transcript named after it, and every transcript is named after a command.

    rows_test.py [SERVER]

A container's transcript plays each of its subcommands.
"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import harness  # noqa: E402  Found through the path above.
import run  # noqa: E402
import transcript  # noqa: E402


def commands_of(server):
    """All names in lower case, subcommands as "client|list"."""
    client = server.client()
    client.response_callbacks.clear()  # The library's takes every reply for that of a plain COMMAND.
    return {name.decode().lower() for name in client.execute_command("COMMAND", "LIST")}


def played_by_file():
    """{name of the file without folder and .rt: the requests' first two words in lower case}."""
    played = {}
    for path in run.find_files([]):
        name = os.path.basename(path)[: -len(".rt")]
        played[name] = {tuple(word.lower().decode("latin-1") for word in request[:2])
                        for request in transcript.load(path).requests()}
    return played


class RowsTest(harness.TestCase):
    def setUp(self):
        self.commands = commands_of(self.henge())
        self.played = played_by_file()

    def test_every_command_has_a_transcript(self):
        lacking = [name for name in self.commands if "|" not in name
                   and not any(words[:1] == (name,) for words in self.played.get(name, ()))]
        self.assertEqual(sorted(lacking), [])

    def test_every_subcommand_is_played_in_its_containers_transcript(self):
        lacking = [name for name in self.commands if "|" in name
                   and tuple(name.split("|")) not in self.played.get(name.split("|")[0], ())]
        self.assertEqual(sorted(lacking), [])

    def test_every_transcript_is_of_a_command(self):
        self.assertEqual(sorted(self.played.keys() - self.commands), [])


if __name__ == "__main__":
    harness.main()
