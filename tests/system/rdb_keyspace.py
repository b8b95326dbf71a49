# SPDX-License-Identifier: Apache-2.0
"""A random keyspace of every type and encoding, and a picture of one that two servers must share."""

LIMITS = {"hash-max-listpack-entries": 64, "zset-max-listpack-entries": 64,
          "set-max-intset-entries": 64, "list-max-listpack-size": 32}


def word(rand):
    """A text: a number, a short one, a long one that compresses, or bytes of any kind."""
    kind = rand.randrange(7)
    if kind == 0:
        return str(rand.choice((0, 1, -1, 127, -129, 40000, -2**31, 2**31, 2**40, -2**63, 2**63 - 1)))
    if kind == 1:
        return str(rand.randrange(-10**rand.randrange(1, 18), 10**rand.randrange(1, 18)))
    if kind == 2:
        return bytes(rand.randrange(256) for _ in range(rand.randrange(80)))
    if kind == 3:
        return "ab" * rand.randrange(10, 200)
    if kind == 4 and rand.random() < 0.1:
        return rand.randbytes(rand.randrange(20000))
    return "w" + "".join(rand.choice("aeiou") for _ in range(rand.randrange(12)))


def words(rand):
    return [word(rand) for _ in range(rand.choice((1, 2, 5, 30, 60, 70, 200)))]


def score(rand):
    return rand.choice((0, 1, -1, 1.5, -0.1, 1e300, "inf", "-inf", rand.random(),
                        rand.randrange(-10**9, 10**9), 2**53 - 1))


def make_stream(client, rand, key):
    entries = rand.choice((1, 3, 120, 250))
    for i in range(1, entries + 1):
        fields = {"a": word(rand), "b": i} if rand.random() < 0.8 else {word(rand): word(rand)}
        client.xadd(key, fields, id=f"{1000 + i // 3}-{i}")
    for i in rand.sample(range(1, entries + 1), entries // 5):
        client.xdel(key, f"{1000 + i // 3}-{i}")
    for group in range(rand.randrange(3)):
        name = f"g{group}"
        client.xgroup_create(key, name, id="0")
        for consumer in range(rand.randrange(3)):
            read = client.xreadgroup(name, f"c{consumer}", {key: ">"}, count=rand.randrange(1, 20))
            ids = [entry for entry, _ in read[0][1]] if read else []
            if ids and rand.random() < 0.5:
                client.xack(key, name, *ids[: rand.randrange(1, len(ids) + 1)])
        if rand.random() < 0.3:
            client.xgroup_createconsumer(key, name, "bored")


def make(client, rand, key):
    kind = rand.randrange(8)
    if kind == 0:
        client.set(key, word(rand))
    elif kind == 1:
        client.rpush(key, *words(rand))
    elif kind == 2:
        client.sadd(key, *[rand.randrange(-2**rand.choice((10, 20, 40)), 2**30)
                           for _ in range(rand.choice((1, 5, 60, 200)))])
    elif kind == 3:
        client.sadd(key, *words(rand))
    elif kind == 4:
        client.zadd(key, {member: score(rand) for member in words(rand)})
    elif kind == 5:
        client.hset(key, mapping={field: word(rand) for field in words(rand)})
    elif kind == 6:
        make_stream(client, rand, key)
    else:
        client.pfadd(key, *words(rand))


def set_limits(client):
    for name, value in LIMITS.items():
        client.config_set(name, value)


def fill(client, rand, keys):
    set_limits(client)
    for i in range(keys):
        make(client, rand, f"key:{i}" + "x" * rand.choice((0, 0, 0, 100, 300)))


def stream_facts(client, key, counters):
    """What DEBUG DIGEST-VALUE does not look at: IDs, groups and, with `counters`, what is counted of
    both since Redis 7."""
    info = client.xinfo_stream(key)
    facts = [info[name] for name in ("length", "last-generated-id", "groups")]
    if counters:
        facts += [info[name] for name in ("max-deleted-entry-id", "entries-added",
                                          "recorded-first-entry-id")]
    for group in client.xinfo_groups(key):
        facts.append([group[name] for name in ("name", "consumers", "pending", "last-delivered-id",
                                               *(("entries-read", "lag") if counters else ()))])
        for pending in client.xpending_range(key, group["name"], "-", "+", 1000):
            facts.append([pending[name] for name in ("message_id", "consumer", "times_delivered")])
        facts += [[c["name"], c["pending"]] for c in client.xinfo_consumers(key, group["name"])]
    return facts


def picture(client, counters=True):
    """{key: [type, digest, more]} of all keys."""
    seen = {}
    for key in client.keys("*"):
        kind = client.type(key)
        digest = client.execute_command("DEBUG", "DIGEST-VALUE", key)
        seen[key] = [kind, digest] + (
            stream_facts(client, key, counters) if kind == b"stream" else [])
    return seen
