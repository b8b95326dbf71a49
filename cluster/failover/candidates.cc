// SPDX-License-Identifier: Apache-2.0
#include "cluster/failover/candidates.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace henge::cluster {
namespace {

struct Candidate {
  const Node* node;
  const GroupReport* report;
};

template <class Rank>
std::optional<NodeId> Best(const std::vector<Candidate>& candidates, Rank rank) {
  const auto best = std::max_element(candidates.begin(), candidates.end(),
                                     [&](const Candidate& a, const Candidate& b) {
                                       if (rank(a) != rank(b)) return rank(a) < rank(b);
                                       return a.node->id > b.node->id;
                                     });
  if (best == candidates.end()) return std::nullopt;
  return best->node->id;
}

}  // namespace

std::optional<NodeId> ChooseLeader(const Topology& topology, const Group& group,
                                   const NodeId& failed, const ReportOf& report_of) {
  std::vector<Candidate> live;
  std::vector<Candidate> back;
  for (const NodeId& id : group.in_sync) {
    const Candidate candidate{topology.Find(id), report_of(id)};
    if (candidate.report == nullptr || candidate.report->data == DataState::kLoading) continue;
    back.push_back(candidate);
    const bool is_live = candidate.report->data == DataState::kLive;
    if (is_live && id != failed && !candidate.node->no_failover) live.push_back(candidate);
  }
  const auto chosen = Best(live, [](const Candidate& candidate) {
    return std::tuple(candidate.node->priority, candidate.report->offset);
  });
  if (chosen || back.size() < group.in_sync.size()) return chosen;
  return Best(back, [](const Candidate& candidate) {
    const GroupReport& report = *candidate.report;
    return std::tuple(report.data, report.data_epoch, report.offset, candidate.node->priority);
  });
}

}  // namespace henge::cluster
