# SPDX-License-Identifier: Apache-2.0
"""What COMMAND tells about each command is what the reference tells about it.

Clients route by the flags and key positions of COMMAND INFO; redis-cli draws its hints from the
arguments of COMMAND DOCS.
"""
import harness

# What 7.2 tells otherwise than the 7.0 that Debian ships: {name: {field: what it tells}}.
SINCE_7_2 = {
    'acl|cat': {'arguments': '[category]'},
    'acl|deluser': {'tips': ['request_policy:all_nodes', 'response_policy:all_succeeded']},
    'acl|log': {'history': ['7.2.0']},
    'acl|save': {'tips': ['request_policy:all_nodes', 'response_policy:all_succeeded']},
    'acl|setuser': {'tips': ['request_policy:all_nodes', 'response_policy:all_succeeded']},
    'bitop': {'arguments': '<and|or|xor|not> destkey key ...'},
    'blmove': {'flags': ['blocking', 'denyoom', 'write']},
    'blpop': {'flags': ['blocking', 'write']},
    'brpop': {'flags': ['blocking', 'write']},
    'brpoplpush': {'flags': ['blocking', 'denyoom', 'write']},
    'bzpopmax': {'flags': ['blocking', 'fast', 'write']},
    'bzpopmin': {'flags': ['blocking', 'fast', 'write']},
    'client|pause': {'since': '3.0.0'},
    'client|setname': {'tips': ['request_policy:all_nodes', 'response_policy:all_succeeded']},
    'cluster|meet': {'arguments': 'ip port [cluster-bus-port]'},
    'cluster|shards': {'flags': ['loading', 'stale']},
    'cluster|slots': {'flags': ['loading', 'stale']},
    'command|getkeys': {'arity': -3, 'arguments': 'command [arg ...]'},
    'command|getkeysandflags': {'arity': -3, 'arguments': 'command [arg ...]'},
    'config|resetstat': {'tips': ['request_policy:all_nodes', 'response_policy:all_succeeded']},
    'config|rewrite': {'tips': ['request_policy:all_nodes', 'response_policy:all_succeeded']},
    'geohash': {'arguments': 'key [member ...]'},
    'geopos': {'arguments': 'key [member ...]'},
    'georadius': {
        'arguments': (
            'key longitude latitude radius <m|km|ft|mi> [withcoord] [withdist] [withhash] '
            '[count count [any]] [<asc|desc>] [<store key|storedist key>]'),
    },
    'georadiusbymember': {
        'arguments': (
            'key member radius <m|km|ft|mi> [withcoord] [withdist] [withhash] [count count '
            '[any]] [<asc|desc>] [<store key|storedist key>]'),
    },
    'latency|reset': {'tips': ['request_policy:all_nodes', 'response_policy:agg_sum']},
    'lcs': {'arguments': 'key1 key2 [len] [idx] [minmatchlen min-match-len] [withmatchlen]'},
    'migrate': {
        'arguments': (
            'host port <key|""> destination-db timeout [copy] [replace] [<auth password|auth2 '
            'username password>] [keys key ...]'),
    },
    'msetnx': {'tips': []},
    'pfmerge': {'arguments': 'destkey [sourcekey ...]'},
    'psetex': {'doc_flags': ['deprecated'], 'deprecated_since': '2.6.12'},
    'quit': {'doc_flags': ['deprecated'], 'deprecated_since': '7.2.0'},
    'randomkey': {
        'tips': ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
    },
    'scan': {
        'tips': ['nondeterministic_output', 'request_policy:special', 'response_policy:special'],
    },
    'module|loadex': {'arguments': 'path [config name value ...] [args args ...]'},
    'setex': {'doc_flags': ['deprecated'], 'deprecated_since': '2.6.12'},
    'setnx': {'doc_flags': ['deprecated'], 'deprecated_since': '2.6.12'},
    'wait': {'flags': []},
    'xclaim': {
        'arguments': (
            'key group consumer min-idle-time id ... [idle ms] [time unix-time-milliseconds] '
            '[retrycount count] [force] [justid] [lastid lastid]'),
    },
    'xgroup|create': {'arguments': 'key group <id|$> [mkstream] [entriesread entries-read]'},
    'xgroup|createconsumer': {'arguments': 'key group consumer'},
    'xgroup|delconsumer': {'arguments': 'key group consumer'},
    'xgroup|destroy': {'arguments': 'key group'},
    'xgroup|setid': {'arguments': 'key group <id|$> [entriesread entries-read]'},
    'xinfo|consumers': {'history': ['7.2.0'], 'arguments': 'key group'},
    'xinfo|stream': {'history': ['6.0.0', '7.0.0', '7.2.0']},
    'xsetid': {
        'arguments': 'key last-id [entriesadded entries-added] [maxdeletedid max-deleted-id]',
    },
    'zrank': {'arity': -3, 'history': ['7.2.0'], 'arguments': 'key member [withscore]'},
    'zrevrank': {'arity': -3, 'history': ['7.2.0'], 'arguments': 'key member [withscore]'},
}
# What Henge tells otherwise than 7.2, because it takes more.
OF_HENGE = {
    'bgsave': {'history': ['3.2.2', '8.1.0'], 'arguments': '[<schedule|cancel>]'},
    'client|kill': {
        'arguments': (
            '<ip:port|<[id client-id]|[type <normal|master|slave|replica|pubsub>]|[user '
            'username]|[addr ip:port]|[laddr ip:port]|[maxage maxage]|[skipme <yes|no>]> ...>'),
    },
    'debug': {'arguments': 'subcommand [argument ...]'},
    'set': {
        'history': ['2.6.12', '6.0.0', '6.2.0', '7.0.0', '8.1.0'],
        'arguments': ('key value [<nx|xx|ifeq comparison-value>] [get] [<ex seconds|px milliseconds|exat '
                      'unix-time-seconds|pxat unix-time-milliseconds|keepttl>]')},
    'zscan': {'history': ['8.1.0'],
              'arguments': 'key cursor [match pattern] [count count] [noscores]'},
    'hscan': {'history': ['7.4.0'],
              'arguments': 'key cursor [match pattern] [count count] [novalues]'},
}
TOLD_OTHERWISE = {**SINCE_7_2, **OF_HENGE}


def ask(server, *words):
    client = server.client(decode_responses=True)
    client.response_callbacks.clear()  # Takes every reply for that of a plain COMMAND.
    return client.execute_command("COMMAND", *words)


def as_map(flat):
    return dict(zip(flat[::2], flat[1::2]))


def key_spec(flat):
    """A key spec without its notes, which are prose."""
    spec = as_map(flat)
    steps = [as_map(spec[name]) for name in ("begin_search", "find_keys")]
    return sorted(spec["flags"]), [(step["type"], as_map(step["spec"])) for step in steps]


def infos(server):
    """{full name: {field: value}} of COMMAND INFO."""
    found = {}

    def add(rows):
        for row in rows:
            found[row[0]] = {"arity": row[1], "flags": sorted(row[2]), "keys": row[3:6],
                             "categories": sorted(row[6]), "tips": sorted(row[7]),
                             "key specs": [key_spec(spec) for spec in row[8]]}
            add(row[9])
    add(ask(server))
    return found


def hint(arguments):
    """Arguments as redis-cli hints at them, in lower case: 7.2 gave groups other names."""
    words = []
    for argument in map(as_map, arguments):
        inner = argument.get("arguments", [])
        word = argument.get("display_text", argument["name"]) if not inner else hint(inner)
        if argument["type"] == "oneof":
            word = "<" + "|".join(hint([each]) for each in inner) + ">"
        token, flags = argument.get("token"), argument.get("flags", [])
        if token is not None:
            word = token if argument["type"] == "pure-token" else f"{token} {word}"
        word = f"{word} ..." if "multiple" in flags else word
        words.append(f"[{word}]" if "optional" in flags else word)
    return " ".join(words).lower()


def docs(server):
    """{full name: {field: value}} of COMMAND DOCS, without prose."""
    found = {}

    def add(flat):
        for name, doc in as_map(flat).items():
            doc = as_map(doc)
            found[name] = {"group": doc["group"], "since": doc["since"],
                           "doc_flags": sorted(doc.get("doc_flags", [])),
                           "deprecated_since": doc.get("deprecated_since"),
                           "history": [version for version, _ in doc.get("history", [])],
                           "arguments": hint(doc.get("arguments", []))}
            add(doc.get("subcommands", []))
    add(ask(server, "DOCS"))
    return found


def differences(ours, theirs):
    """What is told otherwise and not explained above, a line each."""
    lines = []
    for name in sorted(ours.keys() & theirs.keys()):
        for field, value in ours[name].items():
            expected = TOLD_OTHERWISE.get(name, {}).get(field, theirs[name][field])
            if value != expected:
                lines.append(f"{name}: {field}: {value} instead of {expected}")
    return lines


class CommandTest(harness.TestCase):
    maxDiff = None

    def setUp(self):
        self.ours, self.theirs = self.henge(), self.redis()

    def test_info_is_the_references(self):
        self.assertEqual(differences(infos(self.ours), infos(self.theirs)), [])

    def test_docs_are_the_references(self):
        self.assertEqual(differences(docs(self.ours), docs(self.theirs)), [])

    def test_no_command_is_without_prose(self):
        flat = ask(self.ours, "DOCS")
        for name, doc in as_map(flat).items():
            self.assertTrue(as_map(doc)["summary"], name)


if __name__ == "__main__":
    harness.main()
