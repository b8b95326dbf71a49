// SPDX-License-Identifier: Apache-2.0
#include "cluster/ping_plan.h"

#include <algorithm>
#include <numeric>

namespace henge::cluster {

bool PingPlan::Is(Kind kind, const PingCandidate& candidate) {
  switch (kind) {
    case kNew:
      return !candidate.tried;
    case kNear:
      return candidate.close;
    case kSilent:
      return candidate.unanswered;
    case kAny:
    case kKinds:
      return true;
  }
  return true;
}

void PingPlan::Take(Kind kind, size_t most, const std::vector<PingCandidate>& candidates,
                    std::vector<bool>& chosen, std::vector<size_t>& out) {
  const auto begin = std::upper_bound(
      candidates.begin(), candidates.end(), last_[kind],
      [](const NodeId& id, const PingCandidate& candidate) { return id < candidate.id; });
  const auto offset = static_cast<size_t>(begin - candidates.begin());
  for (size_t step = 0; step < candidates.size() && most > 0; ++step) {
    const size_t i = (offset + step) % candidates.size();
    if (chosen[i] || !Is(kind, candidates[i])) continue;
    chosen[i] = true;
    out.push_back(i);
    last_[kind] = candidates[i].id;
    --most;
  }
}

std::vector<size_t> PingPlan::Next(const NodeId& self,
                                   const std::vector<PingCandidate>& candidates) {
  std::vector<size_t> out;
  if (candidates.size() <= kEverybody) {
    out.resize(candidates.size());
    std::iota(out.begin(), out.end(), size_t{0});
    return out;
  }
  if (self_ != self) {
    self_ = self;
    last_.fill(self);
  }
  std::vector<bool> chosen(candidates.size());
  Take(kNew, kUntried, candidates, chosen, out);
  Take(kNear, kClose, candidates, chosen, out);
  Take(kSilent, kUnanswered, candidates, chosen, out);
  Take(kAny, kInTurn, candidates, chosen, out);
  return out;
}

}  // namespace henge::cluster
