// SPDX-License-Identifier: Apache-2.0
// The slot check of cluster mode: which requests this node answers itself, and what it tells the
// others. Pure functions over the cluster's view; any thread.
//
// A slot that is on its way key by key (SETSLOT MIGRATING here, IMPORTING there) is answered by
// what is here: keys that are present are served, of those that are absent the other node is told
// (ASK). That holds only as long as the keys' shard is locked, so the dispatcher checks again under
// its locks whatever is not settled.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
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
  bool asking = false;          // The client was sent here by ASK.
  bool readonly = false;        // The client reads from followers, too.
  bool moves_keys = false;      // MIGRATE: works on what is here.
  bool leaseless = false;       // This node may not answer for its slots now.
};

// Of the keys that a request names.
struct KeysHere {
  size_t present = 0;
  size_t absent = 0;
  bool several = false;  // They are not all one key.
};

// What is served while the cluster is down.
struct DownPolicy {
  bool reads = false;
  bool shard_channels = true;
};

// The common case: a healthy cluster, and a slot of ours of which no key is on its way, or one to
// read from a leader of ours.
bool ServesSlot(const cluster::ClusterView& view, const SlotRequest& request);

// The error for a request that this node does not serve, or empty. `count` is asked for a slot that
// is on its way.
std::string RefuseSlot(const cluster::ClusterView& view, const SlotRequest& request,
                       const DownPolicy& when_down, absl::FunctionRef<KeysHere()> count);

}  // namespace henge::server
