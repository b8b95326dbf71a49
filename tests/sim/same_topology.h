// SPDX-License-Identifier: Apache-2.0
// SameTopology: each version is one document on all nodes, and no process goes back. One thread.
#pragma once

#include <cstdint>
#include <map>

#include "cluster/topology.h"
#include "tests/sim/verdict.h"

namespace henge::sim {

class SameTopology {
 public:
  explicit SameTopology(Verdict& verdict) : verdict_(verdict) {}

  // A process has `next` where it had `before`, or nothing.
  void OnAdopt(size_t node, const cluster::TopologyPtr& before, const cluster::TopologyPtr& next) {
    if (before != nullptr && next->version() < before->version()) {
      verdict_.Violated("topology", fmt::format("node {} goes back from version {} to {}", node,
                                                before->version(), next->version()));
    }
    const auto [at, is_new] = versions_.try_emplace(next->version(), next);
    if (is_new || at->second == next || at->second->parts() == next->parts()) return;
    verdict_.Violated("topology",
                      fmt::format("node {} has another version {}", node, next->version()));
  }
  uint64_t newest_version() const { return versions_.empty() ? 0 : versions_.rbegin()->first; }
  const cluster::TopologyPtr& newest() const { return versions_.rbegin()->second; }

 private:
  Verdict& verdict_;
  std::map<uint64_t, cluster::TopologyPtr> versions_;
};

}  // namespace henge::sim
