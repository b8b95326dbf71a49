#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/differences.md names exactly the commands that Redis has and Henge has not.

    differences_test.py [SERVER]            checks
    differences_test.py [SERVER] --write    puts the table right
"""
import os
import re
import sys
import unittest

import harness
import redis

PAGE = os.path.join(harness.ROOT, "docs/differences.md")
BEGIN, END = "<!-- missing:begin -->\n", "<!-- missing:end -->\n"
# In Redis 7.2, but not in Debian's 7.0.
SINCE_7_0 = {"client|no-touch": "connection", "client|setinfo": "connection",
             "cluster|myshardid": "cluster", "waitaof": "generic"}
TITLES = {"bitmap": "bitmaps", "connection": "connections", "generic": "keys", "hash": "hashes",
          "hyperloglog": "HyperLogLog", "list": "lists", "pubsub": "publish and subscribe",
          "scripting": "scripts and functions", "sentinel": "Sentinel", "set": "sets",
          "sorted-set": "sorted sets", "stream": "streams", "string": "strings"}


def reference_commands(port):
    """{full name: group}, subcommands as "client|list"; from Redis and SINCE_7_0."""
    groups = dict(SINCE_7_0)
    connection = redis.connection.Connection(port=port)
    connection.send_command("COMMAND", "DOCS")
    docs = connection.read_response()
    connection.disconnect()
    for name, doc in zip(docs[::2], docs[1::2]):
        doc = dict(zip(doc[::2], doc[1::2]))
        groups[name.decode()] = doc[b"group"].decode()
        for subcommand in doc.get(b"subcommands", [])[::2]:
            groups[subcommand.decode()] = doc[b"group"].decode()
    return groups


def is_known(connection, name):
    """Whether the server knows the command; asked in a transaction, so that nothing is executed."""
    connection.disconnect()
    connection.connect()
    connection.send_command("MULTI")
    connection.read_response()
    connection.send_command(*name.split("|"))
    try:
        connection.read_response()
    except redis.exceptions.ResponseError as error:
        return not re.match("unknown (sub)?command", str(error), re.I)
    return True


def missing_commands(henge, reference):
    """{group: names}, of a container that is missing as a whole only the container."""
    groups = reference_commands(reference.port)
    connection = redis.connection.Connection(port=henge.port)
    missing = {name for name in groups if not is_known(connection, name)}
    connection.disconnect()
    by_group = {}
    for name in sorted(missing):
        if name.split("|")[0] not in missing - {name}:
            by_group.setdefault(groups[name], []).append(name.replace("|", " ").upper())
    return by_group


def title(group):
    return TITLES.get(group, group)


def table(by_group):
    rows = [f"| {title(group)} | {', '.join(names)} |\n"
            for group, names in sorted(by_group.items(), key=lambda row: title(row[0]).casefold())]
    return "| group | missing |\n|---|---|\n" + "".join(rows)


class DifferencesTest(harness.TestCase):
    maxDiff = None

    def test_the_page_names_what_is_missing(self):
        missing = table(missing_commands(self.henge(), self.redis()))
        with open(PAGE, encoding="utf-8") as page:
            text = page.read()
        listed = text.partition(BEGIN)[2].partition(END)[0]
        self.assertEqual(listed, missing, "put it right with tests/system/differences_test.py --write")


def write():
    with harness.Henge() as henge, harness.Redis() as reference:
        missing = table(missing_commands(henge, reference))
    with open(PAGE, encoding="utf-8") as page:
        before, _, rest = page.read().partition(BEGIN)
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(before + BEGIN + missing + END + rest.partition(END)[2])


if __name__ == "__main__":
    if "--write" in sys.argv:
        sys.argv.remove("--write")
        if len(sys.argv) > 1:
            os.environ["HENGE_SERVER"] = os.path.abspath(sys.argv[1])
        write()
    else:
        harness.main()
