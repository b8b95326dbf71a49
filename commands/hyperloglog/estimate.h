// SPDX-License-Identifier: Apache-2.0
// How many elements a HyperLogLog has seen, from how many of its registers have which rank: the
// improved raw estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog
// sketches" (arXiv:1702.01284), in the order of operations that gives Redis's doubles. Pure; any
// thread.
#pragma once

#include <array>
#include <cstdint>

#include "commands/hyperloglog/layout.h"

namespace henge::commands::hll {

// [rank] is the number of registers of that rank. Damaged registers may claim ranks above kMaxRank.
using Histogram = std::array<uint32_t, 1u << kRegisterBits>;

// What Redis answers on x86-64 where the estimate has no bound (registers that no hash can make).
inline constexpr uint64_t kUnbounded = uint64_t{1} << 63;

uint64_t Estimate(const Histogram& histogram);

}  // namespace henge::commands::hll
