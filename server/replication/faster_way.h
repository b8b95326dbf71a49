// SPDX-License-Identifier: Apache-2.0
// FasterWay: which of two ways to do the same work is the faster one here and now, told by trying:
// a running mean of what a unit takes by each, and now and then a look at the other. What is cheap
// goes faster by one thread, what is dear by several, and where the border lies depends on the
// cores that are free. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace henge::server {

class FasterWay {
 public:
  enum Way : uint8_t { kFirst, kSecond };
  static constexpr int kLookEvery = 32;  // Rounds by the faster way between two looks.

  // Which way to do the next round; Took says how it went.
  Way Choose() {
    const Way faster = mean_[kSecond] < mean_[kFirst] ? kSecond : kFirst;
    const Way other = faster == kFirst ? kSecond : kFirst;
    chosen_ = ++rounds_ % kLookEvery == 0 || mean_[other] == 0 ? other : faster;
    return chosen_;
  }
  void Took(int64_t micros, size_t units) {
    const double taken = static_cast<double>(micros) / static_cast<double>(units);
    double& mean = mean_[chosen_];
    mean = mean == 0 ? taken : (mean + taken) / 2;
  }

 private:
  std::array<double, 2> mean_{};  // Microseconds of a unit; 0: not known.
  int rounds_ = 0;
  Way chosen_ = kFirst;
};

}  // namespace henge::server
