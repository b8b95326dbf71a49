// SPDX-License-Identifier: Apache-2.0
// GroupHost: a node's copy of its group's data, as the control plane sees it: what it is told to
// be, and what it tells. The server implements it over replication; the control plane (NodeLife)
// calls it on one thread, which must not be kept waiting: what takes long is begun, and Report
// tells when it is done.
//
// The order of words is the order of truth: each Lead and Follow carries an epoch, and one below
// the last is not said. Until the first word, and after Leave, the node follows nobody, takes no
// writes, and acknowledges nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/types.h"
#include "cluster/failover/beat.h"
#include "cluster/topology.h"

namespace henge::cluster {

class GroupHost {
 public:
  struct LeaderAddress {
    NodeId id;
    std::string host;
    uint16_t port = 0;
    bool operator==(const LeaderAddress&) const = default;
  };
  struct Follower {
    NodeId node;
    uint64_t offset = 0;  // Of the history, acknowledged.
    // Has all that was acknowledged, and is waited for from now on; lags by little.
    bool fit = false;
  };

  virtual ~GroupHost() = default;

  // --- What this node is ---------------------------------------------------------------------

  // Leads in this epoch: its data is the group's, followers are served under the epoch. Writes
  // still need a lease.
  virtual void Lead(const GroupId& group, Epoch epoch) = 0;
  // Follows that leader. One that led before acknowledges nothing from the call on.
  virtual void Follow(const GroupId& group, Epoch epoch, const LeaderAddress& leader) = 0;
  // A member whose group has no leader, or whose part is not known: data stays, nobody is followed.
  virtual void Leave() = 0;

  // Writes are taken and acknowledged before that moment of the monotonic clock and no later; in
  // the past, or INT64_MIN: not at all. Seen by the threads that serve clients at once.
  virtual void SetLease(int64_t until_micros) = 0;

  // The judge has given this very process a lease, knowing what it has: that is the group's data.
  virtual void BecomeLive() = 0;

  // --- As a leader -----------------------------------------------------------------------------

  // Who must have a write before it is acknowledged under `write-concern insync`, besides this
  // node. The topology's in-sync set, and who is proposed for it.
  virtual void CountInSync(std::span<const NodeId> followers) = 0;
  virtual std::vector<Follower> Followers() = 0;

  // A hand-over: no write begins from here on, until Resume, Lead or Follow.
  virtual void StopWrites() = 0;
  // Where the history ends, once no write is under way any more and each reply to one has gone.
  virtual std::optional<uint64_t> StoppedAt() = 0;
  virtual void ResumeWrites() = 0;

  // --- For the beat ----------------------------------------------------------------------------

  // Epoch, offset and state of the data; the group's id is the caller's to fill in.
  virtual GroupReport Report() = 0;
  virtual NodeLoad Load() = 0;
};

}  // namespace henge::cluster
