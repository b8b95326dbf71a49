// SPDX-License-Identifier: Apache-2.0
// StreamId: the name of a stream's entry, a time in milliseconds and a number within it. Entries
// are in the order of their IDs. Pure; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/numbers.h"

namespace henge::store {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  auto operator<=>(const StreamId&) const = default;
  bool IsZero() const { return (ms | seq) == 0; }
  // The one behind or before it; none at the end of what there can be.
  std::optional<StreamId> Next() const;
  std::optional<StreamId> Previous() const;
};

inline constexpr StreamId kMinStreamId{0, 0};
inline constexpr StreamId kMaxStreamId{UINT64_MAX, UINT64_MAX};

// "ms-seq" as text.
class StreamIdText {
 public:
  explicit StreamIdText(const StreamId& id, char separator = '-') {
    size_ = FormatUint64(id.ms, text_);
    text_[size_++] = separator;
    size_ += FormatUint64(id.seq, text_ + size_);
  }
  std::string_view view() const { return {text_, size_}; }

 private:
  char text_[2 * kInt64Chars + 1];
  size_t size_;
};

// "ms-seq", or "ms" alone with `missing_seq`; nothing if it is neither.
std::optional<StreamId> ParseStreamId(std::string_view text, uint64_t missing_seq);

}  // namespace henge::store
