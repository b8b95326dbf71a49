// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/estimate.h"

#include <cmath>
#include <limits>

namespace henge::commands::hll {
namespace {

constexpr double kAlpha = 0.721347520444481703680;  // 1 / (2 ln 2)

// x + the sum of x^(2^k) * 2^(k-1) for k = 1, 2, …; corrects for registers that are still zero.
double Sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double sum = x;
  double before;
  double weight = 1;
  do {
    x *= x;
    before = sum;
    sum += x * weight;
    weight += weight;
  } while (sum != before);
  return sum;
}

// A third of 1 - x - the sum of (1 - x^(2^-k))^2 * 2^-k; corrects for registers that are full.
double Tau(double x) {
  if (x == 0 || x == 1) return 0;
  double sum = 1 - x;
  double before;
  double weight = 1;
  do {
    x = std::sqrt(x);
    before = sum;
    weight *= 0.5;
    const double gap = 1 - x;
    sum -= gap * gap * weight;
  } while (sum != before);
  return sum / 3;
}

}  // namespace

uint64_t Estimate(const Histogram& histogram) {
  constexpr double kCount = kRegisters;
  double z = kCount * Tau((kCount - histogram[kMaxRank]) / kCount);
  for (size_t rank = kMaxRank - 1; rank >= 1; --rank) z = (z + histogram[rank]) * 0.5;
  z += kCount * Sigma(histogram[0] / kCount);
  const double estimate = kAlpha * kCount * kCount / z;
  if (!(estimate < static_cast<double>(kUnbounded))) return kUnbounded;
  return static_cast<uint64_t>(std::llround(estimate));
}

}  // namespace henge::commands::hll
