// SPDX-License-Identifier: Apache-2.0
// ProgressLog: says in the log how far loading, saving and rewriting have come, where they take
// seconds. The node's tick calls it; INFO and metrics show the same numbers at any time.
#pragma once

#include <cstdint>
#include <optional>

#include "base/types.h"

namespace henge::server {

class Node;

// When to say so: for each tenth, but not twice in a second, and after five seconds in any case.
// Work that ends within a second is not spoken of.
class ProgressPace {
 public:
  // The percentage to be said now, if it is time.
  std::optional<int> Next(UnixMillis now, uint64_t done, uint64_t total);
  void Reset() { said_at_ = 0; }

 private:
  UnixMillis said_at_ = 0;  // 0: the work has not been seen yet.
  int said_ = 0;
};

class ProgressLog {
 public:
  void Tick(Node& node, UnixMillis now);

 private:
  ProgressPace loading_;
  ProgressPace saving_;
  ProgressPace rewriting_;
};

}  // namespace henge::server
