// SPDX-License-Identifier: Apache-2.0
// ApplyPlan: how a follower goes through a batch of its leader's units with several lanes.
//
//   units   a b a a b │ A │ c a │ b a c b a c c a …        a, b, c: of one lane; A: of every lane
//   steps   ├──── here ─────────┤├──── side by side ────┤
//
// A lane has its shards' units in their order. What concerns several lanes, or none that can be
// named, is done by the caller itself with no lane at work; so are few units in a row, and those of
// which one lane would have nearly all: to wake the others costs more. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace henge::replication {

using Lane = uint16_t;
inline constexpr Lane kEveryLane = 0xffff;

struct ApplyStep {
  size_t first;
  size_t count;
  bool side_by_side;
  bool operator==(const ApplyStep&) const = default;
};

struct ApplyLimits {
  size_t lanes = 1;
  size_t least_beside = 64;   // So many of a step are not the busiest lane's.
  size_t most_here = 128;     // What one step may hold: others wait for its end who want to see
  size_t most_beside = 1024;  // the whole store.
};

// Replaces `steps` by those that go through the units, whose lanes are given, from the first to the
// last.
void PlanSteps(std::span<const Lane> units, const ApplyLimits& limits,
               std::vector<ApplyStep>& steps);

}  // namespace henge::replication
