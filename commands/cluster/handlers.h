// SPDX-License-Identifier: Apache-2.0
// The handlers of the cluster room. InCluster<F> makes a command's handler of F: it answers the
// error where this node is no part of a cluster, so that F need not ask.
#pragma once

#include <string>

#include "cluster/api.h"
#include "commands/context.h"

namespace henge::commands {

template <void (*F)(CommandContext&, cluster::ClusterView&, ArgReader&)>
void InCluster(CommandContext& ctx, ArgReader& args) {
  cluster::ClusterView* view = ctx.services.cluster();
  if (view == nullptr) return ctx.reply.Error(errors::kClusterDisabled);
  F(ctx, *view, args);
}

// What the topology says (describe.cc).
void ClusterSlots(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterShards(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterNodes(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterReplicas(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterMyId(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterMyShardId(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);

// Who is in the cluster, and as what (members.cc).
void ClusterMeet(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterForget(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterReplicate(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterReset(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterFailover(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterSetConfigEpoch(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterBumpEpoch(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterSaveConfig(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);

// What the bus says (health.cc).
// CLUSTER INFO as it stands; any thread.
std::string ClusterInfoText(cluster::ClusterView& view);
void ClusterInfo(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterLinks(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterCountFailureReports(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);

// Slots and their keys (slots.cc).
void ClusterKeySlot(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterCountKeysInSlot(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterGetKeysInSlot(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterAddSlots(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterAddSlotsRange(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterDelSlots(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterDelSlotsRange(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterFlushSlots(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);

// How much each slot has (slot_stats.cc).
void ClusterSlotStats(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);

// A slot's way from one node to another (setslot.cc).
void ClusterSetSlot(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);

// Slots that move at once (migrate_slots.cc).
void ClusterMigrateSlots(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterCancelSlotMigrations(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);
void ClusterGetSlotMigrations(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args);

}  // namespace henge::commands
