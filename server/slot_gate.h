// SPDX-License-Identifier: Apache-2.0
// The slot check of cluster mode: which requests this node answers itself, and what it tells the
// others. Pure functions over the cluster's view; any thread.
#pragma once

#include <span>
#include <string>

#include "cluster/api.h"
#include "commands/client_state.h"
#include "store/key.h"

namespace henge::server {

// The slot all keys share, or ClientState::kNoSlot or kManySlots.
int SlotOf(std::span<const store::Key> keys);

// The slot of what is queued once keys of `slot` join it.
int JoinSlots(int queued, int slot);

struct SlotRequest {
  int slot;        // As SlotOf gives it; not kNoSlot.
  int first_slot;  // Of the first key, or kManySlots if unknown.
  bool writes;
  bool shard_channels = false;  // Names these, no keys.
};

// What is served while the cluster is down.
struct DownPolicy {
  bool reads = false;
  bool shard_channels = true;
};

// The error for a request that this node does not serve, or empty. The common case, a healthy
// cluster and a slot of ours, is for the caller to let pass first.
std::string RefuseSlot(const cluster::ClusterView& view, const SlotRequest& request,
                       const DownPolicy& when_down);

}  // namespace henge::server
