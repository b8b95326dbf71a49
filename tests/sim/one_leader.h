// SPDX-License-Identifier: Apache-2.0
// OneLeader: no two nodes acknowledge for a group in one epoch, and none while another may. It sees
// all nodes' clocks at once. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/types.h"
#include "cluster/node_id.h"
#include "tests/sim/verdict.h"

namespace henge::sim {

class OneLeader {
 public:
  explicit OneLeader(Verdict& verdict) : verdict_(verdict) {}

  // The node has got, or got back, the right to acknowledge; `others`: how many had it just then.
  void OnGrant(size_t node, Epoch epoch, size_t others) {
    if (others == 0) return;
    verdict_.Violated("one leader", fmt::format("node {} may acknowledge in epoch {}, and {} "
                                                "others may",
                                                node, epoch, others));
  }
  void OnAcknowledge(const cluster::GroupId& group, Epoch epoch, size_t node, bool may) {
    const auto [at, is_new] = leaders_.try_emplace(std::pair(group, epoch), node);
    if (at->second != node) {
      verdict_.Violated("one leader", fmt::format("nodes {} and {} acknowledge in epoch {}",
                                                  at->second, node, epoch));
    }
    if (!may) {
      verdict_.Violated(
          "one leader",
          fmt::format("node {} acknowledges without a lease for epoch {}", node, epoch));
    }
  }

 private:
  Verdict& verdict_;
  std::map<std::pair<cluster::GroupId, Epoch>, size_t> leaders_;
};

}  // namespace henge::sim
