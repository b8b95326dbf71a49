# SPDX-License-Identifier: Apache-2.0
"""Which folder may include which: the one table behind the rule, as docs/architecture.md draws it.

A value is the set of folders that may be used besides the folder itself. A name with a slash
narrows the permission to one header.
"""
FACES = {"cluster/api.h", "cluster/slot_migrations.h", "replication/api.h", "persistence/api.h"}

FLOORS = {
    "base": set(),
    "proto": {"base"},
    "store": {"base"},
    "pubsub": {"proto", "base"},
    "net": {"proto", "base"},
    "persistence": {"store", "base"},
    "replication": {"persistence", "store", "proto", "base"},
    "cluster": {"replication", "persistence", "store", "proto", "base"},
    "commands": {"store", "pubsub", "proto", "base"} | FACES,
    "proxy": {"commands", "cluster", "net", "proto", "base"},
    "server": {"commands", "cluster", "replication", "persistence", "net", "pubsub", "store",
               "proto", "base"},
}

# Generated from proto/henge/*.proto, so a part of proto.
GENERATED = {"henge": "proto"}


def may_include(folder, header):
    """Whether a file of `folder` may include `header` (a path from the root)."""
    target = header.split("/")[0]
    target = GENERATED.get(target, target)
    if folder not in FLOORS or target not in FLOORS or target == folder:
        return True
    return target in FLOORS[folder] or header in FLOORS[folder]
