// SPDX-License-Identifier: Apache-2.0
// Which of a leader's followers are in sync: what the leader proposes, and whom it must wait for
// meanwhile. A pure machine of one epoch in the lead; one thread; time comes in.
//
//   fit, and not in sync ──> counts ──> proposed ──> applied: in sync
//   in sync, and unfit for a while ──> proposed ──> applied: counts no more
//
// A follower that is proposed counts before the proposal is made: from the moment that it is
// applied, which nobody is told of at once, it may be chosen to lead.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "cluster/failover/group_host.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

class InSyncKeeper {
 public:
  explicit InSyncKeeper(int64_t patience_micros) : patience_(patience_micros) {}

  void SetPatience(int64_t patience_micros) { patience_ = patience_micros; }

  // At most one proposal at a time, until Settled, and a few in a second; all that is to change
  // goes in one. Those that it adds count from here on.
  std::optional<SetInSync> Review(const Group& group,
                                  std::span<const GroupHost::Follower> followers, int64_t now);
  // The outcome is definite, and the topology has it.
  void Settled();

  // Whom a write must have reached before it is acknowledged, besides the leader. Sorted.
  std::vector<NodeId> Counted(const Group& group) const;

 private:
  int64_t patience_;                       // With one that is in sync and unfit.
  std::map<NodeId, int64_t> unfit_since_;  // Of those in sync.
  std::set<NodeId> joining_;
  bool proposed_ = false;
  int64_t next_ = INT64_MIN;
};

}  // namespace henge::cluster
