// SPDX-License-Identifier: Apache-2.0
// INFO cluster and keyspace.
#include "cluster/slot_migrations.h"
#include "server/info/sections.h"
#include "server/node.h"

namespace henge::server {
namespace {

// Slots that move at once; Redis 7.2 has none.
void SlotFields(const cluster::SlotMigrations& migrations, InfoFields& out) {
  const cluster::SlotMigrationCounts counts = migrations.counts();
  out("cluster_slot_migrations_active", counts.active);
  out("cluster_slot_imports_active", counts.imports);
  out("cluster_slot_migrations_success", counts.succeeded);
  out("cluster_slot_migrations_failed", counts.failed);
  out("cluster_slot_migrations_cancelled", counts.cancelled);
  out("cluster_slot_migrations_sent_bytes", counts.sent_bytes);
  out("cluster_slot_imports_received_bytes", counts.received_bytes);
  out("cluster_slots_moved", counts.moved_slots);
  out("cluster_slots_dropped_keys", counts.dropped_keys);
  const cluster::SlotMigrationReport now = migrations.UnderWay();
  if (now.name.empty()) return;
  out("cluster_slot_migration_name", now.name);
  out("cluster_slot_migration_sent_bytes", now.sent_bytes);
  out("cluster_slot_migration_remaining_bytes", now.remaining_bytes);
  out("cluster_slot_migration_walked_keys", now.walked_keys);
  out("cluster_slot_migration_keys", now.keys);
}

}  // namespace

void ClusterFields(Node& node, InfoFields& out) {
  out("cluster_enabled", node.options().cluster_enabled ? 1 : 0);
  const bool can_move = node.cluster() != nullptr && node.cluster()->slot_migrations() != nullptr;
  if (can_move) SlotFields(*node.cluster()->slot_migrations(), out);
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
