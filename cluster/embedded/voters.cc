// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/voters.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace henge::cluster {
namespace {

using NodeRefs = std::vector<const Node*>;

bool MayVote(const Node& node) { return !node.no_vote && !node.leaving; }

// Takes candidates until there are so many, each time one of the zone that has fewest.
void Fill(NodeRefs& chosen, NodeRefs candidates, size_t size) {
  std::map<std::string, size_t> zones;
  for (const Node* node : chosen) ++zones[node->zone];
  while (chosen.size() < size && !candidates.empty()) {
    const auto best = std::ranges::min_element(candidates, {}, [&](const Node* node) {
      const auto at = zones.find(node->zone);
      // Nodes without a zone are apart from each other.
      const size_t crowd = node->zone.empty() || at == zones.end() ? 0 : at->second;
      return std::tuple(crowd, -int64_t{node->priority}, node->id);
    });
    ++zones[(*best)->zone];
    chosen.push_back(*best);
    candidates.erase(best);
  }
}

size_t Odd(size_t count) { return count == 0 ? 0 : count - 1 + count % 2; }

std::vector<NodeId> Ids(const NodeRefs& nodes) {
  std::vector<NodeId> ids;
  for (const Node* node : nodes) ids.push_back(node->id);
  std::ranges::sort(ids);
  return ids;
}

}  // namespace

std::vector<NodeId> FirstVoters(const std::vector<Node>& nodes) {
  NodeRefs chosen;
  NodeRefs candidates;
  for (const Node& node : nodes) {
    if (MayVote(node)) candidates.push_back(&node);
  }
  const size_t size = Odd(std::min(candidates.size(), kMaxVoters));
  Fill(chosen, std::move(candidates), size);
  return Ids(chosen);
}

std::vector<NodeId> ChooseVoters(const Topology& topology, const std::set<NodeId>& voting,
                                 const std::set<NodeId>& present, const std::set<NodeId>& lost) {
  NodeRefs staying;
  NodeRefs lost_voters;
  NodeRefs candidates;
  for (const Node& node : topology.nodes()) {
    if (!MayVote(node) || !present.contains(node.id)) continue;
    const bool votes = voting.contains(node.id);
    if (lost.contains(node.id)) {
      if (votes) lost_voters.push_back(&node);
      continue;
    }
    (votes ? staying : candidates).push_back(&node);
  }
  // Those who are lost count for how many there should be, and stay where nobody can replace them.
  const size_t there = staying.size() + lost_voters.size() + candidates.size();
  const size_t size = Odd(std::min(there, kMaxVoters));
  NodeRefs chosen;
  Fill(chosen, std::move(staying), size);
  Fill(chosen, std::move(candidates), size);
  Fill(chosen, std::move(lost_voters), size);
  return Ids(chosen);
}

std::optional<VoterStep> NextVoterStep(const std::vector<NodeId>& wanted,
                                       const std::set<NodeId>& voting, const NodeId& self) {
  for (const NodeId& node : wanted) {
    if (!voting.contains(node)) return VoterStep{VoterStep::Kind::kPromote, node};
  }
  std::optional<VoterStep> own;
  for (const NodeId& node : voting) {
    if (std::ranges::binary_search(wanted, node) || wanted.empty()) continue;
    const VoterStep step{VoterStep::Kind::kDemote, node};
    if (node != self) return step;
    own = step;
  }
  return own;
}

}  // namespace henge::cluster
