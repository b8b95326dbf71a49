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
    std::string line =
        fmt::format("keys={},expires={},avg_ttl=0", keys, node.store().KeyCountWithExpiry(db));
    // Redis 7.4's; left out where there are none, for readers that know 7.2's line.
    if (const uint64_t hashes = node.store().KeyCountWithMemberExpiry(db); hashes > 0) {
      line += fmt::format(",subexpiry={}", hashes);
    }
    out(fmt::format("db{}", db), line);
  }
}

}  // namespace henge::server
