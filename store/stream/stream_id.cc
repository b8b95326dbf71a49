// SPDX-License-Identifier: Apache-2.0
#include "store/stream/stream_id.h"

namespace henge::store {
namespace {

constexpr size_t kMaxIdText = 127;  // As in Redis.

// Redis reads what is not a canonical number with strtoull: spaces and a plus before it, leading
// zeros.
std::optional<uint64_t> ParsePart(std::string_view text) {
  if (const auto number = ParseUint64(text)) return number;
  size_t at = text.find_first_not_of(" \t\n\v\f\r");
  if (at == std::string_view::npos) return std::nullopt;
  if (text[at] == '+') ++at;
  if (at == text.size() || text[at] < '0' || text[at] > '9') return std::nullopt;
  const size_t digits = text.find_first_not_of('0', at);
  return digits == std::string_view::npos ? 0 : ParseUint64(text.substr(digits));
}

}  // namespace

std::optional<StreamId> StreamId::Next() const {
  if (seq != UINT64_MAX) return StreamId{ms, seq + 1};
  if (ms != UINT64_MAX) return StreamId{ms + 1, 0};
  return std::nullopt;
}

std::optional<StreamId> StreamId::Previous() const {
  if (seq != 0) return StreamId{ms, seq - 1};
  if (ms != 0) return StreamId{ms - 1, UINT64_MAX};
  return std::nullopt;
}

std::optional<StreamId> ParseStreamId(std::string_view text, uint64_t missing_seq) {
  const size_t dash = text.find('-');
  if (text.size() > kMaxIdText) return std::nullopt;
  const auto ms = ParsePart(text.substr(0, dash));
  if (!ms) return std::nullopt;
  if (dash == std::string_view::npos) return StreamId{*ms, missing_seq};
  const auto seq = ParsePart(text.substr(dash + 1));
  if (!seq) return std::nullopt;
  return StreamId{*ms, *seq};
}

}  // namespace henge::store
