// SPDX-License-Identifier: Apache-2.0
// SortRequest: the arguments of SORT and SORT_RO. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "commands/arg_reader.h"
#include "commands/command_spec.h"
#include "commands/sorting/pattern.h"

namespace henge::commands {

// The part of `size` rows that LIMIT leaves.
struct SortWindow {
  size_t first = 0;
  size_t end = 0;
  size_t size() const { return end - first; }
};

struct SortRequest {
  std::string_view source;
  std::optional<SortPattern> by;
  std::vector<SortPattern> get;
  int64_t offset = 0;
  int64_t count = -1;  // Negative: all.
  bool descending = false;
  bool alpha = false;
  bool sorts = true;  // Not after BY with a constant: elements stay as they are.
  std::optional<std::string_view> destination;

  SortWindow WindowOf(size_t size) const;
};

enum class SortKind : uint8_t { kReadOnly, kMayStore };

// What is wrong is latched in `args`. A cluster denies what may read other slots' keys.
SortRequest ReadSortRequest(ArgReader& args, SortKind kind, bool in_cluster);

// Of the rows: add the key of STORE, the last if there are several. Where BY or GET name any key,
// the first key is flagged as incomplete: the call holds every shard.
void RefineSortKeys(std::span<const std::string_view> argv, std::vector<KeyPosition>& found);
void RefineSortReadOnlyKeys(std::span<const std::string_view> argv,
                            std::vector<KeyPosition>& found);

}  // namespace henge::commands
