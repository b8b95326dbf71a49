// SPDX-License-Identifier: Apache-2.0
// What ZUNION and its kin combine: a sorted set, a plain set whose members all score one, or a key
// that is not there.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "store/entry.h"

namespace henge::commands {

struct CombineSource {
  const store::Entry* entry = nullptr;  // Null: no such key.
  double weight = 1;

  // Whether such an entry can be combined.
  static bool Takes(const store::Entry& entry);

  bool is_plain() const { return entry != nullptr && entry->type() == store::Type::kSet; }
  size_t size() const;
  std::optional<double> Score(std::string_view member) const;  // Not weighted.
  // Visits the members, some at a time, until `visit` returns false.
  struct Scored {
    std::string_view member;
    double score;
  };
  void ForEachBatch(absl::FunctionRef<bool(std::span<const Scored>)> visit) const;
  // Their scores will be asked for: fetches them from memory.
  void Prefetch(std::span<const Scored> members) const;

  static constexpr size_t kBatch = 64;

 private:
  void ForEachBatchOfSet(absl::FunctionRef<bool(std::span<const Scored>)> visit) const;
};

}  // namespace henge::commands
