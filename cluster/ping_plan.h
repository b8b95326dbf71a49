// SPDX-License-Identifier: Apache-2.0
// PingPlan: whom a node pings in a period, so that what it sends does not grow with the cluster.
//
//   up to kEverybody peers          all of them, each period
//   more, of each kind so many      never tried      soon after they became peers
//                                   close            of this node's own groups
//                                   unanswered       until they answer again
//                                   the others       in turn, so that each link is tried
//
// Of each kind the plan goes round by id, and begins behind this node's own: so in one period
// nodes do not all ping the same ones. Pure; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cluster/node_id.h"

namespace henge::cluster {

struct PingCandidate {
  NodeId id;
  bool tried = false;       // A ping was sent to it, ever.
  bool close = false;       // A member of one of this node's groups.
  bool unanswered = false;  // The last ping has no answer yet.
};

class PingPlan {
 public:
  static constexpr size_t kEverybody = 16;
  static constexpr size_t kUntried = 16, kClose = 8, kUnanswered = 4, kInTurn = 8;
  static constexpr size_t kMost = kUntried + kClose + kUnanswered + kInTurn;

  // Indices into the candidates, which are this node's peers by ascending id.
  std::vector<size_t> Next(const NodeId& self, const std::vector<PingCandidate>& candidates);

 private:
  enum Kind : uint8_t { kNew, kNear, kSilent, kAny, kKinds };
  static bool Is(Kind kind, const PingCandidate& candidate);
  void Take(Kind kind, size_t most, const std::vector<PingCandidate>& candidates,
            std::vector<bool>& chosen, std::vector<size_t>& out);

  NodeId self_;
  std::array<NodeId, kKinds> last_;  // Of each kind, the one that was taken last.
};

}  // namespace henge::cluster
