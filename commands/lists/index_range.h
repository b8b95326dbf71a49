// SPDX-License-Identifier: Apache-2.0
// Redis's ranges of indices: from `start` to `stop`, both included, negative ones counted from the
// end, what lies outside cut off.
#pragma once

#include <cstdint>

namespace henge::commands {

struct IndexRange {
  uint64_t first = 0;
  uint64_t count = 0;

  static IndexRange Of(int64_t start, int64_t stop, uint64_t size) {
    const auto length = static_cast<int64_t>(size);
    if (start < 0) start = start + length < 0 ? 0 : start + length;
    if (stop < 0) stop += length;
    if (start > stop || start >= length) return {};
    if (stop >= length) stop = length - 1;
    return {static_cast<uint64_t>(start), static_cast<uint64_t>(stop - start + 1)};
  }
};

}  // namespace henge::commands
