// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/documents.h"

namespace henge::sim {

using cluster::TopologyPtr;

absl::StatusOr<TopologyPtr> Documents::Apply(const TopologyPtr& topology,
                                             const std::string& change_bytes,
                                             const cluster::ExpectingChange& change) {
  if (!shared_) return Compute(topology, change);
  const auto [at, is_new] = applied_.try_emplace(std::pair(topology.get(), change_bytes));
  if (is_new) {
    at->second = {topology, Compute(topology, change)};
  }
  return at->second.after;
}

absl::StatusOr<TopologyPtr> Documents::Compute(const TopologyPtr& topology,
                                               const cluster::ExpectingChange& change) const {
  auto next = cluster::Apply(*topology, change.change, change.expected_version);
  const bool promotes = std::holds_alternative<cluster::Promote>(change.change);
  if (bug_ != Bug::kForgetsDeposed || !promotes || !next.ok()) return next;
  cluster::TopologyParts parts = (*next)->parts();
  for (cluster::Group& group : parts.groups) {
    for (const cluster::NodeId& node : group.deposed) std::erase(group.in_sync, node);
    group.deposed.clear();
  }
  return cluster::Topology::FromParts(std::move(parts));
}

std::string Documents::Save(const TopologyPtr& topology) {
  std::string bytes = cluster::Serialize(*topology);
  if (shared_) saved_.try_emplace(bytes, topology);
  return bytes;
}

TopologyPtr Documents::Load(const std::string& bytes) {
  if (const auto at = saved_.find(bytes); at != saved_.end()) return at->second;
  auto topology = cluster::ParseTopology(bytes);
  return topology.ok() ? *std::move(topology) : nullptr;
}

}  // namespace henge::sim
