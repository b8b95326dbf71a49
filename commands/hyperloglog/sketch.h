// SPDX-License-Identifier: Apache-2.0
// A whole HyperLogLog value in either form. Pure functions and a working copy; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "commands/hyperloglog/sparse.h"

namespace henge::commands::hll {

// The value of a key to which nothing has been added: sparse, one run, count 0.
std::string_view EmptySketch();

// REQUIRES, here and below: FormOf(value). Nothing and false mean that it is damaged.
std::optional<uint64_t> Count(std::string_view value);
[[nodiscard]] bool MergeInto(std::string_view value, Registers& registers);
uint64_t CountOf(const Registers& registers);

// A copy of a value to which hits are added; it turns dense where Redis's does.
class Sketch {
 public:
  // A sparse value grows up to `sparse_max_bytes`.
  Sketch(std::string_view value, size_t sparse_max_bytes);
  Sketch(const Sketch&) = delete;
  Sketch& operator=(const Sketch&) = delete;

  enum class Outcome : uint8_t { kUnchanged, kRaised, kDamaged };
  // After kDamaged the copy is of no use.
  Outcome Raise(Hit hit);
  // As it is; its cached count may be of another time.
  std::string_view value() const { return value_; }
  // The value, whose cached count is marked as not valid.
  std::string Take() &&;

 private:
  std::string value_;
  std::optional<SparseEditor> editor_;  // While the value is sparse.
};

}  // namespace henge::commands::hll
