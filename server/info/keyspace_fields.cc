// SPDX-License-Identifier: Apache-2.0
// INFO cluster and keyspace.
#include "server/info/sections.h"
#include "server/node.h"

namespace henge::server {

void ClusterFields(Node& node, InfoFields& out) {
  out("cluster_enabled", node.options().cluster_enabled ? 1 : 0);
}

void KeyspaceFields(Node& node, InfoFields& out) {
  for (DbIndex db = 0; db < node.store().databases(); ++db) {
    const uint64_t keys = node.store().KeyCount(db);
    if (keys == 0) continue;
    out(fmt::format("db{}", db),
        fmt::format("keys={},expires={},avg_ttl=0", keys, node.store().KeyCountWithExpiry(db)));
  }
}

}  // namespace henge::server
