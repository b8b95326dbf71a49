// SPDX-License-Identifier: Apache-2.0
// Who should vote, and the one step that leads there. Pure; any thread.
//
// Up to kMaxVoters nodes vote, an odd number of them: an even one tolerates no more failures than
// the one below it. Who votes now goes on voting, unless it must not or is lost and another can
// take its place, so that nothing moves without need. Newcomers are chosen from zones that have
// fewest voters, by priority, then by id.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "cluster/embedded/known_peer.h"
#include "cluster/topology.h"

namespace henge::cluster {

// The first voters of nodes that found a cluster together: the same on each of them.
std::vector<NodeId> FirstVoters(const std::vector<Node>& nodes);

// Of the topology's nodes, in order of id. `voting`: who does now; `present`: who takes part in
// consensus at all; `lost`: who has not been heard for long. Empty if nobody may vote.
std::vector<NodeId> ChooseVoters(const Topology& topology, const std::set<NodeId>& voting,
                                 const std::set<NodeId>& present, const std::set<NodeId>& lost);

struct VoterStep {
  enum class Kind : uint8_t { kPromote, kDemote };
  Kind kind = Kind::kPromote;
  NodeId node;
  bool operator==(const VoterStep&) const = default;
};

// Nothing if all who should vote do, and nobody else. Newcomers first; the one who carries this out
// (`self`) gives up its own vote last.
std::optional<VoterStep> NextVoterStep(const std::vector<NodeId>& wanted,
                                       const std::set<NodeId>& voting, const NodeId& self);

}  // namespace henge::cluster
