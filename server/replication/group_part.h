// SPDX-License-Identifier: Apache-2.0
// What a control plane has made of this node, and what the node has of its group's data: plain
// words, which Replication keeps and ReplicatedGroup tells.
#pragma once

#include <cstdint>
#include <string>

namespace henge::server {

// kFree: there is no control plane; REPLICAOF says whom to follow. kNobody: it has not spoken yet,
// or the group has no leader: data stays as it is.
enum class GroupPart : uint8_t { kFree, kNobody, kLeads, kFollows };

// Since the process began; see cluster::DataState.
enum class HeldData : uint8_t { kLoading, kNothing, kRecovered, kLive };

// A leader's word, as the control plane gives it.
struct GroupTerm {
  std::string group;
  uint64_t epoch = 0;
};

// What was here and is in no leader's history.
struct DiscardedTail {
  int64_t from = 0;  // Of this node's history.
  int64_t end = 0;
};

}  // namespace henge::server
