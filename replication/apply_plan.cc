// SPDX-License-Identifier: Apache-2.0
#include "replication/apply_plan.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>

namespace henge::replication {
namespace {

// How many from `first` on are of one lane each, up to what a step may hold.
size_t RunFrom(std::span<const Lane> units, size_t first, size_t most) {
  const auto begin = units.begin() + static_cast<ptrdiff_t>(first);
  const auto limit = begin + static_cast<ptrdiff_t>(std::min(most, units.size() - first));
  return static_cast<size_t>(std::find(begin, limit, kEveryLane) - begin);
}

bool IsWorthwhile(std::span<const Lane> run, const ApplyLimits& limits) {
  if (limits.lanes < 2 || run.size() < limits.least_beside) return false;
  absl::InlinedVector<size_t, 32> counts(limits.lanes);
  for (const Lane lane : run) ++counts[lane];
  return run.size() - *std::max_element(counts.begin(), counts.end()) >= limits.least_beside;
}

}  // namespace

void PlanSteps(std::span<const Lane> units, const ApplyLimits& limits,
               std::vector<ApplyStep>& steps) {
  steps.clear();
  const auto add_here = [&](size_t first, size_t count) {
    while (count > 0) {
      if (steps.empty() || steps.back().side_by_side || steps.back().count == limits.most_here) {
        steps.push_back({first, 0, false});
      }
      const size_t part = std::min(count, limits.most_here - steps.back().count);
      steps.back().count += part;
      first += part;
      count -= part;
    }
  };
  for (size_t i = 0; i < units.size();) {
    const size_t run = RunFrom(units, i, limits.most_beside);
    if (IsWorthwhile(units.subspan(i, run), limits)) {
      steps.push_back({i, run, true});
    } else {
      add_here(i, std::max<size_t>(run, 1));
    }
    i += std::max<size_t>(run, 1);
  }
}

}  // namespace henge::replication
