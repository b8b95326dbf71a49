// SPDX-License-Identifier: Apache-2.0
#include "commands/bitmaps/bit_args.h"

#include <algorithm>

#include "base/numbers.h"
#include "base/strings.h"
#include "commands/context.h"

namespace henge::commands {

uint64_t ReadBitOffset(CommandContext& ctx, ArgReader& args, unsigned field_bits) {
  std::string_view text = args.Next();
  if (!args.ok()) return 0;
  const bool counts_fields = field_bits > 0 && text.starts_with('#');
  if (counts_fields) text.remove_prefix(1);
  const std::optional<int64_t> number = ParseInt64(text);
  int64_t offset = 0;
  const int64_t limit = ctx.services.settings().proto_max_bulk_len.load(std::memory_order_relaxed);
  if (!number || __builtin_mul_overflow(*number, counts_fields ? field_bits : 1, &offset) ||
      offset < 0 || offset / 8 >= limit) {
    args.Fail(errors::kBitOffset);
    return 0;
  }
  return static_cast<uint64_t>(offset);
}

RangeUnit ParseRangeUnit(std::string_view word, ArgReader& args) {
  if (EqualsIgnoreCase(word, "bit")) return RangeUnit::kBit;
  if (!EqualsIgnoreCase(word, "byte")) args.FailSyntax();
  return RangeUnit::kByte;
}

std::optional<BitRange> ResolveRange(int64_t start, int64_t end, RangeUnit unit, size_t size) {
  const auto total = static_cast<int64_t>(unit == RangeUnit::kBit ? size * 8 : size);
  if (start < 0) start = std::max<int64_t>(0, total + start);
  if (end < 0) end = std::max<int64_t>(0, total + end);
  end = std::min(end, total - 1);
  if (start > end) return std::nullopt;
  const auto first = static_cast<uint64_t>(start);
  const auto last = static_cast<uint64_t>(end);
  return unit == RangeUnit::kBit ? BitRange{first, last} : BitRange{first * 8, last * 8 + 7};
}

}  // namespace henge::commands
